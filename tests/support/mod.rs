//! One node of the core in a world that the test makes up: a zone, hosts behind addresses, and a
//! clock that jumps from one thing to the next. No socket, no task, no waiting.

#![allow(dead_code, reason = "each test binary uses its own part of the support")]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
    num::NonZeroUsize,
    time::Duration,
};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{SRV, TXT},
};
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Candidate, Config, Event, Failure, LookupError, Proof, Query, Selection, Source,
    Status,
    discovery::{Closing, DialFailure, DialId, Direction, Discovery, Expect, LookupId, Output},
    hickory_proto,
};
use web_time::Instant;

/// What is behind an address.
#[derive(Debug, Clone, PartialEq)]
pub enum Host {
    /// This peer answers.
    Lives(PeerId),
    /// This peer answers, after a while.
    Slow(PeerId, Duration),
    /// These peers answer in turn.
    Alternates(Vec<PeerId>),
    /// Another node answers, with our own key.
    Twin,
    /// Nothing answers, and nothing says so.
    Silent,
    /// The connection is refused.
    Refuses,
    /// There is no route.
    NoRoute,
    /// A behaviour of our own swarm is in the way.
    Denied,
    /// This peer answers, and a behaviour of our own swarm wants no more connections.
    Unwanted(PeerId),
}

#[derive(Debug)]
enum Input {
    Lookup(LookupId, Result<Answer, LookupError>),
    Dial(DialId, Multiaddr, Expect),
    Protocols(ConnectionId, PeerId, bool),
    Reply(ConnectionId, PeerId),
    Arrival,
}

/// The world of one node.
pub struct World {
    pub core: Discovery,
    pub local: PeerId,
    pub now: Instant,
    pub start: Instant,
    pub latency: Duration,
    pub zone: HashMap<(String, RecordType), Result<Vec<Record>, LookupError>>,
    pub partial: bool,
    /// What DNSSEC validation says of every answer, and of "there is nothing".
    pub proof: Option<Proof>,
    /// No look-up is ever answered.
    pub deaf: bool,
    /// These questions are never answered.
    pub silent: HashSet<(String, RecordType)>,
    /// These questions are answered after so long.
    pub slow: HashMap<(String, RecordType), Duration>,
    /// The answers to these questions are found behind a search domain that failed.
    pub provisional: HashSet<(String, RecordType)>,
    /// The answers to these questions are truncated.
    pub cut: HashSet<(String, RecordType)>,
    /// The additional records of these answers.
    pub glue: HashMap<(String, RecordType), Vec<Record>>,
    /// These questions are answered by a cache, which asks again in this period, at this phase.
    pub cached: HashMap<(String, RecordType), (Duration, Duration)>,
    pub hosts: HashMap<Multiaddr, Host>,
    /// A behaviour of our own swarm denies probes, for their ids.
    pub denies_probes: bool,
    /// How long after a dial to ourselves has ended we see the connection that it made here.
    pub late_arrivals: Duration,
    /// What is behind all other addresses.
    pub elsewhere: Host,
    /// Who says whether it speaks the required protocol, so long after it was connected.
    pub speaks: HashMap<PeerId, bool>,
    pub speaks_after: Duration,
    pub events: Vec<(Instant, Event)>,
    pub dials: Vec<(Instant, Multiaddr, Expect)>,
    pub queries: Vec<(Instant, Query)>,
    pub announced: Vec<(PeerId, Multiaddr)>,
    /// Whose connections stay open, without a reply.
    pub frozen: HashSet<PeerId>,
    /// When whom was asked for a reply.
    pub asked: Vec<(Instant, PeerId)>,
    pub aborted: usize,
    /// The most dials that were under way at once, as far as the core knows.
    pub most_at_once: usize,
    under_way: HashMap<DialId, Instant>,
    last_aborted: Option<DialId>,
    pub wakes: usize,
    pub connections: Vec<(ConnectionId, PeerId, Multiaddr)>,
    /// Connections close by themselves after this long.
    pub idle: Option<Duration>,
    queue: BTreeMap<(Instant, usize), Input>,
    closes: BTreeMap<(Instant, usize), (ConnectionId, PeerId)>,
    cancelled: HashSet<DialId>,
    turns: usize,
    serial: usize,
}

