use super::*;

/// What is recalled of a refresh that got the first replies, where a later one gets the others; `None` if that one
/// has to be read. Says what the later one asked, too.
fn recalled(
    source: &str,
    first: &[(&str, Reply)],
    then: &[(&str, Reply)],
) -> (Vec<String>, Option<Resolution>) {
    let resolution = run(source, first).expect("records");
    let mut asked = Vec::new();
    let Some(mut recall) = Recall::new(&resolution.known, 1) else { return (asked, None) };
    while let Some(query) = recall.poll_query() {
        let text = query.to_string();
        let reply = then.iter().find(|(of, _)| *of == text);
        asked.push(text);
        let Some((_, reply)) = reply else { continue };
        if !recall.hear(&query, reply, true) {
            return (asked, None);
        }
    }
    (asked, recall.is_done().then(|| recall.finish()))
}

const SERVICE: &str = "srv:_p2p._tcp.x";
const SRV: &str = "_p2p._tcp.x SRV";

fn service(targets: &[(&str, u16)], glue: &[Record]) -> Reply {
    let owner = "_p2p._tcp.x.";
    let records = targets.iter().map(|(target, port)| srv(owner, target, *port)).collect();
    Ok(Answer::new(name(owner), records).with_additionals(glue.to_vec()))
}

const TARGETS: [(&str, u16); 2] = [("a.", 1), ("b.", 1)];

fn glue() -> [Record; 2] {
    [a("a.", 1), a("b.", 2)]
}

#[test]
fn services_with_glue_are_recalled_and_another_target_is_sampled() {
    let first = [(SRV, service(&TARGETS, &glue())), ("a. AAAA", no_data(5))];
    let turned = service(&[TARGETS[1], TARGETS[0]], &[a("b.", 2), a("A.", 1)]);
    let (asked, resolution) = recalled(SERVICE, &first, &[(SRV, turned), ("b. AAAA", no_data(9))]);
    assert_eq!(asked, [SRV, "b. AAAA"]);
    let resolution = resolution.expect("all is as before");
    assert!(resolution.repeats && resolution.complete && resolution.candidates.is_empty());
    let read = run(SERVICE, &first).expect("records");
    let summary = |of: &Resolution| (of.ttl, of.records, of.dropped_total, of.proof);
    assert_eq!(summary(&resolution), summary(&read));
    assert!(resolution.threads.has_own());
    assert_eq!(resolution.threads.spare.len(), 1, "it is asked again as rarely as before");
}

#[test]
fn a_sample_without_records_is_recalled_whichever_host_it_is_of() {
    let empty = |owner: &str| answer(owner, Vec::new());
    let same = (SRV, service(&TARGETS, &glue()));
    let first = [same.clone(), ("a. AAAA", empty("a."))];
    assert!(recalled(SERVICE, &first, &[same, ("b. AAAA", empty("b."))]).1.is_some());
}

/// Fails if any of what answers say is left out of what is compared.
#[test]
fn services_are_read_if_anything_is_said_otherwise() {
    let same = service(&TARGETS, &glue());
    let first = [(SRV, same.clone()), ("a. AAAA", no_data(5))];
    let others = [
        service(&[("a.", 1), ("b.", 2)], &glue()),
        service(&TARGETS[..1], &glue()),
        service(&[TARGETS[0], TARGETS[1], ("c.", 1)], &glue()),
        service(&TARGETS, &[a("a.", 1), a("b.", 3)]),
        service(&TARGETS, &glue()[..1]),
        service(&TARGETS, &[a("a.", 1), a("b.", 2), aaaa("b.", 2)]),
        same.clone().map(|answer| answer.with_complete(false)),
        same.clone().map(|answer| answer.with_provisional(true)),
        no_data(5),
        Err(LookupError::Refused),
    ];
    for other in others {
        let (_, resolution) = recalled(SERVICE, &first, &[(SRV, other.clone())]);
        assert!(resolution.is_none(), "{other:?}");
    }
    let samples = [answer("b.", vec![aaaa("b.", 2)]), Err(LookupError::TimedOut), nx(5)];
    for sample in samples {
        let then = [(SRV, same.clone()), ("b. AAAA", sample.clone())];
        assert!(recalled(SERVICE, &first, &then).1.is_none(), "{sample:?}");
    }
}

