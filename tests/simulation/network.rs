//! The network: what is to be found at an address, how long a dial takes, and how it ends.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Failure,
    discovery::{Closing, DialFailure, DialId, Direction, Expect},
};

use web_time::Instant;

use crate::world::{Node, What, World, identity, index_of, ip};

/// How long an idle connection lives.
const IDLE: Duration = Duration::from_secs(10);

/// After how long a swarm gives up a dial by itself.
const TRANSPORT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is to be found at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The node of this number, in its present life.
    Node,
    /// Nothing answers, and nothing says so.
    Silent,
    /// Connections are refused.
    Refusing,
    /// Another application, with an identity of its own, which does not run the discovery.
    Stranger,
    /// A load balancer: so many nodes, from the first on, take turns, those that are up.
    Balanced { first: usize, count: usize },
}

/// How long it takes to the other end of the network and back, in microseconds.
#[derive(Debug, Clone, Copy)]
pub enum Latency {
    /// Drawn anew each time.
    Spread(u64, u64),
    /// Drawn once for each pair of addresses.
    Pairs(u64, u64),
}

impl Latency {
    /// One rack.
    pub const LOCAL: Self = Self::Spread(250, 2_500);
    /// The world: a millisecond next door, and two hundred to the antipodes.
    pub const GLOBAL: Self = Self::Pairs(1_000, 200_000);

    fn round_trip(self, a: usize, b: usize, rng: &mut fastrand::Rng) -> Duration {
        let micros = match self {
            Self::Spread(least, most) => rng.u64(least..most),
            Self::Pairs(least, most) => {
                let pair = (a.min(b) as u64) << 32 | a.max(b) as u64;
                let mut of_pair =
                    fastrand::Rng::with_seed(pair.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                of_pair.u64(least..most)
            }
        };
        Duration::from_micros(micros)
    }
}

/// A dial on its way.
#[derive(Debug)]
pub(crate) struct Call {
    id: DialId,
    to: Multiaddr,
    expect: Expect,
    /// How long it is to there and back.
    round_trip: Duration,
    started: Instant,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    pub(crate) id: ConnectionId,
    /// The address at which the other end lives.
    pub(crate) to: usize,
    pub(crate) peer: PeerId,
}

impl Node {
    /// Removes a connection.
    pub(crate) fn take_link(&mut self, id: ConnectionId) -> Option<Link> {
        let index = self.links.iter().position(|link| link.id == id)?;
        Some(self.links.remove(index))
    }

    pub(crate) fn is_connected(&self, peer: &PeerId) -> bool {
        self.links.iter().any(|link| link.peer == *peer)
    }
}

/// Who answers a dial.
enum Answers {
    Somebody { at: usize, peer: PeerId },
    Refuses,
    Nobody,
}

impl World {
    /// A dial ends after two round trips, that of the transport and that of the key exchange, and when
    /// both machines have worked off their side of the handshake.
    pub(crate) fn dial(&mut self, node: usize, id: DialId, to: Multiaddr, expect: Expect) {
        self.nodes[node].dials += 1;
        self.dialled += 1;
        if matches!(expect, Expect::Peer(peer) if self.nodes[node].is_connected(&peer)) {
            // A swarm does not dial whom it is connected to.
            return self.fail(node, id, DialFailure::Busy);
        }
        let round_trip = self.latency.round_trip(node, index_of(&to), &mut self.rng);
        let call = Call { id, to, expect, round_trip, started: self.now };
        self.after(round_trip + round_trip / 2, node, What::Arrives(call));
    }

    /// A dial comes to an address. Who answers there works off its side of the handshake, whether or
    /// not anybody still waits for that.
    pub(crate) fn arrive(&mut self, node: usize, call: Call) {
        let (now, dialled) = (self.now, index_of(&call.to));
        let answers = matches!(self.hosts.get(dialled), Some(Host::Node | Host::Stranger))
            && (self.reach)(node, dialled);
        let back = call.round_trip / 2;
        if !answers {
            return self.after(back, node, What::Dial(call.id, call.to, call.expect));
        }
        let work = self.machines.work(dialled, now);
        self.after(work + back, node, What::Answered(call));
    }

    /// The answer to a dial is back: the dialler works off its side, unless it has given up.
    pub(crate) fn answered(&mut self, node: usize, call: Call) {
        let now = self.now;
        if self.nodes[node].aborted.remove(&call.id) || now - call.started > TRANSPORT_TIMEOUT {
            return;
        }
        let work = self.machines.work(node, now);
        self.after(work, node, What::Dial(call.id, call.to, call.expect));
    }

