//! What a truncated SRV answer is completed by.

use super::*;

const SOURCE: &str = "srv:_p2p._tcp.x";
const QUERY: &str = "_p2p._tcp.x SRV";
const OWNER: &str = "_p2p._tcp.x.";

/// An answer that was cut after these.
fn partial(owner: &str, targets: &[(&str, u16)], glue: Vec<Record>) -> Reply {
    let records = targets.iter().map(|(target, port)| srv(owner, target, *port)).collect();
    Ok(Answer::new(name(owner), records).with_additionals(glue).with_complete(false))
}

/// A partial answer that names 10.0.0.1, and addresses of the name without its labels.
fn completed(port: u16, last: impl IntoIterator<Item = u8>) -> [(&'static str, Reply); 3] {
    let addresses = last.into_iter().map(|last| a("x.", last)).collect();
    [
        (QUERY, partial(OWNER, &[("a.x.", port)], vec![a("a.x.", 1)])),
        ("x A", answer("x.", addresses)),
        ("x AAAA", answer("x.", vec![aaaa("x.", 7)])),
    ]
}

#[test]
fn the_name_without_its_labels_completes_it() {
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &completed(4001, [1, 2, 3]));
    assert_eq!(asked, [QUERY, "x A", "x AAAA"]);
    let resolution = outcome.unwrap();
    assert_eq!(
        texts(&resolution),
        [
            "/ip4/10.0.0.1/tcp/4001",
            "/ip4/10.0.0.2/tcp/4001",
            "/ip4/10.0.0.3/tcp/4001",
            "/ip6/fd00::7/tcp/4001",
        ],
    );
    // The addresses need not be of the same moment as the records, nor of the same endpoints.
    assert!(!resolution.complete && resolution.incomplete_because.is_none());
    assert_eq!(resolution.ttl, Some(Duration::from_secs(15)));
    assert_eq!(resolution.records, 5);
}

#[test]
fn which_name_that_is() {
    for (owner, tail, expected) in [
        ("_p2p._tcp.peers.ns.svc.cluster.local.", "", Some("peers.ns.svc.cluster.local.")),
        ("_p2p._tcp.peers.ns.svc.cluster.local", "", Some("peers.ns.svc.cluster.local")),
        ("_udp.x", "", Some("x")),
        ("_p2p._tcp.a._b.x.", "", Some("a._b.x.")),
        ("peers.x.", "/tcp/0", Some("peers.x.")),
        ("_p2p._tcp", "", None),
        ("_p2p._tcp.", "", None),
    ] {
        let query = format!("{owner} SRV");
        let absolute = format!("{}.", owner.trim_end_matches('.'));
        let reply = partial(&absolute, &[("t.", 1)], vec![a("t.", 1)]);
        let source = format!("srv:{owner}{tail}");
        let (asked, outcome) = run_with(&source, &Limits::default(), &[(&query, reply)]);
        let more = expected.map(|name| [format!("{name} A"), format!("{name} AAAA")]);
        assert_eq!(asked[1..], more.into_iter().flatten().collect::<Vec<_>>(), "{source}");
        assert!(!outcome.unwrap().complete);
    }
}

#[test]
fn only_one_port_that_all_records_agree_on_is_taken() {
    for (targets, asks) in [
        (&[("a.", 7)][..], true),
        (&[("a.", 7), ("b.", 7), ("c.", 7)], true),
        (&[("a.", 7), ("b.", 7), ("c.", 8)], false),
        (&[("a.", 7), ("a.", 8)], false),
        (&[("a.", 7), ("b.", 0)], false),
        (&[("a.", 0)], false),
        // That says that there is no service, and nothing of ports.
        (&[("a.", 7), (".", 0)], true),
        (&[(".", 0)], false),
        (&[], false),
    ] {
        let glue = ["a.", "b.", "c."].map(|target| a(target, 1)).into();
        let replies = [(QUERY, partial(OWNER, targets, glue))];
        let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
        assert_eq!(asked.len(), if asks { 3 } else { 1 }, "{targets:?}");
        assert!(outcome.is_err() || !outcome.unwrap().complete, "{targets:?}");
    }
}

#[test]
fn port_0_is_told_once_unless_a_port_was_written() {
    let replies = [
        (QUERY, partial(OWNER, &[("a.x.", 0)], vec![a("a.x.", 1)])),
        ("x A", answer("x.", vec![a("x.", 1), a("x.", 2)])),
        ("x AAAA", nx(5)),
    ];
    let resolution = run(SOURCE, &replies).unwrap();
    assert_eq!(resolution.dropped, [Dropped::new("a.x.", Why::PortZero)]);
    assert_eq!((resolution.dropped_total, resolution.candidates.len()), (1, 0));
    let resolution = run(&format!("{SOURCE}/tcp/9"), &replies).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/9", "/ip4/10.0.0.2/tcp/9"]);
}

