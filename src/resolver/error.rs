//! Why a resolver gives no answer.

use std::{error::Error, sync::Arc, time::Duration};

use super::{
    nothing::{Nothing, NothingKind},
    proof::Proof,
};

/// Why there is no answer. None of these errors changes what is already known, with one exception:
/// repeated [`Nothing`](LookupError::Nothing) says that a name is empty.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// An authoritative "there is nothing" ([RFC 2308]).
    ///
    /// [RFC 2308]: https://www.rfc-editor.org/rfc/rfc2308
    #[error("{0}")]
    Nothing(Nothing),
    /// The server refused to answer (`REFUSED`).
    #[error("the name server refused the query")]
    Refused,
    /// The server could not answer (`SERVFAIL` or another response code).
    #[error("the name server failed ({0})")]
    ServerFailed(Arc<str>),
    /// No name server answered in time.
    #[error("no name server answered in time")]
    TimedOut,
    /// The DNSSEC signatures of the answer are not valid.
    #[error("DNSSEC validation failed: {0}")]
    Bogus(Arc<str>),
    /// The source [demands](crate::Source::secure) an answer that DNSSEC proves secure, and this
    /// answer has a weaker proof, or none.
    #[error("the source takes only what DNSSEC proves secure, and the answer {}", shortfall(*.0))]
    Insecure(Option<Proof>),
    /// The query could not be sent, or the reply could not be read.
    #[error("the look-up could not be made")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
}

impl LookupError {
    /// Wraps any error as [`LookupError::Failed`].
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Arc::from(error.into()))
    }

    /// "The name does not exist", with the negative TTL if the server sent one.
    pub fn nx_domain(negative_ttl: Option<Duration>) -> Self {
        Self::Nothing(Nothing::new(NothingKind::NxDomain, negative_ttl))
    }

    /// "The name has no records of this type", with the negative TTL if the server sent one.
    pub fn no_data(negative_ttl: Option<Duration>) -> Self {
        Self::Nothing(Nothing::new(NothingKind::NoData, negative_ttl))
    }
}

fn shortfall(proof: Option<Proof>) -> String {
    match proof {
        Some(proof) => format!("is {proof}"),
        None => "was not validated; use a resolver that validates".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_that_takes_only_secure_answers_lacks_is_said() {
        let said = |proof| LookupError::Insecure(proof).to_string();
        assert!(said(Some(Proof::Indeterminate)).ends_with("the answer is indeterminate"));
        assert!(said(None).contains("was not validated"));
    }

    #[test]
    fn the_cause_of_a_look_up_that_could_not_be_made_is_its_source() {
        let error = LookupError::failed("no route");
        let source = Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("no route"));
    }
}
