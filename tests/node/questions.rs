//! One question is not another: what one of them names is used, whatever becomes of the others.

use std::time::Duration;

use libp2p_dns_discovery::{
    Event, LookupError, Status,
    hickory_proto::rr::{Name, RData, Record, RecordType, rdata::TXT},
};

use crate::support::{
    DNS, Host, SERVICE, World, address_record, at, gone, ip, joined, key, lowest, secs, srv,
};

fn txt(text: &str) -> Record {
    let name = Name::from_ascii("_dnsaddr.peers.example.").expect("a name");
    Record::from_rdata(name, 30, RData::TXT(TXT::new(vec![text.to_owned()])))
}

/// Fails on the code that waits for the whole refresh: after 20 s.
#[test]
fn an_answer_is_used_while_another_type_is_silent() {
    let mut world = World::new(lowest(3));
    world.name(&[1, 2].map(ip));
    world.live(ip(1));
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.source(DNS);
    world.until(Duration::from_millis(100), "by A", joined);
}

/// Fails on the code that waits for the whole refresh: after 20 s.
#[test]
fn a_target_is_used_while_another_one_is_silent() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    let a = address_record("a.example.", ip(1), 30);
    world.zone.insert(key("a.example.", RecordType::A), Ok(vec![a]));
    for record_type in [RecordType::A, RecordType::AAAA] {
        world.silent.insert(key("b.example.", record_type));
    }
    world.live(ip(1));
    world.source("srv:_p2p._tcp.peers.example.");
    world.until(Duration::from_millis(100), "by the first target", joined);
}

/// Fails on the code that waits for the whole refresh: after 20 s.
#[test]
fn a_text_is_used_while_the_name_in_another_one_is_silent() {
    let mut world = World::new(lowest(3));
    let texts =
        vec![txt(&format!("dnsaddr={}", at(ip(1)))), txt("dnsaddr=/dnsaddr/other.example.")];
    world.zone.insert(key("_dnsaddr.peers.example.", RecordType::TXT), Ok(texts));
    world.silent.insert(key("_dnsaddr.other.example.", RecordType::TXT));
    world.live(ip(1));
    world.source("/dnsaddr/peers.example.");
    world.until(Duration::from_millis(100), "by the first text", joined);
}

/// What has come so far is no answer: nothing departs for it, and it is told once.
#[test]
fn a_part_of_a_refresh_takes_nothing_away_and_repeats_nothing() {
    let mut world = World::new(lowest(3));
    world.name(&[1, 2].map(ip));
    for n in 1..=2 {
        world.live(ip(n));
    }
    let v6 = "fd00::1".parse().expect("an address");
    world.name_v6(v6);
    world.live(v6);
    world.source(DNS);
    world.run(secs(5));
    let told = |w: &World| w.count(|e| matches!(e, Event::Resolved { .. }));
    assert_eq!(told(&world), 1);
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.run(secs(300));
    assert!(told(&world) <= 2, "told that the answer is not whole: {}", told(&world));
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
    assert_eq!(world.core.peers().count(), 3);
}

/// Fails on the code of before: `Starting` for ever.
#[test]
fn a_lone_node_is_alone_where_the_server_cannot_speak_of_a_type() {
    for error in [LookupError::Refused, LookupError::ServerFailed("NOTIMP".into())] {
        let mut world = World::new(lowest(3));
        world.name(&[ip(1)]);
        world.core.handle_listen_address(&at(ip(1)), world.now);
        world.zone.insert(key("peers.example.", RecordType::AAAA), Err(error));
        world.source(DNS);
        world.run(secs(5));
        assert_eq!(world.core.status(), Status::Starting, "it may be a moment's failure");
        world.until(secs(20), "alone", |w| w.core.status() == Status::Alone);
    }
}

