//! Forged replies, servers that fail, and the search list.

use std::{num::NonZeroU32, time::Duration};

use hickory_proto::{
    dnssec::rdata::{DNSSECRData, NSEC},
    op::ResponseCode,
    rr::{Name, RData, Record, RecordType, rdata::SOA},
};
use libp2p_dns_discovery::{LookupError, Proof, hickory_proto, resolver::hickory::HickoryResolver};

use super::{
    answers::{PATIENT, ask, assert_bogus, members, resolver, srv, tree},
    server::{Forgery, Server},
    zones::{Denial, Key, Zone, address, name},
};

const DENIED: &str = "the denial of peers.test.";

fn record(owner: &str, data: RData) -> Record {
    Record::from_rdata(name(owner), 300, data)
}

fn soa(owner: &str) -> Record {
    record(owner, RData::SOA(SOA::new(name(owner), name(owner), 1, 7200, 1800, 86_400, 60)))
}

fn nsec(owner: &str, next: &str) -> Record {
    let types = [RecordType::A, RecordType::NSEC, RecordType::RRSIG];
    record(owner, RData::DNSSEC(DNSSECRData::NSEC(NSEC::new(name(next), types))))
}

/// Says that `peers.test.` does not exist, with these for a proof.
fn deny_peers(server: &Server, authorities: Vec<Record>) {
    let forgery = Forgery { code: Some(ResponseCode::NXDomain), authorities, ..Forgery::default() };
    server.forge(move |owner, _| (*owner == name("peers.test.")).then(|| forgery.clone()));
}

/// Fails at questions of a type, or at all questions about a name.
fn fail(
    server: &Server,
    code: ResponseCode,
    which: impl Fn(&Name, RecordType) -> bool + Send + Sync + 'static,
) {
    server.forge(move |owner, record_type| {
        which(owner, record_type).then(|| Forgery { code: Some(code), ..Forgery::default() })
    });
}

#[tokio::test]
async fn a_denial_without_a_proof_is_bogus() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    for authorities in [Vec::new(), vec![soa("test.")], vec![nsec("a.test.", "z.test.")]] {
        deny_peers(&server, authorities);
        assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, DENIED);
    }
}

#[tokio::test]
async fn a_denial_by_another_zone_is_bogus() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    // Rightly unsigned: hickory-net alone would take the denial as that of an insecure zone.
    let unsigned = vec![soa("insecure.test."), nsec("insecure.test.", "peers.insecure.test.")];
    for authorities in [unsigned[..1].to_vec(), unsigned] {
        deny_peers(&server, authorities);
        assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, DENIED);
    }
}

#[tokio::test]
async fn a_denial_of_another_name_is_bogus() {
    let key = Key::new("test.");
    let mut zone = members(Zone::new("test.")).signed(&[&key]);
    let mut authorities = zone.records("@", RecordType::SOA);
    authorities.extend(zone.records("alias", RecordType::NSEC));
    let server = Server::start([zone]).await;
    deny_peers(&server, authorities);
    let resolver = resolver(&server, key.anchors());
    let why = "is not what the signed records say";
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, why);
}

/// The name does not exist, but one above it does, which ends what the wildcard stands for
/// (RFC 4592 section 2.2.1).
#[tokio::test]
async fn a_wildcard_from_above_a_closer_name_is_bogus() {
    let key = Key::new("test.");
    let mut zone = members(Zone::new("test.")).with("real.wild", address(8)).signed(&[&key]);
    let owner = name("a.real.wild.test.");
    let mut answers = zone.records("*.wild", RecordType::A);
    answers.iter_mut().for_each(|record| record.name = owner.clone());
    let authorities = zone.records("real.wild", RecordType::NSEC);
    let server = Server::start([zone]).await;
    let forgery = Forgery { answers, authorities, ..Forgery::default() };
    server.forge(move |asked, _| (*asked == owner).then(|| forgery.clone()));
    let outcome = ask(&resolver(&server, key.anchors()), "a.real.wild.test.", RecordType::A).await;
    assert_bogus(outcome, "a.real.wild.test. A");
}

#[tokio::test]
async fn a_server_that_fails_is_not_a_forger() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    fail(&server, ResponseCode::ServFail, |_, _| true);
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
    fail(&server, ResponseCode::Refused, |_, record_type| record_type == RecordType::DNSKEY);
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Refused)), "{outcome:?}");
    server.forge(|_, record_type| {
        let silent = record_type == RecordType::DNSKEY;
        silent.then(|| Forgery { silent, ..Forgery::default() })
    });
    let resolver = resolver.with_timeout(Duration::from_millis(200));
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
}

