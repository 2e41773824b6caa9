use super::*;

const SOURCE: &str = "srv:_p2p._tcp.x";
const QUERY: &str = "_p2p._tcp.x SRV";
const OWNER: &str = "_p2p._tcp.x.";

fn answered(targets: &[(&str, u16)], glue: Vec<Record>) -> Reply {
    let records = targets.iter().map(|(target, port)| srv(OWNER, target, *port)).collect();
    Ok(Answer::new(name(OWNER), records).with_additionals(glue))
}

#[test]
fn glue_saves_look_ups() {
    let glue = vec![aaaa("B.x.", 2), a("a.x.", 2), a("a.x.", 1), a("c.x.", 3)];
    let reply = answered(&[("A.x.", 4001), ("a.x.", 4003), ("b.x.", 4002)], glue);
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &[(QUERY, reply)]);
    assert_eq!(asked, [QUERY]);
    let resolution = outcome.unwrap();
    assert_eq!(
        texts(&resolution),
        [
            "/ip4/10.0.0.1/tcp/4001",
            "/ip4/10.0.0.1/tcp/4003",
            "/ip4/10.0.0.2/tcp/4001",
            "/ip4/10.0.0.2/tcp/4003",
            "/ip6/fd00::2/tcp/4002"
        ],
    );
    assert!(resolution.complete);
    assert_eq!(resolution.ttl, Some(Duration::from_secs(15)));
    assert_eq!(resolution.records, 3);
}

#[test]
fn the_ttl_of_glue_counts() {
    let mut glue = a("a.x.", 1);
    glue.ttl = 3;
    let resolution = run(SOURCE, &[(QUERY, answered(&[("a.x.", 1)], vec![glue]))]).unwrap();
    assert_eq!(resolution.ttl, Some(Duration::from_secs(3)));
}

#[test]
fn targets_without_glue_are_looked_up_once() {
    let replies = [
        (QUERY, answered(&[("a.x.", 2), ("A.x.", 1), ("b.x.", 1)], vec![a("b.x.", 9)])),
        ("a.x. A", answer("a.x.", vec![a("a.x.", 1)])),
        ("a.x. AAAA", no_data(5)),
    ];
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY, "a.x. A", "a.x. AAAA"]);
    let resolution = outcome.unwrap();
    let expected = ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/2", "/ip4/10.0.0.9/tcp/1"];
    assert_eq!(texts(&resolution), expected);
    assert!(resolution.complete);
}

#[test]
fn targets_that_are_nothing_name_nobody() {
    let replies = [
        (QUERY, answered(&[("a.x.", 1), ("b.x.", 1)], vec![a("b.x.", 9)])),
        ("a.x. A", nx(5)),
        ("a.x. AAAA", nx(5)),
    ];
    let resolution = run(SOURCE, &replies).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.9/tcp/1"]);
    assert!(resolution.complete);
    let none = [(QUERY, answered(&[("a.x.", 1)], vec![])), replies[1].clone(), replies[2].clone()];
    let resolution = run(SOURCE, &none).unwrap();
    assert!(resolution.complete && resolution.candidates.is_empty());
}

#[test]
fn a_target_that_fails_makes_the_rest_incomplete() {
    let replies = [
        (QUERY, answered(&[("a.x.", 1), ("b.x.", 1)], vec![a("b.x.", 9)])),
        ("a.x. A", Err(LookupError::Refused)),
    ];
    let resolution = run(SOURCE, &replies).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.9/tcp/1"]);
    assert!(!resolution.complete);
    assert!(matches!(resolution.incomplete_because, Some(LookupError::Refused)));
}

#[test]
fn a_service_that_is_not_available() {
    let reply = answered(&[(".", 0)], vec![]);
    assert_eq!(nothing(run(SOURCE, &[(QUERY, reply)])), (NothingKind::NoData, None));
    assert_eq!(nothing(run(SOURCE, &[(QUERY, nx(5))])), (NothingKind::NxDomain, Some(5)));
    let mixed = answered(&[(".", 0), ("a.x.", 1)], vec![a("a.x.", 1)]);
    assert_eq!(texts(&run(SOURCE, &[(QUERY, mixed)]).unwrap()), ["/ip4/10.0.0.1/tcp/1"]);
}

#[test]
fn port_0_is_dropped_unless_one_was_written() {
    let reply = answered(&[("a.x.", 0), ("b.x.", 2)], vec![a("a.x.", 1), a("b.x.", 2)]);
    let resolution = run(SOURCE, &[(QUERY, reply.clone())]).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.2/tcp/2"]);
    assert_eq!(resolution.dropped, [Dropped::new("a.x.", Why::PortZero)]);
    let written = run(&format!("{SOURCE}/tcp/9"), &[(QUERY, reply)]).unwrap();
    assert_eq!(texts(&written), ["/ip4/10.0.0.1/tcp/9", "/ip4/10.0.0.2/tcp/9"]);
}

