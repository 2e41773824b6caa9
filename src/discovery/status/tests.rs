use super::*;
use crate::discovery::{
    output::Output,
    testing::{World, all, c, peer, secs},
};

const ANSWERED: Said = Said { is_answered: true, is_settled: true };
const UNSETTLED: Said = Said { is_answered: true, is_settled: false };
const NOTHING: Said = Said { is_answered: false, is_settled: false };

/// The status, and all that it reads.
struct Room {
    readiness: Readiness,
    world: World,
}

impl Room {
    /// Of so many candidates, of which the first is ours.
    fn new(n: u16) -> Self {
        let mut world = World::of(n);
        if n > 0 {
            world.listen(&c(0));
        }
        Self { readiness: Readiness::new(world.now), world }
    }

    fn update(&mut self, said: Said) -> Vec<Effect> {
        let mut effects = Effects::default();
        let World { order, own, .. } = &self.world;
        self.readiness.follow(0, order, own, Named::default);
        self.readiness.update(&self.world.view(), said, &mut effects);
        all(effects)
    }

    fn status(&mut self) -> Status {
        self.update(ANSWERED);
        self.readiness.status()
    }

    /// How soon the status may change by itself.
    fn wake(&self) -> Option<Duration> {
        self.readiness.next_timeout().map(|at| at - self.world.now)
    }

    fn isolation(&self, most: usize) -> Option<Isolation> {
        let World { order, own, ledger, .. } = &self.world;
        self.readiness.isolation(order, own, ledger, most)
    }

    /// The first other is verified, and then not seen any more.
    fn joined() -> Self {
        let mut room = Self::new(3);
        room.world.verify_all([1]);
        assert_eq!(room.status(), Status::Joined);
        room
    }
}

fn statuses(effects: &[Effect]) -> Vec<(Status, Option<bool>)> {
    let status = |effect: &Effect| match effect {
        Effect::Output(Output::Event(Event::Status { status, listed })) => Some((*status, *listed)),
        _ => None,
    };
    effects.iter().filter_map(status).collect()
}

fn isolations(effects: Vec<Effect>) -> Vec<Isolation> {
    let isolation = |effect| match effect {
        Effect::Output(Output::Event(Event::Isolated(isolation))) => Some(isolation),
        _ => None,
    };
    effects.into_iter().filter_map(isolation).collect()
}

#[test]
fn a_node_is_starting_until_the_sources_have_said_all_and_then_alone() {
    let mut room = Room::new(1);
    assert_eq!(statuses(&room.update(UNSETTLED)), [(Status::Starting, Some(true))]);
    assert_eq!(statuses(&room.update(ANSWERED)), [(Status::Alone, Some(true))]);
    assert_eq!(statuses(&room.update(ANSWERED)), [], "it is told once");
}

#[test]
fn nothing_is_told_before_the_first_answer() {
    let mut room = Room::new(0);
    assert_eq!(statuses(&room.update(NOTHING)), []);
    assert_eq!((room.readiness.status(), room.readiness.is_listed()), (Status::Starting, None));
}

#[test]
fn listed_tells_whether_a_candidate_is_ours_and_is_told_by_itself() {
    let mut room = Room::new(1);
    assert_eq!(statuses(&room.update(ANSWERED)), [(Status::Alone, Some(true))]);
    room.world.name(&[], &[]);
    assert_eq!(statuses(&room.update(ANSWERED)), [(Status::Alone, Some(false))]);
    assert_eq!(room.readiness.is_listed(), Some(false));
}

#[test]
fn a_node_that_starts_is_not_isolated_at_once_though_all_others_have_failed() {
    let mut room = Room::new(3);
    assert_eq!(room.status(), Status::Starting);
    room.world.fail(&c(1));
    room.world.fail(&c(2));
    assert_eq!(room.status(), Status::Starting);
    room.world.pass(secs(10));
    assert_eq!(room.status(), Status::Isolated);
}

#[test]
fn a_node_that_starts_is_isolated_when_a_probe_has_had_its_time() {
    let mut room = Room::new(3);
    assert_eq!(room.status(), Status::Starting);
    assert_eq!(room.wake(), Some(secs(10)));
    room.world.pass(secs(9));
    assert_eq!(room.status(), Status::Starting);
    room.world.pass(secs(1));
    assert_eq!(room.status(), Status::Isolated);
}

#[test]
fn a_node_that_was_alone_stays_so_for_the_time_of_a_probe_though_all_others_fail() {
    let mut room = Room::new(1);
    assert_eq!(room.status(), Status::Alone);
    room.world.name(&[&[c(0), c(1)]], &[]);
    room.world.fail(&c(1));
    assert_eq!(room.status(), Status::Alone);
    room.world.pass(secs(9));
    assert_eq!((room.status(), room.wake()), (Status::Alone, Some(secs(1))));
    room.world.pass(secs(1));
    assert_eq!(room.status(), Status::Isolated);
}

