use std::collections::BTreeSet;

use super::{super::testing::Stage, *};
use crate::discovery::testing::{World, c, number, peer, pinned, secs, v6};

const STAGGER: Duration = Duration::from_millis(250);

/// A search for the places of a family, and all that it sees.
struct Quest {
    search: Search,
    stage: Stage,
    rng: fastrand::Rng,
}

impl Quest {
    /// For so many free places, among so many candidates.
    fn new(places: usize, n: u16) -> Self {
        let rng = fastrand::Rng::with_seed(1);
        let mut quest =
            Self { search: Search::new(Family::V4), stage: Stage::new(World::of(n)), rng };
        quest.plan(0..n.into(), true, places);
        quest
    }

    fn plan(&mut self, range: Range<usize>, is_free: bool, at_once: usize) {
        let plan = Plan { ranges: vec![Vec::from([range])], is_free, at_once, ..Plan::default() };
        self.stage.world.plans.set(Family::V4, plan);
    }

    fn ask(&mut self) -> Ask {
        let (search, rng) = (&mut self.search, &mut self.rng);
        self.stage.ask(|scene| search.next(scene, rng))
    }

    /// Starts the probes that are asked for now; returns of which candidates.
    fn start_all(&mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.start()).collect()
    }

    fn start(&mut self) -> Option<u16> {
        let Ask::Dial(wish) = self.ask() else { return None };
        let is_retry = self.stage.world.ledger.failed(&wish.candidate).is_some();
        self.stage.dial(&wish.candidate, wish.expect, wish.purpose);
        self.search.started(is_retry);
        Some(number(&wish.candidate))
    }

    /// The probe of a candidate fails.
    fn fail(&mut self, n: u16) {
        let id = self.stage.dials.of(&c(n)).expect("a dial").0;
        self.stage.dials.end(id);
        self.stage.world.fail(&c(n));
    }

    fn slowest(&self) -> Result<DialId, Option<Instant>> {
        self.stage.ask(|scene| self.search.slowest(scene))
    }

    /// How soon it is to be asked again.
    fn pause(&mut self) -> Option<Duration> {
        match self.ask() {
            Ask::Nothing(at) => at.map(|at| at - self.stage.world.now),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn as_many_probes_start_at_once_as_places_are_free_the_lowest_first() {
    assert_eq!(Quest::new(3, 9).start_all(), [0, 1, 2]);
    assert_eq!(Quest::new(3, 2).start_all(), [0, 1]);
}

#[test]
fn as_many_more_start_with_each_stagger_and_with_each_failure_one() {
    let mut quest = Quest::new(3, 99);
    quest.start_all();
    assert_eq!(quest.pause(), Some(STAGGER));
    quest.stage.world.pass(STAGGER);
    assert_eq!(quest.start_all().len(), 3);
    quest.stage.world.pass(STAGGER / 2);
    quest.fail(1);
    assert_eq!(quest.start_all(), [0_u16; 0], "it was silent for a stagger, and was replaced then");
    let latest = quest.stage.dials.iter().last().expect("a dial").1.candidate.clone();
    quest.fail(number(&latest));
    assert_eq!(quest.start_all().len(), 1);
}

#[test]
fn after_the_first_ones_every_second_probe_is_of_a_random_candidate() {
    let mut quest = Quest::new(2, 999);
    let mut started = Vec::new();
    for _ in 0..4 {
        started.extend(quest.start_all());
        quest.stage.world.pass(STAGGER);
    }
    let &[0, 1, 2, random, 3, other, 4, last] = &started[..] else { panic!("{started:?}") };
    assert!([random, other, last].iter().all(|n| *n > 4), "{started:?}");
}

#[test]
fn a_place_that_becomes_free_again_is_searched_from_the_lowest_on() {
    let mut quest = Quest::new(2, 999);
    for _ in 0..2 {
        quest.start_all();
        quest.stage.world.pass(STAGGER);
    }
    quest.plan(0..0, false, 1);
    while let Ask::Abort(id) = quest.ask() {
        quest.stage.dials.end(id);
    }
    quest.plan(0..999, true, 2);
    assert_eq!(quest.start_all(), [0, 1]);
}

#[test]
fn with_all_places_taken_what_is_lower_is_tried_one_by_one_and_in_order() {
    let mut quest = Quest::new(2, 999);
    quest.plan(0..5, false, 1);
    let mut started = Vec::new();
    for _ in 0..9 {
        started.extend(quest.start_all());
        quest.stage.world.pass(STAGGER);
    }
    assert_eq!(started, [0, 1, 2, 3, 4]);
}

#[test]
fn a_probe_whose_outcome_no_longer_matters_is_aborted_and_a_dial_to_a_peer_is_not() {
    let mut quest = Quest::new(3, 9);
    quest.start_all();
    quest.stage.dial(&c(7), Expect::Peer(peer(7)), Purpose::Place);
    quest.stage.dial(&c(8), Expect::Probe, Purpose::Hint);
    quest.plan(0..2, false, 1);
    let id = quest.stage.dials.of(&c(2)).expect("a dial").0;
    assert!(matches!(quest.ask(), Ask::Abort(needless) if needless == id));
    quest.stage.dials.end(id);
    assert!(matches!(quest.ask(), Ask::Nothing(_)));
}

#[test]
fn a_probe_of_a_fallback_is_aborted_when_the_better_transport_is_verified() {
    let mut quest = Quest::new(1, 2);
    quest.stage = Stage::new(World::with_transports(&[c(0), c(1)], &[c(0), c(1)]));
    quest.plan(0..2, true, 1);
    assert_eq!(quest.start_all(), [0]);
    quest.stage.world.pass(STAGGER);
    assert_eq!(quest.start_all(), [1]);
    let fallback = quest.stage.dials.of(&c(1)).expect("a dial").0;
    quest.stage.dials.end(quest.stage.dials.of(&c(0)).expect("a dial").0);
    quest.stage.world.verify_all([0]);
    assert!(matches!(quest.ask(), Ask::Abort(id) if id == fallback));
}

#[test]
fn the_slowest_probe_is_given_up_after_two_seconds_and_not_before() {
    let mut quest = Quest::new(3, 9);
    assert_eq!(quest.slowest(), Err(None), "there is none");
    quest.start_all();
    let (start, first) = (quest.stage.world.now, quest.stage.dials.of(&c(0)).expect("a dial").0);
    assert_eq!(quest.slowest(), Err(Some(start + PATIENCE)));
    quest.stage.world.pass(PATIENCE);
    assert_eq!(quest.slowest(), Ok(first));
    assert!(quest.stage.dials.spare(first));
    assert_ne!(quest.slowest(), Ok(first), "it is waited for beside the others");
}

#[test]
fn neither_a_retry_nor_a_dial_that_cannot_be_ended_is_given_up() {
    let mut quest = Quest::new(3, 9);
    quest.stage.world.fail(&c(1));
    quest.stage.probe(&c(1));
    quest.stage.dial(&c(2), Expect::Anyone, Purpose::Place);
    quest.stage.dial(&c(3), Expect::Probe, Purpose::Check);
    let answered = quest.stage.world.dial(&c(6), Expect::Peer(peer(6)), Purpose::Place);
    quest.stage.dials.wait_for(Dial { waits_for: Some(peer(6)), ..answered });
    quest.stage.world.pass(secs(2));
    assert_eq!(quest.slowest(), Err(None));
    let peers = quest.stage.dial(&c(4), Expect::Peer(peer(4)), Purpose::Place);
    quest.stage.world.pass(secs(2));
    assert_eq!(quest.slowest(), Ok(peers), "while few are abandoned");
    for _ in 0..12 {
        let id = quest.stage.dial(&c(5), Expect::Peer(peer(5)), Purpose::Place);
        quest.stage.dials.stop(id);
    }
    assert_eq!(quest.slowest(), Err(None));
}

#[test]
fn what_failed_is_tried_again_after_its_back_off_and_what_was_never_tried_before_it() {
    let mut quest = Quest::new(1, 2);
    quest.stage.world.fail(&c(0));
    let pause = quest.stage.world.ledger.failed(&c(0)).expect("it failed").retry_at;
    assert_eq!(quest.start_all(), [1]);
    quest.fail(1);
    assert!(quest.stage.world.now < pause && quest.start_all().is_empty());
    quest.stage.world.pass(pause - quest.stage.world.now);
    assert_eq!(quest.start_all(), [0]);
}

#[test]
fn of_those_to_be_tried_again_the_lowest_and_the_one_that_waited_longest_take_turns() {
    let mut quest = Quest::new(1, 9);
    quest.plan(0..9, false, 1);
    for n in [3, 7, 1, 8, 0, 5, 2, 6, 4] {
        quest.stage.world.fail(&c(n));
        quest.stage.world.pass(secs(2));
    }
    let mut retried = Vec::new();
    for _ in 0..6 {
        retried.extend(quest.start_all());
        quest.stage.world.pass(STAGGER);
    }
    assert_eq!(retried, [0, 3, 1, 7, 2, 8]);
}

#[test]
fn what_failed_outside_of_all_ranges_is_not_tried_again() {
    let mut quest = Quest::new(1, 9);
    [1, 7].into_iter().for_each(|n| quest.stage.world.fail(&c(n)));
    quest.plan(1..2, false, 9);
    quest.stage.world.pass(secs(2));
    assert_eq!(quest.start_all(), [1]);
}

#[test]
fn the_next_back_off_that_ends_is_waited_for() {
    let mut quest = Quest::new(1, 2);
    quest.stage.world.fail(&c(0));
    quest.stage.world.fail(&c(1));
    let of = |n| quest.stage.world.ledger.failed(&c(n)).expect("it failed").retry_at;
    let first = of(0).min(of(1)) - quest.stage.world.now;
    assert_eq!(quest.pause(), Some(first));
}

#[test]
fn a_family_without_a_route_is_left_alone_until_the_route_is_doubted_and_then_gets_one_probe() {
    let mut quest = Quest::new(3, 99);
    let until = quest.stage.world.now + secs(300);
    *quest.search.route() = Route::Missing(until);
    assert!(!quest.search.has_route());
    assert_eq!(quest.pause(), Some(secs(300)));
    quest.stage.world.pass(secs(299));
    assert_eq!(quest.start_all(), [0_u16; 0]);
    quest.stage.world.pass(secs(1));
    assert_eq!(quest.start_all().len(), 1);
    assert!(quest.search.has_route());
}

/// Where one address has no route, another one may have.
#[test]
fn the_probe_of_a_doubtful_route_is_of_a_random_candidate() {
    let mut quest = Quest::new(3, 999);
    *quest.search.route() = Route::Doubtful;
    assert!(quest.start_all()[0] > 2);
    let mut taken = Quest::new(3, 999);
    taken.plan(0..999, false, 1);
    *taken.search.route() = Route::Doubtful;
    assert_eq!(taken.start_all(), [0], "unless all places are taken");
}

#[test]
fn with_several_sources_a_random_source_comes_first() {
    let mut quest = Quest::new(1, 999);
    let large: Vec<_> = (0..999).map(c).collect();
    quest.stage.world.name(&[&large, &[c(2_000), v6(1)]], &[]);
    quest.plan(0..1_000, true, 1);
    let mut started = BTreeSet::new();
    for _ in 0..24 {
        started.extend(quest.start_all());
        quest.stage.world.pass(STAGGER);
    }
    assert!(started.contains(&2_000), "{started:?}");
}

#[test]
fn what_is_ours_or_in_nobodys_range_is_not_tried() {
    let mut quest = Quest::new(9, 6);
    quest.stage.world.listen(&c(1));
    let ranges = vec![vec![0..3, 4..5]];
    quest.stage.world.plans.set(Family::V4, Plan { ranges, at_once: 9, ..Plan::default() });
    assert_eq!(quest.start_all(), [0, 2, 4]);
}

#[test]
fn a_family_that_nobody_names_is_not_searched() {
    let mut quest = Quest::new(1, 1);
    quest.search = Search::new(Family::V6);
    *quest.search.route() = Route::Missing(quest.stage.world.now + secs(300));
    assert_eq!(quest.pause(), None);
}

#[test]
fn a_pinned_peer_that_is_verified_elsewhere_is_not_searched() {
    let mut quest = Quest::new(3, 0);
    let [one, other] = [pinned(0, peer(1)), pinned(1, peer(1))];
    quest.stage.world.name(&[&[one.clone(), other]], &[]);
    quest.plan(0..2, true, 3);
    quest.stage.world.verify(&one, peer(1));
    assert_eq!(quest.start_all(), [0_u16; 0]);
}
