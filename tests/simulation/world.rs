//! Many nodes, each with a core of its own, in one virtual time. No socket, no task: what a node
//! wants done is done here, after the time that it would take. How the network answers stands in
//! `network`, how nodes live and die in `life`, and what can be asked of it all in `graph`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::Ipv4Addr,
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Config, Event, LookupError, Status,
    discovery::{DialId, Discovery, Expect, LookupId, Output},
};
use web_time::Instant;

use crate::{
    dns::Dns,
    machines::Machines,
    network::{Call, Host, Latency, Link},
};

/// One node, in its present life.
pub struct Node {
    pub core: Discovery,
    pub peer: PeerId,
    /// How often it has restarted with a new key.
    pub(crate) life: u32,
    pub up: bool,
    wake: Option<Instant>,
    pub joined_at: Option<Instant>,
    isolated: Duration,
    isolated_since: Option<Instant>,
    /// In the order in which they were opened.
    pub(crate) links: Vec<Link>,
    /// The dials that are waited for no longer.
    pub(crate) aborted: HashSet<DialId>,
    pub dials: usize,
    pub queries: usize,
    pub told: Told,
}

/// How many events of a kind a node told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    pub verified: usize,
    pub replaced: usize,
    pub departed: usize,
    pub shared: usize,
    pub unreachable: usize,
}

/// What happens to a node next.
#[derive(Debug)]
pub(crate) enum What {
    Wake,
    Lookup(LookupId, Result<Answer, LookupError>),
    /// The machine of a node is free again, which was to wake while it was not.
    LateWake,
    /// A dial comes to the address that it was made to.
    Arrives(Call),
    /// The answer to a dial is back.
    Answered(Call),
    /// A dial ends, one way or another.
    Dial(DialId, Multiaddr, Expect),
    /// A connection has been idle.
    Idle(ConnectionId),
    /// The other end of a connection died without a word, and that is noticed now.
    Dead(ConnectionId),
    /// It crashes, as it does again and again.
    Crash,
    /// It is started again after a crash.
    Start,
}

/// Something that happens to one life of a node.
#[derive(Debug)]
struct Due {
    node: usize,
    life: u32,
    what: What,
}

