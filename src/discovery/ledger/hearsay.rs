//! Claims about where a peer lives, which nobody has proved. A claim is a reason to dial, and never an entry.

use libp2p_identity::PeerId;

use super::{Context, Ledger};
use crate::candidate::Candidate;

/// The ledger, while it takes note of one thing that is said.
pub(in crate::discovery) struct Hearsay<'a, 'b> {
    ledger: &'a mut Ledger,
    cx: &'a mut Context<'b>,
}

impl<'a, 'b> Hearsay<'a, 'b> {
    pub(in crate::discovery) fn new(ledger: &'a mut Ledger, cx: &'a mut Context<'b>) -> Self {
        Self { ledger, cx }
    }

    /// A claim that nobody has proved says that a peer lives at a candidate. Returns whether a probe is to
    /// look at the candidate.
    pub(in crate::discovery) fn take_hint(&mut self, candidate: &Candidate) -> bool {
        if self.cx.own.is_own(candidate) {
            return false;
        }
        let (pause, now) = (self.cx.config.reverify_interval, self.cx.now);
        let is_dialled = (self.cx.is_dialled)(candidate);
        if let Some(old) = self.ledger.table.get(candidate).map(|e| e.peer) {
            // A peer that connects cannot have it checked again and again.
            if !is_dialled
                && !self.ledger.is_live_at(&old, candidate)
                && self.ledger.histories.of(candidate).takes_hint(pause, now)
            {
                self.ledger.table.check_at(candidate, now);
            }
            return false;
        }
        // If no peer, or no useful peer, was met there before: now and then. The back-off goes on
        // meanwhile, or the search would have no time for other candidates.
        self.ledger.failed(candidate).is_none()
            || self.ledger.histories.of(candidate).takes_hint(pause, now)
    }

    /// The candidates that it concerns if a peer connects from an address: those on its host, unless
    /// the peer is known to live there. A few, since a zone may name a host thousands of times.
    pub(in crate::discovery) fn hinted_by_host(
        &self,
        address: &Candidate,
        peer: &PeerId,
    ) -> Vec<Candidate> {
        let Some(ip) = address.ip() else { return Vec::new() };
        let at_host = self.cx.order.at_host(ip);
        if at_host.is_empty() || self.ledger.table.candidates_of(peer).any(|c| c.ip() == Some(ip)) {
            return Vec::new();
        }
        at_host.iter().take(self.cx.config.limits.probes_per_host.get()).cloned().collect()
    }

    /// The candidates that it concerns if a peer is said to live at an address.
    pub(in crate::discovery) fn hinted_by_claim(
        &self,
        address: &Candidate,
        peer: &PeerId,
    ) -> Vec<Candidate> {
        let mut concerned = self.ledger.concerned(address, peer, self.cx);
        concerned.retain(|c| self.ledger.table.get(c).is_none_or(|e| e.peer != *peer));
        concerned
    }
}
