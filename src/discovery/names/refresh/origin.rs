//! The questions whose answers name a candidate.

use std::sync::Arc;

use crate::resolver::Query;

/// How much of the answer to a question a refresh has heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    /// Nothing new: no answer, or the last one again.
    Nothing,
    /// A part of the answer: the members that it leaves out may be there nevertheless.
    Part,
    /// The whole answer.
    All,
}

/// How many questions a candidate remembers. A zone may name one address thousands of times.
const MOST: usize = 8;

/// The questions whose answers name a candidate: A or AAAA of each host that has its address, or TXT if the
/// address stands in a `dnsaddr` record. Sorted, without duplicates. Candidates that the same questions name
/// share one list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    questions: Arc<[Query]>,
    /// Whether more questions name it than are remembered.
    has_more: bool,
}

impl Origin {
    /// The origin of the candidates that the answer to one question names.
    pub(in crate::discovery::names) fn of(question: Query) -> Self {
        Self { questions: [question].into(), has_more: false }
    }

    /// Adds the questions of another origin of the same candidate. Says whether there are any that it did
    /// not have.
    pub(in crate::discovery::names) fn join(&mut self, other: &Self) -> bool {
        let had_more = self.has_more;
        self.has_more |= other.has_more;
        let is_known = |question: &&Query| self.questions.contains(question);
        if self.questions.is_empty() {
            self.questions = other.questions.clone();
            return !self.questions.is_empty() || self.has_more != had_more;
        }
        let is_same = Arc::ptr_eq(&self.questions, &other.questions);
        if is_same || other.questions.iter().all(|question| is_known(&question)) {
            return self.has_more != had_more;
        }
        let mut questions: Vec<_> =
            self.questions.iter().chain(&*other.questions).cloned().collect();
        questions.sort_by(|a, b| (&a.name, a.record_type).cmp(&(&b.name, b.record_type)));
        questions.dedup();
        self.has_more |= questions.len() > MOST;
        questions.truncate(MOST);
        self.questions = questions.into();
        true
    }

    /// Keeps only these questions: the answers to the others no longer name the candidate.
    pub(in crate::discovery::names) fn keep(&mut self, which: impl Fn(&Query) -> bool) {
        if self.questions.len() > 1 {
            self.questions = self.questions.iter().filter(|of| which(of)).cloned().collect();
        }
    }

    /// Whether both are the same in memory, which a source's candidates nearly always are.
    pub(in crate::discovery::names) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.questions, &other.questions) && self.has_more == other.has_more
    }

    /// How much of the answers to all of the questions was heard: as much as of the answer of which least was
    /// heard.
    pub(in crate::discovery::names) fn heard(&self, of: impl Fn(&Query) -> Heard) -> Heard {
        let unknown = self.has_more.then_some(Heard::Part);
        self.questions.iter().map(of).chain(unknown).min().unwrap_or(Heard::All)
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::testing::name;

    fn query(owner: &str) -> Query {
        Query::new(name(owner), RecordType::A)
    }

    fn origin(owner: &str) -> Origin {
        Origin::of(query(owner))
    }

    #[test]
    fn origins_are_joined_without_duplicates_up_to_a_bound() {
        let mut joined = origin("b.");
        for owner in ["a.", "c.", "a."] {
            joined.join(&origin(owner));
        }
        assert_eq!(*joined.questions, ["a.", "b.", "c."].map(query));
        assert_eq!(joined.heard(|_| Heard::All), Heard::All);
        (0..99).for_each(|n| _ = joined.join(&origin(&format!("x{n}."))));
        assert_eq!(joined.questions.len(), MOST);
        assert_eq!(joined.heard(|_| Heard::All), Heard::Part, "of the others, nothing is known");
    }

    #[test]
    fn a_candidate_is_heard_as_well_as_its_worst_question() {
        let mut both = origin("a.");
        both.join(&origin("b."));
        let of = |asked: &Query| if *asked == query("a.") { Heard::All } else { Heard::Part };
        assert_eq!(both.heard(of), Heard::Part);
        assert_eq!(both.heard(|_| Heard::Nothing), Heard::Nothing);
        assert_eq!(Origin::default().heard(|_| Heard::Nothing), Heard::All, "a static address");
    }
}
