//! The decisions of one node, on a virtual clock.

use libp2p::PeerId;
use libp2p_dns_discovery::{Event, Identify, LookupError, Selection, Status, discovery::Expect};

use crate::support::{Host, World, at, ip, joined, lowest, secs};

#[test]
fn the_lowest_three_of_a_shuffled_answer_are_verified_and_connected() {
    let (mut world, peers) = World::with_peers(lowest(3), 10);
    world.name(&[7, 3, 10, 1, 2, 9, 8, 4, 6, 5].map(ip));
    world.until(secs(5), "three connected", |w| peers[..3].iter().all(|p| w.is_connected(p)));
    assert_eq!(world.selected(), peers[..3]);
    assert_eq!(world.core.peers().count(), 3, "nobody else was looked at");
    // One handshake each, and nothing more.
    assert!(world.dials.iter().all(|(_, _, expect)| *expect == Expect::Anyone));
    assert_eq!(world.dials.len(), 3);
    assert_eq!(world.announced.len(), 3);
    assert!(joined(&world));
}

/// Where there is no harm in it, a dial keeps its connection, also that to the next one where one has
/// refused; elsewhere, as beside one that is silent, a probe goes first. Fails if all dials are for anyone,
/// and if none is.
#[test]
fn only_dials_that_cannot_double_a_connection_are_for_anyone() {
    let (mut world, peers) = World::with_peers(lowest(3), 10);
    world.set(ip(1), Host::Silent);
    world.set(ip(2), Host::Refuses);
    world.until(secs(5), "three connected", |w| peers[2..5].iter().all(|p| w.is_connected(p)));
    let dials: Vec<_> = world.dials.iter().map(|(_, at, expect)| (at.clone(), *expect)).collect();
    let firsts = [1, 2, 3, 4].map(|n| (at(ip(n)), Expect::Anyone));
    assert_eq!(dials[..4], firsts);
    let later: Vec<_> = (dials[4..].iter()).map(|(_, expect)| *expect).collect();
    assert!(later.contains(&Expect::Probe) && !later.contains(&Expect::Anyone), "{later:?}");
}

/// Fails on the code that goes on with probes: only the first three are ever met.
#[test]
fn where_a_behaviour_denies_probes_others_are_met_by_dials_without_an_id() {
    let (mut world, peers) = World::with_peers(lowest(3), 6);
    world.denies_probes = true;
    world.set(ip(1), Host::Silent);
    world.set(ip(2), Host::Refuses);
    world.until(secs(10), "three others", |w| w.selected() == peers[2..5]);
    world.run(secs(3_600));
    assert_eq!(world.selected(), peers[2..5]);
    let probes = world.dials.iter().filter(|(_, _, expect)| *expect == Expect::Probe).count();
    assert!((2..=15).contains(&probes), "one in five minutes finds out: {probes}");
}

/// Where the number of connections is limited, the id is not to blame. Fails if the denial of a dial
/// without an id is not heeded.
#[test]
fn where_all_dials_are_denied_probes_go_on() {
    let (mut world, _) = World::with_peers(lowest(3), 6);
    (1..=6).for_each(|n| world.set(ip(n), Host::Denied));
    world.run(secs(3_600));
    let count = |of| world.dials.iter().filter(|(_, _, expect)| *expect == of).count();
    assert!(count(Expect::Probe) * 2 >= count(Expect::Anyone), "{}", count(Expect::Probe));
    assert_eq!(world.core.peers().count(), 0);
}

#[test]
fn the_dead_are_walked_past_and_taken_up_again_within_one_back_off_cap() {
    let (mut world, peers) = World::with_peers(lowest(3), 6);
    world.set(ip(1), Host::Refuses);
    world.set(ip(2), Host::Refuses);
    world.until(secs(10), "three verified", |w| w.selected() == peers[2..5]);
    // An hour of failures brings the back-off to its cap.
    world.run(secs(3600));
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(300), "the lowest adopted", |w| w.selected().contains(&peers[0]));
    assert_eq!(world.selected(), [peers[0], peers[2], peers[3]]);
}

