//! The summary of the answers of a refresh, apart from the candidates.

use std::{collections::BTreeSet, time::Duration};

use super::{
    known::Known,
    named::Named,
    outcome::{DROPPED, Resolution, Threads},
};
use crate::{
    record::{Dropped, least},
    resolver::{Answer, LookupError, Nothing, Proof},
};

/// The failure of a name that was found only behind a domain of the search list that failed.
pub(in crate::discovery::names) fn earlier_domain_failed() -> LookupError {
    LookupError::failed("a domain of the search list that comes first failed")
}

#[derive(Debug, Clone)]
pub(super) struct Tally {
    /// Whether there are records. The look-ups to which they lead may find nothing: then these records lead
    /// nowhere, and the source is not empty.
    positive: bool,
    complete: bool,
    provisional: bool,
    ttl: Option<Duration>,
    records: usize,
    /// The most telling failure.
    failure: Option<LookupError>,
    /// "There is nothing", united over all answers that said so. It does not count once there are records.
    nothing: Option<Nothing>,
    /// `None` before the first answer.
    proof: Option<Option<Proof>>,
    dropped: BTreeSet<Dropped>,
    dropped_total: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            positive: false,
            complete: true,
            provisional: false,
            ttl: None,
            records: 0,
            failure: None,
            nothing: None,
            proof: None,
            dropped: BTreeSet::new(),
            dropped_total: 0,
        }
    }
}

impl Tally {
    pub(super) fn answer(&mut self, answer: &Answer, ttl: Option<Duration>) {
        self.complete &= answer.complete && !answer.provisional;
        self.provisional |= answer.provisional;
        self.records = self.records.saturating_add(answer.records.len());
        self.note_ttl(ttl);
        self.proof = Some(match self.proof {
            None => answer.proof,
            Some(proof) => Proof::weaker(proof, answer.proof),
        });
    }

    /// Notes that there are records.
    pub(super) fn note_records(&mut self) {
        self.positive = true;
    }

    /// Notes that a bound cut something off, so that the result is a part of what there is.
    pub(super) fn cut(&mut self, dropped: Dropped) {
        self.drop(dropped);
        self.complete = false;
    }

    /// Whether a part was found behind a domain of the search list that failed.
    pub(super) fn is_provisional(&self) -> bool {
        self.provisional
    }

    /// Whether there is an answer with records by now.
    pub(super) fn has_records(&self) -> bool {
        self.positive
    }

    /// How many records the answers carried.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn note_ttl(&mut self, ttl: Option<Duration>) {
        self.ttl = least(self.ttl, ttl);
    }

    pub(super) fn fail(&mut self, error: LookupError) {
        match error {
            LookupError::Nothing(nothing) if nothing.provisional => {
                // A domain that failed may have the name.
                self.fail(earlier_domain_failed());
            }
            LookupError::Nothing(nothing) => {
                self.nothing = Some(self.nothing.map_or(nothing, |known| known.and(nothing)));
            }
            error if self.failure.as_ref().is_none_or(|known| telling(known) < telling(&error)) => {
                self.failure = Some(error);
            }
            _ => {}
        }
    }

    pub(super) fn drop(&mut self, dropped: Dropped) {
        self.dropped_total = self.dropped_total.saturating_add(1);
        self.dropped.insert(dropped);
        // The lowest stay, so that the order of records does not matter.
        if self.dropped.len() > DROPPED {
            self.dropped.pop_last();
        }
    }

    pub(super) fn resolution(
        self,
        candidates: Vec<Named>,
        threads: Threads,
        known: Known,
    ) -> Result<Resolution, LookupError> {
        if !self.positive {
            return Err(match (self.failure, self.nothing) {
                (Some(failure), _) => failure,
                (None, Some(nothing)) => LookupError::Nothing(nothing),
                (None, None) => LookupError::no_data(None),
            });
        }
        Ok(Resolution {
            candidates,
            repeats: false,
            threads,
            known,
            complete: self.complete && self.failure.is_none(),
            provisional: self.provisional,
            ttl: self.ttl,
            records: self.records,
            incomplete_because: self.failure,
            dropped: self.dropped.into_iter().collect(),
            dropped_total: self.dropped_total,
            proof: self.proof.flatten(),
        })
    }
}

/// How informative a failure is. The word of a server that decided is the most informative, a server that
/// could not answer is less so, and silence least.
fn telling(error: &LookupError) -> u8 {
    match error {
        LookupError::Nothing(_) => 0,
        LookupError::TimedOut => 1,
        LookupError::Failed(_) => 2,
        LookupError::ServerFailed(_) => 3,
        LookupError::Refused => 4,
        LookupError::Insecure(_) => 5,
        LookupError::Bogus(_) => 6,
    }
}
