//! What is counted: each look-up and each dial once, by how it ended.

use std::time::Instant;

use hickory_proto::rr::RecordType;
use libp2p::StreamProtocol;
use libp2p_dns_discovery::{
    LookupError,
    discovery::{DialOutcome, LookupOutcome, Purpose},
    hickory_proto,
};

use crate::support::{Host, World, ip, lowest, secs};

/// How many dials ended in each way, whatever they were for.
fn dials(world: &World) -> Vec<(DialOutcome, u64)> {
    let stats = world.core.stats();
    let of = |outcome| Purpose::ALL.iter().map(|purpose| stats.dials(*purpose, outcome)).sum();
    let all = DialOutcome::ALL.iter().map(|outcome| (*outcome, of(*outcome)));
    all.filter(|(_, n)| *n > 0).collect()
}

/// When the only source was last answered with records.
fn answered(world: &World) -> Option<Instant> {
    world.core.answered().map(|(_, at)| at).next()
}

/// Fails if a way in which a dial ends is not counted, or counted twice.
#[test]
fn each_dial_is_counted_once() {
    let (mut world, peers) = World::with_peers(lowest(3), 9);
    for (n, host) in [(2, Host::Refuses), (3, Host::Silent), (4, Host::NoRoute)] {
        world.set(ip(n), host);
    }
    world.set(ip(5), Host::Unwanted(peers[4]));
    world.run(secs(7_200));
    // What began in the last seconds may be under way.
    world.name(&[]);
    world.run(secs(60));
    let all: u64 = dials(&world).iter().map(|(_, n)| n).sum();
    assert_eq!(all, world.dials.len() as u64, "{:?}", dials(&world));
    let outcomes: Vec<_> = dials(&world).into_iter().map(|(outcome, _)| outcome).collect();
    for outcome in [
        DialOutcome::Connected,
        DialOutcome::Identified,
        DialOutcome::TimedOut,
        DialOutcome::Closed,
        DialOutcome::NoRoute,
        DialOutcome::Denied,
    ] {
        assert!(outcomes.contains(&outcome), "{outcome:?} among {outcomes:?}");
    }
}

/// A dial that met a peer is waited for until the peer says what it speaks. Fails if that counts as one more.
#[test]
fn to_wait_for_what_a_peer_speaks_is_no_dial() {
    let protocol = StreamProtocol::new("/members/1.0.0");
    let (mut world, peers) = World::with_peers(lowest(3).with_required_protocol(protocol), 3);
    // The third one never says anything.
    world.speaks = peers[..2].iter().map(|peer| (*peer, true)).collect();
    world.idle = None;
    world.run(secs(600));
    let all: u64 = dials(&world).iter().map(|(_, n)| n).sum();
    assert_eq!(all, world.dials.len() as u64, "{:?}", dials(&world));
}

#[test]
fn a_dial_that_no_longer_matters_counts_as_aborted() {
    let (mut world, _) = World::with_peers(lowest(1), 1);
    world.set(ip(1), Host::Silent);
    world.run(secs(1));
    assert_eq!(dials(&world), []);
    let source = world.core.sources().next().expect("a source").clone();
    world.core.remove_source(&source);
    world.run(secs(1));
    assert_eq!(dials(&world), [(DialOutcome::Aborted, 1)]);
    world.run(secs(60));
    assert_eq!(dials(&world), [(DialOutcome::Aborted, 1)], "and not once more at its deadline");
}

#[test]
fn each_look_up_is_counted_by_how_it_ended() {
    let (mut world, _) = World::with_peers(lowest(1), 2);
    let key = ("peers.example.".to_owned(), RecordType::A);
    let lookups = |world: &World, outcome| world.core.stats().lookups(outcome);
    world.run(secs(1));
    assert_eq!(lookups(&world, LookupOutcome::Answer), 1);
    for (error, outcome) in [
        (LookupError::Refused, LookupOutcome::Refused),
        (LookupError::ServerFailed("SERVFAIL".into()), LookupOutcome::ServerFailed),
        (LookupError::TimedOut, LookupOutcome::TimedOut),
        (LookupError::nx_domain(None), LookupOutcome::Nothing),
        (LookupError::Bogus("a signature".into()), LookupOutcome::Bogus),
    ] {
        world.zone.insert(key.clone(), Err(error));
        world.core.refresh(world.now);
        world.run(secs(1));
        assert!(lookups(&world, outcome) > 0, "{outcome:?}");
    }
}

/// Fails if a static source counts as answered: its age would grow for ever.
#[test]
fn a_source_that_is_not_looked_up_has_no_age() {
    let mut world = World::new(lowest(1));
    world.source("/ip4/10.0.0.1/tcp/4001");
    world.run(secs(60));
    assert_eq!(world.core.stats().candidates(), 1);
    assert_eq!(answered(&world), None);
}

#[test]
fn a_server_that_never_replies_is_counted_as_timed_out_at_the_deadline() {
    let (mut world, _) = World::with_peers(lowest(1), 2);
    world.run(secs(1));
    world.deaf = true;
    world.core.refresh(world.now);
    world.run(secs(25));
    assert!(world.core.stats().lookups(LookupOutcome::TimedOut) > 0);
}

#[test]
fn the_age_of_an_answer_counts_from_the_last_that_had_records() {
    let (mut world, _) = World::with_peers(lowest(2), 5);
    assert_eq!(answered(&world), None);
    world.run(secs(1));
    let first = answered(&world).expect("an answer");
    let sizes = |world: &World| {
        let stats = world.core.stats();
        (stats.candidates(), stats.peers(), stats.selected())
    };
    assert_eq!(sizes(&world), (5, 2, 2));
    let stats = world.core.stats();
    assert!(stats.first_verified().is_some_and(|after| after < secs(1)));
    // The island repair meets the others.
    world.run(secs(3_600));
    assert_eq!(sizes(&world), (5, 5, 2));
    let last = answered(&world).expect("an answer");
    assert!(last > first + secs(60), "each answer counts");
    world.zone.insert(("peers.example.".into(), RecordType::A), Err(LookupError::TimedOut));
    world.core.refresh(world.now);
    world.run(secs(3_600));
    assert_eq!(answered(&world), Some(last), "failures keep the last good one");
}
