use super::*;
use crate::config::Identify;
use Closing::{Lost, Orderly, Ours};

/// A peer that is verified and connected, and the instant of its next verification without that.
fn connected() -> (World, PeerId) {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.meet(&c(1), peer);
    world.selected.insert(c(1), peer);
    world.connect(1, peer, &c(1));
    look(&mut world);
    (world, peer)
}

/// The verification of an entry is due, and its peer is connected.
fn look(world: &mut World) {
    world.act(|ledger, cx| Presence::new(ledger, cx).still_connected(&c(1)));
}

fn next_check(world: &World) -> Option<Duration> {
    world.ledger.next_check().map(|(at, _)| at - world.now)
}

#[test]
fn an_open_connection_is_the_verification() {
    let (world, peer) = connected();
    assert!(world.ledger.is_live_at(&peer, &c(1)));
    let next = next_check(&world).expect("planned");
    assert!((secs(180)..=secs(300)).contains(&next), "{next:?}");
    assert_eq!(asked(&world), []);
}

#[test]
fn a_connection_that_breaks_has_its_peer_verified_soon_and_dns_asked_sooner() {
    let (mut world, peer) = connected();
    world.now += secs(60);
    assert!(world.close(1, peer, Lost));
    assert!(next_check(&world) < Some(secs(2)) && world.looks_sooner());
}

/// The cluster grew since DNS was asked; where many are named, that is known from their connections anyway.
#[test]
fn a_connection_from_an_unnamed_host_has_dns_asked_sooner_where_few_are_named() {
    let accept = |world: &mut World, from: &Candidate| {
        let (id, peer) = (ConnectionId::new_unchecked(9), PeerId::random());
        world.act(|ledger, cx| Presence::new(ledger, cx).connected(id, peer, from, false));
        world.looks_sooner()
    };
    for (named, is_news) in [(2, true), (3, false)] {
        let mut world = World::new(named);
        assert!(!accept(&mut world, &c(1)), "it is named");
        assert_eq!(accept(&mut world, &c(9)), is_news, "{named}");
    }
    let mut world = World::new(1);
    assert!(accept(&mut world, &c(8)));
    assert!(!accept(&mut world, &c(9)), "once");
    world.name(&[c(1), c(8)]);
    assert!(accept(&mut world, &c(9)), "once for each change");
    let mut world = World::new(2);
    world.connect(9, PeerId::random(), &c(9));
    assert!(!world.looks_sooner(), "we dialled");
}

#[test]
fn a_connection_that_closes_idle_has_its_peer_verified_within_an_interval() {
    let (mut world, peer) = connected();
    world.now += secs(60);
    assert!(world.close(1, peer, Orderly));
    let next = next_check(&world).expect("planned");
    assert!((secs(45)..=secs(75)).contains(&next), "{next:?}");
    assert!(!world.looks_sooner());
    let seen = world.ledger.entry(&c(1)).expect("an entry").last_seen();
    assert_eq!(seen, world.now, "until now");
}

/// An application closes a connection on which the peer no longer answers, or for a reason of its own.
#[test]
fn a_connection_that_we_close_proves_nothing_and_has_its_peer_verified_soon() {
    let (mut world, peer) = connected();
    let verified = world.ledger.entry(&c(1)).expect("an entry").last_verified;
    world.now += secs(60);
    assert!(world.close(1, peer, Ours));
    assert!(next_check(&world) < Some(secs(2)) && !world.looks_sooner());
    assert_eq!(world.ledger.entry(&c(1)).expect("an entry").last_verified, verified);
}

/// Else a peer that closes every connection at once would be dialled without end.
#[test]
fn a_connection_that_breaks_at_once_earns_no_early_verification() {
    let (mut world, peer) = connected();
    world.now += secs(9);
    world.close(1, peer, Lost);
    assert!(next_check(&world) >= Some(secs(45)));
}

#[test]
fn one_of_several_connections_that_closes_matters_where_it_led() {
    let (mut world, peer) = connected();
    let elsewhere = Candidate::new(&"/ip4/172.16.0.1/tcp/5".parse().expect("an address"));
    world.connect(2, peer, &elsewhere);
    assert!(!world.close(2, peer, Lost), "not to its entry");
    for how in [Lost, Ours, Orderly] {
        let (mut world, peer) = connected();
        world.connect(2, peer, &elsewhere);
        assert!(world.close(1, peer, how));
        assert_eq!(next_check(&world) < Some(secs(2)), how != Orderly);
    }
}

