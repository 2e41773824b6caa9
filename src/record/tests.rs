use hickory_proto::rr::rdata::{A, AAAA, CNAME, SRV};
use proptest::prelude::*;

use super::*;

const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn a(owner: &str, ttl: u32, last: u8) -> Record {
    Record::from_rdata(name(owner), ttl, RData::A(A::new(10, 0, 0, last)))
}

fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

fn srv(target: &str, port: u16) -> Record {
    Record::from_rdata(name("s."), 5, RData::SRV(SRV::new(0, 0, port, name(target))))
}

/// Of this answer to `query A`: the last bytes, the end of the chain and the TTL.
fn section(
    query: &str,
    owner: &str,
    records: Vec<Record>,
) -> (Vec<u8>, Option<String>, Option<u64>) {
    let answer = Answer::new(name(owner), records);
    let query = Query::new(name(query), RecordType::A);
    let section = Section::of(&query, &answer);
    let mut bytes: Vec<_> = section
        .records
        .iter()
        .map(|record| match record.data {
            RData::A(ip) => ip.octets()[3],
            _ => panic!("{record}"),
        })
        .collect();
    bytes.sort_unstable();
    (bytes, section.end.map(|end| end.to_ascii()), section.ttl.map(|ttl| ttl.as_secs()))
}

#[test]
fn only_records_of_the_name_are_taken() {
    let records = vec![a("X.example.", 30, 1), a("y.example.", 1, 2), a("x.example.", 20, 3)];
    assert_eq!(section("x.example.", "x.EXAMPLE.", records), (vec![1, 3], None, Some(20)));
    let other = Record::from_rdata(name("x."), 1, RData::AAAA(AAAA(1.into())));
    assert_eq!(section("x.", "x.", vec![other, a("x.", 9, 1)]), (vec![1], None, Some(9)));
    assert_eq!(section("x.", "x.", vec![]), (vec![], None, None));
}

#[test]
fn a_chain_is_followed_within_the_answer() {
    let chain = || vec![cname("y.", 7, "z."), a("z.", 30, 1), cname("x.", 9, "Y."), a("w.", 1, 2)];
    let all = (vec![1], Some("z.".to_owned()), Some(7));
    assert_eq!(section("x.", "z.", chain()), all);
    assert_eq!(section("x.", "x.", chain()), all, "a resolver that names the start");
    let completed = vec![cname("x.search.", 9, "z."), a("z.", 30, 1)];
    assert_eq!(section("x", "z.", completed), (vec![1], Some("z.".to_owned()), Some(9)));
    let unrelated = vec![cname("v.", 1, "w."), a("x.", 30, 1)];
    assert_eq!(section("x.", "x.", unrelated), (vec![1], None, Some(30)));
}

#[test]
fn a_chain_in_a_circle_has_no_end() {
    let circle = vec![cname("x.", 9, "y."), cname("y.", 9, "x.")];
    let answer = Answer::new(name("x."), circle);
    let section = Section::of(&Query::new(name("x."), RecordType::A), &answer);
    assert!(section.aliased);
    assert_eq!(section.end, None);
    let both = vec![cname("x.", 9, "z."), cname("x.", 9, "y.")];
    let turned = both.iter().rev().cloned().collect();
    let end = |records| self::section("x.", "x.", records).1;
    assert_eq!((end(both), end(turned)), (Some("y.".to_owned()), Some("y.".to_owned())));
}

#[test]
fn a_negative_ttl_is_zero() {
    assert_eq!(section("x.", "x.", vec![a("x.", 0x8000_0000, 1)]).2, Some(0));
    assert_eq!(section("x.", "x.", vec![a("x.", 0x7fff_ffff, 1)]).2, Some(0x7fff_ffff));
}

#[test]
fn srv_targets() {
    let records = [srv("b.", 2), srv("A.", 2), srv("a.", 1), srv("a", 2), srv("b.", 2)];
    let expected = [("a.", 1), ("a.", 2), ("b.", 2)].map(|(target, port)| (name(target), port));
    assert_eq!(targets(&records), expected.into());
}

#[test]
fn records_that_say_nothing_of_peers_are_left_out() {
    let txt =
        |text: &str| Record::from_rdata(name("s."), 1, RData::TXT(TXT::new(vec![text.to_owned()])));
    for (record_type, records, says_where) in [
        (RecordType::SRV, vec![srv(".", 0), srv("a.", 1)], 1),
        (RecordType::SRV, vec![srv(".", 0)], 0),
        (RecordType::TXT, vec![txt("v=spf1"), txt("dnsaddr="), txt("dnsaddr=x")], 2),
        (RecordType::TXT, vec![txt("v=spf1")], 0),
    ] {
        let answer = Answer::new(name("s."), records);
        let section = Section::of(&Query::new(name("s."), record_type), &answer);
        assert!(section.answered);
        assert_eq!(section.records.len(), says_where);
        assert_eq!(section.ttl.is_some(), says_where > 0);
    }
}

#[test]
fn glue_is_found_whatever_its_case() {
    let additionals = vec![a("A.x.", 30, 2), a("a.x.", 20, 1), a("b.x.", 1, 3)];
    let answer = Answer::new(name("s."), vec![]).with_additionals(additionals);
    let mut glue = Glue::of(&answer);
    let (ips, ttl) = glue.take(&name("a.x.")).unwrap();
    assert_eq!(ips.len(), 2);
    assert_eq!(ttl, Duration::from_secs(20));
    assert!(glue.take(&name("c.x.")).is_none());
}