/// Fails on the code of before: they stay for ever.
#[test]
fn members_leave_where_the_server_cannot_speak_of_a_type() {
    let mut world = World::new(lowest(3));
    world.name(&[1, 2].map(ip));
    world.live(ip(1));
    world.live(ip(2));
    let failed = LookupError::ServerFailed("SERVFAIL".into());
    world.zone.insert(key("peers.example.", RecordType::AAAA), Err(failed));
    world.source(DNS);
    world.run(secs(200));
    world.name(&[ip(1)]);
    let departed = |w: &World| w.count(|e| matches!(e, Event::Departed { .. })) == 1;
    world.until(secs(120), "departed", departed);
}

/// A type that was answered once keeps what it named, however long it fails.
#[test]
fn a_type_that_fails_later_keeps_what_it_named() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.live(ip(1));
    let v6 = "fd00::1".parse().expect("an address");
    world.name_v6(v6);
    world.live(v6);
    world.source(DNS);
    world.run(secs(60));
    world.zone.insert(key("peers.example.", RecordType::AAAA), Err(LookupError::Refused));
    world.run(secs(3_600));
    assert_eq!(world.core.peers().count(), 2);
    assert_eq!(world.count(|e| matches!(e, Event::Departed { .. })), 0);
}

/// Fails on the code of before: alone, and ready, after some milliseconds.
#[test]
fn a_target_without_an_address_is_somebody_until_nothing_would_be_believed() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    let a = address_record("a.example.", ip(1), 30);
    world.zone.insert(key("a.example.", RecordType::A), Ok(vec![a]));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.set(ip(1), Host::Lives(world.local));
    world.source("srv:_p2p._tcp.peers.example.");
    world.run(secs(9));
    assert_eq!(world.core.status(), Status::Starting);
    world.until(secs(10), "alone", |w| w.core.status() == Status::Alone);
}

/// What was said of a type once is no less true because it is not said again. Fails if `Alone` takes a
/// whole answer each time: `Starting`, and not ready, for as long as AAAA fails.
#[test]
fn a_lone_ready_node_stays_so_while_a_type_fails_for_a_time() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.zone.insert(key("peers.example.", RecordType::AAAA), Err(LookupError::no_data(None)));
    world.source(DNS);
    world.until(secs(20), "alone", |w| w.core.status() == Status::Alone);
    world.zone.insert(key("peers.example.", RecordType::AAAA), Err(LookupError::TimedOut));
    world.run(secs(3_600));
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.run(secs(3_600));
    assert_eq!(world.statuses().last(), Some(&Status::Alone));
    let alone = world.statuses().iter().filter(|status| **status == Status::Alone).count();
    assert_eq!(alone, 1, "it was all the while: {:?}", world.statuses());
}

/// A first pod whose entry the platform takes back before a whole answer came. Fails if only whole
/// answers count once anything was named: `Starting` for ever.
#[test]
fn a_lone_node_is_alone_where_its_own_entry_came_in_part_and_left() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.zone.insert(key("peers.example.", RecordType::AAAA), Err(LookupError::Refused));
    world.source(DNS);
    world.run(secs(3));
    world.zone.clear();
    world.until(secs(60), "alone", |w| w.core.status() == Status::Alone);
}

/// A type that was silent for long is heard when it speaks again, also some time after the others.
#[test]
fn a_type_that_counts_as_nothing_is_heard_when_it_is_answered_again() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.live(ip(1));
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.source(DNS);
    world.run(secs(400));
    let v6 = "fd00::1".parse().expect("an address");
    let peer = world.live(v6);
    world.name_v6(v6);
    world.silent.clear();
    world.latency = Duration::from_millis(200);
    let is_met = |w: &World| w.core.addresses_of(&peer).next().is_some();
    world.until(secs(60), "the other family", is_met);
}

/// The AAAA records of `peers.example.`, of which there is one.
fn aaaa(
    reply: Result<Vec<Record>, LookupError>,
) -> ((String, RecordType), Result<Vec<Record>, LookupError>) {
    (key("peers.example.", RecordType::AAAA), reply)
}

