//! Addresses that are confirmed as external ones of ours, and what answers there.

use crate::support::{Host, World, at, ip, lowest, secs};

/// Whoever confirmed it, it was not the peer that answers there. Fails if a confirmed address outranks a
/// handshake.
#[test]
fn a_confirmed_address_takes_nothing_from_a_peer_that_answers_there() {
    for idle in [None, Some(secs(10))] {
        let (mut world, peers) = World::with_peers(lowest(1), 2);
        world.idle = idle;
        world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
        world.run(secs(30));
        let dials = world.dials_to(ip(1));
        // The swarm says so anew with every confirmation.
        for _ in 0..10 {
            world.core.handle_external_address(&at(ip(1)), world.now);
        }
        world.run(secs(1));
        assert_eq!(world.dials_to(ip(1)), dials + 1, "it is looked at, once");
        world.run(secs(600));
        assert_eq!(world.selected(), peers[..1]);
        assert_eq!(world.core.is_listed(), Some(false));
        // Nobody else's word is left when the peer is gone.
        world.lose(peers[0]);
        world.set(ip(1), Host::Refuses);
        world.until(secs(120), "ours", |w| w.core.is_listed() == Some(true));
        assert_eq!(world.selected(), peers[1..]);
    }
}

/// The connection to its last owner has yet to notice that it died.
#[test]
fn a_confirmed_address_that_answers_as_ourselves_is_ours() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.idle = None;
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.set(ip(1), Host::Lives(world.local));
    world.core.handle_external_address(&at(ip(1)), world.now);
    world.until(secs(1), "the next", |w| w.selected() == peers[1..]);
    assert_eq!(world.core.addresses_of(&peers[0]).count(), 0);
    assert_eq!(world.core.is_listed(), Some(true));
    world.run(secs(3_600));
    assert!(world.dials_to(ip(1)) <= 3 && world.core.is_listed() == Some(true));
}

/// Fails if what is confirmed is ours whatever others meet there.
#[test]
fn a_confirmed_address_is_not_dialled_until_somebody_else_is_met_there() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.core.handle_external_address(&at(ip(1)), world.now);
    world.run(secs(600));
    assert_eq!((world.dials_to(ip(1)), world.core.is_listed()), (0, Some(true)));
    assert_eq!(world.selected(), peers[1..]);
    // A dial of Kademlia's meets another peer there.
    world.core.handle_observed(&at(ip(1)), peers[0], world.now);
    world.until(secs(1), "the other", |w| w.selected() == peers[..1]);
    world.run(secs(60));
    assert_eq!(world.core.is_listed(), Some(false));
}

/// A claim is a reason to look, and no more.
#[test]
fn what_others_confirm_keeps_no_peer_from_being_met_by_a_dial_that_was_under_way() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.set(ip(1), Host::Slow(peers[0], secs(1)));
    world.until(secs(5), "a dial", |w| w.dials_to(ip(1)) == 1);
    world.core.handle_external_address(&at(ip(1)), world.now);
    world.until(secs(2), "its peer", |w| w.selected() == peers[..1]);
}
