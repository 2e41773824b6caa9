//! What the refreshes of a source have named last.

use std::sync::Arc;

use super::hosts::Hosts;
use crate::record::Sums;

/// What the refreshes of a source have named last, by which it is recognised when answers say it again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub(super) sums: Sums,
    /// The hosts, unless there are so many that their names weigh more than their addresses.
    pub(super) hosts: Option<Arc<Hosts>>,
    /// Whether a host has, or had, addresses of both families.
    pub(super) is_dual: bool,
}

/// Of how many hosts the addresses are remembered.
const HOSTS: usize = 1_024;

impl Known {
    /// Remembers what is named now; `None` if that is more than is followed.
    pub(super) fn remember(&mut self, hosts: Option<Hosts>, is_dual: bool) {
        self.hosts = hosts.filter(|hosts| hosts.len() <= HOSTS).map(Arc::new);
        self.is_dual = is_dual;
    }
}
