//! Who may join: the allow list, the application's judgement, and the protocol that members speak.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use libp2p_dns_discovery::{
    Config, Event, Failure, Identify, Status,
    discovery::Expect,
    hickory_proto::rr::{Name, RData, Record, RecordType, rdata::TXT},
};

use crate::support::{Host, World, at, ip, joined, lowest, nth, nz, secs, txt_at};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/members/1");

/// Who was told to be refused: where, who, and whose entry ended.
fn refusals(world: &World) -> Vec<(Multiaddr, PeerId, Option<PeerId>)> {
    let refused = |(_, event): &(_, Event)| match event {
        Event::Refused { address, peer, old, .. } => Some((address.clone(), *peer, *old)),
        _ => None,
    };
    world.events.iter().filter_map(refused).collect()
}

fn strangers(world: &World) -> Vec<(Multiaddr, PeerId, Option<PeerId>)> {
    let stranger = |(_, event): &(_, Event)| match event {
        Event::Stranger { address, peer, old, .. } => Some((address.clone(), *peer, *old)),
        _ => None,
    };
    world.events.iter().filter_map(stranger).collect()
}

/// Whether nothing was made of a peer but that it was asked who it is.
fn is_unknown(world: &World, peer: &PeerId) -> bool {
    let verified = |e: &Event| matches!(e, Event::Verified { peer: p, .. } if p == peer);
    let replaced = |e: &Event| matches!(e, Event::Replaced { new, .. } if new == peer);
    world.core.peers().all(|entry| entry.peer != *peer)
        && world.announced.iter().all(|(p, _)| p != peer)
        && world.count(verified) + world.count(replaced) == 0
}

/// Three living hosts, of which the config is to admit the second and the third.
fn world_of_three(config: impl FnOnce(&[PeerId]) -> Config) -> (World, Vec<PeerId>) {
    let peers: Vec<_> = (0..3).map(|_| PeerId::random()).collect();
    let mut world = World::new(config(&peers));
    let ips = [1, 2, 3].map(ip);
    world.name(&ips);
    for (ip, peer) in ips.into_iter().zip(&peers) {
        world.set(ip, Host::Lives(*peer));
    }
    world.source("/dns4/peers.example./tcp/4001");
    (world, peers)
}

#[test]
fn one_that_is_not_on_the_list_is_told_once_and_takes_no_place() {
    let allow = |peers: &[PeerId]| lowest(2).with_allowed_peers(peers[1..].iter().copied());
    let (mut world, peers) = world_of_three(allow);
    world.until(secs(2), "the others", |w| w.selected() == peers[1..]);
    world.run(secs(3600));
    assert_eq!(refusals(&world), [(at(ip(1)), peers[0], None)]);
    assert!(is_unknown(&world, &peers[0]));
    assert!(!world.is_connected(&peers[0]));
    let dials = world.dials_to(ip(1));
    assert!((8..30).contains(&dials), "it is asked again with back-off: {dials}");
}

#[test]
fn the_application_judges_by_peer_and_address() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    let (mut world, peers) = world_of_three(|_| {
        lowest(2).with_admission(move |peer, address| {
            seen.lock().unwrap().push((*peer, address.clone()));
            *address != at(ip(1))
        })
    });
    world.until(secs(2), "the others", |w| w.selected() == peers[1..]);
    assert_eq!(refusals(&world), [(at(ip(1)), peers[0], None)]);
    assert!(asked.lock().unwrap().contains(&(peers[0], at(ip(1)))));
}

#[test]
fn one_that_took_over_an_address_ends_the_entry_there() {
    let allow = |peers: &[PeerId]| lowest(3).with_allowed_peers(peers.iter().copied());
    let (mut world, peers) = world_of_three(allow);
    world.until(secs(2), "all", |w| w.selected() == peers);
    world.run(secs(30));
    let intruder = world.live(ip(2));
    world.until(secs(80), "found out", |w| !refusals(w).is_empty());
    assert_eq!(refusals(&world), [(at(ip(2)), intruder, Some(peers[1]))]);
    assert_eq!(world.core.addresses_of(&peers[1]).count(), 0);
    assert_eq!(world.selected(), [peers[0], peers[2]]);
    world.run(secs(1800));
    assert!(is_unknown(&world, &intruder));
    assert_eq!(refusals(&world).len(), 1);
    // The old one comes back.
    world.set(ip(2), Host::Lives(peers[1]));
    world.until(secs(301), "back", |w| w.selected() == peers);
}

