//! One node on a ring: which successors it takes, and when it changes them.

use std::{net::IpAddr, num::NonZeroUsize};

use libp2p::PeerId;
use libp2p_dns_discovery::{Config, Selection};

use crate::support::{DNS, Host, World, at, nth, secs};

/// A world of `n` living hosts, of which the `own`-th is ourselves.
fn ring(selection: Selection, n: u32, own: u32) -> (World, Vec<PeerId>) {
    let mut world = World::new(Config::new().with_selection(selection));
    let ips: Vec<IpAddr> = (0..n).map(nth).collect();
    world.name(&ips);
    let peers = ips.iter().map(|ip| world.live(*ip)).collect();
    world.core.handle_listen_address(&at(nth(own)), world.now);
    world.source("/dns4/peers.example./tcp/4001");
    (world, peers)
}

/// The peers at these distances from our place, sorted by address.
fn at_distances(peers: &[PeerId], own: usize, distances: &[usize]) -> Vec<PeerId> {
    let mut places: Vec<_> = distances.iter().map(|d| (own + d) % peers.len()).collect();
    places.sort_unstable();
    places.into_iter().map(|place| peers[place]).collect()
}

#[test]
fn the_successors_at_powers_of_two_take_the_places() {
    for own in [0, 37, 99] {
        let (mut world, peers) = ring(Selection::Fingers, 100, own);
        let expected = at_distances(&peers, own as usize, &[1, 2, 4, 8, 16, 32, 64]);
        world.until(secs(5), "seven", |w| w.selected() == expected);
        assert_eq!(world.core.peers().count(), 7, "nobody else was looked at");
        let connected = |w: &World| expected.iter().all(|peer| w.is_connected(peer));
        world.until(secs(5), "connected", connected);
    }
}

#[test]
fn auto_is_lowest_up_to_its_limit_and_fingers_beyond() {
    let (mut world, peers) = ring(Selection::Auto, 64, 10);
    world.until(secs(5), "the lowest three", |w| w.selected() == peers[..3]);
    let (mut world, peers) = ring(Selection::Auto, 65, 10);
    let expected = at_distances(&peers, 10, &[1, 2, 4, 8, 16, 32, 64]);
    world.until(secs(5), "fingers", |w| w.selected() == expected);
    let config = Config::new().with_auto_limit(NonZeroUsize::MIN);
    let mut world = World::new(config);
    world.name(&[nth(1), nth(2)]);
    let peers = [world.live(nth(1)), world.live(nth(2))];
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(5), "two fingers", |w| w.selected() == peers);
}

/// The rule follows how many are named, and not how many are held. Fails if those are held whom fingers
/// would miss, and the lowest of them are selected.
#[test]
fn auto_selects_by_the_rule_by_which_it_chose_whom_to_hold() {
    let most = NonZeroUsize::new(10).expect("ten");
    for sources in [vec![DNS], vec![DNS, "/ip4/10.9.9.9/tcp/4001"]] {
        let (mut world, peers) = ring(Selection::Auto, 100, 10);
        let config = Config::new().map_limits(|limits| limits.with_candidates(most));
        let mut cut = World::new(config);
        (cut.zone, cut.hosts) = (world.zone.clone(), world.hosts.clone());
        cut.core.handle_listen_address(&at(nth(10)), cut.now);
        sources.iter().for_each(|source| drop(cut.source(source)));
        world.until(secs(5), "seven", |w| w.selected().len() == 7);
        cut.run(secs(60));
        // The farther fingers are cut off, as far as there is no room for them.
        let near: Vec<_> = cut.selected().into_iter().filter(|p| peers.contains(p)).collect();
        assert!(near.len() >= 4, "{} of {} sources", near.len(), sources.len());
        assert!(near.iter().all(|peer| world.selected().contains(peer)));
    }
}