const HOST: &str = "/dns/x/tcp/1";

#[test]
fn a_host_is_recalled_with_the_types_that_it_has_not() {
    let first = [("x A", answer("x.", vec![a("x.", 1), a("x.", 2)])), ("x AAAA", no_data(5))];
    let turned = answer("x.", vec![a("x.", 2), a("x.", 1)]);
    let (_, resolution) = recalled(HOST, &first, &[("x A", turned.clone()), first[1].clone()]);
    assert_eq!(resolution.expect("all is as before").records, 2);
    let empty = [first[0].clone(), ("x AAAA", answer("x.", Vec::new()))];
    assert!(recalled(HOST, &empty, &empty).1.is_some(), "an answer without records is one, too");
    for other in [answer("x.", vec![aaaa("x.", 1)]), nx(5), Err(LookupError::Refused)] {
        let then = [("x A", turned.clone()), ("x AAAA", other.clone())];
        assert!(recalled(HOST, &first, &then).1.is_none(), "{other:?}");
    }
    assert!(recalled(HOST, &first, &[("x A", turned)]).1.is_none(), "AAAA is not answered");
}

#[test]
fn entries_are_recalled_with_the_names_to_which_they_lead() {
    let (top, nested) = ("_dnsaddr.x TXT", "_dnsaddr.y. TXT");
    let entry = |owner: &str, value: &str| txt(owner, &format!("dnsaddr={value}"));
    let leads = |more: &[&str]| {
        let all = ["/dnsaddr/y", "/ip4/10.0.0.1/tcp/1"].iter().chain(more);
        answer("_dnsaddr.x.", all.map(|value| entry("_dnsaddr.x.", value)).collect())
    };
    let at = |port: u16| {
        answer("_dnsaddr.y.", vec![entry("_dnsaddr.y.", &format!("/ip4/10.0.0.2/tcp/{port}"))])
    };
    let first = [(top, leads(&[])), (nested, at(1))];
    let (asked, resolution) = recalled("/dnsaddr/x", &first, &first);
    assert_eq!(asked, [top, nested], "the name first, and then to what it leads");
    assert!(resolution.is_some());
    let others = [(leads(&["/ip4/10.0.0.3/tcp/1"]), at(1)), (leads(&[]), at(2))];
    for (of_top, of_nested) in others {
        let then = [(top, of_top), (nested, of_nested)];
        assert!(recalled("/dnsaddr/x", &first, &then).1.is_none(), "{then:?}");
    }
}

/// What these leave open is looked at in each refresh.
#[test]
fn answers_that_leave_anything_open_are_not_recalled() {
    let (of_a, none) = (("x A", answer("x.", vec![a("x.", 1)])), ("x AAAA", no_data(5)));
    let whole = of_a.1.clone();
    let alias = answer("x.", vec![cname("x.", "y.")]);
    let cases = [
        vec![("x A", whole.clone().map(|answer| answer.with_complete(false))), none.clone()],
        vec![("x A", whole.map(|answer| answer.with_provisional(true))), none.clone()],
        vec![of_a.clone(), ("x AAAA", Err(LookupError::Refused))],
        vec![of_a.clone()],
        vec![("x A", alias), ("y. A", answer("y.", vec![a("y.", 1)])), none.clone()],
        // A record of another name may stay away.
        vec![("x A", answer("x.", vec![a("x.", 1), a("other.", 2)])), none.clone()],
    ];
    for case in cases {
        let known = run(HOST, &case).expect("records").known;
        assert!(Recall::new(&known, 1).is_none(), "{case:?}");
    }
    let hollow = [(SRV, service(&TARGETS, &glue()[..1])), ("b. A", no_data(5)), ("b. AAAA", nx(5))];
    assert!(Recall::new(&run(SERVICE, &hollow).expect("records").known, 1).is_none());
    assert!(Recall::new(&run(HOST, &[of_a, none]).expect("records").known, 1).is_some());
}
