//! What keeps a dial from being started: rates, hosts, routes, and who may join.

use super::*;

#[test]
fn the_rate_of_dials_is_bounded_and_what_waits_for_it_is_asked_for_again_in_time() {
    let mut room = Room::searching(99, 9, Limits::new().with_probes_per_minute(nz(12)));
    let first = dialled(&room.pass()).len();
    assert!((1..=2).contains(&first), "{first}");
    let wake = room.wake().expect("more is wanted");
    assert!(wake < secs(10), "{wake:?}");
    room.world.pass(wake);
    assert_eq!(dialled(&room.pass()).len(), 1);
}

#[test]
fn a_dial_to_a_peer_that_is_given_up_takes_room_until_its_deadline() {
    let candidates: Vec<_> = (0..9).map(|n| pinned(n, peer(n.into()))).collect();
    let mut room = Room::new(World::with(&candidates), at_once(2));
    room.search(Family::V4, 1);
    let mut dialled_in_all = 0;
    for _ in 0..9 {
        let effects = room.pass();
        assert_eq!(aborted(&effects), 0);
        dialled_in_all += dialled(&effects).len();
        room.world.pass(secs(1));
    }
    assert_eq!(dialled_in_all, 4, "two at once, and two that were given up");
    room.world.pass(secs(1));
    assert!(!dialled(&room.pass()).is_empty());
}

#[test]
fn the_family_that_has_started_no_probe_for_longest_goes_first() {
    let mut room = Room::new(World::with(&[c(1), c(2), v6(1), v6(2)]), at_once(1));
    room.search(Family::V4, 1);
    room.search(Family::V6, 1);
    let mut families = Vec::new();
    for _ in 0..4 {
        families.extend(dialled(&room.pass()).iter().map(Candidate::family));
        room.fail_all();
    }
    assert_eq!(families, [Family::V4, Family::V6, Family::V4, Family::V6]);
}

#[test]
fn a_host_is_probed_no_more_often_than_the_bound_until_a_refresh_or_for_a_while() {
    let ports: Vec<_> = (1..=9).map(|port| at(&format!("/ip4/10.0.0.1/tcp/{port}"))).collect();
    let mut room = Room::new(World::with(&ports), Limits::new().with_probes_per_host(nz(2)));
    room.search(Family::V4, 9);
    let probe = |room: &mut Room| {
        let dialled = dialled(&room.pass()).len();
        room.fail_all();
        dialled
    };
    assert_eq!((probe(&mut room), probe(&mut room)), (2, 0));
    room.world.pass(secs(4));
    room.dialling.renew(&Config::new(), room.world.now);
    assert_eq!(probe(&mut room), 0, "refreshes come no more often than that");
    room.world.pass(secs(1));
    room.dialling.renew(&Config::new(), room.world.now);
    assert_eq!((probe(&mut room), probe(&mut room)), (2, 0));
    room.world.pass(secs(60));
    assert_eq!((probe(&mut room), room.wake()), (0, Some(secs(240))));
    room.world.pass(secs(240));
    assert_eq!((probe(&mut room), probe(&mut room)), (2, 0));
    room.dialling.renew_all(room.world.now);
    assert_eq!(probe(&mut room), 2);
}

#[test]
fn a_family_without_a_route_is_left_alone_until_a_refresh_and_then_gets_one_probe_at_a_time() {
    let mut room = Room::new(World::with(&[c(1), v6(1), v6(2), v6(3)]), at_once(9));
    room.search(Family::V4, 1);
    room.search(Family::V6, 3);
    miss_route(&mut room, 1..=3);
    assert_eq!(dialled(&room.pass()), [c(1)]);
    room.dialling.renew(&Config::new(), room.world.now);
    assert_eq!(dialled(&room.pass()).len(), 1);
    room.dialling.note_route(Family::V6);
    assert_eq!(dialled(&room.pass()).len(), 2);
}

#[test]
fn no_family_is_left_alone_in_which_anybody_was_verified_lately() {
    let mut room = Room::new(World::with(&[v6(1), v6(2), v6(3)]), at_once(9));
    room.search(Family::V6, 3);
    room.world.verify(&v6(1), peer(1));
    room.world.pass(secs(119));
    miss_route(&mut room, 1..=3);
    assert_eq!(dialled(&room.pass()).len(), 2);
    room.world.pass(secs(1));
    miss_route(&mut room, 1..=3);
    room.expire();
    assert!(dialled(&room.pass()).is_empty(), "it was too long ago");
}

#[test]
fn a_missing_route_is_doubted_in_time_where_no_refresh_comes() {
    let mut room = Room::new(World::with(&[v6(1), v6(2)]), at_once(9));
    room.search(Family::V6, 2);
    miss_route(&mut room, 1..=1);
    assert_eq!(dialled(&room.pass()).len(), 2, "one speaks for itself");
    let mut room = Room::new(World::with(&[v6(1), v6(2)]), at_once(9));
    room.search(Family::V6, 2);
    miss_route(&mut room, 1..=2);
    assert!(room.pass().is_empty());
    assert_eq!(room.wake(), Some(secs(300)));
    room.world.pass(secs(300));
    assert_eq!(dialled(&room.pass()).len(), 1);
}

#[test]
fn a_pinned_candidate_whose_peer_may_not_join_is_turned_away_and_the_next_one_is_dialled() {
    let refused = pinned(0, peer(1));
    let mut room = Room::new(World::with(&[refused.clone(), c(1)]), at_once(9));
    room.world.config = Config::new().with_allowed_peers([peer(2)]);
    room.search(Family::V4, 1);
    assert_eq!(dialled(&room.pass()), [c(1)]);
    let failed = room.world.ledger.failed(&refused).expect("it was turned away");
    assert_eq!(failed.reason, Failure::Refused(peer(1)));
}

#[test]
fn a_fallback_is_dialled_when_the_better_transport_was_silent_for_a_stagger() {
    let (quic, tcp) = (at("/ip4/10.0.0.1/udp/1/quic-v1"), at("/ip4/10.0.0.1/tcp/1"));
    let group = [quic.clone(), tcp.clone()];
    let mut room = Room::new(World::with_transports(&group, &group), at_once(9));
    room.search(Family::V4, 3);
    assert_eq!(dialled(&room.pass()), [quic]);
    assert_eq!(room.wake(), Some(STAGGER));
    room.world.pass(STAGGER);
    assert_eq!(dialled(&room.pass()), [tcp]);
}

/// Dials to these IPv6 candidates found no route.
fn miss_route(room: &mut Room, numbers: std::ops::RangeInclusive<u16>) {
    for n in numbers {
        room.dialling.note_no_route(&v6(n), &room.world.view());
    }
}
