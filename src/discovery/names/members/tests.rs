use std::time::Duration;

use hickory_proto::rr::RecordType;

use super::*;
use crate::{discovery::testing::epoch, resolver::Query, testing::name};

fn c(n: u8) -> Candidate {
    Candidate::new(&format!("/ip4/10.0.0.{n}/tcp/1").parse().expect("an address"))
}

fn named(numbers: &[u8]) -> Vec<Named> {
    named_by(&Origin::of(Query::new(name("x."), RecordType::A)), numbers)
}

fn named_by(origin: &Origin, numbers: &[u8]) -> Vec<Named> {
    let named = |n: &u8| Named { candidate: c(*n), origin: origin.clone(), transports: None };
    numbers.iter().map(named).collect()
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
        let heard = if complete { Heard::All } else { Heard::Part };
        self.members.apply(named(numbers), |_| heard, |_| known, self.now);
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
    let origin = Origin::of(Query::new(name("x."), RecordType::TXT));
    let answer = vec![Named { candidate: pinned.clone(), origin, transports: None }];
    world.members.apply(answer, |_| Heard::All, |_| LIVES, world.now);
    assert!(world.members.candidates().eq([&pinned]));
}

#[test]
fn the_bound_keeps_the_best_ranked_and_counts_the_rest() {
    let mut world = World::new();
    world.take(&[1, 2, 3, 4], true, UNKNOWN);
    world.members.bound(3, by_order);
    assert!(world.members.candidates().eq(&[c(1), c(2), c(3)]));
    assert_eq!(world.members.cut().iter().sum::<usize>(), 1);
    world.members.bound(3, by_order);
    assert_eq!(world.members.cut(), [0, 0, 0]);
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

/// One address by each of two types: what is heard of one type says nothing of the other.
#[test]
fn a_question_that_says_nothing_new_keeps_what_it_named_and_holds_back_no_other() {
    for silence in [Heard::Nothing, Heard::Part] {
        let [v4, v6] =
            [RecordType::A, RecordType::AAAA].map(|of| Origin::of(Query::new(name("x."), of)));
        let mut world = World::new();
        let mut apply = |named, heard: [Heard; 2]| {
            world.now += Duration::from_secs(30);
            let of = |query: &Query| heard[usize::from(query.record_type == RecordType::AAAA)];
            world.members.apply(named, of, |_| UNKNOWN, world.now);
            world.members.candidates().cloned().collect::<Vec<_>>()
        };
        apply([named_by(&v4, &[1, 2]), named_by(&v6, &[3, 4])].concat(), [Heard::All; 2]);
        for _ in 0..9 {
            apply(named_by(&v4, &[1]), [Heard::All, silence]);
        }
        let left = apply(named_by(&v4, &[1]), [Heard::All, silence]);
        assert_eq!(left, [c(1), c(3), c(4)]);
        apply([named_by(&v4, &[1]), named_by(&v6, &[3])].concat(), [Heard::All; 2]);
        let left = apply(named_by(&v4, &[1]), [Heard::All, silence]);
        assert_eq!(left, [c(1), c(3), c(4)], "4 was omitted once");
        let both = [named_by(&v4, &[1]), named_by(&v6, &[3])].concat();
        assert_eq!(apply(both, [Heard::All; 2]), [c(1), c(3)]);
    }
}

/// Two questions named it. One of them fails from then on, the other one no longer names it.
#[test]
fn a_member_stays_while_one_of_its_questions_fails() {
    let [a, b] = ["a.", "b."].map(|of| Origin::of(Query::new(name(of), RecordType::A)));
    let mut both = a.clone();
    both.join(&b);
    let mut world = World::new();
    let mut apply = |named, of_b| {
        world.now += Duration::from_secs(30);
        let of = |query: &Query| if query.name == name("b.") { of_b } else { Heard::All };
        world.members.apply(named, of, |_| UNKNOWN, world.now);
        world.members.len()
    };
    assert_eq!(apply(named_by(&both, &[1]), Heard::All), 1);
    assert_eq!(apply(named_by(&a, &[1]), Heard::Nothing), 1);
    for _ in 0..5 {
        assert_eq!(apply(Vec::new(), Heard::Nothing), 1, "the other one has named it");
    }
    assert_eq!(apply(Vec::new(), Heard::All), 1);
    assert_eq!(apply(Vec::new(), Heard::All), 0);
}
