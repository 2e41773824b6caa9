//! Asks for dials to candidates outside the selection, so that separate groups of nodes find each other.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    budget::Quota,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::{Candidate, Family},
    discovery::{
        dial::{Expect, Purpose},
        view::View,
    },
    pace::jitter,
};

/// How many candidates are picked at random from all, before candidates of certain kinds are looked at.
const RANDOM_TRIES: usize = 8;
/// How many candidates of each kind are looked at then.
const LOOKS: usize = 16;

/// When the next meeting is due.
#[derive(Debug, Default)]
pub(super) struct Repair(Option<Instant>);

impl Repair {
    /// Asks, from time to time, for a dial to one random candidate outside the selection whose peer is not
    /// connected. If all are connected, the next dial is planned when a connection closes. There are no such
    /// dials while this node is not joined, so that the search has all the room. A dial for which there is no
    /// room stays due.
    pub(super) fn next(
        &mut self,
        scene: &Scene<'_>,
        is_joined: bool,
        has_route: impl Fn(Family) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Ask {
        if !is_joined || !has_outside(scene) {
            self.0 = None;
            return Ask::Nothing(None);
        }
        let is_due = self.0.is_some_and(|at| at <= scene.now());
        let found = is_due.then(|| random_outside(scene, has_route, rng)).flatten();
        let ask = found.and_then(|candidate| match scene.view.ledger.entry(&candidate) {
            Some(_) => meet(candidate, scene).map(Ask::Dial),
            None => Some(scene.ask_for_probe(candidate, Purpose::Repair)),
        });
        if !matches!(ask, Some(Ask::Dial(_))) && (is_due || self.0.is_none()) {
            self.0 = Some(scene.now() + jitter(scene.view.config.repair_interval, rng));
        }
        ask.unwrap_or(Ask::Nothing(self.0))
    }

    /// The dial that was asked for has started.
    pub(super) fn started(&mut self) {
        self.0 = None;
    }
}

/// The dial that meets a verified peer. It connects to the peer, because islands do not grow together by
/// probes.
pub(super) fn meet(candidate: Candidate, scene: &Scene<'_>) -> Option<Wish> {
    let peer = scene.view.ledger.entry(&candidate)?.peer;
    let is_idle = scene.dials.of(&candidate).is_none() && !scene.view.ledger.is_connected(&peer);
    let (expect, purpose, quota) = (Expect::Peer(peer), Purpose::Repair, Quota::Repair);
    let (is_probe, then) = (false, None);
    is_idle.then_some(Wish { candidate, expect, purpose, quota, is_probe, then })
}

/// Whether there is a candidate outside the selection whose peer is not connected. That is so if there are
/// more candidates than our own and those with an entry, or if more entries have an unconnected peer than
/// take a place.
fn has_outside(scene: &Scene<'_>) -> bool {
    let View { order, own, ledger, .. } = *scene.view;
    let (entries, selected) = (ledger.len(), scene.selected.len());
    if order.len() > own.len() + entries {
        return true;
    }
    let is_idle = |peer: &PeerId| !ledger.is_connected(peer);
    let idle_in_place = || {
        let in_place = scene.selected.iter().filter(|(c, _)| scene.takes_place(c));
        in_place.filter(|(_, peer)| is_idle(peer)).count()
    };
    entries > ledger.met()
        && (entries > ledger.met() + selected || entries > ledger.met() + idle_in_place())
}

/// A random candidate outside the selection, at which no peer is verified, or whose peer is not connected. The
/// candidates are looked at from a random place on, a few of each kind.
fn random_outside(
    scene: &Scene<'_>,
    has_route: impl Fn(Family) -> bool,
    rng: &mut fastrand::Rng,
) -> Option<Candidate> {
    let (order, ledger) = (scene.view.order, scene.view.ledger);
    let will_do = |c: &&Candidate| has_route(c.family()) && is_worth_meeting(scene, c);
    // Nearly always, nearly all candidates will do.
    for _ in 0..RANDOM_TRIES {
        let candidate = rng.choice(order.iter())?;
        if will_do(&candidate) {
            return Some(candidate.clone());
        }
    }
    let from = rng.choice(order.iter())?;
    let around = |set: &'_ BTreeSet<Candidate>| {
        let circle = set.range(from..).chain(set.range(..from));
        circle.take(LOOKS).find(will_do).cloned()
    };
    let mut kinds = [ledger.idle(), ledger.untried(), &ledger.due().in_order];
    rng.shuffle(&mut kinds);
    kinds.into_iter().find_map(around)
}

