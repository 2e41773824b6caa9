//! Sources that answer with a few members chosen at random, and do not say so.

use std::net::IpAddr;

use libp2p_dns_discovery::{Config, Event, LookupError, Status};

use crate::support::{Host, World, ip, secs};

/// Has every look-up of the next while answered with eight of these.
fn sample(world: &mut World, of: &[IpAddr], seconds: u64, rng: &mut fastrand::Rng) {
    for _ in 0..seconds {
        let eight: Vec<_> = rng.choose_multiple(of.iter().copied(), 8);
        world.name(&eight);
        world.run(secs(1));
    }
}

fn turns(world: &World) -> Vec<bool> {
    let turn = |event: &Event| match event {
        Event::Sampled { sampled, .. } => Some(*sampled),
        _ => None,
    };
    world.events.iter().filter_map(|(_, event)| turn(event)).collect()
}

fn departed(world: &World) -> usize {
    world.count(|event| matches!(event, Event::Departed { .. }))
}

/// What Cloud Map does: eight of a hundred, each time. Fails if sources are never recognised.
#[test]
fn a_source_that_samples_silently_is_recognised_and_nobody_living_departs() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut world, _) = World::with_peers(Config::new().with_seed(seed), 100);
        let all: Vec<_> = (1..=100).map(ip).collect();
        sample(&mut world, &all, 36 * 10, &mut rng);
        assert_eq!(turns(&world), [true], "seed {seed}: recognised within ten refreshes");
        let departures = departed(&world);
        sample(&mut world, &all, 3_600, &mut rng);
        assert_eq!(turns(&world), [true], "seed {seed}: and for good");
        assert_eq!(departed(&world), departures, "seed {seed}");
        assert!(world.core.candidates().count() > 90, "samples are united");
        assert_eq!(world.core.status(), Status::Joined);
    }
}

/// The dead leave a sampled source too: when they were not named for long and do not answer, or, where
/// they are too many for all to be tried, when they were not named for hours. Fails without
/// `FORGOTTEN`.
#[test]
fn the_dead_leave_a_sampled_source_in_the_end() {
    let mut rng = fastrand::Rng::with_seed(5);
    let (mut world, _) = World::with_peers(Config::new(), 100);
    let all: Vec<_> = (1..=100).map(ip).collect();
    sample(&mut world, &all, 3_600, &mut rng);
    let dead: Vec<_> = (1..=20).map(ip).collect();
    for ip in &dead {
        world.set(*ip, Host::Refuses);
    }
    // 250 answers, each after 36 s at the most.
    sample(&mut world, &all[20..], 255 * 36, &mut rng);
    let left = world.core.candidates().filter(|(c, _)| c.ip().is_some_and(|ip| dead.contains(&ip)));
    let left = left.count();
    assert_eq!(left, 0, "candidates that are dead");
}

/// A cluster of eight that is restarted pod by pod, each of which gets a new address, and answers
/// for 30 s after it has left DNS: not taken for a sample, or not for longer than the restart. Fails
/// if answers that repeat each other say nothing (`STEADY`).
#[test]
fn a_rolling_restart_is_not_taken_for_a_sample_for_long() {
    for grace in [0, 5, 30] {
        let (mut world, _) = World::with_peers(Config::new(), 8);
        let mut named: Vec<u8> = (1..=8).collect();
        world.run(secs(60));
        let mut dying: Vec<(u64, u8)> = Vec::new();
        for second in 0..600_u64 {
            if second % 40 == 0 && second < 320 {
                let old = named.remove(0);
                dying.push((second + grace, old));
                let new = 101 + u8::try_from(second / 40).expect("eight");
                world.live(ip(new));
                named.push(new);
            }
            for (_, gone) in dying.extract_if(.., |(at, _)| *at <= second) {
                world.set(ip(gone), Host::Refuses);
            }
            let ips: Vec<_> = named.iter().copied().map(ip).collect();
            world.name(&ips);
            world.run(secs(1));
        }
        let turns = turns(&world);
        assert!(turns.last() != Some(&true), "taken for a sample for ever, with {grace} s");
        if grace < 30 {
            assert!(turns.is_empty(), "{turns:?} with {grace} s");
        }
        assert_eq!(world.core.candidates().count(), 8, "with {grace} s");
        assert_eq!(world.core.status(), Status::Joined);
    }
}

/// Fewer members than a sample holds are all of them: one that leaves then departs. Fails if sources
/// are never recognised (`EVIDENCE`).
#[test]
fn a_sampled_source_with_few_members_is_taken_at_its_word() {
    let mut rng = fastrand::Rng::with_seed(9);
    let (mut world, _) = World::with_peers(Config::new(), 20);
    let all: Vec<_> = (1..=20).map(ip).collect();
    sample(&mut world, &all, 600, &mut rng);
    assert_eq!(turns(&world), [true]);
    for ip in &all[5..] {
        world.set(*ip, Host::Refuses);
    }
    world.name(&all[..5]);
    world.run(secs(300));
    assert_eq!(turns(&world), [true, false]);
    let left: Vec<_> = world.core.candidates().filter_map(|(c, _)| c.ip()).collect();
    assert_eq!(left, all[..5]);
}

/// Failures between the answers are no answers. Fails if sources are never recognised (`EVIDENCE`).
#[test]
fn failures_do_not_disturb_the_recognition() {
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut world, _) = World::with_peers(Config::new(), 100);
    let all: Vec<_> = (1..=100).map(ip).collect();
    for _ in 0..20 {
        sample(&mut world, &all, 36, &mut rng);
        world.fail(LookupError::TimedOut);
        world.run(secs(36));
    }
    assert_eq!(turns(&world), [true]);
}

/// A caching resolver may repeat a sample for a while, and a server may sample eight of nine, so that
/// answers are often the same: nobody who answers departs for that. Fails if answers that repeat each
/// other are proof enough (`STEADY_ALL_THE_SAME`).
#[test]
fn nobody_living_departs_because_answers_repeat_each_other() {
    let mut rng = fastrand::Rng::with_seed(5);
    let (mut world, _) = World::with_peers(Config::new(), 100);
    let all: Vec<_> = (1..=100).map(ip).collect();
    sample(&mut world, &all, 3_600, &mut rng);
    let (candidates, departures) = (world.core.candidates().count(), departed(&world));
    world.run(secs(36 * 6));
    assert_eq!(world.core.candidates().count(), candidates);
    assert_eq!(departed(&world), departures);

    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut world, _) = World::with_peers(Config::new().with_seed(seed), 9);
        sample(&mut world, &all[..9], 12 * 3_600, &mut rng);
        assert_eq!(turns(&world), [true], "seed {seed}");
        assert!(departed(&world) <= 3, "seed {seed}: {}", departed(&world));
    }
}
