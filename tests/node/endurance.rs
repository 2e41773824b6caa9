//! What a node must stand for hours: silence, outages, strangers and odd settings. No state is left
//! for ever, nothing floods, and nothing is told twice.

use std::{net::IpAddr, time::Duration};

use hickory_proto::rr::RecordType;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Config, Event, Failure, Filter, Identify, LookupError, Selection, Status,
    discovery::{Closing, Direction, Expect},
    hickory_proto,
};

use crate::support::{Host, World, address_record, at, gone, ip, joined, lowest, nth, nz, secs};

/// A world with `silent` silent hosts below `living` living ones.
fn silent_below(config: Config, silent: u32, living: u32) -> (World, Vec<PeerId>) {
    let mut world = World::new(config);
    let ips: Vec<_> = (1..=silent + living).map(nth).collect();
    world.name(&ips);
    for ip in &ips[..silent as usize] {
        world.set(*ip, Host::Silent);
    }
    let peers = ips[silent as usize..].iter().map(|ip| world.live(*ip)).collect();
    world.source("/dns4/peers.example./tcp/4001");
    (world, peers)
}

#[test]
fn silent_candidates_hold_up_neither_joining_nor_staying_joined() {
    for (silent, living, limit) in [(50, 3, 60), (200, 3, 120), (1_000, 3, 400), (4_000, 1_000, 20)]
    {
        let (mut world, _) = silent_below(lowest(3), silent, living);
        world.until(secs(limit), "joined", joined);
        let before = world.statuses().len();
        world.run(secs(3_600));
        assert_eq!(world.statuses().len(), before, "stays joined among {silent}");
        assert_eq!(world.selected().len(), 3, "three of {living} among {silent}");
        let checks = world.dials.iter().filter(|(_, _, e)| matches!(e, Expect::Peer(_))).count();
        assert!(checks > 30, "three peers verified for an hour among {silent}: {checks}");
    }
}

#[test]
fn dials_are_bounded_at_once_and_in_a_minute() {
    let config =
        lowest(3).map_limits(|l| l.with_concurrent_probes(nz(8)).with_probes_per_minute(nz(60)));
    let (mut world, _) = silent_below(config, 500, 0);
    world.run(secs(600));
    let starts: Vec<_> = world.dials.iter().map(|(at, ..)| *at).collect();
    let in_a_minute = |from: web_time::Instant| {
        starts.iter().filter(|at| (from..from + secs(60)).contains(*at)).count()
    };
    let most = starts.iter().map(|from| in_a_minute(*from)).max().expect("dials");
    assert!((50..=60).contains(&most), "{most} in one minute");
    assert!(world.most_at_once <= 8, "{} at once", world.most_at_once);
    assert!(world.most_at_once >= 4, "room is used");
}

#[test]
fn a_static_source_is_tried_for_ever() {
    for host in [Host::Refuses, Host::NoRoute, Host::Silent] {
        let mut world = World::new(lowest(3));
        world.set(ip(1), host);
        world.source("/ip4/10.0.0.1/tcp/4001");
        world.run(secs(7_200));
        let peer = world.live(ip(1));
        world.until(secs(310), "taken up", |w| w.selected() == [peer]);
    }
}

#[test]
fn peers_that_restart_while_dns_is_down_are_found_again() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.until(secs(5), "three", |w| w.selected().len() == 3);
    world.fail(LookupError::TimedOut);
    for n in 1..=3 {
        world.set(ip(n), Host::Refuses);
    }
    world.run(secs(1_200));
    for n in 1..=3 {
        world.set(ip(n), Host::Lives(peers[usize::from(n) - 1]));
    }
    world.until(secs(61), "back", |w| w.selected() == peers);
}

#[test]
fn one_address_without_a_route_does_not_hide_the_others() {
    let (mut world, _) = World::with_peers(lowest(3), 60);
    for n in 1..=50 {
        world.set(ip(n), Host::NoRoute);
    }
    world.until(secs(120), "joined", joined);
}

/// Fails if one address without a route speaks for its family.
#[test]
fn addresses_without_a_route_cost_no_more_time_than_addresses_that_refuse() {
    let mut world = World::new(lowest(3));
    let named = (1..=36).map(|n| address_record("peers.example.", ip(n), 300)).collect();
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(named));
    (1..=30).for_each(|n| world.set(ip(n), Host::NoRoute));
    let peers: Vec<_> = (31..=36).map(|n| world.live(ip(n))).collect();
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(1), "three places", |w| w.selected() == peers[..3]);
}

/// Fails without `View::was_verified_lately` in `Search::note_no_route`.
#[test]
fn no_verdict_falls_on_a_family_while_anybody_in_it_was_verified_lately() {
    let (mut world, peers) = World::with_peers(lowest(3), 1);
    world.idle = None;
    world.until(secs(5), "joined", |w| w.selected() == peers);
    world.run(secs(3_600));
    let named: Vec<_> = (1..=100).map(ip).collect();
    (2..=100).for_each(|n| world.set(ip(n), Host::NoRoute));
    world.name(&named);
    world.run(secs(1_800));
    // Each is tried at its own pace: at most five minutes, jittered, pass between two dials to it.
    let met = world.live(ip(100));
    world.until(secs(400), "a second one", |w| w.selected() == [peers[0], met]);
}

