//! The look-ups of a refresh that wait, and the look-ups that are under way.

use std::{collections::BTreeMap, num::NonZeroUsize};

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
    /// How many were added, and how many of these were started: the ids of the next one.
    added: u32,
    started: u32,
    /// Those that wait, and those under way. Boxed: a node of the map has room for eleven.
    open: BTreeMap<u32, Box<Step>>,
}

impl Steps {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { most, added: 0, started: 0, open: BTreeMap::new() }
    }

    /// Adds a look-up; says whether there may be one more.
    pub(super) fn add(&mut self, step: Step) -> bool {
        let fits = (self.added as usize) < self.most.get();
        if fits {
            self.open.insert(self.added, Box::new(step));
            self.added += 1;
        }
        fits
    }

    /// Starts the next look-up.
    pub(super) fn start(&mut self) -> Option<(u32, Query)> {
        let (id, step) = (self.started, self.open.get(&self.started)?);
        self.started += 1;
        Some((id, step.query.clone()))
    }

    /// Takes a look-up that is under way.
    pub(super) fn end(&mut self, id: u32) -> Option<Step> {
        let is_started = id < self.started;
        is_started.then(|| self.open.remove(&id)).flatten().map(|step| *step)
    }

    /// Whether none waits.
    pub(super) fn are_started(&self) -> bool {
        self.started == self.added
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = &Step> {
        self.open.range(..self.started).map(|(_, step)| &**step)
    }
}
