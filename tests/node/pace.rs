//! When each question is asked again, and what comes of it: haste, back-off, aliases, and answers that come
//! late.

use crate::support::{
    DNS, Host, SERVICE, SRV_SOURCE, World, address_record, at, ip, key, lowest, nth, secs, srv_ttl,
};
use libp2p_dns_discovery::{
    Event, LookupError, Status,
    hickory_proto::rr::{Name, RData, Record, RecordType, rdata::CNAME},
};
use std::{net::IpAddr, time::Duration};
fn cname(from: &str, to: &str, ttl: u32) -> Record {
    Record::from_rdata(
        Name::from_ascii(from).unwrap(),
        ttl,
        RData::CNAME(CNAME(Name::from_ascii(to).unwrap())),
    )
}
fn failed(w: &World) -> Vec<String> {
    w.events
        .iter()
        .filter_map(|(at, e)| match e {
            Event::LookupFailed { error, failures, .. } => {
                Some(format!("{:?} {failures} {error}", *at - w.start))
            }
            _ => None,
        })
        .collect()
}

/// Both types are refused. Fails if an answer that is due ends the next refresh at once: "no answer in time".
#[test]
fn a_source_that_fails_for_hours_is_told_as_what_it_is() {
    let mut w = World::new(lowest(3));
    for of in [RecordType::A, RecordType::AAAA] {
        w.zone.insert(key("peers.example.", of), Err(LookupError::ServerFailed("x".into())));
    }
    w.source(DNS);
    w.run(secs(2 * 3600));
    assert!(failed(&w).iter().all(|f| !f.contains("time")), "time-outs told, none happened");
}

/// Fails if its failures are counted at the end of the alias: a look-up every 0.75 s.
#[test]
fn a_failure_at_the_end_of_an_alias_is_backed_off() {
    let mut w = World::new(lowest(3));
    w.live(ip(2));
    for of in [RecordType::A, RecordType::AAAA] {
        w.zone.insert(
            key("peers.example.", of),
            Ok(vec![cname("peers.example.", "end.example.", 300)]),
        );
    }
    w.zone.insert(
        key("end.example.", RecordType::A),
        Ok(vec![address_record("end.example.", ip(2), 300)]),
    );
    w.zone
        .insert(key("end.example.", RecordType::AAAA), Err(LookupError::ServerFailed("x".into())));
    w.source(DNS);
    w.run(secs(3600));
    assert!(w.queries.len() < 300, "{}", w.queries.len());
}

/// Nobody is met, so that all is asked for early; but not as early as what fails.
#[test]
fn haste_is_not_at_the_pace_of_a_question_that_fails() {
    for count in [1u32, 2000] {
        let mut w = World::new(lowest(3));
        let ips: Vec<IpAddr> = (1..=count).map(nth).collect();
        let records = ips.iter().map(|i| address_record("peers.example.", *i, 300)).collect();
        w.zone.insert(key("peers.example.", RecordType::A), Ok(records));
        w.zone.insert(
            key("peers.example.", RecordType::AAAA),
            Err(LookupError::ServerFailed("x".into())),
        );
        w.elsewhere = Host::Refuses;
        w.source(DNS);
        w.run(secs(40));
        let a: Vec<_> = w
            .queries
            .iter()
            .filter(|(_, q)| q.record_type == RecordType::A)
            .map(|(at, _)| *at - w.start)
            .collect();
        let least = a.windows(2).map(|pair| pair[1] - pair[0]).min();
        let allowed = secs(5).max(Duration::from_millis(10) * count);
        assert!(least.is_none_or(|least| least >= allowed), "{count} records: {least:?}");
    }
}

/// Pods of one deployment are named one after another, and the first answer lacks the last of them. It is used
/// before AAAA is answered, and its peer is verified by then. Fails without `StartUp::end`: the next look
/// comes after 30 s.
#[test]
fn a_pod_that_the_first_answer_lacks_is_met_within_seconds() {
    let mut world = World::new(lowest(3));
    world.slow.insert(key("peers.example.", RecordType::AAAA), Duration::from_millis(200));
    let (first, second) = (world.live(ip(1)), world.live(ip(2)));
    world.source(DNS);
    // Nothing is named yet.
    world.run(Duration::from_millis(300));
    world.name(&[ip(1)]);
    world.until(secs(2), "joined", |w| w.selected() == [first]);
    world.name(&[ip(1), ip(2)]);
    world.until(secs(8), "both", |w| w.selected().len() == 2);
    assert!(world.selected().contains(&second));
}