#[test]
fn ourselves_take_no_place_in_whatever_form_we_meet_ourselves() {
    let (mut world, peers) = World::with_peers(lowest(3), 6);
    // By listen address, by handshake, and by a pin: three forms in one answer.
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.set(ip(2), Host::Lives(world.local));
    world.until(secs(5), "three others", |w| w.selected() == peers[2..5]);
    assert_eq!(world.dials_to(ip(1)), 0, "what is known to be ours is not dialled");
    assert_eq!(world.core.is_listed(), Some(true));
    assert!(world.core.peers().all(|entry| entry.peer != world.local));
    let pinned = format!("/ip4/10.9.9.9/tcp/4001/p2p/{}", world.local);
    world.source(&pinned);
    world.run(secs(60));
    assert_eq!(world.dials.iter().filter(|(_, a, _)| a.to_string().contains("10.9.9")).count(), 0);
}

#[test]
fn whether_dns_lists_us_follows_our_addresses() {
    let (mut world, _) = World::with_peers(lowest(1), 3);
    world.until(secs(5), "joined", joined);
    assert_eq!(world.core.is_listed(), Some(false));
    world.core.handle_listen_address(&at(ip(3)), world.now);
    world.run(secs(1));
    assert_eq!(world.core.is_listed(), Some(true));
    world.core.handle_listen_address_expired(&at(ip(3)));
    world.run(secs(1));
    assert_eq!(world.core.is_listed(), Some(false));
    world.set(ip(2), Host::Lives(world.local));
    world.core.set_selection(Selection::All);
    world.run(secs(1));
    assert_eq!(world.core.is_listed(), Some(true));
}

#[test]
fn one_peer_takes_one_place_however_many_addresses_name_it() {
    let (mut world, peers) = World::with_peers(lowest(3), 6);
    world.set(ip(2), Host::Lives(peers[0]));
    world.set(ip(3), Host::Lives(peers[0]));
    world.until(secs(5), "three distinct", |w| w.selected().len() == 3);
    assert_eq!(world.selected(), [peers[0], peers[3], peers[4]]);
}

#[test]
fn a_silent_row_at_the_start_delays_by_staggers_and_not_by_timeouts() {
    let (mut world, peers) = World::with_peers(lowest(3), 9);
    for n in 1..=3 {
        world.set(ip(n), Host::Silent);
    }
    world.until(secs(10), "three verified", |w| w.core.peers().count() == 3);
    let took = world.now - world.start;
    assert!(took < secs(2), "took {took:?}");
    assert!(world.core.peers().all(|entry| peers[3..].contains(&entry.peer)));
}

#[test]
fn probes_that_no_longer_matter_are_aborted_and_lower_ones_are_not() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.set(ip(1), Host::Slow(peers[0], std::time::Duration::from_millis(400)));
    world.set(ip(2), Host::Silent);
    world.set(ip(3), Host::Silent);
    // After a stagger the second is tried beside the first; then the first answers.
    world.until(secs(1), "the first selected", |w| w.selected() == peers[..1]);
    assert_eq!((world.dials_to(ip(2)), world.aborted), (1, 1), "it was of no use any more");

    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.set(ip(1), Host::Slow(peers[0], std::time::Duration::from_millis(400)));
    // The second answers first, and the first is still waited for: it is lower.
    world.until(secs(1), "the second selected", |w| w.selected() == peers[1..]);
    world.until(secs(1), "the first selected", |w| w.selected() == peers[..1]);
    assert_eq!(world.aborted, 0);
}

#[test]
fn a_live_connection_is_verification_and_an_idle_peer_is_verified_by_its_known_id() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let dials = world.dials.len();
    world.run(secs(600));
    assert_eq!(world.dials.len(), dials, "a connected peer is not dialled");

    let id = world.connections[0].0;
    world.close(id, peers[0], false);
    world.until(secs(90), "dialled again", |w| w.dials.len() > dials);
    assert_eq!(world.dials[dials].2, Expect::Peer(peers[0]));
    assert!(joined(&world), "an idle close is not a loss");
}

