//! A part is not the whole: what one question, target, nested name or type does holds up, blinds and takes
//! along nobody else. Each of these failed on a code that decided for the whole.

use std::{net::IpAddr, time::Duration};

use libp2p_dns_discovery::{
    Event, LookupError, Status,
    hickory_proto::rr::{Name, RData, Record, RecordType},
};

use crate::support::{
    DNS, Host, SERVICE, SRV_SOURCE, World, address_record, at, gone, ip, joined, key, lowest,
    members, secs, srv, srv_ttl, txt_at, v6,
};

/// A silent type holds up the start of nobody, in the first refresh either.
#[test]
fn a_silent_type_holds_up_no_start() {
    let mut world = World::new(lowest(3));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.name(&[ip(1)]);
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.source(DNS);
    world.run(secs(3));
    world.live(ip(2));
    world.name(&[1, 2].map(ip));
    let from = world.now;
    world.until(secs(60), "joined", joined);
    assert!(world.now - from < secs(5), "{:?} after the second entry", world.now - from);
}

/// NXDOMAIN answers for the silent type: the name is asked for at the start-up pace.
#[test]
fn a_silent_type_holds_up_no_start_where_nothing_is_named_yet() {
    let mut worst = Duration::ZERO;
    for wait in [3, 22] {
        let mut world = World::new(lowest(3));
        world.core.handle_listen_address(&at(ip(1)), world.now);
        world.silent.insert(key("peers.example.", RecordType::AAAA));
        world.source(DNS);
        world.run(secs(wait));
        world.live(ip(2));
        world.name(&[1, 2].map(ip));
        let from = world.now;
        world.until(secs(120), "joined", joined);
        worst = worst.max(world.now - from);
    }
    assert!(worst < secs(5), "{worst:?} after the entries");
}

/// Each of them is new: none has been silent before.
#[test]
fn new_silent_targets_hold_up_no_departure() {
    let mut world = World::new(lowest(3));
    for n in 1..=3u8 {
        world.live(ip(n));
        let t = format!("t{n}.example.");
        world.zone.insert(key(&t, RecordType::A), Ok(vec![address_record(&t, ip(n), 5)]));
    }
    let set = |w: &mut World, t: &[String]| {
        w.zone.insert(key(SERVICE, RecordType::SRV), Ok(t.iter().map(|t| srv_ttl(t, 5)).collect()));
    };
    let base: Vec<String> = (1..=3).map(|n| format!("t{n}.example.")).collect();
    set(&mut world, &base);
    world.source(SRV_SOURCE);
    world.run(secs(60));
    let asked = world.queries.iter().filter(|(_, q)| q.record_type == RecordType::SRV).count();
    // Each 15 s another target that does not answer.
    for n in 0..20 {
        let mut t = base.clone();
        let new = format!("n{n}.example.");
        for of in [RecordType::A, RecordType::AAAA] {
            world.silent.insert(key(&new, of));
        }
        t.push(new);
        set(&mut world, &t);
        world.run(secs(15));
    }
    let srvs =
        world.queries.iter().filter(|(_, q)| q.record_type == RecordType::SRV).count() - asked;
    assert!(srvs >= 45, "{srvs}");
}

/// SRV from a cache with a long TTL, A answered anew every 5 s.
#[test]
fn a_cached_service_holds_up_no_departure_of_a_target() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    world.cached.insert(key(SERVICE, RecordType::SRV), (secs(3600), secs(0)));
    for (n, t) in [(1, "a.example."), (2, "b.example.")] {
        world.zone.insert(key(t, RecordType::A), Ok(vec![address_record(t, ip(n), 5)]));
        world.live(ip(n));
    }
    world.source(SRV_SOURCE);
    world.run(secs(60));
    // The pod behind b. has a new address.
    world.hosts.remove(&at(ip(2)));
    world.live(ip(3));
    world
        .zone
        .insert(key("b.example.", RecordType::A), Ok(vec![address_record("b.example.", ip(3), 5)]));
    let from = world.now;
    world.run_until(from + secs(7200), |w| !members(w).iter().any(|m| m.contains("10.0.0.2/")));
    assert!(
        world.now - from < secs(60),
        "left after {:?}; {:?}",
        world.now - from,
        members(&world)
    );
}

