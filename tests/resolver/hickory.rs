//! The resolver over hickory, against real name servers on loopback addresses.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, TXT},
    },
};
use libp2p_dns_discovery::{
    Answer, LookupError, Nothing, NothingKind, Query, Resolver,
    resolver::{hickory::HickoryResolver, zone::Zone},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UdpSocket,
    time::{Instant, timeout},
};

use crate::dns_server::{self, DnsServer, Mode};

/// For servers that answer: so long that a busy machine does not spoil a test.
const PATIENT: Duration = Duration::from_secs(20);
/// For servers that do not, next to others that do.
const BRIEF: Duration = Duration::from_secs(1);
/// For servers that do not, alone.
const INSTANT: Duration = Duration::from_millis(100);
const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

async fn server(zone: &Zone) -> DnsServer {
    DnsServer::start((LOCALHOST, 0).into(), zone.clone(), 1).await.unwrap()
}

fn resolver(servers: &[&DnsServer]) -> HickoryResolver {
    HickoryResolver::with_servers(servers.iter().map(|server| server.address()))
        .unwrap()
        .with_timeout(PATIENT)
        .with_attempts(NonZeroU32::MIN)
}

async fn ask(
    resolver: &HickoryResolver,
    name: &str,
    record_type: RecordType,
) -> Result<Answer, LookupError> {
    let query = Query::new(Name::from_ascii(name).unwrap(), record_type);
    timeout(2 * PATIENT, resolver.lookup(query)).await.expect("every look-up ends")
}

fn ips(count: u32) -> HashSet<IpAddr> {
    (1..=count).map(|n| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n))).collect()
}

fn ips6(count: u16) -> HashSet<IpAddr> {
    (1..=count).map(|n| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n))).collect()
}

fn addresses(answer: &Answer) -> HashSet<IpAddr> {
    answer.records.iter().filter_map(|record| record.data.ip_addr()).collect()
}

fn soon(within: Duration) -> Instant {
    Instant::now() + within
}

#[track_caller]
fn assert_nothing(outcome: Result<Answer, LookupError>, kind: NothingKind, ttl: Option<u64>) {
    let Err(LookupError::Nothing(Nothing { kind: found, negative_ttl, .. })) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!((found, negative_ttl), (kind, ttl.map(Duration::from_secs)));
}

#[tokio::test]
async fn a_small_answer_comes_over_udp() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(3));
    let server = server(&zone).await;
    let answer = ask(&resolver(&[&server]), "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(3));
    assert!(answer.complete);
    assert_eq!(answer.records[0].ttl, 5);
    assert_eq!((server.udp_queries(), server.tcp_queries()), (1, 0));
}

#[tokio::test]
async fn a_change_is_seen_at_once() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(3));
    let server = server(&zone).await;
    let resolver = resolver(&[&server]);
    ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    zone.set_addresses("peers.test", ips(4));
    let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(4));
}

#[tokio::test]
async fn what_does_not_fit_into_a_datagram_comes_over_tcp() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(100));
    let server = server(&zone).await;
    let answer = ask(&resolver(&[&server]), "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(100));
    assert!(answer.complete);
    assert_eq!((server.udp_queries(), server.tcp_queries()), (1, 1));
}

#[tokio::test]
async fn what_does_not_fit_into_tcp_is_returned_as_incomplete() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(5000));
    let server = server(&zone).await;
    let resolver = resolver(&[&server]);
    let first = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert!(!first.complete);
    assert!(addresses(&first).len() > 2000, "{}", addresses(&first).len());
    assert!(addresses(&first).is_subset(&ips(5000)));
    // The cut comes after the shuffle: every answer is another part.
    let second = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_ne!(addresses(&first), addresses(&second));
}