/// Which records a bound keeps says nothing of the ports of those it cuts off.
#[test]
fn records_that_a_bound_cuts_off_have_a_say() {
    let limits = limits(|l| l.records_per_answer = NonZeroUsize::new(1).unwrap());
    let glue = vec![a("a.", 1), a("b.", 1)];
    let replies = [(QUERY, partial(OWNER, &[("a.", 7), ("b.", 8)], glue))];
    assert_eq!(run_with(SOURCE, &limits, &replies).0, [QUERY]);
}

#[test]
fn a_complete_answer_is_left_alone() {
    let records = vec![srv(OWNER, "a.x.", 7)];
    let reply = Ok(Answer::new(name(OWNER), records).with_additionals(vec![a("a.x.", 1)]));
    let replies = [(QUERY, reply), ("a.x. AAAA", no_data(5))];
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY, "a.x. AAAA"]);
    assert!(outcome.unwrap().complete);
}

#[test]
fn an_alias_does_not_change_the_name() {
    let alias = cname(OWNER, "_p2p._tcp.else.");
    let replies = [
        (QUERY, answer("_p2p._tcp.else.", vec![alias])),
        ("_p2p._tcp.else. SRV", partial("_p2p._tcp.else.", &[("t.", 1)], vec![a("t.", 1)])),
    ];
    let asked = run_with(SOURCE, &Limits::default(), &replies).0;
    assert_eq!(asked, [QUERY, "_p2p._tcp.else. SRV", "x A", "x AAAA"]);
}

#[test]
fn transports_and_tls_names() {
    const PINNED: &str = "/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
    for (tail, expected) in [
        // A target's own name says more than that of the whole.
        ("/tls/ws", "/ip4/10.0.0.1/tcp/7/tls/sni/a.x/ws /ip4/10.0.0.2/tcp/7/tls/sni/x/ws"),
        (
            "/tcp/0/tls/sni/y/ws",
            "/ip4/10.0.0.1/tcp/7/tls/sni/y/ws /ip4/10.0.0.2/tcp/7/tls/sni/y/ws",
        ),
        ("/tcp/9", "/ip4/10.0.0.1/tcp/9 /ip4/10.0.0.2/tcp/9"),
        (
            "/udp/0/quic-v1|/tcp/9",
            "/ip4/10.0.0.1/udp/7/quic-v1 /ip4/10.0.0.1/tcp/9 \
             /ip4/10.0.0.2/udp/7/quic-v1 /ip4/10.0.0.2/tcp/9",
        ),
    ] {
        for pin in ["", PINNED] {
            let mut replies = completed(7, [1, 2]);
            replies[2].1 = no_data(5);
            let resolution = run(&format!("{SOURCE}{tail}{pin}"), &replies).unwrap();
            let expected = expected.split_whitespace().map(|text| format!("{text}{pin}"));
            assert_eq!(texts(&resolution), expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn what_fails_to_complete_it_spoils_nothing() {
    for (reply, because) in [(nx(5), None), (Err(LookupError::Refused), Some(()))] {
        let mut replies = completed(7, []);
        (replies[1].1, replies[2].1) = (reply.clone(), reply);
        let resolution = run(SOURCE, &replies).unwrap();
        assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/7"]);
        assert!(!resolution.complete);
        assert_eq!(resolution.incomplete_because.map(|_| ()), because);
    }
}

/// Two look-ups of the whole give more than any number of look-ups of single targets.
#[test]
fn it_comes_before_the_look_ups_of_targets() {
    let limits = limits(|l| l.lookups_per_refresh = NonZeroUsize::new(3).unwrap());
    let replies = [
        (QUERY, partial(OWNER, &[("a.", 7), ("b.", 7)], vec![])),
        ("x A", answer("x.", vec![a("x.", 1)])),
        ("x AAAA", nx(5)),
    ];
    let (asked, outcome) = run_with(SOURCE, &limits, &replies);
    assert_eq!(asked, [QUERY, "x A", "x AAAA"]);
    let resolution = outcome.unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/7"]);
    assert_eq!(resolution.dropped[0], Dropped::new("a. A", Why::TooManyLookups(3)));
}

#[test]
fn its_addresses_are_bounded() {
    let limits = limits(|l| l.records_per_answer = NonZeroUsize::new(2).unwrap());
    let resolution = run_with(SOURCE, &limits, &completed(7, 1..=5)).1.unwrap();
    let expected = ["/ip4/10.0.0.1/tcp/7", "/ip4/10.0.0.2/tcp/7", "/ip6/fd00::7/tcp/7"];
    assert_eq!(texts(&resolution), expected);
    assert_eq!(resolution.dropped, [Dropped::new("x A", Why::TooManyRecords(2))]);
}
