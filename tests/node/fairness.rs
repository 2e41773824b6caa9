//! Whoever can be reached is reached in the end, whatever stands in line before it.

use std::net::IpAddr;

use libp2p::PeerId;
use libp2p_dns_discovery::{Config, Status};

use crate::support::{Host, World, at, ip, joined, lowest, nth, secs};

/// The source `/dns/peers.example./tcp/4001`, which names so many that are silent.
fn silent(config: Config, n: u32) -> (World, Vec<IpAddr>) {
    let mut world = World::seeded(config, 1);
    let ips: Vec<_> = (1..=n).map(nth).collect();
    world.name(&ips);
    for ip in &ips {
        world.set(*ip, Host::Silent);
    }
    world.source("/dns/peers.example./tcp/4001");
    (world, ips)
}

fn name_v6(world: &mut World) -> IpAddr {
    let ip = "fd00::1".parse().expect("an address");
    world.name_v6(ip);
    world.set(ip, Host::Refuses);
    ip
}

/// A silent one holds one of twelve slots for ten seconds when it is tried again, so that all of `n`
/// have had their turn after `n / 1.2` seconds; half of the turns go to whoever has waited longest.
/// Fails if it is always the lowest that is tried again (`first_to_retry`).
#[test]
fn the_last_of_many_that_failed_is_tried_again() {
    for (n, config) in
        [(60, lowest(3)), (300, lowest(3)), (1_000, lowest(3)), (1_000, Config::new())]
    {
        let (mut world, ips) = silent(config, n);
        let last = ips[ips.len() - 1];
        world.set(last, Host::Refuses);
        world.run(secs(3_600));
        world.live(last);
        world.until(secs(60 + 2 * u64::from(n) * 10 / 12), &format!("joined past {n}"), joined);
    }
}

/// Fails if families are always searched in the same order (`Dialling::begin`).
#[test]
fn no_family_holds_up_another() {
    for (n, host) in [(20, Host::Silent), (300, Host::Silent), (2_000, Host::Refuses)] {
        let (mut world, ips) = silent(lowest(3), n);
        for ip in ips {
            world.set(ip, host.clone());
        }
        let v6 = name_v6(&mut world);
        world.run(secs(60));
        world.live(v6);
        // It is the only one of its family: tried again as soon as its back-off allows, which is 30 s
        // for every 48 candidates, and five minutes at most.
        world.until(secs(330), &format!("joined beside {n} {host:?}"), joined);
    }
}

/// Fails if hints have to wait until the search leaves a slot (`Dialling::begin`).
#[test]
fn whoever_connects_to_an_isolated_node_is_looked_at_at_once() {
    for n in [100, 1_000, 3_000] {
        let (mut world, ips) = silent(lowest(3), n);
        let last = ips[ips.len() - 1];
        world.run(secs(1_800));
        assert_eq!(world.core.status(), Status::Isolated);
        let peer = world.live(last);
        world.accept(peer, &format!("/ip4/{last}/tcp/5555"));
        // When the first of the probes under way gives up its slot.
        world.until(secs(11), &format!("joined among {n}"), joined);
    }
}

/// Fails if it is always the lowest that is tried again (`first_to_retry`): with 600 silent ones,
/// one that comes back among the last of them is never taken up.
#[test]
fn a_lower_one_that_comes_back_is_taken_up_however_many_are_silent() {
    for n in [100, 300, 600] {
        let (mut world, ips) = silent(lowest(3), n);
        let others: Vec<_> = (n + 1..=n + 3).map(nth).collect();
        world.name(&[ips.clone(), others.clone()].concat());
        for ip in others {
            world.live(ip);
        }
        world.run(secs(3_600));
        assert_eq!(world.selected().len(), 3);
        let back: PeerId = world.live(ips[ips.len() - 10]);
        // One back-off cap, or two rounds over all of them, one at a time with 10 s each, and hedged
        // every 250 ms up to twelve at once.
        let limit = secs(310.max(2 * u64::from(n) * 10 / 12));
        world.until(limit, &format!("taken up among {n}"), |w| w.selected().first() == Some(&back));
    }
}

/// A pinned address that once led to ourselves answers as somebody else, who is not the pinned peer
/// either: nobody is there, and that is not to be alone. Fails if `mismatch` keeps what led to
/// ourselves.
#[test]
fn a_pinned_address_that_is_no_longer_ours_is_not_taken_for_ours() {
    let mut world = World::seeded(lowest(3), 1);
    let ip = nth(1);
    world.set(ip, Host::Lives(world.local));
    world.source(&format!("{}/p2p/{}", at(ip), PeerId::random()));
    world.until(secs(60), "alone", |w| w.core.status() == Status::Alone);
    world.live(ip);
    world.until(secs(3_600), "isolated", |w| w.core.status() == Status::Isolated);
}

/// Whose turn it is changes with every look for a candidate, also if there is no room for a
/// probe then. Where every second look finds room, it is always the lowest one's.
#[test]
fn few_dials_reach_everybody_in_the_end() {
    for hosts in [3, 4, 5] {
        let config =
            lowest(3).map_limits(|l| l.with_probes_per_minute(1.try_into().expect("not zero")));
        let (mut world, peers) = World::with_peers(config, hosts);
        for n in 1..=hosts {
            world.set(ip(n), Host::Refuses);
        }
        world.run(secs(3_600));
        let last = peers.len() - 1;
        world.set(ip(hosts), Host::Lives(peers[last]));
        world.until(secs(6 * 3_600), "the only one", |w| w.selected() == peers[last..]);
    }
}
