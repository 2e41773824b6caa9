use futures::executor::block_on;
use hickory_proto::rr::rdata::CNAME;

use super::*;
use crate::resolver::{
    answer::Answer,
    nothing::{Nothing, NothingKind},
};

fn query(name: &str, record_type: RecordType) -> Query {
    Query::new(Name::from_ascii(name).unwrap(), record_type)
}

fn ask(zone: &Zone, name: &str, record_type: RecordType) -> Result<Answer, LookupError> {
    block_on(zone.lookup(query(name, record_type)))
}

fn ips(last: impl IntoIterator<Item = u8>) -> Vec<IpAddr> {
    last.into_iter().map(|last| IpAddr::from([10, 0, 0, last])).collect()
}

fn addresses(records: &[Record]) -> Vec<IpAddr> {
    records.iter().filter_map(|record| record.data.ip_addr()).collect()
}

#[track_caller]
fn assert_nothing(outcome: Result<Answer, LookupError>, kind: NothingKind, ttl: Option<u64>) {
    let Err(LookupError::Nothing(nothing)) = outcome else { panic!("{outcome:?}") };
    let negative_ttl = ttl.map(Duration::from_secs);
    assert_eq!(nothing, Nothing::new(kind, negative_ttl));
}

#[test]
fn addresses_are_answered_by_family() {
    let zone = Zone::new();
    let v6: IpAddr = "2001:db8::1".parse().unwrap();
    zone.set_addresses("peers.test", ips([1, 2]).into_iter().chain([v6]));
    let answer = ask(&zone, "peers.test.", RecordType::A).unwrap();
    assert_eq!(addresses(&answer.records), ips([1, 2]));
    assert!(answer.complete);
    assert_eq!(answer.records[0].ttl, 5);
    let answer = ask(&zone, "peers.test.", RecordType::AAAA).unwrap();
    assert_eq!(addresses(&answer.records), [v6]);
    assert_eq!(zone.query_count(), 2);
}

#[test]
fn case_and_the_trailing_dot_do_not_matter() {
    let zone = Zone::new();
    zone.set_addresses("Peers.Test", ips([1]));
    let answer = ask(&zone, "pEERS.tEST", RecordType::A).unwrap();
    assert_eq!(answer.name, Name::from_ascii("peers.test.").unwrap());
    assert!(answer.name.is_fqdn());
}

#[test]
fn no_data_and_nx_domain_are_told_apart() {
    let zone = Zone::new();
    zone.set_addresses("a.peers.test", ips([1]));
    assert_nothing(ask(&zone, "a.peers.test", RecordType::TXT), NothingKind::NoData, Some(5));
    assert_nothing(ask(&zone, "peers.test", RecordType::A), NothingKind::NoData, Some(5));
    assert_nothing(ask(&zone, "eers.test", RecordType::A), NothingKind::NxDomain, Some(5));
    zone.set_negative_ttl(None);
    zone.set_addresses("a.peers.test", []);
    assert_nothing(ask(&zone, "a.peers.test", RecordType::A), NothingKind::NoData, None);
    zone.remove("a.peers.test");
    assert_nothing(ask(&zone, "a.peers.test", RecordType::A), NothingKind::NxDomain, None);
    assert_nothing(ask(&zone, "peers.test", RecordType::A), NothingKind::NxDomain, None);
}

#[test]
fn srv_comes_with_glue_unless_told_otherwise() {
    let zone = Zone::new();
    zone.set_srv("_p2p._tcp.peers.test", [(4001, "a.test"), (4002, "b.test"), (4003, "a.test")]);
    zone.set_addresses("a.test", ips([1]));
    zone.set_addresses("unrelated.test", ips([9]));
    let answer = ask(&zone, "_p2p._tcp.peers.test", RecordType::SRV).unwrap();
    assert_eq!(answer.records.len(), 3);
    assert_eq!(addresses(&answer.additionals), ips([1]));
    zone.set_glue(false);
    let answer = ask(&zone, "_p2p._tcp.peers.test", RecordType::SRV).unwrap();
    assert_eq!(answer.additionals, []);
}

#[test]
fn long_text_is_split_and_dnsaddr_goes_under_its_label() {
    let zone = Zone::new();
    zone.set_txt("long.test", ["x".repeat(300)]);
    let answer = ask(&zone, "long.test", RecordType::TXT).unwrap();
    let RData::TXT(txt) = &answer.records[0].data else { panic!() };
    assert_eq!(Vec::from_iter(txt.txt_data.iter().map(|part| part.len())), [255, 45]);
    zone.set_dnsaddr("peers.test", ["/ip4/10.0.0.1/tcp/4001"]);
    let answer = ask(&zone, "_dnsaddr.peers.test", RecordType::TXT).unwrap();
    let RData::TXT(txt) = &answer.records[0].data else { panic!() };
    assert_eq!(&*txt.txt_data[0], b"dnsaddr=/ip4/10.0.0.1/tcp/4001");
}

