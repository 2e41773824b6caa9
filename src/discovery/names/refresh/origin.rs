//! The questions whose answers name a candidate.

use std::sync::Arc;

use crate::resolver::Query;

/// How much a refresh has heard of what a question names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heard {
    /// Nothing new: no answer, or the last one again, from a cache.
    Nothing,
    /// A part: what it leaves out may be there all the same.
    Part,
    /// All that there is.
    All,
}

/// The questions that led to a candidate: of a name's address, or of an SRV or TXT record, and of what
/// that names. Sorted, without duplicates. Candidates that the same questions name share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin(Arc<[Query]>);

impl Origin {
    /// These questions and one more.
    pub(in crate::discovery::names) fn with(&self, query: &Query) -> Self {
        Self::of(self.0.iter().chain([query]).cloned().collect())
    }

    /// Adds the questions of another way to the same candidate.
    pub(in crate::discovery::names) fn join(&mut self, other: &Self) {
        if !self.is(other) && self.0 != other.0 {
            *self = Self::of(self.0.iter().chain(&*other.0).cloned().collect());
        }
    }

    /// Whether both are the same in memory, which a source's candidates nearly always are.
    pub(in crate::discovery::names) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn of(mut questions: Vec<Query>) -> Self {
        questions.sort_by(|a, b| (&a.name, a.record_type).cmp(&(&b.name, b.record_type)));
        questions.dedup();
        Self(questions.into())
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = &Query> {
        self.0.iter()
    }

    /// What was heard by all of the questions: as much as by that of which the least was heard.
    pub(in crate::discovery::names) fn heard(&self, of: impl Fn(&Query) -> Heard) -> Heard {
        self.0.iter().map(of).min().unwrap_or(Heard::All)
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

    fn texts(origin: &Origin) -> Vec<String> {
        origin.questions().map(ToString::to_string).collect()
    }

    #[test]
    fn ways_are_joined_without_duplicates() {
        let mut origin = Origin::default().with(&query("b.")).with(&query("a."));
        origin.join(&Origin::default().with(&query("c.")).with(&query("a.")));
        assert_eq!(texts(&origin), ["a. A", "b. A", "c. A"]);
    }

    #[test]
    fn a_way_is_heard_as_well_as_its_worst_question() {
        let origin = Origin::default().with(&query("a.")).with(&query("b."));
        let of = |query: &Query| match query.name.to_ascii().as_str() {
            "a." => Heard::All,
            _ => Heard::Part,
        };
        assert_eq!(origin.heard(of), Heard::Part);
        assert_eq!(origin.heard(|_| Heard::Nothing), Heard::Nothing);
        assert_eq!(Origin::default().heard(|_| Heard::Nothing), Heard::All, "a static address");
    }
}