/// Whether a candidate may be met: it is outside the selection, its peer is not connected, its back-off is
/// over, and nothing else forbids the dial.
fn is_worth_meeting(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let view = scene.view;
    let of_no_use = |peer: &PeerId| view.ledger.is_connected(peer) || view.is_disqualified(peer);
    let is_passed_over =
        |pinned: &PeerId| view.holds_place(pinned, candidate) || view.is_disqualified(pinned);
    !scene.takes_place(candidate)
        && !view.own.is_own(candidate)
        && scene.has_turn(candidate)
        && !candidate.pinned().is_some_and(is_passed_over)
        && scene.has_room_at_host(candidate)
        && scene.dials.of(candidate).is_none()
        && !view.ledger.entry(candidate).is_some_and(|e| of_no_use(&e.peer))
        && !view.waits(candidate)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::{
        super::testing::{Stage, dialled, wish},
        *,
    };
    use crate::discovery::testing::{World, c, peer, pinned, secs, v6};

    fn ask(repair: &mut Repair, stage: &Stage, is_joined: bool) -> Ask {
        let rng = &mut fastrand::Rng::with_seed(1);
        stage.ask(|scene| repair.next(scene, is_joined, |_| true, rng))
    }

    /// What happens to one of three, and what that is called.
    type Change = (&'static str, fn(&mut Stage));

    /// A stage of three, of whom the first takes a place.
    fn three() -> Stage {
        let mut stage = Stage::new(World::of(3));
        stage.select(&c(0), peer(100));
        stage
    }

    /// Those that are met, if one is met again and again and there is a route to some families.
    fn met(stage: &Stage, has_route: impl Fn(Family) -> bool) -> Vec<Candidate> {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut meet = || {
            let mut repair = Repair(Some(stage.world.now));
            match stage.ask(|scene| repair.next(scene, true, &has_route, &mut rng)) {
                Ask::Dial(wish) => Some(wish.candidate),
                _ => None,
            }
        };
        let met: BTreeSet<_> = (0..40).map(|_| meet().expect("a meeting")).collect();
        met.into_iter().collect()
    }

    fn pause(asked: &Ask, stage: &Stage) -> Option<Duration> {
        match asked {
            Ask::Nothing(at) => at.map(|at| at - stage.world.now),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_candidate_outside_the_selection_is_looked_at_in_an_interval() {
        let (mut repair, mut stage) = (Repair::default(), three());
        let first = pause(&ask(&mut repair, &stage, true), &stage).expect("a meeting");
        assert!((secs(45)..secs(75)).contains(&first), "{first:?}");
        stage.world.pass(first);
        let wish = wish(ask(&mut repair, &stage, true));
        assert_ne!(wish.candidate, c(0));
        assert_eq!((wish.quota, wish.is_probe), (Quota::Repair, true));
        assert_ne!(dialled(ask(&mut repair, &stage, true)).0, c(0), "until it has started");
        repair.started();
        let next = pause(&ask(&mut repair, &stage, true), &stage).expect("the next one");
        assert!((secs(45)..secs(75)).contains(&next), "{next:?}");
    }

    #[test]
    fn nobody_is_met_while_we_are_not_joined_and_the_pause_begins_anew_then() {
        let (mut repair, mut stage) = (Repair::default(), three());
        ask(&mut repair, &stage, true);
        stage.world.pass(secs(99));
        assert_eq!(pause(&ask(&mut repair, &stage, false), &stage), None);
        assert!(pause(&ask(&mut repair, &stage, true), &stage) >= Some(secs(45)));
    }

    #[test]
    fn nothing_is_planned_where_everybody_takes_a_place_or_is_connected_or_is_us() {
        let mut stage = three();
        stage.world.listen(&c(1));
        stage.world.verify_all([2]);
        assert!(pause(&ask(&mut Repair::default(), &stage, true), &stage).is_some());
        stage.world.connect(2, &c(2));
        assert_eq!(pause(&ask(&mut Repair::default(), &stage, true), &stage), None);
    }

    #[test]
    fn a_peer_that_is_known_is_met_by_a_connection() {
        let mut stage = three();
        stage.world.listen(&c(1));
        stage.world.verify_all([2]);
        let mut due = Repair(Some(stage.world.now));
        assert_eq!(dialled(ask(&mut due, &stage, true)), (c(2), Expect::Peer(peer(2))));
        assert!(stage.ask(|scene| meet(c(2), scene)).is_some_and(|wish| !wish.is_probe));
        stage.probe(&c(2));
        assert!(stage.ask(|scene| meet(c(2), scene)).is_none(), "it is dialled already");
        assert!(stage.ask(|scene| meet(c(1), scene)).is_none(), "nobody is known there");
        stage.world.verify_all([0]);
        stage.world.connect(0, &c(9));
        assert!(stage.ask(|scene| meet(c(0), scene)).is_none(), "its peer is connected");
    }

    #[test]
    fn those_are_met_of_whom_that_would_tell_something() {
        let changes: [Change; 7] = [
            ("it is in back-off", |stage| stage.world.fail(&c(2))),
            ("it is ours", |stage| stage.world.listen(&c(2))),
            ("it is dialled", |stage| _ = stage.probe(&c(2))),
            ("its host was probed", |stage| (0..4).for_each(|_| stage.hosts.note(&c(2)))),
            ("its peer is connected", |stage| {
                stage.world.verify_all([2]);
                stage.world.connect(2, &c(9));
            }),
            ("its peer is passed over", |stage| {
                stage.world.verify_all([2]);
                stage.world.disqualify(peer(2), secs(9));
            }),
            ("it takes a place", |stage| stage.select(&c(2), peer(2))),
        ];
        assert_eq!(met(&three(), |_| true), [c(1), c(2)]);
        for (what, change) in changes {
            let mut stage = three();
            change(&mut stage);
            assert_eq!(met(&stage, |_| true), [c(1)], "{what}");
        }
    }

    #[test]
    fn a_pin_to_a_peer_that_holds_a_place_or_is_passed_over_is_not_met() {
        let (held, passed_over) = (pinned(1, peer(100)), pinned(2, peer(2)));
        let mut stage = Stage::new(World::with(&[c(0), held, passed_over.clone(), c(3)]));
        stage.select(&c(0), peer(100));
        assert_eq!(met(&stage, |_| true), [passed_over, c(3)]);
        stage.world.disqualify(peer(2), secs(9));
        assert_eq!(met(&stage, |_| true), [c(3)]);
    }

    #[test]
    fn a_fallback_is_not_met_before_its_better_transport_has_failed() {
        let mut stage = Stage::new(World::with_transports(&[c(1), c(2)], &[c(2), c(1)]));
        assert_eq!(met(&stage, |_| true), [c(2)]);
        stage.world.fail(&c(2));
        assert_eq!(met(&stage, |_| true), [c(1)]);
    }

    #[test]
    fn a_family_without_a_route_is_left_alone() {
        let stage = Stage::new(World::with(&[c(1), v6(1)]));
        assert_eq!(met(&stage, |family| family == Family::V6), [v6(1)]);
    }
}
