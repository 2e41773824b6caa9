//! How much is done in a time.

use std::time::Duration;

use libp2p_dns_discovery::{Config, Event, Identify, Status};
use web_time::Instant;

use super::nz;
use crate::support::{Host, World, address_record, lowest, nth, secs};

/// A world in which a thousand are named and nobody answers.
fn silent(config: Config) -> World {
    let mut world = World::new(config);
    world.elsewhere = Host::Silent;
    world.name(&(0..1_000).map(nth).collect::<Vec<_>>());
    world.source("/dns4/peers.example./tcp/4001");
    world
}

/// Fails without the bound, with another default, and without its setter.
#[test]
fn dials_at_once() {
    for (config, most) in
        [(lowest(3), 16), (lowest(3).map_limits(|l| l.with_concurrent_probes(nz(8))), 8)]
    {
        let mut world = silent(config);
        world.run(secs(60));
        // Each of the four other purposes keeps one, which nobody needs here.
        assert_eq!(world.most_at_once, most - 4);
    }
}

/// Fails without the bound, with another default, and without its setter.
#[test]
fn dials_in_a_minute() {
    for (limit, most) in [(None, 600), (Some(60), 60)] {
        let config = lowest(3).map_limits(|l| l.with_concurrent_probes(nz(400)));
        let config = config.with_retry(secs(1), secs(2));
        let per_minute = |n| config.clone().map_limits(|l| l.with_probes_per_minute(nz(n)));
        let config = limit.map_or(config.clone(), per_minute);
        let mut world = silent(config);
        world.elsewhere = Host::Refuses;
        world.run(secs(180));
        let dials: Vec<Instant> = world.dials.iter().map(|(at, ..)| *at).collect();
        let within =
            |from: Instant| dials.iter().filter(move |at| (from..from + secs(60)).contains(*at));
        let busiest = dials.iter().map(|from| within(*from).count()).max().unwrap_or(0);
        assert!((most * 9 / 10..=most).contains(&busiest), "{busiest} of {most}");
    }
}

/// Fails if a TTL decides alone, with other defaults, and without the setters.
#[test]
fn refreshes() {
    let usual = || Config::new().with_start_refresh(Duration::MAX);
    let other = || usual().with_min_refresh(secs(40)).with_max_refresh(secs(60));
    for (config, least, most) in [(usual(), 5, 300), (other(), 40, 60)] {
        for (ttl, about) in [(0, least), (1 << 31, least), (i32::MAX as u32, most)] {
            let mut world = World::new(config.clone());
            let local = address_record("peers.example.", nth(1), ttl);
            let key = ("peers.example.".to_owned(), local.record_type());
            world.zone.insert(key, Ok(vec![local]));
            // With nobody to look for, nothing hastens.
            world.core.handle_listen_address(&crate::support::at(nth(1)), world.now);
            world.source("/dns4/peers.example./tcp/4001");
            world.run(secs(3_600));
            let asked: Vec<Instant> = world.queries.iter().map(|(at, _)| *at).collect();
            let pauses: Vec<Duration> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(pauses.iter().all(|p| *p >= secs(least) && *p <= secs(most + 1)), "{pauses:?}");
            let near = |p: &Duration| p.as_secs_f64() <= about as f64 * 1.21;
            assert!(pauses.iter().skip(1).all(near), "{ttl}: {pauses:?}");
        }
    }
}

/// While nobody else is known, looks come sooner, and not for long.
#[test]
fn refreshes_at_the_start() {
    let mut world = World::new(Config::new());
    let local = address_record("peers.example.", nth(1), 0);
    let key = ("peers.example.".to_owned(), local.record_type());
    world.zone.insert(key, Ok(vec![local]));
    world.core.handle_listen_address(&crate::support::at(nth(1)), world.now);
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(40));
    assert!((15..=25).contains(&world.queries.len()), "{} look-ups", world.queries.len());
    world.queries.clear();
    world.run(secs(600));
    assert!(world.queries.len() <= 120, "one in 5 s: {}", world.queries.len());
}

/// Fails without the deadline, with another default, and without its setter.
#[test]
fn time_of_a_refresh() {
    for (config, most) in [(Config::new(), 20), (Config::new().with_lookup_timeout(secs(3)), 3)] {
        let mut world = World::new(config);
        world.deaf = true;
        world.source("/dns4/peers.example./tcp/4001");
        world.run(secs(most) - Duration::from_millis(1));
        let failed = |world: &World| world.count(|e| matches!(e, Event::LookupFailed { .. }));
        assert_eq!(failed(&world), 0);
        world.run(Duration::from_millis(1));
        assert_eq!(failed(&world), 1);
    }
}

/// Fails without the deadline, with another default, and without its setter.
#[test]
fn time_of_a_dial() {
    for (config, most) in [(lowest(3), 10), (lowest(3).with_probe_timeout(secs(3)), 3)] {
        let mut world = World::new(config.with_identify(Identify::Probe));
        world.elsewhere = Host::Silent;
        world.source("/ip4/10.0.0.1/tcp/1");
        world.run(secs(most) - Duration::from_millis(1));
        assert_eq!((world.core.status(), world.aborted), (Status::Starting, 0));
        world.run(Duration::from_millis(1));
        assert_eq!((world.core.status(), world.aborted), (Status::Isolated, 1));
    }
}

/// A small source beside one with thousands of silent addresses is met at once, also where it was late.
/// Fails if a random candidate is drawn from all, and if only those are drawn that were never tried.
#[test]
fn a_small_source_beside_a_large_one_is_met_within_seconds() {
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    world.name(&(0..12_000).map(nth).collect::<Vec<_>>());
    world.source("/dns4/peers.example./tcp/4001");
    let honest: libp2p::Multiaddr = "/ip4/192.168.7.7/tcp/4001".parse().expect("valid");
    world.source(&honest.to_string());
    world.run(secs(5));
    assert!(world.dials.iter().any(|(_, address, _)| *address == honest));
    world.run(secs(600));
    world.hosts.insert(honest, Host::Lives(libp2p::PeerId::random()));
    world.until(secs(330), "one pause", |w| w.core.status() == Status::Joined);
}