#[test]
fn the_list_can_be_changed_while_in_use() {
    let (mut world, peers) = world_of_three(|_| lowest(3));
    world.until(secs(2), "all", |w| peers.iter().all(|peer| w.is_connected(peer)));
    let some: HashSet<_> = [peers[0], peers[2]].into();
    world.core.set_allowed_peers(Some(some), world.now);
    world.run(secs(0));
    assert_eq!(refusals(&world), [(at(ip(2)), peers[1], Some(peers[1]))]);
    assert_eq!(world.selected(), [peers[0], peers[2]]);
    assert!(world.is_connected(&peers[1]), "its connection is not ours to close");
    world.core.set_allowed_peers(None, world.now);
    world.until(secs(5), "again", |w| w.selected() == peers);
}

#[test]
fn a_judgement_that_changed_is_made_again_when_told() {
    let open = Arc::new(AtomicBool::new(false));
    let gate = open.clone();
    let (mut world, peers) =
        world_of_three(|_| lowest(3).with_admission(move |_, _| gate.load(Ordering::Relaxed)));
    world.until(secs(11), "isolated", |w| w.core.status() == Status::Isolated);
    let isolation = world.core.isolation().expect("isolated");
    let refused = |(_, failure): &(_, Failure)| matches!(failure, Failure::Refused(_));
    assert!(isolation.reasons.iter().all(refused), "{:?}", isolation.reasons);
    open.store(true, Ordering::Relaxed);
    world.core.readmit(world.now);
    world.until(secs(1), "joined", |w| w.selected() == peers);
}

#[test]
fn an_address_that_is_pinned_to_one_who_may_not_join_is_not_dialled() {
    let other = PeerId::random();
    let mut world = World::new(lowest(3).with_allowed_peers([other]));
    let refused = world.live(ip(1));
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{refused}"));
    world.run(secs(3600));
    assert_eq!(world.dials.len(), 0);
    assert_eq!(refusals(&world), [(at(ip(1)), refused, None)]);
    world.core.set_allowed_peers(Some([refused].into()), world.now);
    world.until(secs(1), "admitted", |w| w.selected() == [refused]);
}

#[test]
fn the_refused_do_not_keep_us_from_those_who_may_join() {
    let honest = PeerId::random();
    let mut world = World::new(lowest(3).with_allowed_peers([honest]));
    let ips: Vec<_> = (1..=250).map(ip).collect();
    world.name(&ips);
    for ip in &ips[..249] {
        world.live(*ip);
    }
    world.set(ips[249], Host::Lives(honest));
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(60), "joined", |w| w.core.status() == Status::Joined);
    assert_eq!(world.selected(), [honest]);
}

#[test]
fn a_balancer_with_one_behind_it_who_may_not_join_is_shared() {
    let admitted = PeerId::random();
    let refused = PeerId::random();
    let mut world = World::new(lowest(1).with_allowed_peers([admitted]));
    world.name(&[ip(1)]);
    world.set(ip(1), Host::Alternates(vec![refused, admitted]));
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(3600));
    assert_eq!(world.count(|e| matches!(e, Event::SharedAddress { .. })), 1);
    assert!(refusals(&world).len() <= 3, "{:?}", refusals(&world));
}

fn members() -> Config {
    lowest(3).with_required_protocol(PROTOCOL)
}

/// Three members, all of them selected.
fn three_members() -> (World, Vec<PeerId>) {
    let (mut world, peers) = world_of_three(|_| members());
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.until(secs(2), "all", |w| w.selected() == peers);
    (world, peers)
}