/// Both from caches with a TTL of 30 s, which were filled at different times.
#[test]
fn caches_out_of_phase_hold_up_no_departure() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    world.cached.insert(key(SERVICE, RecordType::SRV), (secs(30), secs(0)));
    for (n, t) in [(1, "a.example."), (2, "b.example.")] {
        world.zone.insert(key(t, RecordType::A), Ok(vec![address_record(t, ip(n), 30)]));
        world.cached.insert(key(t, RecordType::A), (secs(30), secs(15)));
        world.live(ip(n));
    }
    world.source(SRV_SOURCE);
    world.run(secs(60));
    world.hosts.remove(&at(ip(2)));
    world.live(ip(3));
    world.zone.insert(
        key("b.example.", RecordType::A),
        Ok(vec![address_record("b.example.", ip(3), 30)]),
    );
    let from = world.now;
    world.run_until(from + secs(7200), |w| !members(w).iter().any(|m| m.contains("10.0.0.2/")));
    assert!(
        world.now - from < secs(120),
        "left after {:?}; {:?}",
        world.now - from,
        members(&world)
    );
}

/// Fails if the second reply to one question counts as a repetition of the first.
#[test]
fn a_nested_name_under_two_pins_is_one_question() {
    let (p, q) = (libp2p::PeerId::random(), libp2p::PeerId::random());
    let root = "_dnsaddr.peers.example.";
    let nested = "_dnsaddr.n.example.";
    let mut world = World::new(lowest(3));
    let texts = [p, q].map(|id| txt_at(root, &format!("dnsaddr=/dnsaddr/n.example./p2p/{id}"), 30));
    world.zone.insert(key(root, RecordType::TXT), Ok(texts.to_vec()));
    let e = |n: u8, id| txt_at(nested, &format!("dnsaddr={}/p2p/{id}", at(ip(n))), 30);
    world.zone.insert(key(nested, RecordType::TXT), Ok(vec![e(1, p), e(2, q)]));
    world.hosts.insert(at(ip(1)), Host::Lives(p));
    world.hosts.insert(at(ip(2)), Host::Lives(q));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    assert_eq!(world.core.peers().count(), 2);
    world.hosts.remove(&at(ip(2)));
    world.zone.insert(key(nested, RecordType::TXT), Ok(vec![e(1, p), e(3, q)]));
    world.hosts.insert(at(ip(3)), Host::Lives(q));
    world.run(secs(7200));
    assert_eq!(members(&world).len(), 2, "{:?}", members(&world));
}

fn glued(
    world: &mut World,
    hosts: &[(&str, Option<IpAddr>, Option<IpAddr>)],
    glue_v4: usize,
    glue_v6: usize,
) {
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(hosts.iter().map(|(t, ..)| srv(t)).collect()));
    let mut glue = Vec::new();
    let mut left = (glue_v4, glue_v6);
    for (t, a, aaaa) in hosts {
        for (of, ip, left) in
            [(RecordType::A, a, &mut left.0), (RecordType::AAAA, aaaa, &mut left.1)]
        {
            match ip {
                Some(ip) => {
                    let r = address_record(t, *ip, 30);
                    if *left > 0 {
                        *left -= 1;
                        glue.push(r.clone());
                    }
                    world.zone.insert(key(t, of), Ok(vec![r]));
                }
                None => {
                    world.zone.insert(key(t, of), Err(LookupError::no_data(Some(secs(30)))));
                }
            }
        }
    }
    world.glue.insert(key(SERVICE, RecordType::SRV), glue);
}

/// The first target, by name, has one family; the others have two, and glue shows one.
#[test]
fn a_target_of_one_family_blinds_nobody() {
    let mut world = World::new(lowest(3));
    let hosts = [
        ("a.example.", Some(ip(1)), None),
        ("b.example.", Some(ip(2)), Some(v6(2))),
        ("c.example.", Some(ip(3)), Some(v6(3))),
    ];
    glued(&mut world, &hosts, 9, 0);
    world.source(SRV_SOURCE);
    world.run(secs(600));
    assert_eq!(world.core.candidates().count(), 5, "{:?}", members(&world));
}

