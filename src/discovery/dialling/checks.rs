//! Asks for dials that verify the entries of the table again.

use super::{
    budget::Quota,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::Candidate,
    discovery::{
        dial::{Expect, Purpose},
        effect::Effect,
        ledger::VerifiedPeer,
    },
};

/// The entry whose verification is due first.
pub(super) fn next(scene: &Scene<'_>, rng: &mut fastrand::Rng) -> Ask {
    let (view, ledger) = (scene.view, scene.view.ledger);
    let Some((due, candidate)) = ledger.next_check() else { return Ask::Nothing(None) };
    let Some(entry) = ledger.entry(candidate).filter(|_| due <= view.now) else {
        return Ask::Nothing(Some(due));
    };
    let (candidate, peer) = (candidate.clone(), entry.peer);
    let by_fallback = is_by_fallback(scene, &candidate, entry);
    let is_shown = ledger.is_live_at(&peer, &candidate) && !ledger.is_contradicted(&candidate);
    if is_shown && !by_fallback {
        return Ask::Other(Effect::StillConnected(candidate));
    }
    let later = if ledger.is_silent_at(&peer, &candidate) {
        // The peer may reply yet. If the address cannot be probed, there is nothing else to wait for.
        Effect::StillConnected(candidate.clone())
    } else {
        let at = view.now + ledger.plan_check(&candidate, scene.selected, view.interval, rng);
        Effect::Recheck { candidate: candidate.clone(), at }
    };
    if scene.dials.of(&candidate).is_some() {
        return Ask::Other(later);
    }
    let expect = match by_fallback {
        true => Some(Expect::Again(peer)),
        false => expectation(scene, &candidate, entry),
    };
    let Some(expect) = expect else {
        return Ask::Other(later);
    };
    let (purpose, quota) = (Purpose::Check, Quota::Check);
    Ask::Dial(Wish { candidate, expect, purpose, quota, is_probe: false, then: Some(later) })
}

/// Whether a peer that takes a place is connected by a fallback alone: the fallback was quicker, but by now the
/// peer is verified by the better transport, too. Then the node connects to the peer by the better transport as
/// well, unless our swarm denies more connections. The other connection is left to close when it is idle.
fn is_by_fallback(scene: &Scene<'_>, candidate: &Candidate, entry: &VerifiedPeer) -> bool {
    scene.takes_place(candidate)
        && !entry.is_denied()
        && scene.view.is_by_fallback(&entry.peer, candidate)
}