#[test]
fn a_broken_connection_is_looked_into_at_once() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(20));
    world.set(ip(1), Host::Refuses);
    world.lose(peers[0]);
    world.until(secs(10), "the next one", |w| w.selected() == [peers[1]]);
    let gone = world.count(
        |e| matches!(e, Event::Unreachable { peer: Some(p), gone: true, .. } if *p == peers[0]),
    );
    assert_eq!(gone, 1, "the withdrawal is told once");
}

#[test]
fn an_address_that_answers_with_another_identity_replaces_the_old_entry() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.until(secs(5), "all connected", |w| peers.iter().all(|p| w.is_connected(p)));
    world.run(secs(20));
    let new = world.live(ip(2));
    world.until(secs(90), "replaced", |w| w.selected().contains(&new));
    assert_eq!(world.selected(), [peers[0], new, peers[2]]);
    let told = world.count(|e| {
        matches!(e, Event::Replaced { old, new: n, gone: true, .. } if *old == peers[1] && *n == new)
    });
    assert_eq!(told, 1);
    assert_eq!(world.core.addresses_of(&peers[1]).count(), 0, "the old one is served no longer");
    world.until(secs(5), "the new one connected", |w| w.is_connected(&new));
}

#[test]
fn the_identity_met_by_somebody_elses_dial_counts() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.until(secs(5), "joined", joined);
    let stranger = PeerId::random();
    world.core.handle_observed(
        &"/ip4/10.0.0.3/tcp/4001".parse().expect("valid"),
        stranger,
        world.now,
    );
    world.core.handle_observed(
        &"/ip4/10.7.7.7/tcp/4001".parse().expect("valid"),
        stranger,
        world.now,
    );
    world.run(secs(1));
    assert_eq!(world.core.addresses_of(&stranger).count(), 1, "candidates only");
    assert_eq!(world.selected(), [peers[0]]);
}

#[test]
fn an_inbound_connection_is_a_hint_and_no_proof() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.set(ip(1), Host::Refuses);
    world.until(secs(10), "the second", |w| w.selected() == [peers[1]]);
    world.run(secs(1800));
    let dials = world.dials_to(ip(1));
    world.set(ip(1), Host::Lives(peers[0]));
    world.accept(PeerId::random(), "/ip4/10.0.0.1/tcp/55555");
    world.until(secs(1), "dialled at once", |w| w.dials_to(ip(1)) > dials);
    world.until(secs(1), "the one who answers", |w| w.selected() == [peers[0]]);
}

#[test]
fn two_complete_answers_and_no_live_connection_make_a_departure() {
    let (mut world, peers) = World::with_peers(lowest(3), 4);
    world.idle = None;
    world.until(secs(5), "three connected", |w| w.selected().len() == 3);
    world.name(&[2, 3, 4].map(ip));
    world.run(secs(600));
    assert!(world.selected().contains(&peers[0]), "a live connection contradicts");
    assert!(world.is_connected(&peers[0]), "DNS never closes a connection");

    let id = world.connections.iter().find(|(_, p, _)| *p == peers[0]).expect("connected").0;
    world.close(id, peers[0], false);
    world.until(secs(90), "departed", |w| {
        w.count(|e| matches!(e, Event::Departed { peer, gone: true, .. } if *peer == peers[0])) == 1
    });
    assert_eq!(world.selected(), peers[1..4]);
}

#[test]
fn one_omission_is_no_departure() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.until(secs(5), "three", |w| w.selected().len() == 3);
    world.run(secs(15));
    let queries = world.queries.len();
    world.name(&[2, 3].map(ip));
    world.until(secs(60), "asked once more", |w| w.queries.len() > queries);
    world.run(secs(1));
    world.name(&[1, 2, 3].map(ip));
    world.run(secs(300));
    assert_eq!(world.selected(), peers);
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
}