/// `ping` fails, and the application closes the connection, as README advises. Fails if a close by us
/// counts as an orderly one: the next verification is then an interval away.
#[test]
fn a_peer_whose_connection_we_close_is_verified_at_once() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(600));
    world.set(ip(1), Host::Silent);
    let (id, peer, _) = world.connections[0];
    world.end(id, peer, Closing::Ours);
    // Two verifications, of ten seconds each.
    world.until(secs(25), "withdrawn", |w| w.core.peers().next().is_none());
    // One that answers is connected again, and was never gone.
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(600));
    let (id, peer, _) = world.connections[0];
    world.end(id, peer, Closing::Ours);
    world.until(secs(2), "again", |w| w.is_connected(&peers[0]));
    assert_eq!(world.selected(), peers);
}

/// All connections that the application allows are taken by others. Fails if a dial that is denied is
/// not followed by a probe: the node is isolated after two intervals, for no reason that it can name.
#[test]
fn a_node_that_may_open_no_more_connections_stays_joined() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.until(secs(5), "three places", |w| w.selected() == peers);
    for (n, peer) in (1..=3).zip(&peers) {
        world.set(ip(n), Host::Unwanted(*peer));
    }
    let before = world.dials.len();
    world.run(secs(3_600));
    assert_eq!(world.statuses().last(), Some(&Status::Joined), "{:?}", world.statuses());
    assert_eq!(world.statuses().iter().filter(|s| **s == Status::Isolated).count(), 0);
    // Two dials to each in an interval.
    let dials = world.dials.len() - before;
    assert!((300..450).contains(&dials), "{dials} dials");
    // Who is gone is found out as ever.
    world.set(ip(1), Host::Refuses);
    world.until(secs(80), "withdrawn", |w| w.selected() == peers[1..]);
}

/// A world in which the application allows no connection to anybody from the start.
fn without_connections(config: Config) -> (World, Vec<PeerId>) {
    let (mut world, peers) = World::with_peers(config, 3);
    for (n, peer) in (1..=3).zip(&peers) {
        world.set(ip(n), Host::Unwanted(*peer));
    }
    (world, peers)
}

/// Fails if a probe that follows a denied dial counts like any other, whichever dial came first.
#[test]
fn a_node_that_could_never_open_a_connection_is_not_joined_by_probes() {
    for identify in [Identify::Auto, Identify::Probe] {
        let (mut world, peers) = without_connections(lowest(3).with_identify(identify));
        world.until(secs(30), "isolated", |w| w.core.status() == Status::Isolated);
        let before = world.statuses().len();
        world.run(secs(3_600));
        assert_eq!(world.statuses().len(), before, "{identify:?}: {:?}", world.statuses());
        assert_eq!(world.core.peers().count(), 3, "it is known who lives where");
        let isolation = world.core.isolation().expect("isolated");
        assert_eq!((isolation.failed, isolation.others), (3, 3));
        assert!(isolation.reasons.iter().all(|(_, why)| matches!(why, Failure::Denied(_))));
        // There is room for a connection.
        world.set(ip(2), Host::Lives(peers[1]));
        world.until(secs(80), "joined", |w| w.core.status() == Status::Joined);
    }
}

/// Fails if only the last failure at an address is remembered, or the entry of another peer.
#[test]
fn other_peers_and_other_failures_there_make_it_no_more_joined() {
    let (mut world, _) = without_connections(lowest(3));
    world.until(secs(30), "isolated", |w| w.core.status() == Status::Isolated);
    let before = world.statuses().len();
    for host in [Host::Refuses, Host::Silent, Host::Unwanted(PeerId::random())] {
        world.set(ip(1), host);
        world.run(secs(600));
    }
    let next = PeerId::random();
    world.set(ip(2), Host::Unwanted(next));
    world.core.handle_observed(&at(ip(2)), next, world.now);
    world.run(secs(3_600));
    assert!(world.core.peers().any(|entry| entry.peer == next));
    assert_eq!(world.statuses().len(), before, "{:?}", world.statuses());
}

#[test]
fn a_family_without_a_route_is_not_met_by_the_island_repair_either() {
    let mut world = World::new(lowest(3));
    let v4 = (1..=20).map(|n| address_record("peers.example.", ip(n), 300)).collect();
    let v6: Vec<_> = (1..=200).map(|n| IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, n])).collect();
    for n in 1..=20 {
        world.live(ip(n));
    }
    for ip in &v6 {
        world.set(*ip, Host::NoRoute);
    }
    let v6 = v6.into_iter().map(|ip| address_record("peers.example.", ip, 300)).collect();
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(v4));
    world.zone.insert(("peers.example.".into(), RecordType::AAAA), Ok(v6));
    world.source("/dns/peers.example./tcp/4001");
    world.run(secs(3_600));
    let dials = world.dials.iter().filter(|(_, a, _)| a.to_string().starts_with("/ip6")).count();
    let refreshes = world.queries.len() / 2;
    // So many hosts are tried before the family is given up.
    assert!(dials <= refreshes + 32, "{dials} dials in {refreshes} refreshes");
}

