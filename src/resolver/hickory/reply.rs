//! What a reply says: a name server's message → an answer, or why there is none.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use hickory_proto::{
    op::{DnsResponse, Message, MessageType, Query as Question, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

use super::{ask::Ask, wire::is_same};
use crate::{
    alias::{Chain, NoEnd},
    resolver::{answer::Answer, error::LookupError},
};

/// As many CNAME records as one reply may chain: resolvers in use stop at 8 to 16, and a loop must
/// end.
pub(super) const MAX_CHAIN: usize = 16;

/// The reply belongs to another question.
#[derive(Debug, thiserror::Error)]
#[error("{server} replied to a question that was not asked")]
struct OtherQuestion {
    server: SocketAddr,
}

/// Whether the reply of `server` answers what was asked, be it with "there is nothing".
pub(super) fn check(server: SocketAddr, ask: &Ask, reply: &Message) -> Result<(), LookupError> {
    let is_asked = reply.queries.iter().all(|asked| is_same(asked, &ask.question));
    if !is_asked || reply.metadata.message_type != MessageType::Response {
        return Err(LookupError::failed(OtherQuestion { server }));
    }
    match reply.metadata.response_code {
        ResponseCode::Refused => Err(LookupError::Refused),
        ResponseCode::NoError | ResponseCode::NXDomain if reply.queries.len() != 1 => {
            Err(server_failed(server, "the reply does not say to which question"))
        }
        ResponseCode::NXDomain => Ok(()),
        ResponseCode::NoError => match ignorance(ask, reply) {
            None => Ok(()),
            Some(reason) => Err(server_failed(server, reason)),
        },
        code => Err(server_failed(server, code)),
    }
}

/// Why a reply without a record of the type asked for does not say that there is none.
///
/// RFC 2308 section 2.2 tells them apart by the SOA record, but caches leave it out. What is left
/// is a truncated reply, a referral to other servers, a CNAME record that leads out of what an
/// authoritative server serves, a chain of them without an end, and a server that neither has authority
/// nor asks others: none of them says that there is nothing.
///
/// Where each link of a chain of aliases is proved, each is asked for, and the first one is enough.
fn ignorance(ask: &Ask, reply: &Message) -> Option<&'static str> {
    let Question { name, query_type, .. } = &ask.question;
    let (name, chain, end) = follow(name.clone(), *query_type, &reply.answers);
    let has = |record_type| reply.authorities.iter().any(|r| r.record_type() == record_type);
    let recursive = reply.metadata.recursion_available;
    let is_found = reply.answers.iter().any(|record| is_of(&name, *query_type, record));
    if is_found || (ask.signed && !chain.is_empty()) {
        None
    } else if let Err(no_end) = end {
        Some(no_end.into())
    } else if reply.metadata.truncation {
        Some("the reply was cut before its first record")
    } else if has(RecordType::SOA) || recursive {
        None
    } else if has(RecordType::NS) {
        Some("the server only refers to others")
    } else if !chain.is_empty() {
        Some("the alias leads out of what the server serves")
    } else if reply.metadata.authoritative {
        None
    } else {
        Some("the server knows nothing of the name")
    }
}

/// Whether a reply that was [checked](check) says that there is nothing. What signatures prove is not
/// said here.
pub(super) fn is_nothing(ask: &Ask, reply: &Message) -> bool {
    let Question { name, query_type, .. } = &ask.question;
    let (name, _, _) = follow(name.clone(), *query_type, &reply.answers);
    !ask.signed && !reply.answers.iter().any(|record| is_of(&name, *query_type, record))
}

/// Reads a reply that was [checked](check).
///
/// Only records on the CNAME chain that begins at the name asked for are taken, and glue only for
/// targets that the answer names: what else a server sends is not its to say.
pub(super) fn read(question: &Question, mut reply: DnsResponse) -> Result<Answer, LookupError> {
    if reply.metadata.response_code == ResponseCode::NXDomain {
        return Err(LookupError::nx_domain(negative_ttl(&reply)));
    }
    let record_type = question.query_type;
    let (name, mut records, _) = follow(question.name.clone(), record_type, &reply.answers);
    let links = records.len();
    let answers = std::mem::take(&mut reply.answers);
    records.extend(answers.into_iter().filter(|record| is_of(&name, record_type, record)));
    if records.len() == links {
        return Err(LookupError::no_data(negative_ttl(&reply)));
    }
    let additionals = glue(&records, std::mem::take(&mut reply.additionals));
    let complete = !reply.metadata.truncation;
    Ok(Answer::new(name, records).with_additionals(additionals).with_complete(complete))
}

/// The end of the CNAME chain that begins at `name`, and the records that lead there. Of a chain that
/// leads in a circle or is too long, as much as can be followed.
fn follow(
    name: Name,
    record_type: RecordType,
    answers: &[Record],
) -> (Name, Vec<Record>, Result<(), NoEnd>) {
    let mut chain = Chain::new(name, MAX_CHAIN);
    let end = match record_type {
        RecordType::CNAME => Ok(()),
        _ => chain.follow(|name| alias(name, answers)),
    };
    let (name, links) = chain.into_parts();
    (name, links, end)
}

