//! The addresses by which other nodes reach this node.

use std::{collections::HashMap, iter};

use libp2p_core::{Multiaddr, multiaddr::Protocol};

use crate::{
    candidate::{Candidate, OrderKey},
    filter::embedded_v4,
};

/// The addresses of this node, each with the parties that say so: the operator, the swarm's listeners, and
/// the behaviours that confirmed an external address. An address ceases to be ours when no party says so
/// any more.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses(HashMap<OrderKey, Vec<Owned>>);

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
    pub(crate) fn new(configured: &[Multiaddr]) -> Self {
        let mut own = Self::default();
        for address in configured {
            own.of(Candidate::new(address)).configured = true;
        }
        own
    }

    /// Whether an address is one of this node's, also if it is spelled as an IPv6 address that a gateway
    /// translates to one of them.
    pub(crate) fn contains(&self, candidate: &Candidate) -> bool {
        let any = |_: &Owned| true;
        self.has(candidate, any) || plain(candidate).is_some_and(|plain| self.has(&plain, any))
    }

    /// The same, but only if the operator or a listener says so: a confirmation as an external address does
    /// not count.
    pub(crate) fn is_certain(&self, candidate: &Candidate) -> bool {
        let is_certain = |owned: &Owned| owned.configured || owned.listeners > 0;
        self.has(candidate, is_certain)
            || plain(candidate).is_some_and(|plain| self.has(&plain, is_certain))
    }

    fn has(&self, candidate: &Candidate, which: impl Fn(&Owned) -> bool) -> bool {
        let is_it = |owned: &Owned| candidate.is_same_place(&owned.candidate) && which(owned);
        self.0.get(&candidate.key()).is_some_and(|there| there.iter().any(is_it))
    }

    pub(crate) fn listen(&mut self, candidate: Candidate) {
        self.of(candidate).listeners += 1;
    }

    pub(crate) fn listen_expired(&mut self, candidate: &Candidate) {
        let owned = self.of(candidate.clone());
        owned.listeners = owned.listeners.saturating_sub(1);
        self.clean(candidate);
    }

    pub(crate) fn external(&mut self, candidate: Candidate) {
        self.of(candidate).external = true;
    }

    pub(crate) fn external_expired(&mut self, candidate: &Candidate) {
        self.of(candidate.clone()).external = false;
        self.clean(candidate);
    }

    /// The addresses that listeners report, in no particular order.
    pub(crate) fn listening(&self) -> impl Iterator<Item = &Candidate> {
        let all = self.0.values().flatten();
        all.filter(|owned| owned.listeners > 0).map(|owned| &owned.candidate)
    }

    /// The addresses that were confirmed as external, in no particular order.
    #[cfg(feature = "publish")]
    pub(crate) fn confirmed(&self) -> impl Iterator<Item = &Candidate> {
        let all = self.0.values().flatten();
        all.filter(|owned| owned.external).map(|owned| &owned.candidate)
    }

    fn of(&mut self, candidate: Candidate) -> &mut Owned {
        let there = self.0.entry(candidate.key()).or_default();
        let known = there.iter().position(|owned| owned.candidate == candidate);
        let index = known.unwrap_or_else(|| {
            let owned = Owned { candidate, configured: false, listeners: 0, external: false };
            there.push(owned);
            there.len() - 1
        });
        &mut there[index]
    }

    fn clean(&mut self, candidate: &Candidate) {
        if let Some(there) = self.0.get_mut(&candidate.key()) {
            there.retain(|owned| owned.configured || owned.external || owned.listeners > 0);
            if there.is_empty() {
                self.0.remove(&candidate.key());
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
