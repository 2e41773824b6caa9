//! The swarm's connections, as far as they say who lives where.

use std::{collections::HashMap, time::Duration};

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use super::Discovery;
use crate::{candidate::Candidate, event::Event};

/// A connection that breaks sooner than this earns no early verification, or a peer that closes
/// every connection at once would be dialled without end.
const SHORT_LIVED: Duration = Duration::from_secs(10);

/// A connection of the swarm, whoever opened it.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// The remote's address; its port means nothing if it dialled us.
    remote: Candidate,
    dialled: bool,
    /// Whether the remote speaks the required protocol, once it has said so.
    speaks: Option<bool>,
    pub(super) since: Instant,
}

impl Connection {
    pub(super) fn new(remote: Candidate, dialled: bool, since: Instant) -> Self {
        Self { remote, dialled, speaks: None, since }
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

    /// Notes whether the remote of a connection speaks the required protocol. Says whether that is
    /// news.
    pub(super) fn note(&mut self, peer: &PeerId, id: ConnectionId, speaks: bool) -> bool {
        let connection = self.0.get_mut(peer).and_then(|of_peer| of_peer.get_mut(&id));
        connection.is_some_and(|c| c.speaks.replace(speaks) != Some(speaks))
    }

    /// Whether a connected peer speaks the required protocol, by what it said on any connection.
    pub(super) fn speaks(&self, peer: &PeerId) -> Option<bool> {
        self.0.get(peer)?.values().filter_map(|connection| connection.speaks).max()
    }

    pub(super) fn is_live_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.0.get(peer).is_some_and(|of_peer| of_peer.values().any(|c| c.is_at(candidate)))
    }
}

impl Discovery {
    /// A new connection: the peer's entries that it proves are fresh.
    pub(super) fn touch_live(&mut self, peer: &PeerId, now: Instant) {
        let live: Vec<_> = self
            .table
            .candidates_of(peer)
            .filter(|c| self.connections.is_live_at(peer, c))
            .cloned()
            .collect();
        for candidate in live {
            self.table.touch(&candidate, now);
            self.walker(candidate.family()).note_route();
        }
    }

    /// One of several connections to a peer closed. Where that one led, the peer is verified by a
    /// dial from now on: at once if the connection broke.
    pub(super) fn note_closed(
        &mut self,
        peer: &PeerId,
        connection: &Connection,
        lost: bool,
        now: Instant,
    ) {
        let led_to = |c: &&Candidate| connection.is_at(c) && !self.connections.is_live_at(peer, c);
        let candidates: Vec<_> = self.table.candidates_of(peer).filter(led_to).cloned().collect();
        self.follow_protocols(peer, now);
        for candidate in candidates {
            let at = if lost {
                now + self.jitter(self.config.retry_base)
            } else {
                self.table.touch(&candidate, now);
                self.next_check(&candidate, now)
            };
            self.table.check_at(&candidate, at);
            self.dirty = true;
        }
    }

    /// The last connection to a peer closed.
    pub(super) fn note_disconnected(
        &mut self,
        peer: &PeerId,
        connection: &Connection,
        lost: bool,
        now: Instant,
    ) {
        self.note_unidentified(peer, now);
        if self.lingering.remove(peer) {
            self.tell(Event::Gone { peer: *peer });
        }
        let long_lived = now.saturating_duration_since(connection.since) >= SHORT_LIVED;
        let candidates: Vec<_> = self.table.candidates_of(peer).cloned().collect();
        for candidate in candidates {
            if connection.is_at(&candidate) && !lost {
                self.table.touch(&candidate, now);
            }
            if connection.is_at(&candidate) && long_lived {
                self.tracks.of(&candidate).stays();
            }
            self.table.note_connected(&candidate, now);
            let at = self.check_after_close(&candidate, lost && long_lived, now);
            self.table.check_at(&candidate, at);
            if lost && self.selected.contains(&candidate) {
                self.hasten();
            }
        }
    }

    /// When to verify an entry whose peer is no longer connected: at once if its connection broke,
    /// and within an interval otherwise, so that no identity is believed in for long that is no more.
    fn check_after_close(&mut self, candidate: &Candidate, broke: bool, now: Instant) -> Instant {
        let contradicted = self.tracks.get(candidate).is_some_and(|t| t.contradicted.is_some());
        let pause = match broke || contradicted {
            true => self.config.retry_base,
            false => self.reverify_interval(),
        };
        now + self.jitter(pause)
    }
}
