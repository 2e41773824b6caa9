//! The hosts that a source names: what is known of their addresses, and what follows those.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    num::NonZeroUsize,
};

use hickory_proto::rr::{Name, RecordType};
use libp2p_core::Multiaddr;

use super::{origin::Origin, outcome::Named};
use crate::{
    candidate::{Candidate, Family, Transports},
    pool::{self, Pool},
    resolver::Query,
    source::Families,
};

/// Every host is looked up once, however many records name it, and its addresses are combined with
/// what those records say only in the end.
///
/// What it holds is bounded for all answers of a refresh together, since each of them may lead to
/// many others.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    /// How many records one answer may carry.
    records: NonZeroUsize,
    by_name: BTreeMap<Name, KnownHost>,
    uses: usize,
    ips: usize,
    /// Addresses that needed no look-up.
    direct: BTreeMap<Family, BTreeMap<Candidate, Origin>>,
}

#[derive(Debug, Clone, Default)]
struct KnownHost {
    asked: Vec<RecordType>,
    /// Whether addresses came along with an SRV record.
    has_glue: bool,
    ips: BTreeSet<IpAddr>,
    /// Each with the questions that led to its record.
    uses: BTreeMap<Use, Origin>,
    /// Whether it stands for all the targets of SRV records, whose own names say more.
    whole: bool,
}

/// One record's, or the source's, way to reach a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    v4: bool,
    v6: bool,
    /// What follows the IP address, in order of preference. Not empty.
    suffixes: Vec<Multiaddr>,
}

impl Hosts {
    pub(super) fn new(records: NonZeroUsize) -> Self {
        Self { records, by_name: BTreeMap::new(), uses: 0, ips: 0, direct: BTreeMap::new() }
    }

    /// Adds an address that needs no look-up. Of each family the lowest are kept, as many as an answer
    /// may carry; says whether all are.
    pub(super) fn add_address(&mut self, candidate: Candidate, origin: &Origin) -> bool {
        let direct = self.direct.entry(candidate.family()).or_default();
        direct.entry(candidate).or_default().join(origin);
        let fits = direct.len() <= self.records.get();
        if !fits {
            direct.pop_last();
        }
        fits
    }

    /// Adds a way to reach a host, unless there are as many as an answer may carry; says whether it is
    /// known.
    pub(super) fn add_use(
        &mut self,
        name: Name,
        families: Families,
        suffixes: Vec<Multiaddr>,
        origin: &Origin,
    ) -> bool {
        let types = families.record_types();
        let [v4, v6] = [RecordType::A, RecordType::AAAA].map(|family| types.contains(&family));
        let host = self.by_name.entry(name).or_default();
        let new = Use { v4, v6, suffixes };
        if let Some(known) = host.uses.get_mut(&new) {
            known.join(origin);
            return true;
        }
        let fits = self.uses < self.records.get();
        if fits {
            self.uses += 1;
            host.uses.insert(new, origin.clone());
        }
        fits
    }

    /// Adds the host that has the addresses of all targets of a source's SRV records.
    pub(super) fn add_whole(&mut self, name: Name, suffixes: Vec<Multiaddr>, origin: &Origin) {
        self.by_name.entry(name.clone()).or_default().whole = true;
        self.add_use(name, Families::Both, suffixes, origin);
    }

    /// Adds addresses of a host, the lowest first, until there are twice as many as an answer may
    /// carry: once for each family. Says whether all are known.
    pub(super) fn add_ips(&mut self, name: Name, ips: BTreeSet<IpAddr>) -> bool {
        let host = self.by_name.entry(name).or_default();
        let most = self.records.get().saturating_mul(2);
        let mut all = true;
        for ip in ips {
            if self.ips < most {
                self.ips += usize::from(host.ips.insert(ip));
            } else {
                all &= host.ips.contains(&ip);
            }
        }
        all
    }

    /// Whether addresses of the host are known.
    pub(super) fn is_known(&self, name: &Name) -> bool {
        self.by_name.get(name).is_some_and(|host| !host.ips.is_empty())
    }

    pub(super) fn is_asked(&self, name: &Name, record_type: RecordType) -> bool {
        self.by_name.get(name).is_some_and(|host| host.asked.contains(&record_type))
    }