#[test]
fn no_close_of_an_idle_connection_makes_a_node_isolated() {
    for (seed, from) in
        (0..100).flat_map(|k| [(k, "/ip4/10.0.0.1/tcp/5"), (k, "/ip6/fd00::9/tcp/5")])
    {
        let (mut world, peers) = World::with_peers(lowest(1), 1);
        world.until(secs(5), "joined", joined);
        world.run(secs(15));
        // Connected from the address itself, or from another one, as behind a SNAT.
        let id = world.accept(peers[0], from);
        world.run(Duration::from_millis(300_000 + seed * 1_009));
        world.close(id, peers[0], false);
        world.run(secs(400));
        assert_eq!(world.statuses(), [Status::Starting, Status::Joined], "closed at {seed}");
    }
}

#[test]
fn an_address_that_was_ours_and_is_no_more_is_an_address_like_any_other() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.set(ip(1), Host::Lives(world.local));
    world.run(secs(5));
    assert_eq!(world.core.is_listed(), Some(true));
    world.set(ip(1), Host::Refuses);
    world.run(secs(3_600));
    assert!(world.dials_to(ip(1)) < 40, "{} dials", world.dials_to(ip(1)));
    assert_eq!(world.core.is_listed(), Some(false));
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(310), "its new owner", |w| w.selected() == peers);
}

#[test]
fn an_address_that_becomes_ours_is_nobody_elses() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.until(secs(1), "the next", |w| w.selected() == peers[1..]);
    assert_eq!(world.core.addresses_of(&peers[0]).count(), 0);
    world.core.handle_listen_address_expired(&at(ip(1)));
    world.until(secs(61), "not ours", |w| w.selected() == peers[..1]);
}

#[test]
fn configured_own_addresses_are_never_dialled() {
    let (mut world, peers) = World::with_peers(lowest(1).with_own_addresses([at(ip(1))]), 2);
    world.run(secs(300));
    assert_eq!(world.dials_to(ip(1)), 0);
    assert_eq!(world.selected(), peers[1..]);
}

#[test]
fn peers_behind_one_relay_are_told_apart() {
    let mut world = World::new(lowest(3));
    let (relay, one, two) = (PeerId::random(), PeerId::random(), PeerId::random());
    let circuit = format!("/ip4/1.2.3.4/tcp/4001/p2p/{relay}/p2p-circuit");
    let address =
        |peer: &PeerId| format!("{circuit}/p2p/{peer}").parse::<Multiaddr>().expect("valid");
    let local = world.local;
    world.core.handle_listen_address(&address(&local), world.now);
    world.hosts.insert(circuit.parse().expect("valid"), Host::Lives(one));
    world.source(&address(&one).to_string());
    world.until(secs(5), "the first", |w| w.selected() == [one]);
    world.hosts.insert(circuit.parse().expect("valid"), Host::Lives(two));
    world.source(&address(&two).to_string());
    world.until(secs(5), "both", |w| w.selected().len() == 2);
    // Somebody else's connection to one of them says nothing about the other.
    let id = ConnectionId::new_unchecked(777_777);
    let by_others = Direction::Dialled(None);
    world.core.handle_connected(id, one, &address(&one), by_others, world.now);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::PinMismatch { .. })), 0);
    assert_eq!(world.core.is_listed(), Some(false));
}

#[test]
fn one_address_named_twice_is_verified_once_and_departs_once() {
    let (mut world, peers) = World::with_peers(lowest(3), 1);
    let pinned = world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{}", peers[0]));
    world.run(secs(30));
    assert_eq!(world.count(|e| matches!(e, Event::Verified { .. })), 1);
    world.core.remove_source(&pinned);
    world.run(secs(300));
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
    assert_eq!(world.selected(), peers);
}

/// A world in which the first of two peers is connected from elsewhere, while another one answers at
/// its address; and that connection.
fn outlived() -> (World, Vec<PeerId>, ConnectionId) {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.until(secs(5), "joined", joined);
    world.run(secs(15));
    let id = world.accept(peers[0], "/ip6/fd00::1/tcp/5555");
    let new = world.live(ip(1));
    world.core.handle_observed(&at(ip(1)), new, world.now);
    (world, peers, id)
}

#[test]
fn the_end_of_a_peer_that_outlived_its_entries_is_told() {
    let (mut world, peers, id) = outlived();
    world.run(secs(700));
    assert_eq!(world.count(|e| matches!(e, Event::Replaced { gone: false, .. })), 1);
    let gone = |w: &World| w.count(|e| matches!(e, Event::Gone { peer, .. } if *peer == peers[0]));
    assert_eq!(gone(&world), 0);
    world.close(id, peers[0], true);
    world.run(secs(60));
    assert_eq!(gone(&world), 1);
}

/// Fails without `connected_without_entry` being cleared in `enter`.
#[test]
fn a_peer_that_is_verified_elsewhere_before_it_disconnects_is_not_told_gone() {
    let (mut world, peers, id) = outlived();
    world.run(secs(1));
    world.core.handle_observed(&at(ip(2)), peers[0], world.now);
    world.run(secs(1));
    assert_eq!(world.core.addresses_of(&peers[0]).count(), 1);
    world.close(id, peers[0], false);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::Gone { .. })), 0);
}

