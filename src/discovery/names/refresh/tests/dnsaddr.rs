use super::*;

const SOURCE: &str = "/dnsaddr/x";
const QUERY: &str = "_dnsaddr.x TXT";

fn texts_at(owner: &str, entries: &[&str]) -> Reply {
    answer(owner, entries.iter().map(|entry| txt(owner, entry)).collect())
}

fn at_x(entries: &[&str]) -> (&'static str, Reply) {
    (QUERY, texts_at("_dnsaddr.x.", entries))
}

#[test]
fn entries_are_candidates() {
    let long = format!("dnsaddr=/ip4/10.0.0.2/tcp/1/x-parity-ws/%2F{}", "a".repeat(250));
    let pinned = format!("dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/{P}");
    let entries = ["dnsaddr=/memory/7", &pinned, "v=spf1 -all", &long, "dnsaddr=nonsense"];
    let resolution = run(SOURCE, &[at_x(&entries)]).unwrap();
    let expected = [&pinned[8..], &long[8..], "/memory/7"];
    assert_eq!(texts(&resolution), expected);
    assert!(resolution.complete);
    assert_eq!(resolution.records, 5);
    assert_eq!(resolution.dropped_total, 1);
    assert_eq!(resolution.dropped[0].what, "dnsaddr=nonsense");
}

/// A zone may name thousands: to read all of them at once would hold the swarm's task.
#[test]
fn a_large_answer_is_read_piece_by_piece_and_amounts_to_the_same() {
    let entries: Vec<_> = (1..=AT_ONCE + 7).map(|i| format!("dnsaddr=/memory/{i}")).collect();
    let reply = at_x(&entries.iter().map(|entry| &**entry).collect::<Vec<_>>()).1;
    let [mut patient, mut hasty] = [(); 2].map(|()| {
        let mut refresh = Refresh::new(&SOURCE.parse().unwrap(), &Limits::default());
        let (step, _) = refresh.poll_query().unwrap();
        refresh.handle_result(step, &reply);
        refresh
    });
    let mut read = Vec::new();
    while !patient.is_done() {
        read.push(patient.read_on(AT_ONCE));
    }
    assert_eq!(
        read,
        [AT_ONCE, 2 * 7],
        "an entry counts twice, and what came first was read at once"
    );
    assert!(!hasty.is_done() && hasty.read_on(1) == 2);
    let [patient, hasty] = [patient, hasty].map(|r| r.finish(&Pool::default()).unwrap());
    assert_eq!((patient.candidates.len(), patient.complete), (entries.len(), true));
    assert_eq!((patient.candidates, patient.threads), (hasty.candidates, hasty.threads));
}

#[test]
fn only_unrelated_texts_are_nothing() {
    assert_eq!(nothing(run(SOURCE, &[at_x(&["v=spf1 -all"])])), (NothingKind::NoData, None));
    let malformed = run(SOURCE, &[at_x(&["dnsaddr="])]).unwrap();
    assert!(malformed.candidates.is_empty() && malformed.dropped_total == 1);
}

#[test]
fn a_pin_is_stronger_than_none() {
    let [p, q] = [P, Q].map(|id| format!("dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/{id}"));
    let entries = ["dnsaddr=/ip4/10.0.0.1/tcp/1", &p, &q, &p, "dnsaddr=/ip6/::ffff:10.0.0.2/tcp/1"];
    let mut expected = vec![p[8..].to_owned(), q[8..].to_owned(), "/ip4/10.0.0.2/tcp/1".into()];
    let mut found = texts(&run(SOURCE, &[at_x(&entries)]).unwrap());
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_asked_peer_filters_entries() {
    let source = format!("{SOURCE}/p2p/{P}");
    let [p, q] = [P, Q].map(|id| format!("dnsaddr=/ip4/10.0.0.1/tcp/1/p2p/{id}"));
    let nested_p = format!("dnsaddr=/dnsaddr/y/p2p/{P}");
    let nested_q = format!("dnsaddr=/dnsaddr/q/p2p/{Q}");
    let host_p = format!("dnsaddr=/dns4/h/tcp/1/p2p/{P}");
    let entries = [
        &p,
        &q,
        &nested_p,
        &nested_q,
        &host_p,
        "dnsaddr=/dnsaddr/z",
        "dnsaddr=/dns4/i/tcp/1",
        "dnsaddr=/ip4/10.0.0.3/tcp/1",
    ];
    let replies = [
        at_x(&entries),
        ("h. A", answer("h.", vec![a("h.", 4)])),
        ("_dnsaddr.y. TXT", texts_at("_dnsaddr.y.", &[&p.replace("0.1", "0.2"), &q])),
    ];
    let (asked, outcome) = run_with(&source, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY, "h. A", "_dnsaddr.y. TXT"]);
    let resolution = outcome.unwrap();
    let expected = [1, 2, 4].map(|last| format!("/ip4/10.0.0.{last}/tcp/1/p2p/{P}"));
    assert_eq!(texts(&resolution), expected);
    assert_eq!(resolution.dropped_total, 0);
}