#[test]
fn failures_keep_the_last_good_answer() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.until(secs(5), "three", |w| w.selected().len() == 3);
    for error in [
        LookupError::TimedOut,
        LookupError::Refused,
        LookupError::ServerFailed("SERVFAIL".into()),
        LookupError::nx_domain(None),
        LookupError::no_data(None),
    ] {
        world.fail(error);
        world.run(secs(600));
        assert_eq!(world.selected(), peers);
        assert!(joined(&world));
    }
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
    assert!(world.count(|e| matches!(e, Event::LookupFailed { .. })) > 5, "and say so");
}

#[test]
fn a_partial_answer_is_united_with_earlier_ones() {
    let (mut world, _) = World::with_peers(lowest(3), 6);
    world.partial = true;
    world.name(&[4, 5, 6].map(ip));
    world.run(secs(120));
    world.name(&[1, 2, 3].map(ip));
    world.run(secs(600));
    assert_eq!(world.core.candidates().count(), 6);
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
}

#[test]
fn refreshes_follow_the_ttl_within_their_bounds() {
    let (mut world, _) = World::with_peers(lowest(3), 3);
    world.run(secs(3600));
    let gaps: Vec<_> = world.queries.windows(2).skip(1).map(|w| w[1].0 - w[0].0).collect();
    assert!(gaps.iter().all(|gap| *gap >= secs(30)), "not before the TTL of 30 s: {gaps:?}");
    assert!(gaps.iter().all(|gap| *gap <= secs(37)), "a fifth later at most: {gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "jittered");
}

#[test]
fn the_first_node_of_a_deployment_becomes_alone_and_one_without_dns_does_not() {
    let mut world = World::new(lowest(3));
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(60), "alone", |w| w.core.status() == Status::Alone);
    assert!(world.core.status().is_ready());
    let (looks, span) = (world.queries.len(), world.now - world.start);
    assert!(looks >= 3 && span >= secs(10), "{looks} looks in {span:?} are no proof");
    assert!(looks <= 10 && span <= secs(15), "{looks} looks in {span:?}");

    for error in
        [LookupError::TimedOut, LookupError::Refused, LookupError::ServerFailed("x".into())]
    {
        let mut world = World::new(lowest(3));
        world.fail(error);
        world.source("/dns4/peers.example./tcp/4001");
        world.run(secs(3600));
        assert_eq!(world.core.status(), Status::Starting);
        assert!(world.queries.len() < 100, "backs off: {}", world.queries.len());
    }
}

#[test]
fn a_node_that_dns_lists_alone_is_alone_at_once() {
    let (mut world, _) = World::with_peers(lowest(3), 1);
    world.set(ip(1), Host::Lives(world.local));
    world.until(secs(2), "alone", |w| w.core.status() == Status::Alone);
    assert_eq!(world.core.is_listed(), Some(true));
    // A second one is named before it listens: the first stays ready until it had time to answer.
    world.name(&[1, 2].map(ip));
    world.set(ip(2), Host::Refuses);
    world.run(secs(8));
    assert_eq!(world.core.status(), Status::Alone);
    let second = world.live(ip(2));
    world.until(secs(30), "joined", |w| w.selected() == [second]);
    assert_eq!(world.statuses(), [Status::Starting, Status::Alone, Status::Joined]);
}

#[test]
fn a_node_whose_others_are_unreachable_is_isolated_and_recovers() {
    let (mut world, _) = World::with_peers(lowest(3), 4);
    for n in 1..=4 {
        world.set(ip(n), Host::Refuses);
    }
    world.until(secs(15), "isolated", |w| w.core.status() == Status::Isolated);
    assert!(!world.core.status().is_ready());
    world.run(secs(7200));
    let peer = world.live(ip(3));
    world.until(secs(31), "joined", |w| w.selected() == [peer]);
    assert_eq!(world.statuses(), [Status::Starting, Status::Isolated, Status::Joined]);
    assert!(world.dials.len() < 4 * 7200 / 10, "backs off: {}", world.dials.len());
}

