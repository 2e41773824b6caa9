//! Whether a candidate may be tried, and whether it would be of use.

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{Discovery, dials::Dial};
use crate::{candidate::Candidate, selection::Selection};

impl Discovery {
    /// Whether nothing is known of a candidate yet.
    pub(super) fn is_untried(&self, candidate: &Candidate) -> bool {
        let tried = |c| self.tracks.get(c).is_some_and(|t| t.failed.is_some());
        !tried(candidate) && self.table.get(candidate).is_none() && !self.is_own(candidate)
    }

    /// Whether a dial to a candidate may start now, as far as the candidate itself is concerned.
    pub(super) fn may_try(&self, candidate: &Candidate, now: Instant) -> bool {
        let same_pin = |d: &Dial| {
            d.candidate.family() == candidate.family() && d.candidate.pinned() == candidate.pinned()
        };
        // Several addresses of one peer take one place: one after the other, then.
        let asked = candidate.pinned().is_some()
            && self.config.selection != Selection::All
            && self.dials.iter().any(|(_, dial)| same_pin(dial));
        !asked
            && self.dials.of(candidate).is_none()
            && self.table.get(candidate).is_none()
            && self.may_take_place(candidate, now)
            && self.has_turn(candidate, now)
            && self.host_has_room(candidate)
    }

    /// Whether a peer verified at a candidate would take a place.
    pub(super) fn may_take_place(&self, candidate: &Candidate, now: Instant) -> bool {
        let wanted = |pinned: &PeerId| {
            *pinned != self.local
                && !self.is_disqualified(pinned, now)
                && !self.holds_place(pinned, candidate)
        };
        let others = self.order.alternatives(candidate).iter().filter(|c| *c != candidate);
        // What once led to ourselves is tried again, but not by its other transports.
        !self.is_own_address(candidate)
            && !others.into_iter().any(|c| self.is_found_own(c))
            && candidate.pinned().is_none_or(wanted)
    }

    /// Whether a candidate is to be tried at all: a fallback has its turn when the better transport
    /// to its host has failed, or has not answered for as long as a stagger.
    pub(super) fn has_turn(&self, candidate: &Candidate, now: Instant) -> bool {
        let failed = |better| self.tracks.get(better).is_some_and(|t| t.failures > 0);
        let slow = |better| {
            self.dials.of(better).is_some_and(|(_, d)| d.started + self.config.stagger <= now)
        };
        self.order.preferred_to(candidate).is_none_or(|better| {
            self.table.get(better).is_none() && (failed(better) || slow(better))
        })
    }

    /// Whether a pinned peer is verified at another candidate of the family, so that one more
    /// address of it would take no place.
    pub(super) fn holds_place(&self, pinned: &PeerId, candidate: &Candidate) -> bool {
        !matches!(self.config.selection, Selection::All)
            && self.table.candidates_of(pinned).any(|c| c.family() == candidate.family())
    }
}
