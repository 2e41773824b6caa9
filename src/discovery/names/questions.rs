//! The history of each question of a source: which questions have answers without news, which fail, and
//! which are given up.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use web_time::Instant;

use super::{
    belief::Belief,
    pace::Looks,
    refresh::{Heard, Threads},
    reply::Reply,
};
use crate::resolver::Query;

/// How often in a row a question must fail by a response code before it counts as "nothing".
const REFUSALS: u32 = 3;
/// How long these failures must span: a name server may be restarting.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// For how long a question must have had no reply before it counts as "nothing".
const SILENT_FOR: Duration = Duration::from_secs(120);
/// How many questions are remembered that were not asked lately: the answers that led to them may fail
/// for a while.
const REMEMBERED: usize = 1_024;

/// The questions of one source. A question that was answered once and then fails keeps the members that it
/// named. A question that was never answered counts as "nothing" after a while, if a question for another
/// type of the same name was answered. So a server that cannot answer for one type does not hold back the
/// members of the other.
#[derive(Debug, Default)]
pub(super) struct Questions(HashMap<Query, Question>);

#[derive(Debug, Default)]
struct Question {
    answered: bool,
    /// Whether the last answer was partial.
    is_part: bool,
    /// Failures in a row, and response codes among the last of them.
    failures: u32,
    refusals: u32,
    failing_since: Option<Instant>,
    looks: Looks,
    /// Whether the last answer was a repetition of the one before, from a cache.
    repeated: bool,
    /// That there is nothing.
    nothing: Belief,
    /// The questions whose answers led here when it was asked last.
    parents: Vec<Query>,
}

impl Question {
    fn note(&mut self, reply: Reply, alone_after: Duration, now: Instant) {
        if let Reply::Answer { ttl, sum } = reply {
            self.repeated = !self.looks.is_new(ttl, sum, now);
            self.nothing = Belief::default();
        } else if let Reply::Nothing { ttl } = reply {
            self.repeated = !self.looks.is_new(ttl, 0, now);
            self.nothing.note(!self.repeated, alone_after, now);
            self.is_part = false;
        } else {
            return self.fail(reply, now);
        }
        self.answered = true;
        (self.failures, self.refusals, self.failing_since) = (0, 0, None);
    }

    fn fail(&mut self, failure: Reply, now: Instant) {
        self.nothing = Belief::default();
        self.failures = self.failures.saturating_add(1);
        self.refusals = match failure {
            Reply::Refusal => self.refusals.saturating_add(1),
            _ => 0,
        };
        self.failing_since = match failure {
            Reply::Other => None,
            _ => self.failing_since.or(Some(now)),
        };
    }
}

impl Questions {
    pub(super) fn note(&mut self, query: Query, reply: Reply, alone_after: Duration, now: Instant) {
        self.0.entry(query).or_default().note(reply, alone_after, now);
    }

    /// Notes which answers led to each question of a refresh. Some questions that this refresh did not ask
    /// are still remembered.
    pub(super) fn follow(&mut self, threads: &Threads) {
        if self.0.len() > threads.heard.len() + REMEMBERED {
            self.0.retain(|query, _| threads.heard.contains_key(query));
        }
        for (query, parents) in &threads.parents {
            self.0.entry(query.clone()).or_default().parents.clone_from(parents);
        }
        for (query, heard) in threads.heard.iter().filter(|(_, heard)| **heard > Heard::Nothing) {
            self.0.entry(query.clone()).or_default().is_part = *heard == Heard::Part;
        }
    }

    /// How much of the answer to a question a refresh has heard. If the question was not asked, the answers
    /// that had led to it say whether it still names members.
    pub(super) fn heard(&self, query: &Query, threads: &Threads) -> Heard {
        self.heard_within(query, threads, LONGEST)
    }

    fn heard_within(&self, query: &Query, threads: &Threads, left: usize) -> Heard {
        let known = self.0.get(query);
        if let Some(heard) = threads.heard(query) {
            let repeated = known.is_some_and(|question| question.repeated);
            return if repeated { Heard::Nothing } else { heard };
        }
        let parents = known.map(|question| &question.parents[..]).unwrap_or_default();
        if left == 0 {
            return Heard::Part;
        }
        let of = |parent: &Query| match self.heard_within(parent, threads, left - 1) {
            // Either the parent no longer leads to this question, or a bound cut the question off.
            Heard::All if threads.cut.contains(parent) => Heard::Part,
            heard => heard,
        };
        parents.iter().map(of).min().unwrap_or(Heard::All)
    }

    /// Whether the last answer to the question was whole, if only by "nothing".
    pub(super) fn is_whole(&self, query: &Query) -> bool {
        self.0.get(query).is_some_and(|question| question.answered && !question.is_part)
    }

    /// Whether it is believed that there is nothing.
    pub(super) fn is_nothing(&self, query: &Query) -> bool {
        self.0.get(query).is_some_and(|question| question.nothing.is_firm())
    }

    /// How often in a row the question has failed.
    pub(super) fn failures(&self, query: &Query) -> u32 {
        self.0.get(query).map_or(0, |question| question.failures)
    }

    /// In how many looks in a row there was nothing.
    pub(super) fn nothings(&self, query: &Query) -> u32 {
        self.0.get(query).map_or(0, |question| question.nothing.looks())
    }