/// A pod that starts early is told of one other, for thirty seconds, and those that start after it connect.
/// Fails without `Presence::is_news`: the next look comes after 30 s.
#[test]
fn who_connects_from_an_unnamed_host_has_dns_asked_where_few_are_named() {
    let (mut world, peers) = World::with_peers(lowest(3), 1);
    world.until(secs(5), "joined", |w| w.selected() == peers);
    // Nothing else is to happen soon.
    world.run(secs(10));
    world.name(&[ip(1), ip(2), ip(3)]);
    let (second, _) = (world.live(ip(2)), world.live(ip(3)));
    world.accept(second, "/ip4/10.0.0.2/tcp/55555");
    world.run(secs(7));
    assert_eq!(world.selected().len(), 3);
}

/// Its targets are due before it has answered.
#[test]
fn a_service_that_is_slow_did_not_fail() {
    let mut w = World::new(lowest(3));
    w.zone.insert(
        key(SERVICE, RecordType::SRV),
        Ok(vec![srv_ttl("a.example.", 60), srv_ttl("b.example.", 60)]),
    );
    for (n, t, ttl) in [(1, "a.example.", 20), (2, "b.example.", 23)] {
        w.zone.insert(key(t, RecordType::A), Ok(vec![address_record(t, ip(n), ttl)]));
        w.live(ip(n));
    }
    w.source(SRV_SOURCE);
    w.run(secs(30));
    w.slow.insert(key(SERVICE, RecordType::SRV), Duration::from_millis(7500));
    w.run(secs(7200));
    assert!(failed(&w).is_empty());
}

/// A names only us, in a part of an answer; AAAA names only us. Fails if the node is alone, and if a haste
/// that is past begins again and again.
#[test]
fn a_part_is_no_whole_when_its_question_fails_later() {
    let mut wrong = vec![];
    for how in ["cut", "provisional"] {
        for then in ["earlier", "fails", "silent"] {
            let mut w = World::new(lowest(3));
            w.core.handle_listen_address(&at(ip(1)), w.now);
            w.core.handle_listen_address(&at(us6()), w.now);
            w.zone.insert(
                key("peers.example.", RecordType::A),
                Ok(vec![address_record("peers.example.", ip(1), 300)]),
            );
            w.zone.insert(
                key("peers.example.", RecordType::AAAA),
                Ok(vec![address_record("peers.example.", us6(), 5)]),
            );
            if how == "cut" {
                w.cut.insert(key("peers.example.", RecordType::A));
            } else {
                w.provisional.insert(key("peers.example.", RecordType::A));
            }
            w.source(DNS);
            if then != "earlier" {
                w.run(secs(3));
                if then == "fails" {
                    w.zone.insert(
                        key("peers.example.", RecordType::A),
                        Err(LookupError::ServerFailed("x".into())),
                    );
                } else {
                    w.silent.insert(key("peers.example.", RecordType::A));
                }
            }
            w.run(secs(600));
            assert!(w.queries.len() < 400, "{how}, {then}: {} look-ups", w.queries.len());
            if w.core.status() == Status::Alone {
                wrong.push((how, then));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_refresh_that_is_asked_for_does_not_wait_for_a_silent_type() {
    let mut w = World::new(lowest(3));
    w.live(ip(1));
    w.live(ip(2));
    w.name(&[ip(1)]);
    w.silent.insert(key("peers.example.", RecordType::AAAA));
    w.source(DNS);
    w.run(secs(2));
    w.name(&[1, 2].map(ip));
    w.core.refresh(w.now);
    let from = w.now;
    w.run_until(from + secs(100), |w| w.core.candidates().count() == 2);
    assert!(w.now - from < secs(5));
}

fn us6() -> IpAddr {
    IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))
}
