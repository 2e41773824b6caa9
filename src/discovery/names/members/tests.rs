use std::time::Duration;

use super::*;
use crate::discovery::testing::epoch;

fn c(n: u8) -> Candidate {
    Candidate::new(&format!("/ip4/10.0.0.{n}/tcp/1").parse().expect("an address"))
}

fn named(numbers: &[u8]) -> Vec<Named> {
    numbers.iter().map(|n| Named { candidate: c(*n), transports: None }).collect()
}

/// The lowest first.
fn by_order(family: &[Candidate]) -> Vec<usize> {
    (0..family.len()).collect()
}

struct World {
    members: Members,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { members: Members::new(false), now: epoch() }
    }

    fn take(&mut self, numbers: &[u8], complete: bool, known: Liveness) -> Vec<Candidate> {
        self.now += Duration::from_secs(30);
        self.members.apply(named(numbers), complete, |_| known, self.now);
        self.members.candidates().cloned().collect()
    }
}

const DEAD: Liveness = Liveness { lives: false, failures: 9, verified: None, selected: false };
const UNKNOWN: Liveness = Liveness { failures: 0, ..DEAD };
const LIVES: Liveness = Liveness { lives: true, ..UNKNOWN };

#[test]
fn a_member_leaves_with_the_second_complete_answer_that_omits_it() {
    let mut world = World::new();
    world.take(&[1, 2], true, UNKNOWN);
    assert_eq!(world.take(&[1], true, UNKNOWN), [c(1), c(2)]);
    assert_eq!(world.members.lately_omitted().collect::<Vec<_>>(), [&c(2)]);
    assert_eq!(world.take(&[1], true, UNKNOWN), [c(1)]);
}

#[test]
fn a_member_that_is_named_again_starts_over() {
    let mut world = World::new();
    world.take(&[1, 2], true, UNKNOWN);
    for _ in 0..9 {
        assert_eq!(world.take(&[1], true, UNKNOWN).len(), 2);
        assert_eq!(world.take(&[1, 2, 3], true, UNKNOWN).len(), 3);
        assert_eq!(world.take(&[1, 2], true, UNKNOWN).len(), 3);
        assert_eq!(world.take(&[1, 2], true, UNKNOWN).len(), 2);
    }
}

#[test]
fn a_live_connection_contradicts_any_number_of_answers() {
    let mut world = World::new();
    world.take(&[1, 2], true, LIVES);
    for _ in 0..300 {
        assert_eq!(world.take(&[1], true, LIVES).len(), 2);
    }
}

#[test]
fn partial_answers_are_united_and_only_the_dead_leave_them() {
    let mut world = World::new();
    world.take(&[1, 2], false, UNKNOWN);
    for _ in 1..u32::from(UNNAMED) {
        assert_eq!(world.take(&[1], false, DEAD).len(), 2);
    }
    assert_eq!(world.take(&[1], false, DEAD), [c(1)]);
    world.take(&[3], false, UNKNOWN);
    for _ in 1..u32::from(FORGOTTEN) {
        assert_eq!(world.take(&[1], false, UNKNOWN).len(), 2);
    }
    assert_eq!(world.take(&[1], false, UNKNOWN), [c(1)], "nobody was ever met there");
}

#[test]
fn a_pin_supersedes_the_same_address_without_one() {
    let mut world = World::new();
    world.take(&[1], true, LIVES);
    let pinned = format!("{}/p2p/{}", c(1), libp2p_identity::PeerId::random());
    let pinned = Candidate::new(&pinned.parse().expect("an address"));
    let answer = vec![Named { candidate: pinned.clone(), transports: None }];
    world.members.apply(answer, true, |_| LIVES, world.now);
    assert!(world.members.candidates().eq([&pinned]));
}

#[test]
fn the_bound_keeps_the_best_ranked_and_counts_the_rest() {
    let mut world = World::new();
    world.take(&[1, 2, 3, 4], true, UNKNOWN);
    world.members.bound(3, by_order);
    assert!(world.members.candidates().eq(&[c(1), c(2), c(3)]));
    assert_eq!(world.members.cut(), 1);
    world.members.bound(3, by_order);
    assert_eq!(world.members.cut(), 0);
}

#[test]
fn answers_that_come_close_together_are_no_departure() {
    let mut world = World::new();
    world.take(&[1, 2], true, UNKNOWN);
    world.take(&[1], true, UNKNOWN);
    world.now -= Duration::from_secs(21);
    assert_eq!(world.take(&[1], true, UNKNOWN).len(), 2, "nine seconds later");
    assert_eq!(world.take(&[1], true, UNKNOWN), [c(1)]);
}

#[test]
fn the_same_answer_is_told_from_another_one() {
    let mut world = World::new();
    world.take(&[1, 2], true, UNKNOWN);
    assert!(world.members.are_named_by(&named(&[1, 2])));
    assert!(!world.members.are_named_by(&named(&[1])));
    world.take(&[1], true, UNKNOWN);
    assert!(
        world.members.are_named_by(&named(&[1])) && !world.members.are_named_by(&named(&[1, 2]))
    );
}