/// The server leaves AAAA out of its glue from some day on.
#[test]
fn a_target_that_is_asked_in_place_of_all_and_fails_takes_nobody_along() {
    let mut world = World::new(lowest(3));
    let hosts = [
        ("a.example.", Some(ip(1)), Some(v6(1))),
        ("b.example.", Some(ip(2)), Some(v6(2))),
        ("c.example.", Some(ip(3)), Some(v6(3))),
    ];
    glued(&mut world, &hosts, 9, 9);
    for n in 1..=3u8 {
        world.live(ip(n));
        world.live(v6(n.into()));
    }
    world.source(SRV_SOURCE);
    world.run(secs(60));
    assert_eq!(world.core.candidates().count(), 6);
    // The server now leaves out AAAA glue, and one question fails.
    glued(&mut world, &hosts, 9, 0);
    world.zone.insert(key("a.example.", RecordType::AAAA), Err(LookupError::Refused));
    world.run(secs(300));
    assert_eq!((gone(&world), world.core.candidates().count()), (0, 6), "{:?}", members(&world));
}

/// A target fails for a while, and then has no address, once.
#[test]
fn failures_are_no_lack_of_an_address() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    world.zone.insert(
        key("a.example.", RecordType::A),
        Ok(vec![address_record("a.example.", ip(1), 30)]),
    );
    for of in [RecordType::A, RecordType::AAAA] {
        world.zone.insert(key("b.example.", of), Err(LookupError::ServerFailed("x".into())));
    }
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.source(SRV_SOURCE);
    world.run(secs(60));
    assert_eq!(world.core.status(), Status::Starting);
    for of in [RecordType::A, RecordType::AAAA] {
        world.zone.remove(&key("b.example.", of));
    }
    let asked = world.queries.len();
    let from = world.now;
    world.until(secs(120), "alone", |w| w.core.status() == Status::Alone);
    let srvs =
        world.queries[asked..].iter().filter(|(_, q)| q.record_type == RecordType::SRV).count();
    let first = world.queries[asked].0;
    assert!(
        world.now - first >= secs(9),
        "alone {:?} after the first NXDOMAIN, by {srvs} looks ({:?})",
        world.now - first,
        world.now - from
    );
}

#[test]
fn a_lack_of_an_address_from_a_cache_is_one_look() {
    let mut world = World::new(lowest(3));
    world
        .zone
        .insert(key(SERVICE, RecordType::SRV), Ok(vec![srv("a.example."), srv("b.example.")]));
    world.zone.insert(
        key("a.example.", RecordType::A),
        Ok(vec![address_record("a.example.", ip(1), 30)]),
    );
    for of in [RecordType::A, RecordType::AAAA] {
        world.zone.insert(key("b.example.", of), Err(LookupError::no_data(None)));
        world.cached.insert(key("b.example.", of), (secs(60), secs(0)));
    }
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.source(SRV_SOURCE);
    world.run(secs(55));
    assert_eq!(world.core.status(), Status::Starting, "the cache has answered once");
}

/// Another one takes the place of a target that has had no address for long.
#[test]
fn the_lack_of_one_target_is_not_that_of_another() {
    let mut world = World::new(lowest(3));
    let set = |w: &mut World, t: &[&str]| {
        w.zone.insert(key(SERVICE, RecordType::SRV), Ok(t.iter().map(|t| srv(t)).collect()));
    };
    set(&mut world, &["a.example.", "b.example."]);
    world.zone.insert(
        key("a.example.", RecordType::A),
        Ok(vec![address_record("a.example.", ip(1), 30)]),
    );
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.source(SRV_SOURCE);
    // c. takes the place of b. before b. is believed to be nobody.
    world.run(secs(9));
    assert_eq!(world.core.status(), Status::Starting);
    set(&mut world, &["a.example.", "c.example."]);
    let from = world.now;
    world.until(secs(120), "alone", |w| w.core.status() == Status::Alone);
    assert!(world.now - from >= secs(9), "alone {:?} after c. was named first", world.now - from);
}

/// A wildcard TXT record of another kind, behind a search domain that is dead.
#[test]
fn records_of_no_use_behind_a_failure_are_no_nothing() {
    let mut world = World::new(lowest(3));
    let owner = "_dnsaddr.peers.example.";
    world.zone.insert(key(owner, RecordType::TXT), Ok(vec![txt_at(owner, "v=spf1 -all", 30)]));
    world.provisional.insert(key(owner, RecordType::TXT));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(300));
    assert_eq!(world.core.status(), Status::Starting);
}