/// A message holds 65,535 bytes. An AAAA record has 28 with its name compressed, which makes 2,338
/// records, and at most 38 as the test server writes it, which makes 1,724.
#[tokio::test]
async fn three_thousand_ipv6_addresses_are_returned_in_part() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips6(3000));
    let server = server(&zone).await;
    let resolver = resolver(&[&server]);
    let first = ask(&resolver, "peers.test.", RecordType::AAAA).await.unwrap();
    assert!(!first.complete);
    assert!(addresses(&first).len() > 1000, "{}", addresses(&first).len());
    assert!(addresses(&first).is_subset(&ips6(3000)));
    assert_eq!((server.udp_queries(), server.tcp_queries()), (1, 1));
    let second = ask(&resolver, "peers.test.", RecordType::AAAA).await.unwrap();
    assert_ne!(addresses(&first), addresses(&second));
    // Without TCP a datagram's worth is left.
    server.set_tcp_mode(Mode::Refused);
    let datagram = ask(&resolver, "peers.test.", RecordType::AAAA).await.unwrap();
    assert!(!datagram.complete);
    assert!(addresses(&datagram).len() > 10, "{}", addresses(&datagram).len());
    assert!(addresses(&datagram).is_subset(&ips6(3000)));
}

const HOST: &str = "peers.ns.svc.cluster.local";
const SERVICE: &str = "_p2p._tcp.peers.ns.svc.cluster.local";

/// The SRV records of a headless service, whose targets are dashed addresses.
fn service(zone: &Zone, count: u32) -> HashSet<String> {
    let target = |ip: &IpAddr| format!("{}.{HOST}.", ip.to_string().replace('.', "-"));
    let addresses = ips(count);
    for ip in &addresses {
        zone.set_addresses(target(ip), [*ip]);
    }
    zone.set_addresses(HOST, addresses.clone());
    zone.set_srv(SERVICE, addresses.iter().map(|ip| (4001, target(ip))));
    addresses.iter().map(target).collect()
}

fn targets(answer: &Answer) -> HashSet<String> {
    let target = |record: &Record| match &record.data {
        RData::SRV(srv) => Some(srv.target.to_ascii()),
        _ => None,
    };
    answer.records.iter().filter_map(target).collect()
}

/// The target of an SRV record may not be compressed (RFC 2782): with a compressed owner a record
/// has 57 bytes here, else 93. Even with room for an uncompressed glue record of 53 bytes for each, 448
/// fit into a message; of this server's, more than 700 without glue.
#[tokio::test]
async fn a_thousand_srv_records_are_returned_in_part() {
    let zone = Zone::new();
    let all = service(&zone, 1000);
    let server = server(&zone).await;
    let resolver = resolver(&[&server]);
    let first = ask(&resolver, SERVICE, RecordType::SRV).await.unwrap();
    assert!(!first.complete);
    assert!(targets(&first).len() > 200, "{}", targets(&first).len());
    assert!(targets(&first).is_subset(&all));
    assert_eq!((server.udp_queries(), server.tcp_queries()), (1, 1));
    // Those of all targets together do fit.
    let whole = ask(&resolver, HOST, RecordType::A).await.unwrap();
    assert!(whole.complete);
    assert_eq!(addresses(&whole), ips(1000));
    server.set_tcp_mode(Mode::Refused);
    let datagram = ask(&resolver, SERVICE, RecordType::SRV).await.unwrap();
    assert!(!datagram.complete);
    assert!(targets(&datagram).len() > 5, "{}", targets(&datagram).len());
    assert!(targets(&datagram).is_subset(&all));
}