/// Three living hosts, of which the first is no member.
fn world_with_stranger(config: Config) -> (World, Vec<PeerId>) {
    let (mut world, peers) = world_of_three(|_| config);
    world.speaks = peers.iter().map(|peer| (*peer, *peer != peers[0])).collect();
    (world, peers)
}

#[test]
fn a_stranger_is_told_once_not_kept_and_asked_again_with_back_off() {
    for identify in [Identify::Probe, Identify::Dial] {
        let (mut world, peers) = world_with_stranger(members().with_identify(identify));
        world.until(secs(2), "the members", |w| w.selected() == peers[1..]);
        world.run(secs(3600));
        assert_eq!(strangers(&world), [(at(ip(1)), peers[0], None)]);
        assert!(is_unknown(&world, &peers[0]));
        let dials = world.dials_to(ip(1));
        assert!((8..60).contains(&dials), "{dials}");
    }
}

#[test]
fn a_member_is_not_announced_before_it_has_said_so() {
    let (mut world, peers) = world_with_stranger(members());
    world.speaks.remove(&peers[2]);
    world.idle = None;
    world.until(secs(2), "one", |w| w.selected() == [peers[1]]);
    world.run(secs(5));
    assert!(is_unknown(&world, &peers[2]), "it is still silent");
    // It is given up at its deadline, and told with the reason.
    world.until(secs(20), "given up", |w| {
        let silent = Failure::Unidentified(peers[2]);
        w.count(|e| matches!(e, Event::Unreachable { reason, .. } if *reason == silent)) == 1
    });
    // Its software was renewed: `identify` says so on the connection that there is.
    let (id, ..) = *world.connections.iter().find(|(_, peer, _)| *peer == peers[2]).expect("open");
    world.core.handle_protocols(id, &peers[2], true, world.now);
    world.until(secs(2), "at once", |w| w.selected() == peers[1..]);
}

#[test]
fn a_stranger_that_took_over_an_address_ends_the_entry_there() {
    let (mut world, peers) = three_members();
    world.run(secs(30));
    let stranger = world.live(ip(2));
    world.speaks.insert(stranger, false);
    world.until(secs(80), "found out", |w| !strangers(w).is_empty());
    assert_eq!(strangers(&world), [(at(ip(2)), stranger, None)]);
    assert_eq!(ended(&world), [peers[1]]);
    assert_eq!(world.selected(), [peers[0], peers[2]]);
    assert!(is_unknown(&world, &stranger));
}

/// Whose entries ended because somebody else answered, who has not said yet what it speaks.
fn ended(world: &World) -> Vec<PeerId> {
    let ended = |(_, event): &(_, Event)| match event {
        Event::Unreachable { peer, reason: Failure::Unidentified(_), .. } => *peer,
        _ => None,
    };
    world.events.iter().filter_map(ended).collect()
}

/// Fails if the old entry stays until the new one has said what it speaks, which it never does.
#[test]
fn an_entry_that_was_disproved_ends_whatever_becomes_of_who_answered() {
    let (mut world, peers) = three_members();
    world.run(secs(30));
    let silent = world.live(ip(2));
    world.core.handle_observed(&at(ip(2)), silent, world.now);
    world.run(secs(0));
    assert_eq!(ended(&world), [peers[1]]);
    assert_eq!(world.core.addresses_of(&peers[1]).count(), 0);
    world.run(secs(600));
    assert_eq!(world.selected(), [peers[0], peers[2]]);
    assert!(is_unknown(&world, &silent));
}

/// Fails if who has said what it speaks is waited for nevertheless (`Introductions::next`).
#[test]
fn one_that_connects_and_says_so_while_it_is_to_be_connected_is_entered() {
    let per_minute = std::num::NonZeroUsize::new(1).expect("not zero");
    let mut world = World::new(members().map_limits(|l| l.with_probes_per_minute(per_minute)));
    world.name(&[ip(1)]);
    let peer = world.live(ip(1));
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(5));
    assert_eq!(world.dials.len(), 1, "there is no room for another yet");
    world.speaks.insert(peer, true);
    world.accept(peer, "/ip4/10.0.0.1/tcp/5555");
    world.until(secs(61), "entered", |w| w.selected() == [peer]);
    assert_eq!(world.count(|e| matches!(e, Event::Unreachable { .. })), 0);
}