    pub(super) fn note_asked(&mut self, name: &Name, record_type: RecordType) {
        self.by_name.entry(name.clone()).or_default().asked.push(record_type);
    }

    /// Notes that addresses of the host came along with an SRV record, in a whole answer.
    pub(super) fn note_glue(&mut self, name: &Name) {
        self.by_name.entry(name.clone()).or_default().has_glue = true;
    }

    /// What to ask for because glue lacks it, each a name and a type. Where any host has addresses of
    /// both families, that is all that the others lack. Where none has, one host is asked for in place of
    /// all, or each target of a cluster of one family would cost a look-up.
    pub(super) fn lacking(&self) -> Vec<(Name, RecordType)> {
        let glued = || self.by_name.iter().filter(|(_, host)| host.has_glue);
        let lacks = |of| glued().filter(move |(_, host)| !host.has(of));
        let all_of = |of| lacks(of).map(move |(name, _)| (name.clone(), of));
        let types = [RecordType::A, RecordType::AAAA];
        if glued().any(|(_, host)| types.iter().all(|of| host.has(*of))) {
            return types.into_iter().flat_map(all_of).collect();
        }
        let is_tried = |of: &RecordType| lacks(*of).any(|(_, host)| host.asked.contains(of));
        let untried = types.into_iter().filter(|of| !is_tried(of));
        untried.filter_map(|of| all_of(of).next()).collect()
    }

    /// Whether a host has a use and no address.
    pub(super) fn has_hollow(&self) -> bool {
        self.by_name.values().any(|host| !host.uses.is_empty() && host.ips.is_empty())
    }

    /// All candidates, sorted, without duplicates: of each family as many as an answer may carry
    /// records, for each transport. A few records could name one host with many ports and another
    /// with many addresses, and the product is not bounded by the size of any answer. Returns that
    /// bound, too, where it cut something off.
    pub(super) fn candidates(&self, pool: &Pool) -> (Vec<Named>, Option<usize>) {
        let uses = self.by_name.values().flat_map(|host| host.uses.keys());
        let transports = uses.map(|of| of.suffixes.len()).max().unwrap_or(1);
        let most = self.records.get().saturating_mul(transports);
        let mut cut = false;
        let direct = |(candidate, origin): (&Candidate, &Origin)| Named {
            candidate: candidate.clone(),
            origin: origin.clone(),
            transports: None,
        };
        let mut all: Vec<_> = self.direct.values().flatten().map(direct).collect();
        let mut pool = pool.open();
        let hosts: Vec<_> =
            self.by_name.iter().map(|(name, host)| Reached::new(name, host)).collect();
        let by_address = by_address(&hosts);
        let (v4, v6) = by_address.split_at(by_address.partition_point(|at| at.ip.is_ipv4()));
        for family in [v4, v6] {
            cut |= expand(family, most, &mut pool, &mut all);
        }
        merge(&mut all);
        drop_unpinned(&mut all);
        cut |= keep_lowest(&mut all, most);
        (all, cut.then_some(most))
    }
}

/// A host and the ways to reach it.
#[derive(Debug)]
struct Reached<'a> {
    host: &'a KnownHost,
    ways: Vec<Way<'a>>,
}

/// A way to reach a host at its addresses of one type.
#[derive(Debug)]
struct Way<'a> {
    of: &'a Use,
    /// Of these addresses: `A` or `AAAA`.
    is_v4: bool,
    origin: Origin,
}

/// A host at one of its addresses.
#[derive(Debug)]
struct At<'a> {
    ip: IpAddr,
    /// As the record spells it.
    named: IpAddr,
    reached: &'a Reached<'a>,
}

impl KnownHost {
    /// Whether addresses of this type are known.
    fn has(&self, of: RecordType) -> bool {
        self.ips.iter().any(|ip| ip.is_ipv4() == (of == RecordType::A))
    }
}

impl<'a> Reached<'a> {
    fn new(name: &Name, host: &'a KnownHost) -> Self {
        let mut ways = Vec::new();
        for of in [RecordType::A, RecordType::AAAA].into_iter().filter(|of| host.has(*of)) {
            let (question, is_v4) = (Query::new(name.clone(), of), of == RecordType::A);
            let uses = host.uses.iter().filter(|(of, _)| if is_v4 { of.v4 } else { of.v6 });
            let way = |(of, origin): (&'a Use, &Origin)| Way {
                of,
                is_v4,
                origin: origin.with(&question),
            };
            ways.extend(uses.map(way));
        }
        Self { host, ways }
    }

