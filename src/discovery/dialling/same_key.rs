//! Asks for another look at an address where our own identity answered.

use super::{
    budget::Quota,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::Candidate,
    discovery::{dial::Purpose, effect::Effect, ledger::admits},
};

/// The look that is due first. It uses the share of the dials that keep us joined, and does not count as a
/// probe of its host: there are few such looks, and a node that holds our key, or one that forwards to
/// us, has answered at the host before.
pub(super) fn next(scene: &Scene<'_>) -> Ask {
    let Some((due, candidate)) = scene.view.own.next_look() else { return Ask::Nothing(None) };
    if due > scene.now() {
        return Ask::Nothing(Some(due));
    }
    let then = Effect::Looked(candidate.clone());
    if !may_look(scene, candidate) {
        return Ask::Other(then);
    }
    let (candidate, expect) = (candidate.clone(), scene.expectation(candidate, Purpose::Hint));
    let (purpose, quota) = (Purpose::Hint, Quota::Check);
    Ask::Dial(Wish { candidate, expect, purpose, quota, is_probe: false, then: Some(then) })
}

/// Whether a candidate may be dialled: no dial to it is under way, the swarm has not said since that it is
/// ours, and the peer to which it is pinned may join.
fn may_look(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let may_join = |pinned| admits(scene.view.config, pinned, candidate);
    scene.dials.of(candidate).is_none()
        && !scene.view.own.is_own_address(candidate)
        && candidate.pinned().is_none_or(may_join)
}