#[test]
fn a_connection_that_concerns_nobody_in_the_table_says_nothing() {
    let (mut world, _) = connected();
    let stranger = PeerId::random();
    world.connect(7, stranger, &c(9));
    assert!(!world.close(7, stranger, Lost));
    assert!(!world.close(7, stranger, Lost), "a second time");
    assert!(world.asked.is_empty());
}

/// Who died with an open connection is replaced once the connection has noticed.
#[test]
fn a_connection_contradicts_another_identity_for_as_long_as_it_may_outlive_its_peer() {
    let (mut world, peer) = connected();
    let other = PeerId::random();
    world.meet(&c(1), other);
    assert_eq!(world.peer_at(&c(1)), Some(peer));
    assert_eq!(next_check(&world), Some(secs(40)));
    world.close(1, peer, Lost);
    world.meet(&c(1), other);
    assert_eq!(world.peer_at(&c(1)), Some(other));
}

/// The connections on which a reply was asked for in the last act.
fn asked(world: &World) -> Vec<usize> {
    let asked = world.asked.iter().filter_map(|effect| match effect {
        Effect::Output(Output::Ask { connection, patience, .. }) => {
            assert_eq!(*patience, world.config.probe_timeout.min(secs(10)));
            (1..9).find(|id| ConnectionId::new_unchecked(*id) == *connection)
        }
        _ => None,
    });
    asked.collect()
}

fn reply(world: &mut World, id: usize, peer: PeerId) -> bool {
    let id = ConnectionId::new_unchecked(id);
    world.act(|ledger, cx| Presence::new(ledger, cx).replied(id, &peer))
}

/// Goes on to the next verification that is due, which finds the peer connected.
fn go_on(world: &mut World) -> Duration {
    let pause = next_check(world).expect("planned");
    world.now += pause;
    look(world);
    pause
}

/// A peer that was asked in vain, so often that it counts as silent.
fn silent(mut world: World) -> World {
    go_on(&mut world);
    (0..2).for_each(|_| assert_eq!(go_on(&mut world), secs(10)));
    world
}

#[test]
fn a_peer_is_asked_after_a_few_intervals_and_a_reply_holds_for_as_many() {
    let (mut world, peer) = connected();
    for _ in 0..9 {
        let pause = go_on(&mut world);
        assert!((secs(180)..=secs(300)).contains(&pause), "{pause:?}");
        assert_eq!(asked(&world), [1]);
        assert!(reply(&mut world, 1, peer));
        let entry = world.ledger.entry(&c(1)).expect("an entry");
        assert_eq!((entry.last_verified, entry.asked()), (world.now, None));
    }
}

/// It is looked at all the same, for whatever reason.
#[test]
fn a_peer_that_has_time_left_to_reply_is_not_asked_again() {
    let (mut world, peer) = connected();
    go_on(&mut world);
    world.now += secs(9);
    look(&mut world);
    assert_eq!((asked(&world), next_check(&world)), (vec![], Some(secs(1))));
    assert!(world.ledger.is_live_at(&peer, &c(1)));
    assert_eq!(go_on(&mut world), secs(1));
    assert_eq!(asked(&world), [1], "a second time");
    assert!(world.ledger.is_live_at(&peer, &c(1)));
}

#[test]
fn two_replies_that_do_not_come_make_the_connection_count_for_nothing_until_one_does() {
    let (world, peer) = connected();
    let mut world = silent(world);
    let is_live = |world: &World| world.ledger.is_live_at(&peer, &c(1));
    assert!(!is_live(&world) && world.ledger.live().is_empty());
    assert!(world.ledger.is_connected(&peer) && world.ledger.is_silent_at(&peer, &c(1)));
    assert_eq!(next_check(&world), Some(Duration::ZERO), "it is to be verified now");
    let seen = world.ledger.entry(&c(1)).expect("an entry").last_seen();
    assert_eq!(seen, world.now, "perhaps it was there until now");
    for _ in 0..3 {
        go_on(&mut world);
        assert_eq!(asked(&world), [1], "it may have been slow");
        let seen = world.ledger.entry(&c(1)).expect("an entry").last_seen();
        assert!(seen < world.now || next_check(&world) > Some(secs(44)), "once");
    }
    assert!(reply(&mut world, 1, peer));
    assert!(is_live(&world) && next_check(&world) >= Some(secs(180)));
}

#[test]
fn a_silent_peer_is_gone_when_its_address_does_not_answer_either() {
    let (world, peer) = connected();
    let mut world = silent(world);
    (0..2).for_each(|_| world.miss(&c(1)));
    let is_told = |e: &&Event| matches!(e, Event::Unreachable { peer: Some(p), gone: true, .. } if *p == peer);
    assert_eq!(world.told().into_iter().filter(is_told).count(), 1, "{:?}", world.told());
    world.close(1, peer, Lost);
    assert!(world.told().is_empty(), "that was its last word");
}