    /// The ways that take this address.
    fn ways_to(&self, ip: IpAddr) -> impl Iterator<Item = &Way<'a>> {
        self.ways.iter().filter(move |way| way.is_v4 == ip.is_ipv4())
    }
}

/// The hosts at each address, in the order of candidates.
fn by_address<'a>(hosts: &'a [Reached<'a>]) -> Vec<At<'a>> {
    let mut all = Vec::new();
    for reached in hosts {
        let at = |&named: &IpAddr| At { ip: named.to_canonical(), named, reached };
        all.extend(reached.host.ips.iter().map(at));
    }
    all.sort_by_key(|at| at.ip);
    // Else one endpoint would be two candidates, which differ by the name for TLS.
    if hosts.iter().any(|reached| reached.host.whole) {
        let is_whole = |at: &At<'_>| at.reached.host.whole;
        let own_name: HashSet<_> = all.iter().filter(|at| !is_whole(at)).map(|at| at.ip).collect();
        all.retain(|at| !(is_whole(at) && own_name.contains(&at.ip)));
    }
    all
}

/// Appends the candidates of one family, and stops after the address with which they are enough.
/// Returns whether addresses were left.
fn expand(family: &[At<'_>], most: usize, pool: &mut pool::Open<'_>, all: &mut Vec<Named>) -> bool {
    let enough = all.len().saturating_add(most);
    let mut here = Vec::new();
    for hosts in family.chunk_by(|a, b| a.ip == b.ip) {
        let is_used = |at: &At<'_>| at.reached.ways_to(at.named).next().is_some();
        if all.len() >= enough && hosts.iter().any(is_used) {
            return true;
        }
        for at in hosts {
            for way in at.reached.ways_to(at.named) {
                way.add(at.named, pool, &mut here);
            }
        }
        // Several records may name one address: only what differs counts.
        merge(&mut here);
        all.append(&mut here);
    }
    false
}

impl Way<'_> {
    fn add(&self, ip: IpAddr, pool: &mut pool::Open<'_>, to: &mut Vec<Named>) {
        let mut candidates = self.of.suffixes.iter().map(|suffix| pool.get(ip, suffix));
        let named =
            |candidate, transports| Named { candidate, origin: self.origin.clone(), transports };
        if self.of.suffixes.len() == 1 {
            to.extend(candidates.next().map(|candidate| named(candidate, None)));
            return;
        }
        let transports: Transports = candidates.collect();
        to.extend(transports.iter().map(|c| named(c.clone(), Some(transports.clone()))));
    }
}

/// Sorts, and keeps one of those that are equal: the one whose record names the fewest or lowest
/// transports. All questions that named it led to it.
fn merge(all: &mut Vec<Named>) {
    all.sort_unstable_by(|a, b| (&a.candidate, &a.transports).cmp(&(&b.candidate, &b.transports)));
    all.dedup_by(|later, first| {
        let same = later.candidate == first.candidate;
        if same {
            first.origin.join(&later.origin);
        }
        same
    });
}

/// Drops what is also there with a pin. In the order, an unpinned address stands right before the
/// pinned ones.
fn drop_unpinned(all: &mut Vec<Named>) {
    let pinned_next: Vec<_> =
        all.windows(2).map(|pair| pair[0].candidate.is_at_address_of(&pair[1].candidate)).collect();
    let mut pinned_next = pinned_next.into_iter();
    all.retain(|named| {
        let pinned_next = pinned_next.next().unwrap_or(false);
        named.candidate.pinned().is_some() || !pinned_next
    });
}

/// Keeps so many of each family. Returns whether any were dropped.
fn keep_lowest(all: &mut Vec<Named>, most: usize) -> bool {
    let before = all.len();
    let mut kept = BTreeMap::<Family, usize>::new();
    all.retain(|named| {
        let kept = kept.entry(named.candidate.family()).or_default();
        *kept += 1;
        *kept <= most
    });
    all.len() < before
}
