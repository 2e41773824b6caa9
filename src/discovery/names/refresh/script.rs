//! The questions of a refresh, and how each was answered.

use std::{collections::HashMap, sync::Arc, time::Duration};

use hickory_proto::rr::RecordType;

use crate::{
    discovery::names::reply::Reply,
    record::{Dropped, Sum, Sums},
    resolver::{Answer, LookupError, NothingKind, Proof, Query},
};

/// What a look-up found, as far as a refresh reads it. Two that are equal lead to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// The [sum](Sum) of an answer.
    Answer(u64),
    /// An answer without records, with its proof.
    Empty(Option<Proof>),
    /// There is nothing, by an error that says so.
    Nothing(NothingKind, Option<Proof>),
}

impl Said {
    /// What an answer says that has records of the question, or none at all.
    pub(super) fn answer(answer: &Answer, sum: &Sum) -> Self {
        match answer.records.is_empty() && answer.complete && !answer.provisional {
            true => Self::Empty(answer.proof),
            false => Self::Answer(sum.says),
        }
    }

    /// What a look-up without an answer found; `None` for a failure.
    pub(super) fn nothing(error: &LookupError) -> Option<Self> {
        match error {
            LookupError::Nothing(nothing) if !nothing.provisional => {
                Some(Self::Nothing(nothing.kind, nothing.proof))
            }
            _ => None,
        }
    }

    /// What a look-up found, with the least TTL of it, and of the addresses that came along; `None` for a
    /// failure.
    pub(super) fn of(
        sums: &Sums,
        query: &Query,
        outcome: &Result<Answer, LookupError>,
    ) -> Option<(Self, Option<Duration>, Option<Duration>)> {
        match outcome {
            Ok(answer) => {
                let sum = sums.of(query, answer);
                let glue_ttl = sum.glue_ttl.filter(|_| query.record_type == RecordType::SRV);
                Some((Self::answer(answer, &sum), sum.ttl, glue_ttl))
            }
            Err(error) => {
                let LookupError::Nothing(nothing) = error else { return None };
                Self::nothing(error).map(|said| (said, nothing.negative_ttl, None))
            }
        }
    }
}

/// A question of a refresh, and how it was answered.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) question: Query,
    pub(super) said: Said,
    pub(super) reply: Reply,
}

/// The questions of a refresh, and how each was answered. Every answer was whole.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) lines: HashMap<Query, (Said, Reply)>,
    /// The questions of the source itself.
    pub(super) roots: Vec<Query>,
    /// The questions to which the answer to each question leads. A question to which several answers lead is
    /// here once.
    pub(super) next: HashMap<Query, Vec<Query>>,
    /// The questions that only completed glue, if all of them were asked.
    pub(super) completed: Vec<Query>,
    /// The questions that only complete glue, if a sample of them was asked; and the sample.
    pub(super) spares: Arc<[Query]>,
    pub(super) samples: Vec<Line>,
    pub(super) records: usize,
    pub(super) dropped: Vec<Dropped>,
    pub(super) dropped_total: usize,
    pub(super) proof: Option<Proof>,
}

impl Script {
    /// What a question is answered if the refresh is repeated.
    pub(super) fn line(&self, question: &Query) -> Option<(Said, Reply)> {
        // Each refresh samples another host: a sample stands for all questions of its type.
        let is_like = |sample: &&Line| sample.question.record_type == question.record_type;
        let sample = || self.samples.iter().find(is_like).map(|line| (line.said, line.reply));
        self.lines.get(question).copied().or_else(sample)
    }
}
