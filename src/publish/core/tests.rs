//! The core in a world that the test makes up: a zone, a name server that may fail, and a clock
//! that jumps from one thing to the next.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use super::*;
use crate::publish::record;

mod leaving;
mod race;
mod world;

use self::world::{S, World, config, here, named, published, raw};

#[test]
fn a_start_with_ten_listeners_is_one_update_a_second_after_the_first() {
    let mut world = World::new(config());
    world.run(S(3));
    for port in 1..=10 {
        world.listen(port);
        world.run(Duration::from_millis(50));
    }
    world.run(S(10));
    assert_eq!(world.reads, [S(4)]);
    let [(at, update)] = &world.updates[..] else { panic!("{:?}", world.updates) };
    assert_eq!(*at, S(4) + world.latency);
    assert_eq!(update.ttl, 30);
    assert_eq!(update.owner.to_ascii(), "_dnsaddr.peers.example.");
    assert_eq!(update.zone.to_ascii(), "example.");
    let all: Vec<_> = (1..=10).collect();
    assert_eq!(world.zone, all.iter().map(|port| world.record(*port)).collect::<Vec<_>>());
    assert_eq!(world.told(), [published(&all)]);
    assert_eq!(world.core.published().len(), 10);
}

#[test]
fn configured_addresses_are_published_at_once_and_instead_of_others() {
    let mut world = World::new(config().with_addresses([here(7).parse().unwrap()]));
    world.listen(1);
    world.run(S(60));
    assert_eq!(world.reads, [S(0)]);
    assert_eq!(world.zone, [world.record(7)]);
}

#[test]
fn nothing_is_done_while_there_is_nothing_to_publish() {
    let mut world = World::new(config());
    let memory = Candidate::new(&"/memory/1".parse().unwrap());
    world.core.handle_addresses(|own| own.listen(memory), world.now);
    world.run(S(100_000));
    assert_eq!((world.wakes, world.reads.len(), world.events.len()), (0, 0, 0));
}

#[test]
fn a_steady_state_is_quiet() {
    let mut world = World::published();
    let (wakes, hours) = (world.wakes, 24);
    world.run(S(hours * 3600));
    assert_eq!(world.told(), [""; 0]);
    assert!(world.updates.is_empty());
    let refreshes = world.reads.len();
    assert_eq!(world.wakes - wakes, refreshes, "it wakes for a refresh and nothing else");
    let pauses: Vec<_> = world.reads.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(pauses.iter().all(|pause| (S(540)..=S(661)).contains(pause)), "{pauses:?}");
    let spread = *pauses.iter().max().unwrap() - *pauses.iter().min().unwrap();
    assert!(spread > S(60), "without jitter, all nodes of a deployment ask at once: {pauses:?}");
}

#[test]
fn the_seed_decides() {
    let reads = |seed| {
        let mut world = World::seeded(config(), seed);
        world.listen(1);
        world.run(S(7_200));
        world.reads
    };
    assert_eq!(reads(1), reads(1));
    assert_ne!(reads(1), reads(2));
}

#[test]
fn at_the_start_our_addresses_are_taken_from_others_and_theirs_are_left() {
    let other = PeerId::random();
    let mut world = World::new(config());
    let foreign = [named(&here(2), &other), raw("v=spf1 -all"), raw("dnsaddr=/dnsaddr/a.example")];
    world.zone = foreign.to_vec();
    world.zone.extend([named(&here(1), &other), world.record(9)]);
    world.listen(1);
    world.run(S(5));
    assert_eq!(world.zone, [&foreign[..], &[world.record(1)]].concat());
    assert_eq!(world.updates.len(), 1, "all in one update");
    let removed = format!("removed {}/p2p/{other}", here(1));
    assert_eq!(world.told(), [removed, published(&[1])]);
}

#[test]
fn a_change_of_addresses_is_one_update() {
    let mut world = World::published();
    world.listen(2);
    world.listen_expired(1);
    world.run(S(5));
    assert_eq!(world.zone, [world.record(2)]);
    assert_eq!(world.updates.len(), 1);
    assert_eq!(world.told(), [published(&[2])]);
}

