//! What the swarm's connections show: who is there, and for how long that holds.

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;

use super::{Context, Ledger, connections::Connection, judge::Judge};
use crate::{
    candidate::Candidate,
    discovery::{effect::Effect, output::Closing},
    event::{Event, Failure},
    pace::jitter,
};

/// The ledger, while it takes note of one connection.
pub(in crate::discovery) struct Presence<'a, 'b> {
    ledger: &'a mut Ledger,
    cx: &'a mut Context<'b>,
}

impl<'a, 'b> Presence<'a, 'b> {
    pub(in crate::discovery) fn new(ledger: &'a mut Ledger, cx: &'a mut Context<'b>) -> Self {
        Self { ledger, cx }
    }

    /// A connection was opened. Entries of its peer that it proves are fresh.
    pub(in crate::discovery) fn connected(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Candidate,
        dialled: bool,
    ) {
        self.ledger.connections.open(
            peer,
            id,
            Connection::new(remote.clone(), dialled, self.cx.now),
        );
        self.follow_peer(&peer);
        let live = self.ledger.table.candidates_of(&peer);
        let live: Vec<_> = live.filter(|c| self.ledger.is_live_at(&peer, c)).cloned().collect();
        for candidate in live {
            self.ledger.table.touch(&candidate, self.cx.now);
            self.cx.effects.push(Effect::Route(candidate.family()));
        }
    }

    /// A connection closed. Says whether anything may follow from it.
    pub(in crate::discovery) fn closed(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        how: Closing,
    ) -> bool {
        let closed = self.ledger.connections.close(peer, id);
        self.follow_peer(peer);
        match closed {
            Some((connection, true)) => {
                let concerns = self.ledger.has_entry(peer)
                    || self.ledger.connected_without_entry.contains(peer);
                self.last_closed(peer, &connection, how);
                concerns
            }
            Some((connection, false)) => self.one_closed(peer, &connection, how),
            None => false,
        }
    }

    fn follow_peer(&mut self, peer: &PeerId) {
        let is_passed_over = self.cx.disqualified.contains(peer, self.cx.now);
        self.ledger.follow_peer(peer, is_passed_over);
    }

    /// One of several connections to a peer closed. Where that one led, the peer is verified by a
    /// dial from now on: at once unless it was there until the end.
    fn one_closed(&mut self, peer: &PeerId, connection: &Connection, how: Closing) -> bool {
        let is_at = |c: &Candidate| connection.is_at(c, self.ledger.is_crowded(c));
        let led_to = |c: &&Candidate| is_at(c) && !self.ledger.is_live_at(peer, c);
        let candidates: Vec<_> =
            self.ledger.table.candidates_of(peer).filter(led_to).cloned().collect();
        let follows = self.follow_protocols(peer);
        for candidate in &candidates {
            let pause = if how == Closing::Orderly {
                self.ledger.table.touch(candidate, self.cx.now);
                self.ledger.plan_check(candidate, self.cx.selected, self.cx.interval, self.cx.rng)
            } else {
                jitter(self.cx.config.retry_base, self.cx.rng)
            };
            self.ledger.table.check_at(candidate, self.cx.now + pause);
        }
        follows || !candidates.is_empty()
    }

    /// The last connection to a peer closed.
    fn last_closed(&mut self, peer: &PeerId, connection: &Connection, how: Closing) {
        if self.ledger.connected_without_entry.remove(peer) {
            self.cx.effects.tell(Event::Gone { peer: *peer });
        }
        let long_lived = connection.is_long_lived(self.cx.now);
        let candidates: Vec<_> = self.ledger.table.candidates_of(peer).cloned().collect();
        for candidate in &candidates {
            let was_there = connection.is_at(candidate, self.ledger.is_crowded(candidate));
            if was_there && how == Closing::Orderly {
                self.ledger.table.touch(candidate, self.cx.now);
            }
            if was_there && long_lived {
                self.ledger.histories.of(candidate).answers().stays(peer);
            }
            self.ledger.table.note_connected(candidate, self.cx.now);
            // At once unless the peer was there until the end, and within an interval otherwise, so that
            // no identity is believed in for long that is no more.
            let is_doubtful = how != Closing::Orderly && long_lived;
            let at_once = is_doubtful || self.ledger.is_contradicted(candidate);
            let pause = jitter(
                if at_once { self.cx.config.retry_base } else { self.cx.interval },
                self.cx.rng,
            );
            self.ledger.table.check_at(candidate, self.cx.now + pause);
            if how == Closing::Lost && self.cx.selected.get(candidate) == Some(peer) {
                self.cx.effects.push(Effect::LookSooner);
            }
        }
    }

    /// What a connected peer is known to speak has changed, perhaps. Says whether anything follows: entries
    /// ended, or candidates may be tried again.
    pub(in crate::discovery) fn follow_protocols(&mut self, peer: &PeerId) -> bool {
        match self.ledger.connections.speaks(peer) {
            Some(true) => return self.ledger.histories.retry_turned_away(peer, self.cx.now),
            Some(false) => {
                let entered: Vec<_> = self.ledger.table.candidates_of(peer).cloned().collect();
                for candidate in &entered {
                    Judge::new(self.ledger, self.cx).turn_away(candidate, Failure::Stranger(*peer));
                }
                return !entered.is_empty();
            }
            None => {}
        }
        false
    }
}
