use super::*;

const SOURCE: &str = "/dns/x/tcp/1";

#[test]
fn both_families_are_asked_for_at_once() {
    let mut refresh = Refresh::new(&SOURCE.parse().unwrap(), &Limits::default());
    assert!(!refresh.is_done());
    let asked: Vec<_> = std::iter::from_fn(|| refresh.poll_query()).collect();
    let queries: Vec<_> = asked.iter().map(|(_, query)| query.to_string()).collect();
    assert_eq!(queries, ["x A", "x AAAA"]);
    assert!(!refresh.is_done());
    refresh.handle_result(asked[1].0, &answer("x.s.", vec![aaaa("x.s.", 1)]));
    refresh.handle_result(asked[0].0, &answer("X.S.", vec![a("x.s.", 10), a("x.s.", 9)]));
    assert!(refresh.is_done());
    let resolution = refresh.finish(&Pool::default()).unwrap();
    let expected = ["/ip4/10.0.0.9/tcp/1", "/ip4/10.0.0.10/tcp/1", "/ip6/fd00::1/tcp/1"];
    assert_eq!(texts(&resolution), expected);
    assert!(resolution.complete);
    assert_eq!(resolution.ttl, Some(Duration::from_secs(20)));
    assert_eq!((resolution.records, resolution.dropped_total), (3, 0));
    assert!(resolution.candidates.iter().all(|named| named.transports.is_none()));
}

#[test]
fn one_family() {
    for (source, asked) in [("/dns4/x/tcp/1", "x A"), ("/dns6/x/tcp/1", "x AAAA")] {
        let replies = [(asked, answer("x.", vec![a("x.", 1), aaaa("x.", 1)]))];
        let (queries, outcome) = run_with(source, &Limits::default(), &replies);
        assert_eq!(queries, [asked]);
        assert_eq!(outcome.unwrap().candidates.len(), 1);
    }
}

#[test]
fn unknown_and_repeated_steps_do_nothing() {
    let mut refresh = Refresh::new(&SOURCE.parse().unwrap(), &Limits::default());
    refresh.handle_result(0, &answer("x.", vec![a("x.", 66)]));
    refresh.handle_result(7, &answer("x.", vec![a("x.", 66)]));
    let (first, _) = refresh.poll_query().unwrap();
    let (second, _) = refresh.poll_query().unwrap();
    refresh.handle_result(first, &answer("x.", vec![a("x.", 1)]));
    refresh.handle_result(first, &answer("x.", vec![a("x.", 66)]));
    refresh.handle_result(second, &no_data(5));
    refresh.handle_result(second, &Err(LookupError::Refused));
    let resolution = refresh.finish(&Pool::default()).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
    assert!(resolution.complete);
}

#[test]
fn a_missing_family_leaves_the_other_complete() {
    for missing in [no_data(1), nx(1), answer("x.", vec![]), answer("x.", vec![a("y.", 9)])] {
        let replies = [("x A", answer("x.", vec![a("x.", 1)])), ("x AAAA", missing)];
        let resolution = run(SOURCE, &replies).unwrap();
        assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
        assert!(resolution.complete && resolution.incomplete_because.is_none());
        assert_eq!(resolution.ttl, Some(Duration::from_secs(30)));
    }
}

#[test]
fn nothing_at_all() {
    use NothingKind::*;
    for (v4, v6, expected) in [
        (nx(9), nx(5), (NxDomain, Some(5))),
        (nx(3), no_data(5), (NoData, Some(3))),
        (no_data(9), nx(5), (NoData, Some(5))),
        (no_data(9), answer("x.", vec![]), (NoData, Some(9))),
        (answer("x.", vec![]), answer("x.", vec![]), (NoData, None)),
    ] {
        assert_eq!(nothing(run(SOURCE, &[("x A", v4), ("x AAAA", v6)])), expected);
    }
}

#[test]
fn a_failed_family_makes_the_other_incomplete() {
    let replies = [
        ("x A", answer("x.", vec![a("x.", 1)])),
        ("x AAAA", Err(LookupError::ServerFailed("SERVFAIL".into()))),
    ];
    let resolution = run(SOURCE, &replies).unwrap();
    assert!(!resolution.complete);
    assert!(matches!(resolution.incomplete_because, Some(LookupError::ServerFailed(_))));
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
}

#[test]
fn a_failure_is_never_read_as_nothing() {
    for reply in [nx(1), no_data(1), answer("x.", vec![]), Err(LookupError::TimedOut)] {
        let outcome = run(SOURCE, &[("x A", reply.clone()), ("x AAAA", Err(LookupError::Refused))]);
        assert!(matches!(outcome, Err(LookupError::Refused)), "{reply:?}");
        let outcome = run(SOURCE, &[("x AAAA", reply), ("x A", Err(LookupError::Refused))]);
        assert!(matches!(outcome, Err(LookupError::Refused)));
    }
}