    /// The questions that count as "nothing".
    pub(super) fn given_up(&self, now: Instant) -> HashSet<Query> {
        let is_failing = |question: &Question| {
            let failing = question.failing_since.map(|since| now.saturating_duration_since(since));
            let is_refused = question.refusals >= REFUSALS && failing >= Some(REFUSED_FOR);
            !question.answered && (is_refused || failing >= Some(SILENT_FOR))
        };
        let failing: Vec<_> = self.0.iter().filter(|(_, question)| is_failing(question)).collect();
        if failing.is_empty() {
            return HashSet::new();
        }
        let answered = self.0.iter().filter(|(_, question)| question.answered);
        let answered: HashSet<_> = answered.map(|(query, _)| &query.name).collect();
        let given_up = failing.into_iter().filter(|(query, _)| answered.contains(&query.name));
        given_up.map(|(query, _)| query.clone()).collect()
    }
}

/// The longest way of answers that led to a question: `dnsaddr` names within one another.
const LONGEST: usize = 16;

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;
    use crate::discovery::testing::{epoch, secs};

    const ANSWER: Reply = Reply::Answer { ttl: None, sum: 0 };

    fn query(name: &str, record_type: RecordType) -> Query {
        Query::new(Name::from_ascii(name).expect("a name"), record_type)
    }

    fn note(questions: &mut Questions, query: Query, reply: Reply, now: Instant) {
        questions.note(query, reply, secs(10), now);
    }

    fn aaaa() -> Query {
        query("x.", RecordType::AAAA)
    }

    /// `AAAA` had these replies, one in ten seconds, beside `A` of a name that was answered.
    fn is_given_up(name: &str, replies: &[Reply]) -> bool {
        let (mut questions, now) = (Questions::default(), epoch());
        note(&mut questions, query(name, RecordType::A), ANSWER, now);
        let mut at = now;
        for reply in replies {
            note(&mut questions, aaaa(), *reply, at);
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
        note(&mut questions, query("x.", RecordType::A), ANSWER, now);
        for second in 0..9 {
            note(&mut questions, aaaa(), Reply::Refusal, now + secs(second));
        }
        assert!(questions.given_up(now + secs(9)).is_empty());
    }

    fn heard(questions: &Questions, of: &Query, heard: &[(&Query, Heard)]) -> Heard {
        let heard = heard.iter().map(|(query, heard)| ((*query).clone(), *heard)).collect();
        questions.heard(of, &Threads { heard, ..Threads::default() })
    }

    /// A chain of three: an answer to the first leads to the second, and to a third.
    #[test]
    fn a_question_that_was_not_asked_is_heard_as_well_as_those_that_led_to_it() {
        let [a, b, c] = ["a.", "b.", "c."].map(|name| query(name, RecordType::TXT));
        let mut questions = Questions::default();
        let parents = [(b.clone(), vec![a.clone()]), (c.clone(), vec![b.clone()])].into();
        questions.follow(&Threads { parents, ..Threads::default() });
        assert_eq!(heard(&questions, &c, &[(&c, Heard::All), (&a, Heard::Nothing)]), Heard::All);
        assert_eq!(
            heard(&questions, &c, &[(&b, Heard::All)]),
            Heard::All,
            "it leads there no more"
        );
        assert_eq!(heard(&questions, &c, &[(&b, Heard::Nothing)]), Heard::Nothing);
        assert_eq!(heard(&questions, &c, &[(&a, Heard::Nothing)]), Heard::Nothing);
        assert_eq!(heard(&questions, &c, &[(&a, Heard::Part)]), Heard::Part);
        assert_eq!(heard(&questions, &c, &[(&a, Heard::All)]), Heard::All);
    }

    #[test]
    fn names_that_lead_to_each_other_end() {
        let [a, b] = ["a.", "b."].map(|name| query(name, RecordType::TXT));
        let mut questions = Questions::default();
        let parents = [(b.clone(), vec![a.clone()]), (a.clone(), vec![b.clone()])].into();
        questions.follow(&Threads { parents, ..Threads::default() });
        assert_eq!(heard(&questions, &a, &[]), Heard::Part);
    }

    #[test]
    fn a_repeated_answer_says_nothing_new() {
        let (mut questions, now) = (Questions::default(), epoch());
        let cached = |left| Reply::Answer { ttl: Some(secs(left)), sum: 1 };
        note(&mut questions, aaaa(), cached(30), now);
        assert_eq!(heard(&questions, &aaaa(), &[(&aaaa(), Heard::All)]), Heard::All);
        note(&mut questions, aaaa(), cached(20), now + secs(10));
        assert_eq!(heard(&questions, &aaaa(), &[(&aaaa(), Heard::All)]), Heard::Nothing);
    }

    #[test]
    fn nothing_is_believed_after_three_looks_over_ten_seconds_and_not_after_a_failure() {
        let (mut questions, now) = (Questions::default(), epoch());
        let nothing = Reply::Nothing { ttl: None };
        let mut at = |second, reply| {
            note(&mut questions, aaaa(), reply, now + secs(second));
            questions.is_nothing(&aaaa())
        };
        assert!(!at(0, nothing) && !at(5, nothing) && at(10, nothing));
        assert!(!at(11, Reply::Refusal) && !at(12, nothing));
    }

    #[test]
    fn questions_that_were_not_asked_are_remembered_up_to_a_bound() {
        let mut questions = Questions::default();
        for n in 0..=REMEMBERED {
            questions.follow(&Threads::default());
            note(&mut questions, query(&format!("x{n}."), RecordType::A), ANSWER, epoch());
        }
        assert_eq!(questions.0.len(), REMEMBERED + 1);
        questions.follow(&Threads::default());
        assert!(questions.0.is_empty());
    }
}
