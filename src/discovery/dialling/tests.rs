use std::{slice, time::Duration};

use super::*;
use crate::{
    config::Config,
    discovery::{
        dial::Purpose,
        ledger::judge::Outcome,
        output::DialFailure,
        plan::Plan,
        testing::{World, all, at, c, number, nz, peer, pinned, secs, v6},
    },
    event::Failure,
};

mod bounds;

const STAGGER: Duration = Duration::from_millis(250);
/// How long a search waits for a silent one while others could be tried.
const PATIENCE: Duration = Duration::from_millis(1_200);

/// The dialling, and all that it reads. What it asks of the ledger is done.
struct Room {
    dialling: Dialling,
    world: World,
    is_joined: bool,
    rng: fastrand::Rng,
}

impl Room {
    fn new(world: World, limits: Limits) -> Self {
        let dialling = Dialling::new(&limits, world.now);
        Self { dialling, world, is_joined: false, rng: fastrand::Rng::with_seed(1) }
    }

    fn hint(&mut self, n: u16) {
        let hint = Hint { candidate: c(n), peer: None, takes_place: false, entries: 0 };
        self.dialling.hint(hint, &self.world.config, self.world.now);
    }

    /// Of so many candidates, with so many places free in their family.
    fn searching(n: u16, places: usize, limits: Limits) -> Self {
        let mut room = Self::new(World::of(n), limits);
        room.search(Family::V4, places);
        room
    }

    fn search(&mut self, family: Family, places: usize) {
        self.plan(family, true, places);
    }

    fn plan(&mut self, family: Family, is_free: bool, at_once: usize) {
        let all = 0..self.world.order.family(family).len();
        let ranges = vec![Vec::from([all])];
        let plan = Plan { ranges, is_free, at_once, ..Plan::default() };
        self.world.plans.set(family, plan);
    }

    /// What is asked of others because dials are overdue.
    fn expire(&mut self) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.dialling.expire(self.world.now, &mut effects);
        all(effects)
    }

    /// One pass: all that the room asks for now.
    fn pass(&mut self) -> Vec<Effect> {
        let mut told = Vec::new();
        for effect in self.expire() {
            told.extend(self.carry_out(effect));
        }
        self.dialling.begin(&self.world.config, self.world.now);
        for _ in 0..1_000 {
            let (is_more, effects) = self.poll();
            if !is_more {
                return told;
            }
            for effect in effects {
                told.extend(self.carry_out(effect));
            }
        }
        panic!("a pass without an end")
    }

    fn poll(&mut self) -> (bool, Vec<Effect>) {
        let mut effects = Effects::default();
        let World { plans, selected, .. } = &self.world;
        let situation =
            Situation { view: self.world.view(), plans, selected, is_joined: self.is_joined };
        let is_more = self.dialling.poll(&situation, &mut self.rng, &mut effects);
        (is_more, all(effects))
    }

    /// Does what is asked of the ledger, and returns what is asked of others.
    fn carry_out(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Recheck { candidate, at } => self.world.ledger.recheck(&candidate, at),
            Effect::TurnAway(candidate, failure) => {
                self.world.judge(|judge| judge.turn_away(&candidate, failure));
            }
            Effect::GiveUp(dial) => {
                let failure = DialFailure::Failed(Failure::TimedOut);
                self.world.judge(|judge| judge.judge(&dial, Outcome::Failed(failure)));
                return Some(Effect::GiveUp(dial));
            }
            other => return Some(other),
        }
        None
    }

    fn meet(&mut self, candidate: Candidate) -> Vec<Effect> {
        let mut effects = Effects::default();
        let World { plans, selected, .. } = &self.world;
        let situation = Situation { view: self.world.view(), plans, selected, is_joined: true };
        self.dialling.meet(candidate, &situation, &mut effects);
        all(effects)
    }

    /// The peer has said that it lives at a candidate, and is to say what it speaks.
    fn introduce(&mut self, candidate: Candidate, peer: PeerId) {
        self.dialling.introduce(candidate, peer, Purpose::Hint, &self.world.view());
    }

    /// All dials that are under way fail.
    fn fail_all(&mut self) {
        let dials: Vec<_> = self.dialling.dials.iter().map(|(id, _)| id).collect();
        for dial in dials.into_iter().filter_map(|id| self.dialling.connect(id)) {
            self.world.fail(&dial.candidate);
        }
    }

    /// What the dials under way are for, those first that were started first.
    fn purposes(&self) -> Vec<Purpose> {
        self.dialling.dials.iter().map(|(_, dial)| dial.purpose).collect()
    }

    fn depart(&mut self, candidate: &Candidate) -> Vec<Effect> {
        let mut effects = Effects::default();
        self.dialling.depart(slice::from_ref(candidate), &mut effects);
        all(effects)
    }

    /// How soon the room is to be asked again.
    fn wake(&self) -> Option<Duration> {
        self.dialling.next_timeout().map(|at| at - self.world.now)
    }
}

