//! How each question of a source has fared: which of them say nothing new, which fail, and which are
//! given up.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use web_time::Instant;

use super::pace::Looks;
use crate::resolver::{LookupError, Query};

/// How often in a row a question must fail by a response code before it counts as "nothing".
const REFUSALS: u32 = 3;
/// How long these failures must span: a name server may be restarting.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// For how long a question must have had no reply before it counts as "nothing".
const SILENT_FOR: Duration = Duration::from_secs(120);

/// How a look-up ended, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// By an answer, or by the word that there is nothing. `sum` is another one where it says something
    /// else.
    Answer { ttl: Option<Duration>, sum: u64 },
    /// By a response code that is neither.
    Refusal,
    /// By silence.
    Silence,
    /// By a failure that is not the name server's word.
    Other,
}

impl Reply {
    pub(super) fn of(error: &LookupError) -> Self {
        match error {
            LookupError::Nothing(nothing) => Self::Answer { ttl: nothing.negative_ttl, sum: 0 },
            LookupError::Refused | LookupError::ServerFailed(_) => Self::Refusal,
            LookupError::TimedOut => Self::Silence,
            // A forged or broken answer must not hide what the name has.
            LookupError::Bogus(_) | LookupError::Insecure(_) | LookupError::Failed(_) => {
                Self::Other
            }
        }
    }
}

/// The questions of one source. A question that was ever answered keeps what it named. One that never
/// was counts as "nothing" after a while, if another of the same name was answered: so a server that
/// cannot speak of one type holds back nobody.
#[derive(Debug, Default)]
pub(super) struct Questions(HashMap<Query, Question>);

#[derive(Debug, Default)]
struct Question {
    answered: bool,
    /// Failures in a row, and response codes among the last of them.
    failures: u32,
    refusals: u32,
    failing_since: Option<Instant>,
    /// Whether the last reply was no reply.
    silent: bool,
    looks: Looks,
    /// Whether the last answer was the one before, from a cache.
    repeated: bool,
}

impl Question {
    fn note(&mut self, reply: Reply, now: Instant) {
        self.silent = reply == Reply::Silence;
        match reply {
            Reply::Answer { ttl, sum } => {
                self.repeated = !self.looks.is_new(ttl, sum, now);
                self.answered = true;
                (self.failures, self.refusals, self.failing_since) = (0, 0, None);
                return;
            }
            Reply::Refusal => self.refusals = self.refusals.saturating_add(1),
            Reply::Silence | Reply::Other => self.refusals = 0,
        }
        self.failures = self.failures.saturating_add(1);
        match reply {
            Reply::Other => self.failing_since = None,
            _ => drop(self.failing_since.get_or_insert(now)),
        }
    }
}

impl Questions {
    pub(super) fn note(&mut self, query: Query, reply: Reply, now: Instant) {
        self.0.entry(query).or_default().note(reply, now);
    }

    /// Forgets the questions that a refresh has not asked.
    pub(super) fn keep(&mut self, asked: &HashSet<Query>) {
        self.0.retain(|query, _| asked.contains(query));
    }

    /// Whether the last answer to the question was the one before, from a cache.
    pub(super) fn is_repeated(&self, query: &Query) -> bool {
        self.0.get(query).is_some_and(|question| question.repeated)
    }

    /// Whether the question was ever answered, if only by "nothing".
    pub(super) fn is_answered(&self, query: &Query) -> bool {
        self.0.get(query).is_some_and(|question| question.answered)
    }

    /// Of the questions that fail and are not given up: how often in a row the one has failed that
    /// failed least.
    pub(super) fn least_failures(&self, given_up: &HashSet<Query>) -> Option<u32> {
        let waited_for = self.0.iter().filter(|(query, _)| !given_up.contains(query));
        waited_for.map(|(_, question)| question.failures).filter(|failures| *failures > 0).min()
    }

    /// The questions that had no reply when they were asked last.
    pub(super) fn silent(&self) -> HashSet<Query> {
        let silent = self.0.iter().filter(|(_, question)| question.silent);
        silent.map(|(query, _)| query.clone()).collect()
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

    const ANSWER: Reply = Reply::Answer { ttl: None, sum: 0 };

    fn query(name: &str, record_type: RecordType) -> Query {
        Query::new(Name::from_ascii(name).expect("a name"), record_type)
    }

    fn aaaa() -> Query {
        query("x.", RecordType::AAAA)
    }

    /// `AAAA` had these replies, one in ten seconds, beside `A` of a name that was answered.
    fn is_given_up(name: &str, replies: &[Reply]) -> bool {
        let (mut questions, now) = (Questions::default(), epoch());
        questions.note(query(name, RecordType::A), ANSWER, now);
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
        let mut replies = vec![ANSWER];
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
        questions.note(query("x.", RecordType::A), ANSWER, now);
        (0..9).for_each(|second| questions.note(aaaa(), Reply::Refusal, now + secs(second)));
        assert!(questions.given_up(now + secs(9)).is_empty());
    }

    #[test]
    fn what_is_no_longer_asked_is_forgotten() {
        let (mut questions, now) = (Questions::default(), epoch());
        questions.note(aaaa(), ANSWER, now);
        questions.keep(&HashSet::new());
        assert!(questions.0.is_empty());
    }
}
