//! The candidates in order. All nodes with the same answers have the same order.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use libp2p_identity::PeerId;

use crate::{
    candidate::{Candidate, Family, Transports, among},
    filter::spellings,
};

/// The candidates of all sources, sorted and without duplicates. A value: it is replaced, and never
/// changed.
#[derive(Debug, Default)]
pub(super) struct Order {
    version: u64,
    sorted: Arc<[Candidate]>,
    families: [Range<usize>; Family::ALL.len()],
    /// How many more of each family are named than are held.
    left_out: [usize; Family::ALL.len()],
    /// Of each candidate whose record names several transports to its host: these, in order of
    /// preference.
    transports: HashMap<Candidate, Transports>,
    /// What each source names.
    lists: Vec<Arc<[Candidate]>>,
}

impl Order {
    /// Of candidates that are sorted and without duplicates. `transports` says of candidates whose
    /// record names several transports to its host which ones; each candidate stands there once.
    pub(super) fn new<'a>(
        version: u64,
        sorted: Arc<[Candidate]>,
        transports: impl Iterator<Item = (&'a Candidate, Transports)>,
        lists: Vec<Arc<[Candidate]>>,
    ) -> Self {
        let families = Family::ALL.map(|family| range_of(&sorted, family));
        let within = |(candidate, group): (&'a Candidate, Transports)| {
            let group = among(&group, |c| sorted.binary_search(c).is_ok());
            let is_one = group.len() > 1 && group.contains(candidate);
            is_one.then(|| (candidate.clone(), group))
        };
        let transports = transports.filter_map(within).collect();
        let left_out = Default::default();
        Self { version, sorted, families, left_out, transports, lists }
    }

    /// Notes how many more of each family are named than are held.
    pub(super) fn with_left_out(self, left_out: [usize; Family::ALL.len()]) -> Self {
        Self { left_out, ..self }
    }

    /// Differs from that of every other order of the node.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Becomes another order. Returns the candidates that are gone, and those that are new.
    pub(super) fn become_next(&mut self, next: Self) -> (Vec<Candidate>, Vec<Candidate>) {
        let before = std::mem::replace(self, next);
        (before.without(self), self.without(&before))
    }

