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
    let replies = [(QUERY, reply), ("a.x. AAAA", no_data(5)), ("b.x. A", no_data(5))];
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY, "a.x. AAAA", "b.x. A"], "whether there is another family at all");
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

/// Consul gives port 0 to instances without a port, and their target is the node of others too.
#[test]
fn glue_is_not_lost_to_a_record_that_names_its_target_without_a_port() {
    let reply = answered(&[("a.x.", 0), ("a.x.", 4001)], vec![a("a.x.", 1), aaaa("a.x.", 1)]);
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &[(QUERY, reply)]);
    assert_eq!(asked, [QUERY]);
    let named = texts(&outcome.unwrap());
    assert_eq!(named, ["/ip4/10.0.0.1/tcp/4001", "/ip6/fd00::1/tcp/4001"]);
}

/// What is read of it later would count as new, and nothing would wake the node for it.
#[test]
fn an_earlier_answer_is_read_at_once_however_large() {
    let targets: Vec<_> = (0..2 * AT_ONCE + 1).map(|n| format!("t{n}.x.")).collect();
    let named: Vec<_> = targets.iter().map(|target| (target.as_str(), 1)).collect();
    let glue = targets.iter().flat_map(|target| [a(target, 1), aaaa(target, 1)]).collect();
    let reply = answered(&named, glue);
    let mut refresh = Refresh::new(&SOURCE.parse().unwrap(), &Limits::default());
    let (step, _) = refresh.poll_query().unwrap();
    refresh.handle_earlier(step, &reply);
    assert!(refresh.is_done());
    let resolution = refresh.finish(&Pool::default()).unwrap();
    assert!(resolution.threads.heard.values().all(|heard| *heard == Heard::Nothing));
}

/// Else the addresses that the bound cut off would count as left out by a whole answer.
#[test]
fn of_glue_past_the_bound_a_part_was_heard() {
    let limits = limits(|l| l.records_per_answer = NonZeroUsize::new(2).unwrap());
    let glue = (1..=3).map(|last| a("a.x.", last)).collect();
    let (_, outcome) = run_with(SOURCE, &limits, &[(QUERY, answered(&[("a.x.", 1)], glue))]);
    let resolution = outcome.unwrap();
    let heard = |of| resolution.threads.heard.iter().find(|(query, _)| query.to_string() == of);
    assert_eq!(texts(&resolution).len(), 2);
    for of in [QUERY, "a.x. A"] {
        assert_eq!(heard(of).map(|(_, heard)| *heard), Some(Heard::Part), "{of}");
    }
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
        ("b.x. AAAA", no_data(5)),
    ];
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    assert_eq!(asked, [QUERY, "a.x. A", "a.x. AAAA", "b.x. AAAA"]);
    let resolution = outcome.unwrap();
    let expected = ["/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/2", "/ip4/10.0.0.9/tcp/1"];
    assert_eq!(texts(&resolution), expected);
    assert!(resolution.complete);
}

/// Targets `a.` to `j.` of which each has an address of both families; glue has A records of so many,
/// and AAAA records of so many. Returns what is asked besides, and how many addresses come of it.
fn cut_glue(v4: usize, v6: usize) -> (Vec<String>, Resolution) {
    let names: Vec<_> = ('a'..='j').map(|of| format!("{of}.")).collect();
    let host = |of: RecordType, n: usize| match of {
        RecordType::A => a(&names[n], n as u8),
        _ => aaaa(&names[n], n as u16),
    };
    let glue = (0..v4).map(|n| host(RecordType::A, n));
    let glue = glue.chain((0..v6).map(|n| host(RecordType::AAAA, n))).collect();
    let targets: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let mut replies = vec![(QUERY.to_owned(), answered(&targets, glue))];
    for (n, name) in names.iter().enumerate() {
        for of in [RecordType::A, RecordType::AAAA] {
            replies.push((format!("{name} {of}"), answer(name, vec![host(of, n)])));
        }
    }
    let replies: Vec<_> = replies.iter().map(|(of, reply)| (&**of, reply.clone())).collect();
    let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
    (asked[1..].to_vec(), outcome.unwrap())
}