/// Fails without `follow_protocols` where one of several connections closes.
#[test]
fn what_the_connections_that_are_left_say_counts() {
    let (mut world, peers) = world_of_three(|_| members());
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.idle = None;
    world.until(secs(2), "all", |w| w.selected() == peers);
    let (first, peer, address) = world.connections[0].clone();
    world.speaks.insert(peer, false);
    world.accept(peer, &address.to_string());
    world.run(secs(1));
    assert!(world.core.addresses_of(&peer).count() == 1, "one connection says so still");
    let status = |w: &World| w.core.status();
    for other in &peers[1..] {
        world.lose(*other);
        world.core.disqualify(*other, world.now + secs(3_600));
    }
    world.run(secs(1));
    assert_eq!(status(&world), Status::Joined);
    world.close(first, peer, false);
    world.run(secs(0));
    assert_eq!(world.core.addresses_of(&peer).count(), 0);
    assert_eq!(status(&world), Status::Isolated, "and is seen at once");
}

/// Fails if they are tried again and again only to be refused (`refuse_pinned`).
#[test]
fn a_zone_full_of_others_pins_costs_no_wake_ups() {
    let us = PeerId::random();
    let mut world = World::new(lowest(3).with_allowed_peers([us]));
    world.set(ip(1), Host::Lives(us));
    world.source(&format!("{}/p2p/{us}", at(ip(1))));
    for n in 2..=200 {
        let other = world.live(ip(n));
        world.source(&format!("{}/p2p/{other}", at(ip(n))));
    }
    world.until(secs(5), "ours", |w| w.selected() == [us]);
    assert_eq!(refusals(&world).len(), 199, "each is told");
    let wakes = world.wakes;
    world.run(secs(3_600));
    assert!(world.wakes - wakes < 150, "{} wake-ups", world.wakes - wakes);
    assert_eq!(refusals(&world).len(), 199);
}

#[test]
fn a_member_that_took_over_an_address_replaces_the_entry_there() {
    let (mut world, peers) = three_members();
    world.run(secs(30));
    let new = world.live(ip(2));
    world.speaks.insert(new, true);
    world.until(secs(80), "replaced", |w| w.selected() == [peers[0], new, peers[2]]);
    assert_eq!(ended(&world), [peers[1]]);
    assert_eq!(world.count(|e| matches!(e, Event::Verified { peer, .. } if *peer == new)), 1);
}

#[test]
fn a_member_that_ceases_to_speak_leaves_the_table() {
    let (mut world, peers) = world_of_three(|_| members());
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.idle = None;
    world.until(secs(2), "all", |w| w.selected() == peers);
    let (id, peer, _) = world.connections[0].clone();
    world.core.handle_protocols(id, &peer, false, world.now);
    world.run(secs(0));
    assert_eq!(strangers(&world).len(), 1);
    assert!(world.core.peers().all(|entry| entry.peer != peer));
}

/// Fails if its connection, which was a reason to look there, is taken for a change of its mind.
#[test]
fn one_that_connected_and_says_late_what_it_speaks_is_entered_at_once() {
    let (mut world, peers) = world_of_three(|_| members());
    world.speaks = peers[..2].iter().map(|peer| (*peer, true)).collect();
    world.idle = None;
    world.set(ip(3), Host::Refuses);
    world.run(secs(120));
    world.set(ip(3), Host::Lives(peers[2]));
    world.accept(peers[2], "/ip4/10.0.0.3/tcp/5555");
    world.until(secs(40), "given up", |w| {
        let silent = Failure::Unidentified(peers[2]);
        w.count(|e| matches!(e, Event::Unreachable { reason, .. } if *reason == silent)) == 1
    });
    let (id, ..) = *world.connections.iter().find(|(_, peer, _)| *peer == peers[2]).expect("open");
    world.speaks.insert(peers[2], true);
    world.core.handle_protocols(id, &peers[2], true, world.now);
    world.until(secs(2), "at once", |w| w.selected() == peers);
}

