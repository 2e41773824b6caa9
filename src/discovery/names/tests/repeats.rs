//! Answers that say what the last one said.

use super::*;
use crate::testing::looks;

const MANY: u8 = 200;

/// What each of these answers has a source look at, one refresh after the other.
fn looked(answers: &[Answer]) -> Vec<usize> {
    let mut world = World::new(&[DNS]);
    let mut look = |answer| {
        world.now = world.next();
        looks(|| _ = world.reply(answer))
    };
    answers.iter().map(&mut look).collect()
}

/// Fails if candidates are made, judged or merged of what was named before. Each member is looked at twice:
/// to count its family, and beside what was announced.
#[test]
fn the_same_answer_in_another_order_is_recognised_before_anything_is_made_of_it() {
    let (all, turned) = (Vec::from_iter(1..=MANY), Vec::from_iter((1..=MANY).rev()));
    let looked = looked(&[answer(&all), answer(&turned), answer(&all)]);
    let many = usize::from(MANY);
    assert!(looked[0] > 4 * many && looked[1..] == [2 * many; 2], "{looked:?}");
}

/// Fails if one of these is taken for the answer before.
#[test]
fn an_answer_that_says_anything_else_is_looked_at() {
    let all = Vec::from_iter(1..=MANY);
    let others = [
        answer(&all[1..]),
        answer(&[&all[1..], &[201]].concat()),
        answer(&[&all[..], &[201]].concat()),
    ];
    for other in others {
        let looked = looked(&[answer(&all), other]);
        assert!(looked[1] > 4 * usize::from(MANY - 1), "{looked:?}");
    }
}

#[test]
fn a_copy_of_a_record_changes_nothing_and_is_no_reason_to_announce() {
    let mut world = World::new(&[DNS]);
    world.answer(&[1, 2]);
    for again in [&[2, 1, 1][..], &[1, 2, 2], &[1, 2]] {
        world.now = world.next();
        assert_eq!(count(&world.answer(again), resolved), 0);
    }
}

/// Fails if completeness is taken from the answer before.
#[test]
fn the_same_records_that_are_no_longer_all_are_announced_as_such() {
    let mut world = World::new(&[DNS]);
    let is_told = |effects: &[Effect], wanted| {
        count(effects, |e| matches!(e, Event::Resolved { complete, .. } if *complete == wanted))
            == 1
    };
    assert!(is_told(&world.answer(&[1, 2]), true));
    world.now = world.next();
    assert!(is_told(&world.reply(&answer(&[2, 1]).with_complete(false)), false));
    world.now = world.next();
    assert!(is_told(&world.answer(&[1, 2]), true));
}

/// Fails if the owner is left out of what is compared.
#[test]
fn the_same_data_of_another_name_is_another_answer() {
    let mut world = World::new(&[DNS]);
    world.answer(&[1, 2]);
    world.now = world.next();
    let mut other = answer(&[1, 2]);
    other.records[0].name = Name::from_ascii("other.example.").expect("a name");
    world.reply(&other);
    world.now = world.next();
    world.reply(&other);
    assert_eq!(world.names.allot(&world.config, &by_order).0.len(), 1);
}

/// Fails if an answer is passed by that repeats the last one while a member is omitted.
#[test]
fn a_member_that_is_omitted_leaves_with_the_second_of_two_equal_answers() {
    let mut world = World::new(&[DNS]);
    for (ips, left) in [(&[1, 2, 3][..], 3), (&[1, 2], 3), (&[2, 1], 2)] {
        world.now = world.next();
        world.answer(ips);
        assert_eq!(world.names.allot(&world.config, &by_order).0.len(), left);
    }
}

/// Fails if the TTL of the answer before is used.
#[test]
fn another_ttl_is_followed() {
    let mut world = World::new(&[DNS]);
    world.answer(&[1, 2]);
    for ttl in [60, 10, 200] {
        world.now = world.next();
        let mut same = answer(&[2, 1]);
        same.records[0].ttl = 999;
        same.records[1].ttl = ttl;
        world.reply(&same);
        let pause = world.next() - world.now;
        let ttl = secs(ttl.into());
        assert!((ttl..=ttl.mul_f64(1.2)).contains(&pause), "{ttl:?} {pause:?}");
    }
}

/// Fails if an answer that repeats the last one ends no row of failures.
#[test]
fn an_answer_after_a_failure_is_announced_though_it_says_the_same() {
    let mut world = World::new(&[DNS]);
    world.answer(&[1, 2]);
    world.now = world.next();
    for effect in world.poll() {
        if let Effect::Output(Output::Lookup { id, .. }) = effect {
            world.names.handle_lookup(id, Err(LookupError::Refused));
        }
    }
    world.poll();
    world.now = world.next();
    assert_eq!(count(&world.answer(&[2, 1]), resolved), 1);
}
