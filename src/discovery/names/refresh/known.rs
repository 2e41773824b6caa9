//! What the refreshes of a source have named last.

use std::sync::Arc;

use super::script::Script;
use crate::record::Sums;

/// What the refreshes of a source have named last, by which it is recognised when answers say it again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(super) sums: Sums,
    /// What the last one was answered, unless it was such that it cannot be repeated.
    pub(super) script: Option<Arc<Script>>,
    /// Whether a host has, or had, addresses of both families.
    pub(super) is_dual: bool,
}

#[cfg(test)]
impl Known {
    /// Has the next answers read, whatever they say.
    pub(in crate::discovery::names) fn forget_script(&mut self) {
        self.script = None;
    }

    pub(in crate::discovery::names) fn has_script(&self) -> bool {
        self.script.is_some()
    }
}