/// An enemy who is a member says and unsays ten times a second what it speaks. Fails without a pause.
#[test]
fn one_that_changes_its_mind_all_the_time_is_looked_at_once_in_an_interval() {
    let (mut world, peers) = world_of_three(|_| members());
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.idle = None;
    world.until(secs(2), "all", |w| w.selected() == peers);
    let (id, peer, _) = world.connections[0].clone();
    let (dials, announced) = (world.dials.len(), world.announced.len());
    for n in 0..6_000 {
        world.speaks.insert(peer, n % 2 == 1);
        world.core.handle_protocols(id, &peer, n % 2 == 1, world.now);
        world.run(secs(1) / 10);
    }
    let (dials, announced) = (world.dials.len() - dials, world.announced.len() - announced);
    assert!(announced <= 14 && dials < 40, "{announced} announcements, {dials} dials");
    // It has made up its mind.
    world.until(secs(120), "it is a member", |w| w.core.addresses_of(&peer).next().is_some());
}

#[test]
fn one_that_closes_before_it_says_anything_is_not_waited_for() {
    let (mut world, peers) = world_of_three(|_| members());
    world.idle = Some(secs(1));
    world.until(secs(3), "given up", |w| {
        w.count(|e| matches!(e, Event::Unreachable { reason: Failure::Unidentified(_), .. })) == 3
    });
    assert!(peers.iter().all(|peer| is_unknown(&world, peer)));
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.until(secs(60), "all", |w| w.selected() == peers);
}

#[test]
fn the_silent_do_not_keep_us_from_members() {
    let mut world = World::new(members());
    let ips: Vec<_> = (1..=200).map(ip).collect();
    world.name(&ips);
    for ip in &ips {
        world.live(*ip);
    }
    let member = world.live(ips[199]);
    world.speaks.insert(member, true);
    world.idle = None;
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(300), "joined", |w| w.core.status() == Status::Joined);
    assert!(world.most_at_once <= 16);
    let to_nobody = world.dials.iter().filter(|(_, _, expect)| *expect == Expect::Probe).count();
    assert!(to_nobody <= 600, "{to_nobody}");
}

#[test]
fn those_who_take_their_time_to_say_what_they_speak_are_waited_for() {
    let mut world = World::new(members());
    let ips: Vec<_> = (1..=60).map(ip).collect();
    world.name(&ips);
    let peers: Vec<_> = ips.iter().map(|ip| world.live(*ip)).collect();
    world.speaks = peers.iter().map(|peer| (*peer, true)).collect();
    world.speaks_after = secs(6);
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(15), "joined", |w| w.core.peers().count() >= 3);
    assert_eq!(world.count(|e| matches!(e, Event::Unreachable { .. })), 0);
    assert_eq!(world.statuses(), [Status::Starting, Status::Joined]);
}

#[test]
fn a_selected_peer_whose_address_was_taken_over_is_a_reason_to_ask_dns() {
    let (mut world, peers) = world_of_three(|_| lowest(3));
    let records = [1, 2, 3].map(|n| crate::support::address_record("peers.example.", ip(n), 300));
    let key = ("peers.example.".to_owned(), libp2p_dns_discovery::hickory_proto::rr::RecordType::A);
    world.zone.insert(key, Ok(records.into()));
    world.until(secs(2), "all", |w| w.selected() == peers);
    world.run(secs(30));
    let asked = world.queries.len();
    world.core.set_allowed_peers(Some(peers[1..].iter().copied().collect()), world.now);
    world.until(secs(6), "asked", |w| w.queries.len() > asked);
}

