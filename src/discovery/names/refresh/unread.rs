//! What is still to be read of the answers of a refresh.

use std::collections::{BTreeSet, btree_set::IntoIter};

use libp2p_core::Multiaddr;

use super::origin::Origin;
use crate::{
    name::Key,
    record::{Glue, Text},
    resolver::{Answer, Query},
    source::Srv,
};

/// How many candidates, or how much else that takes as long, are gone through at once: the rest is left to the
/// next call, so that a large answer does not hold the swarm's task.
pub(crate) const AT_ONCE: usize = 1_024;

/// What is still to be read of an answer.
#[derive(Debug)]
pub(super) enum Unread {
    Targets(Box<Targets>),
    Entries(Box<Entries>),
}

/// Targets of SRV records.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) question: Query,
    pub(super) targets: IntoIter<(Key, u16)>,
    /// The addresses that came along.
    pub(super) glue: Glue,
    pub(super) is_whole: bool,
    pub(super) srv: Srv,
}

/// Texts of a `dnsaddr` name, of which those count that end in the suffix.
#[derive(Debug)]
pub(super) struct Entries {
    pub(super) question: Query,
    /// The origin of the addresses that the texts name, shared by all of them.
    pub(super) origin: Origin,
    pub(super) texts: IntoIter<Text>,
    pub(super) suffix: Multiaddr,
    pub(super) depth: usize,
}

impl Unread {
    /// How much it is to read one target or entry, in candidates. A target is a host of its own, with questions.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Targets(_) => 4,
            Self::Entries(_) => 2,
        }
    }

    pub(super) fn targets(
        question: &Query,
        targets: BTreeSet<(Key, u16)>,
        answer: &Answer,
        srv: Srv,
    ) -> Self {
        let (glue, is_whole) = (Glue::of(answer), answer.complete);
        let (question, targets) = (question.clone(), targets.into_iter());
        Self::Targets(Box::new(Targets { question, targets, glue, is_whole, srv }))
    }

    pub(super) fn entries(
        question: &Query,
        texts: BTreeSet<Text>,
        suffix: Multiaddr,
        depth: usize,
    ) -> Self {
        let (question, texts) = (question.clone(), texts.into_iter());
        let origin = Origin::of(question.clone());
        Self::Entries(Box::new(Entries { question, origin, texts, suffix, depth }))
    }
}