impl World {
    pub fn new(config: Config) -> Self {
        Self::seeded(config, 1)
    }

    pub fn seeded(config: Config, seed: u64) -> Self {
        let local = PeerId::random();
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        Self {
            core: Discovery::new(config, local, seed, now),
            local,
            now,
            start: now,
            latency: Duration::from_millis(1),
            zone: HashMap::new(),
            partial: false,
            proof: None,
            deaf: false,
            silent: HashSet::new(),
            slow: HashMap::new(),
            provisional: HashSet::new(),
            cut: HashSet::new(),
            glue: HashMap::new(),
            cached: HashMap::new(),
            hosts: HashMap::new(),
            denies_probes: false,
            late_arrivals: Duration::ZERO,
            elsewhere: Host::Refuses,
            speaks: HashMap::new(),
            speaks_after: Duration::from_millis(1),
            events: Vec::new(),
            dials: Vec::new(),
            queries: Vec::new(),
            announced: Vec::new(),
            frozen: HashSet::new(),
            asked: Vec::new(),
            aborted: 0,
            most_at_once: 0,
            under_way: HashMap::new(),
            last_aborted: None,
            wakes: 0,
            connections: Vec::new(),
            idle: Some(Duration::from_secs(10)),
            queue: BTreeMap::new(),
            closes: BTreeMap::new(),
            cancelled: HashSet::new(),
            turns: 0,
            serial: 0,
        }
    }

    /// A world with the source `/dns/peers.example./tcp/4001` and `n` living hosts 10.0.0.1 to n.
    pub fn with_peers(config: Config, n: u8) -> (Self, Vec<PeerId>) {
        let mut world = Self::new(config);
        let ips: Vec<_> = (1..=n).map(ip).collect();
        world.name(&ips);
        let peers = ips.iter().map(|ip| world.live(*ip)).collect();
        world.source("/dns4/peers.example./tcp/4001");
        (world, peers)
    }

    pub fn source(&mut self, source: &str) -> Source {
        let source: Source = source.parse().expect("a source");
        self.core.add_source(source.clone(), self.now);
        source
    }

    /// Makes `peers.example.` name these addresses.
    pub fn name(&mut self, ips: &[IpAddr]) {
        let records = ips.iter().map(|ip| address_record("peers.example.", *ip, 30)).collect();
        self.zone.insert(("peers.example.".into(), RecordType::A), Ok(records));
    }

    pub fn fail(&mut self, error: LookupError) {
        self.zone.insert(("peers.example.".into(), RecordType::A), Err(error));
    }

    /// Puts a new peer behind port 4001 of an address.
    pub fn live(&mut self, ip: IpAddr) -> PeerId {
        let peer = PeerId::random();
        self.hosts.insert(at(ip), Host::Lives(peer));
        peer
    }

    /// Makes DNS name an IPv6 address for `peers.example.` too.
    pub fn name_v6(&mut self, ip: IpAddr) {
        let record = address_record("peers.example.", ip, 30);
        self.zone.insert(("peers.example.".into(), RecordType::AAAA), Ok(vec![record]));
    }

    pub fn set(&mut self, ip: IpAddr, host: Host) {
        self.hosts.insert(at(ip), host);
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run_until(end, |_| false);
    }

    /// Lets time pass until `done`, or fails after `limit`.
    pub fn until(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        assert!(
            self.run_until(end, &done),
            "not within {limit:?}: {what}; events {:#?}",
            self.events
        );
    }