/// Fails without `not_ours` in `enter`.
#[test]
fn an_address_that_passes_from_us_to_another_lists_us_no_more() {
    let (mut world, _) = World::with_peers(lowest(1), 1);
    world.set(ip(1), Host::Lives(world.local));
    world.run(secs(5));
    assert_eq!(world.core.is_listed(), Some(true));
    let peer = world.live(ip(1));
    world.until(secs(700), "its new owner", |w| w.selected() == [peer]);
    world.run(secs(1));
    assert_eq!(world.core.is_listed(), Some(false));
}

#[test]
fn a_peer_with_another_address_is_not_gone() {
    let (mut world, peers) = World::with_peers(lowest(3), 2);
    world.set(ip(3), Host::Lives(peers[0]));
    world.name(&[1, 2, 3].map(ip));
    world.core.set_selection(Selection::All);
    world.until(secs(5), "all", |w| w.core.peers().count() == 3);
    world.run(secs(20));
    world.live(ip(1));
    world.until(secs(90), "replaced", |w| w.count(|e| matches!(e, Event::Replaced { .. })) == 1);
    assert_eq!(world.count(|e| matches!(e, Event::Replaced { gone: true, .. })), 0);
}

#[test]
fn a_balancer_that_picks_at_random_is_told_once() {
    let (mut world, _) = World::with_peers(lowest(2), 2);
    let behind = [PeerId::random(), PeerId::random()];
    let mut rng = fastrand::Rng::with_seed(7);
    let turns = (0..997).map(|_| behind[rng.usize(..2)]).collect();
    world.set(ip(1), Host::Alternates(turns));
    world.run(secs(86_400));
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1);
    let flaps = world.count(|e| matches!(e, Event::Replaced { .. }));
    let verified = |e: &Event| matches!(e, Event::Verified { peer, .. } if behind.contains(peer));
    let believed = world.count(verified);
    assert!(flaps <= 12 && believed <= 6, "{flaps} replacements, believed {believed} times");
}

#[test]
fn two_peers_that_swap_their_addresses_and_back_are_believed() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.until(secs(5), "joined", joined);
    world.run(secs(100));
    let other = world.live(ip(1));
    world.until(secs(200), "the other", |w| w.selected() == [other]);
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(200), "the first again", |w| w.selected() == peers);
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 0);
}

#[test]
fn a_pinned_peer_that_is_connected_is_not_dropped_for_one_other_answer() {
    let mut world = World::new(lowest(3));
    world.idle = None;
    let pinned = world.live(ip(1));
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{pinned}"));
    world.until(secs(5), "connected", |w| w.is_connected(&pinned));
    world.core.handle_observed(&at(ip(1)), PeerId::random(), world.now);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::PinMismatch { .. })), 1);
    assert_eq!(world.selected(), [pinned]);
    assert_eq!(world.count(|e| matches!(e, Event::Unreachable { .. })), 0);
}

#[test]
fn a_peer_connected_elsewhere_is_verified_without_a_second_connection() {
    for (identify, probes) in [(Identify::Probe, true), (Identify::Dial, false)] {
        let (mut world, peers) = World::with_peers(lowest(1).with_identify(identify), 1);
        world.until(secs(5), "joined", joined);
        world.run(secs(15));
        world.accept(peers[0], "/ip4/10.9.9.9/tcp/5555");
        let before = world.dials.len();
        world.run(secs(3_600));
        let later = &world.dials[before..];
        let rarely = if probes { 2..=10 } else { 0..=0 };
        assert!(rarely.contains(&later.len()), "{} dials", later.len());
        assert!(later.iter().all(|(_, _, e)| *e == Expect::Probe));
    }
}

#[test]
fn entries_outside_the_selection_are_verified_rarely_and_without_a_connection() {
    let (mut world, peers) = World::with_peers(lowest(1), 4);
    world.core.set_selection(Selection::All);
    world.until(secs(5), "all", |w| w.selected() == peers);
    world.core.set_selection(Selection::Lowest(nz(1)));
    world.core.disqualify(PeerId::random(), world.now + secs(1));
    world.run(secs(120));
    let (low, high) = (world.dials_to(ip(1)), world.dials_to(ip(4)));
    world.run(secs(7_200));
    let (low, high) = (world.dials_to(ip(1)) - low, world.dials_to(ip(4)) - high);
    assert!(low >= 90, "selected: {low}");
    // One check in ten intervals, and its share of the island repair.
    assert!((8..=90).contains(&high), "unselected: {high}");
}

#[test]
fn large_clusters_verify_their_lowest_more_rarely() {
    let checks = |n: u32| {
        let (mut world, _) = silent_below(lowest(1), 0, n);
        world.until(secs(5), "joined", joined);
        world.run(secs(20));
        let before = world.dials_to(nth(1));
        world.run(secs(7_200));
        world.dials_to(nth(1)) - before
    };
    let (small, large) = (checks(10), checks(4_800));
    assert!(small > 3 * large, "{small} checks against {large}");
}

#[test]
fn the_island_repair_connects_to_those_outside_the_selection() {
    let (mut world, peers) = World::with_peers(lowest(1), 6);
    world.run(secs(3_600));
    let met = |p: &PeerId| world.dials.iter().any(|(_, _, e)| *e == Expect::Peer(*p));
    assert!(peers.iter().all(met), "everybody was met within an hour");
    let a_minute = world.dials.len() as f64 / 60.0;
    assert!(a_minute < 4.0, "at {a_minute} dials a minute");
}

