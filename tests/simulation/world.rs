//! Many nodes, each with a core of its own, in one virtual time. No socket, no task: what a node
//! wants done is done here, after the time that it would take.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet},
    net::Ipv4Addr,
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Config, Event, Failure, LookupError, Status,
    discovery::{DialFailure, DialId, Direction, Discovery, Expect, LookupId, Output},
};
use web_time::Instant;

use crate::dns::Dns;

/// How long an idle connection lives.
const IDLE: Duration = Duration::from_secs(10);

/// A host of the simulated network: an address, and who lives there, if anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The node of this number, and this life of it.
    Node,
    /// Nothing answers, and nothing says so.
    Silent,
    /// Connections are refused.
    Refusing,
}

/// One node.
pub struct Node {
    pub core: Discovery,
    pub peer: PeerId,
    /// How often it has restarted with a new key.
    life: u32,
    pub up: bool,
    wake: Option<Instant>,
    pub joined_at: Option<Instant>,
    pub isolated: Duration,
    isolated_since: Option<Instant>,
    /// In the order in which they were opened.
    connections: Vec<(ConnectionId, usize)>,
    pub dials: usize,
    pub queries: usize,
}

impl Node {
    /// Removes a connection, and says to whom it was.
    fn take_connection(&mut self, id: ConnectionId) -> Option<usize> {
        let index = self.connections.iter().position(|(open, _)| *open == id)?;
        Some(self.connections.remove(index).1)
    }
}

#[derive(Debug)]
enum What {
    Wake,
    Lookup(LookupId, Result<Answer, LookupError>),
    Dial(DialId, Multiaddr, Expect),
    /// A connection has been idle.
    Idle(ConnectionId),
}

/// The world. `reach` says who can connect to whom.
pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub rng: fastrand::Rng,
    pub nodes: Vec<Node>,
    pub hosts: Vec<Host>,
    pub dns: Dns,
    pub reach: Box<dyn Fn(usize, usize) -> bool>,
    config: Config,
    queue: BinaryHeap<Reverse<(Instant, u64, usize, u32)>>,
    pending: HashMap<u64, What>,
    serial: u64,
    aborted: HashSet<(usize, DialId)>,
    owner: HashMap<PeerId, usize>,
    /// Every connection that was ever made, and when last.
    pub met: BTreeMap<(usize, usize), Instant>,
    /// Established connections each host accepted, failed handshakes included, by second.
    pub handshakes: HashMap<(usize, u64), usize>,
}

impl World {
    /// `n` nodes at `10.0.0.0 + i`, all named by DNS and started within a second.
    pub fn new(n: usize, config: Config, seed: u64) -> Self {
        let mut world = Self::empty(config, seed);
        for _ in 0..n {
            world.add_node();
        }
        world
    }

    pub fn empty(config: Config, seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        Self {
            now,
            start: now,
            rng: fastrand::Rng::with_seed(seed),
            nodes: Vec::new(),
            hosts: Vec::new(),
            dns: Dns::new(seed),
            reach: Box::new(|_, _| true),
            config,
            queue: BinaryHeap::new(),
            pending: HashMap::new(),
            serial: 0,
            aborted: HashSet::new(),
            owner: HashMap::new(),
            met: BTreeMap::new(),
            handshakes: HashMap::new(),
        }
    }

    /// Adds a node, lets DNS name it and starts it.
    pub fn add_node(&mut self) -> usize {
        let index = self.nodes.len();
        self.hosts.push(Host::Node);
        self.dns.members.insert(index);
        let node = self.new_life(index, 0);
        self.nodes.push(node);
        let pause = Duration::from_millis(self.rng.u64(..1_000));
        self.after(pause, index, What::Wake);
        index
    }

    /// The node comes back at its address with a new key. All its connections break.
    pub fn restart(&mut self, index: usize) {
        let life = self.nodes[index].life + 1;
        self.stop(index);
        self.nodes[index] = self.new_life(index, life);
        self.hosts[index] = Host::Node;
        self.after(Duration::from_millis(10), index, What::Wake);
    }

    /// The node dies; nothing answers at its address.
    pub fn stop(&mut self, index: usize) {
        self.nodes[index].up = false;
        self.hosts[index] = Host::Refusing;
        let peer = self.nodes[index].peer;
        for (id, other) in std::mem::take(&mut self.nodes[index].connections) {
            if self.nodes[other].take_connection(id).is_some() {
                let now = self.now;
                self.nodes[other].core.handle_disconnected(id, &peer, true, now);
                self.drain(other);
            }
        }
    }

