use std::time::Duration;

use hickory_proto::rr::RecordType;
use proptest::prelude::*;

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

/// What a source hears.
#[derive(Debug, Clone)]
enum Step {
    /// An answer to each of two questions that names these, after so many seconds; how much was heard, and
    /// what is known of those that it leaves out.
    Answer([Vec<u8>; 2], [Heard; 2], u64, Liveness),
    /// What the last answer named once more, so often, and how much is heard then.
    Again(usize, [Heard; 2]),
    /// A part of an answer.
    Part(Vec<u8>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let numbers = || proptest::collection::btree_set(0..6_u8, 0..5).prop_map(Vec::from_iter);
    let heard = || prop::sample::select(vec![Heard::All, Heard::All, Heard::Part, Heard::Nothing]);
    let known = prop::sample::select(vec![DEAD, UNKNOWN, LIVES]);
    let answer = ([numbers(), numbers()], [heard(), heard()], 1..40_u64, known);
    let step = prop_oneof![
        3 => answer.prop_map(|(numbers, heard, seconds, known)| {
            Step::Answer(numbers, heard, seconds, known)
        }),
        3 => (1..6_usize, [heard(), heard()]).prop_map(|(times, heard)| Step::Again(times, heard)),
        1 => numbers().prop_map(Step::Part),
    ];
    proptest::collection::vec(step, 1..24)
}

/// Members that hear the same, and merge each answer, or pass by what says what the last one said.
#[derive(Debug)]
struct Hearing {
    members: Members,
    passes_by: bool,
    last: Vec<Named>,
    passed_by: usize,
}

impl Hearing {
    fn new(passes_by: bool) -> Self {
        Self { members: Members::new(false), passes_by, last: Vec::new(), passed_by: 0 }
    }

    fn take(
        &mut self,
        named: Vec<Named>,
        heard_of: impl Fn(&Query) -> Heard,
        known: Liveness,
        now: Instant,
    ) -> (bool, bool) {
        let Applied { turned, brings_others } =
            if self.passes_by && self.members.are_as_named() && self.last == named {
                self.passed_by += 1;
                self.members.repeat(heard_of, now)
            } else {
                self.members.apply(named.clone(), heard_of, |_| known, now)
            };
        self.last = named;
        (turned, brings_others)
    }
}

/// Of the candidates that two questions name, each once, as a refresh names them.
fn both(questions: &[Query; 2], numbers: &[Vec<u8>; 2]) -> Vec<Named> {
    let mut all = std::collections::BTreeMap::<u8, Origin>::new();
    for (question, numbers) in questions.iter().zip(numbers) {
        let origin = Origin::of(question.clone());
        for n in numbers {
            all.entry(*n).and_modify(|known| _ = known.join(&origin)).or_insert(origin.clone());
        }
    }
    all.into_iter().flat_map(|(n, origin)| named_by(&origin, &[n])).collect()
}

proptest! {
    /// Fails if an answer is passed by of which something would have been noted: an omission, what a
    /// question held, a part that was added, what repetition says of samples.
    #[test]
    fn to_pass_by_what_was_named_before_is_to_merge_it(steps in steps()) {
        let questions = ["x.", "y."].map(|owner| Query::new(name(owner), RecordType::A));
        let (mut merging, mut passing) = (Hearing::new(false), Hearing::new(true));
        let mut now = epoch();
        let mut last = ([Vec::new(), Vec::new()], 30, UNKNOWN);
        for step in steps {
            let (step, times) = match step {
                Step::Again(times, heard) => {
                    let (numbers, seconds, known) = last.clone();
                    (Step::Answer(numbers, heard, seconds, known), times)
                }
                step => (step, 1),
            };
            for _ in 0..times {
                match &step {
                    Step::Answer(numbers, heard, seconds, known) => {
                        now += Duration::from_secs(*seconds);
                        let heard_of = |of: &Query| heard[usize::from(*of == questions[1])];
                        let [a, b] = [&mut merging, &mut passing]
                            .map(|h| h.take(both(&questions, numbers), heard_of, *known, now));
                        prop_assert_eq!(a, b);
                    }
                    Step::Part(numbers) => {
                        for hearing in [&mut merging, &mut passing] {
                            hearing.members.add(named(numbers));
                        }
                    }
                    Step::Again(..) => {}
                }
                let [a, b] = [&merging, &passing].map(|h| format!("{:?}", h.members));
                prop_assert_eq!(a, b);
            }
            if let Step::Answer(numbers, _, seconds, known) = step {
                last = (numbers, seconds, known);
            }
        }
    }
}

#[test]
fn what_was_named_before_is_passed_by() {
    let questions = ["x.", "y."].map(|owner| Query::new(name(owner), RecordType::A));
    let mut hearing = Hearing::new(true);
    for _ in 0..5 {
        let named = both(&questions, &[vec![1, 2], vec![2, 3]]);
        hearing.take(named, |_| Heard::All, UNKNOWN, epoch());
    }
    assert_eq!(hearing.passed_by, 4);
}