#[test]
fn a_joined_node_that_loses_everybody_is_isolated_after_two_intervals() {
    let (mut world, _) = World::with_peers(lowest(3), 2);
    world.until(secs(5), "joined", joined);
    for n in 1..=2 {
        world.set(ip(n), Host::Silent);
    }
    world.until(secs(150), "isolated", |w| w.core.status() == Status::Isolated);
    assert_eq!(world.core.peers().count(), 0);
}

#[test]
fn an_unknown_id_dial_identifies_and_connects_at_once() {
    let (mut world, peers) = World::with_peers(lowest(2).with_identify(Identify::Dial), 2);
    world.until(secs(5), "connected", |w| peers.iter().all(|p| w.is_connected(p)));
    assert_eq!(world.dials.len(), 2);
    assert!(world.dials.iter().all(|(_, _, expect)| *expect == Expect::Anyone));
}

#[test]
fn a_pinned_address_is_dialled_as_its_pin_and_nobody_else_is_entered_there() {
    let mut world = World::new(lowest(3));
    let pinned = world.live(ip(1));
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{pinned}"));
    world.until(secs(5), "connected", |w| w.is_connected(&pinned));
    assert_eq!(world.dials[0].2, Expect::Peer(pinned), "no probe is needed");

    let other = world.live(ip(1));
    world.run(secs(600));
    assert_eq!(
        world.count(|e| matches!(e, Event::PinMismatch { obtained, .. } if *obtained == other)),
        1
    );
    assert_eq!(world.core.peers().count(), 0);
    assert_eq!(world.announced.iter().filter(|(p, _)| *p == other).count(), 0);
}

#[test]
fn alternating_identities_are_a_shared_address_and_flap_nothing() {
    let (mut world, peers) = World::with_peers(lowest(2), 2);
    let behind = vec![PeerId::random(), PeerId::random(), PeerId::random()];
    world.set(ip(1), Host::Alternates(behind.clone()));
    world.run(secs(3600));
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1, "told once");
    assert_eq!(world.selected(), [peers[1]]);
    assert!(world.count(|e| matches!(e, Event::Replaced { .. })) <= 3, "{:#?}", world.events);
    assert!(world.dials_to(ip(1)) < 40, "retried slowly: {}", world.dials_to(ip(1)));
}

#[test]
fn a_peer_that_died_with_its_connection_open_is_replaced_when_the_connection_notices() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let new = world.live(ip(1));
    world.core.handle_observed(&at(ip(1)), new, world.now);
    world.run(secs(5));
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 0, "too early to say");
    world.lose(peers[0]);
    world.until(secs(10), "replaced", |w| w.selected() == [new]);
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 0);
}

#[test]
fn a_family_without_a_route_costs_one_probe_per_refresh() {
    let (mut world, _) = World::with_peers(lowest(3), 8);
    for n in 1..=8 {
        world.set(ip(n), Host::NoRoute);
    }
    world.run(secs(1800));
    let refreshes = world.queries.len();
    // Each of the eight is tried before the family is given up.
    assert!(
        world.dials.len() <= refreshes + 8,
        "{} dials, {refreshes} refreshes",
        world.dials.len()
    );
    let peer = world.live(ip(2));
    world.until(secs(120), "a route", |w| w.selected().contains(&peer));
}

#[test]
fn a_denied_dial_is_retried_and_says_nothing_of_the_address() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.set(ip(1), Host::Denied);
    world.run(secs(5));
    assert!(world.core.peers().next().is_none());
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(31), "verified", |w| w.selected() == peers);
}

#[test]
fn a_disqualified_peer_takes_no_place() {
    let (mut world, peers) = World::with_peers(lowest(2), 4);
    world.until(secs(5), "two", |w| w.selected() == peers[..2]);
    world.core.disqualify(peers[0], world.now + secs(120));
    world.until(secs(5), "passed over", |w| w.selected() == peers[1..3]);
    world.until(secs(121), "back", |w| w.selected() == peers[..2]);
}