#[test]
fn an_alias_behind_a_failure_that_ends_in_nothing_is_no_nothing() {
    use libp2p_dns_discovery::hickory_proto::rr::rdata::CNAME;
    let mut world = World::new(lowest(3));
    let n = |s: &str| Name::from_ascii(s).unwrap();
    for of in [RecordType::A, RecordType::AAAA] {
        let c =
            Record::from_rdata(n("peers.example."), 30, RData::CNAME(CNAME(n("parked.example."))));
        world.zone.insert(key("peers.example.", of), Ok(vec![c]));
        world.provisional.insert(key("peers.example.", of));
    }
    world.source(DNS);
    world.run(secs(300));
    assert_eq!(world.core.status(), Status::Starting);
}

#[test]
fn nothing_behind_a_failure_is_no_answer() {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    let LookupError::Nothing(nothing) = LookupError::no_data(Some(secs(30))) else { panic!() };
    world.zone.insert(
        key("peers.example.", RecordType::AAAA),
        Err(LookupError::Nothing(nothing.with_provisional(true))),
    );
    world.source(DNS);
    world.run(secs(60));
    assert_eq!(world.core.status(), Status::Starting);
}

#[test]
fn an_alias_past_the_limit_is_no_nothing() {
    use libp2p_dns_discovery::{Config, Limits, hickory_proto::rr::rdata::CNAME};
    let n = |s: &str| Name::from_ascii(s).unwrap();
    let limits = Limits::new().with_lookups_per_refresh(crate::support::nz(2));
    let mut world = World::new(Config::new().with_limits(limits));
    for of in [RecordType::A, RecordType::AAAA] {
        let c = Record::from_rdata(n("peers.example."), 30, RData::CNAME(CNAME(n("b.example."))));
        world.zone.insert(key("peers.example.", of), Ok(vec![c]));
    }
    world.zone.insert(
        key("b.example.", RecordType::A),
        Ok(vec![address_record("b.example.", ip(1), 30)]),
    );
    world.source(DNS);
    world.run(secs(300));
    assert_eq!(world.core.status(), Status::Starting);
}

/// Fails if a refresh that ends early takes its look-ups along.
#[test]
fn a_type_that_was_silent_and_is_slow_is_heard() {
    for latency in [1, 3, 7] {
        let mut world = World::new(lowest(3));
        world.name(&[ip(1)]);
        world.core.handle_listen_address(&at(ip(1)), world.now);
        world.silent.insert(key("peers.example.", RecordType::AAAA));
        world.source(DNS);
        world.run(secs(30));
        world.silent.clear();
        world.slow.insert(key("peers.example.", RecordType::AAAA), secs(latency));
        world.name_v6(v6(2));
        world.live(v6(2));
        let from = world.now;
        world.run_until(from + secs(3600), joined);
        assert!(
            world.now - from < secs(300),
            "latency {latency}: {:?} {:?}",
            world.now - from,
            world.core.status()
        );
    }
}

/// It takes longer than the TTL of the other.
#[test]
fn a_slow_type_beside_a_short_ttl_is_heard() {
    let mut world = World::new(lowest(3));
    world.zone.insert(
        key("peers.example.", RecordType::A),
        Ok(vec![address_record("peers.example.", ip(1), 5)]),
    );
    world.live(ip(1));
    world.name_v6(v6(2));
    world.live(v6(2));
    world.slow.insert(key("peers.example.", RecordType::AAAA), secs(7));
    world.source(DNS);
    world.run(secs(60));
    assert_eq!(world.core.candidates().count(), 2);
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.run(secs(40));
    world.silent.clear();
    world.live(v6(3));
    world.name_v6(v6(3));
    world.run(secs(3600));
    assert!(members(&world).iter().any(|m| m.contains("fd00::3")), "{:?}", members(&world));
}

