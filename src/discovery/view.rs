//! What a room may read of other rooms: the order, our own addresses and the ledger; and the conclusions
//! for one candidate.

use std::time::Duration;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    disqualified::Disqualified, ledger::Ledger, names::Liveness, order::Order,
    output::CandidateState, own::Own, plan::Selected,
};
use crate::{
    candidate::{Candidate, Family},
    config::Config,
    filter::Rejection,
    selection::Selection,
};

/// A [`View`] of the hub's rooms. It is a macro because a method would borrow the whole hub, also the room
/// that is changed meanwhile.
macro_rules! view {
    ($hub:ident, $now:expr) => {
        View {
            config: &$hub.config,
            order: &$hub.order,
            own: &$hub.own,
            ledger: &$hub.ledger,
            disqualified: &$hub.disqualified,
            selection: $hub.selecting.selection(),
            interval: $hub.selecting.interval(&$hub.order, &$hub.config),
            now: $now,
        }
    };
}

pub(super) use view;

/// All that is known, to be read.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) config: &'a Config,
    pub(super) order: &'a Order,
    pub(super) own: &'a Own,
    pub(super) ledger: &'a Ledger,
    pub(super) disqualified: &'a Disqualified,
    /// The selection in force.
    pub(super) selection: Selection,
    /// How long a verification of a selected peer holds.
    pub(super) interval: Duration,
    pub(super) now: Instant,
}

impl View<'_> {
    /// Whether nothing is known of a candidate yet.
    pub(super) fn is_untried(&self, candidate: &Candidate) -> bool {
        self.ledger.untried().contains(candidate) && !self.own.is_own(candidate)
    }

    /// Whether a candidate's back-off has not passed.
    pub(super) fn waits(&self, candidate: &Candidate) -> bool {
        self.ledger.failed(candidate).is_some_and(|failed| failed.retry_at > self.now)
    }

    /// Whether a peer is passed over.
    pub(super) fn is_disqualified(&self, peer: &PeerId) -> bool {
        self.disqualified.contains(peer, self.now)
    }

    /// Whether a peer verified at a candidate would take a place.
    pub(super) fn may_take_place(&self, candidate: &Candidate) -> bool {
        let wanted = |pinned: &PeerId| self.may_take_place_by_pin(pinned, candidate);
        // What once led to ourselves is tried again, but not by its other transports.
        !self.own.is_own_undialled(candidate, self.order) && candidate.pinned().is_none_or(wanted)
    }

    /// The same, as far as it depends on the peer to which the candidate is pinned.
    pub(super) fn may_take_place_by_pin(&self, pinned: &PeerId, candidate: &Candidate) -> bool {
        pinned != self.own.local()
            && !self.is_disqualified(pinned)
            && !self.holds_place(pinned, candidate)
    }

    /// Whether a pinned peer is verified at another candidate of the family, so that one more
    /// address of it would take no place.
    pub(super) fn holds_place(&self, pinned: &PeerId, candidate: &Candidate) -> bool {
        self.selection.counts_peers() && self.ledger.is_in(pinned, candidate.family())
    }

    /// A peer is verified at this candidate. Of the transports to the same host, the best one by which this
    /// peer is verified.
    pub(super) fn best_transport<'b>(&'b self, candidate: &'b Candidate) -> &'b Candidate {
        let peer_at = |c: &Candidate| self.ledger.entry(c).map(|entry| entry.peer);
        let peer = peer_at(candidate);
        let mut transports = self.order.transports(candidate).iter();
        transports.find(|c| peer.is_some() && peer_at(c) == peer).unwrap_or(candidate)
    }

    /// Whether a peer is connected by a fallback to the transport of a candidate, and not by that.
    pub(super) fn is_by_fallback(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        let mut fallbacks = self.order.fallbacks_of(candidate).iter();
        fallbacks.any(|c| self.ledger.is_dialled_at(peer, c))
            && !self.ledger.is_dialled_at(peer, candidate)
    }

    /// Whether a peer in a family was verified within two intervals, or is connected there.
    pub(super) fn was_verified_lately(&self, family: Family) -> bool {
        let lately = |at: Instant| at + self.interval * 2 > self.now;
        let is_live = |peer: &PeerId| {
            let candidates = self.ledger.candidates_of(peer);
            candidates.filter(|c| c.family() == family).any(|c| self.ledger.is_live_at(peer, c))
        };
        self.ledger.last_verified(family).is_some_and(lately)
            || self.ledger.live().iter().any(is_live)
    }

    /// Whether other candidates than ours are named.
    pub(super) fn has_others(&self) -> bool {
        self.order.len() > self.own.len()
    }

    /// What is known of a candidate, for the judgement of an answer that leaves it out.
    pub(super) fn liveness(&self, candidate: &Candidate, selected: &Selected) -> Liveness {
        let entry = self.ledger.entry(candidate);
        Liveness {
            lives: entry.is_some_and(|e| self.ledger.is_live_at(&e.peer, candidate)),
            failures: self.ledger.failures(candidate),
            verified: entry.map(|e| e.last_verified),
            selected: self.ledger.takes_place(candidate, selected),
        }
    }
}

/// All candidates in order with what is known of each; those that the filter rejected last.
pub(super) fn all<'a>(
    order: &'a Order,
    own: &'a Own,
    ledger: &'a Ledger,
    rejected: impl Iterator<Item = (&'a Candidate, &'a Rejection)>,
) -> impl Iterator<Item = (&'a Candidate, CandidateState)> {
    let live = order.iter().map(|c| (c, state_of(c, own, ledger)));
    live.chain(rejected.map(|(c, why)| (c, CandidateState::Rejected(why.clone()))))
}

/// What is known of a candidate, to be told.
pub(super) fn state_of(candidate: &Candidate, own: &Own, ledger: &Ledger) -> CandidateState {
    if own.is_own(candidate) {
        return CandidateState::Itself;
    }
    if let Some(entry) = ledger.entry(candidate) {
        return CandidateState::Verified { peer: entry.peer, rtt: ledger.rtt(candidate) };
    }
    // A candidate that was only postponed has not failed.
    match ledger.failed(candidate).filter(|_| ledger.failures(candidate) > 0) {
        Some(failed) => CandidateState::Unreachable(failed.reason.clone()),
        None => CandidateState::Unknown,
    }
}

#[cfg(test)]
mod tests;