    fn new_life(&mut self, index: usize, life: u32) -> Node {
        let peer = identity(index, life);
        self.owner.insert(peer, index);
        // The ids of dials begin anew with every life.
        self.aborted.retain(|(node, _)| *node != index);
        let seed = self.rng.u64(..);
        let mut core = Discovery::new(self.config.clone(), peer, seed, self.now);
        core.handle_listen_address(&address(index), self.now);
        core.add_source("/dns4/peers.test./tcp/4001".parse().expect("a source"), self.now);
        Node {
            core,
            peer,
            life,
            up: true,
            wake: None,
            joined_at: None,
            isolated: Duration::ZERO,
            isolated_since: None,
            connections: Vec::new(),
            dials: 0,
            queries: 0,
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(Reverse((at, ..))) = self.queue.peek()
            && *at <= end
        {
            self.step();
        }
        self.now = end;
    }

    /// Lets time pass until `done`, looked at once a second; panics after `limit`. Returns how long
    /// it took.
    pub fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !done(self) {
            assert!(self.now - start < limit, "not within {limit:?}: {what}");
            self.run(Duration::from_secs(1));
        }
        self.now - start
    }

    fn step(&mut self) {
        let Some(Reverse((at, serial, node, life))) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        let Some(what) = self.pending.remove(&serial) else { return };
        if self.nodes[node].life != life || !self.nodes[node].up {
            return;
        }
        let now = self.now;
        match what {
            What::Wake if self.nodes[node].wake.is_none_or(|wake| wake <= now) => {
                self.nodes[node].wake = None;
                self.nodes[node].core.handle_timeout(now);
            }
            What::Wake => return,
            What::Lookup(id, result) => self.nodes[node].core.handle_lookup(id, result),
            What::Dial(id, address, expect) => self.finish_dial(node, id, &address, expect),
            What::Idle(id) => self.close_idle(node, id),
        }
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        let now = self.now;
        while let Some(output) = self.nodes[node].core.poll_output(now) {
            match output {
                Output::Lookup { id, .. } => self.look_up(node, id),
                Output::Dial { id, address, expect } => {
                    self.nodes[node].dials += 1;
                    let latency = Duration::from_micros(500 + self.rng.u64(..4_500));
                    self.after(latency, node, What::Dial(id, address, expect));
                }
                Output::Abort { id } => {
                    self.aborted.insert((node, id));
                }
                Output::Event(Event::Status { status, .. }) => self.note_status(node, status),
                _ => {}
            }
        }
        let wake = self.nodes[node].core.poll_timeout();
        if let Some(wake) = wake.filter(|wake| self.nodes[node].wake.is_none_or(|w| *wake < w)) {
            self.nodes[node].wake = Some(wake);
            self.after(wake.saturating_duration_since(now), node, What::Wake);
        }
    }

    fn look_up(&mut self, node: usize, id: LookupId) {
        self.nodes[node].queries += 1;
        if let Some(result) = self.dns.answer(node, self.now) {
            let latency = Duration::from_micros(200 + self.rng.u64(..2_000));
            self.after(latency, node, What::Lookup(id, result));
        }
    }

    fn finish_dial(&mut self, node: usize, id: DialId, address: &Multiaddr, expect: Expect) {
        if self.aborted.remove(&(node, id)) {
            return;
        }
        let to = index_of(address);
        let reachable = to < self.nodes.len() && (self.reach)(node, to);
        let now = self.now;
        match self.hosts.get(to) {
            Some(Host::Node) if reachable && self.nodes[to].up => {}
            Some(Host::Refusing) if reachable => {
                let refused = Failure::Transport("connection refused".into());
                let failure = DialFailure::Failed(refused);
                return self.nodes[node].core.handle_dial_failure(id, failure, now);
            }
            // Nobody will ever answer: the core's deadline ends it.
            _ => return,
        }
        *self.handshakes.entry((to, (now - self.start).as_secs())).or_default() += 1;
        let peer = self.nodes[to].peer;
        let connects = match expect {
            Expect::Peer(expected) => expected == peer,
            Expect::Anyone => to != node,
            _ => false,
        };
        if connects && to != node {
            self.connect(node, to, id);
        } else {
            let failure = DialFailure::Identity(peer);
            self.nodes[node].core.handle_dial_failure(id, failure, now);
        }
    }

    fn connect(&mut self, from: usize, to: usize, dial: DialId) {
        self.serial += 1;
        let id = ConnectionId::new_unchecked(usize::try_from(self.serial).expect("64 bits"));
        let (now, dialler, listener) = (self.now, self.nodes[from].peer, self.nodes[to].peer);
        self.met.insert((from.min(to), from.max(to)), now);
        self.nodes[from].connections.push((id, to));
        self.nodes[to].connections.push((id, from));
        let direction = Direction::Dialled(Some(dial));
        self.nodes[from].core.handle_connected(id, listener, &address(to), direction, now);
        let ephemeral = Multiaddr::from(ip(from)).with(Protocol::Tcp(55_555));
        self.nodes[to].core.handle_connected(id, dialler, &ephemeral, Direction::Accepted, now);
        self.drain(to);
        self.after(IDLE, from, What::Idle(id));
    }

