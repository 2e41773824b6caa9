//! DNS records → addresses, SRV targets and `dnsaddr` entries. Pure; one bad record never spoils
//! the rest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    net::IpAddr,
    time::Duration,
};

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::TXT};

use crate::{
    alias::Chain,
    dnsaddr,
    resolver::{Answer, Query},
    source::{self, Kind},
};

#[cfg(test)]
mod tests;

/// What an answer did not give a candidate for, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// The record or query, printable and of bounded length.
    pub(crate) what: String,
    pub(crate) why: Why,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Why something in an answer gives no candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Why {
    #[error("it is not a `dnsaddr` entry: {0}")]
    Malformed(String),
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("its port is 0")]
    PortZero,
    #[error("TLS needs the host's name, and this is not one that a certificate can carry")]
    NoServerName,
    #[error("the answer carries more than {0} records")]
    TooManyRecords(usize),
    #[error("one refresh makes at most {0} look-ups")]
    TooManyLookups(usize),
    #[error("`dnsaddr` records lead to others more than {0} times")]
    TooDeep(usize),
    #[error("one refresh gives at most {0} candidates of a family")]
    TooManyCandidates(usize),
}

impl Dropped {
    /// How many characters are told of a record.
    const LONGEST: usize = 128;

    pub(crate) fn new(what: &str, why: Why) -> Self {
        // A record may carry control characters, which do not belong in anyone's terminal.
        let what = what.chars().take(Self::LONGEST);
        Self { what: what.flat_map(char::escape_default).collect(), why }
    }
}

/// The part of an answer that speaks of the name asked for.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    /// The records of the type asked for, as far as they say where a peer is.
    pub(crate) records: Vec<&'a Record>,
    /// Whether there are any of the type asked for.
    pub(crate) answered: bool,
    /// Where the CNAME records end that start at the name; `None` if they lead in a circle, or if
    /// there are none.
    pub(crate) end: Option<Name>,
    /// Whether there are CNAME records of the name.
    pub(crate) aliased: bool,
    /// The least TTL of the records and of the CNAME records that lead to them.
    pub(crate) ttl: Option<Duration>,
}

impl<'a> Section<'a> {
    /// Takes the records of the name asked for and of its CNAME chain; all others are ignored.
    pub(crate) fn of(query: &Query, answer: &'a Answer) -> Self {
        let aliases = aliases(&answer.records);
        let owners = chain(&aliases, [&query.name, &answer.name]);
        let (mut records, mut ttl) = (Vec::new(), None);
        let (mut answered, mut aliased) = (false, false);
        // Nearly always, all records have the same owner.
        let mut last: Option<(&Name, bool)> = None;
        for record in &answer.records {
            let known = last.filter(|(name, _)| **name == record.name).map(|(_, ours)| ours);
            let ours = known.unwrap_or_else(|| owners.contains(&absolute(&record.name)));
            last = Some((&record.name, ours));
            if !ours {
                continue;
            }
            if record.record_type() == RecordType::CNAME {
                aliased = true;
            } else if record.record_type() != query.record_type {
                continue;
            } else {
                answered = true;
                if !says_where(record) {
                    continue;
                }
                records.push(record);
            }
            ttl = least(ttl, Some(ttl_of(record)));
        }
        let end = if aliased { end_of(&aliases, absolute(&answer.name)) } else { None };
        Self { records, answered, end, aliased, ttl }
    }
}

/// Whether a record of the type asked for says anything of where peers are.
fn says_where(record: &Record) -> bool {
    match &record.data {
        // "The service is decidedly not available at this domain" (RFC 2782).
        RData::SRV(srv) => !srv.target.is_root(),
        RData::TXT(txt) => dnsaddr::is_dnsaddr(txt),
        _ => true,
    }
}

/// The name without regard to case and search list.
pub(crate) fn absolute(name: &Name) -> Name {
    let mut name = name.to_lowercase();
    name.set_fqdn(true);
    name
}

/// The lesser of two TTLs where there are two.
pub(crate) fn least(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn ttl_of(record: &Record) -> Duration {
    // A TTL with the highest bit set is 0 (RFC 2181 section 8).
    let seconds = if record.ttl > i32::MAX as u32 { 0 } else { record.ttl };
    Duration::from_secs(seconds.into())
}

/// The CNAME records, by owner. Of several for one owner, which there should not be, the least is
/// taken, so that the order of records does not matter.
fn aliases(records: &[Record]) -> BTreeMap<Name, Name> {
    let mut aliases = BTreeMap::new();
    for record in records {
        if let RData::CNAME(target) = &record.data {
            let target = absolute(&target.0);
            aliases
                .entry(absolute(&record.name))
                .and_modify(|least: &mut Name| *least = target.clone().min(least.clone()))
                .or_insert(target);
        }
    }
    aliases
}

/// All names that CNAME records connect with these, in either direction: where a search list
/// completed the name asked for, the start of the chain is known only by its end.
fn chain(aliases: &BTreeMap<Name, Name>, from: [&Name; 2]) -> HashSet<Name> {
    let mut neighbours: HashMap<&Name, Vec<&Name>> = HashMap::new();
    for (owner, target) in aliases {
        neighbours.entry(owner).or_default().push(target);
        neighbours.entry(target).or_default().push(owner);
    }
    let mut found = HashSet::new();
    let mut open = Vec::from(from.map(absolute));
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(neighbours.get(&name).into_iter().flatten().map(|&name| name.clone()));
        }
    }
    found
}

