//! The addresses by which this node is known to be reached.

use std::collections::HashMap;

use libp2p_core::Multiaddr;

use crate::candidate::Candidate;

/// The addresses that are ours, each by whoever says so. An address ceases to be ours when nobody
/// says so any more.
#[derive(Debug, Default)]
pub(super) struct OwnAddresses(HashMap<Multiaddr, Vec<Owned>>);

#[derive(Debug)]
struct Owned {
    candidate: Candidate,
    configured: bool,
    /// How many listeners report it.
    listeners: usize,
    /// Confirmed as external; the swarm says so anew with every confirmation.
    external: bool,
}

impl OwnAddresses {
    pub(super) fn new(configured: &[Multiaddr]) -> Self {
        let mut own = Self::default();
        for address in configured {
            own.of(Candidate::new(address)).configured = true;
        }
        own
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        let same = |owned: &Owned| candidate.is_same_place(&owned.candidate);
        self.0.get(candidate.address()).is_some_and(|of_address| of_address.iter().any(same))
    }

    pub(super) fn listen(&mut self, candidate: Candidate) {
        self.of(candidate).listeners += 1;
    }

    pub(super) fn listen_expired(&mut self, candidate: &Candidate) {
        let owned = self.of(candidate.clone());
        owned.listeners = owned.listeners.saturating_sub(1);
        self.clean(candidate);
    }

    pub(super) fn external(&mut self, candidate: Candidate) {
        self.of(candidate).external = true;
    }

    pub(super) fn external_expired(&mut self, candidate: &Candidate) {
        self.of(candidate.clone()).external = false;
        self.clean(candidate);
    }

    fn of(&mut self, candidate: Candidate) -> &mut Owned {
        let of_address = self.0.entry(candidate.address().clone()).or_default();
        let known = of_address.iter().position(|owned| owned.candidate == candidate);
        let index = known.unwrap_or_else(|| {
            let owned = Owned { candidate, configured: false, listeners: 0, external: false };
            of_address.push(owned);
            of_address.len() - 1
        });
        &mut of_address[index]
    }

    fn clean(&mut self, candidate: &Candidate) {
        if let Some(of_address) = self.0.get_mut(candidate.address()) {
            of_address.retain(|owned| owned.configured || owned.external || owned.listeners > 0);
            if of_address.is_empty() {
                self.0.remove(candidate.address());
            }
        }
    }
}
