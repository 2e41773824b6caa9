//! One node of the core, and what happens to it.

use std::{collections::VecDeque, time::Duration};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Config, Failure,
    discovery::{Closing, DialFailure, DialId, Direction, Discovery, Expect, Output},
    hickory_proto::rr::Record,
};
use web_time::Instant;

/// An event, and what follows from it at once.
pub type Act = fn(&mut Life, u32);

pub const EVENTS: [(&str, Act); 12] = [
    ("time passes", |life, _| life.tick()),
    ("a dial ends", |life, _| life.end_a_dial()),
    ("a stranger connects", Life::connect_stranger),
    ("a stranger says what it speaks", Life::stranger_speaks),
    ("a stranger disconnects", Life::disconnect_stranger),
    ("a candidate's host connects", Life::connect_neighbour),
    ("a claim of a candidate", Life::claim),
    ("others' dial meets a candidate's peer", Life::observe),
    ("a stranger's address is confirmed as ours", Life::confirm_strange),
    ("it is no longer", Life::expire_strange),
    ("a peer is disqualified", Life::disqualify),
    ("a connection arrives", |life, _| life.arrive()),
];

/// How a dial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Refuses,
    Silent,
    NoRoute,
    Lives,
}

/// A node, and what is behind the addresses that it dials.
pub struct Life {
    pub core: Discovery,
    pub now: Instant,
    /// The addresses that DNS names, without pins.
    pub addresses: Vec<Multiaddr>,
    /// Who lives there.
    pub peer_at: fn(u32) -> u64,
    pub hosts: Host,
    /// How much was to be done or told so far.
    pub outputs: usize,
    dials: VecDeque<(DialId, Multiaddr, Expect)>,
    connections: usize,
}

impl Life {
    /// A node that has looked up a source, whose look-ups are answered by these records.
    pub fn new(
        config: Config,
        source: &str,
        answers: &[Answer],
        addresses: Vec<Multiaddr>,
        hosts: Host,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        let mut core = Discovery::new(config, peer(u64::MAX), 1, now);
        core.add_source(source.parse().expect("a source"), now);
        let (dials, peer_at) = (VecDeque::new(), u64::from as fn(u32) -> u64);
        let mut life =
            Self { core, now, addresses, peer_at, hosts, outputs: 0, dials, connections: 0 };
        let queries: Vec<_> = std::iter::from_fn(|| life.core.poll_output(now)).collect();
        for output in queries {
            let Output::Lookup { id, query, .. } = output else { continue };
            let answer = answers.iter().find(|answer| {
                answer.records.first().is_some_and(|r: &Record| {
                    r.name == query.name && r.record_type() == query.record_type
                })
            });
            let nothing = || libp2p_dns_discovery::LookupError::no_data(None);
            life.core.handle_lookup(id, answer.cloned().ok_or_else(nothing));
        }
        life.take();
        // Large answers are applied in slices.
        while life.core.poll_timeout().is_some_and(|at| at <= now) {
            life.tick();
            life.take();
        }
        life
    }

    /// How long an event took, with all that follows from it at once.
    #[expect(clippy::disallowed_methods, reason = "it is measured")]
    pub fn time(&mut self, act: impl FnOnce(&mut Self)) -> Duration {
        let start = Instant::now();
        act(self);
        self.take();
        start.elapsed()
    }

    /// Takes what there is to be done.
    pub fn take(&mut self) {
        while let Some(output) = self.core.poll_output(self.now) {
            self.outputs += 1;
            match output {
                Output::Dial { id, address, expect, .. } => {
                    self.dials.push_back((id, address, expect));
                }
                Output::Abort { id, .. } => self.dials.retain(|(dial, ..)| *dial != id),
                _ => {}
            }
        }
    }

    /// Lets time pass, in which dials end, until so many have.
    pub fn live(&mut self, dials: usize) {
        let mut ended = 0;
        while ended < dials {
            self.now += Duration::from_millis(100);
            self.tick();
            self.take();
            ended += self.dials.len();
            while !self.dials.is_empty() {
                self.end_a_dial();
                self.take();
            }
            if self.hosts == Host::Silent {
                return;
            }
        }
    }

