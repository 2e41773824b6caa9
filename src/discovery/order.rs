//! The candidates in order: what all nodes with the same answers see alike.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    ops::Range,
    sync::{Arc, OnceLock},
};

use crate::candidate::{Candidate, Family, Transports, among};

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
    /// Where the candidates of each IP address are; made when it is first asked for.
    hosts: OnceLock<HashMap<IpAddr, Range<usize>>>,
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
        let (left_out, hosts) = (Default::default(), OnceLock::new());
        Self { version, sorted, families, left_out, transports, lists, hosts }
    }

    /// Notes how many more of each family are named than are held.
    pub(super) fn with_left_out(self, left_out: [usize; Family::ALL.len()]) -> Self {
        Self { left_out, ..self }
    }

    /// Differs from that of every other order of the node.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The candidates that another order does not have.
    pub(super) fn without(&self, other: &Self) -> Vec<Candidate> {
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

    /// The candidates that lead to the same place, whatever their pins.
    pub(super) fn at_address(&self, wanted: &Candidate) -> impl Iterator<Item = &Candidate> {
        let within = match wanted.ip() {
            Some(ip) => self.at_host(ip),
            None => self.family(Family::Other),
        };
        let (wanted, lowest) = (wanted.clone(), wanted.without_pin());
        // A candidate without a pin sorts before the same address with one.
        let start = within.partition_point(|c| *c < lowest);
        within[start..]
            .iter()
            .take_while(move |c| c.address() == lowest.address())
            .filter(move |c| c.is_same_place(&wanted))
    }

    /// Whether any candidate leads to an address, or to the host of one.
    pub(super) fn names(&self, address: &Candidate) -> bool {
        match address.ip() {
            Some(ip) => !self.at_host(ip).is_empty(),
            None => self.at_address(address).next().is_some(),
        }
    }

    /// The candidates at an IP address.
    pub(super) fn at_host(&self, ip: IpAddr) -> &[Candidate] {
        if self.sorted.is_empty() {
            return &[];
        }
        let hosts = self.hosts.get_or_init(|| by_host(&self.sorted));
        hosts.get(&ip).map_or(&[], |range| &self.sorted[range.clone()])
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
        let group = self.transports(candidate);
        let place = group.iter().position(|c| c == candidate);
        place.map_or(&[], |place| &group[place + 1..])
    }

    /// The same host's next better transport, to be tried before the candidate.
    pub(super) fn preferred_to(&self, candidate: &Candidate) -> Option<&Candidate> {
        let group = self.transports(candidate);
        let place = group.iter().position(|c| c == candidate)?;
        group[..place].last()
    }
}

/// Where the candidates of one family are: the order sorts by family first.
fn range_of(sorted: &[Candidate], family: Family) -> Range<usize> {
    let start = sorted.partition_point(|c| c.family() < family);
    start..sorted.partition_point(|c| c.family() <= family)
}

fn by_host(sorted: &[Candidate]) -> HashMap<IpAddr, Range<usize>> {
    let mut hosts = HashMap::new();
    let mut start = 0;
    for host in sorted.chunk_by(|a, b| a.ip() == b.ip()) {
        let end = start + host.len();
        if let Some(ip) = host[0].ip() {
            hosts.insert(ip, start..end);
        }
        start = end;
    }
    hosts
}

#[cfg(test)]
mod tests;