    fn close_idle(&mut self, node: usize, id: ConnectionId) {
        let Some(other) = self.nodes[node].take_connection(id) else { return };
        self.nodes[other].take_connection(id);
        let (now, here, there) = (self.now, self.nodes[node].peer, self.nodes[other].peer);
        self.nodes[node].core.handle_disconnected(id, &there, false, now);
        self.nodes[other].core.handle_disconnected(id, &here, false, now);
        self.drain(other);
    }

    fn note_status(&mut self, node: usize, status: Status) {
        let (now, node) = (self.now, &mut self.nodes[node]);
        if let Some(since) = node.isolated_since.take() {
            node.isolated += now - since;
        }
        match status {
            Status::Joined => {
                node.joined_at.get_or_insert(now);
            }
            Status::Isolated => node.isolated_since = Some(now),
            _ => {}
        }
    }

    fn after(&mut self, pause: Duration, node: usize, what: What) {
        self.serial += 1;
        let life = self.nodes.get(node).map_or(0, |n| n.life);
        self.queue.push(Reverse((self.now + pause, self.serial, node, life)));
        self.pending.insert(self.serial, what);
    }

    /// The nodes that are up.
    pub fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].up)
    }

    /// The nodes that a node has selected, living ones only.
    pub fn selected(&self, node: usize) -> Vec<usize> {
        let core = &self.nodes[node].core;
        let peers = core.selected().filter_map(|c| core.peer_at(c.address())).map(|e| e.peer);
        let nodes = peers.filter_map(|peer| {
            let index = *self.owner.get(&peer)?;
            (self.nodes[index].up && self.nodes[index].peer == peer).then_some(index)
        });
        nodes.collect()
    }

    /// Components of the graph of selections.
    pub fn components_by_selection(&self) -> usize {
        let edges = self.living().flat_map(|n| self.selected(n).into_iter().map(move |m| (n, m)));
        self.components(edges.collect())
    }

    /// Components of the graph of connections made since `since`.
    pub fn components_by_connections(&self, since: Instant) -> usize {
        let recent = self.met.iter().filter(|(_, at)| **at >= since);
        self.components(recent.map(|(edge, _)| *edge).collect())
    }

    fn components(&self, edges: Vec<(usize, usize)>) -> usize {
        let mut root: Vec<usize> = (0..self.nodes.len()).collect();
        fn find(root: &mut [usize], mut n: usize) -> usize {
            while root[n] != n {
                root[n] = root[root[n]];
                n = root[n];
            }
            n
        }
        for (a, b) in edges {
            let (a, b) = (find(&mut root, a), find(&mut root, b));
            root[a] = b;
        }
        self.living().map(|n| find(&mut root, n)).collect::<HashSet<_>>().len()
    }

    /// How many selections name each node, the most.
    pub fn most_selected(&self) -> usize {
        let mut count = HashMap::<usize, usize>::new();
        for node in self.living() {
            for selected in self.selected(node) {
                *count.entry(selected).or_default() += 1;
            }
        }
        count.into_values().max().unwrap_or(0)
    }

    pub fn all_joined(&self) -> bool {
        self.living().all(|n| self.nodes[n].core.status() == Status::Joined)
    }

    /// How many places of living nodes are taken by an identity that is no more.
    pub fn stale_selections(&self) -> usize {
        let stale = |n: usize| self.nodes[n].core.selected().count() - self.selected(n).len();
        self.living().map(stale).sum()
    }

    /// How many entries of living nodes name an identity that is no more.
    pub fn stale_entries(&self) -> usize {
        let current: HashSet<PeerId> = self.living().map(|n| self.nodes[n].peer).collect();
        let peers = self.living().flat_map(|n| self.nodes[n].core.peers());
        peers.filter(|entry| !current.contains(&entry.peer)).count()
    }
}

/// A peer id that depends on nothing but who it is of.
fn identity(index: usize, life: u32) -> PeerId {
    let mut rng = fastrand::Rng::with_seed((index as u64) << 32 | u64::from(life));
    let digest: [u8; 32] = std::array::from_fn(|_| rng.u8(..));
    let hash = libp2p::multihash::Multihash::wrap(0x12, &digest).expect("32 bytes fit");
    PeerId::from_multihash(hash).expect("SHA-256 is allowed")
}

pub fn ip(index: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + u32::try_from(index).expect("fewer nodes than addresses"))
}

fn address(index: usize) -> Multiaddr {
    Multiaddr::from(ip(index)).with(Protocol::Tcp(4001))
}

fn index_of(address: &Multiaddr) -> usize {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => (u32::from(ip) - 0x0a00_0000) as usize,
        other => unreachable!("the simulated DNS names IPv4 addresses: {other:?}"),
    }
}