/// The connection is dead, and the peer is not. Each interval it is looked at by a probe, as others are.
#[test]
fn a_silent_peer_whose_address_answers_stays() {
    let (world, peer) = connected();
    let mut world = silent(world);
    world.miss(&c(1));
    world.meet(&c(1), peer);
    assert_eq!(world.peer_at(&c(1)), Some(peer));
    let next = next_check(&world).expect("planned");
    assert!((secs(45)..=secs(75)).contains(&next), "{next:?}");
    // It has come back by another connection, which is seen alive.
    world.connect(2, peer, &c(1));
    assert!(world.ledger.is_live_at(&peer, &c(1)));
    assert!(go_on(&mut world) < secs(76));
    assert_eq!(asked(&world), []);
}

/// Else it would take until the connection is noticed to be dead.
#[test]
fn another_identity_at_the_address_of_a_silent_peer_replaces_it_at_once() {
    let (world, _) = connected();
    let mut world = silent(world);
    let other = PeerId::random();
    world.meet(&c(1), other);
    assert_eq!(world.peer_at(&c(1)), Some(other));
}

#[test]
fn one_connection_that_answers_is_enough() {
    let (mut world, peer) = connected();
    world.now += secs(1);
    world.connect(2, peer, &c(1));
    for replies in [1, 2] {
        while asked(&world).is_empty() {
            go_on(&mut world);
        }
        assert_eq!(asked(&world), [2, 1]);
        assert!(reply(&mut world, replies, peer));
        assert!(next_check(&world) >= Some(secs(180)));
    }
}

/// A reply from elsewhere does not show who lives at an address that can be looked at, and does where it
/// cannot be.
#[test]
fn a_reply_counts_where_its_connection_leads_or_where_nobody_can_look() {
    let elsewhere = Candidate::new(&"/ip4/172.16.0.1/tcp/5".parse().expect("an address"));
    for (identify, counts) in [(Identify::Auto, false), (Identify::Dial, true)] {
        let (mut world, peer) = connected();
        world.config = Config::new().with_identify(identify);
        world.connect(2, peer, &elsewhere);
        go_on(&mut world);
        assert_eq!(asked(&world).contains(&2), counts);
        assert_eq!(reply(&mut world, 2, peer), counts);
        assert_eq!(next_check(&world) >= Some(secs(180)), counts);
    }
}

#[test]
fn nobody_is_asked_who_takes_no_place_or_has_no_entry() {
    let (mut world, peer) = connected();
    world.selected.clear();
    world.now += secs(3_600);
    look(&mut world);
    assert_eq!((asked(&world), next_check(&world)), (vec![], None));
    assert!(world.ledger.is_live_at(&peer, &c(1)));
    let stranger = PeerId::random();
    world.connect(7, stranger, &c(9));
    assert!(!reply(&mut world, 7, stranger) && !reply(&mut world, 8, peer));
}

/// It is alive, and so is whoever answers at its address: that was to be looked into.
#[test]
fn a_reply_does_not_put_off_what_contradicts_the_connection() {
    let (mut world, peer) = connected();
    go_on(&mut world);
    world.meet(&c(1), PeerId::random());
    assert_eq!(next_check(&world), Some(secs(40)));
    assert!(reply(&mut world, 1, peer));
    assert_eq!(next_check(&world), Some(secs(40)));
}

/// What was asked before it lost its place says nothing of when it has one again.
#[test]
fn who_takes_a_place_again_is_asked_again_before_it_counts_as_silent() {
    let (mut world, peer) = connected();
    for _ in 0..2 {
        go_on(&mut world);
        assert_eq!(asked(&world), [1], "twice by now");
    }
    let selected = std::mem::take(&mut world.selected);
    assert_eq!(go_on(&mut world), secs(10));
    world.selected = selected;
    world.now += secs(600);
    look(&mut world);
    assert_eq!(asked(&world), [1]);
    assert!(world.ledger.is_live_at(&peer, &c(1)));
}

/// All that was verified of it is doubtful then, though one address alone takes a place.
#[test]
fn the_other_addresses_of_a_silent_peer_are_verified_too() {
    let (mut world, peer) = connected();
    world.name(&[c(1), c(2)]);
    world.meet(&c(2), peer);
    let world = silent(world);
    let entry = world.ledger.entry(&c(2)).expect("an entry");
    assert_eq!(entry.last_seen(), world.now);
    assert_eq!(world.ledger.next_check().map(|(at, _)| at), Some(world.now));
}
