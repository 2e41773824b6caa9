//! Records as the tests of validation make them: without signatures, and with a proof that the test sets.

use std::net::IpAddr;

use hickory_proto::{
    dnssec::{
        Algorithm, Nsec3HashAlgorithm, Proof,
        rdata::{DNSSECRData, NSEC, NSEC3, RRSIG, SigInput},
    },
    op::{DnsResponse, Message, OpCode, Query as Question, ResponseCode},
    rr::{
        RData, Record, RecordType, SerialNumber,
        rdata::{CNAME, SOA, SRV},
    },
};

pub(super) use crate::testing::name;

pub(super) fn question(owner: &str, record_type: RecordType) -> Question {
    Question::query(name(owner), record_type)
}

fn record(owner: &str, data: RData) -> Record {
    Record::from_rdata(name(owner), 30, data)
}

pub(super) fn a(owner: &str) -> Record {
    record(owner, RData::from(IpAddr::from([10, 0, 0, 1])))
}

pub(super) fn cname(owner: &str, target: &str) -> Record {
    record(owner, RData::CNAME(CNAME(name(target))))
}

pub(super) fn srv(owner: &str, target: &str) -> Record {
    record(owner, RData::SRV(SRV::new(0, 0, 1, name(target))))
}

pub(super) fn soa(zone: &str) -> Record {
    let soa = SOA::new(name("ns.test."), name("root.test."), 1, 1, 1, 1, 1);
    record(zone, RData::SOA(soa))
}

/// There is nothing between `owner` and `next`.
pub(super) fn nsec(owner: &str, next: &str) -> Record {
    let nsec = NSEC::new(name(next), [RecordType::A]);
    record(owner, RData::DNSSEC(DNSSECRData::NSEC(nsec)))
}

pub(super) fn nsec3(owner: &str, opt_out: bool) -> Record {
    let nsec3 = NSEC3::new(Nsec3HashAlgorithm::SHA1, opt_out, 0, vec![], vec![0; 20], []);
    record(owner, RData::DNSSEC(DNSSECRData::NSEC3(nsec3)))
}

/// The signature of a set of records by a zone, valid from 100 to 200.
pub(super) fn rrsig(owner: &str, record_type: RecordType, zone: &str) -> Record {
    rrsig_of_wildcard(owner, record_type, zone, name(owner).num_labels())
}

/// The signature of a set that a wildcard with so many labels beside `*` stands for.
pub(super) fn rrsig_of_wildcard(
    owner: &str,
    record_type: RecordType,
    zone: &str,
    labels: u8,
) -> Record {
    let input = SigInput {
        type_covered: record_type,
        algorithm: Algorithm::ED25519,
        num_labels: labels,
        original_ttl: 30,
        sig_expiration: SerialNumber::new(200),
        sig_inception: SerialNumber::new(100),
        key_tag: 1,
        signer_name: name(zone),
    };
    record(owner, RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, vec![1]))))
}

pub(super) fn proved(mut record: Record, proof: Proof) -> Record {
    record.proof = proof;
    record
}

pub(super) fn secure(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    records.into_iter().map(|record| proved(record, Proof::Secure)).collect()
}

pub(super) fn reply(answers: Vec<Record>, authorities: Vec<Record>) -> Message {
    let mut reply = Message::response(1, OpCode::Query);
    (reply.answers, reply.authorities) = (answers, authorities);
    reply
}

pub(super) fn response(message: Message) -> DnsResponse {
    DnsResponse::from_message(message).unwrap()
}

pub(super) fn nx_domain(authorities: Vec<Record>) -> Message {
    let mut reply = reply(Vec::new(), authorities);
    reply.metadata.response_code = ResponseCode::NXDomain;
    reply
}
