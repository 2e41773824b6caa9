//! What an asker sees, for tests of an asker.

use libp2p_identity::PeerId;

use super::{
    budget::Quota,
    dials::Dials,
    host_probes::HostProbes,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::Candidate,
    discovery::{
        dial::{DialId, Expect, Purpose},
        testing::{World, nz},
    },
};

/// A world, and the dials in it.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) dials: Dials,
    pub(super) hosts: HostProbes,
    pub(super) are_probes_denied: bool,
}

impl Stage {
    pub(super) fn new(world: World) -> Self {
        let dials = Dials::new(nz(16), nz(600), world.now);
        Self { world, dials, hosts: HostProbes::new(nz(4)), are_probes_denied: false }
    }

    /// Has an asker look at it.
    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Scene<'_>) -> T) -> T {
        let World { plans, selected, .. } = &self.world;
        let (dials, hosts, are_probes_denied) = (&self.dials, &self.hosts, self.are_probes_denied);
        let view = &self.world.view();
        ask(&Scene { view, plans, selected, dials, hosts, are_probes_denied })
    }

    /// Starts a dial.
    pub(super) fn dial(
        &mut self,
        candidate: &Candidate,
        expect: Expect,
        purpose: Purpose,
    ) -> DialId {
        self.dials.start(self.world.dial(candidate, expect, purpose), Quota::Place)
    }

    pub(super) fn probe(&mut self, candidate: &Candidate) -> DialId {
        self.dial(candidate, Expect::Probe, Purpose::Place)
    }

    /// A peer is verified at a candidate and takes a place.
    pub(super) fn select(&mut self, candidate: &Candidate, peer: PeerId) {
        self.world.verify(candidate, peer);
        self.world.selected.insert(candidate.clone(), peer);
    }
}

/// The dial that is asked for.
pub(super) fn wish(ask: Ask) -> Wish {
    match ask {
        Ask::Dial(wish) => wish,
        other => panic!("{other:?}"),
    }
}

/// Which candidate is to be dialled, and which peer the dial expects there.
pub(super) fn dialled(ask: Ask) -> (Candidate, Expect) {
    let wish = wish(ask);
    (wish.candidate, wish.expect)
}