/// The addresses that are dialled.
fn dialled(effects: &[Effect]) -> Vec<Candidate> {
    let dial = |effect: &Effect| match effect {
        Effect::Output(Output::Dial { address, .. }) => Some(Candidate::new(address)),
        _ => None,
    };
    effects.iter().filter_map(dial).collect()
}

fn aborted(effects: &[Effect]) -> usize {
    effects.iter().filter(|e| matches!(e, Effect::Output(Output::Abort { .. }))).count()
}

fn given_up(effects: &[Effect]) -> Vec<Candidate> {
    let dial = |effect: &Effect| match effect {
        Effect::GiveUp(dial) => Some(dial.candidate.clone()),
        _ => None,
    };
    effects.iter().filter_map(dial).collect()
}

fn at_once(n: usize) -> Limits {
    Limits::new().with_concurrent_probes(nz(n))
}

/// Fails without `allow` in `Dialling::begin`: twelve probes start.
#[test]
fn while_we_wake_late_fewer_dials_start() {
    let mut room = Room::searching(40, 12, at_once(16));
    let meant = room.world.now;
    room.world.pass(secs(2));
    assert!(room.dialling.wakes(meant, room.world.now));
    assert_eq!(dialled(&room.pass()).len(), 3);
    assert_eq!(room.wake(), Some(secs(2)));
    room.world.pass(secs(2));
    assert_eq!(dialled(&room.pass()).len(), 1, "one more, and none is given up");
    room.world.verify_all([30]);
    let now = room.world.now;
    room.world.ledger.recheck(&c(30), now);
    room.fail_all();
    let dialled = dialled(&room.pass());
    assert_eq!((dialled.len(), &dialled[0]), (4, &c(30)), "what keeps us joined has its turn");
}

/// An entry whose verification is due, a peer that is to say what it speaks, a meeting that is due, a
/// hint, newcomers and a free place.
fn everybody_asks(limits: Limits) -> Room {
    let mut room = Room::searching(9, 1, limits);
    room.is_joined = true;
    room.pass();
    room.fail_all();
    room.world.pass(secs(80));
    room.world.verify_all([1]);
    let now = room.world.now;
    room.world.ledger.recheck(&c(1), now);
    room.introduce(c(2), peer(2));
    room.world.fail(&c(3));
    room.hint(3);
    room
}

#[test]
fn the_askers_are_asked_in_one_order_what_keeps_us_joined_first() {
    let mut room = everybody_asks(at_once(16));
    let dialled = dialled(&room.pass());
    // Introductions are for what the peer was met for.
    // The newcomer comes last: the quota of hints is used by then, so it borrows.
    let order = [
        Purpose::Check,
        Purpose::Hint,
        Purpose::Repair,
        Purpose::Hint,
        Purpose::Place,
        Purpose::Hint,
    ];
    assert_eq!(room.purposes(), order);
    assert_eq!((&dialled[0], &dialled[1], &dialled[3]), (&c(1), &c(2), &c(3)));
}