#[test]
fn sources_and_selection_change_at_run_time() {
    let (mut world, peers) = World::with_peers(lowest(1), 4);
    world.until(secs(5), "one", |w| w.selected() == peers[..1]);
    world.core.set_selection(Selection::All);
    world.until(secs(5), "all", |w| w.selected() == peers);
    world.core.set_selection("lowest:2".parse().expect("valid"));
    world.run(secs(1));
    assert_eq!(world.selected(), peers[..2]);
    assert_eq!(world.core.peers().count(), 4, "the displaced stay in the table");

    let source = "/dns4/peers.example./tcp/4001".parse().expect("valid");
    assert!(world.core.remove_source(&source));
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 4);
    assert!(world.is_connected(&peers[0]), "connections are left alone");
    assert!(!world.core.remove_source(&source));
}

#[test]
fn a_forced_refresh_asks_at_once() {
    let (mut world, _) = World::with_peers(lowest(1), 1);
    world.until(secs(5), "joined", joined);
    let queries = world.queries.len();
    world.core.refresh(world.now);
    world.run(std::time::Duration::from_millis(5));
    assert_eq!(world.queries.len(), queries + 1);
}

#[test]
fn an_idle_healthy_node_wakes_for_refreshes_and_checks_alone() {
    let (mut world, peers) = World::with_peers(lowest(3), 3);
    world.idle = None;
    world.until(secs(5), "three", |w| w.selected() == peers);
    world.run(secs(60));
    let (events, wakes, queries) = (world.events.len(), world.wakes, world.queries.len());
    world.run(secs(3600));
    assert_eq!(world.events.len(), events, "a steady state is silent");
    let refreshes = world.queries.len() - queries;
    // One check of each of three peers in 45 to 75 s.
    let checks = 3 * 3600 / 45;
    let wakes = world.wakes - wakes;
    assert!(wakes <= refreshes + checks, "{wakes} wakes, {refreshes} refreshes");
}

#[test]
fn the_same_inputs_and_seed_give_the_same_outputs() {
    let run = || {
        let (mut world, _) = World::with_peers(lowest(3), 40);
        for n in 1..=40 {
            let bytes = [n; 32];
            let key = libp2p::identity::Keypair::ed25519_from_bytes(bytes).expect("32 bytes");
            let lives = Host::Lives(key.public().to_peer_id());
            world.set(ip(n), if n % 3 == 0 { Host::Silent } else { lives });
        }
        world.run(secs(600));
        let start = world.start;
        let dials: Vec<_> =
            world.dials.iter().map(|(at, a, e)| (*at - start, a.clone(), *e)).collect();
        let events: Vec<_> =
            world.events.iter().map(|(at, e)| (*at - start, format!("{e:?}"))).collect();
        (dials, events)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_fallback_transport_has_its_turn_when_the_better_one_failed_and_takes_no_second_place() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1), ip(2)]);
    let quic = |n: u8| -> libp2p::Multiaddr {
        format!("/ip4/10.0.0.{n}/udp/4001/quic-v1").parse().expect("an address")
    };
    let (first, second) = (PeerId::random(), PeerId::random());
    world.hosts.insert(quic(1), Host::Lives(first));
    world.set(ip(1), Host::Lives(first));
    world.hosts.insert(quic(2), Host::Refuses);
    world.set(ip(2), Host::Lives(second));
    world.source("/dns4/peers.example./udp/4001/quic-v1|/tcp/4001");
    world.until(secs(10), "both", |w| w.selected() == [first, second]);
    world.run(secs(600));
    assert_eq!(world.dials_to(ip(1)), 0, "QUIC works there");
    assert!(world.core.peer_at(&quic(1)).is_some());
    assert!(world.core.peer_at(&at(ip(2))).is_some());
    // QUIC comes back: it is found within the back-off's cap, and the peer keeps one place.
    world.hosts.insert(quic(2), Host::Lives(second));
    world.until(secs(310), "QUIC again", |w| w.core.peer_at(&quic(2)).is_some());
    assert_eq!(world.selected(), [first, second]);
}

