//! Questions that never get an answer, beside others of the same name that do.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use web_time::Instant;

use crate::resolver::{LookupError, Query};

/// How often in a row a question must fail by a response code before it counts as "nothing".
const REFUSALS: u32 = 3;
/// How long these failures must span: a name server may be restarting.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// For how long a question must have had no reply before it counts as "nothing".
const SILENT_FOR: Duration = Duration::from_secs(120);

/// How a look-up ended, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// By an answer, or by the word that there is nothing.
    Answer,
    /// By a response code that is neither.
    Refusal,
    /// By silence.
    Silence,
    /// By a failure that says nothing about the name server's mind.
    Other,
}

impl Reply {
    pub(super) fn of<T>(result: &Result<T, LookupError>) -> Self {
        match result {
            Ok(_) | Err(LookupError::Nothing(_)) => Self::Answer,
            Err(LookupError::Refused | LookupError::ServerFailed(_)) => Self::Refusal,
            Err(LookupError::TimedOut) => Self::Silence,
            // A forged or broken answer must not hide what the name has.
            Err(LookupError::Bogus(_) | LookupError::Insecure(_) | LookupError::Failed(_)) => {
                Self::Other
            }
        }
    }
}

/// The questions of one source, and how they fared. A question that was ever answered keeps its place;
/// one that never was counts as "nothing" after a while, if another of the same name was answered: so
/// a server that cannot speak of one type holds back nobody.
#[derive(Debug, Default)]
pub(super) struct Questions(HashMap<Query, Question>);

#[derive(Debug, Default)]
struct Question {
    answered: bool,
    /// Refusals in a row.
    refusals: u32,
    failing_since: Option<Instant>,
}

impl Questions {
    pub(super) fn note(&mut self, query: Query, reply: Reply, now: Instant) {
        let question = self.0.entry(query).or_default();
        match reply {
            Reply::Answer => *question = Question { answered: true, ..Question::default() },
            Reply::Refusal => {
                question.refusals = question.refusals.saturating_add(1);
                question.failing_since.get_or_insert(now);
            }
            Reply::Silence => {
                question.refusals = 0;
                question.failing_since.get_or_insert(now);
            }
            Reply::Other => (question.refusals, question.failing_since) = (0, None),
        }
    }

    /// Forgets the questions that a refresh has not asked.
    pub(super) fn keep(&mut self, asked: &HashSet<Query>) {
        self.0.retain(|query, _| asked.contains(query));
    }

    /// The questions that count as "nothing".
    pub(super) fn given_up(&self, now: Instant) -> HashSet<Query> {
        let is_given_up = |query: &Query, question: &Question| {
            let failing = question.failing_since.map(|since| now.saturating_duration_since(since));
            let is_refused = question.refusals >= REFUSALS && failing >= Some(REFUSED_FOR);
            let is_silent = failing >= Some(SILENT_FOR);
            !question.answered && (is_refused || is_silent) && self.is_answered_otherwise(query)
        };
        let given_up = self.0.iter().filter(|(query, question)| is_given_up(query, question));
        given_up.map(|(query, _)| query.clone()).collect()
    }

    fn is_answered_otherwise(&self, query: &Query) -> bool {
        self.0.iter().any(|(other, question)| question.answered && other.name == query.name)
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;
    use crate::discovery::testing::{epoch, secs};

    fn query(name: &str, record_type: RecordType) -> Query {
        Query::new(Name::from_ascii(name).expect("a name"), record_type)
    }

    fn aaaa() -> Query {
        query("x.", RecordType::AAAA)
    }

    /// `AAAA` had these replies, one in ten seconds, beside `A` of a name that was answered.
    fn is_given_up(name: &str, replies: &[Reply]) -> bool {
        let (mut questions, now) = (Questions::default(), epoch());
        questions.note(query(name, RecordType::A), Reply::Answer, now);
        let mut at = now;
        for reply in replies {
            questions.note(aaaa(), *reply, at);
            at += secs(10);
        }
        questions.given_up(at - secs(10)).contains(&aaaa())
    }

    #[test]
    fn a_type_that_is_refused_three_times_beside_one_that_is_answered_counts_as_nothing() {
        assert!(!is_given_up("x.", &[Reply::Refusal; 2]));
        assert!(is_given_up("x.", &[Reply::Refusal; 3]));
        assert!(!is_given_up("y.", &[Reply::Refusal; 9]), "the other name says nothing");
    }

    #[test]
    fn a_type_that_is_silent_for_two_minutes_counts_as_nothing() {
        assert!(!is_given_up("x.", &[Reply::Silence; 12]));
        assert!(is_given_up("x.", &[Reply::Silence; 13]));
    }

    #[test]
    fn a_type_that_was_ever_answered_keeps_what_it_said() {
        let mut replies = vec![Reply::Answer];
        replies.extend([Reply::Refusal; 50]);
        assert!(!is_given_up("x.", &replies));
    }

    #[test]
    fn bogus_answers_are_never_given_up() {
        assert!(!is_given_up("x.", &[Reply::Other; 50]));
        assert!(!is_given_up(
            "x.",
            &[Reply::Refusal, Reply::Refusal, Reply::Other, Reply::Refusal]
        ));
    }

    #[test]
    fn three_refusals_within_seconds_are_none() {
        let (mut questions, now) = (Questions::default(), epoch());
        questions.note(query("x.", RecordType::A), Reply::Answer, now);
        (0..9).for_each(|second| questions.note(aaaa(), Reply::Refusal, now + secs(second)));
        assert!(questions.given_up(now + secs(9)).is_empty());
    }

    #[test]
    fn what_is_no_longer_asked_is_forgotten() {
        let (mut questions, now) = (Questions::default(), epoch());
        questions.note(aaaa(), Reply::Answer, now);
        questions.keep(&HashSet::new());
        assert!(questions.0.is_empty());
    }
}