#[test]
fn what_finds_no_room_waits_for_the_end_of_a_dial() {
    let mut room = everybody_asks(at_once(2));
    room.pass();
    assert_eq!(room.purposes(), [Purpose::Check, Purpose::Hint]);
    assert!(dialled(&room.pass()).is_empty());
    let first = room.dialling.dials.iter().next().expect("a dial").0;
    assert!(room.dialling.connect(first).is_some());
    assert_eq!(dialled(&room.pass()).len(), 1);
    assert_eq!(room.purposes().last(), Some(&Purpose::Repair), "it has waited longest");
}

#[test]
fn a_dial_is_ended_once_and_is_under_way_until_then() {
    let mut room = Room::searching(1, 1, at_once(4));
    room.pass();
    let id = room.dialling.dials.iter().next().expect("a dial").0;
    assert!(room.dialling.is_dialled(&c(0)));
    assert!(room.dialling.connect(id).is_some_and(|dial| dial.candidate == c(0)));
    assert!(room.dialling.connect(id).is_none() && !room.dialling.is_dialled(&c(0)));
}

#[test]
fn a_search_with_a_free_place_takes_the_slots_of_its_silent_probes_in_time() {
    let mut room = Room::searching(99, 3, at_once(4));
    assert_eq!(dialled(&room.pass()), [c(0), c(1), c(2)]);
    room.world.pass(STAGGER);
    assert_eq!(dialled(&room.pass()).len(), 1);
    assert!(dialled(&room.pass()).is_empty());
    assert_eq!(room.wake(), Some(PATIENCE - STAGGER));
    room.world.pass(PATIENCE - STAGGER);
    let effects = room.pass();
    assert_eq!(given_up(&effects), [c(0), c(1), c(2)]);
    assert_eq!((aborted(&effects), dialled(&effects).len()), (3, 3));
}

#[test]
fn a_search_without_a_free_place_waits_for_its_probes() {
    let mut room = Room::searching(99, 4, at_once(4));
    room.pass();
    room.plan(Family::V4, false, 4);
    room.world.pass(secs(3));
    assert!(room.pass().is_empty());
}

#[test]
fn a_check_never_takes_the_slot_of_another() {
    let mut room = Room::new(World::of(3), at_once(1));
    room.world.verify_all([1, 2]);
    let now = room.world.now;
    [1, 2].into_iter().for_each(|n| room.world.ledger.recheck(&c(n), now));
    assert_eq!(dialled(&room.pass()), [c(1)]);
    room.world.pass(secs(9));
    assert!(room.pass().is_empty());
}

#[test]
fn a_few_of_those_that_are_slow_are_waited_for_until_their_deadline() {
    let mut room = Room::searching(999, 12, at_once(16));
    room.pass();
    for _ in 0..4 {
        room.world.pass(Duration::from_millis(2_100));
        room.pass();
    }
    let now = room.world.now;
    let old = room.dialling.dials.iter().filter(|(_, dial)| dial.started + secs(4) < now);
    assert_eq!(old.count(), 2);
}

#[test]
fn a_probe_that_is_overdue_is_aborted_and_judged_and_a_dial_to_a_peer_is_judged() {
    let to_peer = pinned(1, peer(1));
    let mut room = Room::new(World::with(&[c(0), to_peer.clone()]), at_once(4));
    room.search(Family::V4, 2);
    assert_eq!(dialled(&room.pass()).len(), 2);
    room.world.pass(secs(10));
    let effects = room.expire();
    assert_eq!(aborted(&effects), 1);
    assert_eq!(given_up(&effects), [c(0), to_peer]);
    assert!(room.expire().is_empty());
}

#[test]
fn a_probe_that_is_needless_is_aborted_and_nothing_judged() {
    let mut room = Room::searching(3, 3, at_once(9));
    room.pass();
    room.world.plans = Plans::default();
    let effects = room.pass();
    assert_eq!((effects.len(), aborted(&effects)), (3, 3));
    assert!(room.purposes().is_empty());
}

#[test]
fn a_hint_is_followed_once() {
    let mut room = Room::new(World::of(3), at_once(9));
    room.hint(1);
    assert_eq!(dialled(&room.pass()), [c(1)]);
    room.fail_all();
    assert!(room.pass().is_empty());
}