/// Fails if all others are asked along: four to fifty times as many look-ups.
#[test]
fn one_question_is_asked_often_and_the_others_are_not() {
    let mut counts = Vec::new();
    for case in ["all well", "one fails for ever", "one with TTL 5", "one never answered"] {
        let mut world = World::new(lowest(3));
        let targets: Vec<String> = (1..=40).map(|n| format!("t{n}.example.")).collect();
        world.zone.insert(
            key(SERVICE, RecordType::SRV),
            Ok(targets.iter().map(|t| srv_ttl(t, 300)).collect()),
        );
        for (n, t) in (1u8..).zip(&targets) {
            world.live(ip(n));
            world.zone.insert(key(t, RecordType::A), Ok(vec![address_record(t, ip(n), 300)]));
            world.zone.insert(key(t, RecordType::AAAA), Err(LookupError::no_data(Some(secs(300)))));
        }
        if case == "one never answered" {
            for of in [RecordType::A, RecordType::AAAA] {
                world.zone.insert(key("t7.example.", of), Err(LookupError::Refused));
            }
        }
        world.source(SRV_SOURCE);
        world.run(secs(60));
        if case == "one fails for ever" {
            world.zone.insert(key("t7.example.", RecordType::A), Err(LookupError::Refused));
        }
        if case == "one with TTL 5" {
            world.zone.insert(
                key("t7.example.", RecordType::A),
                Ok(vec![address_record("t7.example.", ip(7), 5)]),
            );
        }
        world.run(secs(600));
        let asked = world.queries.len();
        world.run(secs(3600));
        counts.push((case, world.queries.len() - asked));
    }
    assert!(counts.iter().all(|(_, n)| *n < 3 * counts[0].1), "{counts:?}");
}

#[test]
fn a_type_that_counts_as_nothing_is_asked_with_back_off() {
    let mut world = World::new(lowest(3));
    let a = address_record("peers.example.", ip(1), 5);
    world.zone.insert(key("peers.example.", RecordType::A), Ok(vec![a]));
    world.live(ip(1));
    world.silent.insert(key("peers.example.", RecordType::AAAA));
    world.source(DNS);
    world.run(secs(600));
    let asked = world.queries.len();
    world.run(secs(3600));
    let n =
        world.queries[asked..].iter().filter(|(_, q)| q.record_type == RecordType::AAAA).count();
    assert!(n <= 130, "{n} in an hour: one in 30 s or less is back-off up to a minute");
}

/// The nested name fails together with a type below it.
#[test]
fn what_was_answered_below_a_failure_is_remembered() {
    let mut world = World::new(lowest(3));
    let root = "_dnsaddr.peers.example.";
    let nested = "_dnsaddr.n.example.";
    world.zone.insert(
        key(root, RecordType::TXT),
        Ok(vec![txt_at(root, "dnsaddr=/dnsaddr/n.example.", 30)]),
    );
    let entry = Ok(vec![txt_at(nested, "dnsaddr=/dns/h.example./tcp/4001", 30)]);
    world.zone.insert(key(nested, RecordType::TXT), entry.clone());
    world.zone.insert(
        key("h.example.", RecordType::A),
        Ok(vec![address_record("h.example.", ip(1), 30)]),
    );
    world.zone.insert(
        key("h.example.", RecordType::AAAA),
        Ok(vec![address_record("h.example.", v6(1), 30)]),
    );
    world.live(ip(1));
    world.live(v6(1));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    assert_eq!(world.core.candidates().count(), 2);
    world.zone.insert(key("h.example.", RecordType::AAAA), Err(LookupError::Refused));
    world.zone.insert(key(nested, RecordType::TXT), Err(LookupError::Refused));
    world.run(secs(40));
    world.zone.insert(key(nested, RecordType::TXT), entry);
    world.run(secs(3600));
    assert_eq!((gone(&world), world.core.candidates().count()), (0, 2), "{:?}", members(&world));
}

#[test]
fn a_name_to_which_two_lead_stays_while_one_of_them_fails() {
    let mut world = World::new(lowest(3));
    let d = |n: &str| format!("_dnsaddr.{n}.example.");
    let root = d("peers");
    world.zone.insert(
        key(&root, RecordType::TXT),
        Ok(["m", "n"]
            .map(|n| txt_at(&root, &format!("dnsaddr=/dnsaddr/{n}.example."), 30))
            .to_vec()),
    );
    for n in ["m", "n"] {
        world.zone.insert(
            key(&d(n), RecordType::TXT),
            Ok(vec![txt_at(&d(n), "dnsaddr=/dnsaddr/x.example.", 30)]),
        );
    }
    world.zone.insert(
        key(&d("x"), RecordType::TXT),
        Ok(vec![txt_at(&d("x"), &format!("dnsaddr={}", at(ip(1))), 30)]),
    );
    world.live(ip(1));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    assert_eq!(world.core.candidates().count(), 1);
    // m. no longer leads there; n., which did, fails.
    world.zone.insert(
        key(&d("m"), RecordType::TXT),
        Ok(vec![txt_at(&d("m"), &format!("dnsaddr={}", at(ip(9))), 30)]),
    );
    world.zone.insert(key(&d("n"), RecordType::TXT), Err(LookupError::Refused));
    world.run(secs(300));
    assert!(members(&world).iter().any(|m| m.contains("10.0.0.1/")), "{:?}", members(&world));
}

