//! This node itself: the addresses by which it is reached, and the candidates that lead to it.

use std::{collections::HashSet, net::IpAddr, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use web_time::Instant;

use self::{
    candidates::{Ours, Signs},
    same_key::SameKey,
};
use super::{
    effect::{Effect, Effects},
    order::Order,
};
use crate::{
    candidate::{Candidate, Family},
    event::Failure,
    own_addresses::OwnAddresses,
};

mod candidates;
mod same_key;

/// Our identity and addresses, and the candidates that are ours.
#[derive(Debug)]
pub(super) struct Own {
    local: PeerId,
    addresses: OwnAddresses,
    /// Candidates that led to ourselves when they were last dialled, although neither the swarm nor the
    /// operator said that the address is ours.
    found: HashSet<Candidate>,
    /// Candidates at which another peer is verified, although their address was confirmed as an external
    /// one of ours: a handshake proves more than what others say.
    theirs: HashSet<Candidate>,
    same_key: SameKey,
    version: u64,
    candidates: Ours,
    /// The version of the order from which `candidates` were made.
    order: u64,
    /// The addresses and candidates of which something has changed since the last [`follow`](Self::follow).
    changed: Vec<Changed>,
}

/// Of what something has changed.
#[derive(Debug)]
enum Changed {
    /// All candidates that lead to an address.
    Address(Candidate),
    Candidate(Candidate),
}

impl Own {
    /// `configured` are the addresses that the operator says to be ours.
    pub(super) fn new(local: PeerId, configured: &[Multiaddr]) -> Self {
        let addresses = OwnAddresses::new(configured);
        Self {
            local,
            addresses,
            found: HashSet::new(),
            theirs: HashSet::new(),
            same_key: SameKey::default(),
            version: 1,
            candidates: Ours::default(),
            order: 0,
            changed: Vec::new(),
        }
    }

    pub(super) fn local(&self) -> &PeerId {
        &self.local
    }

    /// Differs whenever other candidates are ours, or this node listens in other families.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether something has changed since the last [`follow`](Self::follow).
    pub(super) fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Notes that a source names the address that has changed, though it may be no candidate. The status may
    /// follow from that.
    pub(super) fn renew(&mut self) {
        self.version += 1;
    }

    pub(super) fn listen(&mut self, address: &Candidate) {
        self.change(address, |addresses| addresses.listen(address.clone()));
    }

    pub(super) fn listen_expired(&mut self, address: &Candidate) {
        self.change(address, |addresses| addresses.listen_expired(address));
    }

    /// Notes that an address was confirmed as an external one of ours. Says whether it is ours by that.
    pub(super) fn external(&mut self, address: &Candidate) -> bool {
        let was_ours = self.addresses.contains(address);
        self.change(address, |addresses| addresses.external(address.clone()));
        !was_ours
    }

    pub(super) fn external_expired(&mut self, address: &Candidate) {
        self.change(address, |addresses| addresses.external_expired(address));
    }

    /// Changes an address. The swarm reports the same addresses again and again, so only a change is noted.
    fn change(&mut self, address: &Candidate, change: impl FnOnce(&mut OwnAddresses)) {
        let families = |own: &Self| Family::ALL.map(|family| own.is_of_ours(family));
        let before = (self.addresses.contains(address), families(self));
        change(&mut self.addresses);
        self.version += u64::from(families(self) != before.1);
        if self.addresses.contains(address) != before.0 {
            self.changed.push(Changed::Address(address.clone()));
        }
    }

    /// Notes that a candidate led to ourselves.
    pub(super) fn find(&mut self, candidate: Candidate) {
        self.give_back(&candidate);
        if self.found.insert(candidate.clone()) {
            self.changed.push(Changed::Candidate(candidate));
        }
    }

    /// Notes that another peer is verified at a candidate.
    pub(super) fn give(&mut self, candidate: Candidate) {
        if self.theirs.insert(candidate.clone()) {
            self.changed.push(Changed::Candidate(candidate));
        }
    }

    /// Notes that no peer is verified at a candidate any more. If the swarm says that the address is ours, the
    /// candidate is ours again.
    pub(super) fn give_back(&mut self, candidate: &Candidate) {
        if self.theirs.remove(candidate) {
            self.changed.push(Changed::Candidate(candidate.clone()));
        }
    }

    /// Notes that a candidate did not lead to ourselves, or that it is no candidate any more.
    pub(super) fn lose(&mut self, candidate: &Candidate) {
        if self.found.remove(candidate) || self.is_twin(candidate) {
            self.changed.push(Changed::Candidate(candidate.clone()));
        }
        self.same_key.forget(candidate);
    }

    /// Notes that a dial that began at an instant has met our identity at a candidate. To be called
    /// after [`find`](Self::find).
    pub(super) fn meet(
        &mut self,
        candidate: &Candidate,
        started: Instant,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) {
        let concerns = self.was_found(candidate) || self.is_twin(candidate);
        if concerns && self.same_key.meet(candidate, started, now, rng) {
            self.find(candidate.clone());
        }
    }

    /// Notes that a connection arrives here; says whether that tells us anything.
    pub(super) fn arrive(&mut self, now: Instant, rng: &mut fastrand::Rng) -> bool {
        let Some(ours) = self.same_key.arrive(now, rng) else { return false };
        ours.into_iter().for_each(|candidate| self.find(candidate));
        true
    }

    /// Notes that a dial to the candidate that [`next_look`](Self::next_look) named has begun, and how long it
    /// may take.
    pub(super) fn looked(
        &mut self,
        candidate: &Candidate,
        within: Duration,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) {
        self.same_key.looked(candidate, within, now, rng);
    }

    /// Reports each candidate where another node turns out to hold our key: the candidate is not ours.
    pub(super) fn poll(&mut self, now: Instant, rng: &mut fastrand::Rng, effects: &mut Effects) {
        while let Some(candidate) = self.same_key.next_twin(now, rng) {
            self.found.remove(&candidate);
            self.changed.push(Changed::Candidate(candidate.clone()));
            effects.push(Effect::TurnAway(candidate, Failure::SameKey));
        }
    }

    /// When to [poll](Self::poll) next.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.same_key.next_timeout()
    }

    /// Finds the candidates that are ours, if our addresses or the order have changed. To be called
    /// before any of the questions below is asked.
    pub(super) fn follow(&mut self, order: &Order) {
        let changed = std::mem::take(&mut self.changed);
        let mut candidates = std::mem::take(&mut self.candidates);
        let signs = Signs {
            is_own_address: &|c| self.is_own_address(c),
            was_found: &|c| self.was_found(c),
            is_twin: &|c| self.is_twin(c),
        };
        let is_news = if self.order == order.version() {
            let of = |changed: &Changed| match changed {
                Changed::Address(address) => order.spelled(address),
                Changed::Candidate(candidate) => {
                    order.contains(candidate).then(|| candidate.clone()).into_iter().collect()
                }
            };
            let changed: Vec<_> = changed.iter().flat_map(of).collect();
            candidates.update(&changed, order, &signs)
        } else {
            let before = std::mem::replace(&mut candidates, Ours::new(order, &signs));
            candidates != before
        };
        self.candidates = candidates;
        self.order = order.version();
        self.version += u64::from(is_news);
    }

    /// Whether an address is known to be ours, by what the swarm or the operator said; whether it is
    /// a candidate or not. An address that was only confirmed as an external one is ours unless another
    /// peer is verified there.
    pub(super) fn is_own_address(&self, candidate: &Candidate) -> bool {
        self.is_certain(candidate)
            || (self.addresses.contains(candidate) && !self.theirs.contains(candidate))
    }

    /// Whether an address is ours whatever answers there: we listen on it, or the operator said so.
    pub(super) fn is_certain(&self, candidate: &Candidate) -> bool {
        candidate.pinned() == Some(&self.local) || self.addresses.is_certain(candidate)
    }

    /// Whether an address was confirmed as an external one of ours, and nothing more.
    pub(super) fn is_only_confirmed(&self, candidate: &Candidate) -> bool {
        !self.is_certain(candidate) && self.addresses.contains(candidate)
    }

    /// Whether a candidate is ours: by its address, or because it led to ourselves when it was last dialled.
    pub(super) fn leads_here(&self, candidate: &Candidate) -> bool {
        self.is_own_address(candidate) || self.was_found(candidate)
    }

    /// Whether a candidate led to ourselves when it was last dialled.
    pub(super) fn was_found(&self, candidate: &Candidate) -> bool {
        !self.found.is_empty() && self.found.contains(candidate)
    }

    /// Whether another node holds our key at a candidate.
    pub(super) fn is_twin(&self, candidate: &Candidate) -> bool {
        self.same_key.is_twin(candidate)
    }

    /// Whether another node holds our key at any of them.
    pub(super) fn has_twin(&self) -> bool {
        self.same_key.has_twin()
    }

    /// Whether another node may hold our key at a candidate that is taken for ours. Dials to the candidate are
    /// to find that out.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.same_key.is_in_doubt()
    }

    /// The candidate to dial next, to see whether our own identity answers there, and when to dial it.
    pub(super) fn next_look(&self) -> Option<(Instant, &Candidate)> {
        self.same_key.next_look()
    }

    /// Whether a candidate leads to ourselves, as far as we know: by itself, or because another
    /// transport to the same host does.
    pub(super) fn is_own(&self, candidate: &Candidate) -> bool {
        self.candidates.contains(candidate)
    }

    /// Whether a candidate is ours by more than that it led to us when it was last dialled: by its
    /// address, or because another transport to its host leads to us.
    pub(super) fn is_own_undialled(&self, candidate: &Candidate, order: &Order) -> bool {
        self.candidates.contains_undialled(candidate, order)
    }

    /// The candidates that are ours, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        Family::ALL.into_iter().flat_map(|family| self.candidates.of(family))
    }

    /// How many candidates are ours.
    pub(super) fn len(&self) -> usize {
        Family::ALL.into_iter().map(|family| self.len_in(family)).sum()
    }

    /// How many candidates of a family are ours.
    pub(super) fn len_in(&self, family: Family) -> usize {
        self.candidates.of(family).len()
    }

    /// Whether peers that are named in a family count as other nodes: if this node listens in the family, or if
    /// the family is neither IPv4 nor IPv6. If the node listens in neither of the two, as behind a relay, both
    /// count.
    pub(super) fn is_of_ours(&self, family: Family) -> bool {
        let listens_in = |family| self.addresses.listening().any(|c| c.family() == family);
        match family {
            Family::V4 => listens_in(Family::V4) || !listens_in(Family::V6),
            Family::V6 => listens_in(Family::V6) || !listens_in(Family::V4),
            Family::Other => true,
        }
    }

    /// Whether this node listens at an IP address, on whichever port.
    pub(super) fn listens_at(&self, ip: IpAddr) -> bool {
        self.addresses.listening().any(|address| address.ip() == Some(ip))
    }

    /// The first of our candidates in a family.
    pub(super) fn first_in(&self, family: Family) -> Option<&Candidate> {
        self.candidates.of(family).first()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::candidate::Transports;

    fn c(address: &str) -> Candidate {
        Candidate::new(&address.parse().expect("an address"))
    }

    fn order(version: u64, all: &[&Candidate], group: &[&Candidate]) -> Order {
        let mut sorted: Vec<Candidate> = all.iter().map(|c| (*c).clone()).collect();
        sorted.sort();
        let group: Transports = group.iter().map(|c| (*c).clone()).collect();
        let groups = group.iter().map(|c| (c, group.clone()));
        Order::new(version, sorted.into(), groups, Vec::<Arc<[Candidate]>>::new())
    }

    const TCP: &str = "/ip4/10.0.0.1/tcp/1";
    const QUIC: &str = "/ip4/10.0.0.1/udp/1/quic-v1";
    const OTHER: &str = "/ip4/10.0.0.2/tcp/1";

    fn own() -> Own {
        Own::new(PeerId::random(), &[])
    }

    #[test]
    fn a_listen_address_is_ours_until_it_expires() {
        let (tcp, other) = (c(TCP), c(OTHER));
        let order = order(1, &[&tcp, &other], &[]);
        let mut own = own();
        own.listen(&tcp);
        own.follow(&order);
        assert!(own.is_own(&tcp) && !own.is_own(&other));
        assert_eq!((own.len(), own.first_in(Family::V4)), (1, Some(&tcp)));
        own.listen_expired(&tcp);
        own.follow(&order);
        assert_eq!((own.len(), own.first_in(Family::V4)), (0, None));
    }

    #[test]
    fn what_led_to_us_is_ours_with_its_other_transports_until_it_leads_elsewhere() {
        let (tcp, quic, other) = (c(TCP), c(QUIC), c(OTHER));
        let order = order(1, &[&tcp, &quic, &other], &[&quic, &tcp]);
        let mut own = own();
        own.find(tcp.clone());
        own.follow(&order);
        assert!(own.is_own(&tcp) && own.is_own(&quic) && !own.is_own(&other));
        assert!(own.is_own_undialled(&quic, &order) && !own.is_own_undialled(&tcp, &order));
        assert!(!own.is_own_address(&tcp) && own.leads_here(&tcp));
        own.lose(&tcp);
        own.follow(&order);
        assert_eq!(own.len(), 0);
    }

    #[test]
    fn a_candidate_that_is_pinned_to_us_is_ours() {
        let mut own = own();
        let pinned = c(&format!("{OTHER}/p2p/{}", own.local()));
        own.follow(&order(1, &[&pinned], &[]));
        assert!(own.is_own(&pinned));
    }

    #[test]
    fn another_order_is_followed() {
        let (tcp, other) = (c(TCP), c(OTHER));
        let mut own = own();
        own.listen(&tcp);
        own.follow(&order(1, &[&other], &[]));
        assert_eq!(own.len(), 0);
        own.follow(&order(2, &[&tcp, &other], &[]));
        assert_eq!(own.len(), 1);
    }

    #[test]
    fn the_version_tells_what_changed_and_nothing_else() {
        let (tcp, mut own) = (c(TCP), own());
        let order = order(1, &[&tcp], &[]);
        own.follow(&order);
        let before = own.version();
        own.lose(&tcp);
        own.follow(&order);
        assert_eq!(own.version(), before);
        own.find(tcp.clone());
        own.follow(&order);
        let found = own.version();
        assert_ne!(found, before);
        own.find(tcp.clone());
        own.follow(&order);
        assert_eq!(own.version(), found);
        own.external(&tcp);
        own.follow(&order);
        let confirmed = own.version();
        assert_ne!(confirmed, found);
        own.external(&tcp);
        own.follow(&order);
        assert_eq!(own.version(), confirmed, "it is ours all the while");
        own.listen(&tcp);
        own.follow(&order);
        let listening = own.version();
        assert_ne!(listening, confirmed, "the family is one in which we listen");
        own.listen(&tcp);
        own.follow(&order);
        own.external_expired(&tcp);
        own.follow(&order);
        assert_eq!(own.version(), listening);
    }
}