#[test]
fn cname_is_followed_to_the_end_and_not_in_circles() {
    let zone = Zone::new();
    let cname = |target: &str| [RData::CNAME(CNAME(Name::from_ascii(target).unwrap()))];
    zone.set("a.test", RecordType::CNAME, cname("b.test"));
    zone.set("b.test", RecordType::CNAME, cname("c.test"));
    assert_nothing(ask(&zone, "a.test", RecordType::A), NothingKind::NxDomain, Some(5));
    zone.set_addresses("c.test", ips([1]));
    let answer = ask(&zone, "a.test", RecordType::A).unwrap();
    assert_eq!(answer.name, Name::from_ascii("c.test.").unwrap());
    assert_eq!(answer.records.len(), 3);
    zone.remove("c.test");
    zone.set("c.test", RecordType::CNAME, cname("a.test"));
    let outcome = ask(&zone, "a.test", RecordType::A);
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
}

#[test]
fn a_single_record_is_added_once_and_keeps_its_ttl() {
    let zone = Zone::new();
    let record = |ttl| {
        let name = Name::from_ascii("peers.test").unwrap();
        Record::from_rdata(name, ttl, RData::from(IpAddr::from([10, 0, 0, 1])))
    };
    zone.add(record(60));
    zone.add(record(30));
    let answer = ask(&zone, "peers.test", RecordType::A).unwrap();
    assert_eq!(Vec::from_iter(answer.records.iter().map(|record| record.ttl)), [30]);
    zone.set_ttl(7);
    zone.set_addresses("peers.test", ips([1, 1]));
    let answer = ask(&zone, "peers.test", RecordType::A).unwrap();
    assert_eq!(Vec::from_iter(answer.records.iter().map(|record| record.ttl)), [7]);
}

#[test]
fn truncation_cuts_after_a_shuffle_that_follows_from_the_seed() {
    let seen = |seed| {
        let zone = Zone::new();
        zone.set_addresses("peers.test", ips(0..100));
        zone.truncate(NonZeroUsize::new(10));
        zone.shuffle(Some(seed));
        let both = [(); 2].map(|()| ask(&zone, "peers.test", RecordType::A).unwrap());
        assert!(both.iter().all(|answer| !answer.complete && answer.records.len() == 10));
        both.map(|answer| addresses(&answer.records))
    };
    assert_eq!(seen(1), seen(1));
    assert_ne!(seen(1), seen(2));
    assert_ne!(seen(1)[0], seen(1)[1]);
}

#[test]
fn an_answer_at_the_limit_is_complete() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips([1, 2]));
    zone.truncate(NonZeroUsize::new(2));
    assert!(ask(&zone, "peers.test", RecordType::A).unwrap().complete);
}

#[test]
fn failures_are_per_name_or_for_all_and_end() {
    let zone = Zone::new();
    zone.set_addresses("a.test", ips([1]));
    zone.fail("A.test", Some(LookupError::Refused));
    zone.fail_all(Some(LookupError::TimedOut));
    assert!(matches!(ask(&zone, "a.test", RecordType::A), Err(LookupError::Refused)));
    assert!(matches!(ask(&zone, "b.test", RecordType::A), Err(LookupError::TimedOut)));
    zone.fail("a.test", None);
    assert!(matches!(ask(&zone, "a.test", RecordType::A), Err(LookupError::TimedOut)));
    zone.fail_all(None);
    assert!(ask(&zone, "a.test", RecordType::A).is_ok());
}

#[test]
fn a_hung_look_up_proceeds_with_what_the_zone_holds_by_then() {
    let zone = Zone::new();
    zone.hang(true);
    let mut first = zone.lookup(query("peers.test", RecordType::A));
    assert!((&mut first).now_or_never().is_none());
    let mut second = zone.lookup(query("peers.test", RecordType::A));
    assert!((&mut second).now_or_never().is_none());
    drop(second);
    zone.hang(true);
    assert!((&mut first).now_or_never().is_none());
    // Those that were given up are forgotten when the next one waits.
    let mut third = zone.lookup(query("peers.test", RecordType::A));
    assert!((&mut third).now_or_never().is_none());
    assert_eq!(zone.state().hung.as_ref().map(Vec::len), Some(2));
    zone.set_addresses("peers.test", ips([1]));
    zone.hang(false);
    let answer = first.now_or_never().expect("it no longer hangs").unwrap();
    assert_eq!(addresses(&answer.records), ips([1]));
}

#[test]
fn a_delayed_look_up_does_not_answer_at_once() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips([1]));
    zone.delay(Duration::from_millis(200));
    let mut delayed = zone.lookup(query("peers.test", RecordType::A));
    assert!((&mut delayed).now_or_never().is_none());
    assert!(block_on(delayed).is_ok());
}