#[test]
fn a_lone_node_asks_at_the_pace_of_the_ttl() {
    let mut world = World::new(lowest(3));
    let only_us = vec![address_record("peers.example.", ip(1), 300)];
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(only_us));
    world.set(ip(1), Host::Lives(world.local));
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(3_600));
    assert_eq!(world.core.status(), Status::Alone);
    // After half a minute in which others are likely to appear.
    assert!(world.queries.len() <= 40, "{} queries", world.queries.len());
    world.queries.clear();
    world.run(secs(3_600));
    assert!(world.queries.len() <= 15, "{} queries", world.queries.len());
}

#[test]
fn a_name_that_does_not_exist_is_asked_for_and_told_of_more_and_more_rarely() {
    let mut world = World::new(lowest(3));
    world.fail(LookupError::nx_domain(None));
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(3_600));
    assert_eq!(world.core.status(), Status::Alone);
    assert!(world.queries.len() < 120, "{} queries", world.queries.len());
    let told = world.count(|e| matches!(e, Event::LookupFailed { .. }));
    assert!(told <= 8, "told {told} times");
}

#[test]
fn a_part_of_an_answer_is_no_reason_to_be_alone() {
    let mut world = World::new(lowest(3));
    world.run(secs(10));
    assert_eq!(world.core.status(), Status::Starting, "nor is the lack of a source");
    let only_us = vec![address_record("peers.example.", ip(1), 300)];
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(only_us));
    world.zone.insert(("peers.example.".into(), RecordType::AAAA), Err(LookupError::TimedOut));
    world.set(ip(1), Host::Lives(world.local));
    world.source("/dns/peers.example./tcp/4001");
    world.run(secs(110));
    assert_eq!(world.core.status(), Status::Starting);
    // A type that was silent for two minutes counts as "nothing".
    world.run(secs(60));
    assert_eq!(world.core.status(), Status::Alone);
}

#[test]
fn refreshes_are_jittered_at_the_longest_interval_too() {
    let mut world = World::new(lowest(1));
    world.idle = None;
    world.live(ip(1));
    let records = vec![address_record("peers.example.", ip(1), 600)];
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(records));
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(7_200));
    let gaps: Vec<_> = world.queries.windows(2).skip(1).map(|w| w[1].0 - w[0].0).collect();
    assert!(gaps.iter().all(|gap| *gap <= secs(301) && *gap >= secs(239)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]));
}

#[test]
fn candidates_are_bounded_over_answers_and_over_sources() {
    let mut world = World::new(lowest(3).map_limits(|l| l.with_candidates(nz(16))));
    world.partial = true;
    world.source("/dns4/peers.example./tcp/4001");
    for round in 0..50 {
        let ips: Vec<_> = (0..16).map(|i| nth(1 + round * 16 + i)).collect();
        world.name(&ips);
        world.run(secs(40));
    }
    for n in 1..=20 {
        world.source(&format!("/ip4/10.3.0.{n}/tcp/4001"));
    }
    world.run(secs(40));
    assert_eq!(world.core.candidates().count(), 16);
}

#[test]
fn what_partial_answers_no_longer_name_leaves_when_it_cannot_be_reached() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.partial = true;
    world.until(secs(5), "three", |w| w.selected().len() == 3);
    world.set(ip(1), Host::Refuses);
    world.name(&[2, 3].map(ip));
    world.run(secs(120));
    assert_eq!(world.core.candidates().count(), 3, "not at once");
    world.run(secs(3_600));
    assert_eq!(world.core.candidates().count(), 2);
    assert_eq!(world.selected(), peers[1..]);
}

#[test]
fn a_rejected_address_is_told_once_however_often_it_comes_and_goes() {
    let mut world = World::new(lowest(3));
    world.source("/dns4/peers.example./tcp/4001");
    for round in 0..20_u8 {
        world.name(&[ip(1), [127, 0, 0, 1 + round % 2].into()]);
        world.core.refresh(world.now);
        world.run(secs(1));
    }
    assert_eq!(world.count(|e| matches!(e, Event::Rejected { .. })), 2);
}

#[test]
fn a_stranger_cannot_spend_our_dials() {
    let (mut world, peers) = World::with_peers(Config::new().with_selection(Selection::All), 5);
    world.until(secs(5), "all", |w| w.selected() == peers);
    world.run(secs(15));
    let stranger = PeerId::random();
    world.accept(stranger, "/ip4/10.200.0.1/tcp/5555");
    let before = world.dials.len();
    for round in 0..600_u32 {
        for n in 1..=5 {
            world.core.handle_claim(stranger, &at(ip(n)), world.now);
        }
        world.accept(PeerId::random(), &format!("/ip4/10.0.0.{}/tcp/5", round % 5 + 1));
        world.run(Duration::from_millis(100));
    }
    let dials = world.dials.len() - before;
    assert!(dials < 30, "{dials} dials in a minute");
}

#[test]
fn probes_of_one_host_are_bounded_between_two_refreshes() {
    let mut world = World::new(lowest(3));
    world.deaf = true;
    for port in 1..=100 {
        world.source(&format!("/ip4/10.0.0.1/tcp/{port}"));
    }
    world.run(secs(60));
    assert_eq!(world.dials.len(), 4);
    world.run(secs(300));
    assert_eq!(world.dials.len(), 8, "and more after the longest interval between two");
}

