//! The part of an answer that belongs to the name asked for, and the names to which its aliases lead.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{
    owner::LastOwner,
    value::{absolute, least, ttl_of},
};
use crate::{
    alias::Chain,
    dnsaddr,
    resolver::{Answer, Query},
};

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
    /// Whether the answer has no other records than these and the CNAME records that lead to them.
    pub(crate) is_all: bool,
}

impl<'a> Section<'a> {
    /// Takes the records of the name asked for and of its CNAME chain; all others are ignored. Where all records
    /// are known to have one owner, one of them is looked at.
    pub(crate) fn of(query: &Query, answer: &'a Answer, one_owner: bool) -> Self {
        let aliases = aliases(&answer.records);
        let names = [&query.name, &answer.name];
        // Nearly always, there is none.
        let owners = (!aliases.is_empty()).then(|| chain(&aliases, names));
        let (mut records, mut ttl) = (Vec::with_capacity(answer.records.len()), None);
        let (mut answered, mut aliased, mut taken) = (false, false, 0);
        let mut owner = LastOwner::default();
        for record in &answer.records {
            let is_ours = |name: &Name| match &owners {
                Some(owners) => owners.contains(&absolute(name)),
                None => names.iter().any(|ours| name.eq_ignore_root(ours)),
            };
            let ours = match one_owner {
                true => owner.get_or_last(&record.name, is_ours),
                false => owner.get(&record.name, is_ours),
            };
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
            taken += 1;
            ttl = least(ttl, Some(ttl_of(record)));
        }
        let end = if aliased { end_of(&aliases, absolute(&answer.name)) } else { None };
        let is_all = taken == answer.records.len();
        Self { records, answered, end, aliased, ttl, is_all }
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

/// The CNAME records, by owner. An owner should have one. If it has several, the least target is taken, so
/// that the order of the records does not matter.
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

/// All names that CNAME records connect with the names `from`, in either direction. If a search list
/// completed the name asked for, the start of the chain is not known, but only its end.
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

#[cfg(test)]
mod tests {
    use hickory_proto::rr::rdata::{AAAA, CNAME, TXT};

    use super::*;
    use crate::testing::{a, name, srv};

    fn cname(owner: &str, ttl: u32, target: &str) -> Record {
        Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
    }

    /// Of this answer to `query A`: the last bytes, the end of the chain and the TTL.
    fn section(
        query: &str,
        owner: &str,
        records: Vec<Record>,
    ) -> (Vec<u8>, Option<String>, Option<u64>) {
        let answer = Answer::new(name(owner), records);
        let query = Query::new(name(query), RecordType::A);
        let section = Section::of(&query, &answer, false);
        let mut bytes: Vec<_> = section
            .records
            .iter()
            .map(|record| match record.data {
                RData::A(ip) => ip.octets()[3],
                _ => panic!("{record}"),
            })
            .collect();
        bytes.sort_unstable();
        (bytes, section.end.map(|end| end.to_ascii()), section.ttl.map(|ttl| ttl.as_secs()))
    }

    #[test]
    fn only_records_of_the_name_are_taken() {
        let records = vec![a("X.example.", 30, 1), a("y.example.", 1, 2), a("x.example.", 20, 3)];
        assert_eq!(section("x.example.", "x.EXAMPLE.", records), (vec![1, 3], None, Some(20)));
        let other = Record::from_rdata(name("x."), 1, RData::AAAA(AAAA(1.into())));
        assert_eq!(section("x.", "x.", vec![other, a("x.", 9, 1)]), (vec![1], None, Some(9)));
        assert_eq!(section("x.", "x.", vec![]), (vec![], None, None));
    }

    #[test]
    fn a_chain_is_followed_within_the_answer() {
        let chain =
            || vec![cname("y.", 7, "z."), a("z.", 30, 1), cname("x.", 9, "Y."), a("w.", 1, 2)];
        let all = (vec![1], Some("z.".to_owned()), Some(7));
        assert_eq!(section("x.", "z.", chain()), all);
        assert_eq!(section("x.", "x.", chain()), all, "a resolver that names the start");
        let completed = vec![cname("x.search.", 9, "z."), a("z.", 30, 1)];
        assert_eq!(section("x", "z.", completed), (vec![1], Some("z.".to_owned()), Some(9)));
        let unrelated = vec![cname("v.", 1, "w."), a("x.", 30, 1)];
        assert_eq!(section("x.", "x.", unrelated), (vec![1], None, Some(30)));
    }

    #[test]
    fn a_chain_in_a_circle_has_no_end() {
        let circle = vec![cname("x.", 9, "y."), cname("y.", 9, "x.")];
        let answer = Answer::new(name("x."), circle);
        let section = Section::of(&Query::new(name("x."), RecordType::A), &answer, false);
        assert!(section.aliased);
        assert_eq!(section.end, None);
        let both = vec![cname("x.", 9, "z."), cname("x.", 9, "y.")];
        let turned = both.iter().rev().cloned().collect();
        let end = |records| self::section("x.", "x.", records).1;
        assert_eq!((end(both), end(turned)), (Some("y.".to_owned()), Some("y.".to_owned())));
    }

    #[test]
    fn a_negative_ttl_is_zero() {
        assert_eq!(section("x.", "x.", vec![a("x.", 0x8000_0000, 1)]).2, Some(0));
        assert_eq!(section("x.", "x.", vec![a("x.", 0x7fff_ffff, 1)]).2, Some(0x7fff_ffff));
    }

    #[test]
    fn records_that_say_nothing_of_peers_are_left_out() {
        let txt = |text: &str| {
            Record::from_rdata(name("s."), 1, RData::TXT(TXT::new(vec![text.to_owned()])))
        };
        for (record_type, records, says_where) in [
            (RecordType::SRV, vec![srv(".", 0), srv("a.", 1)], 1),
            (RecordType::SRV, vec![srv(".", 0)], 0),
            (RecordType::TXT, vec![txt("v=spf1"), txt("dnsaddr="), txt("dnsaddr=x")], 2),
            (RecordType::TXT, vec![txt("v=spf1")], 0),
        ] {
            let answer = Answer::new(name("s."), records);
            let section = Section::of(&Query::new(name("s."), record_type), &answer, false);
            assert!(section.answered);
            assert_eq!(section.records.len(), says_where);
            assert_eq!(section.ttl.is_some(), says_where > 0);
        }
    }
}
