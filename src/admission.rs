//! Which peers may join: asked before a peer gets an entry in the table of verified peers.

use std::{collections::HashSet, fmt, sync::Arc};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

type Check = dyn Fn(&PeerId, &Multiaddr) -> bool + Send + Sync;

/// The allow list, and the function by which the application decides. A peer must pass both.
#[derive(Clone, Default)]
pub(crate) struct Admission {
    /// `None`: every peer is on the list.
    pub(crate) allowed: Option<HashSet<PeerId>>,
    pub(crate) check: Option<Arc<Check>>,
}

impl Admission {
    /// Whether a peer that proved its identity at an address may have an entry there.
    pub(crate) fn admits(&self, peer: &PeerId, address: &Multiaddr) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(peer))
            && self.check.as_ref().is_none_or(|check| check(peer, address))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission")
            .field("allowed", &self.allowed)
            .field("check", &self.check.is_some())
            .finish()
    }
}