#[test]
fn a_forced_refresh_lets_everybody_be_tried_at_once() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.set(ip(1), Host::Refuses);
    world.run(secs(3_600));
    world.set(ip(1), Host::Lives(peers[0]));
    world.core.refresh(world.now);
    world.until(secs(1), "taken up", |w| w.selected() == peers[..1]);
}

#[test]
fn odd_durations_neither_hang_nor_panic() {
    let odd = [Duration::ZERO, Duration::MAX];
    for duration in odd {
        let config = Config::new()
            .with_selection(Selection::All)
            .with_reverify_interval(duration)
            .with_repair_interval(duration)
            .with_min_refresh(duration)
            .with_max_refresh(duration)
            .with_probe_timeout(duration)
            .with_lookup_timeout(duration)
            .with_stagger(duration)
            .with_retry(duration, duration);
        let (mut world, _) = World::with_peers(config, 3);
        world.idle = None;
        world.run(secs(1));
    }
}

#[test]
fn memory_addresses_are_dialled_where_the_operator_says_so() {
    let mut world = World::new(lowest(1).with_filter(Filter::default().with_memory(true)));
    let (address, peer) = ("/memory/7", PeerId::random());
    world.hosts.insert(address.parse().expect("valid"), Host::Lives(peer));
    world.source(address);
    world.until(secs(5), "verified", |w| w.selected() == [peer]);
}

#[test]
fn one_failed_verification_withdraws_nothing() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.until(secs(5), "joined", joined);
    world.run(secs(15));
    let dials = world.dials_to(ip(1));
    world.set(ip(1), Host::Refuses);
    world.until(secs(90), "a check", |w| w.dials_to(ip(1)) > dials);
    // It fails when its answer comes.
    world.run(Duration::from_millis(10));
    world.set(ip(1), Host::Lives(peers[0]));
    world.run(secs(10));
    assert_eq!(world.selected(), peers[..1]);
    assert_eq!(world.count(|e| matches!(e, Event::Unreachable { .. })), 0);
}

#[test]
fn who_connects_from_a_candidates_host_or_claims_its_address_is_looked_at() {
    let (mut world, peers) = World::with_peers(lowest(1).with_repair_interval(secs(86_400)), 9);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.accept(peers[4], "/ip4/10.0.0.5/tcp/55555");
    world.accept(peers[6], "/ip4/10.99.0.1/tcp/55555");
    world.core.handle_claim(peers[6], &at(ip(7)), world.now);
    // Who is not connected is nobody to listen to.
    world.core.handle_claim(peers[7], &at(ip(8)), world.now);
    world.run(secs(1));
    let entered: Vec<_> = world.core.peers().map(|entry| entry.peer).collect();
    assert_eq!(entered, [peers[0], peers[4], peers[6]]);
    assert_eq!(world.selected(), peers[..1], "known, and not selected");
}

#[test]
fn two_that_live_behind_one_address_at_the_same_time_share_it() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let other = world.live(ip(1));
    world.core.handle_observed(&at(ip(1)), other, world.now);
    world.run(secs(120));
    let evicts = |e: &Event| matches!(e, Event::SharedAddress { peer: Some(_), .. });
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1);
    assert_eq!(world.count(evicts), 0, "the connected one lives");
    assert!(world.is_connected(&peers[0]));
    assert_eq!(world.selected(), peers[1..]);
}

#[test]
fn a_second_pinned_address_of_a_peer_is_not_dialled_for_a_place() {
    let mut world = World::new(lowest(3));
    let peer = PeerId::random();
    for n in 1..=2 {
        world.set(ip(n), Host::Lives(peer));
        world.source(&format!("/ip4/10.0.0.{n}/tcp/4001/p2p/{peer}"));
    }
    world.set(ip(1), Host::Lives(peer));
    world.run(secs(600));
    assert_eq!(world.selected(), [peer]);
    assert_eq!(world.core.peers().count(), 1);
}

#[test]
fn a_silent_better_transport_holds_its_fallback_up_for_a_stagger() {
    let mut world = World::new(lowest(1));
    world.name(&[ip(1)]);
    let peer = world.live(ip(1));
    world.hosts.insert("/ip4/10.0.0.1/udp/4001/quic-v1".parse().expect("valid"), Host::Silent);
    world.source("/dns4/peers.example./udp/4001/quic-v1|/tcp/4001");
    world.until(Duration::from_millis(300), "by TCP", |w| w.selected() == [peer]);
}

#[test]
fn a_peer_connected_from_elsewhere_is_met_once_and_not_for_ever() {
    let (mut world, peers) = World::with_peers(lowest(1), 5);
    for (n, peer) in peers.iter().enumerate().skip(1) {
        world.accept(*peer, &format!("/ip4/172.16.0.{n}/tcp/5"));
    }
    world.run(secs(3_600));
    assert!(world.dials.len() < 400, "{} dials", world.dials.len());

    // Nor is one that answers with another key every time.
    let (mut world, _) = World::with_peers(lowest(1), 2);
    world.set(ip(2), Host::Alternates((0..9_973).map(|_| PeerId::random()).collect()));
    world.run(secs(1_800));
    assert!(world.dials_to(ip(2)) < 200, "{} dials", world.dials_to(ip(2)));
}

