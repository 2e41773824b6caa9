//! The swarm's connections, as far as they say who lives where.

use std::collections::HashMap;

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use crate::candidate::Candidate;

/// A connection of the swarm, whoever opened it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// The remote's address; its port means nothing if it dialled us.
    remote: Candidate,
    dialled: bool,
    pub(super) since: Instant,
}

impl Connection {
    pub(super) fn new(remote: Candidate, dialled: bool, since: Instant) -> Self {
        Self { remote, dialled, since }
    }

    /// Whether the connection shows that its remote lives at the candidate: it was dialled there,
    /// or leads to the same host.
    pub(super) fn is_at(&self, candidate: &Candidate) -> bool {
        (self.dialled && candidate.is_same_place(&self.remote))
            || candidate.ip().is_some_and(|ip| self.remote.ip() == Some(ip))
    }
}

#[derive(Debug, Default)]
pub(super) struct Connections(HashMap<PeerId, HashMap<ConnectionId, Connection>>);

impl Connections {
    pub(super) fn open(&mut self, peer: PeerId, id: ConnectionId, connection: Connection) {
        self.0.entry(peer).or_default().insert(id, connection);
    }

    /// Removes a connection; returns it, and whether it was the last one to its peer.
    pub(super) fn close(&mut self, peer: &PeerId, id: ConnectionId) -> Option<(Connection, bool)> {
        let of_peer = self.0.get_mut(peer)?;
        let connection = of_peer.remove(&id)?;
        let last = of_peer.is_empty();
        if last {
            self.0.remove(peer);
        }
        Some((connection, last))
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = &PeerId> {
        self.0.keys()
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.0.contains_key(peer)
    }

    pub(super) fn is_live_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.0.get(peer).is_some_and(|of_peer| of_peer.values().any(|c| c.is_at(candidate)))
    }
}