/// Eight of a hundred, chosen at random, in each answer.
#[test]
fn a_type_that_fails_does_not_hide_that_the_other_is_sampled() {
    for fails in [false, true] {
        let mut world = World::new(lowest(3));
        for n in 1..=100 {
            world.live(ip(n));
        }
        world.live(v6(1));
        world.name_v6(v6(1));
        let mut rng = fastrand::Rng::with_seed(1);
        let all: Vec<_> = (1..=100).map(ip).collect();
        let mut sample = |w: &mut World, s: u64| {
            for _ in 0..s {
                let eight: Vec<_> = rng.choose_multiple(all.iter().copied(), 8);
                w.name(&eight);
                w.run(secs(1));
            }
        };
        world.name(&all[..8]);
        world.source(DNS);
        world.run(secs(1));
        if fails {
            world.zone.insert(key("peers.example.", RecordType::AAAA), Err(LookupError::Refused));
        }
        sample(&mut world, 3600);
        let turns = world.count(|e| matches!(e, Event::Sampled { .. }));
        assert!(turns == 1, "fails {fails}: departed {}", gone(&world));
    }
}

#[test]
fn glue_from_a_cache_is_one_look() {
    let mut world = World::new(lowest(3));
    let t = "a.example.";
    world.zone.insert(key(SERVICE, RecordType::SRV), Ok(vec![srv_ttl(t, 5)]));
    world.zone.insert(key(t, RecordType::AAAA), Err(LookupError::no_data(Some(secs(30)))));
    let glue = |w: &mut World, n: &[u8], ttl| {
        w.glue.insert(
            key(SERVICE, RecordType::SRV),
            n.iter().map(|n| address_record(t, ip(*n), ttl)).collect(),
        );
    };
    glue(&mut world, &[1, 2], 5);
    for n in 1..=2 {
        world.live(ip(n));
    }
    world.source(SRV_SOURCE);
    world.run(secs(60));
    for s in 0..58 {
        glue(&mut world, &[1], 60 - s);
        world.run(secs(1));
    }
    assert_eq!(gone(&world), 0, "the cache has answered once");
}

/// Thousands of records, of which the filter lets none through.
#[test]
fn haste_goes_by_the_records() {
    let mut world = World::new(lowest(3));
    let all: Vec<IpAddr> =
        (0..4000u32).map(|n| std::net::Ipv4Addr::from(0x7f00_0002 + n).into()).collect();
    world.name(&all);
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(400));
    assert!(world.queries.len() <= 11, "{}", world.queries.len());
}

#[test]
fn an_address_is_named_without_a_pin_while_the_one_with_a_pin_fails() {
    let mut world = World::new(lowest(3));
    let d = |n: &str| format!("_dnsaddr.{n}.example.");
    let old = libp2p::PeerId::random();
    let root = d("peers");
    world.zone.insert(
        key(&root, RecordType::TXT),
        Ok(vec![
            txt_at(&root, &format!("dnsaddr={}", at(ip(1))), 30),
            txt_at(&root, "dnsaddr=/dnsaddr/n.example.", 30),
        ]),
    );
    world.zone.insert(
        key(&d("n"), RecordType::TXT),
        Ok(vec![txt_at(&d("n"), &format!("dnsaddr={}/p2p/{old}", at(ip(1))), 30)]),
    );
    world.hosts.insert(at(ip(1)), Host::Lives(old));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    world.zone.insert(key(&d("n"), RecordType::TXT), Err(LookupError::Refused));
    let new = world.live(ip(1));
    let c: Vec<_> = world.connections.iter().map(|(c, p, _)| (*c, *p)).collect();
    for (c, p) in c {
        world.close(c, p, true);
    }
    world.run(secs(7200));
    assert!(world.core.addresses_of(&new).next().is_some(), "{:?}", members(&world));
}