#[test]
fn what_is_under_way_has_timed_out() {
    let outcome = run(SOURCE, &[("x A", no_data(1))]);
    assert!(matches!(outcome, Err(LookupError::TimedOut)));
    let outcome = run(SOURCE, &[("x A", nx(1))]);
    assert_eq!(nothing(outcome), (NothingKind::NxDomain, Some(1)), "it answers for all types");
    let resolution = run(SOURCE, &[("x A", answer("x.", vec![a("x.", 1)]))]).unwrap();
    assert!(!resolution.complete);
    assert!(matches!(resolution.incomplete_because, Some(LookupError::TimedOut)));
    let unasked = Refresh::new(&SOURCE.parse().unwrap(), &Limits::default());
    assert!(matches!(unasked.finish(&Pool::default()), Err(LookupError::TimedOut)));
}

#[test]
fn a_truncated_answer_is_used_and_not_complete() {
    let truncated = Answer::new(name("x."), vec![a("x.", 1)]).with_complete(false);
    let resolution = run(SOURCE, &[("x A", Ok(truncated)), ("x AAAA", nx(1))]).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
    assert!(!resolution.complete && resolution.incomplete_because.is_none());
    let empty = Answer::new(name("x."), vec![]).with_complete(false);
    let outcome = run(SOURCE, &[("x A", Ok(empty)), ("x AAAA", nx(1))]);
    assert!(matches!(outcome, Err(LookupError::Failed(_))), "{outcome:?}");
}

#[test]
fn the_weakest_proof_counts() {
    use crate::resolver::Proof::*;
    for (v4, v6, expected) in [
        (Some(Secure), Some(Secure), Some(Secure)),
        (Some(Secure), Some(Insecure), Some(Insecure)),
        (Some(Indeterminate), Some(Insecure), Some(Indeterminate)),
        (Some(Secure), None, None),
        (None, Some(Secure), None),
    ] {
        let with = |record, proof| {
            let mut answer = Answer::new(name("x."), vec![record]);
            answer.proof = proof;
            Ok(answer)
        };
        let replies = [("x A", with(a("x.", 1), v4)), ("x AAAA", with(aaaa("x.", 1), v6))];
        assert_eq!(run(SOURCE, &replies).unwrap().proof, expected);
    }
}

#[test]
fn transports_are_preferred_in_the_order_written() {
    let replies = [("x A", answer("x.", vec![a("x.", 2), a("x.", 1)]))];
    let source = format!("/dns4/x/udp/1/quic-v1|/tcp/1|/tcp/443/wss/p2p/{P}");
    let resolution = run(&source, &replies).unwrap();
    let preferred: Vec<_> = resolution
        .candidates
        .iter()
        .map(|n| (n.candidate.to_string(), preferred(n).map(ToString::to_string)))
        .collect();
    let of = |last: u8| {
        let [quic, tcp, wss] = ["udp/1/quic-v1", "tcp/1", "tcp/443/tls/sni/x/ws"]
            .map(|upper| format!("/ip4/10.0.0.{last}/{upper}/p2p/{P}"));
        [(tcp.clone(), Some(quic.clone())), (quic, None), (wss, Some(tcp))]
    };
    assert_eq!(preferred, [of(1), of(2)].concat());
}

#[test]
fn tls_gets_the_name_that_was_written() {
    for (source, expected) in [
        ("/dns4/X.example./tcp/1/wss", "/ip4/10.0.0.1/tcp/1/tls/sni/x.example/ws"),
        ("/dns4/x.example/tcp/1/tls/ws", "/ip4/10.0.0.1/tcp/1/tls/sni/x.example/ws"),
        ("/dns4/x.example/tcp/1/tls/sni/Y/ws", "/ip4/10.0.0.1/tcp/1/tls/sni/y/ws"),
        ("/dns4/x.example/tcp/1/ws", "/ip4/10.0.0.1/tcp/1/ws"),
    ] {
        let query = if source.contains("./") { "x.example. A" } else { "x.example A" };
        let replies = [(query, answer("x.example.", vec![a("x.example.", 1)]))];
        assert_eq!(texts(&run(source, &replies).unwrap()), [expected]);
    }
}

#[test]
fn a_mapped_aaaa_is_an_ipv4_candidate() {
    let ip = Ipv4Addr::new(10, 0, 0, 1).to_ipv6_mapped();
    let mapped = Record::from_rdata(name("x."), 5, RData::AAAA(AAAA(ip)));
    let replies = [("x A", answer("x.", vec![a("x.", 1)])), ("x AAAA", answer("x.", vec![mapped]))];
    assert_eq!(texts(&run(SOURCE, &replies).unwrap()), ["/ip4/10.0.0.1/tcp/1"]);
}

#[test]
fn past_the_bound_the_lowest_stay() {
    let limits = limits(|l| l.records_per_answer = NonZeroUsize::new(2).unwrap());
    let replies = [
        ("x A", answer("x.", [9, 1, 200, 2, 2].map(|last| a("x.", last)).into())),
        ("x AAAA", answer("x.", vec![aaaa("x.", 1), aaaa("x.", 2)])),
    ];
    let resolution = run_with(SOURCE, &limits, &replies).1.unwrap();
    assert_eq!(
        texts(&resolution),
        ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1", "/ip6/fd00::1/tcp/1", "/ip6/fd00::2/tcp/1"],
    );
    assert!(!resolution.complete);
    assert_eq!(resolution.dropped, [Dropped::new("x A", Why::TooManyRecords(2))]);
}
