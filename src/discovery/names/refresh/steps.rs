//! The look-ups of a refresh that wait, and the look-ups that are under way.

use std::{
    collections::{BTreeMap, VecDeque},
    num::NonZeroUsize,
};

use hickory_proto::rr::Name;
use libp2p_core::Multiaddr;

use crate::{alias::Chain, record, resolver::Query, source::Srv};

/// One look-up.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// The query to send: the question itself, or a query for the name to which the CNAME records lead that
    /// answered it.
    pub(super) query: Query,
    pub(super) question: Query,
    pub(super) task: Task,
    /// Whether a part of what led here was found behind a domain of the search list that failed.
    pub(super) is_provisional: bool,
    /// The names that CNAME-only answers led through.
    pub(super) aliases: Chain<()>,
}

/// What the answer is for.
#[derive(Debug, Clone)]
pub(super) enum Task {
    /// Addresses of the host that [`Hosts`](super::Hosts) knows by this name.
    Addresses(Name),
    Targets(Srv),
    /// Entries that end in this, at this depth of recursion.
    Entries(Multiaddr, usize),
}

impl Step {
    /// Asks a question, and follows at most `longest` CNAME records.
    pub(super) fn new(question: Query, task: Task, longest: usize) -> Self {
        let aliases = Chain::new(record::absolute(&question.name), longest);
        Self { query: question.clone(), question, task, is_provisional: false, aliases }
    }
}

/// The look-ups of a refresh, up to a limit.
#[derive(Debug)]
pub(super) struct Steps {
    most: NonZeroUsize,
    /// How many were added, which is also the id of the next one.
    added: u32,
    waiting: VecDeque<(u32, Step)>,
    under_way: BTreeMap<u32, Step>,
}

impl Steps {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { most, added: 0, waiting: VecDeque::new(), under_way: BTreeMap::new() }
    }

    /// Adds a look-up; says whether there may be one more.
    pub(super) fn add(&mut self, step: Step) -> bool {
        let fits = (self.added as usize) < self.most.get();
        if fits {
            self.waiting.push_back((self.added, step));
            self.added += 1;
        }
        fits
    }

    /// Starts the next look-up.
    pub(super) fn start(&mut self) -> Option<(u32, Query)> {
        let (id, step) = self.waiting.pop_front()?;
        let query = step.query.clone();
        self.under_way.insert(id, step);
        Some((id, query))
    }

    /// Takes a look-up that is under way.
    pub(super) fn end(&mut self, id: u32) -> Option<Step> {
        self.under_way.remove(&id)
    }

    /// Whether none waits.
    pub(super) fn are_started(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = &Step> {
        self.under_way.values()
    }
}