/// The alias that a name is, and what it leads to.
fn alias(name: &Name, answers: &[Record]) -> Option<(Record, Name)> {
    let mut of_name = answers.iter().filter(|record| is_in(record) && record.name == *name);
    of_name.find_map(|record| match &record.data {
        RData::CNAME(target) => Some((record.clone(), target.0.clone())),
        _ => None,
    })
}

/// The names that SRV records among these point to.
pub(super) fn glue_targets(records: &[Record]) -> impl Iterator<Item = &Name> {
    records.iter().filter_map(|record| match &record.data {
        RData::SRV(srv) => Some(&srv.target),
        _ => None,
    })
}

/// The addresses of the targets of SRV records.
pub(super) fn glue(records: &[Record], additionals: Vec<Record>) -> Vec<Record> {
    let targets: HashSet<_> = glue_targets(records).collect();
    let is_glue = |record: &Record| {
        record.record_type().is_ip_addr() && is_in(record) && targets.contains(&record.name)
    };
    additionals.into_iter().filter(is_glue).collect()
}

fn negative_ttl(reply: &DnsResponse) -> Option<Duration> {
    reply.negative_ttl().map(|seconds| Duration::from_secs(seconds.into()))
}

fn is_of(name: &Name, record_type: RecordType, record: &Record) -> bool {
    record.record_type() == record_type && is_in(record) && record.name == *name
}

pub(super) fn is_in(record: &Record) -> bool {
    record.dns_class == DNSClass::IN
}

