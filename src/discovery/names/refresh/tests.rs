use std::{
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroUsize,
    time::Duration,
};

use hickory_proto::rr::{
    RData, Record,
    rdata::{A, AAAA, CNAME, SRV, TXT},
};
use proptest::prelude::*;

use super::*;
use crate::{
    candidate::Candidate,
    pool::Pool,
    record::Dropped,
    resolver::{Nothing, NothingKind},
    testing::name,
};

mod alias;
mod dnsaddr;
mod host;
mod partial;
mod recall;
mod secure;
mod service;

const P: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const Q: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";

type Reply = Result<Answer, LookupError>;

fn a(owner: &str, last: u8) -> Record {
    Record::from_rdata(name(owner), 30, RData::A(A::new(10, 0, 0, last)))
}

fn aaaa(owner: &str, last: u16) -> Record {
    let ip = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last);
    Record::from_rdata(name(owner), 20, RData::AAAA(AAAA(ip)))
}

fn cname(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 10, RData::CNAME(CNAME(name(target))))
}

fn srv(owner: &str, target: &str, port: u16) -> Record {
    let weight = port.wrapping_mul(31);
    Record::from_rdata(name(owner), 15, RData::SRV(SRV::new(weight, port, port, name(target))))
}

fn txt(owner: &str, text: &str) -> Record {
    let data = TXT::from_bytes(text.as_bytes().chunks(255).collect());
    Record::from_rdata(name(owner), 25, RData::TXT(data))
}

fn answer(owner: &str, records: Vec<Record>) -> Reply {
    Ok(Answer::new(name(owner), records))
}

/// The next better transport to the candidate's host.
fn preferred(named: &Named) -> Option<&Candidate> {
    let group = named.transports.as_deref()?;
    let place = group.iter().position(|c| *c == named.candidate)?;
    group[..place].last()
}

fn nx(seconds: u64) -> Reply {
    Err(LookupError::nx_domain(Some(Duration::from_secs(seconds))))
}

fn no_data(seconds: u64) -> Reply {
    Err(LookupError::no_data(Some(Duration::from_secs(seconds))))
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// Answers every query as it comes, by its text; a query without a reply stays under way. Returns
/// what was asked, too.
fn run_with(
    source: &str,
    limits: &Limits,
    replies: &[(&str, Reply)],
) -> (Vec<String>, Result<Resolution, LookupError>) {
    let mut refresh = Refresh::new(&source.parse().unwrap(), limits);
    let mut asked = Vec::new();
    while let Some((step, query)) = refresh.poll_query() {
        let query = query.to_string();
        if let Some((_, reply)) = replies.iter().find(|(of, _)| *of == query) {
            refresh.handle_result(step, &reply.clone());
        }
        asked.push(query);
    }
    assert_eq!(refresh.is_done(), asked.iter().all(|q| replies.iter().any(|(of, _)| of == q)));
    (asked, refresh.finish(&Pool::default()))
}

fn run(source: &str, replies: &[(&str, Reply)]) -> Result<Resolution, LookupError> {
    run_with(source, &Limits::default(), replies).1
}

fn texts(resolution: &Resolution) -> Vec<String> {
    resolution.candidates.iter().map(|named| named.candidate.to_string()).collect()
}

fn nothing(outcome: Result<Resolution, LookupError>) -> (NothingKind, Option<u64>) {
    match outcome {
        Err(LookupError::Nothing(Nothing { kind, negative_ttl, .. })) => {
            (kind, negative_ttl.map(|ttl| ttl.as_secs()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_static_source_is_done_at_once() {
    let text = format!("/ip4/10.0.0.7/tcp/1/p2p/{P}");
    let mut refresh = Refresh::new(&text.parse().unwrap(), &Limits::default());
    assert!(refresh.is_done());
    assert!(refresh.poll_query().is_none());
    let resolution = refresh.finish(&Pool::default()).unwrap();
    assert_eq!(texts(&resolution), [text]);
    assert!(resolution.complete);
    assert_eq!((resolution.ttl, resolution.records), (None, 0));
    assert_eq!(resolution.proof, None);
}

/// A record of any kind at or near the names that the sources look up.
fn record() -> impl Strategy<Value = Record> {
    let owner = || "(x|X|y|_dnsaddr[.]x|_tcp[.]x)[.]";
    prop_oneof![
        (owner(), 0u8..6).prop_map(|(owner, last)| a(&owner, last)),
        (owner(), 0u16..6).prop_map(|(owner, last)| aaaa(&owner, last)),
        (owner(), "([xy]|z)[.]").prop_map(|(owner, target)| cname(&owner, &target)),
        (owner(), "([xyXY]|z)?[.]", 0u16..4)
            .prop_map(|(owner, target, port)| srv(&owner, &target, port)),
        (owner(), "dnsaddr=/(ip4|ip6)/(10[.]0[.]0[.][1-3]|fd00::[1-3])/tcp/[0-3]")
            .prop_map(|(owner, text)| txt(&owner, &text)),
        (owner(), "(dnsaddr=)?/(dns|dns4|dnsaddr)/[xy](/tcp/[0-3])?")
            .prop_map(|(owner, text)| txt(&owner, &text)),
    ]
}

proptest! {
    #[test]
    fn the_order_and_copies_of_records_do_not_matter(
        source in "/dns/x[.]/(tcp/1|tcp/1/wss|udp/1/quic-v1[|]/tcp/1)|/dnsaddr/x[.]|srv:_tcp[.]x[.](/wss[|]/tcp/0)?",
        records in proptest::collection::vec(record(), 0..30),
        seed in any::<u64>(),
        most in 1usize..8,
        complete: bool,
    ) {
        let limits = limits(|l| {
            l.records_per_answer = NonZeroUsize::new(most).unwrap();
            l.lookups_per_refresh = NonZeroUsize::new(6).unwrap();
        });
        let mut shuffled = [records.clone(), records.clone()].concat();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let outcome = |records: &[Record]| {
            let mut refresh = Refresh::new(&source.parse().unwrap(), &limits);
            let mut asked = Vec::new();
            while let Some((step, query)) = refresh.poll_query() {
                let answer = Answer::new(query.name.clone(), records.to_vec())
                    .with_additionals(records.to_vec())
                    .with_complete(complete);
                asked.push(query);
                refresh.handle_result(step, &Ok(answer));
            }
            assert!(refresh.is_done());
            let outcome = refresh.finish(&Pool::default()).map(|r| {
                (r.candidates, r.threads, r.complete, r.ttl, r.dropped, r.dropped_total)
            });
            (asked, outcome.map_err(|error| error.to_string()))
        };
        let ours = outcome(&records);
        prop_assert_eq!(&ours, &outcome(&shuffled));
        if let Ok((candidates, ..)) = ours.1 {
            prop_assert!(candidates.is_sorted_by_key(|named| &named.candidate));
            for named in &candidates {
                let group = named.transports.as_deref().unwrap_or_default();
                prop_assert!(group.len() != 1);
                prop_assert!(group.is_empty() || group.contains(&named.candidate));
                prop_assert!(preferred(named) != Some(&named.candidate));
            }
        }
    }

    #[test]
    fn any_text_record_is_taken_without_a_panic(text: Vec<u8>, prefixed: bool) {
        let text = if prefixed { [b"dnsaddr=".as_slice(), &text].concat() } else { text };
        let data = TXT::from_bytes(text.chunks(255).collect());
        let record = Record::from_rdata(name("_dnsaddr.x."), 1, RData::TXT(data));
        let _ = run("/dnsaddr/x", &[("_dnsaddr.x TXT", answer("_dnsaddr.x.", vec![record]))]);
    }
}