#[test]
fn character_strings_are_joined() {
    let txt =
        |parts: Vec<&[u8]>| Record::from_rdata(name("t."), 5, RData::TXT(TXT::from_bytes(parts)));
    let records =
        [txt(vec![b"dnsaddr=/ip4/10.0", b".0.7/tcp/1"]), txt(vec![b"b"]), txt(vec![b"b"])];
    let texts = texts(&records, 1024);
    assert_eq!(texts.len(), 2);
    assert!(texts.contains(&text(b"dnsaddr=/ip4/10.0.0.7/tcp/1", 1024)));
}

/// Fails if a text is copied before its length is looked at.
#[test]
fn a_text_that_is_too_long_is_not_copied() {
    let long = vec![b'x'; 60_000];
    assert_eq!(text(&long, 60_000).bytes.len(), 60_000);
    let cut = text(&long, 59_999);
    assert!(cut.is_too_long);
    assert!(cut.bytes.capacity() <= 1024, "{}", cut.bytes.capacity());
}

/// As a record carries it.
fn text(bytes: &[u8], longest: usize) -> Text {
    text_of(&TXT::from_bytes(bytes.chunks(255).collect()), longest)
}

fn read_text(bytes: &[u8], longest: usize) -> Option<Result<Kind, Dropped>> {
    dnsaddr(&text(bytes, longest), longest)
}

#[test]
fn dnsaddr_entries() {
    let read = |text: &str| match read_text(text.as_bytes(), 1024) {
        None => "unrelated".to_owned(),
        Some(Ok(kind)) => kind.to_string(),
        Some(Err(dropped)) => format!("{}: {}", dropped.what, dropped.why),
    };
    for (text, expected) in [
        ("v=spf1 -all", "unrelated"),
        ("", "unrelated"),
        ("DNSADDR=/ip4/10.0.0.7/tcp/1", "unrelated"),
        ("dnsaddr=/ip4/10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"),
        ("dnsaddr=/memory/7", "/memory/7"),
        (
            &format!("dnsaddr=/ip6/fd00::7/tcp/1/p2p/{PEER}"),
            &format!("/ip6/fd00::7/tcp/1/p2p/{PEER}"),
        ),
        ("dnsaddr=/dns4/A.example/tcp/1", "/dns4/a.example./tcp/1"),
        ("dnsaddr=/dnsaddr/A.example", "/dnsaddr/a.example."),
        (&format!("dnsaddr=/dnsaddr/a/p2p/{PEER}"), &format!("/dnsaddr/a./p2p/{PEER}")),
    ] {
        assert_eq!(read(text), expected);
    }
    for (text, part) in [
        ("dnsaddr=", "empty"),
        ("dnsaddr=10.0.0.7:1", "starts with `/`"),
        ("dnsaddr=/ip4/10.0.0.7", "no transport"),
        ("dnsaddr=/ip4/10.0.0.7/tcp/0", "port"),
        ("dnsaddr=/ip4/10.0.0.7/tcp/1 ", "byte 19"),
        ("dnsaddr=/ip6zone/\u{1b}[2J/ip6/fe80::1/tcp/1", "byte 9"),
        ("dnsaddr=/dns4/a/tcp/1|/tcp/2", "byte 13"),
        ("dnsaddr=srv:_tcp.a", "starts with `/`"),
        ("dnsaddr=/p2p/Qm", "bad peer id"),
    ] {
        let dropped = read(text);
        assert!(dropped.contains("not a `dnsaddr` entry"), "{dropped}");
        assert!(dropped.contains(part), "{dropped}\nlacks: {part}");
    }
}

#[test]
fn what_is_dropped_is_bounded_and_printable() {
    let long = [b"dnsaddr=".as_slice(), &[b'\x1b'; 2000]].concat();
    let Some(Err(dropped)) = read_text(&long, 1024) else { panic!() };
    assert_eq!(dropped.why, Why::TooLong(1024));
    assert!(dropped.what.starts_with("dnsaddr=\\u{1b}"));
    assert!(dropped.what.len() < 1000);
    let exact = format!("dnsaddr=/dns4/{}/tcp/1", "a".repeat(3));
    assert!(matches!(read_text(exact.as_bytes(), exact.len()), Some(Ok(_))));
    assert!(matches!(read_text(exact.as_bytes(), exact.len() - 1), Some(Err(_))));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text: Vec<u8>) {
        let text = [b"dnsaddr=".as_slice(), &text].concat();
        if let Some(Err(dropped)) = read_text(&text, 1024) {
            prop_assert!(dropped.what.is_ascii());
        }
    }

    #[test]
    fn any_path_is_read_without_a_panic(
        text in "(/(dns|dnsaddr|ip4|p2p|tcp|tls|ws|sni|unix|certhash|a[.]b|1|10[.]0[.]0[.]7|\\PC){0,2}){0,7}"
    ) {
        if let Some(Ok(kind)) = read_text(format!("dnsaddr={text}").as_bytes(), 1024) {
            prop_assert!(!kind.to_string().is_empty());
        }
    }
}
