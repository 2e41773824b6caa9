use super::*;
use Closing::{Lost, Orderly, Ours};

/// A peer that is verified and connected, and the instant of its next verification without that.
fn connected() -> (World, PeerId) {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.meet(&c(1), peer);
    world.selected.insert(c(1), peer);
    world.connect(1, peer, &c(1));
    world.act(|ledger, cx| ledger.still_connected(&c(1), cx.now));
    (world, peer)
}

fn next_check(world: &World) -> Option<Duration> {
    world.ledger.next_check().map(|(at, _)| at - world.now)
}

#[test]
fn an_open_connection_is_the_verification() {
    let (world, peer) = connected();
    assert!(world.ledger.is_live_at(&peer, &c(1)));
    assert_eq!(next_check(&world), None);
}

#[test]
fn a_connection_that_breaks_has_its_peer_verified_soon_and_dns_asked_sooner() {
    let (mut world, peer) = connected();
    world.now += secs(60);
    assert!(world.close(1, peer, Lost));
    assert!(next_check(&world) < Some(secs(2)) && world.looks_sooner());
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
