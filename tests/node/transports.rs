//! Several transports to one host: which of them is used, and when the others have their turn.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{Config, Identify, Selection};

use crate::support::{Host, World, at, ip, joined, lowest, secs};

const QUIC_FIRST: &str = "/dns4/peers.example./udp/4001/quic-v1|/tcp/4001";

fn quic(n: u8) -> Multiaddr {
    format!("/ip4/10.0.0.{n}/udp/4001/quic-v1").parse().expect("an address")
}

/// Where the peers that take a place are verified there.
fn places(world: &World) -> Vec<Multiaddr> {
    world.core.selected().map(|candidate| candidate.address().clone()).collect()
}

/// Our own dials are slow, and the fallback answers before the better transport does. Fails if that is
/// given up then, if the fallback keeps the place, and if the connection stays the fallback's.
#[test]
fn the_better_transport_is_used_if_it_answers_though_its_fallback_was_quicker() {
    for identify in [Identify::Auto, Identify::Probe, Identify::Dial] {
        let mut world = World::new(lowest(1).with_identify(identify));
        world.idle = None;
        world.name(&[ip(1)]);
        let peer = world.live(ip(1));
        world.hosts.insert(quic(1), Host::Slow(peer, Duration::from_millis(900)));
        world.source(QUIC_FIRST);
        world.until(Duration::from_millis(300), "the fallback", joined);
        assert_eq!(places(&world), [at(ip(1))]);
        world.until(secs(1), "QUIC", |w| places(w) == [quic(1)]);
        let by_quic = |w: &World| w.connections.iter().any(|(_, _, to)| *to == quic(1));
        world.until(secs(2), "connected by QUIC", by_quic);
        world.run(secs(3_600));
        assert_eq!(places(&world), [quic(1)]);
        let dials = world.dials.len();
        assert!(dials <= 4, "{identify:?}: {dials} dials");
    }
}

/// The better transport was not there at the start, and is by now. Fails if nobody looks once the
/// fallback has taken the last place.
#[test]
fn the_better_transport_takes_its_place_when_it_comes_back() {
    let mut world = World::new(lowest(1));
    world.name(&[ip(1)]);
    let peer = world.live(ip(1));
    world.hosts.insert(quic(1), Host::Refuses);
    world.source(QUIC_FIRST);
    world.until(secs(5), "the fallback", |w| places(w) == [at(ip(1))]);
    world.run(secs(3_600));
    let to_quic = |w: &World| w.dials.iter().filter(|(_, to, _)| *to == quic(1)).count();
    assert!(to_quic(&world) <= 30, "{} dials in an hour", to_quic(&world));
    world.hosts.insert(quic(1), Host::Lives(peer));
    world.until(secs(310), "QUIC again", |w| places(w) == [quic(1)]);
}

/// The place on a ring of which the successor is the better transport of a host: its fallback sorts
/// before it, and so before the place. Fails if a finger is looked for from there on, and no further.
#[test]
fn a_fallback_that_sorts_before_the_place_where_its_host_is_looked_for_is_dialled() {
    let hosts = 15;
    let is_better = |world: &World| place_of(&world.local, 2 * hosts) % 2 == 1;
    let mut world =
        std::iter::repeat_with(|| World::new(Config::new().with_selection(Selection::Fingers)))
            .find(is_better)
            .expect("one in two");
    let ips: Vec<_> = (1..=15).map(ip).collect();
    world.name(&ips);
    let peers: Vec<PeerId> = ips.iter().map(|ip| world.live(*ip)).collect();
    world.source(QUIC_FIRST);
    let successor = peers[place_of(&world.local, 2 * hosts) / 2];
    world.until(secs(60), "the successor", |w| w.selected().contains(&successor));
    world.run(secs(600));
    assert!(world.selected().contains(&successor));
}

/// The place that the hash of a peer id gives it among so many.
fn place_of(peer: &PeerId, len: usize) -> usize {
    let bytes = peer.to_bytes();
    let word = bytes.iter().rev().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    usize::try_from(word % len as u64).expect("small")
}