#[tokio::test]
async fn keys_come_from_the_next_server_if_the_first_one_has_none() {
    let key = Key::new("test.");
    let first = Server::start(tree(&key, Denial::Nsec)).await;
    let second = Server::start([members(Zone::new("test.")).signed(&[&key])]).await;
    fail(&first, ResponseCode::ServFail, |_, record_type| record_type == RecordType::DNSKEY);
    let servers = [first.address(), second.address()];
    let resolver = HickoryResolver::with_servers(servers).unwrap().with_timeout(PATIENT);
    let resolver = resolver.with_attempts(NonZeroU32::MIN).with_dnssec(key.anchors());
    let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Secure));
    assert!(second.asked().iter().any(|asked| asked.record_type == RecordType::DNSKEY));
}

fn many(mut zone: Zone, count: u16) -> Zone {
    for n in 0..count {
        let [high, low] = n.to_be_bytes();
        zone = zone.with("many", RData::from(std::net::IpAddr::from([10, 1, high, low])));
    }
    zone
}

#[tokio::test]
async fn what_takes_tcp_is_validated_and_what_is_cut_there_is_not_an_answer() {
    let key = Key::new("test.");
    let server = Server::start([many(Zone::new("test."), 1000).signed(&[&key])]).await;
    let resolver = resolver(&server, key.anchors());
    let answer = ask(&resolver, "many.test.", RecordType::A).await.unwrap();
    assert_eq!((answer.records.len(), answer.complete), (1000, true));
    assert_eq!(answer.proof, Some(Proof::Secure));
    server.serve(many(Zone::new("test."), 5000).signed(&[&key]));
    let outcome = ask(&resolver, "many.test.", RecordType::A).await;
    let Err(LookupError::ServerFailed(reason)) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("cut"), "{reason}");
}

#[tokio::test]
async fn a_part_of_what_is_not_signed_is_insecure_as_the_whole_would_be() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    server.serve(many(Zone::new("insecure.test."), 5000));
    let answer = ask(&resolver(&server, key.anchors()), "many.insecure.test.", RecordType::A).await;
    let answer = answer.unwrap();
    assert_eq!((answer.proof, answer.complete), (Some(Proof::Insecure), false));
}

#[tokio::test]
async fn a_later_name_of_the_search_list_is_proved_no_better_than_the_earlier_denials() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let searching = |first: &str| {
        let domains = [name(first), name("test.")];
        resolver(&server, key.anchors()).with_search(domains).with_ndots(5)
    };
    for (first, proof) in [("sub.test.", Proof::Secure), ("insecure.test.", Proof::Insecure)] {
        let answer = ask(&searching(first), "pod-1.peers", RecordType::A).await.unwrap();
        assert_eq!(answer.name, name("pod-1.peers.test."));
        assert_eq!(answer.proof, Some(proof), "{first}");
    }
    fail(&server, ResponseCode::ServFail, |owner, _| name("sub.test.").zone_of(owner));
    let answer = ask(&searching("sub.test."), "pod-1.peers", RecordType::A).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Indeterminate));
}

#[tokio::test]
async fn a_bogus_name_ends_the_search() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    server.serve(Zone::new("sub.test.").with("peers", address(66)));
    let domains = [name("sub.test."), name("test.")];
    let resolver = resolver(&server, key.anchors()).with_search(domains).with_ndots(5);
    assert_bogus(ask(&resolver, "peers", RecordType::A).await, "peers.sub.test. A is not signed");
    assert_bogus(
        ask(&resolver, "pod-1.peers", RecordType::A).await,
        "the denial of pod-1.peers.sub.test. is not signed",
    );
}

/// A hundred targets of one zone, and one of another, whose keys would have to be asked for.
#[tokio::test]
async fn glue_takes_no_further_question() {
    let (key, other) = (Key::new("test."), Key::new("sub.test."));
    let pod = |n: u8| format!("pod-{n}");
    let mut zone = Zone::new("test.").with("_p2p._tcp", srv("pod.sub.test."));
    for n in 0..100 {
        let target = format!("{}.test.", pod(n));
        zone = zone.with("_p2p._tcp", srv(&target)).with(&pod(n), address(n));
    }
    let mut zone = zone.signed(&[&key]);
    let mut sub = Zone::new("sub.test.").with("pod", address(200)).signed(&[&other]);
    let answers = zone.records("_p2p._tcp", RecordType::SRV);
    let glue = (0..100).flat_map(|n| zone.records(&pod(n), RecordType::A));
    let additionals = glue.chain(sub.records("pod", RecordType::A)).collect();
    let server = Server::start([zone, sub]).await;
    let forgery = Forgery { answers, additionals, ..Forgery::default() };
    server.forge(move |_, record_type| (record_type == RecordType::SRV).then(|| forgery.clone()));
    let answer = ask(&resolver(&server, key.anchors()), "_p2p._tcp.test.", RecordType::SRV).await;
    let answer = answer.unwrap();
    assert_eq!((answer.proof, answer.additionals.len()), (Some(Proof::Secure), 100));
    assert_eq!(server.asked().len(), 2, "the records and the keys: {:?}", server.asked());
}
