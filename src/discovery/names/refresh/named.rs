//! A candidate that a refresh names.

use super::origin::Origin;
use crate::candidate::{Candidate, Transports};

/// A candidate, the questions that named it, and the transports to its host that its record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) candidate: Candidate,
    pub(crate) origin: Origin,
    /// The candidate and the other transports to its host, in order of preference, where there are
    /// several. The bound may have left some of them out of the resolution.
    pub(crate) transports: Option<Transports>,
}
