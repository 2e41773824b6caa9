//! The addresses by which this node is known to be reached, and which candidates they are.

use libp2p_core::Multiaddr;
use web_time::Instant;

use super::Discovery;
use crate::candidate::Candidate;

impl Discovery {
    /// Takes note that we listen on an address.
    pub fn handle_listen_address(&mut self, address: &Multiaddr, now: Instant) {
        self.own.listen(Candidate::new(address));
        self.note_own_address(&Candidate::new(address), now);
    }

    /// Takes note that we no longer listen on an address.
    pub fn handle_listen_address_expired(&mut self, address: &Multiaddr) {
        self.own.listen_expired(&Candidate::new(address));
        self.note_expired_address();
    }

    /// Takes note that an address was confirmed as an external one of ours.
    pub fn handle_external_address(&mut self, address: &Multiaddr, now: Instant) {
        self.own.external(Candidate::new(address));
        self.note_own_address(&Candidate::new(address), now);
    }

    /// Takes note that an address is no longer an external one of ours.
    pub fn handle_external_address_expired(&mut self, address: &Multiaddr) {
        self.own.external_expired(&Candidate::new(address));
        self.note_expired_address();
    }

    fn note_expired_address(&mut self) {
        for walker in self.walkers.values_mut() {
            walker.start_over();
        }
        self.note_own_changed();
        self.stale_order |= self.told_bounded;
        self.dirty = true;
    }

    /// The candidates changed, or which of them are ours.
    pub(super) fn note_own_changed(&mut self) {
        self.stale_listed = true;
        for walker in self.walkers.values_mut() {
            walker.own_place = None;
            walker.replan();
        }
    }

    fn note_own_address(&mut self, address: &Candidate, now: Instant) {
        let held = self.order.at_address(address).filter(|c| self.table.get(c).is_some());
        for candidate in held.cloned().collect::<Vec<_>>() {
            self.find_itself(&candidate, now);
        }
        self.note_own_changed();
        // Our own place may decide who is held.
        self.stale_order |= self.told_bounded;
        self.dirty = true;
    }

    /// Whether an address is known to be ours, by what the swarm or the operator said.
    pub(super) fn is_own_address(&self, candidate: &Candidate) -> bool {
        self.own.contains(candidate) || candidate.pinned() == Some(&self.local)
    }

    /// Whether a candidate leads to ourselves, as far as we know: by itself, or because another
    /// transport to the same host does.
    pub(super) fn is_own(&self, candidate: &Candidate) -> bool {
        self.is_found_own(candidate)
            || self.order.alternatives(candidate).iter().any(|c| self.is_found_own(c))
    }

    pub(super) fn is_found_own(&self, candidate: &Candidate) -> bool {
        self.is_own_address(candidate)
            || self.tracks.get(candidate).is_some_and(|t| t.itself.is_some())
    }
}
