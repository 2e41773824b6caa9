//! Asks for another look at an address where our own identity answered.

use super::{
    budget::Quota,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::Candidate,
    discovery::{dial::Purpose, effect::Effect, ledger::admits},
};

/// The look that is due first. It takes the share of what keeps us joined, and does not count as a
/// probe of its host: there are few, and whoever holds our key, or passes on what is sent to it, has
/// answered there.
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

/// Whether a candidate may be dialled: nobody is dialling it already, nobody has said since that it is
/// ours, and the peer to which it is pinned may join.
fn may_look(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let may_join = |pinned| admits(scene.view.config, pinned, candidate);
    scene.dials.of(candidate).is_none()
        && !scene.view.own.is_own_address(candidate)
        && candidate.pinned().is_none_or(may_join)
}