/// Of the [multiaddr specification]: what follows the name is matched against the end of each entry.
///
/// [multiaddr specification]: https://github.com/multiformats/multiaddr/blob/master/protocols/DNSADDR.md
#[test]
fn entries_must_end_in_what_follows_the_name() {
    let entries = [
        format!("/ip4/10.0.0.1/tcp/4001/p2p/{P}"),
        format!("/ip4/10.0.0.2/tcp/4002/p2p/{P}"),
        format!("/ip4/10.0.0.3/tcp/4001/p2p/{Q}"),
        "/ip4/10.0.0.4/tcp/4001".to_owned(),
        format!("/ip4/10.0.0.5/udp/4001/quic-v1/p2p/{P}"),
        format!("/ip4/10.0.0.6/tcp/443/wss/p2p/{P}/"),
        format!("/dns4/h/tcp/4001/p2p/{P}"),
        format!("/dnsaddr/y/tcp/4001/p2p/{P}"),
        format!("/dnsaddr/z/p2p/{P}"),
    ];
    let entries = entries.map(|entry| format!("dnsaddr={entry}"));
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    let nested = format!("dnsaddr=/ip4/10.0.0.7/tcp/4007/p2p/{P}");
    let also = nested.replace("4007", "4001");
    let nested = [nested.as_str(), also.as_str()];
    let replies = [
        at_x(&entries),
        ("h. A", answer("h.", vec![a("h.", 9)])),
        ("_dnsaddr.y. TXT", texts_at("_dnsaddr.y.", &nested)),
        ("_dnsaddr.z. TXT", texts_at("_dnsaddr.z.", &nested)),
    ];
    for (suffix, lasts) in [
        (format!("/tcp/4001/p2p/{P}"), vec![1, 7, 9]),
        (format!("/p2p/{Q}"), vec![3]),
        ("/tcp/4001".to_owned(), vec![4]),
        (format!("/quic-v1/p2p/{P}"), vec![5]),
        (format!("/tls/ws/p2p/{P}"), vec![6]),
        (format!("/ws/p2p/{P}"), vec![6]),
        (format!("/tcp/1/p2p/{P}"), vec![]),
    ] {
        let resolution = run(&format!("{SOURCE}{suffix}"), &replies).unwrap();
        let named: Vec<_> =
            resolution.candidates.iter().map(|named| named.candidate.ip()).collect();
        let expected: Vec<_> =
            lasts.iter().map(|last| Some(Ipv4Addr::new(10, 0, 0, *last).into())).collect();
        assert_eq!(named, expected, "{suffix}");
        assert_eq!(resolution.dropped_total, 0);
    }
}

