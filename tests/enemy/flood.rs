//! More records than anybody could use, and longer ones.

use hickory_proto::rr::{Record, RecordType};
use libp2p_dns_discovery::{Event, Status, hickory_proto};

use crate::{
    account::{HONEST, Memory, assert_bounded, honest},
    alone,
    records::{addresses, entries, name, srv, txt, v4, v6},
    support::{Host, World, lowest, secs},
};

/// How many records the enemy writes.
const FLOOD: u32 = 100_000;

/// A world in which the enemy's hosts are silent and one peer is honest.
fn world() -> World {
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    honest(&mut world);
    world
}

fn write(world: &mut World, of: RecordType, records: Vec<Record>) {
    let owner = records[0].name.to_ascii();
    world.zone.insert((owner, of), Ok(records));
}

/// The node knows the enemy's zone already when it gets its fallback, the honest peer.
fn join_by_fallback(world: &mut World) {
    world.run(secs(1));
    world.source(HONEST);
    join_within(world, 5);
}

fn join_within(world: &mut World, seconds: u64) {
    world.until(secs(seconds), "joined", |w| w.core.status() == Status::Joined);
}

/// Fails if the lowest are held whatever names them, and if the random probe does not choose a source
/// first.
#[test]
fn a_hundred_thousand_addresses_do_not_hide_the_honest_one() {
    let _alone = alone();
    let mut world = world();
    write(&mut world, RecordType::A, addresses("peers.example.", (0..FLOOD).map(v4), 30));
    write(&mut world, RecordType::AAAA, addresses("peers.example.", (0..FLOOD).map(v6), 30));
    world.source("/dns/peers.example./tcp/4001");
    let memory = Memory::of(&mut world, |world| {
        join_by_fallback(world);
        world.run(secs(60));
    });
    assert_bounded(&world);
    assert_eq!(world.count(|e| matches!(e, Event::Bounded { cut: 1.., .. })), 1);
    let v4 = world.core.candidates().filter(|(c, _)| c.ip().is_some_and(|ip| ip.is_ipv4()));
    assert_eq!(v4.count(), 8_192, "half of the room, the honest one among them");
    memory.assert(&mut world, 16, 24);
}

/// Fails without the bound on look-ups.
#[test]
fn a_hundred_thousand_targets_cost_as_many_look_ups_as_are_allowed() {
    let _alone = alone();
    let mut world = world();
    let owner = name("_p2p._tcp.peers.example.");
    let target = |n| srv(&owner, &format!("t{n}.example."), u16::try_from(n % 60_000 + 1).unwrap());
    write(&mut world, RecordType::SRV, (0..FLOOD).map(target).collect());
    world.source("srv:_p2p._tcp.peers.example.");
    let memory = Memory::of(&mut world, |world| {
        join_by_fallback(world);
        world.run(secs(1));
        assert_eq!(world.queries.len(), 128);
        world.run(secs(600));
    });
    assert_bounded(&world);
    memory.assert(&mut world, 32, 4);
}

/// Fails if the random probe does not choose a source first.
#[test]
fn a_hundred_thousand_texts_do_not_hide_the_honest_one() {
    let _alone = alone();
    let mut world = world();
    let text = |n| format!("/ip4/{}/tcp/{}", v4(n), n % 60_000 + 1);
    entries(&mut world, "peers.example.", (0..FLOOD).map(text));
    world.source("/dnsaddr/peers.example.");
    let memory = Memory::of(&mut world, |world| {
        join_by_fallback(world);
        world.run(secs(60));
    });
    assert_bounded(&world);
    memory.assert(&mut world, 32, 16);
}

/// The honest peer is one of the zone's own here. Fails if a text is copied before its length is
/// looked at.
#[test]
fn texts_of_64_kib_are_not_copied_and_do_not_spoil_the_rest() {
    let _alone = alone();
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    honest(&mut world);
    let long = |n: u32| format!("{n}/{}", "x".repeat(65_000));
    let texts = (0..500).map(long).chain([HONEST.to_owned()]);
    entries(&mut world, "peers.example.", texts);
    world.source("/dnsaddr/peers.example.");
    let memory = Memory::of(&mut world, |world| join_within(world, 5));
    world.run(secs(600));
    assert_bounded(&world);
    let dropped = world.events.iter().find_map(|(_, event)| match event {
        Event::Resolved { dropped, dropped_total, .. } => Some((dropped, *dropped_total)),
        _ => None,
    });
    let (dropped, total) = dropped.expect("told");
    assert_eq!((dropped.len(), total), (16, 500));
    assert!(dropped.iter().all(|d| d.to_string().len() < 400));
    memory.assert(&mut world, 4, 1);
}

