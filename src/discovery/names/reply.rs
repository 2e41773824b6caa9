//! How a look-up ended, as far as the history of its question needs to know.

use std::time::Duration;

use crate::resolver::{Answer, LookupError, Proof};

/// How a look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// By an answer. `sum` differs if the answer says something else.
    Answer { ttl: Option<Duration>, sum: u64 },
    /// By "there is nothing".
    Nothing { ttl: Option<Duration> },
    /// By a response code that says neither.
    Refusal,
    /// By silence.
    Silence,
    /// By a failure that is not the name server's word, or not a word about this name.
    Other,
}

/// The failure that takes the place of a result that DNSSEC does not prove secure, for a source that demands
/// proof; `None` if the result is proved.
pub(super) fn insecure(result: &Result<Answer, LookupError>) -> Option<LookupError> {
    let proof = match result {
        Ok(answer) => answer.proof,
        Err(LookupError::Nothing(nothing)) => nothing.proof,
        Err(_) => return None,
    };
    (proof != Some(Proof::Secure)).then_some(LookupError::Insecure(proof))
}

impl Reply {
    pub(super) fn of(error: &LookupError) -> Self {
        match error {
            LookupError::Nothing(nothing) if nothing.provisional => Self::Other,
            LookupError::Nothing(nothing) => Self::Nothing { ttl: nothing.negative_ttl },
            LookupError::Refused | LookupError::ServerFailed(_) => Self::Refusal,
            LookupError::TimedOut => Self::Silence,
            // A forged or broken answer must not hide what the name has.
            LookupError::Bogus(_) | LookupError::Insecure(_) | LookupError::Failed(_) => {
                Self::Other
            }
        }
    }
}
