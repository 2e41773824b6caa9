//! The addresses by which this node is known to be reached.

use std::{collections::HashMap, iter};

use libp2p_core::{Multiaddr, multiaddr::Protocol};
use web_time::Instant;

use super::Discovery;
use crate::{candidate::Candidate, filter::embedded_v4};

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

    /// Also where one of them is spelled as an IPv6 address to be translated to it.
    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.has(candidate) || plain(candidate).is_some_and(|plain| self.has(&plain))
    }

    fn has(&self, candidate: &Candidate) -> bool {
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

/// The IPv4 address to which a gateway may translate an IPv6 one, with what follows it.
fn plain(candidate: &Candidate) -> Option<Candidate> {
    let ip = embedded_v4(candidate.ip()?)?;
    let parts = candidate.address().iter().skip_while(|part| !matches!(part, Protocol::Ip6(_)));
    let address: Multiaddr = iter::once(Protocol::Ip4(ip)).chain(parts.skip(1)).collect();
    Some(Candidate::new(&address))
}

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