/// Fails if what was named once is kept for ever, and if look-ups follow a TTL of 0.
#[test]
fn a_zone_that_changes_at_every_refresh_is_forgotten_as_fast() {
    let _alone = alone();
    let mut world = world();
    let zone = |n: u32| addresses("peers.example.", (0..2_000).map(|i| v4(n * 2_000 + i)), 0);
    write(&mut world, RecordType::A, zone(0));
    world.source("/dns4/peers.example./tcp/4001");
    let memory = Memory::of(&mut world, |world| {
        join_by_fallback(world);
        for n in 1..=100 {
            write(world, RecordType::A, zone(n));
            world.run(secs(10));
            assert!(world.core.candidates().count() <= 1 + 3 * 2_000);
            // These hold on to what they tell.
            world.events.retain(|(_, event)| !matches!(event, Event::Resolved { .. }));
        }
    });
    assert_bounded(&world);
    // Two thousand records are asked for once in twenty seconds.
    assert!(world.queries.len() <= 51, "{} look-ups", world.queries.len());
    memory.assert(&mut world, 32, 24);
}

/// Fails if events are not counted past the first ones.
#[test]
fn a_flood_of_forbidden_addresses_is_told_in_a_few_events() {
    let _alone = alone();
    let mut world = world();
    let forbidden = |n: u32| std::net::IpAddr::V4((0x7f00_0000 + n).into());
    write(&mut world, RecordType::A, addresses("peers.example.", (0..FLOOD).map(forbidden), 30));
    world.source("/dns4/peers.example./tcp/4001");
    join_by_fallback(&mut world);
    world.run(secs(3_600));
    assert_bounded(&world);
    assert_eq!(crate::account::rejected(&world), (64, 16_384 - 64));
}

/// Fails if records of other names are taken.
#[test]
fn records_of_other_names_are_nothing() {
    let _alone = alone();
    let mut world = world();
    let other = addresses("bank.example.", (0..1_000).map(v4), 30);
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(other));
    let text = txt(&name("_dnsaddr.bank.example."), "dnsaddr=/ip4/1.2.3.4/tcp/1");
    world.zone.insert(("_dnsaddr.peers.example.".into(), RecordType::TXT), Ok(vec![text]));
    world.source("/dns4/peers.example./tcp/4001");
    world.source("/dnsaddr/peers.example.");
    join_by_fallback(&mut world);
    world.run(secs(600));
    assert_eq!(world.core.candidates().count(), 1);
    assert!(world.dials.iter().all(|(_, address, _)| address.to_string() == HONEST));
    assert_bounded(&world);
}

/// Their dials cannot be aborted. Fails if all of those are left to the swarm that are given up.
#[test]
fn thousands_of_silent_pinned_addresses_do_not_pile_up() {
    let _alone = alone();
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    let pinned = |n| format!("/ip4/{}/tcp/1/p2p/{}", v4(n), libp2p::PeerId::random());
    entries(&mut world, "peers.example.", (0..5_000).map(pinned));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    assert_bounded(&world);
    assert!(world.most_at_once > 16, "as many again");
    assert!(world.dials.len() >= 120, "{} dials", world.dials.len());
    honest(&mut world);
    world.source(HONEST);
    join_within(&mut world, 20);
}

/// The honest peer is one of many that the zone names. Fails if those that are silent are tried
/// again before all were tried once.
#[test]
fn an_honest_peer_among_thousands_is_met_in_half_an_hour() {
    let _alone = alone();
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    honest(&mut world);
    let mut ips: Vec<_> = (0..10_000).map(v4).collect();
    ips.push([192, 168, 7, 7].into());
    write(&mut world, RecordType::A, addresses("peers.example.", ips.into_iter(), 30));
    world.source("/dns4/peers.example./tcp/4001");
    join_within(&mut world, 1_800);
    assert_bounded(&world);
}
