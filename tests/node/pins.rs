//! Identities that an operator vouches for: `dnsaddr` records that end in `/p2p/ID`, and sources that
//! take nothing else.

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::TXT};
use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{
    Config, Event, LookupError, Proof, Rejection, Selection, discovery::Expect, hickory_proto,
};

use crate::support::{Host, World, at, ip, lowest, secs};

const NAME: &str = "_dnsaddr.peers.example.";
const SOURCE: &str = "/dnsaddr/peers.example.";

/// The entry of a peer at the n-th address.
fn entry(n: u8, peer: &PeerId) -> String {
    format!("{}/p2p/{peer}", at(ip(n)))
}

/// Makes the zone vouch for these.
fn vouch(world: &mut World, entries: &[String]) {
    let owner = Name::from_ascii(NAME).expect("a name");
    let record = |entry: &String| {
        let text = format!("dnsaddr={entry}");
        Record::from_rdata(owner.clone(), 30, RData::TXT(TXT::new(vec![text])))
    };
    let records = entries.iter().map(record).collect();
    world.zone.insert((NAME.into(), RecordType::TXT), Ok(records));
}

fn rejections(world: &World) -> Vec<(Multiaddr, Rejection)> {
    let rejected = |(_, event): &(_, Event)| match event {
        Event::Rejected { address, rejection, .. } => Some((address.clone(), rejection.clone())),
        _ => None,
    };
    world.events.iter().filter_map(rejected).collect()
}

#[test]
fn a_record_that_names_its_peer_is_dialled_as_that_peer() {
    let mut world = World::new(lowest(3));
    let peers = [1, 2].map(|n| world.live(ip(n)));
    vouch(&mut world, &[entry(1, &peers[0]), entry(2, &peers[1])]);
    world.source(SOURCE);
    world.until(secs(5), "both", |w| w.selected() == peers);
    let as_pinned = |(_, _, expect): &(_, _, Expect)| matches!(expect, Expect::Peer(_));
    assert!(world.dials.iter().all(as_pinned), "{:?}", world.dials);
}

#[test]
fn an_impostor_is_told_once_never_entered_and_retried_with_back_off() {
    let mut world = World::new(lowest(3));
    let honest = world.live(ip(2));
    let (pinned, impostor) = (PeerId::random(), world.live(ip(1)));
    vouch(&mut world, &[entry(1, &pinned), entry(2, &honest)]);
    world.source(SOURCE);
    world.run(secs(1800));
    let told = |e: &Event| {
        matches!(e, Event::PinMismatch { pinned: p, obtained, .. }
            if *p == pinned && *obtained == impostor)
    };
    assert_eq!(world.count(told), 1);
    assert_eq!(world.selected(), [honest]);
    assert!(world.core.peers().all(|entry| entry.peer != impostor));
    assert!(world.announced.iter().all(|(peer, _)| *peer != impostor));
    let dials = world.dials_to(ip(1));
    assert!((6..=20).contains(&dials), "doubling up to five minutes: {dials}");
    // The pinned peer comes back.
    world.set(ip(1), Host::Lives(pinned));
    world.until(secs(301), "back", |w| w.selected().contains(&pinned));
}

#[test]
fn an_impostor_that_comes_back_after_the_pinned_peer_did_is_news() {
    let mut world = World::new(lowest(3));
    let (pinned, impostor) = (PeerId::random(), world.live(ip(1)));
    vouch(&mut world, &[entry(1, &pinned)]);
    world.source(SOURCE);
    let told = |w: &World| w.count(|e| matches!(e, Event::PinMismatch { .. }));
    world.until(secs(5), "told", |w| told(w) == 1);
    world.set(ip(1), Host::Lives(pinned));
    world.until(secs(60), "back", |w| w.selected() == [pinned]);
    world.set(ip(1), Host::Refuses);
    world.until(secs(120), "gone", |w| w.core.peers().count() == 0);
    world.set(ip(1), Host::Lives(impostor));
    world.until(secs(301), "told again", |w| told(w) == 2);
    world.run(secs(600));
    assert_eq!(told(&world), 2);
}

#[test]
fn a_source_that_requires_pins_reports_what_has_none_and_asks_nobody_there() {
    let mut world = World::new(lowest(3));
    let peers = [1, 2].map(|n| world.live(ip(n)));
    vouch(&mut world, &[entry(1, &peers[0]), at(ip(2)).to_string()]);
    world.source(&format!("{SOURCE}?pinned"));
    world.run(secs(600));
    assert_eq!(world.selected(), [peers[0]]);
    assert_eq!(world.dials_to(ip(2)), 0);
    assert_eq!(rejections(&world), [(at(ip(2)), Rejection::Unpinned)], "told once");
}

#[test]
fn the_same_records_without_the_demand_are_taken() {
    let mut world = World::new(lowest(3));
    let peers = [1, 2].map(|n| world.live(ip(n)));
    vouch(&mut world, &[entry(1, &peers[0]), at(ip(2)).to_string()]);
    world.source(SOURCE);
    world.until(secs(5), "both", |w| w.selected() == peers);
    assert!(rejections(&world).is_empty());
}