/// Two hosts with IPv4 and one with IPv6, all of them met.
fn dual_stack() -> World {
    let mut world = World::new(lowest(3));
    world.name(&[1, 2].map(ip));
    let v6 = "fd00::1".parse().expect("an address");
    world.name_v6(v6);
    for ip in [ip(1), ip(2), v6] {
        world.live(ip);
    }
    world.source(DNS);
    world.run(secs(60));
    assert_eq!(world.core.peers().count(), 3);
    world
}

/// Fails on the code that judges a refresh as a whole: the member of the type that is answered stays
/// for as long as the other type fails.
#[test]
fn a_type_that_was_answered_and_fails_holds_back_no_other() {
    for failure in [LookupError::Refused, LookupError::TimedOut] {
        let mut world = dual_stack();
        world.zone.extend([aaaa(Err(failure))]);
        world.name(&[ip(1)]);
        world.until(secs(120), "the other type's member leaves", |w| gone(w) == 1);
        world.run(secs(600));
        assert_eq!((gone(&world), world.core.peers().count()), (1, 2), "and no other");
    }
}

/// Fails on the code that judges a refresh as a whole.
#[test]
fn a_target_that_was_answered_and_fails_holds_back_no_other() {
    let mut world = World::new(lowest(3));
    let targets = ["a.example.", "b.example.", "c.example."];
    let services = |targets: &[&str]| {
        (key(SERVICE, RecordType::SRV), Ok(targets.iter().map(|target| srv(target)).collect()))
    };
    world.zone.extend([services(&targets)]);
    for (n, target) in (1..).zip(targets) {
        let address = address_record(target, ip(n), 30);
        world.zone.insert(key(target, RecordType::A), Ok(vec![address]));
        world.live(ip(n));
    }
    world.source("srv:_p2p._tcp.peers.example.");
    world.run(secs(60));
    assert_eq!(world.core.peers().count(), 3);
    world.zone.insert(key("b.example.", RecordType::A), Err(LookupError::TimedOut));
    world.zone.extend([services(&targets[1..])]);
    world.until(secs(120), "the target that is gone leaves", |w| gone(w) == 1);
    world.run(secs(600));
    assert_eq!((gone(&world), world.core.peers().count()), (1, 2), "and no other");
}

/// A cache answers A, from which a member is missing, and its TTL falls; AAAA is answered anew each
/// time. Fails on the code that takes each refresh of both for a look of its own.
#[test]
fn a_cached_type_beside_a_short_lived_one_is_one_look() {
    let mut world = dual_stack();
    let v6 = address_record("peers.example.", "fd00::1".parse().expect("an address"), 0);
    world.zone.extend([aaaa(Ok(vec![v6]))]);
    world.name(&[1, 2].map(ip));
    world.run(secs(40));
    for second in 0..60 {
        let cached = address_record("peers.example.", ip(1), 60 - second);
        world.zone.insert(key("peers.example.", RecordType::A), Ok(vec![cached]));
        world.run(secs(1));
    }
    assert_eq!(gone(&world), 0, "the cache has answered once");
    world.name(&[ip(1)]);
    world.until(secs(60), "the second look", |w| gone(w) == 1);
}

/// Fails on the code that plans the next refresh at the end of the last one: one question a minute.
#[test]
fn a_type_is_asked_for_at_its_ttl_while_another_is_silent() {
    let mut world = dual_stack();
    let short = address_record("peers.example.", ip(1), 5);
    world.zone.insert(key("peers.example.", RecordType::A), Ok(vec![short]));
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.run(secs(60));
    let count = |world: &World, of| {
        world.queries.iter().filter(|(_, query)| query.record_type == of).count()
    };
    let before = [RecordType::A, RecordType::AAAA].map(|of| count(&world, of));
    world.run(secs(300));
    let asked = count(&world, RecordType::A) - before[0];
    assert!((45..=61).contains(&asked), "{asked} questions for A in 300 s");
    let asked = count(&world, RecordType::AAAA) - before[1];
    assert!((3..=15).contains(&asked), "{asked} questions for AAAA in 300 s, with back-off");
}