#[test]
fn to_ask_what_they_speak_is_within_the_dials_of_a_minute() {
    let per_minute = std::num::NonZeroUsize::new(12).expect("not zero");
    let mut world = World::new(members().map_limits(|l| l.with_probes_per_minute(per_minute)));
    let ips: Vec<_> = (1..=60).map(ip).collect();
    world.name(&ips);
    for ip in &ips {
        let stranger = world.live(*ip);
        world.speaks.insert(stranger, false);
    }
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(900));
    assert!(strangers(&world).len() > 40, "{}", strangers(&world).len());
    for (i, (at, ..)) in world.dials.iter().enumerate() {
        let within = world.dials[i..].iter().take_while(|(later, ..)| *later < *at + secs(60));
        assert!(within.count() <= 12);
    }
}

#[test]
fn whoever_others_met_is_asked_before_it_is_entered() {
    let (mut world, peers) = world_with_stranger(members());
    world.until(secs(2), "the members", |w| w.selected() == peers[1..]);
    let stranger = world.live(ip(3));
    world.speaks.insert(stranger, false);
    world.run(secs(11));
    world.core.handle_observed(&at(ip(3)), stranger, world.now);
    world.until(secs(5), "found out", |w| strangers(w).len() == 2);
    assert!(is_unknown(&world, &stranger));
    assert_eq!(world.selected(), [peers[1]]);
}

/// Who proved its identity, and waits for room to be asked what it speaks, is connected to all the
/// same.
#[test]
fn an_address_that_became_ours_is_not_connected_to() {
    let config =
        lowest(1).map_limits(|l| l.with_probes_per_minute(1.try_into().expect("not zero")));
    let config = config.with_required_protocol(PROTOCOL);
    let (mut world, _) = World::with_peers(config, 1);
    world.run(secs(5));
    assert_eq!(world.dials_to(ip(1)), 1, "there is no room for another yet");
    world.core.handle_external_address(&at(ip(1)), world.now);
    world.run(secs(600));
    assert_eq!(world.dials_to(ip(1)), 1);
}

/// A zone that pins sixteen thousand peers to one address, none of whom may join. Fails, by taking a
/// minute, if each of them is compared with all others.
#[test]
fn a_crowd_of_pins_at_one_address_is_turned_away_one_by_one() {
    let config = lowest(3).with_allowed_peers([PeerId::random()]).map_limits(|limits| {
        limits.with_records_per_answer(nz(20_000)).with_rejections_told(nz(1))
    });
    let mut world = World::new(config);
    let name = Name::from_ascii("_dnsaddr.peers.example.").expect("a name");
    let pinned = |_| {
        let text = format!("dnsaddr={}/p2p/{}", at(ip(1)), PeerId::random());
        Record::from_rdata(name.clone(), 30, RData::TXT(TXT::new(vec![text])))
    };
    let records = (0..16_000).map(pinned).collect();
    world.zone.insert(("_dnsaddr.peers.example.".into(), RecordType::TXT), Ok(records));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(3));
    assert_eq!(world.core.candidates().count(), 16_000);
    assert!(world.dials.is_empty());
}

/// One peer that may not join is one peer, however many addresses are pinned to it. Fails if each of them
/// is told.
#[test]
fn a_peer_that_may_not_join_is_told_once_whatever_is_pinned_to_it() {
    let [refused, other] = [PeerId::random(), PeerId::random()];
    let mut world = World::new(Config::new().with_allowed_peers([PeerId::random()]));
    let owner = "_dnsaddr.peers.example.";
    let text = |n, peer| txt_at(owner, &format!("dnsaddr={}/p2p/{peer}", at(nth(n))), 30);
    let mut texts: Vec<_> = (0..200).map(|n| text(n, refused)).collect();
    texts.push(text(0, other));
    world.zone.insert((owner.into(), RecordType::TXT), Ok(texts));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(600));
    let told = |w: &World, of| w.count(|e| matches!(e, Event::Refused { peer, .. } if *peer == of));
    assert_eq!((told(&world, refused), told(&world, other)), (1, 1));
    assert!(world.dials.is_empty());
    // All of them may be dialled once the peer may join.
    world.core.set_allowed_peers(None, world.now);
    world.set(nth(7), Host::Lives(refused));
    world.until(secs(60), "admitted", joined);
}