    fn fail(&mut self, node: usize, id: DialId, failure: DialFailure) {
        let now = self.now;
        self.nodes[node].core.handle_dial_failure(id, failure, now);
    }

    pub(crate) fn finish_dial(&mut self, node: usize, id: DialId, to: &Multiaddr, expect: Expect) {
        if self.nodes[node].aborted.remove(&id) {
            return;
        }
        let dialled = index_of(to);
        let (at, peer) = match self.answers(node, dialled) {
            Answers::Somebody { at, peer } => (at, peer),
            Answers::Refuses => {
                let refused = Failure::Closed("connection refused".into());
                return self.fail(node, id, DialFailure::Failed(refused));
            }
            // The core's deadline ends it.
            Answers::Nobody => return,
        };
        let second = (self.now - self.start).as_secs();
        *self.handshakes.entry((dialled, second)).or_default() += 1;
        let expected = match expect {
            Expect::Peer(expected) | Expect::Again(expected) => expected == peer,
            Expect::Anyone => true,
            _ => false,
        };
        let now = self.now;
        self.nodes[at].core.handle_incoming(now);
        if expected && at != node {
            let link = Link { id: self.next_connection(), to: at, peer };
            self.connect(node, id, to, link);
        } else {
            self.fail(node, id, DialFailure::Identity(peer));
        }
    }

    /// Who answers a node at an address.
    fn answers(&mut self, node: usize, dialled: usize) -> Answers {
        if dialled >= self.hosts.len() || !(self.reach)(node, dialled) {
            return Answers::Nobody;
        }
        match self.hosts[dialled] {
            Host::Refusing => Answers::Refuses,
            Host::Stranger => Answers::Somebody { at: dialled, peer: identity(dialled, u32::MAX) },
            Host::Node if self.nodes[dialled].up => {
                Answers::Somebody { at: dialled, peer: self.nodes[dialled].peer }
            }
            Host::Balanced { first, count } => self.next_in_turn(dialled, first, count),
            Host::Node | Host::Silent => Answers::Nobody,
        }
    }

    fn next_in_turn(&mut self, balancer: usize, first: usize, count: usize) -> Answers {
        let up: Vec<_> = (first..first + count).filter(|n| self.nodes[*n].up).collect();
        let turn = self.turns.entry(balancer).or_default();
        *turn += 1;
        match up.get(*turn % up.len().max(1)) {
            Some(at) => Answers::Somebody { at: *at, peer: self.nodes[*at].peer },
            None => Answers::Refuses,
        }
    }

    fn next_connection(&mut self) -> ConnectionId {
        let serial = self.next_serial();
        ConnectionId::new_unchecked(usize::try_from(serial).expect("64 bits"))
    }

    fn connect(&mut self, from: usize, dial: DialId, dialled: &Multiaddr, link: Link) {
        let (now, Link { id, to, peer }) = (self.now, link);
        let dialler = self.nodes[from].peer;
        self.met.insert((from.min(to), from.max(to)), now);
        self.nodes[from].links.push(link);
        self.nodes[to].links.push(Link { id, to: from, peer: dialler });
        let direction = Direction::Dialled(Some(dial));
        self.nodes[from].core.handle_connected(id, peer, dialled, direction, now);
        // A stranger takes the connection, and makes nothing of it.
        if self.nodes[to].up {
            let ephemeral = Multiaddr::from(ip(from)).with(Protocol::Tcp(55_555));
            self.nodes[to].core.handle_connected(id, dialler, &ephemeral, Direction::Accepted, now);
            self.drain(to);
        }
        self.after(IDLE, from, What::Idle(id));
    }

    /// Tells the end of a connection to one side of it, if that side lives.
    pub(crate) fn disconnect(&mut self, node: usize, id: ConnectionId, peer: &PeerId, lost: bool) {
        let now = self.now;
        if !self.nodes[node].up {
            return;
        }
        let how = if lost { Closing::Lost } else { Closing::Orderly };
        self.nodes[node].core.handle_disconnected(id, peer, how, now);
        if lost && !self.nodes[node].is_connected(peer) {
            self.lost.insert((node, *peer), now);
        }
        self.drain(node);
    }

    pub(crate) fn close_idle(&mut self, node: usize, id: ConnectionId) {
        let Some(link) = self.nodes[node].take_link(id) else { return };
        if let Some(back) = self.nodes[link.to].take_link(id) {
            self.disconnect(link.to, id, &back.peer, false);
        }
        self.disconnect(node, id, &link.peer, false);
    }

    pub(crate) fn notice_death(&mut self, node: usize, id: ConnectionId) {
        if let Some(link) = self.nodes[node].take_link(id) {
            self.disconnect(node, id, &link.peer, true);
        }
    }
}