/// Fails on the code that asks again at the TTL of what was answered: after five minutes.
#[test]
fn a_type_that_fails_is_asked_again_before_the_others_are_due() {
    let mut world = dual_stack();
    for (record_type, ip) in
        [(RecordType::A, ip(1)), (RecordType::AAAA, "fd00::1".parse().expect("an address"))]
    {
        let long = address_record("peers.example.", ip, 300);
        world.zone.insert(key("peers.example.", record_type), Ok(vec![long]));
    }
    world.run(secs(60));
    world.zone.extend([aaaa(Err(LookupError::ServerFailed("a restart".into())))]);
    let asked = world.queries.len();
    world.until(secs(400), "the next refresh", |w| w.queries.len() > asked);
    world.run(secs(1));
    let v6 = "fd00::2".parse().expect("an address");
    let peer = world.live(v6);
    world.name_v6(v6);
    let is_met = |w: &World| w.core.addresses_of(&peer).next().is_some();
    world.until(secs(10), "the other family", is_met);
}

/// Fails on the code that waits for the silent type: the second pod is met 20 s later.
#[test]
fn a_second_pod_is_met_soon_while_a_type_is_silent() {
    let mut world = World::new(lowest(3));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.name(&[ip(1)]);
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.source(DNS);
    for later in 3..8 {
        world.run(secs(later));
        assert_eq!(world.core.status(), Status::Starting);
    }
    world.live(ip(2));
    world.name(&[1, 2].map(ip));
    world.until(secs(5), "the second pod", joined);
}

/// Behind a NAT, a node learns by a dial that the one named address is its own. Fails on the code that
/// looks again at the TTL: 30 s later.
#[test]
fn a_second_pod_is_met_soon_by_a_node_that_learnt_its_own_address_by_a_dial() {
    let mut world = World::new(lowest(3));
    world.core.handle_listen_address(&at(ip(200)), world.now);
    world.name(&[ip(1)]);
    world.set(ip(1), Host::Lives(world.local));
    world.source(DNS);
    world.run(secs(3));
    world.live(ip(2));
    world.name(&[1, 2].map(ip));
    world.until(secs(3), "the second pod", joined);
}

/// Two name servers with different views, of which neither names another pod. Fails if each change
/// begins the start-up pace again: a look-up every half a second, for ever.
#[test]
fn answers_that_alternate_are_not_asked_for_at_the_start_up_pace_for_ever() {
    let mut world = World::new(lowest(3));
    for n in 1..=2 {
        world.core.handle_listen_address(&at(ip(n)), world.now);
    }
    world.source("/dns4/peers.example./tcp/4001");
    let alternate = |world: &mut World| {
        let asked = world.queries.len();
        for second in 0..300_u16 {
            world.name(&[ip(1 + (second % 2) as u8)]);
            world.run(secs(1));
        }
        world.queries.len() - asked
    };
    alternate(&mut world);
    let asked = alternate(&mut world);
    assert!(asked <= 75, "{asked} look-ups in 300 s");
}

/// SRV names this node by two targets, with glue of one family. Fails if the addresses that are not asked
/// for in place of all count as missing: `Starting`, and not ready, for ever.
#[test]
fn a_lone_node_under_two_targets_of_one_family_is_alone() {
    let mut world = World::new(lowest(3));
    let targets = ["a.example.", "b.example."];
    let records = targets.iter().map(|target| srv(target)).collect();
    world.zone.insert(key(SERVICE, RecordType::SRV), Ok(records));
    let glue = (1..).zip(targets).map(|(n, target)| address_record(target, ip(n), 30)).collect();
    world.glue.insert(key(SERVICE, RecordType::SRV), glue);
    for (n, target) in (1..).zip(targets) {
        world.core.handle_listen_address(&at(ip(n)), world.now);
        world.zone.insert(key(target, RecordType::AAAA), Err(LookupError::no_data(None)));
    }
    world.source("srv:_p2p._tcp.peers.example.");
    world.until(secs(20), "alone", |w| w.core.status() == Status::Alone);
}
