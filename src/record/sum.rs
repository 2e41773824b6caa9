//! Whether an answer says what another one has said, whatever the order of its records.

use std::{
    hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState},
    time::Duration,
};

use hickory_proto::rr::{RData, Record};

use super::{owner::LastOwner, value::seconds};
use crate::{
    name::Key,
    resolver::{Answer, Query},
};

/// Computes a sum of each answer. Two answers with equal sums say the same, so that an answer which repeats the
/// last one is recognised before anything is made of it.
///
/// Each record is turned into a number below the prime `2⁶¹ - 1`. The sum of a section is the product of these
/// numbers, a secret added to each: the value of a polynomial that has the records for roots, at a place that
/// only this process knows. The order of the records does not matter, and each copy of a record counts. Two
/// polynomials of degree n agree at n places at the most. So a person who writes the zone makes two different
/// answers with one sum with a chance of n in 2⁶¹.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// Hashes names and long data to numbers.
    state: RandomState,
    /// The secret place at which the polynomial of the records is evaluated.
    place: u64,
    /// The secret place at which the polynomial of the words of an IPv6 address is evaluated.
    place_of_words: u64,
}

/// The sum of what an answer says, and the TTL of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum {
    /// One number for all that the answer says: its question, its final owner name, whether it is complete and
    /// provisional, its DNSSEC proof, and the section, owner, type and data of each record. Equal numbers mean
    /// that two answers say the same. The data of records of other types than A, AAAA, CNAME, SRV and TXT is
    /// not part of it, because it is never read.
    pub(crate) says: u64,
    /// The least TTL of the answer section.
    pub(crate) ttl: Option<Duration>,
    /// The least TTL of the additional section.
    pub(crate) glue_ttl: Option<Duration>,
    /// Whether all records of the answer section have one owner.
    pub(crate) one_owner: bool,
}

impl Default for Sums {
    fn default() -> Self {
        let state = RandomState::new();
        let [place, place_of_words] = [0, 1].map(|n| reduced(state.hash_one(n)));
        Self { state, place, place_of_words }
    }
}

impl Sums {
    /// The sum of an answer to a question.
    pub(crate) fn of(&self, query: &Query, answer: &Answer) -> Sum {
        let Answer { name, records, additionals, complete, proof, provisional } = answer;
        let (product, ttl, one_owner) = self.product(records);
        let (additional, glue_ttl, _) = self.product(additionals);
        let (len, proof) = (records.len(), proof.map(|proof| proof as u8));
        let head = (query, Key(name), complete, proof, provisional);
        let says = self.state.hash_one((head, len, product, additional));
        Sum { says, ttl, glue_ttl, one_owner }
    }

    /// A number for a part of an answer, made with a secret of this process: the person who writes the zone
    /// cannot make two different parts that have one number.
    pub(crate) fn key(&self, said: &impl Hash) -> u64 {
        self.state.hash_one(said)
    }

    /// The product of the records of a section, their least TTL, and whether they have one owner.
    fn product(&self, records: &[Record]) -> (u64, Option<Duration>, bool) {
        let (mut product, mut ttl, mut owner) = (1, u32::MAX, LastOwner::default());
        for record in records {
            let of_owner = owner.get(&record.name, |name| reduced(self.state.hash_one(Key(name))));
            let of = times(self.place_of_words, u16::from(record.record_type()).into());
            let number = self.number(plus(of_owner, of), &record.data);
            product = times(product, plus(self.place, number));
            ttl = ttl.min(seconds(record));
        }
        let ttl = (!records.is_empty()).then(|| Duration::from_secs(ttl.into()));
        (product, ttl, owner.names() < 2)
    }

    /// The number of one record. `owner` is the number of its owner and type, which is as secret as the places.
    fn number(&self, owner: u64, data: &RData) -> u64 {
        let hashed = |data: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = self.state.build_hasher();
            data(&mut hasher);
            plus(owner, reduced(hasher.finish()))
        };
        match data {
            RData::A(ip) => plus(owner, u32::from(ip.0).into()),
            RData::AAAA(ip) => {
                let bits = u128::from(ip.0);
                let words = [bits >> 96, bits >> 64, bits >> 32, bits].map(|word| word as u32);
                let all = words
                    .into_iter()
                    .fold(1, |all, word| plus(times(all, self.place_of_words), word.into()));
                plus(owner, all)
            }
            RData::CNAME(target) => hashed(&|hasher| Key(&target.0).hash(hasher)),
            RData::SRV(srv) => hashed(&|hasher| {
                (srv.priority, srv.weight, srv.port, Key(&srv.target)).hash(hasher);
            }),
            RData::TXT(txt) => hashed(&|hasher| txt.txt_data.hash(hasher)),
            // A number that no IPv4 address has: the data is not read.
            _ => plus(owner, 1 << 32),
        }
    }
}

const PRIME: u64 = (1 << 61) - 1;

