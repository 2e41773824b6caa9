//! The verification of those who are in the table already.

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    Discovery,
    dials::{Expect, Purpose, Room},
};
use crate::{candidate::Candidate, config::Identify};

/// How much more rarely an entry is verified that is not selected.
const UNSELECTED: u32 = 10;

impl Discovery {
    /// Verifies the entries that are due.
    pub(super) fn check_entries(&mut self, now: Instant) {
        while let Some((at, candidate)) = self.table.next_check() {
            if at > now {
                return self.wake_at(Some(at));
            }
            let candidate = candidate.clone();
            match self.check_entry(&candidate, now) {
                Room::Free => {}
                // The end of one of the dials under way wakes us.
                Room::Full => return,
                Room::Until(at) => return self.wake_at(Some(at)),
            }
        }
    }

    fn check_entry(&mut self, candidate: &Candidate, now: Instant) -> Room {
        let Some(peer) = self.table.get(candidate).map(|e| e.peer) else { return Room::Free };
        let contradicted = self.tracks.get(candidate).is_some_and(|t| t.contradicted.is_some());
        if self.connections.is_live_at(&peer, candidate) && !contradicted {
            // Its connection is its verification; the close of it plans the next check.
            self.tracks.of(candidate).stays();
            self.table.touch(candidate, now);
            self.table.rest(candidate);
            return Room::Free;
        }
        let next = self.next_check(candidate, now);
        if self.dials.of(candidate).is_none() && !self.is_disqualified(&peer, now) {
            let Some(expect) = self.expect_again(candidate, peer) else {
                self.table.check_at(candidate, next);
                return Room::Free;
            };
            let room = self.dials.room(Purpose::Check, now);
            if room != Room::Free {
                return room;
            }
            self.start_dial(candidate, expect, Purpose::Check, now);
        }
        self.table.check_at(candidate, next);
        Room::Free
    }

    /// What a dial expects that verifies an entry. One that is selected is connected to. Of others
    /// it is enough to know who lives there; and a dial to a peer that is connected elsewhere would
    /// be refused, so that it is probed, or left alone where probes are not wanted.
    fn expect_again(&self, candidate: &Candidate, peer: PeerId) -> Option<Expect> {
        let connected = self.connections.is_connected(&peer);
        let connect = self.selected.contains(candidate);
        let probe = self.config.identify == Identify::Probe && !candidate.is_relayed();
        match (connected, probe) {
            (true, true) => Some(Expect::Probe),
            (true, false) => None,
            (false, true) if !connect => Some(Expect::Probe),
            (false, _) => Some(Expect::Peer(peer)),
        }
    }

    /// When an entry is to be verified next: selected ones every interval, others far more rarely,
    /// and so those whose peer is connected, if not by this address.
    pub(super) fn next_check(&mut self, candidate: &Candidate, now: Instant) -> Instant {
        let connected_elsewhere = self.table.get(candidate).is_some_and(|e| {
            self.connections.is_connected(&e.peer)
                && !self.connections.is_live_at(&e.peer, candidate)
        });
        let interval = self.reverify_interval();
        let interval = if self.selected.contains(candidate) && !connected_elsewhere {
            interval
        } else {
            interval * UNSELECTED
        };
        now + self.jitter(interval)
    }
}
