//! Several peers on one host, each at a port of its own.

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{Config, Event, Selection};

use crate::support::{Host, World, secs};

fn port(n: u16) -> Multiaddr {
    format!("/ip4/10.0.0.1/tcp/{n}").parse().expect("an address")
}

/// A world in which these ports of one host are named, each with a peer of its own that is connected
/// for as long as it lives.
fn host(ports: &[u16]) -> (World, Vec<PeerId>) {
    let mut world = World::new(Config::new().with_selection(Selection::All));
    world.idle = None;
    let peers: Vec<_> = ports.iter().map(|_| PeerId::random()).collect();
    for (n, peer) in ports.iter().zip(&peers) {
        world.hosts.insert(port(*n), Host::Lives(*peer));
        world.source(&port(*n).to_string());
    }
    world.until(secs(5), "connected", |w| peers.iter().all(|peer| w.is_connected(peer)));
    world.run(secs(100));
    (world, peers)
}

/// A peer starts anew at a port that is not named, and connects to us from its host.
fn moves(world: &mut World, peer: PeerId) {
    world.lose(peer);
    world.accept(peer, "/ip4/10.0.0.1/tcp/55555");
}

/// The only peer of a host has moved to another port of it, a while ago, and another one lives where it
/// was; these two.
fn moved() -> (World, PeerId, PeerId) {
    let (mut world, peers) = host(&[1]);
    moves(&mut world, peers[0]);
    world.run(secs(100));
    let new = PeerId::random();
    world.hosts.insert(port(1), Host::Lives(new));
    (world, peers[0], new)
}

fn replaced(world: &World, by: PeerId) -> usize {
    world.count(|e| matches!(e, Event::Replaced { new, gone: false, .. } if *new == by))
}

fn shared(world: &World) -> usize {
    world.count(|e| matches!(e, Event::SharedAddress { .. }))
}

/// Fails if a connection from a host shows that its peer lives at whichever port of it.
#[test]
fn a_port_that_another_peer_takes_over_is_replaced_though_the_old_one_is_connected_from_there() {
    let (mut world, peers) = host(&[1, 2]);
    let new = PeerId::random();
    world.hosts.insert(port(1), Host::Lives(new));
    moves(&mut world, peers[0]);
    world.until(secs(10), "replaced", |w| replaced(w, new) == 1);
    world.run(secs(1_800));
    assert_eq!((replaced(&world, new), shared(&world)), (1, 0));
    assert_eq!(world.core.peer_at(&port(1)).map(|entry| entry.peer), Some(new));
    assert!(world.is_connected(&peers[0]) && world.is_connected(&new));
}

/// Fails if nothing follows when a host turns out to be shared.
#[test]
fn a_port_is_looked_at_again_once_another_port_of_its_host_is_named() {
    let (mut world, old, new) = moved();
    world.run(secs(100));
    assert_eq!(replaced(&world, new), 0, "nobody has looked");
    world.hosts.insert(port(3), Host::Lives(old));
    world.source(&port(3).to_string());
    world.until(secs(10), "replaced", |w| replaced(w, new) == 1);
    assert_eq!(shared(&world), 0);
    assert_eq!(world.core.peer_at(&port(3)).map(|entry| entry.peer), Some(old));
}

/// What answers at an address is contradicted by what was dialled there, and by nothing less. Fails if
/// a connection from the host contradicts it.
#[test]
fn another_identity_that_is_met_where_nobody_was_dialled_replaces_at_once() {
    let (mut world, _, new) = moved();
    world.core.handle_observed(&port(1), new, world.now);
    world.until(secs(1), "replaced", |w| replaced(w, new) == 1);
    world.run(secs(1_800));
    assert_eq!(shared(&world), 0);
}

/// One host by several transports is no host of several peers: a connection from there shows its peer.
#[test]
fn a_connection_from_a_host_of_one_peer_is_its_verification_by_whichever_transport() {
    let mut world = World::new(Config::new().with_selection(Selection::All));
    world.idle = None;
    let peer = PeerId::random();
    world.hosts.insert(port(1), Host::Lives(peer));
    world.source("/ip4/10.0.0.1/tcp/1");
    world.source("/ip4/10.0.0.1/udp/1/quic-v1");
    world.until(secs(5), "connected", |w| w.is_connected(&peer));
    moves(&mut world, peer);
    world.run(secs(100));
    let dials = |w: &World| w.dials.iter().filter(|(_, to, _)| *to == port(1)).count();
    let before = dials(&world);
    world.run(secs(3_600));
    assert_eq!(dials(&world), before);
}

/// Several nodes of one machine, as one tries them first: all are static sources of each. Fails if our own host
/// is probed four times in five minutes, as any other host without a refresh.
#[test]
fn a_node_of_the_same_host_that_starts_later_is_met_within_its_back_off() {
    let mut world = World::new(Config::new());
    world.core.handle_listen_address(&port(1), world.now);
    for n in 1..=4 {
        world.source(&port(n).to_string());
    }
    world.run(secs(8));
    assert!(world.selected().is_empty());
    for n in 2..=4 {
        world.hosts.insert(port(n), Host::Lives(PeerId::random()));
    }
    world.until(secs(30), "all are met", |w| w.selected().len() == 3);
}