fn end_of(aliases: &BTreeMap<Name, Name>, from: Name) -> Option<Name> {
    // A chain without a circle passes each of them once at most.
    let mut chain = Chain::new(from, aliases.len());
    chain.follow(|name| aliases.get(name).map(|target| ((), target.clone()))).ok()?;
    Some(chain.into_parts().0)
}

/// The IP addresses of A and AAAA records, sorted, without duplicates.
pub(crate) fn addresses<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<IpAddr> {
    records.into_iter().filter_map(ip_of).collect()
}

fn ip_of(record: &Record) -> Option<IpAddr> {
    match record.data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    }
}

/// The targets and ports of SRV records, sorted, without duplicates. Priority and weight are for
/// clients that want one server.
pub(crate) fn targets<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<(Name, u16)> {
    records
        .into_iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((absolute(&srv.target), srv.port)),
            _ => None,
        })
        .collect()
}

/// Addresses that an answer carries besides what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Glue(HashMap<Name, (BTreeSet<IpAddr>, Duration)>);

impl Glue {
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut by_name = HashMap::new();
        for record in &answer.additionals {
            if let Some(ip) = ip_of(record) {
                let ttl = ttl_of(record);
                let (ips, least) =
                    by_name.entry(absolute(&record.name)).or_insert_with(|| (BTreeSet::new(), ttl));
                ips.insert(ip);
                *least = ttl.min(*least);
            }
        }
        Self(by_name)
    }

    /// The addresses of the target, and their least TTL.
    pub(crate) fn take(&mut self, target: &Name) -> Option<(BTreeSet<IpAddr>, Duration)> {
        self.0.remove(target)
    }
}

/// The text of a TXT record: its character-strings together, one of which holds 255 bytes at most.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text {
    /// All of it; of one that is too long, no more than is told.
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// The texts of TXT records, sorted, without duplicates. Those of more than `longest` bytes are not
/// copied.
pub(crate) fn texts<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    longest: usize,
) -> BTreeSet<Text> {
    records
        .into_iter()
        .filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(text_of(txt, longest)),
            _ => None,
        })
        .collect()
}

fn text_of(txt: &TXT, longest: usize) -> Text {
    let is_too_long = dnsaddr::len(txt) > longest;
    // A character has four bytes at the most.
    let most = if is_too_long { 4 * Dropped::LONGEST } else { longest };
    Text { bytes: dnsaddr::bytes(txt).take(most).collect(), is_too_long }
}

/// Reads the text of a TXT record at `_dnsaddr.NAME` ([addressing in libp2p]), which may have
/// `longest` bytes; `None` if it is about something else.
///
/// [addressing in libp2p]: https://github.com/libp2p/specs/tree/master/addressing#multiaddr-basics
pub(crate) fn dnsaddr(text: &Text, longest: usize) -> Option<Result<Kind, Dropped>> {
    let entry = dnsaddr::address(&text.bytes)?;
    let dropped = |why| Dropped::new(&String::from_utf8_lossy(&text.bytes), why);
    if text.is_too_long {
        return Some(Err(dropped(Why::TooLong(longest))));
    }
    Some(read_entry(entry).map_err(|reason| dropped(Why::Malformed(reason))))
}

fn read_entry(entry: &[u8]) -> Result<Kind, String> {
    let entry = str::from_utf8(entry).map_err(|error| error.to_string())?;
    if let Some(at) = entry.find(|c: char| c.is_control() || c.is_whitespace() || c == '|') {
        return Err(format!("byte {at} cannot be part of an address"));
    }
    let mut kind = source::address(entry).map_err(|error| error.to_string())?;
    // A name in a record is absolute: no search list applies to what a zone says.
    match &mut kind {
        Kind::Host(host) => host.name.set_fqdn(true),
        Kind::Dnsaddr(dnsaddr) => dnsaddr.owner.set_fqdn(true),
        Kind::Srv(_) | Kind::Static(_) => {}
    }
    Ok(kind)
}
