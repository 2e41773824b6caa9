//! The positive answer of a resolver to a query.

use hickory_proto::rr::{Name, Record};

use super::proof::Proof;
#[cfg(doc)]
use super::query::Query;

/// The positive answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The owner name of the records of the type that was asked for. This is the name of the query,
    /// completed by the search list, or the end of its CNAME chain.
    pub name: Name,
    /// The answer section: records of the type asked for, and the CNAME records that lead to them.
    pub records: Vec<Record>,
    /// The additional section. For SRV, these are the addresses of the targets ("glue").
    pub additionals: Vec<Record>,
    /// Whether the answer has all records that there are. A truncated answer is not complete, and a
    /// member that is missing from it has not left.
    pub complete: bool,
    /// The weakest DNSSEC proof among the records and additionals; `None` if the resolver does not
    /// validate.
    pub proof: Option<Proof>,
    /// Whether an earlier domain of the search list failed, so that the name may exist in that
    /// domain. A provisional answer is used if nothing is known yet. It never removes candidates
    /// that an earlier domain named. Default: `false`.
    pub provisional: bool,
}

impl Answer {
    /// A complete answer, not provisional, without additional records and without a DNSSEC proof.
    pub fn new(name: Name, records: Vec<Record>) -> Self {
        Self {
            name,
            records,
            additionals: Vec::new(),
            complete: true,
            proof: None,
            provisional: false,
        }
    }

    /// Adds records of the additional section.
    #[must_use]
    pub fn with_additionals(mut self, additionals: Vec<Record>) -> Self {
        self.additionals = additionals;
        self
    }

    /// Sets whether the answer has all records that there are.
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Adds the outcome of a DNSSEC validation.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Sets whether an earlier domain of the search list failed.
    #[must_use]
    pub fn with_provisional(mut self, provisional: bool) -> Self {
        self.provisional = provisional;
        self
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::rr::RData;

    use super::*;

    #[test]
    fn an_answer_is_complete_and_not_proved_unless_it_is_said() {
        let answer = Answer::new(Name::root(), Vec::new());
        assert!(answer.complete && answer.additionals.is_empty() && !answer.provisional);
        assert_eq!(answer.proof, None);
        let glue = Record::from_rdata(Name::root(), 1, RData::from(IpAddr::from([10, 0, 0, 1])));
        let said = answer
            .with_additionals(vec![glue.clone()])
            .with_complete(false)
            .with_proof(Proof::Insecure)
            .with_provisional(true);
        assert_eq!(said.additionals, [glue]);
        assert_eq!((said.complete, said.proof), (false, Some(Proof::Insecure)));
        assert!(said.provisional);
    }
}