/// The world. `reach` says who can dial whom; a connection, once made, serves both sides.
pub struct World {
    pub now: Instant,
    pub start: Instant,
    pub rng: fastrand::Rng,
    pub nodes: Vec<Node>,
    /// What is to be found at each address; where a node is up, that is the node.
    pub hosts: Vec<Host>,
    pub dns: Dns,
    pub reach: Box<dyn Fn(usize, usize) -> bool>,
    pub latency: Latency,
    pub machines: Machines,
    /// Dials of all nodes in all their lives.
    pub dialled: usize,
    /// The nodes that crash again and again, and how long they live each time.
    pub crashing: BTreeMap<usize, Duration>,
    config: Config,
    queue: BTreeMap<(Instant, u64), Due>,
    serial: u64,
    pub(crate) owner: HashMap<PeerId, usize>,
    /// Whose turn it is behind each load-balanced address.
    pub(crate) turns: HashMap<usize, usize>,
    /// Every connection that was ever made, and when last.
    pub met: BTreeMap<(usize, usize), Instant>,
    /// When each identity that is no more died.
    pub died: HashMap<PeerId, Instant>,
    /// When a node's last connection to a peer broke, if none was made since.
    pub lost: HashMap<(usize, PeerId), Instant>,
    /// The longest that any node was isolated at a stretch, of those stretches that have ended.
    longest_isolation: Duration,
    /// Handshakes that each address took part in, failed ones included, by second.
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
            latency: Latency::LOCAL,
            machines: Machines::default(),
            dialled: 0,
            crashing: BTreeMap::new(),
            config,
            queue: BTreeMap::new(),
            serial: 0,
            owner: HashMap::new(),
            turns: HashMap::new(),
            met: BTreeMap::new(),
            died: HashMap::new(),
            lost: HashMap::new(),
            longest_isolation: Duration::ZERO,
            handshakes: HashMap::new(),
        }
    }

    /// A node's core and counters at the start of a life.
    pub(crate) fn new_life(&mut self, index: usize, life: u32) -> Node {
        let peer = identity(index, life);
        self.owner.insert(peer, index);
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
            links: Vec::new(),
            aborted: HashSet::new(),
            dials: 0,
            queries: 0,
            told: Told::default(),
        }
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        // What a test did to the members, it did at this instant.
        self.dns.note_members(self.now);
        let end = self.now + duration;
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= end
        {
            let ((at, _), due) = entry.remove_entry();
            self.now = self.now.max(at);
            self.step(due);
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

    fn step(&mut self, Due { node, life, what }: Due) {
        let Node { life: present, up, .. } = self.nodes[node];
        if present != life || up == matches!(what, What::Start) {
            return;
        }
        let now = self.now;
        match what {
            What::Wake if self.nodes[node].wake.is_none_or(|wake| wake <= now) => {
                let wait = self.machines.wait(node, now);
                if !wait.is_zero() {
                    return self.after(wait, node, What::LateWake);
                }
                self.wake(node);
            }
            What::Wake => return,
            What::LateWake => self.wake(node),
            What::Arrives(call) => return self.arrive(node, call),
            What::Answered(call) => return self.answered(node, call),
            What::Lookup(id, result) => self.nodes[node].core.handle_lookup(id, result),
            What::Dial(id, address, expect) => self.finish_dial(node, id, &address, expect),
            What::Idle(id) => self.close_idle(node, id),
            What::Dead(id) => self.notice_death(node, id),
            What::Crash => return self.crash(node),
            What::Start => return self.restart(node),
        }
        self.drain(node);
    }

    fn wake(&mut self, node: usize) {
        let now = self.now;
        self.nodes[node].wake = None;
        self.nodes[node].core.handle_timeout(now);
    }

    /// Does what a node's core wants done.
    pub(crate) fn drain(&mut self, node: usize) {
        let now = self.now;
        while let Some(output) = self.nodes[node].core.poll_output(now) {
            match output {
                Output::Lookup { id, .. } => self.look_up(node, id),
                Output::Dial { id, address, expect, .. } => self.dial(node, id, address, expect),
                Output::Abort { id, .. } => {
                    self.nodes[node].aborted.insert(id);
                }
                Output::Event(event) => self.note_event(node, &event),
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

    fn note_event(&mut self, node: usize, event: &Event) {
        let told = &mut self.nodes[node].told;
        match event {
            Event::Verified { .. } => told.verified += 1,
            Event::Replaced { .. } => told.replaced += 1,
            Event::Departed { .. } => told.departed += 1,
            Event::SharedAddress { .. } => told.shared += 1,
            Event::Unreachable { .. } => told.unreachable += 1,
            Event::Status { status, .. } => self.note_status(node, *status),
            _ => {}
        }
    }

    fn note_status(&mut self, node: usize, status: Status) {
        self.end_isolation(node);
        let (now, node) = (self.now, &mut self.nodes[node]);
        match status {
            Status::Joined => {
                node.joined_at.get_or_insert(now);
            }
            Status::Isolated => node.isolated_since = Some(now),
            _ => {}
        }
    }

    /// For how long a node has been isolated in its present life.
    pub fn isolated(&self, node: usize) -> Duration {
        self.nodes[node].isolated + self.isolated_now(node)
    }

    fn isolated_now(&self, node: usize) -> Duration {
        self.nodes[node].isolated_since.map_or(Duration::ZERO, |since| self.now - since)
    }

    /// The longest that any node was isolated at a stretch, in any of its lives.
    pub fn longest_isolation(&self) -> Duration {
        let now = self.living().map(|node| self.isolated_now(node));
        now.fold(self.longest_isolation, Duration::max)
    }

    /// Counts a time of isolation that ends now, if the node was isolated.
    pub(crate) fn end_isolation(&mut self, node: usize) {
        if let Some(since) = self.nodes[node].isolated_since.take() {
            let lasted = self.now - since;
            self.nodes[node].isolated += lasted;
            self.longest_isolation = self.longest_isolation.max(lasted);
        }
    }

    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Has something happen to the present life of a node.
    pub(crate) fn after(&mut self, pause: Duration, node: usize, what: What) {
        let serial = self.next_serial();
        let life = self.nodes.get(node).map_or(0, |n| n.life);
        self.queue.insert((self.now + pause, serial), Due { node, life, what });
    }
}

/// A peer id that depends on nothing but who it is of.
pub(crate) fn identity(index: usize, life: u32) -> PeerId {
    let mut rng = fastrand::Rng::with_seed((index as u64) << 32 | u64::from(life));
    let digest: [u8; 32] = std::array::from_fn(|_| rng.u8(..));
    let hash = libp2p::multihash::Multihash::wrap(0x12, &digest).expect("32 bytes fit");
    PeerId::from_multihash(hash).expect("SHA-256 is allowed")
}

pub fn ip(index: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 + u32::try_from(index).expect("fewer nodes than addresses"))
}

pub(crate) fn address(index: usize) -> Multiaddr {
    Multiaddr::from(ip(index)).with(Protocol::Tcp(4001))
}

pub(crate) fn index_of(address: &Multiaddr) -> usize {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => (u32::from(ip) - 0x0a00_0000) as usize,
        other => unreachable!("the simulated DNS names IPv4 addresses: {other:?}"),
    }
}
