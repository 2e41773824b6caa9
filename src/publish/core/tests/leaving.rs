//! Withdrawing, in every state.

use super::*;

/// The publisher has left: nothing that happens makes it do anything.
#[track_caller]
fn assert_left(world: &mut World) {
    let (reads, wakes) = (world.reads.len(), world.wakes);
    assert_eq!(world.told().iter().filter(|told| *told == "withdrawn").count(), 1);
    assert_eq!(world.told().last().unwrap(), "withdrawn");
    world.withdraw();
    world.listen(5);
    world.run(S(100_000));
    assert_eq!((world.reads.len(), world.wakes), (reads, wakes));
    assert_eq!(world.told().iter().filter(|told| *told == "withdrawn").count(), 1);
    assert_eq!(world.core.poll_timeout(), None);
    assert!(world.core.published().is_empty());
}

#[test]
fn before_anything_was_published_it_is_immediate() {
    let mut world = World::new(config());
    world.listen(1);
    world.run(Duration::from_millis(500));
    world.withdraw();
    world.run(Duration::ZERO);
    assert_eq!(world.told(), ["withdrawn"]);
    assert!(world.reads.is_empty());
    assert_left(&mut world);
}

#[test]
fn all_that_was_published_goes_and_nothing_else() {
    let mut world = World::published();
    // Under our id, by another process that has taken our place.
    let others = [named(&here(1), &PeerId::random()), world.record(7), raw("v=spf1 -all")];
    world.zone.extend(others.clone());
    world.withdraw();
    world.run(world.latency * 2);
    assert_eq!(world.zone, others);
    assert_eq!(world.updates.len(), 1);
    assert!(world.updates[0].1.add.is_empty());
    assert_left(&mut world);
}

#[test]
fn what_was_taken_away_before_is_ours_no_more() {
    let mut world = World::published();
    world.listen(2);
    world.listen_expired(1);
    world.run(S(5));
    // By another process, since the last refresh.
    world.zone.push(world.record(1));
    world.withdraw();
    world.run(S(1));
    assert_eq!(world.zone, [world.record(1)]);
    assert_left(&mut world);
}

#[test]
fn a_change_that_was_not_carried_out_yet_goes_with_the_rest() {
    let mut world = World::published();
    world.listen(2);
    world.listen_expired(1);
    world.run(S(1) + world.latency);
    world.fails = Some(UpdateError::TimedOut);
    world.zone.push(world.record(2));
    world.run(world.latency);
    world.fails = None;
    world.withdraw();
    world.run(S(1));
    assert!(world.zone.is_empty());
    assert_left(&mut world);
}

#[test]
fn what_is_gone_already_takes_no_update() {
    let mut world = World::published();
    world.zone.clear();
    world.withdraw();
    world.run(S(1));
    assert!(world.updates.is_empty());
    assert_left(&mut world);
}

#[test]
fn a_read_under_way_is_waited_for() {
    let mut world = World::new(config());
    world.latency = S(2);
    world.listen(1);
    world.run(S(2));
    world.withdraw();
    world.run(S(10));
    assert!(world.updates.is_empty(), "nothing is published any more");
    assert_eq!(world.reads.len(), 1);
    assert_left(&mut world);
}

#[test]
fn an_update_under_way_is_waited_for_and_undone() {
    let mut world = World::new(config());
    world.latency = S(2);
    world.listen(1);
    world.run(S(4));
    assert_eq!(world.updates.len(), 1);
    world.withdraw();
    world.run(S(20));
    assert_eq!(world.updates.len(), 2);
    assert!(world.zone.is_empty());
    assert_eq!(world.told(), ["withdrawn"]);
    assert_left(&mut world);
}

#[test]
fn a_failure_of_what_was_under_way_is_not_waited_out() {
    let mut world = World::new(config());
    world.latency = S(2);
    world.listen(1);
    world.run(S(4));
    world.fails = Some(UpdateError::TimedOut);
    world.zone.push(world.record(1));
    world.withdraw();
    world.run(S(1));
    world.fails = None;
    world.run(S(4));
    assert!(world.zone.is_empty());
    assert_left(&mut world);
}

#[test]
fn the_pause_after_a_failure_is_not_waited_out() {
    let mut world = World::published();
    world.fails = Some(UpdateError::TimedOut);
    world.run(S(7_200));
    world.fails = None;
    world.withdraw();
    world.run(world.latency * 2);
    assert!(world.zone.is_empty());
    assert_left(&mut world);
}

#[test]
fn a_failure_to_withdraw_is_told_and_tried_again() {
    let mut world = World::published();
    world.fails = Some(UpdateError::failed("no route"));
    world.run(S(670));
    assert!(!world.events.is_empty());
    world.events.clear();
    world.withdraw();
    world.run(world.latency);
    assert_eq!(world.told(), ["failed 1: there was no exchange with the name server"]);
    world.fails = None;
    world.run(S(2));
    assert!(world.zone.is_empty());
    assert_left(&mut world);
}

#[test]
fn all_is_withdrawn_however_much_there_is_and_seen_or_not() {
    for full in [false, true] {
        let mut world = World::new(config().with_max_addresses(NonZeroUsize::MAX));
        (1..=600).for_each(|port| world.listen(port));
        world.run(S(5));
        assert_eq!((world.zone.len(), world.updates.len()), (600, 1));
        world.full = full;
        world.withdraw();
        world.run(S(1));
        assert!(world.zone.is_empty());
        assert_eq!(world.updates.len(), 1 + 3);
        assert_left(&mut world);
    }
}

#[test]
fn what_never_was_confirmed_is_withdrawn_too() {
    let mut world = World::new(config());
    world.listen(1);
    world.run(S(1) + world.latency);
    world.zone.push(world.record(1));
    world.fails = Some(UpdateError::TimedOut);
    world.run(world.latency);
    world.fails = None;
    world.withdraw();
    world.run(S(1));
    assert!(world.zone.is_empty());
    assert_left(&mut world);
}

#[test]
fn what_cannot_be_seen_is_withdrawn_too() {
    let full = UpdateError::Full { owner: String::new() };
    let failed = UpdateError::Server { code: hickory_proto::op::ResponseCode::ServFail };
    for error in [full, failed] {
        let mut world = World::published();
        world.fails = Some(error);
        world.withdraw();
        world.run(world.latency);
        assert_eq!(world.updates.len(), 1);
        world.fails = None;
        world.run(world.latency);
        assert!(world.zone.is_empty());
        assert_left(&mut world);
    }
}
