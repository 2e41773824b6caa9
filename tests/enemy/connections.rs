//! An enemy who connects: it proves keys of its own, as many as it likes, and says what it likes.

use std::time::Duration;

use libp2p::PeerId;
use libp2p_dns_discovery::{Config, Event, Status};
use web_time::Instant;

use crate::{
    account::{Memory, assert_bounded, most_within},
    alone,
    support::{Host, World, at, ip, joined, lowest, nth, secs},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Ten members, of which the first three are selected, and the last one is the enemy's.
fn members(config: Config) -> (World, Vec<PeerId>) {
    let (mut world, peers) = World::with_peers(config, 10);
    world.until(secs(5), "joined", |w| w.selected() == peers[..3]);
    world.run(secs(120));
    (world, peers)
}

fn dials_since(world: &World, since: Instant) -> Vec<Instant> {
    world.dials.iter().map(|(at, ..)| *at).filter(|at| *at > since).collect()
}

/// Fails if an entry is verified whenever somebody gives a reason (`takes_hint`).
#[test]
fn ever_new_peers_that_connect_from_a_members_host_move_nobody() {
    let _alone = alone();
    let (mut world, peers) = members(lowest(3));
    let start = world.now;
    for n in 0..36_000_u32 {
        let peer = PeerId::random();
        let id =
            world.accept(peer, &format!("/ip4/10.0.0.{}/tcp/{}", 1 + n % 10, 1_024 + n % 60_000));
        world.core.handle_claim(peer, &at(ip(1 + (n % 10) as u8)), world.now);
        world.close(id, peer, n % 2 == 0);
        world.run(Duration::from_millis(100));
        assert!(joined(&world));
    }
    assert_bounded(&world);
    assert_eq!(world.selected(), peers[..3]);
    assert!(world.core.peers().all(|entry| peers.contains(&entry.peer)));
    let dials = dials_since(&world, start).len();
    // As many as without them: three checks a minute, and those of the others.
    assert!(dials <= 60 * 12, "{dials} dials in an hour");
}

/// Fails if what is kept of each peer that gives a hint is kept for as long as others give some.
#[test]
fn ever_new_peers_that_connect_from_a_host_are_not_remembered() {
    let _alone = alone();
    let mut world = World::new(lowest(1).with_reverify_interval(secs(86_400)));
    // More ports than may be probed: there is always one that nobody has looked at.
    for port in 1..=20 {
        world.source(&format!("/ip4/10.0.0.1/tcp/{port}"));
    }
    world.run(secs(5));
    let memory = Memory::of(&mut world, |world| {
        for _ in 0..200_000 {
            let peer = PeerId::random();
            let id = world.accept(peer, "/ip4/10.0.0.1/tcp/55555");
            world.run(Duration::from_millis(1));
            world.close(id, peer, false);
        }
    });
    memory.assert(&mut world, 4, 2);
}

/// Whoever takes a place may break its connection as often as it likes. Fails if each loss asks DNS
/// without regard to the shortest pause, or dials without one.
#[test]
fn a_selected_peer_that_breaks_every_connection_sets_no_pace() {
    let _alone = alone();
    let (mut world, peers) = members(lowest(3));
    let start = world.now;
    while world.now < start + secs(3_600) {
        world.lose(peers[0]);
        world.run(Duration::from_millis(100));
        assert!(joined(&world));
    }
    assert_bounded(&world);
    let asked: Vec<_> = world.queries.iter().map(|(at, _)| *at).filter(|at| *at > start).collect();
    assert!(asked.windows(2).all(|pair| pair[0] + secs(5) <= pair[1]), "refreshes");
    let dials = dials_since(&world, start);
    assert!(most_within(&dials, MINUTE) <= 30, "{} dials", most_within(&dials, MINUTE));
    assert_eq!(world.selected(), peers[..3], "it answers");
}

/// The same, of one that lets each connection live for long enough to be missed.
#[test]
fn a_selected_peer_that_breaks_its_connections_once_they_count_sets_no_pace() {
    let _alone = alone();
    let (mut world, peers) = members(lowest(3));
    world.idle = None;
    let start = world.now;
    while world.now < start + secs(3_600) {
        world.run(secs(11));
        world.lose(peers[0]);
        assert!(joined(&world));
    }
    assert_bounded(&world);
    let asked: Vec<_> = world.queries.iter().map(|(at, _)| *at).filter(|at| *at > start).collect();
    assert!(asked.windows(2).all(|pair| pair[0] + secs(5) <= pair[1]), "refreshes");
    let dials = dials_since(&world, start).len();
    assert!(dials <= 3_600 / 11 * 2 + 60 * 12, "{dials} dials in an hour");
}

/// Fails if who is connected, and nowhere verified, counts.
#[test]
fn strangers_who_connect_make_nobody_joined() {
    let _alone = alone();
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    world.idle = None;
    world.name(&(1..=9).map(ip).collect::<Vec<_>>());
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(60));
    for n in 1..=100 {
        let peer = PeerId::random();
        world.accept(peer, &format!("/ip4/10.0.0.{}/tcp/55555", n % 9 + 1));
        world.core.handle_claim(peer, &at(ip(n % 9 + 1)), world.now);
        world.run(secs(1));
        assert_eq!(world.core.status(), Status::Isolated);
    }
    assert_eq!(world.core.peers().count(), 0);
}