#[tokio::test]
async fn a_datagram_longer_than_was_offered_leads_to_tcp() {
    let (udp, tcp) = dns_server::bind((LOCALHOST, 0).into()).await.unwrap();
    let resolver = HickoryResolver::with_servers([udp.local_addr().unwrap()]).unwrap();
    let careless = async {
        let mut query = [0; 512];
        let (length, client) = udp.recv_from(&mut query).await.unwrap();
        udp.send_to(&careless_reply(&query[..length]), client).await.unwrap();
        let (mut stream, _) = tcp.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap().into();
        stream.read_exact(&mut query[..length]).await.unwrap();
        let reply = careless_reply(&query[..length]);
        stream.write_u16(reply.len().try_into().unwrap()).await.unwrap();
        stream.write_all(&reply).await.unwrap();
        stream
    };
    let resolver = resolver.with_timeout(PATIENT);
    let (answer, _stream) = tokio::join!(ask(&resolver, "peers.test.", RecordType::A), careless);
    assert_eq!(addresses(&answer.unwrap()), ips(100));
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_nothing_even_if_the_rest_is_cut() {
    let udp = UdpSocket::bind((LOCALHOST, 0)).await.unwrap();
    let resolver = HickoryResolver::with_servers([udp.local_addr().unwrap()]).unwrap();
    let cut = async {
        let mut query = [0; 512];
        let (length, client) = udp.recv_from(&mut query).await.unwrap();
        let mut reply = Message::from_vec(&query[..length]).unwrap().into_response();
        reply.metadata.response_code = ResponseCode::NXDomain;
        reply.metadata.truncation = true;
        udp.send_to(&reply.to_vec().unwrap(), client).await.unwrap();
    };
    // Nobody listens on TCP.
    let resolver = resolver.with_timeout(PATIENT).with_attempts(NonZeroU32::MIN);
    let (outcome, ()) = tokio::join!(ask(&resolver, "peers.test.", RecordType::A), cut);
    assert_nothing(outcome, NothingKind::NxDomain, None);
}

/// A reply that does not care for the size that the client offers.
fn careless_reply(query: &[u8]) -> Vec<u8> {
    let mut reply = Message::from_vec(query).unwrap().into_response();
    let name = reply.queries[0].name.clone();
    let record = |ip| Record::from_rdata(name.clone(), 5, RData::from(ip));
    reply.add_answers(ips(100).into_iter().map(record));
    reply.to_vec().unwrap()
}

#[tokio::test]
async fn if_tcp_fails_the_records_that_came_over_udp_are_a_part() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(100));
    let server = server(&zone).await;
    for (mode, time) in [(Mode::ServFail, PATIENT), (Mode::Refused, PATIENT), (Mode::Silent, BRIEF)]
    {
        server.set_tcp_mode(mode);
        let resolver = resolver(&[&server]).with_timeout(time);
        let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
        assert!(!answer.complete, "{mode:?}");
        assert!(addresses(&answer).len() > 20, "{mode:?}");
        assert!(addresses(&answer).is_subset(&ips(100)), "{mode:?}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_nothing_with_its_ttl() {
    let zone = Zone::new();
    zone.set_negative_ttl(Some(Duration::from_secs(7)));
    let server = server(&zone).await;
    let outcome = ask(&resolver(&[&server]), "peers.test.", RecordType::A).await;
    assert_nothing(outcome, NothingKind::NxDomain, Some(7));
}

#[tokio::test]
async fn a_name_without_such_records_is_nothing() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(1));
    let server = server(&zone).await;
    let resolver = resolver(&[&server]);
    let outcome = ask(&resolver, "peers.test.", RecordType::AAAA).await;
    assert_nothing(outcome, NothingKind::NoData, Some(5));
    zone.set_negative_ttl(None);
    let outcome = ask(&resolver, "peers.test.", RecordType::AAAA).await;
    assert_nothing(outcome, NothingKind::NoData, None);
}

#[tokio::test]
async fn failing_and_refusing_are_told_apart_and_asked_once() {
    let zone = Zone::new();
    let server = server(&zone).await;
    let resolver = resolver(&[&server]).with_attempts(NonZeroU32::new(3).unwrap());
    server.set_mode(Mode::ServFail);
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
    assert_eq!(server.queries(), 1);
    server.set_mode(Mode::Refused);
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Refused)), "{outcome:?}");
    assert_eq!(server.queries(), 2);
}

#[tokio::test]
async fn silence_ends_after_every_attempt() {
    let zone = Zone::new();
    let server = server(&zone).await;
    server.set_mode(Mode::Silent);
    let resolver =
        resolver(&[&server]).with_timeout(INSTANT).with_attempts(NonZeroU32::new(3).unwrap());
    let (start, limit) = (Instant::now(), soon(PATIENT));
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    assert!(start.elapsed() >= 3 * INSTANT);
    assert!(Instant::now() < limit);
    assert_eq!(server.queries(), 3);
}