#[test]
fn an_address_that_is_back_in_time_was_never_gone() {
    let mut world = World::published();
    world.listen_expired(1);
    world.run(Duration::from_millis(300));
    world.listen(1);
    world.run(S(5));
    assert!(world.updates.is_empty());
    assert_eq!(world.told(), [""; 0]);
}

#[test]
fn a_change_during_an_exchange_is_not_lost() {
    for latency in [S(2), S(5)] {
        let mut world = World::new(config());
        world.latency = latency;
        world.listen(1);
        // The read is under way for one latency, then the update for another.
        world.run(S(1) + latency + latency / 2);
        assert_eq!(world.updates.len(), 1);
        world.listen(2);
        world.run(S(60));
        assert_eq!(world.zone, [world.record(1), world.record(2)]);
        assert_eq!(world.told(), [published(&[1]), published(&[1, 2])]);
    }
}

#[test]
fn a_change_during_a_read_is_in_the_update_that_follows() {
    let mut world = World::new(config());
    world.latency = S(2);
    world.listen(1);
    world.run(S(2));
    world.listen(2);
    world.run(S(60));
    assert_eq!((world.reads.len(), world.updates.len()), (1, 1));
    assert_eq!(world.told(), [published(&[1, 2])]);
}

#[test]
fn without_addresses_nothing_of_ours_stays() {
    let mut world = World::published();
    world.zone.push(named(&here(2), &PeerId::random()));
    world.listen_expired(1);
    world.run(S(5));
    assert_eq!(world.zone.len(), 1);
    assert_eq!(world.told(), [published(&[])]);
}

#[test]
fn what_was_lost_is_restored_at_the_next_refresh() {
    let mut world = World::published();
    world.zone = vec![named(&here(1), &PeerId::random())];
    world.run(S(661));
    assert_eq!(world.zone, [world.record(1)]);
    assert_eq!(world.told().len(), 2);
    assert_eq!(world.told()[1], published(&[1]));
}

#[test]
fn what_is_cut_is_told() {
    let mut world = World::new(config().with_max_addresses(NonZeroUsize::new(2).unwrap()));
    for port in [3, 1, 2] {
        world.listen(port);
    }
    world.run(S(5));
    assert_eq!(world.zone, [world.record(1), world.record(2)]);
    let [(_, Event::Published { addresses, left_out })] = &world.events[..] else { panic!() };
    let pinned =
        |port| -> Multiaddr { format!("{}/p2p/{}", here(port), world.local).parse().unwrap() };
    assert_eq!(*addresses, [pinned(1), pinned(2)]);
    assert_eq!(*left_out, [pinned(3)]);
}

#[test]
fn more_to_delete_than_one_update_takes_is_deleted_by_several() {
    let mut world = World::new(config());
    world.zone = (0..600).map(|_| named(&here(1), &PeerId::random())).collect();
    world.listen(1);
    world.run(S(10));
    assert_eq!(world.zone, [world.record(1)]);
    assert_eq!(world.updates.len(), 3);
    assert_eq!(world.told().iter().filter(|told| told.starts_with("published")).count(), 1);
}

#[test]
fn a_name_that_is_full_is_told_and_what_is_stale_goes_nevertheless() {
    let mut world = World::new(config());
    let other = PeerId::random();
    world.zone = (0..700).map(|port| named(&format!("/ip4/10.0.0.9/tcp/{port}"), &other)).collect();
    world.zone.push(world.record(9));
    world.listen(1);
    world.run(S(5));
    assert_eq!(world.zone.len(), 700);
    let told = world.told();
    assert!(!told.is_empty() && told.iter().all(|told| told.contains("64 KiB")), "{told:?}");
    world.zone.truncate(100);
    world.run(S(5));
    assert_eq!(world.told().last().unwrap(), &published(&[1]));
}

