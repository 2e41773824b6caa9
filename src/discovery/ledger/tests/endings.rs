//! Each way in which an entry ends goes through `Ledger::end`. What holds for one holds for all.

use super::*;

/// An ending: how it is brought about, and what is told of it.
type Case = (&'static str, fn(&mut World, &Candidate), fn(&Event) -> bool);

/// All endings of an entry by what happens at its address. The entry's peer is not connected.
const CASES: [Case; 8] = [
    (
        "another peer answers",
        |world, candidate| world.meet(candidate, PeerId::random()),
        |event| matches!(event, Event::Replaced { gone: true, .. }),
    ),
    (
        "we answer",
        |world, candidate| {
            let local = *world.own.local();
            world.meet(candidate, local);
        },
        |event| matches!(event, Event::Replaced { gone: true, .. }),
    ),
    (
        "peers alternate",
        |world, candidate| {
            let peer = world.peer_at(candidate).expect("an entry");
            let other = PeerId::random();
            for answers in [other, peer, other] {
                world.meet(candidate, answers);
            }
        },
        |event| matches!(event, Event::SharedAddress { peer: Some(_), gone: true, .. }),
    ),
    (
        "two verifications fail",
        |world, candidate| {
            world.miss(candidate);
            world.miss(candidate);
        },
        |event| matches!(event, Event::Unreachable { peer: Some(_), gone: true, .. }),
    ),
    (
        "the peer may no longer join",
        |world, _| {
            world.config = Config::new().with_allowed_peers([]);
            world.judge(|judge| judge.readmit());
        },
        |event| matches!(event, Event::Refused { old: Some(_), gone: true, .. }),
    ),
    (
        "the peer ceases to speak what members speak",
        |world, candidate| {
            let peer = world.peer_at(candidate).expect("an entry");
            world.judge(|judge| judge.turn_away(candidate, Failure::Stranger(peer)));
        },
        |event| matches!(event, Event::Stranger { old: Some(_), gone: true, .. }),
    ),
    (
        "a peer answers that has not said what it speaks",
        |world, candidate| {
            let protocol = libp2p_swarm::StreamProtocol::new("/members/1");
            world.config = Config::new().with_required_protocol(protocol);
            world.meet(candidate, PeerId::random());
        },
        |event| matches!(event, Event::Unreachable { peer: Some(_), gone: true, .. }),
    ),
    (
        "DNS no longer names it",
        |world, _| world.name(&[]),
        |event| matches!(event, Event::Departed { gone: true, .. }),
    ),
];

/// A world with an entry that takes a place, or not.
fn with_entry(takes_place: bool) -> (World, PeerId) {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.meet(&c(1), peer);
    if takes_place {
        world.selected.insert(c(1), peer);
    }
    (world, peer)
}

#[test]
fn every_ending_is_told_with_whether_anything_is_left_of_the_peer() {
    for (what, end, is_told) in CASES {
        let (mut world, _) = with_entry(false);
        end(&mut world, &c(1));
        let told = world.told().into_iter().filter(|event| is_told(event)).count();
        assert_eq!(told, 1, "{what}: {:?}", world.told());
    }
}

#[test]
fn every_ending_says_who_is_gone_and_whoever_answers_is_found_unless_it_is_us() {
    for (what, end, _) in CASES {
        let (mut world, peer) = with_entry(false);
        let local = *world.own.local();
        end(&mut world, &c(1));
        let told = world.told();
        let here = c(1);
        let gone: Vec<_> = told.iter().filter_map(|event| event.gone()).collect();
        assert!(gone.contains(&(&peer, Some(here.address()))), "{what}: {told:?}");
        let found = || told.iter().filter_map(|event| event.found());
        assert!(found().all(|(found, at)| *found != local && at == here.address()), "{what}");
        let others = found().filter(|(found, _)| **found != peer).count();
        assert_eq!(others > 0, what == "another peer answers", "{what}");
    }
}

/// A peer that took a place is lost: others may have been lost with it, and DNS may know more. Fails
/// on the code before the endings were one: there, only failures and refusals asked sooner.
#[test]
fn dns_is_asked_sooner_whenever_a_selected_peer_is_lost_but_by_its_own_word() {
    for (what, end, _) in CASES {
        for takes_place in [false, true] {
            let (mut world, _) = with_entry(takes_place);
            end(&mut world, &c(1));
            let by_dns = what.starts_with("DNS");
            assert_eq!(world.looks_sooner(), takes_place && !by_dns, "{what}, {takes_place}");
        }
    }
}

/// With a pin and without, an address is one. The peer is not lost there while it is verified there by
/// the other candidate. Fails on the code before the endings were one for a shared address.
#[test]
fn an_ending_is_not_told_while_the_peer_is_verified_there_by_another_candidate() {
    for (what, end, is_told) in CASES {
        let peer = PeerId::random();
        let mut world = World::of(&[c(1), pinned(1, peer)]);
        world.meet(&c(1), peer);
        world.meet(&pinned(1, peer), peer);
        if what.starts_with("DNS") {
            world.name(&[pinned(1, peer)]);
        } else if what.contains("no longer join") {
            // Both end at once, and the last one is told.
            continue;
        } else {
            end(&mut world, &c(1));
        }
        let told = world.told().into_iter().filter(|event| is_told(event)).count();
        assert_eq!(told, 0, "{what}: {:?}", world.told());
        assert_eq!(world.peer_at(&pinned(1, peer)), Some(peer), "{what}");
    }
}

#[test]
fn a_peer_that_is_connected_is_not_gone_until_its_connection_closes() {
    for (what, end, _) in CASES {
        let (mut world, peer) = with_entry(false);
        // It is connected from elsewhere, so that nothing contradicts what answers at the address.
        world.connect(1, peer, &c(99));
        end(&mut world, &c(1));
        let gone = |event: &&Event| matches!(event, Event::Gone { peer: p } if *p == peer);
        assert!(world.ledger.candidates_of(&peer).next().is_none(), "{what}");
        world.close(1, peer, Closing::Orderly);
        assert_eq!(world.told().into_iter().filter(gone).count(), 1, "{what}");
    }
}

#[test]
fn a_peer_that_is_verified_elsewhere_is_not_gone() {
    for (what, end, is_told) in CASES {
        let (mut world, peer) = with_entry(false);
        world.name(&[c(1), c(2)]);
        world.meet(&c(2), peer);
        if what.starts_with("DNS") {
            world.name(&[c(2)]);
        } else if what.contains("no longer join") {
            continue;
        } else {
            end(&mut world, &c(1));
        }
        assert!(!world.told().is_empty(), "{what}");
        let told = world.told().into_iter().filter(|event| is_told(event)).count();
        assert_eq!(told, 0, "{what}: nothing says that it is gone: {:?}", world.told());
        assert_eq!(world.peer_at(&c(2)), Some(peer), "{what}");
    }
}

#[test]
fn one_failed_verification_is_none() {
    let (mut world, peer) = with_entry(true);
    world.miss(&c(1));
    assert_eq!(world.peer_at(&c(1)), Some(peer));
    assert!(world.told().is_empty() && !world.looks_sooner());
    world.meet(&c(1), peer);
    world.miss(&c(1));
    assert_eq!(world.peer_at(&c(1)), Some(peer), "two in a row");
}

/// Nobody is to drop a peer that lives, though not there.
#[test]
fn a_connected_peer_is_not_named_where_its_address_is_shared() {
    let (mut world, peer) = with_entry(false);
    world.connect(1, peer, &c(1));
    world.meet(&c(1), PeerId::random());
    assert_eq!(world.peer_at(&c(1)), Some(peer), "its connection may have yet to notice");
    world.now += secs(40);
    world.meet(&c(1), PeerId::random());
    let is_told = |e: &&Event| matches!(e, Event::SharedAddress { peer: None, gone: false, .. });
    assert_eq!(world.told().into_iter().filter(is_told).count(), 1, "{:?}", world.told());
    assert_eq!(world.peer_at(&c(1)), None);
}

#[test]
fn an_entry_moves_to_the_pin_that_dns_gives_its_address() {
    let (mut world, peer) = with_entry(false);
    world.name(&[pinned(1, peer)]);
    assert_eq!(world.peer_at(&pinned(1, peer)), Some(peer));
    assert!(world.told().is_empty() && !world.is_untried(&pinned(1, peer)));
}

#[test]
fn an_impostor_at_a_pinned_address_ends_the_entry_and_is_never_entered() {
    let (peer, other) = (PeerId::random(), PeerId::random());
    let mut world = World::of(&[pinned(1, peer)]);
    world.meet(&pinned(1, peer), peer);
    for first in [true, false] {
        world.meet(&pinned(1, peer), other);
        let mismatch = world.told().into_iter().filter(|e| matches!(e, Event::PinMismatch { .. }));
        assert_eq!(mismatch.count(), usize::from(first));
        assert_eq!(world.peer_at(&pinned(1, peer)), None);
    }
}
