//! Hints: where a connected peer seems to live is looked at, and not believed.

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    Discovery,
    dials::{Purpose, Room},
};
use crate::{candidate::Candidate, event::Failure};

impl Discovery {
    /// Somebody connected from an address. Its host is that of a candidate, perhaps: then there is
    /// reason to look there now, but not to believe anything yet.
    pub(super) fn hint_host(&mut self, address: &Candidate, peer: PeerId, now: Instant) {
        let Some(ip) = address.ip() else { return };
        if self.table.candidates_of(&peer).any(|c| c.ip() == Some(ip)) {
            return;
        }
        let most = self.config.limits.probes_per_host.get();
        let at_host: Vec<_> = self.order.at_host(ip).iter().take(most).cloned().collect();
        for candidate in at_host {
            self.hint(&candidate, now);
        }
    }

    /// A connected peer is said to live at an address.
    pub(super) fn hint_address(&mut self, address: &Candidate, peer: PeerId, now: Instant) {
        for candidate in self.concerned(address, &peer) {
            if self.table.get(&candidate).is_none_or(|e| e.peer != peer) {
                self.hint(&candidate, now);
            }
        }
    }

    pub(super) fn hint(&mut self, candidate: &Candidate, now: Instant) {
        if self.is_own(candidate) {
            return;
        }
        let under_way = self.dials.of(candidate).is_some();
        match self.table.get(candidate).map(|e| e.peer) {
            Some(old) if !under_way && !self.connections.is_live_at(&old, candidate) => {
                self.hint_entry(candidate, now);
            }
            Some(_) => {}
            // Somebody answers there who is of no use: whoever connects does not change that.
            None if self.was_turned_away(candidate) && !self.takes_hint(candidate, now) => {}
            None => {
                if !under_way {
                    self.tracks.retry_by(candidate, now);
                }
                // Peers that connected to us are worth knowing, for Kademlia above all; but in a large
                // cluster everybody connects to the lowest.
                if self.table.len() + self.hints.len() < self.config.limits.hinted {
                    self.hints.insert(candidate.clone());
                }
            }
        }
    }

    /// Has an entry verified now, but not again and again at the bidding of whoever connects.
    fn hint_entry(&mut self, candidate: &Candidate, now: Instant) {
        if self.takes_hint(candidate, now) {
            self.table.check_at(candidate, now);
        }
    }

    /// Whether it is long enough since the last hint for a candidate that such are heeded again.
    fn takes_hint(&mut self, candidate: &Candidate, now: Instant) -> bool {
        let pause = self.config.reverify_interval;
        let track = self.tracks.of(candidate);
        let takes = track.hinted.is_none_or(|at| at + pause <= now);
        if takes {
            track.hinted = Some(now);
        }
        takes
    }

    fn was_turned_away(&self, candidate: &Candidate) -> bool {
        let failed = self.tracks.get(candidate).and_then(|track| track.failed.as_ref());
        failed.is_some_and(|failed| {
            matches!(
                failed.reason,
                Failure::Shared
                    | Failure::PinMismatch(_)
                    | Failure::Refused(_)
                    | Failure::Stranger(_)
            )
        })
    }

    /// Looks where connected peers seem to live, with what room is left.
    pub(super) fn follow_hints(&mut self, now: Instant) {
        // A dial that is under way may have begun before there was anybody. If it fails, there is still
        // the hint.
        let idle = self.hints.iter().filter(|c| self.dials.of(c).is_none());
        for candidate in idle.cloned().collect::<Vec<_>>() {
            self.hints.remove(&candidate);
            if !self.is_worth_a_look(&candidate) {
                continue;
            }
            match self.start_probe(&candidate, Purpose::Hint, now) {
                Room::Free => {}
                room => {
                    self.hints.insert(candidate);
                    if let Room::Until(at) = room {
                        self.wake_at(Some(at));
                    }
                    return;
                }
            }
        }
    }

    /// Whether a hint that had to wait is one still.
    fn is_worth_a_look(&self, candidate: &Candidate) -> bool {
        self.table.get(candidate).is_none()
            && self.order.contains(candidate)
            && !self.is_own(candidate)
            && self.host_has_room(candidate)
    }
}