#[tokio::test]
async fn a_search_list_does_not_prolong_the_silence() {
    let zone = Zone::new();
    let server = server(&zone).await;
    server.set_mode(Mode::Silent);
    let search = (0..200).map(|n| Name::from_ascii(format!("d{n}.test.")).unwrap());
    let resolver = resolver(&[&server]).with_timeout(INSTANT).with_search(search);
    let resolver = resolver.with_budget(5 * INSTANT);
    let limit = soon(100 * INSTANT);
    let outcome = ask(&resolver, "peers", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    assert!(Instant::now() < limit);
    assert!((1..=5).contains(&server.queries()), "{}", server.queries());
}

#[tokio::test]
async fn what_is_left_of_the_time_is_all_that_the_search_list_has() {
    let zone = Zone::new();
    zone.delay(BRIEF * 2 / 3);
    let server = server(&zone).await;
    let search = [Name::from_ascii("a.test.").unwrap()];
    let resolver = resolver(&[&server]).with_budget(BRIEF).with_search(search);
    // The second name would be answered in time, if it had the whole time-out for itself.
    let outcome = ask(&resolver, "peers", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Nothing(nothing)) if nothing.provisional));
}

#[tokio::test]
async fn every_kind_of_failure_leads_to_the_next_server() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(3));
    let (first, second) = (server(&zone).await, server(&zone).await);
    for mode in [Mode::Silent, Mode::ServFail, Mode::Refused] {
        first.set_mode(mode);
        let resolver = resolver(&[&first, &second]).with_timeout(BRIEF);
        let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
        assert_eq!(addresses(&answer), ips(3), "{mode:?}");
    }
    assert!(first.queries() >= 3);
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_leads_to_the_next_one() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(3));
    let server = server(&zone).await;
    // Nothing can be sent to port 0: the system says so at once.
    let unreachable = SocketAddr::from((LOCALHOST, 0));
    let of = |servers: &[SocketAddr]| HickoryResolver::with_servers(servers.to_vec()).unwrap();
    let both = of(&[unreachable, server.address()]).with_timeout(PATIENT);
    let answer = ask(&both, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(3));
    let outcome = ask(&of(&[unreachable]), "peers.test.", RecordType::A).await;
    let Err(LookupError::Failed(error)) = outcome else { panic!("{outcome:?}") };
    assert!(error.source().is_some_and(|source| source.is::<std::io::Error>()), "{error:?}");
}

#[tokio::test]
async fn nothing_is_final_and_not_asked_of_the_next_server() {
    let (empty, full) = (Zone::new(), Zone::new());
    full.set_addresses("peers.test", ips(3));
    let (first, second) = (server(&empty).await, server(&full).await);
    let outcome = ask(&resolver(&[&first, &second]), "peers.test.", RecordType::A).await;
    assert_nothing(outcome, NothingKind::NxDomain, Some(5));
    assert_eq!(second.queries(), 0);
}