#[test]
fn a_failure_is_tried_again_for_ever_and_told_when_doubled() {
    let mut world = World::new(config());
    world.fails = Some(UpdateError::failed("no route"));
    world.listen(1);
    world.run(S(24 * 3600));
    let told: Vec<_> = world
        .events
        .iter()
        .map(|(_, event)| match event {
            Event::Failed { failures, .. } => *failures,
            event => panic!("{event:?}"),
        })
        .collect();
    assert!(told.len() > 5, "{told:?}");
    assert!(told.iter().enumerate().all(|(n, failures)| *failures == 1 << n), "{told:?}");
    let pauses: Vec<_> = world.reads.windows(2).map(|two| two[1] - two[0]).collect();
    for (n, pause) in pauses.iter().enumerate() {
        let longest = S(1 << n.min(20)).min(S(300)) + world.latency;
        assert!((longest / 2..=longest).contains(pause), "{n}: {pause:?}");
    }
    world.fails = None;
    world.run(S(301));
    assert_eq!(world.zone, [world.record(1)]);
    world.events.clear();
    world.fails = Some(UpdateError::failed("no route"));
    world.run(S(662));
    assert!(world.told()[0].starts_with("failed 1:"), "a success ends the count");
}

#[test]
fn another_kind_of_failure_is_told() {
    let mut world = World::new(config());
    world.fails = Some(UpdateError::failed("no route"));
    world.listen(1);
    world.run(S(10));
    let before = world.events.len();
    world.fails = Some(UpdateError::TimedOut);
    world.run(S(60));
    let [.., (_, Event::Failed { error, .. })] = &world.events[..] else { panic!() };
    assert!(matches!(error, UpdateError::TimedOut), "{error:?}");
    assert!(world.events.len() > before);
}

#[test]
fn a_failed_update_is_read_again_before_it_is_repeated() {
    let mut world = World::new(config());
    world.listen(1);
    world.run(S(1) + world.latency);
    world.fails = Some(UpdateError::Unverified(Arc::new(std::io::Error::other("forged"))));
    assert_eq!(world.updates.len(), 1);
    // It was carried out nevertheless.
    world.zone.push(world.record(1));
    world.run(world.latency);
    assert_eq!(world.told().len(), 1);
    world.fails = None;
    world.run(S(5));
    assert_eq!(world.updates.len(), 1);
    assert_eq!(world.told()[1], published(&[1]));
}

#[test]
fn an_exchange_has_a_deadline_and_its_late_result_is_ignored() {
    let mut world = World::new(config().with_timeout(S(7)));
    world.silent = true;
    world.listen(1);
    world.run(S(8));
    assert_eq!(world.cancelled.len(), 1);
    assert_eq!(world.told(), ["failed 1: the name server did not reply in time"]);
    // Another one is under way when it comes.
    world.run(S(2));
    assert_eq!(world.reads.len(), 2);
    let state = format!("{:?}", world.core);
    for id in world.cancelled.clone() {
        world.core.handle_read(id, Ok(Vec::new()), world.now);
        world.core.handle_update(id, Ok(()), world.now);
    }
    assert_eq!(format!("{:?}", world.core), state);
    world.silent = false;
    world.run(S(20));
    assert_eq!(world.zone, [world.record(1)]);
}

#[test]
fn new_addresses_are_tried_although_the_old_ones_failed() {
    let mut world = World::new(config());
    world.fails = Some(UpdateError::failed("no route"));
    world.listen(1);
    world.run(S(3_600));
    world.fails = None;
    let since = world.now - world.start;
    world.run(Duration::from_millis(1));
    world.listen(2);
    world.run(S(1) + world.latency * 3);
    assert_eq!(world.zone, [world.record(1), world.record(2)]);
    assert!(world.reads.last().unwrap() <= &(since + S(2)));
}

#[test]
fn an_external_address_takes_the_place_of_those_listened_on() {
    let mut world = World::published();
    let external: Multiaddr = "/ip4/192.0.2.7/tcp/1".parse().unwrap();
    world.core.handle_addresses(|own| own.external(Candidate::new(&external)), world.now);
    world.run(S(5));
    let local = world.local;
    assert_eq!(world.zone, [record::write(&Candidate::new(&external.with_p2p(local).unwrap()))]);
}
