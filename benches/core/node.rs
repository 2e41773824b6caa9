//! One node of the core whose peers all live, and what it is answered.

use std::{net::Ipv4Addr, time::Duration};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Config,
    discovery::{DialFailure, Direction, Discovery, Expect, LookupId, Output},
    hickory_proto::{
        op::{Message, MessageType, OpCode, Query},
        rr::{Name, RData, Record, RecordType},
    },
};
use web_time::Instant;

/// The name that a service has in a cluster's DNS.
const NAME: &str = "peers.libp2p.svc.cluster.local.";

/// The nth address, in an order far from sorted.
fn ip(n: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 | (n.wrapping_mul(2_654_435_761) & 0x00ff_ffff))
}

fn name() -> Name {
    Name::from_ascii(NAME).expect("a name")
}

/// The answer that names so many addresses. Another `turn` has them in another order.
pub fn answer(n: u32, turn: u64) -> Answer {
    let mut ips: Vec<_> = (0..n).map(ip).collect();
    fastrand::Rng::with_seed(turn).shuffle(&mut ips);
    let records = ips.into_iter().map(|ip| Record::from_rdata(name(), 30, RData::A(ip.into())));
    Answer::new(name(), records.collect())
}

/// The bytes of the message that carries it.
pub fn message(answer: &Answer) -> Vec<u8> {
    let mut message = Message::new(1, MessageType::Response, OpCode::Query);
    message.add_query(Query::query(name(), RecordType::A));
    message.add_answers(answer.records.iter().cloned());
    message.to_vec().expect("a message")
}

/// A node that follows the name. Each address leads to a peer of its own.
pub struct Node {
    pub core: Discovery,
    pub now: Instant,
    connections: usize,
}

impl Node {
    pub fn new(config: Config, now: Instant) -> Self {
        let mut core = Discovery::new(config, peer(u64::MAX), 1, now);
        let source = format!("/dns4/{NAME}/tcp/4001");
        core.add_source(source.parse().expect("a source"), now);
        Self { core, now, connections: 0 }
    }

    /// A node that was answered, and has met those who take a place.
    pub fn settled(config: Config, n: u32, now: Instant) -> Self {
        let mut node = Self::new(config, now);
        let lookup = node.asks();
        node.core.handle_lookup(lookup, Ok(answer(n, 0)));
        for _ in 0..20 {
            node.take();
            node.now += Duration::from_millis(500);
            node.core.handle_timeout(node.now);
        }
        node.take();
        node
    }

    /// Does what there is to do, in which each dial succeeds at once; returns a look-up.
    fn take(&mut self) -> Option<LookupId> {
        let mut lookup = None;
        while let Some(output) = self.core.poll_output(self.now) {
            match output {
                Output::Lookup { id, .. } => lookup = Some(id),
                Output::Dial { id, address, expect, .. } => {
                    let bytes = address.as_ref();
                    let peer = peer(bytes.iter().fold(0, |sum, byte| sum * 257 + u64::from(*byte)));
                    if expect == Expect::Probe {
                        let found = DialFailure::Identity(peer);
                        self.core.handle_dial_failure(id, found, self.now);
                    } else {
                        self.connections += 1;
                        let connection = ConnectionId::new_unchecked(self.connections);
                        let dialled = Direction::Dialled(Some(id));
                        self.core.handle_connected(connection, peer, &address, dialled, self.now);
                    }
                }
                Output::Ask { connection, peer, .. } => {
                    self.core.handle_reply(connection, &peer, self.now);
                }
                _ => {}
            }
        }
        lookup
    }

    /// Lets time pass until the node asks; returns its look-up.
    pub fn asks(&mut self) -> LookupId {
        loop {
            if let Some(lookup) = self.take() {
                return lookup;
            }
            self.now = self.core.poll_timeout().expect("a next look").max(self.now);
            self.core.handle_timeout(self.now);
        }
    }

    /// Takes an answer, up to the last thing that follows from it; returns how many do.
    pub fn answered(&mut self, lookup: LookupId, answer: Answer) -> usize {
        self.core.handle_lookup(lookup, Ok(answer));
        std::iter::from_fn(|| self.core.poll_output(self.now)).count()
    }

    /// A connection of a peer that concerns nobody arrives.
    pub fn stranger(&mut self, n: usize, address: &Multiaddr) {
        let id = ConnectionId::new_unchecked(1_000_000 + n);
        let stranger = peer(1 << 60 | n as u64);
        self.core.handle_connected(id, stranger, address, Direction::Accepted, self.now);
        assert!(self.core.poll_output(self.now).is_none());
    }
}

/// The nth peer: an identity multihash of eight bytes.
fn peer(n: u64) -> PeerId {
    let mut bytes = [0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[2..].copy_from_slice(&n.to_le_bytes());
    PeerId::from_bytes(&bytes).expect("a peer id")
}