/// Fails on the code that takes glue of one family for all that there is.
#[test]
fn what_glue_lacks_is_asked_for() {
    for (v4, v6, look_ups) in
        [(10, 10, 0), (10, 9, 1), (10, 1, 9), (10, 0, 10), (9, 9, 2), (7, 0, 13)]
    {
        let (asked, resolution) = cut_glue(v4, v6);
        assert_eq!(asked.len(), look_ups, "{v4} {v6}: {asked:?}");
        assert!(resolution.complete && resolution.candidates.len() == 20, "{v4} {v6}");
    }
}

/// In each refresh, another target is asked for in place of all. Fails if it is always the first: it may
/// have one family while the others have two.
#[test]
fn a_target_of_one_family_does_not_speak_for_the_others_for_ever() {
    let targets = [("a.", 1), ("b.", 1), ("c.", 1)];
    let glue: Vec<_> = (1..=3).zip(targets).map(|(n, (of, _))| a(of, n)).collect();
    let asked = |turn| {
        let source = SOURCE.parse().unwrap();
        let mut refresh =
            Refresh::new(&source, &Limits::default()).after(turn, HashSet::new(), Known::default());
        let (step, _) = refresh.poll_query().unwrap();
        refresh.handle_result(step, &answered(&targets, glue.clone()));
        let (step, query) = refresh.poll_query().unwrap();
        refresh.handle_result(step, &answer("b.", vec![aaaa("b.", 2)]));
        let others = std::iter::from_fn(|| refresh.poll_query());
        (query.to_string(), others.map(|(_, query)| query.to_string()).collect::<Vec<_>>())
    };
    let all = ["a. AAAA", "b. AAAA", "c. AAAA"];
    for (turn, first) in all.iter().enumerate() {
        let (sample, others) = asked(turn);
        assert_eq!(sample, *first);
        let are_asked = |of: &&str| of == first || others.iter().any(|other| other == of);
        assert!(all.iter().all(are_asked), "it has both, so that all are asked for: {others:?}");
    }
}

/// Else a cluster of one family would cost a look-up for each target, and so would one whose targets
/// have an address of one family each, as the pods of a Deployment with two families have.
#[test]
fn glue_of_one_family_costs_one_look_up() {
    let targets = [("a.", 1), ("b.", 1), ("c.", 1), ("d.", 1)];
    for (glue, besides) in [
        (["a.", "b.", "c.", "d."].map(|of| a(of, 1)), &["a. AAAA"][..]),
        ([a("a.", 1), a("b.", 2), aaaa("c.", 3), aaaa("d.", 4)], &["a. AAAA", "c. A"]),
    ] {
        let mut replies = vec![(QUERY, answered(&targets, glue.into()))];
        replies.extend(besides.iter().map(|of| (*of, no_data(5))));
        let (asked, outcome) = run_with(SOURCE, &Limits::default(), &replies);
        assert_eq!(asked[1..], *besides);
        assert!(outcome.unwrap().complete);
    }
}

/// What is past the limit says nothing of the addresses that glue named before.
#[test]
fn what_glue_lacks_past_the_limit_was_heard_in_part() {
    let limits = limits(|l| l.lookups_per_refresh = NonZeroUsize::new(2).unwrap());
    let glue = vec![a("a.", 1), aaaa("a.", 1), a("b.", 2), a("c.", 3)];
    let replies =
        [(QUERY, answered(&[("a.", 1), ("b.", 1), ("c.", 1)], glue)), ("b. AAAA", no_data(5))];
    let resolution = run_with(SOURCE, &limits, &replies).1.unwrap();
    assert_eq!(resolution.dropped, [Dropped::new("c. AAAA", Why::TooManyLookups(2))]);
    assert_eq!(resolution.dropped_total, 1);
    let heard = |of, record_type| resolution.threads.heard[&Query::new(name(of), record_type)];
    assert_eq!(resolution.threads.cut.len(), 1, "SRV leads to what was not asked");
    assert_eq!(heard("b.", RecordType::AAAA), Heard::All);
    assert_eq!(heard("c.", RecordType::A), Heard::All);
}

#[test]
fn targets_that_are_nothing_name_nobody() {
    let replies = [
        (QUERY, answered(&[("a.x.", 1), ("b.x.", 1)], vec![a("b.x.", 9)])),
        ("a.x. A", nx(5)),
        ("a.x. AAAA", nx(5)),
        ("b.x. AAAA", nx(5)),
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
