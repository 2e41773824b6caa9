//! What a domain of the search list says of a name.

use crate::resolver::{
    answer::Answer,
    error::LookupError,
    nothing::{Nothing, NothingKind},
};

/// What a domain says of a name, asked for one type.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// It exists, with records of the type or without.
    Exists,
    /// It does not exist.
    Nothing(Nothing),
    /// Nothing that could be understood.
    Failed(LookupError),
    /// Something forged. The forger could otherwise lead the search to a name of their choice.
    Bogus(LookupError),
}

impl Said {
    pub(super) fn of(outcome: &Result<Answer, LookupError>) -> Self {
        match outcome {
            Ok(_) => Self::Exists,
            Err(LookupError::Nothing(nothing)) => match nothing.kind {
                NothingKind::NoData => Self::Exists,
                NothingKind::NxDomain => Self::Nothing(*nothing),
            },
            Err(error @ LookupError::Bogus(_)) => Self::Bogus(error.clone()),
            Err(error) => Self::Failed(error.clone()),
        }
    }
}