/// Which peer a dial expects that verifies an entry; `None` if there is to be no dial.
///
/// A dial to a selected peer expects the peer, and connects to it. Other entries are probed, because it is
/// enough to know which peer lives there. Three more kinds of entries are probed: if our swarm denied the last
/// connection; if the peer is connected by another address, because the swarm would not start a dial to it;
/// and if the peer is passed over, because another one may live there by now.
///
/// Where an address may not be probed, a peer that is connected or passed over is not dialled, and any other
/// peer is connected to.
fn expectation(scene: &Scene<'_>, candidate: &Candidate, entry: &VerifiedPeer) -> Option<Expect> {
    let peer = entry.peer;
    let is_passed_over = scene.view.is_disqualified(&peer);
    let no_connection = is_passed_over || scene.view.ledger.is_connected(&peer);
    let probe = scene.may_probe() && !candidate.is_relayed();
    match (no_connection, probe) {
        (true, true) => Some(Expect::Probe),
        (true, false) => None,
        (false, true) if entry.is_denied() || !scene.takes_place(candidate) => Some(Expect::Probe),
        (false, _) => Some(Expect::Peer(peer)),
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::{
        super::testing::{Stage, dialled, wish},
        *,
    };
    use crate::{
        config::{Config, Identify},
        discovery::testing::{World, at, c, peer, secs},
    };

    /// The second candidate is verified, and its verification is due.
    fn due() -> Stage {
        let mut stage = Stage::new(World::of(3));
        stage.world.verify_all([1]);
        let now = stage.world.now;
        stage.world.ledger.recheck(&c(1), now);
        stage
    }

    fn ask(stage: &Stage) -> Ask {
        stage.ask(|scene| next(scene, &mut fastrand::Rng::with_seed(1)))
    }

    /// How many seconds later the entry is verified again.
    fn later(stage: &Stage, effect: &Effect) -> u64 {
        match effect {
            Effect::Recheck { candidate, at } if *candidate == c(1) => {
                (*at - stage.world.now).as_secs()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_entry_that_is_not_due_is_waited_for() {
        let mut stage = due();
        assert!(matches!(ask(&Stage::new(World::of(3))), Ask::Nothing(None)));
        let soon = stage.world.now + secs(7);
        stage.world.ledger.recheck(&c(1), soon);
        assert!(matches!(ask(&stage), Ask::Nothing(Some(at)) if at == soon));
    }

    #[test]
    fn a_peer_that_takes_a_place_is_connected_to_and_another_one_probed() {
        let mut stage = due();
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Probe));
        stage.world.selected.insert(c(1), peer(1));
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Peer(peer(1))));
    }

    #[test]
    fn with_the_dial_the_next_verification_is_planned_and_far_later_without_a_place() {
        let mut stage = due();
        let unselected = wish(ask(&stage)).then.expect("it is planned");
        assert!((450..750).contains(&later(&stage, &unselected)));
        stage.world.selected.insert(c(1), peer(1));
        let selected = wish(ask(&stage));
        assert!(selected.quota == Quota::Check && !selected.is_probe);
        assert!((45..75).contains(&later(&stage, &selected.then.expect("it is planned"))));
    }

    #[test]
    fn a_connection_is_the_verification_unless_another_identity_answers_there() {
        let mut stage = due();
        stage.world.connect(1, &c(1));
        assert!(matches!(ask(&stage), Ask::Other(Effect::StillConnected(at)) if at == c(1)));
        // Another one answers there; it is looked at once more when the connection must have died.
        stage.world.verify(&c(1), peer(9));
        stage.world.pass(secs(40));
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Probe));
    }

    #[test]
    fn a_peer_that_is_connected_elsewhere_is_probed_or_left_alone_where_probes_are_not_wanted() {
        let mut stage = due();
        stage.world.selected.insert(c(1), peer(1));
        stage.world.connect(1, &c(2));
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Probe));
        stage.world.config = Config::new().with_identify(Identify::Dial);
        let Ask::Other(effect) = ask(&stage) else { panic!("nothing is dialled") };
        assert!(later(&stage, &effect) >= 450);
    }

    #[test]
    fn where_probes_are_not_wanted_everybody_is_connected_to() {
        let mut stage = due();
        stage.world.config = Config::new().with_identify(Identify::Dial);
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Peer(peer(1))));
    }

    #[test]
    fn a_relayed_peer_is_never_probed() {
        let relay = peer(77);
        let relayed = at(&format!("/ip4/10.9.9.9/tcp/1/p2p/{relay}/p2p-circuit/p2p/{}", peer(1)));
        let mut stage = Stage::new(World::with(slice::from_ref(&relayed)));
        stage.world.verify(&relayed, peer(1));
        let now = stage.world.now;
        stage.world.ledger.recheck(&relayed, now);
        assert_eq!(dialled(ask(&stage)), (relayed, Expect::Peer(peer(1))));
    }

    #[test]
    fn what_is_dialled_already_is_verified_later_and_what_is_passed_over_by_a_probe() {
        let mut stage = due();
        let dial = stage.probe(&c(1));
        assert!(matches!(ask(&stage), Ask::Other(effect) if later(&stage, &effect) >= 450));
        stage.dials.end(dial);
        stage.world.selected.insert(c(1), peer(1));
        stage.world.disqualify(peer(1), secs(9));
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Probe));
        stage.world.config = Config::new().with_identify(Identify::Dial);
        assert!(matches!(ask(&stage), Ask::Other(_)), "where probes are not wanted");
        stage.world.pass(secs(9));
        assert_eq!(dialled(ask(&stage)), (c(1), Expect::Peer(peer(1))));
    }
}