#[test]
fn nested_hosts_are_looked_up_once() {
    let entries = [
        "dnsaddr=/dns4/H.example/tcp/1",
        "dnsaddr=/dns/h.example/tcp/443/wss",
        "dnsaddr=/dns6/h.example/udp/1/quic-v1",
    ];
    let replies = [
        at_x(&entries),
        ("h.example. A", answer("h.example.", vec![a("h.example.", 1)])),
        ("h.example. AAAA", answer("h.example.", vec![aaaa("h.example.", 1)])),
    ];
    let (mut asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    asked.sort();
    assert_eq!(asked, [QUERY, "h.example. A", "h.example. AAAA"]);
    let expected = [
        "/ip4/10.0.0.1/tcp/1",
        "/ip4/10.0.0.1/tcp/443/tls/sni/h.example/ws",
        "/ip6/fd00::1/udp/1/quic-v1",
        "/ip6/fd00::1/tcp/443/tls/sni/h.example/ws",
    ];
    let mut found = texts(&outcome.unwrap());
    assert_eq!(found.pop().unwrap(), expected[3], "port 443 comes last");
    found.sort();
    assert_eq!(found, expected[..3]);
}

#[test]
fn nested_names_that_fail_or_are_nothing() {
    let entries = ["dnsaddr=/dnsaddr/y", "dnsaddr=/dns4/h/tcp/1", "dnsaddr=/ip4/10.0.0.1/tcp/1"];
    let with = |y, h| run(SOURCE, &[at_x(&entries), ("_dnsaddr.y. TXT", y), ("h. A", h)]).unwrap();
    let resolution = with(nx(1), no_data(1));
    assert!(resolution.complete && resolution.candidates.len() == 1);
    let resolution = with(nx(1), Err(LookupError::Refused));
    assert!(!resolution.complete && resolution.candidates.len() == 1);
    let resolution = with(Err(LookupError::Refused), answer("h.", vec![a("h.", 2)]));
    assert!(!resolution.complete && resolution.candidates.len() == 2);
    let resolution = with(texts_at("_dnsaddr.y.", &["v=spf1"]), nx(1));
    assert!(resolution.complete && resolution.candidates.len() == 1);
}

#[test]
fn circles_end() {
    let there = ["dnsaddr=/dnsaddr/y", "dnsaddr=/dnsaddr/Y."];
    let replies = [
        ("_dnsaddr.x. TXT", texts_at("_dnsaddr.x.", &there)),
        ("_dnsaddr.y. TXT", texts_at("_dnsaddr.y.", &["dnsaddr=/dnsaddr/x", "dnsaddr=/memory/7"])),
    ];
    let (asked, outcome) = run_with("/dnsaddr/x.", &Limits::default(), &replies);
    assert_eq!(asked, ["_dnsaddr.x. TXT", "_dnsaddr.y. TXT"]);
    let resolution = outcome.unwrap();
    assert_eq!(texts(&resolution), ["/memory/7"]);
    assert!(resolution.complete);
}

#[test]
fn recursion_is_bounded() {
    let limits = limits(|l| l.recursion_depth = 1);
    let replies = [
        at_x(&["dnsaddr=/dnsaddr/y"]),
        ("_dnsaddr.y. TXT", texts_at("_dnsaddr.y.", &["dnsaddr=/dnsaddr/z", "dnsaddr=/memory/7"])),
    ];
    let (asked, outcome) = run_with(SOURCE, &limits, &replies);
    assert_eq!(asked, [QUERY, "_dnsaddr.y. TXT"]);
    let resolution = outcome.unwrap();
    assert_eq!(texts(&resolution), ["/memory/7"]);
    assert!(!resolution.complete);
    assert_eq!(resolution.dropped, [Dropped::new("_dnsaddr.z. TXT", Why::TooDeep(1))]);
}

#[test]
fn long_texts_and_many_records_are_reported() {
    let limits = limits(|l| {
        l.text_length = NonZeroUsize::new(30).unwrap();
        l.records_per_answer = NonZeroUsize::new(2).unwrap();
    });
    let long = format!("dnsaddr=/dns4/{}/tcp/1", "a".repeat(20));
    let resolution = run_with(SOURCE, &limits, &[at_x(&[&long, "dnsaddr=/memory/7"])]).1.unwrap();
    assert_eq!(texts(&resolution), ["/memory/7"]);
    assert_eq!(resolution.dropped, [Dropped::new(&long, Why::TooLong(30))]);
    let many = ["dnsaddr=/memory/9", "dnsaddr=/memory/8", "dnsaddr=/memory/7"];
    let resolution = run_with(SOURCE, &limits, &[at_x(&many)]).1.unwrap();
    assert_eq!(texts(&resolution), ["/memory/7", "/memory/8"]);
    assert!(!resolution.complete);
}

#[test]
fn of_many_dropped_entries_a_few_are_told() {
    let entries: Vec<_> = (10..40).map(|i| format!("dnsaddr={i}")).collect();
    let entries: Vec<_> = entries.iter().rev().map(String::as_str).collect();
    let resolution = run(SOURCE, &[at_x(&entries)]).unwrap();
    assert_eq!((resolution.dropped.len(), resolution.dropped_total), (16, 30));
    assert_eq!(resolution.dropped[0].what, "dnsaddr=10");
}

#[test]
fn an_alias_with_unrelated_texts_is_not_followed() {
    let records = vec![cname("_dnsaddr.x.", "y."), txt("y.", "v=spf1")];
    let replies = [(QUERY, answer("y.", records))];
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY]);
    assert_eq!(nothing(outcome), (NothingKind::NoData, None));
}