#[test]
fn one_address_without_a_route_starts_no_probes_that_nobody_wants() {
    let (mut world, _) = World::with_peers(lowest(3), 200);
    world.idle = None;
    world.set(ip(1), Host::NoRoute);
    for n in 5..=200 {
        world.set(ip(n), Host::Silent);
    }
    world.run(secs(3_600));
    assert!(world.dials.len() < 400, "{} dials", world.dials.len());
    assert!(world.aborted < 120, "{} aborted", world.aborted);
}

#[test]
fn a_lone_host_with_two_transports_is_alone_whichever_of_them_finds_itself() {
    for source in [
        "/dns4/peers.example./tcp/4001|/udp/4001/quic-v1",
        "/dns4/peers.example./udp/4001/quic-v1|/tcp/4001",
    ] {
        let mut world = World::new(lowest(3));
        world.name(&[ip(1)]);
        world.set(ip(1), Host::Lives(world.local));
        world.source(source);
        world.run(secs(1_800));
        assert_eq!(world.core.status(), Status::Alone, "{source}");
        assert!(world.dials.len() < 20, "{} dials", world.dials.len());
    }
}

#[test]
fn a_connected_peer_that_lost_its_entry_to_a_balancer_is_told_gone_in_the_end() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let other = world.live(ip(1));
    world.core.handle_observed(&at(ip(1)), other, world.now);
    world
        .until(secs(120), "shared", |w| w.count(|e| matches!(e, Event::SharedAddress { .. })) == 1);
    world.lose(peers[0]);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::Gone { peer, .. } if *peer == peers[0])), 1);
}

#[test]
fn a_replaced_identity_is_told_even_if_its_successor_is_known_by_a_pin() {
    let (mut world, peers) = World::with_peers(lowest(3), 1);
    world.until(secs(5), "joined", joined);
    world.run(secs(15));
    let new = world.live(ip(1));
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{new}"));
    world.run(secs(300));
    let replaced = |e: &Event| matches!(e, Event::Replaced { old, .. } if *old == peers[0]);
    assert_eq!(world.count(replaced), 1);
}

#[test]
fn all_and_pinned_candidates_are_not_held_up_by_silent_ones_either() {
    let (mut world, _) = silent_below(Config::new().with_selection(Selection::All), 500, 500);
    world.until(secs(15), "somebody", joined);

    let mut world = World::new(lowest(3));
    for n in 1..=200 {
        let peer = PeerId::random();
        world.set(nth(n), if n <= 180 { Host::Silent } else { Host::Lives(peer) });
        world.source(&format!("{}/p2p/{peer}", at(nth(n))));
    }
    // One in ten answers, and three random ones are tried in a second.
    world.until(secs(20), "somebody", joined);
}

#[test]
fn the_loss_of_one_connection_of_several_is_looked_into() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(20));
    world.accept(peers[0], "/ip4/172.16.0.1/tcp/5");
    world.run(secs(1));
    let new = world.live(ip(1));
    let id = world.connections[0].0;
    world.close(id, peers[0], true);
    world.until(secs(10), "replaced", |w| w.selected() == [new]);
}

/// How often a node changes its mind about who lives at an address.
fn changes_of_mind(world: &World, ip: std::net::IpAddr) -> usize {
    let here = at(ip);
    world.count(|event| match event {
        Event::Verified { address, .. } | Event::Replaced { address, .. } => *address == here,
        _ => false,
    })
}

/// Behind a balancer, a node meets itself now and then. That is one more identity that alternates.
/// Fails if it does not count as one (`identify`): 286 changes of mind in a day.
#[test]
fn a_node_behind_a_balancer_does_not_flap() {
    for others in 1..4 {
        let (mut world, _) = World::with_peers(lowest(3), 6);
        let mut behind: Vec<_> = (0..others).map(|_| PeerId::random()).collect();
        behind.push(world.local);
        world.set(ip(1), Host::Alternates(behind));
        world.run(secs(24 * 3_600));
        let changes = changes_of_mind(&world, ip(1));
        assert!(changes <= 8, "{changes} with {others} others");
        let told = world.count(|event| matches!(event, Event::SharedAddress { .. }));
        assert_eq!(told, 1, "with {others} others");
        assert_eq!(world.core.status(), Status::Joined);
    }
}

/// Two peers that swap their addresses a few times, as containers with volumes do when they restart,
/// look like a balancer. While they are all that there is, they are looked at again and again; four
/// times in a row the same is enough. Fails if a shared address is always left alone for the longest
/// back-off.
#[test]
fn peers_that_swapped_their_addresses_are_found_again_soon() {
    let (mut world, peers) = World::with_peers(lowest(3), 2);
    world.run(secs(120));
    for swap in 0..3 {
        let [first, second] = if swap % 2 == 0 { [1, 0] } else { [0, 1] };
        world.lose(peers[0]);
        world.lose(peers[1]);
        world.set(ip(1), Host::Lives(peers[first]));
        world.set(ip(2), Host::Lives(peers[second]));
        world.run(secs(300));
    }
    world.until(secs(180), "both", |w| w.selected().len() == 2);
}