#[test]
fn transports() {
    let reply = answered(&[("A.x.", 7)], vec![a("a.x.", 1)]);
    for (tail, expected) in [
        ("/tls/ws", &["/ip4/10.0.0.1/tcp/7/tls/sni/a.x/ws"][..]),
        ("/tcp/0/tls/sni/y/ws", &["/ip4/10.0.0.1/tcp/7/tls/sni/y/ws"]),
        ("/udp/0/quic-v1", &["/ip4/10.0.0.1/udp/7/quic-v1"]),
        ("/udp/9/quic-v1|/tcp/0", &["/ip4/10.0.0.1/tcp/7", "/ip4/10.0.0.1/udp/9/quic-v1"]),
        ("/tcp/0|/tcp/7", &["/ip4/10.0.0.1/tcp/7"]),
    ] {
        let resolution = run(&format!("{SOURCE}{tail}"), &[(QUERY, reply.clone())]).unwrap();
        assert_eq!(texts(&resolution), expected);
    }
    let udp = Ok(Answer::new(name("_udp.x."), vec![srv("_udp.x.", "a.x.", 7)])
        .with_additionals(vec![a("a.x.", 1)]));
    let resolution = run("srv:_udp.x", &[("_udp.x SRV", udp)]).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/udp/7/quic-v1"]);
}

#[test]
fn a_target_that_no_certificate_names() {
    for label in ["a/b", "-a", "a\0", "*"] {
        let odd = Name::from_labels([label.as_bytes(), b"x"]).unwrap();
        let rdata = RData::SRV(SRV::new(0, 0, 1, odd.clone()));
        let record = Record::from_rdata(name(OWNER), 5, rdata);
        let glue = Record::from_rdata(odd, 5, RData::A(A::new(10, 0, 0, 1)));
        let reply = Ok(Answer::new(name(OWNER), vec![record]).with_additionals(vec![glue]));
        let resolution = run(&format!("{SOURCE}/wss|/tcp/0"), &[(QUERY, reply)]).unwrap();
        assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
        assert_eq!(resolution.dropped[0].why, Why::NoServerName);
    }
}

#[test]
fn look_ups_are_bounded() {
    let limits = limits(|l| l.lookups_per_refresh = NonZeroUsize::new(3).unwrap());
    let reply = answered(&[("c.", 1), ("b.", 1), ("a.", 1)], vec![]);
    let replies = [(QUERY, reply), ("a. A", answer("a.", vec![a("a.", 1)])), ("a. AAAA", nx(1))];
    let (asked, outcome) = run_with(SOURCE, &limits, &replies);
    assert_eq!(asked, [QUERY, "a. A", "a. AAAA"]);
    let resolution = outcome.unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
    assert!(!resolution.complete && resolution.incomplete_because.is_none());
    assert_eq!(resolution.dropped_total, 4);
    assert_eq!(resolution.dropped[0], Dropped::new("b. A", Why::TooManyLookups(3)));
}

/// A few records must not multiply: here every port meets every address.
#[test]
fn candidates_are_bounded() {
    let limits = limits(|l| l.records_per_answer = NonZeroUsize::new(10).unwrap());
    let ports: Vec<_> = (1..=10).map(|port| ("a.", port)).collect();
    let reply = answered(&ports, (0..10).map(|last| a("a.", last)).collect());
    let source = format!("{SOURCE}/udp/0/quic-v1|/tcp/0");
    let resolution = run_with(&source, &limits, &[(QUERY, reply)]).1.unwrap();
    assert_eq!(resolution.candidates.len(), 20);
    assert_eq!(texts(&resolution)[19], "/ip4/10.0.0.0/udp/10/quic-v1");
    assert!(!resolution.complete);
    assert_eq!(resolution.dropped, [Dropped::new("candidates", Why::TooManyCandidates(20))]);
}

#[test]
fn a_transport_is_not_preferred_to_itself() {
    let reply = answered(&[("a.", 7)], vec![a("a.", 1)]);
    let source = format!("{SOURCE}/udp/0/quic-v1|/tcp/7|/tcp/0");
    let candidates = run(&source, &[(QUERY, reply)]).unwrap().candidates;
    let [tcp, quic] = &candidates[..] else { panic!("{candidates:?}") };
    assert_eq!(preferred(tcp), Some(&quic.candidate));
    assert_eq!(preferred(quic), None);
}