pub(super) fn server_failed(server: SocketAddr, reason: impl std::fmt::Display) -> LookupError {
    LookupError::ServerFailed(format!("{server}: {reason}").into())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::{
        op::OpCode,
        rr::rdata::{CNAME, NS, SOA, SRV},
    };

    use super::*;
    use crate::{
        resolver::nothing::{Nothing, NothingKind},
        testing::name,
    };

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 30, data)
    }

    fn a(owner: &str, last: u8) -> Record {
        record(owner, RData::from(IpAddr::from([10, 0, 0, last])))
    }

    fn cname(owner: &str, target: &str) -> Record {
        record(owner, RData::CNAME(CNAME(name(target))))
    }

    fn soa(ttl: u32, minimum: u32) -> Record {
        let soa = SOA::new(name("ns.test."), name("root.test."), 1, 1, 1, 1, minimum);
        Record::from_rdata(name("test."), ttl, RData::SOA(soa))
    }

    fn question(record_type: RecordType) -> Question {
        Question::query(name("peers.test."), record_type)
    }

    fn reply(answers: impl IntoIterator<Item = Record>) -> Message {
        let mut reply = Message::new(1, MessageType::Response, OpCode::Query);
        reply.add_query(question(RecordType::A));
        reply.add_answers(answers);
        reply
    }

    fn read_reply(question: &Question, reply: Message) -> Result<Answer, LookupError> {
        let ask = Ask { question: question.clone(), signed: false };
        let mut response = DnsResponse::from_message(Message::response(0, OpCode::Query)).unwrap();
        *response = reply;
        check(([127, 0, 0, 1], 53).into(), &ask, &response)?;
        read(question, response)
    }

    fn read_a(reply: Message) -> Result<Answer, LookupError> {
        read_reply(&question(RecordType::A), reply)
    }

    #[track_caller]
    fn assert_nothing(outcome: Result<Answer, LookupError>, kind: NothingKind, ttl: Option<u64>) {
        let Err(LookupError::Nothing(nothing)) = outcome else { panic!("{outcome:?}") };
        let negative_ttl = ttl.map(Duration::from_secs);
        assert_eq!(nothing, Nothing::new(kind, negative_ttl));
    }

    #[track_caller]
    fn assert_failed(outcome: Result<Answer, LookupError>) {
        assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
    }

    #[test]
    fn records_of_other_names_types_and_classes_are_dropped() {
        let mut chaos = a("peers.test.", 4);
        chaos.dns_class = DNSClass::CH;
        let other_type = record("peers.test.", RData::from(IpAddr::from([0u16; 8])));
        let answers = [a("evil.test.", 1), a("PEERS.test.", 2), other_type, chaos];
        let answer = read_a(reply(answers)).unwrap();
        assert_eq!(answer.records, [a("peers.test.", 2)]);
        assert!(answer.complete);
    }

    #[test]
    fn the_chain_is_kept_in_order_with_the_end_as_the_name() {
        let (first, second) = (cname("peers.test.", "b.test."), cname("B.test.", "c.test."));
        let answers = [a("c.test.", 1), second.clone(), first.clone(), a("peers.test.", 9)];
        let answer = read_a(reply(answers)).unwrap();
        assert_eq!(answer.name, name("c.test."));
        assert_eq!(answer.records, [first, second, a("c.test.", 1)]);
    }

    #[test]
    fn a_chain_in_a_circle_ends() {
        assert_failed(read_a(reply([
            cname("peers.test.", "b.test."),
            cname("b.test.", "peers.test."),
        ])));
    }

    #[test]
    fn a_truncated_answer_is_incomplete_and_an_empty_one_is_a_failure() {
        let mut cut = reply([a("peers.test.", 1)]);
        cut.metadata.truncation = true;
        assert!(!read_a(cut).unwrap().complete);
        let mut empty = reply([]);
        empty.metadata.truncation = true;
        assert_failed(read_a(empty));
    }

    #[test]
    fn the_negative_ttl_is_the_lesser_of_the_two() {
        for (ttl, minimum) in [(30, 60), (60, 30)] {
            let mut none = reply([]);
            none.add_authority(soa(ttl, minimum));
            assert_nothing(read_a(none.clone()), NothingKind::NoData, Some(30));
            none.metadata.response_code = ResponseCode::NXDomain;
            assert_nothing(read_a(none), NothingKind::NxDomain, Some(30));
        }
        // Authority and recursion say it, too.
        for (authoritative, recursive) in [(true, false), (false, true)] {
            let mut none = reply([]);
            none.metadata.authoritative = authoritative;
            none.metadata.recursion_available = recursive;
            assert_nothing(read_a(none), NothingKind::NoData, None);
        }
    }

    #[test]
    fn a_server_without_authority_that_asks_nobody_does_not_know() {
        assert_failed(read_a(reply([])));
    }

    /// A server that asks others is believed, but not that such a chain leads to nothing.
    fn read_chain(links: &[(String, String)]) -> Result<Answer, LookupError> {
        let mut reply = reply(links.iter().map(|(owner, target)| cname(owner, target)));
        reply.metadata.recursion_available = true;
        reply.add_authority(soa(30, 30));
        read_a(reply)
    }

    #[test]
    fn a_chain_that_is_too_long_is_not_nothing() {
        let owner = |n| if n == 0 { "peers.test.".into() } else { format!("n{n}.test.") };
        let chain = |links| Vec::from_iter((0..links).map(|n| (owner(n), owner(n + 1))));
        assert_failed(read_chain(&chain(MAX_CHAIN + 1)));
        assert_nothing(read_chain(&chain(MAX_CHAIN)), NothingKind::NoData, Some(30));
        assert_failed(read_chain(&[(owner(0), owner(1)), (owner(1), owner(0))]));
        assert_failed(read_chain(&[(owner(0), owner(0))]));
    }

    #[test]
    fn a_referral_is_not_nothing() {
        let mut referral = reply([]);
        referral.add_authority(record("test.", RData::NS(NS(name("ns.test.")))));
        assert_failed(read_a(referral.clone()));
        // A recursive server has already asked those it names.
        referral.metadata.recursion_available = true;
        assert_nothing(read_a(referral), NothingKind::NoData, None);
    }

    #[test]
    fn an_alias_out_of_the_zone_is_not_nothing() {
        let mut dangling = reply([cname("peers.test.", "else.where.")]);
        assert_failed(read_a(dangling.clone()));
        dangling.add_authority(soa(30, 30));
        assert_nothing(read_a(dangling.clone()), NothingKind::NoData, Some(30));
        dangling.metadata.response_code = ResponseCode::NXDomain;
        assert_nothing(read_a(dangling), NothingKind::NxDomain, Some(30));
    }

    #[test]
    fn a_reply_to_another_question_is_not_read() {
        let mut other = reply([a("peers.test.", 1)]);
        other.queries[0].name = name("else.test.");
        assert!(matches!(read_a(other), Err(LookupError::Failed(_))));
        let mut query = reply([a("peers.test.", 1)]);
        query.metadata.message_type = MessageType::Query;
        assert!(matches!(read_a(query), Err(LookupError::Failed(_))));
    }

    #[test]
    fn response_codes_are_told_apart() {
        let with = |code| {
            let mut reply = reply([]);
            reply.metadata.response_code = code;
            read_a(reply)
        };
        assert!(matches!(with(ResponseCode::Refused), Err(LookupError::Refused)));
        assert_failed(with(ResponseCode::ServFail));
        assert_failed(with(ResponseCode::FormErr));
    }

    #[test]
    fn a_bare_header_says_that_a_server_fails_but_not_that_there_is_nothing() {
        let with = |code| {
            let mut reply = reply([]);
            reply.queries.clear();
            reply.metadata.response_code = code;
            read_a(reply)
        };
        assert!(matches!(with(ResponseCode::Refused), Err(LookupError::Refused)));
        for code in [ResponseCode::ServFail, ResponseCode::NXDomain, ResponseCode::NoError] {
            assert_failed(with(code));
        }
    }

    #[test]
    fn only_glue_of_targets_is_kept() {
        let srv = record("peers.test.", RData::SRV(SRV::new(0, 0, 4001, name("A.test."))));
        let question = question(RecordType::SRV);
        let mut reply = reply([srv]);
        reply.queries = vec![question.clone()];
        reply.add_additionals([
            a("a.test.", 1),
            a("evil.test.", 2),
            cname("a.test.", "evil.test."),
        ]);
        let answer = read_reply(&question, reply).unwrap();
        assert_eq!(answer.additionals, [a("a.test.", 1)]);
    }
}