#[test]
fn a_node_is_joined_until_two_intervals_after_the_last_sighting() {
    let mut room = Room::joined();
    assert_eq!(room.wake(), Some(secs(120)));
    room.world.pass(secs(119));
    assert_eq!(room.status(), Status::Joined);
    room.world.pass(secs(1));
    assert_eq!(room.status(), Status::Isolated, "and nothing is waited for");
}

#[test]
fn a_node_is_joined_while_a_verified_peer_is_connected_by_whatever_address() {
    let mut room = Room::joined();
    room.world.connect(1, &c(9));
    room.world.pass(secs(3_600));
    assert_eq!((room.status(), room.wake()), (Status::Joined, None));
    room.world.disconnect(1);
    assert_eq!((room.status(), room.wake()), (Status::Joined, Some(secs(120))));
    room.world.pass(secs(120));
    assert_eq!(room.status(), Status::Isolated);
}

#[test]
fn a_connected_peer_that_is_verified_nowhere_joins_nobody() {
    let mut room = Room::new(3);
    room.world.connect(7, &c(9));
    room.world.pass(secs(60));
    room.update(ANSWERED);
    assert_ne!(room.readiness.status(), Status::Joined);
}

#[test]
fn a_disqualified_peer_joins_nobody_connected_or_not() {
    for connected in [false, true] {
        let mut room = Room::joined();
        if connected {
            room.world.connect(1, &c(1));
        }
        room.world.disqualify(peer(1), secs(9));
        assert_eq!(room.status(), Status::Isolated);
    }
}

#[test]
fn a_lonely_node_asks_to_look_sooner_and_has_the_others_tried_again_by_and_by() {
    let mut room = Room::new(3);
    let effects = room.update(ANSWERED);
    let by = room.world.now + secs(30);
    assert!(effects.iter().any(|e| matches!(e, Effect::RetryAllBy(at) if *at == by)));
    assert!(effects.iter().any(|e| matches!(e, Effect::LookSooner)));
    let effects = room.update(ANSWERED);
    assert!(!effects.iter().any(|e| matches!(e, Effect::RetryAllBy(_))), "once");
    assert!(effects.iter().any(|e| matches!(e, Effect::LookSooner)));
    let mut joined = Room::joined();
    assert!(joined.update(ANSWERED).is_empty());
}

#[test]
fn a_lonely_node_pauses_no_longer_than_the_number_of_others_makes_it() {
    let mut room = Room::new(3);
    let of = |room: &Room, n| room.readiness.longest_pause(n, &room.world.config);
    assert_eq!(of(&room, 3), secs(300), "the cap, while nothing is known");
    room.update(ANSWERED);
    // Three rounds of sixteen at once take half a minute.
    let pauses = [1, 48, 49, 96, 97, 16_384].map(|n| of(&room, n).as_secs());
    assert_eq!(pauses, [30, 30, 60, 60, 90, 300]);
}

#[test]
fn the_event_holds_some_of_the_reasons_and_the_method_all() {
    let mut room = Room::new(101);
    (1..=90).for_each(|n| room.world.fail(&c(n)));
    let since = room.world.now;
    room.update(ANSWERED);
    room.world.pass(secs(10));
    let told = isolations(room.update(ANSWERED));
    let [told] = &told[..] else { panic!("{told:?}") };
    assert_eq!((told.reasons.len(), told.failed, told.others), (64, 90, 100));
    assert_eq!((told.since, &told.reasons[0].0), (since, &c(1)));
    let isolation = room.isolation(usize::MAX).expect("it is isolated");
    assert_eq!((isolation.reasons.len(), isolation.failed), (90, 90));
    assert!(isolations(room.update(ANSWERED)).is_empty(), "it is told once");
}

#[test]
fn the_reasons_are_not_told_again_when_a_node_stays_isolated_and_is_no_longer_listed() {
    let mut room = Room::new(3);
    [1, 2].into_iter().for_each(|n| room.world.fail(&c(n)));
    room.update(ANSWERED);
    room.world.pass(secs(10));
    assert_eq!(isolations(room.update(ANSWERED)).len(), 1);
    room.world.name(&[&[c(1), c(2)]], &[]);
    let effects = room.update(ANSWERED);
    assert_eq!(statuses(&effects), [(Status::Isolated, Some(false))]);
    assert!(isolations(effects).is_empty());
}

#[test]
fn a_node_that_is_not_isolated_has_no_reasons() {
    let mut room = Room::new(3);
    room.world.fail(&c(1));
    assert_eq!(room.status(), Status::Starting);
    assert!(room.isolation(9).is_none());
    assert!(Room::joined().isolation(9).is_none());
}

#[test]
fn the_interval_in_force_decides_how_long_a_sighting_counts() {
    let mut room = Room::joined();
    room.world.interval = secs(600);
    room.world.pass(secs(1_199));
    assert_eq!(room.status(), Status::Joined);
}