#[test]
fn a_pin_of_the_source_itself_counts() {
    let mut world = World::new(lowest(3));
    let peer = world.live(ip(1));
    world.name(&[ip(1)]);
    world.source(&format!("/dns4/peers.example./tcp/4001/p2p/{peer}?pinned"));
    world.until(secs(5), "pinned", |w| w.selected() == [peer]);
    assert!(rejections(&world).is_empty());
}

#[test]
fn what_is_not_proved_secure_changes_nothing_that_is_known() {
    let mut world = World::new(lowest(3));
    let peer = world.live(ip(1));
    world.proof = Some(Proof::Secure);
    vouch(&mut world, &[entry(1, &peer)]);
    let source = world.source(&format!("{SOURCE}?pinned&secure"));
    world.until(secs(5), "secure", |w| w.selected() == [peer]);
    let resolved = |e: &Event| matches!(e, Event::Resolved { proof: Some(Proof::Secure), .. });
    assert_eq!(world.count(resolved), 1);

    // A forger names somebody else, and then nobody.
    let forged = world.live(ip(2));
    for proof in [None, Some(Proof::Insecure), Some(Proof::Indeterminate)] {
        world.proof = proof;
        vouch(&mut world, &[entry(2, &forged)]);
        world.run(secs(300));
        world.zone.clear();
        world.run(secs(300));
    }
    let failed =
        |e: &Event| matches!(e, Event::LookupFailed { error: LookupError::Insecure(_), .. });
    assert!(world.count(failed) > 0);
    assert_eq!(world.count(|e| matches!(e, Event::LookupFailed { .. })), world.count(failed));
    assert_eq!(world.selected(), [peer]);
    assert_eq!(world.dials_to(ip(2)), 0);
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
    assert_eq!(world.core.candidates_of(&source).expect("resolved").len(), 1);
}

#[test]
fn a_record_that_gains_a_pin_keeps_who_is_verified_there() {
    let mut world = World::new(lowest(3));
    let peers = [1, 2].map(|n| world.live(ip(n)));
    vouch(&mut world, &[1, 2].map(|n| at(ip(n)).to_string()));
    world.source(SOURCE);
    world.until(secs(5), "both", |w| w.selected() == peers);
    vouch(&mut world, &[entry(1, &peers[0]), entry(2, &peers[1])]);
    world.run(secs(200));
    assert_eq!(world.selected(), peers);
    assert!(world.core.peers().all(|e| e.candidate.pinned() == Some(&e.peer)));
    assert_eq!(world.count(|e| matches!(e, Event::Verified { .. })), 2);
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
    assert_eq!(world.core.candidates().count(), 2);
}

#[test]
fn a_record_that_pins_another_ends_the_entry_at_once_even_if_it_is_connected() {
    let mut world = World::new(lowest(3));
    world.idle = None;
    let (impostor, pinned) = (world.live(ip(1)), PeerId::random());
    vouch(&mut world, &[at(ip(1)).to_string()]);
    world.source(SOURCE);
    world.until(secs(5), "connected", |w| w.is_connected(&impostor));
    vouch(&mut world, &[entry(1, &pinned)]);
    world.until(secs(40), "found out", |w| w.core.peers().count() == 0);
    let departed = |e: &Event| matches!(e, Event::Departed { peer, .. } if *peer == impostor);
    assert_eq!(world.count(departed), 1);
    world.run(secs(60));
    assert_eq!(world.count(|e| matches!(e, Event::PinMismatch { .. })), 1);
    assert!(world.is_connected(&impostor), "DNS closes no connection");
}

/// Both candidates depart in one step; neither sees the other in the new order.
#[test]
fn one_address_with_and_without_a_pin_is_lost_once() {
    let (mut world, peers) = World::with_peers(Config::new().with_selection(Selection::All), 1);
    let unpinned: libp2p_dns_discovery::Source =
        "/dns4/peers.example./tcp/4001".parse().expect("a source");
    let pinned = world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{}", peers[0]));
    world.run(secs(30));
    assert_eq!(world.core.peers().count(), 2, "one entry for each candidate");
    world.core.remove_source(&pinned);
    world.core.remove_source(&unpinned);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 1);
}

/// The same where the address turns out to be ours.
#[test]
fn one_address_with_and_without_a_pin_is_replaced_once() {
    let (mut world, peers) = World::with_peers(Config::new().with_selection(Selection::All), 1);
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{}", peers[0]));
    world.run(secs(30));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.run(secs(1));
    assert_eq!(world.count(|e| matches!(e, Event::Replaced { .. })), 1);
}

/// Whoever answers without the pin has its own entry at once; whoever was there has one still,
/// until the address is dialled with the pin too.
#[test]
fn one_address_with_and_without_a_pin_is_lost_once_to_another_peer() {
    let (mut world, peers) = World::with_peers(Config::new().with_selection(Selection::All), 1);
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{}", peers[0]));
    world.run(secs(30));
    assert_eq!(world.core.peers().count(), 2, "one entry for each candidate");
    let other = PeerId::random();
    world.set(ip(1), Host::Lives(other));
    world.core.handle_observed(&at(ip(1)), other, world.now);
    world.run(secs(1));
    let lost = |e: &Event| match e {
        Event::Replaced { old, .. } => *old == peers[0],
        Event::Unreachable { peer, .. } => *peer == Some(peers[0]),
        _ => false,
    };
    assert_eq!(world.count(lost), 1);
}