#[test]
fn a_search_is_told_whether_its_candidate_was_tried_before() {
    let mut room = Room::searching(3, 1, at_once(9));
    for n in [2, 1, 0] {
        room.world.fail(&c(n));
        room.world.pass(secs(2));
    }
    assert_eq!(dialled(&room.pass()), [c(0)], "the lowest");
    room.world.pass(STAGGER);
    assert_eq!(dialled(&room.pass()), [c(2)], "the one that waited longest");
}

#[test]
fn a_probe_of_a_candidate_that_departs_is_aborted_and_its_hint_forgotten() {
    let mut room = Room::searching(2, 1, at_once(4));
    room.pass();
    room.hint(0);
    assert_eq!(aborted(&room.depart(&c(0))), 1);
    assert!(!room.dialling.is_dialled(&c(0)));
    room.world.plans = Plans::default();
    assert!(dialled(&room.pass()).is_empty());
    assert!(room.depart(&c(1)).is_empty(), "nothing is under way there");
}

#[test]
fn a_dial_to_a_peer_that_departs_goes_on_in_the_swarm_until_its_deadline() {
    let to_peer = pinned(1, peer(1));
    let mut room = Room::new(World::with(slice::from_ref(&to_peer)), at_once(4));
    room.search(Family::V4, 1);
    room.pass();
    assert!(room.depart(&to_peer).is_empty() && !room.dialling.is_dialled(&to_peer));
    room.world.plans = Plans::default();
    room.pass();
    assert_eq!(room.wake(), Some(secs(10)));
}

#[test]
fn a_connected_peer_that_is_to_say_what_it_speaks_is_waited_for_without_a_dial() {
    let mut room = Room::new(World::of(2), at_once(4));
    room.world.connect(1, &c(1));
    room.introduce(c(1), peer(1));
    assert!(room.pass().is_empty() && room.dialling.is_dialled(&c(1)));
    assert_eq!(room.wake(), Some(secs(10)));
    let waited: Vec<_> = room.dialling.end_waiting_for(&peer(1));
    assert!(waited.len() == 1 && waited[0].candidate == c(1));
    assert!(!room.dialling.is_dialled(&c(1)));
}

#[test]
fn a_peer_that_says_nothing_is_given_up_in_time_and_its_connection_left_alone() {
    let mut room = Room::new(World::of(2), at_once(4));
    room.world.connect(1, &c(1));
    room.introduce(c(1), peer(1));
    room.world.pass(secs(10));
    let effects = room.expire();
    assert!(matches!(&effects[..], [Effect::GiveUp(dial)] if dial.waits_for == Some(peer(1))));
}

#[test]
fn a_peer_that_was_introduced_and_connects_before_its_turn_is_waited_for() {
    let mut room = Room::new(World::of(2), at_once(4));
    room.introduce(c(1), peer(1));
    room.world.connect(1, &c(1));
    assert!(room.pass().is_empty());
    assert_eq!(room.dialling.end_waiting_for(&peer(1)).len(), 1);
}

#[test]
fn the_peer_that_a_repair_has_found_is_connected_to_if_there_is_room() {
    let mut room = Room::new(World::of(2), at_once(1));
    room.world.verify_all([0, 1]);
    assert!(matches!(
        &room.meet(c(1))[..],
        [Effect::Output(Output::Dial { expect: Expect::Peer(p), .. })] if *p == peer(1)
    ));
    assert!(room.meet(c(0)).is_empty(), "there is none");
    assert_eq!(room.purposes(), [Purpose::Repair]);
}

#[test]
fn the_room_is_asked_again_at_the_earliest_instant_that_anybody_named() {
    let mut room = Room::new(World::of(2), at_once(4));
    assert!(room.pass().is_empty() && room.wake().is_none());
    room.world.verify_all([0, 1]);
    let now = room.world.now;
    room.world.ledger.recheck(&c(0), now + secs(50));
    room.world.ledger.recheck(&c(1), now + secs(30));
    room.pass();
    assert_eq!(room.wake(), Some(secs(30)));
    room.world.pass(secs(30));
    assert_eq!(dialled(&room.pass()).iter().map(number).collect::<Vec<_>>(), [1]);
    assert_eq!(room.wake(), Some(secs(10)), "the deadline of the dial");
}
