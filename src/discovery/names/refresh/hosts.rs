//! The hosts that a source names: their addresses as far as they are known, and what follows from them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    mem,
    net::IpAddr,
    num::NonZeroUsize,
    sync::Arc,
};

use hickory_proto::rr::{Name, RecordType};
use libp2p_core::Multiaddr;

use super::{list::List, named::Named, origin::Origin};
use crate::{
    candidate::{Candidate, Family, Rest, Transports},
    name::Key,
    pool::{self, Pool},
    resolver::Query,
    source::Families,
};

/// The types of records that carry addresses.
const TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Every host is looked up once, however many records name it. Its addresses are combined with the ports and
/// transports of these records only in the end.
///
/// The bounds hold for all answers of a refresh together, because each answer may lead to many others.
#[derive(Debug)]
pub(super) struct Hosts {
    /// How many records one answer may carry.
    records: NonZeroUsize,
    by_name: BTreeMap<Key, KnownHost>,
    uses: usize,
    ips: usize,
    /// Addresses that needed no look-up.
    direct: BTreeMap<Family, BTreeMap<Candidate, Origin>>,
    /// Whether a host has addresses of both families, or had them before.
    is_dual: bool,
}

#[derive(Debug, Default)]
struct KnownHost {
    asked: Vec<RecordType>,
    /// Whether addresses came along with an SRV record.
    has_glue: bool,
    /// Its addresses of each of [`TYPES`].
    lists: [Option<List>; TYPES.len()],
    uses: BTreeSet<Use>,
    /// Whether it stands for all the targets of SRV records, whose own names say more.
    whole: bool,
}

/// One record's, or the source's, way to reach a host.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    v4: bool,
    v6: bool,
    /// What follows the IP address, in order of preference. Not empty.
    suffixes: Vec<Multiaddr>,
}

impl Hosts {
    pub(super) fn new(records: NonZeroUsize) -> Self {
        let (by_name, direct) = Default::default();
        Self { records, by_name, uses: 0, ips: 0, direct, is_dual: false }
    }

    /// Adds an address that needs no look-up. Each family keeps as many of them as an answer may carry records,
    /// the lowest. Returns whether all were kept.
    pub(super) fn add_address(&mut self, candidate: Candidate, origin: &Origin) -> bool {
        let direct = self.direct.entry(candidate.family()).or_default();
        direct.entry(candidate).or_default().join(origin);
        let fits = direct.len() <= self.records.get();
        if !fits {
            direct.pop_last();
        }
        fits
    }

    /// Adds a way to reach a host, unless there are as many ways as an answer may carry records. Returns
    /// whether the way is known now.
    pub(super) fn add_use(
        &mut self,
        name: Name,
        families: Families,
        suffixes: Vec<Multiaddr>,
    ) -> bool {
        let types = families.record_types();
        let [v4, v6] = [RecordType::A, RecordType::AAAA].map(|family| types.contains(&family));
        let host = self.by_name.entry(Key(name)).or_default();
        let new = Use { v4, v6, suffixes };
        if self.uses >= self.records.get() {
            return host.uses.contains(&new);
        }
        self.uses += usize::from(host.uses.insert(new));
        true
    }

    /// Adds the host that has the addresses of all targets of a source's SRV records.
    pub(super) fn add_whole(&mut self, name: Name, suffixes: Vec<Multiaddr>) {
        self.by_name.entry(Key(name.clone())).or_default().whole = true;
        self.add_use(name, Families::Both, suffixes);
    }

    /// Adds addresses of a host, the lowest first, until all hosts together have twice as many as an answer may
    /// carry records (once for each family). Returns whether all of these addresses are known now.
    pub(super) fn add_ips(&mut self, name: Name, list: List, of: RecordType) -> bool {
        let host = self.by_name.entry(Key(name)).or_default();
        let room = self.records.get().saturating_mul(2) - self.ips;
        let known = &mut host.lists[place_of(of)];
        let before = known.as_ref().map_or(0, |known| known.len());
        let (now, all) = match known.as_ref() {
            None if list.len() <= room => (list, true),
            known => list.added_to(known, room),
        };
        self.ips += now.len() - before;
        *known = (now.len() > 0).then_some(now);
        all
    }