/// A number of 64 bits as one below the prime.
fn reduced(number: u64) -> u64 {
    plus(number >> 61, number & PRIME)
}

/// The sum of two numbers of 61 bits at the most, below the prime.
fn plus(a: u64, b: u64) -> u64 {
    let sum = a + b;
    if sum >= PRIME { sum - PRIME } else { sum }
}

/// The product of two numbers below the prime, below it.
fn times(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    plus((product >> 61) as u64, product as u64 & PRIME)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{RecordType, rdata::AAAA};

    use super::*;
    use crate::{
        resolver::Proof,
        testing::{a, name, srv},
    };

    fn aaaa(owner: &str, ip: u128) -> Record {
        Record::from_rdata(name(owner), 30, RData::AAAA(AAAA(ip.into())))
    }

    fn query() -> Query {
        Query::new(name("x."), RecordType::A)
    }

    fn says(sums: &Sums, answer: &Answer) -> u64 {
        sums.of(&query(), answer).says
    }

    fn answer(records: Vec<Record>) -> Answer {
        Answer::new(name("x."), records)
    }

    #[test]
    fn the_order_of_records_their_letters_and_their_ttls_do_not_matter() {
        let sums = Sums::default();
        let one = [a("x.", 30, 1), a("x.", 30, 2), aaaa("y.", 1 << 96), srv("a.", 1)];
        let other = [srv("A.", 1), a("X.", 9, 2), aaaa("y.", 1 << 96), a("x.", 40, 1)];
        let [one, other] = [one, other].map(|all| answer(all.into()));
        assert_eq!(says(&sums, &one), says(&sums, &other));
        let ttl = |answer: &Answer| sums.of(&query(), answer).ttl.map(|ttl| ttl.as_secs());
        assert_eq!((ttl(&one), ttl(&other)), (Some(5), Some(5)));
        assert_eq!(ttl(&answer(vec![a("x.", 30, 1), a("x.", 9, 2)])), Some(9));
        assert_eq!(ttl(&answer(vec![])), None);
    }

    /// Fails if any of what an answer says is left out, or if copies cancel each other.
    #[test]
    fn whatever_an_answer_says_otherwise_makes_another_sum() {
        let sums = Sums::default();
        let two = || answer(vec![a("x.", 30, 1), a("x.", 30, 2)]);
        let glue = || vec![a("y.", 30, 3)];
        let all = [
            two(),
            answer(vec![]),
            answer(vec![a("x.", 30, 1), a("x.", 30, 3)]),
            answer(vec![a("x.", 30, 1), a("x.", 30, 2), a("x.", 30, 2)]),
            answer(vec![a("x.", 30, 1), a("x.", 30, 1), a("x.", 30, 2)]),
            answer(vec![a("x.", 30, 1), a("y.", 30, 2)]),
            answer(vec![a("x.", 30, 1), aaaa("x.", 2)]),
            answer(vec![aaaa("x.", 1), aaaa("x.", 2)]),
            answer(vec![aaaa("x.", 1 << 64), aaaa("x.", 2 << 64)]),
            answer(vec![srv("a.", 1)]),
            answer(vec![srv("b.", 1)]),
            answer(vec![srv("a.", 2)]),
            Answer { name: name("y."), ..two() },
            two().with_complete(false),
            two().with_provisional(true),
            two().with_proof(Proof::Secure),
            two().with_proof(Proof::Insecure),
            two().with_additionals(glue()),
            two().with_additionals([glue(), glue()].concat()),
            Answer { records: [two().records, glue()].concat(), ..two() },
        ];
        let distinct: std::collections::HashSet<_> = all.iter().map(|a| says(&sums, a)).collect();
        assert_eq!(distinct.len(), all.len());
        let other = Query::new(name("y."), RecordType::A);
        assert_ne!(sums.of(&other, &two()).says, says(&sums, &two()));
    }

    #[test]
    fn another_process_has_another_key() {
        let one = answer(vec![a("x.", 30, 1)]);
        assert_ne!(says(&Sums::default(), &one), says(&Sums::default(), &one));
        let [one, other] = [Sums::default(), Sums::default()];
        assert!(one.key(&7) == one.key(&7) && one.key(&7) != other.key(&7));
        assert_ne!(one.product(&[a("x.", 30, 1)]), other.product(&[a("x.", 30, 1)]));
        assert_ne!((one.place, one.place_of_words), (other.place, other.place_of_words));
    }

    #[test]
    fn numbers_stay_below_the_prime() {
        for (a, b) in [(PRIME - 1, PRIME - 1), (PRIME - 1, 2), (0, PRIME - 1), (1, 1)] {
            let expected = u128::from(a) * u128::from(b) % u128::from(PRIME);
            assert_eq!(u128::from(times(a, b)), expected, "{a} {b}");
        }
        assert_eq!((reduced(u64::MAX), reduced(PRIME)), (7, 0));
    }
}