/// Each dial to the enemy's address meets a key that nobody has met before, and each key then connects from
/// there and claims the address. Fails if every key is told of.
#[test]
fn an_address_with_a_new_key_for_every_dial_is_told_a_few_times() {
    let _alone = alone();
    let (mut world, peers) = members(lowest(3));
    let keys: Vec<_> = (0..5_000).map(|_| PeerId::random()).collect();
    world.set(ip(1), Host::Alternates(keys.clone()));
    let (start, told) = (world.now, world.events.len());
    for key in keys.iter().cycle().take(3_600) {
        world.accept(*key, "/ip4/10.0.0.1/tcp/55555");
        world.core.handle_claim(*key, &at(ip(1)), world.now);
        world.run(secs(1));
        assert!(joined(&world));
    }
    assert_bounded(&world);
    let of_it = |event: &&(Instant, Event)| {
        let (_, event) = event;
        format!("{event:?}").contains("10.0.0.1/")
    };
    let told = world.events[told..].iter().filter(of_it).count();
    assert!(told <= 12, "told {told} times in an hour");
    let dials = world
        .dials
        .iter()
        .filter(|(at, address, _)| *at > start && *address == crate::support::at(ip(1)));
    let dials = dials.count();
    assert!(dials <= 4 * 120, "{dials} dials in an hour");
    assert_eq!(world.selected(), peers[1..4], "the others take its place");
}

/// Tarpits: a handshake with each of the lowest begins, and does not end. Fails if they keep their slots
/// as long (`make_room`): 12 slots and 10 s make that 83 s for a hundred, and half of the turns are random.
#[test]
fn those_who_take_their_time_with_every_handshake_do_not_keep_us_from_the_quick() {
    let _alone = alone();
    let mut times = Vec::new();
    for seed in 0..21 {
        let mut world = World::seeded(lowest(3), seed);
        world.name(&(1..=101).map(nth).collect::<Vec<_>>());
        for n in 1..=100 {
            world.set(nth(n), Host::Slow(PeerId::random(), secs(3_600)));
        }
        world.live(nth(101));
        world.source("/dns4/peers.example./tcp/4001");
        world.until(secs(100), "joined", joined);
        times.push(world.now - world.start);
        assert_bounded(&world);
    }
    times.sort_unstable();
    println!("{times:?}");
    assert!(times[10] < secs(20), "{times:?}");
}
