//! Whether an answer says what another one has said, whatever the order of its records.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash, Hasher},
    time::Duration,
};

use hickory_proto::rr::{Name, RData, Record};

use super::value::ttl_of;
use crate::resolver::{Answer, Query};

/// Sums up answers, so that equal ones are recognised before anything is made of them.
///
/// A sum adds up a number for each record, so that their order does not matter and each copy counts. The
/// numbers are made with a key that nobody but this process knows: who writes the zone cannot make two
/// answers of one sum other than by chance, one in 2⁶⁴.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums(RandomState);

/// What an answer says, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    /// Of the question, the final owner, completeness, proof, and of each record the section, owner, type
    /// and data; of data that is never read, nothing.
    pub(crate) says: u64,
    /// The least TTL of the answer section.
    pub(crate) ttl: Option<Duration>,
}

impl Sums {
    /// The sum of an answer to a question.
    pub(crate) fn of(&self, query: &Query, answer: &Answer) -> Sum {
        let mut hasher = self.0.build_hasher();
        let Answer { name, records, additionals, complete, proof, provisional } = answer;
        (&query.name, query.record_type, name, complete, provisional).hash(&mut hasher);
        proof.map(|proof| proof as u8).hash(&mut hasher);
        (records.len(), additionals.len()).hash(&mut hasher);
        let (answers, ttl) = self.add_up(0, records);
        let (additionals, _) = self.add_up(1, additionals);
        let says = hasher.finish().wrapping_add(answers).wrapping_add(additionals);
        Sum { says, ttl }
    }

    /// What the records of a section add up to, and their least TTL.
    fn add_up(&self, section: u8, records: &[Record]) -> (u64, Option<Duration>) {
        let (mut sum, mut ttl) = (0_u64, u32::MAX);
        // Nearly always, all records have the same owner and type.
        let mut last: Option<(&Record, u64)> = None;
        for record in records {
            let known = last.filter(|(last, _)| is_alike(last, record)).map(|(_, number)| number);
            let owner = known
                .unwrap_or_else(|| self.0.hash_one((section, &record.name, record.record_type())));
            last = Some((record, owner));
            sum = sum.wrapping_add(self.number(owner, &record.data));
            ttl = ttl.min(ttl_of(record).as_secs() as u32);
        }
        (sum, (!records.is_empty()).then(|| Duration::from_secs(ttl.into())))
    }

    /// The number of one record. `owner` is as secret as the key, and takes no room of its own.
    fn number(&self, owner: u64, data: &RData) -> u64 {
        let mut hasher = self.0.build_hasher();
        match data {
            RData::A(ip) => hasher.write_u64(owner.wrapping_add(u32::from(ip.0).into())),
            RData::AAAA(ip) => {
                let bits = u128::from(ip.0);
                hasher.write_u64(owner.wrapping_add((bits >> 64) as u64));
                hasher.write_u64(bits as u64);
            }
            RData::CNAME(target) => (owner, &target.0).hash(&mut hasher),
            RData::SRV(srv) => {
                (owner, srv.priority, srv.weight, srv.port, &srv.target).hash(&mut hasher);
            }
            RData::TXT(txt) => (owner, &txt.txt_data).hash(&mut hasher),
            _ => (owner, 0_u8).hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Whether two records have one type and one owner, letter by letter: that is compared sooner than it is
/// folded.
fn is_alike(a: &Record, b: &Record) -> bool {
    a.record_type() == b.record_type() && is_spelled_alike(&a.name, &b.name)
}

/// Whether two names are the same, letter by letter.
pub(super) fn is_spelled_alike(a: &Name, b: &Name) -> bool {
    a.is_fqdn() == b.is_fqdn() && a.iter().eq(b.iter())
}