#[test]
fn the_dead_are_walked_past_and_the_successor_is_the_nearest_who_lives() {
    let (mut world, peers) = ring(Selection::Fingers, 100, 0);
    for n in [1, 2, 4, 5, 6] {
        world.set(nth(n), Host::Refuses);
    }
    world.until(secs(5), "all fingers", |w| {
        let selected = w.selected();
        [3, 7, 8, 16, 32, 64].iter().all(|n| selected.contains(&peers[*n]))
    });
    // The successor comes back: it is taken up, within the longest back-off.
    world.set(nth(1), Host::Lives(peers[1]));
    world.until(secs(310), "the nearest", |w| w.selected().contains(&peers[1]));
}

#[test]
fn fingers_stay_when_the_ring_shifts_a_little_and_follow_when_it_shifts_much() {
    let (mut world, peers) = ring(Selection::Fingers, 200, 0);
    let distances = [1, 2, 4, 8, 16, 32, 64, 128];
    let before = at_distances(&peers, 0, &distances);
    world.until(secs(5), "all fingers", |w| w.selected() == before);
    // Ten leave from between: every finger beyond is now nearer, by less than a quarter.
    let left: Vec<IpAddr> = (0..200).filter(|n| !(50..60).contains(n)).map(nth).collect();
    world.name(&left);
    world.run(secs(300));
    assert_eq!(world.selected(), before, "no churn");
    // Half of the ring leaves.
    let left: Vec<IpAddr> = (0..200).filter(|n| *n < 10 || *n % 2 == 0).map(nth).collect();
    world.name(&left);
    world.idle = Some(secs(1));
    world.run(secs(600));
    let selected = world.selected();
    assert_ne!(selected, before);
    assert!(selected.contains(&peers[1]) && selected.contains(&peers[2]));
}

#[test]
fn a_shuffle_changes_no_finger() {
    let (mut world, _) = ring(Selection::Fingers, 300, 7);
    world.run(secs(30));
    let selected = world.selected();
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..50 {
        let mut ips: Vec<IpAddr> = (0..300).map(nth).collect();
        rng.shuffle(&mut ips);
        world.name(&ips);
        world.run(secs(40));
        assert_eq!(world.selected(), selected);
    }
}

#[test]
fn a_node_that_no_answer_lists_has_a_place_all_the_same() {
    let (mut world, _) = ring(Selection::Fingers, 100, 5_000);
    world.until(secs(5), "seven", |w| w.selected().len() == 7);
    let places = |w: &World| w.core.selected().cloned().collect::<Vec<_>>();
    // One in a hundred has the same.
    let is_elsewhere = |_| {
        let mut other = ring(Selection::Fingers, 100, 5_000).0;
        other.run(secs(5));
        places(&other) != places(&world)
    };
    assert!((0..8).any(is_elsewhere), "and another one another");
}

/// Between one that is gone and one that is near enough for the next finger, the successor is looked
/// for all the same. Fails without `Plan::beyond`.
#[test]
fn the_successor_is_taken_up_again_wherever_it_is() {
    let config = Config::new().with_selection(Selection::Fingers);
    let mut world = World::new(config.with_repair_interval(secs(86_400)));
    let ips: Vec<IpAddr> = (0..100).map(nth).collect();
    world.name(&ips);
    let peers: Vec<_> = ips.iter().map(|ip| world.live(*ip)).collect();
    world.core.handle_listen_address(&at(nth(0)), world.now);
    for n in [1, 2] {
        world.set(nth(n), Host::Refuses);
    }
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(5), "the third", |w| w.selected().first() == Some(&peers[3]));
    world.set(nth(2), Host::Lives(peers[2]));
    world.until(secs(310), "the second", |w| w.selected().first() == Some(&peers[2]));
}

/// Fails without `is_disqualified` in `Ring::new`, and if a peer may take two places.
#[test]
fn fingers_are_distinct_peers_of_use() {
    let (mut world, peers) = ring(Selection::Fingers, 100, 0);
    world.set(nth(2), Host::Lives(peers[1]));
    let expected = at_distances(&peers, 0, &[1, 4, 8, 16, 32, 64]);
    world.until(secs(5), "six", |w| w.core.peers().count() == 7);
    assert_eq!(world.selected(), expected);
    world.core.disqualify(peers[8], world.now + secs(600));
    world.until(secs(5), "another", |w| w.selected().contains(&peers[9]));
    assert!(!world.selected().contains(&peers[8]));
}