    pub fn tick(&mut self) {
        self.core.handle_timeout(self.now);
    }

    pub fn end_a_dial(&mut self) {
        let Some((id, address, expect)) = self.dials.pop_front() else { return };
        let failed = |failure| DialFailure::Failed(failure);
        let failure = match self.hosts {
            Host::Refuses => failed(Failure::Closed("refused".into())),
            Host::NoRoute => failed(Failure::NoRoute("unreachable".into())),
            Host::Silent => return,
            Host::Lives => {
                let place = self.addresses.iter().position(|a| *a == address).unwrap_or(0);
                let peer = peer((self.peer_at)(place as u32));
                if expect == Expect::Probe {
                    DialFailure::Identity(peer)
                } else {
                    return self.connect(peer, &address, Direction::Dialled(Some(id)));
                }
            }
        };
        self.core.handle_dial_failure(id, failure, self.now);
    }

    fn connect(&mut self, peer: PeerId, address: &Multiaddr, direction: Direction) {
        self.connections += 1;
        let id = ConnectionId::new_unchecked(self.connections);
        self.core.handle_connected(id, peer, address, direction, self.now);
    }

    pub fn connect_stranger(&mut self, i: u32) {
        let id = ConnectionId::new_unchecked(1_000_000 + i as usize);
        let (peer, address) = (stranger(i), strange_address(i));
        self.core.handle_connected(id, peer, &address, Direction::Accepted, self.now);
    }

    pub fn stranger_speaks(&mut self, i: u32) {
        let id = ConnectionId::new_unchecked(1_000_000 + i as usize);
        self.core.handle_protocols(id, &stranger(i), true, self.now);
    }

    pub fn disconnect_stranger(&mut self, i: u32) {
        let id = ConnectionId::new_unchecked(1_000_000 + i as usize);
        self.core.handle_disconnected(id, &stranger(i), Closing::Orderly, self.now);
    }

    pub fn connect_neighbour(&mut self, i: u32) {
        let address = self.some_address(i);
        self.connect(stranger(1_000 + i), &address, Direction::Accepted);
    }

    pub fn claim(&mut self, i: u32) {
        let address = self.some_address(i);
        self.core.handle_claim(stranger(1_000 + i), &address, self.now);
    }

    pub fn observe(&mut self, i: u32) {
        let place = self.some_place(i);
        self.observe_at(place);
    }

    pub fn observe_at(&mut self, place: u32) {
        let address = self.addresses[place as usize].clone();
        self.core.handle_observed(&address, peer((self.peer_at)(place)), self.now);
    }

    pub fn confirm_strange(&mut self, i: u32) {
        self.core.handle_external_address(&strange_address(i), self.now);
    }

    pub fn expire_strange(&mut self, i: u32) {
        self.core.handle_external_address_expired(&strange_address(i));
    }

    pub fn disqualify(&mut self, i: u32) {
        let peer = peer((self.peer_at)(self.some_place(i)));
        self.core.disqualify(peer, self.now + Duration::from_secs(86_400));
    }

    pub fn arrive(&mut self) {
        self.core.handle_incoming(self.now);
    }

    /// One of the addresses, from all over the order.
    fn some_place(&self, i: u32) -> u32 {
        i.wrapping_mul(2_654_435_761) % self.addresses.len() as u32
    }

    fn some_address(&self, i: u32) -> Multiaddr {
        self.addresses[self.some_place(i) as usize].clone()
    }
}

/// The nth peer: an identity multihash of eight bytes.
pub fn peer(n: u64) -> PeerId {
    let bytes = [&[0, 8], &n.to_le_bytes()[..]].concat();
    PeerId::from_bytes(&bytes).expect("a peer id")
}

fn stranger(i: u32) -> PeerId {
    peer(1 << 40 | u64::from(i))
}

/// At a host that DNS does not name.
fn strange_address(i: u32) -> Multiaddr {
    format!("/ip4/192.168.{}.{}/tcp/55555", i >> 8, i & 255).parse().expect("an address")
}
