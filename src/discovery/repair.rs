//! The island repair: meetings outside the selection.

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{Discovery, dials::Purpose};
use crate::{candidate::Candidate, event::Status, peers::VerifiedPeer};

/// How many random candidates are looked at before all of them are.
const RANDOM_TRIES: usize = 8;

impl Discovery {
    /// From time to time, meets one random candidate outside the selection. A connection that
    /// closes brings us back here.
    pub(super) fn repair(&mut self, now: Instant) {
        let met = |e: &VerifiedPeer| self.connections.is_connected(&e.peer);
        let outside = self.order.iter().any(|c| {
            !self.selected.contains(c) && !self.is_own(c) && !self.table.get(c).is_some_and(met)
        });
        if !outside || self.status != Status::Joined {
            self.repair_at = None;
            return;
        }
        if self.repair_at.is_some_and(|at| at <= now) {
            self.repair_at = None;
            self.repair_with_random(now);
        }
        if self.repair_at.is_none() {
            let pause = self.jitter(self.config.repair_interval);
            self.repair_at = Some(now + pause);
        }
        self.wake_at(self.repair_at);
    }

    fn repair_with_random(&mut self, now: Instant) {
        let Some(candidate) = self.random_outside(now) else { return };
        match self.table.get(&candidate) {
            Some(_) => self.meet(&candidate, now),
            None => {
                self.start_probe(&candidate, Purpose::Repair, now);
            }
        }
    }

    fn random_outside(&mut self, now: Instant) -> Option<Candidate> {
        // Nearly always, nearly all candidates will do: all are looked at only if none of a few does.
        for _ in 0..RANDOM_TRIES {
            let candidate = self.rng.choice(self.order.iter())?;
            if self.is_repair(candidate, now) {
                return Some(candidate.clone());
            }
        }
        let outside = self.order.iter().filter(|c| self.is_repair(c, now));
        let outside: Vec<&Candidate> = outside.collect();
        self.rng.choice(outside).cloned()
    }

    /// Whether to meet a candidate would tell something: it is outside the selection, not
    /// connected, not waiting for its back-off, and there is a way to it.
    fn is_repair(&self, candidate: &Candidate, now: Instant) -> bool {
        let of_no_use =
            |peer: &PeerId| self.connections.is_connected(peer) || self.is_disqualified(peer, now);
        let waits = |c| {
            let failed = self.tracks.get(c).and_then(|t| t.failed.as_ref());
            failed.is_some_and(|failed| failed.retry_at > now)
        };
        !self.selected.contains(candidate)
            && !self.is_own(candidate)
            && self.has_turn(candidate, now)
            && !candidate.pinned().is_some_and(|pinned| self.holds_place(pinned, candidate))
            && !candidate.pinned().is_some_and(|pinned| self.is_disqualified(pinned, now))
            && self.walkers[&candidate.family()].has_route()
            && self.host_has_room(candidate)
            && self.dials.of(candidate).is_none()
            && !self.table.get(candidate).is_some_and(|e| of_no_use(&e.peer))
            && !waits(candidate)
    }
}