    /// Lets time pass until `end`, or until `done`, which is asked whenever the outputs are drained.
    pub fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.drain();
            if done(self) {
                return true;
            }
            let next_input = self.queue.keys().next().map(|(at, _)| *at);
            let next_close = self.closes.keys().next().map(|(at, _)| *at);
            let wake = self.core.poll_timeout();
            let Some(next) = [next_input, next_close, wake].into_iter().flatten().min() else {
                self.now = end;
                return false;
            };
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            if wake == Some(next) {
                self.wakes += 1;
                self.core.handle_timeout(self.now);
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now) {
            match entry.remove() {
                Input::Lookup(id, result) => self.core.handle_lookup(id, result),
                Input::Arrival => self.arrive(),
                Input::Dial(id, address, expect) => self.finish_dial(id, &address, expect),
                Input::Protocols(id, peer, speaks) => {
                    self.core.handle_protocols(id, &peer, speaks, self.now);
                }
                Input::Reply(id, peer) => self.core.handle_reply(id, &peer, self.now),
            }
        }
        while let Some(entry) = self.closes.first_entry().filter(|e| e.key().0 <= self.now) {
            let (id, peer) = entry.remove();
            self.close(id, peer, false);
        }
    }

    /// A connection breaks, or is closed in an orderly way, if it is still there.
    pub fn close(&mut self, id: ConnectionId, peer: PeerId, lost: bool) {
        self.end(id, peer, if lost { Closing::Lost } else { Closing::Orderly });
    }

    /// Ends a connection, if it is still there.
    pub fn end(&mut self, id: ConnectionId, peer: PeerId, how: Closing) {
        if self.connections.iter().any(|(c, ..)| *c == id) {
            self.connections.retain(|(c, ..)| *c != id);
            self.core.handle_disconnected(id, &peer, how, self.now);
        }
    }

    /// A remote connects to us.
    pub fn accept(&mut self, peer: PeerId, address: &str) -> ConnectionId {
        let id = ConnectionId::new_unchecked(1_000_000 + self.serial);
        self.serial += 1;
        let address: Multiaddr = address.parse().expect("an address");
        self.connections.push((id, peer, address.clone()));
        self.arrive();
        self.core.handle_connected(id, peer, &address, Direction::Accepted, self.now);
        self.identify(id, peer);
        id
    }

    fn identify(&mut self, id: ConnectionId, peer: PeerId) {
        if let Some(speaks) = self.speaks.get(&peer) {
            self.schedule(self.speaks_after, Input::Protocols(id, peer, *speaks));
        }
    }

    /// A peer stops: its connections stay open, and nothing answers at its address any more.
    pub fn freeze(&mut self, ip: IpAddr) {
        let Some(Host::Lives(peer)) = self.hosts.insert(at(ip), Host::Silent) else {
            panic!("nobody lives at {ip}")
        };
        self.frozen.insert(peer);
    }

    /// All connections to a peer break.
    pub fn lose(&mut self, peer: PeerId) {
        let ids: Vec<_> =
            self.connections.iter().filter(|(_, p, _)| *p == peer).map(|(c, ..)| *c).collect();
        for id in ids {
            self.close(id, peer, true);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.core.poll_output(self.now) {
            match output {
                Output::Lookup { id, query, .. } => {
                    let result = self.answer(&query);
                    let key = (query.name.to_ascii().to_lowercase(), query.record_type);
                    let is_silent = self.deaf || self.silent.contains(&key);
                    self.queries.push((self.now, query));
                    if !is_silent {
                        let latency = self.slow.get(&key).copied().unwrap_or(self.latency);
                        self.schedule(latency, Input::Lookup(id, result));
                    }
                }
                Output::Dial { id, address, expect, .. } => {
                    self.dials.push((self.now, address.clone(), expect));
                    // A dial that cannot be aborted ends by the swarm's own time-out.
                    let now = self.now;
                    self.under_way.retain(|_, started| *started + secs(10) > now);
                    self.under_way.insert(id, now);
                    self.most_at_once = self.most_at_once.max(self.under_way.len());
                    let latency = match self.hosts.get(&address).or(Some(&self.elsewhere)) {
                        Some(Host::Silent) => continue,
                        Some(Host::Slow(_, latency)) => *latency,
                        _ => self.latency,
                    };
                    self.schedule(latency, Input::Dial(id, address, expect));
                }
                Output::Abort { id, .. } => {
                    self.last_aborted = Some(id);
                    self.under_way.remove(&id);
                    self.aborted += 1;
                    self.cancelled.insert(id);
                }
                Output::Announce { peer, address, .. } => self.announced.push((peer, address)),
                Output::Ask { connection, peer, .. } => {
                    self.asked.push((self.now, peer));
                    if !self.frozen.contains(&peer) {
                        self.schedule(self.latency, Input::Reply(connection, peer));
                    }
                }
                Output::Event(event) => self.events.push((self.now, event)),
                _ => {}
            }
        }
    }

    fn schedule(&mut self, after: Duration, input: Input) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), input);
    }

    fn answer(&self, query: &Query) -> Result<Answer, LookupError> {
        let key = (query.name.to_ascii().to_lowercase(), query.record_type);
        match self.zone.get(&key) {
            Some(Ok(records)) => {
                let mut records = records.clone();
                if let Some(left) = self.left_in_cache(&key) {
                    records.iter_mut().for_each(|record| record.ttl = left);
                }
                let mut answer = Answer::new(query.name.clone(), records);
                answer.proof = self.proof;
                answer.provisional = self.provisional.contains(&key);
                answer.additionals = self.glue.get(&key).cloned().unwrap_or_default();
                Ok(answer.with_complete(!self.partial && !self.cut.contains(&key)))
            }
            Some(Err(LookupError::Nothing(_))) if self.cached.contains_key(&key) => {
                let left = self.left_in_cache(&key).map(|left| secs(left.into()));
                Err(LookupError::nx_domain(left))
            }
            Some(Err(error)) => Err(error.clone()),
            None => Err(self.nothing()),
        }
    }

    /// For how many seconds a cache that answers a question will go on to do so.
    fn left_in_cache(&self, key: &(String, RecordType)) -> Option<u32> {
        let (period, phase) = self.cached.get(key)?;
        let age = (self.now - self.start + *phase).as_millis() % period.as_millis();
        u32::try_from((period.as_millis() - age).div_ceil(1_000)).ok()
    }

    fn nothing(&self) -> LookupError {
        match (LookupError::nx_domain(Some(Duration::from_secs(5))), self.proof) {
            (LookupError::Nothing(nothing), Some(proof)) => {
                LookupError::Nothing(nothing.with_proof(proof))
            }
            (error, _) => error,
        }
    }

    fn finish_dial(&mut self, id: DialId, address: &Multiaddr, expect: Expect) {
        self.under_way.remove(&id);
        if self.cancelled.contains(&id) {
            return;
        }
        if self.denies_probes && expect == Expect::Probe {
            let denied = DialFailure::Denied("peer is not allowed".into());
            return self.core.handle_dial_failure(id, denied, self.now);
        }
        let peer = match self.hosts.get(address).or(Some(&self.elsewhere)).cloned() {
            Some(Host::Lives(peer) | Host::Slow(peer, _)) => peer,
            Some(Host::Alternates(peers)) => {
                self.turns += 1;
                peers[self.turns % peers.len()]
            }
            Some(Host::Twin) => {
                let ours = DialFailure::Identity(self.local);
                return self.core.handle_dial_failure(id, ours, self.now);
            }
            Some(Host::NoRoute) => {
                return self.miss(id, Failure::NoRoute("network unreachable".into()));
            }
            Some(Host::Denied) => {
                let denied = DialFailure::Denied("limit reached".into());
                return self.core.handle_dial_failure(id, denied, self.now);
            }
            Some(Host::Unwanted(peer)) => {
                let failure = match expect {
                    Expect::Probe => DialFailure::Identity(peer),
                    _ => DialFailure::Denied("limit reached".into()),
                };
                return self.core.handle_dial_failure(id, failure, self.now);
            }
            Some(Host::Silent) => return,
            Some(Host::Refuses) | None => {
                return self.miss(id, Failure::Closed("connection refused".into()));
            }
        };
        if peer == self.local {
            self.schedule(self.late_arrivals, Input::Arrival);
        }
        let connects = match expect {
            Expect::Peer(expected) | Expect::Again(expected) => expected == peer,
            Expect::Anyone => peer != self.local,
            _ => false,
        };
        if connects {
            // As the swarm names whom it has dialled.
            let pin = |address: &Multiaddr| address.clone().with_p2p(peer).ok();
            let named = Some(address).filter(|_| expect == Expect::Peer(peer)).and_then(pin);
            self.connect(id, peer, named.unwrap_or_else(|| address.clone()));
        } else {
            self.core.handle_dial_failure(id, DialFailure::Identity(peer), self.now);
        }
    }

    /// A connection arrives here, from whomever.
    pub fn arrive(&mut self) {
        self.core.handle_incoming(self.now);
    }

    /// The last probe that was aborted meets an identity all the same.
    pub fn late_identity(&mut self, peer: PeerId) {
        let id = self.last_aborted.expect("one was aborted");
        self.core.handle_dial_failure(id, DialFailure::Identity(peer), self.now);
    }

    fn miss(&mut self, id: DialId, failure: Failure) {
        self.core.handle_dial_failure(id, DialFailure::Failed(failure), self.now);
    }

    fn connect(&mut self, dial: DialId, peer: PeerId, address: Multiaddr) {
        self.serial += 1;
        let id = ConnectionId::new_unchecked(self.serial);
        self.connections.push((id, peer, address.clone()));
        let direction = Direction::Dialled(Some(dial));
        self.core.handle_connected(id, peer, &address, direction, self.now);
        self.identify(id, peer);
        if let Some(idle) = self.idle {
            self.closes.insert((self.now + idle, self.serial), (id, peer));
        }
    }

    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.connections.iter().any(|(_, p, _)| p == peer)
    }

    /// The peers that take a place, in order.
    pub fn selected(&self) -> Vec<PeerId> {
        let entry = |c: &Candidate| self.core.peers().find(|entry| entry.candidate == *c);
        self.core.selected().filter_map(entry).map(|entry| entry.peer).collect()
    }

    pub fn statuses(&self) -> Vec<Status> {
        let mut statuses: Vec<_> = self
            .events
            .iter()
            .filter_map(|(_, event)| match event {
                Event::Status { status, .. } => Some(*status),
                _ => None,
            })
            .collect();
        statuses.dedup();
        statuses
    }

    pub fn dials_to(&self, ip: IpAddr) -> usize {
        self.dials.iter().filter(|(_, address, _)| *address == at(ip)).count()
    }

    pub fn count(&self, which: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|(_, event)| which(event)).count()
    }
}