#[tokio::test]
async fn a_silent_server_is_not_asked_first_again() {
    let zone = Zone::new();
    zone.set_addresses("peers.test", ips(3));
    let (first, second) = (server(&zone).await, server(&zone).await);
    first.set_mode(Mode::Silent);
    let resolver = resolver(&[&first, &second]).with_timeout(BRIEF);
    ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    let asked = first.queries();
    assert_ne!(asked, 0);
    // A clone knows it too.
    ask(&resolver.clone(), "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(first.queries(), asked);
}

#[tokio::test]
async fn of_several_failures_the_most_telling_is_returned() {
    let zone = Zone::new();
    let (first, second) = (server(&zone).await, server(&zone).await);
    let resolver = resolver(&[&first, &second]).with_timeout(BRIEF);
    first.set_mode(Mode::ServFail);
    second.set_mode(Mode::Silent);
    let outcome = ask(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
}

#[tokio::test]
async fn srv_comes_with_the_addresses_of_its_targets() {
    let zone = Zone::new();
    zone.set_srv("_p2p._tcp.peers.test", [(4001, "a.peers.test"), (4002, "b.peers.test")]);
    zone.set_addresses("a.peers.test", ips(1));
    let server = server(&zone).await;
    let answer = ask(&resolver(&[&server]), "_p2p._tcp.peers.test.", RecordType::SRV).await;
    let answer = answer.unwrap();
    assert_eq!(answer.records.len(), 2);
    let glue = answer.additionals.iter().filter_map(|record| record.data.ip_addr());
    assert_eq!(HashSet::from_iter(glue), ips(1));
}

#[tokio::test]
async fn the_character_strings_of_a_text_stay_apart() {
    let zone = Zone::new();
    let text = RData::TXT(TXT::from_bytes(vec![b"dnsaddr=", b"/ip4/10.0.0.1", b""]));
    zone.set("_dnsaddr.peers.test", RecordType::TXT, [text.clone()]);
    let server = server(&zone).await;
    let answer = ask(&resolver(&[&server]), "_dnsaddr.peers.test.", RecordType::TXT).await.unwrap();
    assert_eq!(answer.records[0].data, text);
}

#[tokio::test]
async fn an_alias_is_followed_and_named() {
    let zone = Zone::new();
    let alias = |target: &str| [RData::CNAME(CNAME(Name::from_ascii(target).unwrap()))];
    zone.set("a.test", RecordType::CNAME, alias("b.test."));
    zone.set("b.test", RecordType::CNAME, alias("peers.test."));
    zone.set_addresses("peers.test", ips(100));
    let server = server(&zone).await;
    let answer = ask(&resolver(&[&server]), "a.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.name, Name::from_ascii("peers.test.").unwrap());
    assert_eq!(addresses(&answer), ips(100));
    assert_eq!(answer.records.len(), 102);
}

#[tokio::test]
async fn the_search_list_is_for_names_without_a_trailing_dot() {
    let zone = Zone::new();
    zone.set_addresses("peers.ns.svc.test", ips(2));
    let server = server(&zone).await;
    let search = ["else.test.", "ns.svc.test."].map(|name| Name::from_ascii(name).unwrap());
    let resolver = resolver(&[&server]).with_search(search);
    let answer = ask(&resolver, "peers", RecordType::A).await.unwrap();
    assert_eq!(answer.name, Name::from_ascii("peers.ns.svc.test.").unwrap());
    assert_eq!(server.queries(), 2);
    let outcome = ask(&resolver, "peers.", RecordType::A).await;
    assert_nothing(outcome, NothingKind::NxDomain, Some(5));
    assert_eq!(server.queries(), 3);
    // Nothing anywhere, but the name exists in one of the domains.
    assert_nothing(ask(&resolver, "peers", RecordType::TXT).await, NothingKind::NoData, Some(5));
}

#[tokio::test]
async fn behind_a_failure_within_the_search_list_all_is_provisional() {
    let zone = Zone::new();
    zone.fail("peers.b.test", Some(LookupError::ServerFailed("told to".into())));
    let server = server(&zone).await;
    let search = ["a.test.", "b.test.", "c.test."].map(|name| Name::from_ascii(name).unwrap());
    let resolver = resolver(&[&server]).with_search(search);
    let outcome = ask(&resolver, "peers", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Nothing(nothing)) if nothing.provisional));
    zone.set_addresses("peers.c.test", ips(2));
    let answer = ask(&resolver, "peers", RecordType::A).await.unwrap();
    assert_eq!((addresses(&answer), answer.provisional), (ips(2), true));
    zone.fail("peers.b.test", None);
    assert!(!ask(&resolver, "peers", RecordType::A).await.unwrap().provisional);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_rewritten_resolv_conf_is_followed() {
    let (old, new) = (Zone::new(), Zone::new());
    old.set_addresses("peers.old.test", ips(1));
    new.set_addresses("peers.new.test", ips(2));
    let first = server(&old).await;
    // resolv.conf knows no ports: the second server needs the same one at another address.
    let address = SocketAddr::from(([127, 0, 0, 2], first.address().port()));
    let _second = DnsServer::start(address, new, 1).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "nameserver 127.0.0.1\nsearch old.test\n").unwrap();
    let resolver = HickoryResolver::from_resolv_conf(file.path())
        .unwrap()
        .with_port(address.port())
        .with_timeout(PATIENT)
        .with_check_interval(Duration::ZERO);
    let answer = ask(&resolver, "peers", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(1));
    std::fs::write(file.path(), "nameserver 127.0.0.2\nsearch new.test\n").unwrap();
    let answer = ask(&resolver, "peers", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(2));
    std::fs::write(file.path(), "").unwrap();
    let answer = ask(&resolver, "peers", RecordType::A).await.unwrap();
    assert_eq!(addresses(&answer), ips(2));
    drop(file);
    assert!(ask(&resolver, "peers", RecordType::A).await.is_ok());
}