#[test]
fn what_the_filter_rejects_is_told_once_and_never_dialled() {
    let (mut world, peers) = World::with_peers(lowest(3), 1);
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    let multicast = std::net::IpAddr::from([224, 0, 0, 1]);
    world.name(&[loopback, multicast, ip(1)]);
    world.set(loopback, Host::Lives(PeerId::random()));
    world.until(secs(5), "the honest one", |w| w.selected() == peers);
    world.run(secs(600));
    assert_eq!(world.count(|e| matches!(e, Event::Rejected { .. })), 2);
    assert_eq!(world.dials_to(loopback) + world.dials_to(multicast), 0);
    let rejected = |state| matches!(state, libp2p_dns_discovery::CandidateState::Rejected(_));
    assert_eq!(world.core.candidates().filter(|(_, state)| rejected(state.clone())).count(), 2);
}

#[test]
fn the_candidates_of_a_source_are_told_in_order_and_again_only_when_they_change() {
    let (mut world, _) = World::with_peers(lowest(1), 0);
    let source = "/dns4/peers.example./tcp/4001".parse().expect("valid");
    world.name(&[3, 1, 2].map(ip));
    world.run(secs(300));
    world.name(&[2, 3, 1].map(ip));
    world.run(secs(300));
    let resolved = |w: &World| w.count(|e| matches!(e, Event::Resolved { .. }));
    let told = resolved(&world);
    let candidates = world.core.candidates_of(&source).expect("resolved");
    let addresses: Vec<_> = candidates.iter().map(|c| c.address().clone()).collect();
    assert_eq!(addresses, [1, 2, 3].map(|n| at(ip(n))));
    world.run(secs(600));
    assert_eq!(resolved(&world), told, "a shuffle is no change");
    world.name(&[1, 2, 3, 4].map(ip));
    world.run(secs(60));
    assert_eq!(resolved(&world), told + 1);
}

#[test]
fn stale_and_unknown_ids_change_nothing() {
    let (mut world, peers) = World::with_peers(lowest(1).with_identify(Identify::Probe), 1);
    world.set(ip(1), Host::Silent);
    world.until(secs(15), "given up", |w| w.aborted == 1);
    // The answer to the probe that was given up comes after all.
    let before = world.events.len();
    world.late_identity(peers[0]);
    world.run(std::time::Duration::from_millis(1));
    assert_eq!(world.core.peers().count(), 0);
    assert_eq!(world.events.len(), before);
}

#[test]
fn a_resolver_that_never_answers_is_given_up_and_asked_again() {
    let mut world = World::new(lowest(1));
    world.deaf = true;
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(60), "two failures", |w| {
        w.count(|e| matches!(e, Event::LookupFailed { error: LookupError::TimedOut, .. })) == 2
    });
    world.deaf = false;
    let peer = world.live(ip(1));
    world.name(&[ip(1)]);
    world.until(secs(120), "joined", |w| w.selected() == [peer]);
}

/// Nobody says so when a peer dies whose connection had closed before. That DNS leaves it out is a
/// reason to look at once, and not when its next verification is due. Fails without that look
/// (`recheck_omitted`).
#[test]
fn a_selected_peer_that_dns_leaves_out_is_looked_at_at_once() {
    let mut config = lowest(3);
    config = config.with_reverify_interval(secs(3_600)).with_repair_interval(secs(86_400));
    let (mut world, peers) = World::with_peers(config, 6);
    world.run(secs(120));
    assert_eq!(world.selected(), peers[..3]);
    assert!(world.connections.is_empty());
    for gone in [1, 2, 3] {
        world.set(ip(gone), Host::Refuses);
    }
    let dials = world.dials.len();
    world.name(&[4, 5, 6].map(ip));
    // One refresh, and what a second look takes.
    world.until(secs(36 + 3), "the next three", |w| w.selected() == peers[3..]);
    // Two looks at each that is gone, a probe and a connection for each of the others.
    assert!(world.dials.len() - dials <= 2 * 3 + 2 * 3, "{}", world.dials.len() - dials);
    assert_eq!(world.count(|event| matches!(event, Event::Unreachable { gone: true, .. })), 3);
}
