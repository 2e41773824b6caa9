use super::*;
use crate::{
    discovery::{
        dial::{Expect, Purpose},
        ledger::judge::Outcome,
        output::DialFailure,
        testing::{LOCAL, World, at, c, nz, peer, pinned, secs},
    },
    event::Failure,
};

#[test]
fn a_candidate_is_untried_until_it_is_verified_or_fails_and_never_if_it_is_ours() {
    let mut world = World::of(4);
    world.verify_all([1]);
    world.fail(&c(2));
    world.listen(&c(3));
    let untried: Vec<_> = (0..4).map(|n| world.view().is_untried(&c(n))).collect();
    assert_eq!(untried, [true, false, false, false]);
}

#[test]
fn a_candidate_that_failed_waits_for_its_back_off() {
    let mut world = World::of(2);
    world.fail(&c(1));
    assert!(world.view().waits(&c(1)) && !world.view().waits(&c(0)));
    world.pass(secs(1));
    assert!(!world.view().waits(&c(1)));
}

#[test]
fn a_pin_to_us_or_to_a_disqualified_peer_takes_no_place() {
    let [own, passed_over] = [pinned(1, peer(LOCAL)), pinned(2, peer(2))];
    let mut world = World::with(&[own.clone(), passed_over.clone(), c(3)]);
    assert!(!world.view().may_take_place(&own));
    assert!(world.view().may_take_place(&passed_over) && world.view().may_take_place(&c(3)));
    world.disqualify(peer(2), secs(9));
    assert!(!world.view().may_take_place(&passed_over));
    world.pass(secs(9));
    assert!(world.view().may_take_place(&passed_over));
}

#[test]
fn a_second_address_of_a_pinned_peer_takes_a_place_only_where_all_do_or_in_another_family() {
    let (one, other) = (pinned(1, peer(1)), pinned(2, peer(1)));
    let v6 = at(&format!("/ip6/fd00::1/tcp/1/p2p/{}", peer(1)));
    let mut world = World::with(&[one.clone(), other.clone(), v6.clone()]);
    world.verify(&one, peer(1));
    assert!(!world.view().may_take_place(&other) && world.view().may_take_place(&v6));
    world.selection = Selection::All;
    assert!(world.view().may_take_place(&other));
    world.selection = Selection::Lowest(nz(3));
    assert!(!world.view().may_take_place(&other));
}

#[test]
fn what_led_to_us_may_be_tried_again_but_neither_by_other_transports_nor_at_our_own_address() {
    let [tcp, quic] = [c(1), at("/ip4/10.0.0.1/udp/1/quic-v1")];
    let group = [quic.clone(), tcp.clone()];
    let mut world = World::with_transports(&[c(0), tcp.clone(), quic.clone()], &group);
    world.find(&tcp);
    assert!(world.view().may_take_place(&tcp) && !world.view().may_take_place(&quic));
    world.listen(&c(0));
    assert!(!world.view().may_take_place(&c(0)));
}

#[test]
fn others_are_named_where_not_all_is_ours() {
    let mut world = World::of(2);
    world.listen(&c(0));
    assert!(world.view().has_others());
    world.listen(&c(1));
    assert!(!world.view().has_others());
}

#[test]
fn what_is_known_of_a_candidate_that_an_answer_leaves_out() {
    let mut world = World::of(3);
    world.verify_all([1]);
    world.fail(&c(2));
    let of = |world: &World, n| world.view().liveness(&c(n), &world.selected);
    assert!(!of(&world, 1).lives && !of(&world, 1).selected);
    assert_eq!((of(&world, 1).failures, of(&world, 1).verified), (0, Some(world.now)));
    assert_eq!((of(&world, 2).failures, of(&world, 2).verified), (1, None));
    world.selected.insert(c(1), peer(9));
    assert!(!of(&world, 1).selected, "another peer was selected there");
    world.selected.insert(c(1), peer(1));
    world.connect(1, &c(1));
    assert!(of(&world, 1).lives && of(&world, 1).selected);
}

#[test]
fn the_state_of_a_candidate_tells_what_is_known() {
    let mut world = World::of(5);
    world.listen(&c(0));
    world.verify_all([1]);
    world.fail(&c(2));
    let busy = world.dial(&c(3), Expect::Probe, Purpose::Place);
    world.judge(|judge| judge.judge(&busy, Outcome::Failed(DialFailure::Busy)));
    let of = |n| state_of(&c(n), &world.own, &world.ledger);
    assert!(matches!(of(0), CandidateState::Itself));
    assert!(matches!(of(1), CandidateState::Verified { peer: p, rtt: None } if p == peer(1)));
    assert!(matches!(of(2), CandidateState::Unreachable(Failure::TimedOut)));
    assert!(matches!(of(3), CandidateState::Unknown), "it is postponed and has not failed");
    assert!(matches!(of(4), CandidateState::Unknown));
}

#[test]
fn the_state_of_a_verified_candidate_tells_how_long_its_handshake_took() {
    let mut world = World::of(1);
    let probe = world.dial(&c(0), Expect::Probe, Purpose::Place);
    world.pass(secs(2));
    let met = Outcome::Failed(DialFailure::Identity(peer(1)));
    world.judge(|judge| judge.judge(&probe, met));
    let state = state_of(&c(0), &world.own, &world.ledger);
    assert!(matches!(state, CandidateState::Verified { rtt: Some(rtt), .. } if rtt == secs(2)));
}
