//! What a refresh found out.

use std::{
    cmp::Ordering,
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{known::Known, named::Named, origin::Heard};
use crate::{
    name::Key,
    record::Dropped,
    resolver::{LookupError, Proof, Query},
};

/// What a refresh found out.
#[derive(Debug, Clone)]
pub(crate) struct Resolution {
    /// The candidates, sorted, without duplicates. An address that is named both with and without a pin is
    /// here only with the pin, which says more.
    pub(crate) candidates: Vec<Named>,
    /// Whether all is answered as the last time. Then the candidates are not listed again, and what became of
    /// the questions only as far as it is news.
    pub(crate) repeats: bool,
    /// What became of its questions.
    pub(crate) threads: Threads,
    /// What is kept of this refresh, to recognise when a later one names the same.
    pub(crate) known: Known,
    /// Whether these are all that the source names now.
    pub(crate) complete: bool,
    /// The least TTL of all records used. `None` for a static source.
    pub(crate) ttl: Option<Duration>,
    /// Whether a part was found behind a domain of the search list that failed: see
    /// [`Answer::provisional`](crate::Answer::provisional).
    pub(crate) provisional: bool,
    /// How many records the answer sections carried.
    pub(crate) records: usize,
    /// The most telling failure of a part, if one failed.
    pub(crate) incomplete_because: Option<LookupError>,
    /// The records and queries that gave no candidate, sorted; at most [`DROPPED`] of them.
    pub(crate) dropped: Vec<Dropped>,
    /// How many gave no candidate.
    pub(crate) dropped_total: usize,
    /// The weakest proof of all answers used; `None` if one of them has none.
    pub(crate) proof: Option<Proof>,
}

impl Resolution {
    /// How much it is to take, in candidates: a question takes longer than a candidate.
    pub(crate) fn size(&self) -> usize {
        self.candidates.len() + 2 * self.threads.heard.len()
    }
}

/// What became of the questions of a refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Threads {
    /// How much of the answer to each question was heard. Questions that were given up are not here.
    pub(crate) heard: HashMap<Query, Heard>,
    /// The questions whose answers led to each of them.
    pub(crate) parents: HashMap<Query, Vec<Query>>,
    /// The questions whose answers lead to further questions that a bound cut off.
    pub(crate) cut: HashSet<Query>,
    /// The questions for the addresses of a target, or for the records of a nested name, that found none.
    pub(crate) hollow: Vec<Query>,
    /// The question of each look-up at the end of CNAME records.
    pub(crate) ends: HashMap<Query, Query>,
    /// The questions that only complete glue and were asked.
    pub(crate) spare: HashSet<Query>,
    /// The questions that only complete glue, sorted, if only a sample of them was asked: what the others would
    /// name may be there all the same.
    pub(crate) spares: Arc<[Query]>,
}

impl Threads {
    /// How much of the answer to a question was heard; `None` for a question that this refresh did not have.
    pub(crate) fn heard(&self, question: &Query) -> Option<Heard> {
        let is_spare = || self.spares.binary_search_by(|spare| order(spare, question)).is_ok();
        self.heard.get(question).copied().or_else(|| is_spare().then_some(Heard::Part))
    }

    /// Whether a question of the source itself was answered, and not only some that follow from it.
    pub(crate) fn has_own(&self) -> bool {
        let is_heard = |question| self.heard.get(question) > Some(&Heard::Nothing);
        let mut own = self.parents.iter().filter(|(_, parents)| parents.is_empty());
        self.parents.is_empty() || own.any(|(question, _)| is_heard(question))
    }
}

/// The order in which hosts have their questions: by name, then by type.
pub(super) fn order(a: &Query, b: &Query) -> Ordering {
    (Key(&a.name), a.record_type).cmp(&(Key(&b.name), b.record_type))
}

/// How many records and queries that gave no candidate are reported one by one.
pub(super) const DROPPED: usize = 16;
