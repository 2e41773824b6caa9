//! What a refresh found out.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{known::Known, named::Named, origin::Heard};
use crate::{
    record::Dropped,
    resolver::{LookupError, Proof, Query},
};

/// What a refresh found out.
#[derive(Debug, Clone)]
pub(crate) struct Resolution {
    /// Sorted, without duplicates. Where an address is named with and without a pin, it is only
    /// here with: the pin says more.
    pub(crate) candidates: Vec<Named>,
    /// Whether just those are named that were named last; then they are not listed again.
    pub(crate) repeats: bool,
    /// What became of its questions.
    pub(crate) threads: Threads,
    /// By what it is recognised when it is named again.
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
    /// What gave no candidate, sorted; at most [`DROPPED`] of them.
    pub(crate) dropped: Vec<Dropped>,
    /// How many gave no candidate.
    pub(crate) dropped_total: usize,
    /// The weakest proof of all answers used; `None` if one of them has none.
    pub(crate) proof: Option<Proof>,
}

/// What became of the questions of a refresh.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Threads {
    /// How much was heard of what each of them names. Those that were given up are not here.
    pub(crate) heard: HashMap<Query, Heard>,
    /// The questions whose answers led to each of them.
    pub(crate) parents: HashMap<Query, Vec<Query>>,
    /// The questions whose answers lead to others that a bound forbade to ask.
    pub(crate) cut: HashSet<Query>,
    /// The questions that would name an address of a target, or what a nested name has, and did not.
    pub(crate) hollow: Vec<Query>,
    /// The question of each look-up at the end of CNAME records.
    pub(crate) ends: HashMap<Query, Query>,
    /// The questions that only complete glue.
    pub(crate) spare: HashSet<Query>,
}

impl Threads {
    /// Whether a question of the source itself was answered, and not only some that follow from it.
    pub(crate) fn has_own(&self) -> bool {
        let is_heard = |question| self.heard.get(question) > Some(&Heard::Nothing);
        let mut own = self.parents.iter().filter(|(_, parents)| parents.is_empty());
        self.parents.is_empty() || own.any(|(question, _)| is_heard(question))
    }
}

/// How many dropped things are told one by one.
pub(super) const DROPPED: usize = 16;