    fn host(&self, name: &Name) -> Option<&KnownHost> {
        self.by_name.get(&Key(name.clone()))
    }

    /// Whether addresses of the host are known.
    pub(super) fn is_known(&self, name: &Name) -> bool {
        self.host(name).is_some_and(KnownHost::is_known)
    }

    pub(super) fn is_asked(&self, name: &Name, record_type: RecordType) -> bool {
        self.host(name).is_some_and(|host| host.asked.contains(&record_type))
    }

    pub(super) fn note_asked(&mut self, name: &Name, record_type: RecordType) {
        self.by_name.entry(Key(name.clone())).or_default().asked.push(record_type);
    }

    /// Notes that addresses of the host came along with an SRV record, in a whole answer.
    pub(super) fn note_glue(&mut self, name: &Name) {
        self.by_name.entry(Key(name.clone())).or_default().has_glue = true;
        self.note_addresses(name);
    }

    /// Notes that addresses of a host have come. Says whether they are the first to show that hosts of the
    /// source have addresses of both families.
    pub(super) fn note_addresses(&mut self, name: &Name) -> bool {
        let is_dual = |host: &KnownHost| TYPES.into_iter().all(|of| host.has(of));
        self.host(name).is_some_and(is_dual) && !mem::replace(&mut self.is_dual, true)
    }

    /// Notes that a host had addresses of both families before.
    pub(super) fn note_dual(&mut self) {
        self.is_dual = true;
    }

    /// Whether a host has addresses of both families, or had them before.
    pub(super) fn is_dual(&self) -> bool {
        self.is_dual
    }

    /// The questions that would complete glue and were not asked, in order.
    pub(super) fn lacking(&self) -> Vec<Query> {
        let glued = self.by_name.iter().filter(|(_, host)| host.has_glue);
        let lack = glued.flat_map(|(name, host)| {
            let lacks = TYPES.into_iter().filter(|of| !host.has(*of) && !host.asked.contains(of));
            lacks.map(|of| Query::new(name.0.clone(), of))
        });
        lack.collect()
    }

    /// The questions for addresses of hosts that have a use and no address.
    pub(super) fn hollow(&self) -> impl Iterator<Item = Query> {
        let is_hollow = |host: &KnownHost| !host.uses.is_empty() && !host.is_known();
        let hollow = self.by_name.iter().filter(move |(_, host)| is_hollow(host));
        hollow.flat_map(|(name, host)| host.asked.iter().map(|of| Query::new(name.0.clone(), *of)))
    }

    /// All candidates, sorted, without duplicates. Returns a bound with them if some candidates were left out.
    ///
    /// Each address of a host is combined with each way to reach the host. A few records could name one host
    /// with many ports and with many addresses, and no answer is as large as the product. So there is a bound
    /// on the candidates of each family: the number of records that one answer may carry, times the largest
    /// number of transports that one record names. The lowest candidates are kept.
    pub(super) fn candidates(&self, pool: &Pool) -> (Vec<Named>, Option<usize>) {
        let uses = self.by_name.values().flat_map(|host| &host.uses);
        let transports = uses.map(|of| of.suffixes.len()).max().unwrap_or(1);
        let most = self.records.get().saturating_mul(transports);
        let mut cut = false;
        let direct = |(candidate, origin): (&Candidate, &Origin)| Named {
            candidate: candidate.clone(),
            origin: origin.clone(),
            transports: None,
        };
        let mut all = Vec::with_capacity(self.ips);
        all.extend(self.direct.values().flatten().map(direct));
        let mut pool = pool.open();
        let known = self.by_name.iter().filter(|(_, host)| host.is_known());
        let hosts: Vec<_> =
            known.map(|(name, host)| Reached::new(&name.0, host, &mut pool)).collect();
        let by_address = by_address(&hosts);
        pool.reserve(by_address.len());
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

/// The place of a type among [`TYPES`].
fn place_of(record_type: RecordType) -> usize {
    usize::from(record_type == RecordType::AAAA)
}

/// A host, and what names its addresses.
#[derive(Debug)]
struct Reached<'a> {
    host: &'a KnownHost,
    /// Its ways, and what follows its addresses by each of them.
    uses: Vec<(&'a Use, Vec<Arc<Rest>>)>,
    origins: [Origin; 2],
}

/// A host at one of its addresses.
#[derive(Debug)]
struct At<'a> {
    ip: IpAddr,
    /// As the record spells it.
    named: IpAddr,
    reached: &'a Reached<'a>,
    origin: &'a Origin,
}

impl KnownHost {
    /// Whether addresses of this type are known.
    fn has(&self, of: RecordType) -> bool {
        self.lists[place_of(of)].is_some()
    }