/// The configuration that selects the n lowest.
pub fn lowest(n: usize) -> Config {
    Config::new().with_selection(Selection::Lowest(nz(n)))
}

/// The address of the n-th host.
pub fn ip(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// The address of the n-th of many hosts.
pub fn nth(n: u32) -> IpAddr {
    std::net::Ipv4Addr::from(0x0a00_0000 + n).into()
}

/// Where the hosts listen.
pub fn at(ip: IpAddr) -> Multiaddr {
    Multiaddr::from(ip).with(libp2p::multiaddr::Protocol::Tcp(4001))
}

pub fn address_record(name: &str, ip: IpAddr, ttl: u32) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(ip.into()),
        IpAddr::V6(ip) => RData::AAAA(ip.into()),
    };
    Record::from_rdata(Name::from_ascii(name).expect("a name"), ttl, data)
}

pub fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

pub fn joined(world: &World) -> bool {
    world.core.status() == Status::Joined
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The source, and the owner of SRV records, that most tests ask for.
pub const DNS: &str = "/dns/peers.example./tcp/4001";
pub const SERVICE: &str = "_p2p._tcp.peers.example.";
pub const SRV_SOURCE: &str = "srv:_p2p._tcp.peers.example.";

/// A question of the zone.
pub fn key(name: &str, record_type: RecordType) -> (String, RecordType) {
    (name.to_owned(), record_type)
}

/// A record of [`SERVICE`] that leads to port 4001 of a target.
pub fn srv_ttl(target: &str, ttl: u32) -> Record {
    let data = SRV::new(0, 0, 4001, Name::from_ascii(target).expect("a name"));
    Record::from_rdata(Name::from_ascii(SERVICE).expect("a name"), ttl, RData::SRV(data))
}

pub fn srv(target: &str) -> Record {
    srv_ttl(target, 30)
}

pub fn txt_at(owner: &str, text: &str, ttl: u32) -> Record {
    let name = Name::from_ascii(owner).expect("a name");
    Record::from_rdata(name, ttl, RData::TXT(TXT::new(vec![text.to_owned()])))
}

/// How many entries ended because DNS no longer names their address.
pub fn gone(world: &World) -> usize {
    world.count(|event| matches!(event, Event::Departed { .. }))
}

/// The IPv6 address of the n-th host.
pub fn v6(n: u16) -> IpAddr {
    std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n).into()
}

/// What DNS names, as far as it is held.
pub fn members(world: &World) -> Vec<String> {
    world.core.candidates().map(|(candidate, _)| candidate.to_string()).collect()
}