/// A balancer that takes its backends in turn shows a lone node another one each time, and the first
/// of them again when it is long forgotten. Fails if only identities that return count.
#[test]
fn a_balancer_that_takes_many_in_turn_is_told_once() {
    for behind in [5, 6, 12, 100, 1_000] {
        let (mut world, peers) = World::with_peers(lowest(2), 3);
        let backends = (0..behind).map(|_| PeerId::random()).collect();
        world.set(ip(1), Host::Alternates(backends));
        world.run(secs(4 * 3_600));
        assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1, "{behind}");
        assert_eq!(world.selected(), peers[1..]);
        let replaced = world.count(|e| matches!(e, Event::Replaced { .. }));
        assert!(replaced <= 6, "{replaced} of {behind}");
    }
}

/// Each life of a pod that crashes again and again may have a key of its own. While it lives for long
/// enough to be met twice, it is whoever it is.
#[test]
fn a_pod_that_restarts_with_a_new_key_every_few_minutes_is_not_a_balancer() {
    let (mut world, peers) = World::with_peers(lowest(2), 2);
    for _ in 0..40 {
        world.run(secs(240));
        let new = world.live(ip(1));
        world.lose(world.selected()[0]);
        world.until(secs(90), "met", |w| w.selected() == [new, peers[1]]);
    }
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 0);
}

/// Fails if it takes as long to be believed again as after a balancer (`asks_soon`).
#[test]
fn a_pod_that_crashed_within_seconds_is_believed_soon_after_it_stays() {
    let (mut world, peers) = World::with_peers(lowest(2), 2);
    let lives = (0..10_000).map(|_| PeerId::random()).collect();
    world.set(ip(1), Host::Alternates(lives));
    world.run(secs(3_600));
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1);
    let dials = world.dials_to(ip(1));
    assert!(dials < 45, "retried slowly: {dials}");
    let stays = world.live(ip(1));
    world.until(secs(345), "believed", |w| w.selected() == [stays, peers[1]]);
}

/// Each life connects to us first, and stays connected: it is met once, and its connection shows that
/// it stays. Fails without `stays`.
#[test]
fn a_pod_that_restarts_and_connects_by_itself_is_not_a_balancer() {
    let (mut world, peers) = World::with_peers(lowest(2), 2);
    world.idle = None;
    for _ in 0..12 {
        world.run(secs(600));
        world.lose(world.selected()[0]);
        world.set(ip(1), Host::Refuses);
        world.run(secs(3));
        let new = world.live(ip(1));
        world.accept(new, "/ip4/10.0.0.1/tcp/5555");
        world.until(secs(90), "met", |w| w.selected() == [new, peers[1]]);
    }
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 0);
}

/// Thousands of nodes, whom Kademlia dials one after the other. Fails if each entry that is not selected
/// is verified at a pace of its own: more than a hundred dials a minute.
#[test]
fn entries_that_others_dials_have_made_share_one_pace() {
    let mut world = World::new(lowest(3));
    let ips: Vec<_> = (1..=4_000).map(nth).collect();
    world.name(&ips);
    let peers: Vec<_> = ips.iter().map(|ip| world.live(*ip)).collect();
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(60));
    for (ip, peer) in ips.iter().zip(&peers) {
        world.core.handle_observed(&at(*ip), *peer, world.now);
        world.run(Duration::from_millis(10));
    }
    world.run(secs(3_600));
    assert!(world.core.peers().count() > 3_900);
    let dials = world.dials.len();
    world.run(secs(3_600));
    let dials = (world.dials.len() - dials) / 60;
    assert!(dials <= 40, "{dials} dials in a minute");
}

/// What was told unreachable, or was never tried, gets its last word, too. Fails if only entries depart.
#[test]
fn an_address_at_which_nobody_was_verified_is_told_to_be_named_no_more() {
    let (mut world, peers) = World::with_peers(lowest(1).with_repair_interval(secs(86_400)), 4);
    world.core.set_selection(Selection::Lowest(nz(2)));
    world.set(ip(1), Host::Refuses);
    world.until(secs(5), "two", |w| w.selected() == peers[1..3]);
    // Two are connected that were never verified: one from a host that leaves, and one from elsewhere.
    let [leaves, stays] = [PeerId::random(), PeerId::random()];
    let ids =
        [world.accept(leaves, "/ip4/10.0.0.1/tcp/5"), world.accept(stays, "/ip4/10.9.9.9/tcp/5")];
    world.run(secs(1));
    world.name(&[ip(3)]);
    world.run(secs(300));
    let unnamed: Vec<_> = (world.events.iter())
        .filter_map(|(_, event)| match event {
            Event::Unnamed { addresses, .. } => Some(addresses.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(unnamed, [[at(ip(1)), at(ip(4))]]);
    assert_eq!(gone(&world), 1, "the second, which was verified");
    world.close(ids[0], leaves, false);
    world.close(ids[1], stays, false);
    world.run(secs(1));
    let gone: Vec<_> = (world.events.iter())
        .filter_map(|(_, event)| match event {
            Event::Gone { peer, .. } => Some(*peer),
            _ => None,
        })
        .collect();
    assert_eq!(gone, [leaves]);
}