    /// Whether addresses are known.
    fn is_known(&self) -> bool {
        self.lists.iter().any(Option::is_some)
    }

    fn ips(&self) -> impl Iterator<Item = IpAddr> {
        self.lists.iter().flatten().flat_map(|list| list.iter())
    }

    fn ip_count(&self) -> usize {
        self.lists.iter().flatten().map(|list| list.len()).sum()
    }
}

impl<'a> Reached<'a> {
    fn new(name: &Name, host: &'a KnownHost, pool: &mut pool::Open<'_>) -> Self {
        let origins = TYPES.map(|of| match host.has(of) {
            true => Origin::of(Query::new(name.clone(), of)),
            false => Origin::default(),
        });
        let mut rests = |of: &'a Use| of.suffixes.iter().map(|s| pool.rest(s)).collect();
        let uses = host.uses.iter().map(|of| (of, rests(of))).collect();
        Self { host, uses, origins }
    }

    fn at(&self, named: IpAddr) -> At<'_> {
        let origin = &self.origins[usize::from(named.is_ipv6())];
        At { ip: named.to_canonical(), named, reached: self, origin }
    }
}

impl At<'_> {
    /// What follows the address, by each of the ways that take one of its family.
    fn uses(&self) -> impl Iterator<Item = &[Arc<Rest>]> {
        let is_v4 = self.named.is_ipv4();
        let takes = move |of: &Use| if is_v4 { of.v4 } else { of.v6 };
        self.reached.uses.iter().filter(move |(of, _)| takes(of)).map(|(_, rests)| &rests[..])
    }

    /// Appends its candidates by one of the ways.
    fn add(&self, rests: &[Arc<Rest>], pool: &mut pool::Open<'_>, to: &mut Vec<Named>) {
        let mut candidates = rests.iter().map(|rest| pool.get(self.named, rest));
        let named =
            |candidate, transports| Named { candidate, origin: self.origin.clone(), transports };
        if rests.len() == 1 {
            to.extend(candidates.next().map(|candidate| named(candidate, None)));
            return;
        }
        let transports: Transports = candidates.collect();
        to.extend(transports.iter().map(|c| named(c.clone(), Some(transports.clone()))));
    }
}

/// The hosts at each address, in the order of candidates.
fn by_address<'a>(hosts: &'a [Reached<'a>]) -> Vec<At<'a>> {
    let mut all = Vec::with_capacity(hosts.iter().map(|reached| reached.host.ip_count()).sum());
    for reached in hosts {
        all.extend(reached.host.ips().map(|named| reached.at(named)));
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
        let is_used = |at: &At<'_>| at.uses().next().is_some();
        if all.len() >= enough && hosts.iter().any(is_used) {
            return true;
        }
        for at in hosts {
            at.uses().for_each(|rests| at.add(rests, pool, &mut here));
        }
        // Several records may name one address: only what differs counts.
        merge(&mut here);
        all.append(&mut here);
    }
    false
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
