//! The domains of the search list that a walk has passed, and what they mean for the answer of a later one.

use super::{said::Said, turns::more_telling};
use crate::resolver::{
    answer::Answer,
    error::LookupError,
    nothing::{Nothing, NothingKind},
    proof::Proof,
};

/// What the domains that were passed have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Passed {
    nothing: Option<Nothing>,
    failure: Option<LookupError>,
    /// Whether the name may exist in one that failed.
    is_provisional: bool,
}

impl Passed {
    /// Adds a domain, by what it said to each type: one denial is said of all of them. `note` takes note
    /// of its failure, or that there is none, and says whether it has failed for so long that it counts
    /// as nothing. It never does so before another domain has said that there is nothing.
    pub(super) fn add(
        &mut self,
        said: impl Iterator<Item = Said>,
        note: impl FnOnce(Option<&LookupError>) -> bool,
    ) {
        let (mut nothing, mut failure) = (None, None);
        for said in said {
            match said {
                Said::Nothing(found) => nothing = Some(and(nothing, found)),
                Said::Failed(error) => failure = Some(more_telling(failure, error)),
                Said::Exists | Said::Bogus(_) => {}
            }
        }
        if let Some(found) = nothing {
            note(None);
            self.nothing = Some(and(self.nothing, found));
        } else if let Some(error) = failure {
            let counts = note(Some(&error)) && self.nothing.is_some();
            self.is_provisional |= !counts;
            self.failure = Some(more_telling(self.failure.take(), error));
        }
    }

    /// What is found in the next domain, where the name exists. It is right only if there is nothing in
    /// the earlier ones, and so proved no better than that.
    pub(super) fn arrive(
        &self,
        outcome: Result<Answer, LookupError>,
    ) -> Result<Answer, LookupError> {
        match outcome {
            Ok(mut answer) => {
                answer.proof = self.weaken(answer.proof);
                answer.provisional = self.is_provisional;
                Ok(answer)
            }
            Err(LookupError::Nothing(found)) => {
                let found = Nothing { kind: NothingKind::NoData, ..found };
                Err(self.nothing(and(self.nothing, found)))
            }
            Err(error) => Err(error),
        }
    }

    /// What all domains together say.
    pub(super) fn end(&self) -> LookupError {
        match (self.nothing, &self.failure) {
            (Some(nothing), _) => self.nothing(nothing),
            (None, Some(failure)) => failure.clone(),
            (None, None) => LookupError::TimedOut,
        }
    }

    fn nothing(&self, mut nothing: Nothing) -> LookupError {
        nothing.proof = self.weaken(nothing.proof);
        nothing.provisional = self.is_provisional;
        LookupError::Nothing(nothing)
    }

    fn weaken(&self, mut proof: Option<Proof>) -> Option<Proof> {
        if let Some(nothing) = self.nothing {
            proof = Proof::weaker(proof, nothing.proof);
        }
        if self.failure.is_some() {
            proof = Proof::weaker(proof, Some(Proof::Indeterminate));
        }
        proof
    }
}

fn and(known: Option<Nothing>, found: Nothing) -> Nothing {
    known.map_or(found, |known| known.and(found))
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::*;

    fn nothing() -> Said {
        Said::Nothing(Nothing::new(NothingKind::NxDomain, None))
    }

    fn failed() -> Said {
        Said::Failed(LookupError::Refused)
    }

    /// After these domains, of which those that failed have done so for long or not.
    fn passed(domains: &[Said], is_long: bool) -> Passed {
        let mut passed = Passed::default();
        for said in domains {
            passed.add([said.clone()].into_iter(), |failure| failure.is_some() && is_long);
        }
        passed
    }

    #[track_caller]
    fn assert_provisional(domains: &[Said], is_long: bool, expected: bool) {
        let passed = passed(domains, is_long);
        let answer = passed.arrive(Ok(Answer::new(Name::root(), Vec::new())));
        assert_eq!(answer.unwrap().provisional, expected);
        let Err(LookupError::Nothing(none)) = passed.arrive(Err(LookupError::no_data(None))) else {
            panic!()
        };
        assert_eq!((none.kind, none.provisional), (NothingKind::NoData, expected));
        if let LookupError::Nothing(none) = passed.end() {
            assert_eq!((none.kind, none.provisional), (NothingKind::NxDomain, expected));
        }
    }

    #[test]
    fn what_is_found_behind_a_failure_is_provisional() {
        assert_provisional(&[], false, false);
        assert_provisional(&[nothing(), nothing()], false, false);
        assert_provisional(&[nothing(), failed(), nothing()], false, true);
        assert_provisional(&[failed(), nothing()], false, true);
    }

    #[test]
    fn a_failure_that_lasts_counts_as_nothing_behind_a_domain_that_says_so() {
        assert_provisional(&[nothing(), failed()], true, false);
        assert_provisional(&[failed(), nothing()], true, true);
        assert_provisional(&[failed()], true, true);
    }

    #[test]
    fn only_where_no_domain_says_nothing_it_is_a_failure() {
        let end = |domains: &[Said]| passed(domains, true).end();
        assert!(matches!(end(&[failed(), failed()]), LookupError::Refused));
        assert!(matches!(end(&[failed(), nothing()]), LookupError::Nothing(_)));
        assert!(matches!(end(&[]), LookupError::TimedOut));
    }

    #[test]
    fn a_denial_to_one_type_is_said_of_all() {
        let mut passed = Passed::default();
        passed.add([failed(), nothing()].into_iter(), |failure| {
            assert!(failure.is_none());
            false
        });
        assert!(matches!(passed.end(), LookupError::Nothing(nothing) if !nothing.provisional));
    }

    #[test]
    fn a_failure_before_weakens_the_proof() {
        let secure = || Ok(Answer::new(Name::root(), Vec::new()).with_proof(Proof::Secure));
        let proof = |domains: &[Said]| passed(domains, true).arrive(secure()).unwrap().proof;
        assert_eq!(proof(&[]), Some(Proof::Secure));
        assert_eq!(proof(&[nothing()]), None);
        assert_eq!(proof(&[failed()]), Some(Proof::Indeterminate));
    }
}
