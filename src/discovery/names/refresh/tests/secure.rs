//! A source that takes only what is proved secure.

use super::*;
use crate::resolver::Proof;

const SOURCE: &str = "/dns/x/tcp/1?secure";

fn proved(reply: Reply, proof: Proof) -> Reply {
    match reply {
        Ok(answer) => Ok(answer.with_proof(proof)),
        Err(LookupError::Nothing(nothing)) => Err(LookupError::Nothing(nothing.with_proof(proof))),
        other => other,
    }
}

fn secure(reply: Reply) -> Reply {
    proved(reply, Proof::Secure)
}

#[track_caller]
fn assert_insecure(outcome: Result<Resolution, LookupError>, proof: Option<Proof>) {
    match outcome {
        Err(LookupError::Insecure(found)) => assert_eq!(found, proof),
        other => panic!("{other:?}"),
    }
}

#[test]
fn takes_what_is_proved() {
    let a = secure(answer("x.", vec![a("x.", 1)]));
    let resolution = run(SOURCE, &[("x A", a), ("x AAAA", secure(no_data(5)))]).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
    assert!(resolution.complete);
    assert_eq!(resolution.proof, Some(Proof::Secure));
}

#[test]
fn takes_nothing_less() {
    for proof in [None, Some(Proof::Insecure), Some(Proof::Indeterminate)] {
        let with = |reply: Reply| proof.map_or(reply.clone(), |proof| proved(reply, proof));
        let a = answer("x.", vec![a("x.", 1)]);
        let replies = [("x A", with(a.clone())), ("x AAAA", secure(no_data(5)))];
        assert_insecure(run(SOURCE, &replies), proof);
        // Without the demand, all of it counts.
        assert!(run("/dns/x/tcp/1", &replies).is_ok());
        let replies = [("x A", with(nx(5))), ("x AAAA", with(nx(5)))];
        assert_insecure(run(SOURCE, &replies), proof);
        assert!(matches!(run("/dns/x/tcp/1", &replies), Err(LookupError::Nothing(_))));
    }
}

#[test]
fn a_part_that_is_not_proved_is_missing() {
    let a = secure(answer("x.", vec![a("x.", 1)]));
    let aaaa = answer("x.", vec![aaaa("x.", 1)]);
    let resolution = run(SOURCE, &[("x A", a), ("x AAAA", aaaa)]).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
    assert!(!resolution.complete);
    assert!(matches!(resolution.incomplete_because, Some(LookupError::Insecure(None))));
}

#[test]
fn what_records_lead_to_is_to_be_proved_as_well() {
    let entries = secure(answer("_dnsaddr.x.", vec![txt("_dnsaddr.x.", "dnsaddr=/dns4/h/tcp/1")]));
    let host = answer("h.", vec![a("h.", 1)]);
    let replies = |host| [("_dnsaddr.x TXT", entries.clone()), ("h. A", host)];
    let resolution = run("/dnsaddr/x?secure", &replies(host.clone())).unwrap();
    assert_eq!(texts(&resolution), [""; 0]);
    assert!(!resolution.complete);
    let resolution = run("/dnsaddr/x?secure", &replies(secure(host))).unwrap();
    assert_eq!(texts(&resolution), ["/ip4/10.0.0.1/tcp/1"]);
}

#[test]
fn that_there_is_nothing_is_believed_if_proved() {
    let (a, aaaa) = (secure(nx(5)), secure(nx(7)));
    let outcome = run(SOURCE, &[("x A", a), ("x AAAA", aaaa)]);
    assert_eq!(nothing(outcome), (NothingKind::NxDomain, Some(5)));
}