    /// The candidates that another order does not have.
    fn without(&self, other: &Self) -> Vec<Candidate> {
        let mut others = other.iter().peekable();
        let is_left = |candidate: &&Candidate| {
            while others.next_if(|other| other < candidate).is_some() {}
            others.peek() != Some(candidate)
        };
        self.iter().filter(is_left).cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Candidate> {
        self.sorted.iter()
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.sorted.binary_search(candidate).is_ok()
    }

    /// The candidates of one family.
    pub(super) fn family(&self, family: Family) -> &[Candidate] {
        &self.sorted[self.families[family.index()].clone()]
    }

    /// How many of a family are named, held or not.
    pub(super) fn named(&self, family: Family) -> usize {
        self.family(family).len() + self.left_out[family.index()]
    }

    /// What each source names of a family; sources that name nothing of it are left out.
    pub(super) fn lists_of(&self, family: Family) -> Vec<&[Candidate]> {
        let part = |list: &'_ Arc<[Candidate]>| range_of(list, family);
        let parts = self.lists.iter().map(|list| &list[part(list)]);
        parts.filter(|part| !part.is_empty()).collect()
    }

    /// The candidates that lead to the same place, whatever their pins. One without a pin comes first.
    pub(super) fn at_address(&self, wanted: &Candidate) -> &[Candidate] {
        let of_family = self.family(wanted.family());
        // Through a relay, the pin is a part of the way.
        if wanted.is_relayed() {
            let place = of_family.binary_search(wanted);
            return place.map_or(&[], |place| &of_family[place..=place]);
        }
        let lowest = wanted.without_pin();
        let after = &of_family[of_family.partition_point(|c| *c < lowest)..];
        &after[..after.partition_point(|c| c.is_at_address_of(&lowest))]
    }

    /// The candidates that lead to an address, also where one of them spells an IPv4 address as an IPv6
    /// one, to be translated to it.
    pub(super) fn spelled(&self, address: &Candidate) -> Vec<Candidate> {
        let of_family = self.family(Family::V6);
        let spelled = |ips: RangeInclusive<Ipv6Addr>| {
            let (low, high) = (IpAddr::V6(*ips.start()), IpAddr::V6(*ips.end()));
            let start = of_family.partition_point(|c| c.ip() < Some(low));
            let end = of_family.partition_point(|c| c.ip() <= Some(high));
            &of_family[start..end]
        };
        let spellings = match address.ip() {
            Some(IpAddr::V4(ip)) => spellings(ip).into_iter().collect(),
            _ => Vec::new(),
        };
        let spelled = spellings.into_iter().flat_map(spelled);
        self.at_address(address).iter().chain(spelled).cloned().collect()
    }

    /// The candidate at an address that is pinned to a peer.
    pub(super) fn pinned_at(&self, address: &Candidate, peer: &PeerId) -> Option<&Candidate> {
        let there = self.at_address(address);
        let place = there.binary_search_by(|c| c.pinned().cmp(&Some(peer))).ok()?;
        Some(&there[place])
    }

    /// Whether any candidate leads to an address, or to the host of one.
    pub(super) fn names(&self, address: &Candidate) -> bool {
        match address.ip() {
            Some(ip) => !self.at_host(ip).is_empty(),
            None => !self.at_address(address).is_empty(),
        }
    }

    /// The candidates at an IP address.
    pub(super) fn at_host(&self, ip: IpAddr) -> &[Candidate] {
        let family = if ip.is_ipv4() { Family::V4 } else { Family::V6 };
        let (of_family, ip) = (self.family(family), Some(ip));
        let after = &of_family[of_family.partition_point(|c| c.ip() < ip)..];
        &after[..after.partition_point(|c| c.ip() == ip)]
    }

    /// The candidates of one family, host by host; where there is no IP address, address by address.
    pub(super) fn hosts(&self, family: Family) -> impl Iterator<Item = &[Candidate]> {
        let mut rest = self.family(family);
        std::iter::from_fn(move || {
            let first = rest.first()?;
            let is_same = |c: &Candidate| match first.ip() {
                Some(ip) => c.ip() == Some(ip),
                None => c.is_at_address_of(first),
            };
            let (host, others) = rest.split_at(rest.partition_point(is_same));
            rest = others;
            Some(host)
        })
    }

    /// The hosts at which several peers may live: those with several ports, unless these are the
    /// transports of one record.
    pub(super) fn crowded(&self) -> HashSet<IpAddr> {
        let is_crowded = |host: &&[Candidate]| {
            let (first, others) = (&host[0], &host[1..]);
            let is_apart =
                |c: &Candidate| c.port() != first.port() && !self.transports(first).contains(c);
            others.iter().any(is_apart)
        };
        let hosts = self.sorted.chunk_by(|a, b| a.ip() == b.ip()).filter(is_crowded);
        hosts.filter_map(|host| host[0].ip()).collect()
    }

    /// The transports to the candidate's host that its record names, itself among them, in order of
    /// preference; none if there is but one.
    pub(super) fn transports(&self, candidate: &Candidate) -> &[Candidate] {
        self.transports.get(candidate).map_or(&[], |group| group)
    }

    /// The candidates that are one of several transports to their host, each with all of these.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&Candidate, &[Candidate])> {
        self.transports.iter().map(|(candidate, group)| (candidate, &**group))
    }

    /// The transports to the candidate's host that are tried after it.
    pub(super) fn fallbacks_of(&self, candidate: &Candidate) -> &[Candidate] {
        self.around(candidate).1
    }

    /// The transports to the candidate's host that are tried before it.
    pub(super) fn better_than(&self, candidate: &Candidate) -> &[Candidate] {
        self.around(candidate).0
    }

    /// The same host's next better transport, to be tried before the candidate.
    pub(super) fn preferred_to(&self, candidate: &Candidate) -> Option<&Candidate> {
        self.better_than(candidate).last()
    }

    /// The transports to the candidate's host before it, and those after it.
    fn around(&self, candidate: &Candidate) -> (&[Candidate], &[Candidate]) {
        let group = self.transports(candidate);
        let place = group.iter().position(|c| c == candidate);
        place.map_or((&[], &[]), |place| (&group[..place], &group[place + 1..]))
    }
}

/// Of a set of candidates, those between the first and the last of a part of an order.
pub(super) fn within<'a>(
    set: &'a BTreeSet<Candidate>,
    part: &[Candidate],
) -> impl Iterator<Item = &'a Candidate> + use<'a> {
    let ends = part.first().zip(part.last());
    ends.map(|(first, last)| set.range(first..=last)).into_iter().flatten()
}

/// Where the candidates of one family are: the order sorts by family first.
fn range_of(sorted: &[Candidate], family: Family) -> Range<usize> {
    let start = sorted.partition_point(|c| c.family() < family);
    start..sorted.partition_point(|c| c.family() <= family)
}

#[cfg(test)]
mod tests;