/// NXDOMAIN for one type, and an address by the other.
#[test]
fn no_such_name_beside_an_address_is_no_departure() {
    for with_v6 in [false, true] {
        let mut world = World::new(lowest(3));
        world.name(&[1, 2].map(ip));
        if with_v6 {
            world.name_v6(v6(1));
            world.live(v6(1));
        }
        for n in 1..=2 {
            world.live(ip(n));
        }
        world.source(DNS);
        world.run(secs(60));
        world.fail(LookupError::nx_domain(Some(secs(5))));
        world.run(secs(600));
        assert_eq!(gone(&world), 0);
    }
}

#[test]
fn a_name_that_is_nested_too_deep_holds_up_no_departure() {
    let mut world = World::new(lowest(3));
    let d = |n: &str| format!("_dnsaddr.{n}.example.");
    let root = d("peers");
    let set = |w: &mut World, n: &[u8]| {
        let mut t: Vec<_> =
            n.iter().map(|n| txt_at(&root, &format!("dnsaddr={}", at(ip(*n))), 30)).collect();
        t.push(txt_at(&root, "dnsaddr=/dnsaddr/n1.example.", 30));
        w.zone.insert(key(&root, RecordType::TXT), Ok(t));
    };
    for n in 1..=5 {
        let o = d(&format!("n{n}"));
        world.zone.insert(
            key(&o, RecordType::TXT),
            Ok(vec![txt_at(&o, &format!("dnsaddr=/dnsaddr/n{}.example.", n + 1), 30)]),
        );
    }
    set(&mut world, &[1, 2]);
    world.live(ip(1));
    world.live(ip(2));
    world.source("/dnsaddr/peers.example.");
    world.run(secs(60));
    set(&mut world, &[1]);
    world.run(secs(3600));
    assert!(!members(&world).iter().any(|m| m.contains("10.0.0.2/")), "{:?}", members(&world));
}

#[test]
fn the_dead_leave_also_where_look_ups_are_past_the_limit() {
    use libp2p_dns_discovery::{Config, Limits};
    let mut world = World::new(
        Config::new().with_limits(Limits::new().with_lookups_per_refresh(crate::support::nz(5))),
    );
    let set = |w: &mut World, t: &[&str]| {
        w.zone.insert(key(SERVICE, RecordType::SRV), Ok(t.iter().map(|t| srv(t)).collect()));
    };
    for (n, t) in (1u8..).zip(["a.", "b.", "c."]) {
        world.live(ip(n));
        world.zone.insert(key(t, RecordType::A), Ok(vec![address_record(t, ip(n), 30)]));
        world.zone.insert(key(t, RecordType::AAAA), Err(LookupError::no_data(Some(secs(30)))));
    }
    set(&mut world, &["b.", "c."]);
    world.source(SRV_SOURCE);
    world.run(secs(60));
    set(&mut world, &["a.", "b.", "c."]);
    world.hosts.remove(&at(ip(3)));
    world.run(secs(24 * 3600));
    assert!(!members(&world).iter().any(|m| m.contains("10.0.0.3/")), "{:?}", members(&world));
}

/// A name is reached by a long way and by a short one, which is slower. Fails if the first one counts.
#[test]
fn the_order_of_answers_does_not_decide_how_far_names_lead() {
    let mut found = Vec::new();
    for slow in [false, true] {
        let mut world = World::new(lowest(3));
        let d = |n: &str| format!("_dnsaddr.{n}.example.");
        let mut put = |n: &str, to: &[&str]| {
            let o = d(n);
            world.zone.insert(
                key(&o, RecordType::TXT),
                Ok(to.iter().map(|t| txt_at(&o, &format!("dnsaddr={t}"), 30)).collect()),
            );
        };
        put("peers", &["/dnsaddr/n1.example.", "/dnsaddr/s.example."]);
        put("n1", &["/dnsaddr/n2.example."]);
        put("n2", &["/dnsaddr/n3.example."]);
        put("n3", &["/dnsaddr/x.example."]);
        put("s", &["/dnsaddr/x.example."]);
        put("x", &["/dnsaddr/y.example."]);
        put("y", &[&at(ip(1)).to_string()]);
        if slow {
            world.slow.insert(key(&d("s"), RecordType::TXT), Duration::from_millis(20));
        }
        world.source("/dnsaddr/peers.example.");
        world.run(secs(60));
        found.push(members(&world));
    }
    assert_eq!(found[0], [at(ip(1)).to_string()]);
    assert_eq!(found[0], found[1]);
}
