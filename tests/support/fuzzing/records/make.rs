//! Replies that bytes make: a message as it comes from the wire, or records one by one.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use libp2p_dns_discovery::{
    Answer, LookupError, Proof, Query,
    hickory_proto::{
        op::Message,
        rr::{
            DNSClass, Name, RData, Record, RecordType,
            rdata::{A, AAAA, CNAME, NS, SRV, TXT},
        },
    },
};

use crate::fuzzing::{input::Input, universe::peer};

const NAMES: [&str; 12] = [
    "a.",
    "_dnsaddr.a.",
    "_p._tcp.a.",
    "b.",
    "A.",
    "_dnsaddr.b.",
    "c.",
    "B.",
    "_dnsaddr.c.",
    "a",
    "*.a.",
    ".",
];

/// What follows `dnsaddr=`. `N` stands for a small number, `ID` for a peer's id.
const ENTRIES: [&str; 20] = [
    "/ip4/10.0.0.N/tcp/4001",
    "/ip4/10.0.0.1/tcp/N",
    "/ip6/fd00::N/udp/4001/quic-v1",
    "/ip4/10.0.0.N/tcp/4001/p2p/ID",
    "/dns/b/tcp/4001",
    "/dns4/a/tcp/N",
    "/dns6/c/tcp/443/tls/ws/p2p/ID",
    "/dnsaddr/b",
    "/dnsaddr/a",
    "/dnsaddr/c/p2p/ID",
    "/memory/N",
    "/unix/N",
    "/ip4/127.0.0.N/tcp/1",
    "/ip6/::ffff:169.254.0.N/tcp/1",
    "/ip6zone/eth0/ip6/fe80::N/tcp/1",
    "/ip4/10.0.0.N/tcp/1/p2p/ID/p2p-circuit/p2p/ID",
    "/ip4/10.0.0.N/tcp/1/ip4/127.0.0.1/tcp/1",
    "/ip4/10.0.0.N/tcp/0",
    "/dns/b/tcp/1/dns/c/tcp/1",
    "srv:_p._tcp.a",
];

/// The reply to a query.
#[derive(Debug, Clone)]
pub struct Reply {
    outcome: Result<Records, LookupError>,
    /// Whether the answer is said to be about the name asked for.
    of_query: bool,
}

#[derive(Debug, Clone)]
struct Records {
    owner: Name,
    answers: Vec<Record>,
    additionals: Vec<Record>,
    complete: bool,
    proof: Option<Proof>,
}

impl Reply {
    pub fn to(&self, query: &Query) -> Result<Answer, LookupError> {
        let Records { owner, answers, additionals, complete, proof } = self.outcome.clone()?;
        let owner = if self.of_query { query.name.clone() } else { owner };
        let answer =
            Answer::new(owner, answers).with_additionals(additionals).with_complete(complete);
        Ok(match proof {
            Some(proof) => answer.with_proof(proof),
            None => answer,
        })
    }

    /// The same records in another order.
    pub fn turned(&self, by: usize) -> Self {
        let mut turned = self.clone();
        if let Ok(records) = &mut turned.outcome {
            for section in [&mut records.answers, &mut records.additionals] {
                let by = by.checked_rem(section.len()).unwrap_or(0);
                section.reverse();
                section.rotate_left(by);
            }
        }
        turned
    }
}

pub fn reply(input: &mut Input<'_>) -> Reply {
    let kind = input.byte();
    let outcome = match kind % 8 {
        0 | 1 => message(input),
        2 => Err(failure(input)),
        _ => Ok(records(input)),
    };
    Reply { outcome, of_query: kind < 0xc0 }
}

fn message(input: &mut Input<'_>) -> Result<Records, LookupError> {
    let len = usize::from(input.word()) % 2_048;
    let message = Message::from_vec(input.take(len)).map_err(LookupError::failed)?;
    let owner = message.answers.first().map_or_else(Name::root, |record| record.name.clone());
    Ok(Records {
        owner,
        complete: !message.metadata.truncation,
        answers: message.answers,
        additionals: message.additionals,
        proof: None,
    })
}

pub fn failure(input: &mut Input<'_>) -> LookupError {
    let ttl = *input.choose(&[None, Some(0), Some(30), Some(u32::MAX)]);
    let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
    match input.below(8) {
        0 => LookupError::nx_domain(ttl),
        1 => LookupError::no_data(ttl),
        2 => LookupError::Refused,
        3 => LookupError::ServerFailed("SERVFAIL".into()),
        4 => LookupError::TimedOut,
        5 => LookupError::Bogus("expired".into()),
        6 => LookupError::Insecure(None),
        _ => LookupError::failed("broken"),
    }
}

fn records(input: &mut Input<'_>) -> Records {
    let said = input.byte();
    let proofs = [None, Some(Proof::Secure), Some(Proof::Insecure), Some(Proof::Indeterminate)];
    let answers = section(input, 16);
    let additionals = section(input, 8);
    Records {
        owner: name(input),
        answers,
        additionals,
        complete: said & 1 == 0,
        proof: proofs[usize::from(said >> 1) % 4],
    }
}

fn section(input: &mut Input<'_>, most: usize) -> Vec<Record> {
    let count = input.below(most);
    (0..count).flat_map(|_| some_records(input)).collect()
}

/// One record, or a crowd of them.
fn some_records(input: &mut Input<'_>) -> Vec<Record> {
    let kind = input.byte();
    if kind < 0xf0 {
        return vec![record(input, kind)];
    }
    let count = *input.choose(&[3_u16, 17, 140, 600]);
    let (owner, port) = (name(input), input.word());
    (0..count).map(|n| Record::from_rdata(owner.clone(), 30, one_of_many(kind, n, port))).collect()
}

fn one_of_many(kind: u8, n: u16, port: u16) -> RData {
    let host = Name::from_ascii(format!("h{n}.")).expect("a name");
    let text = |text: String| RData::TXT(TXT::new(vec![text]));
    match kind % 8 {
        0 => RData::A(A(Ipv4Addr::from(0x0a00_0000 + u32::from(n)))),
        1 => RData::AAAA(AAAA(Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(n)))),
        2 => RData::SRV(SRV::new(n, n, port, host)),
        3 => text(format!("dnsaddr=/dnsaddr/h{n}")),
        4 => text(format!("dnsaddr=/dns/h{n}/tcp/{port}")),
        5 => text(format!("dnsaddr=/ip4/10.0.0.1/tcp/{n}")),
        6 => RData::CNAME(CNAME(host)),
        _ => text(format!("dnsaddr=/nonsense/{n}")),
    }
}

fn record(input: &mut Input<'_>, kind: u8) -> Record {
    let owner = name(input);
    let ttl = *input.choose(&[30, 0, 1, 300, 0x7fff_ffff, 0x8000_0000, u32::MAX]);
    let data = match kind % 8 {
        0 | 1 => RData::A(A(ipv4(input))),
        2 => RData::AAAA(AAAA(ipv6(input))),
        3 => RData::CNAME(CNAME(name(input))),
        4 => RData::SRV(SRV::new(input.word(), 0, port(input), name(input))),
        5 | 6 => RData::TXT(TXT::from_bytes(text(input).chunks(255).collect())),
        _ => other(input),
    };
    let mut record = Record::from_rdata(owner, ttl, data);
    if kind & 0x80 != 0 && kind & 0x40 != 0 {
        record.dns_class = DNSClass::CH;
    }
    record
}

/// Records that nobody asked for, and a record whose data is left out (RFC 2136).
fn other(input: &mut Input<'_>) -> RData {
    match input.below(3) {
        0 => RData::NS(NS(name(input))),
        1 => RData::Update0(RecordType::A),
        _ => RData::Update0(RecordType::TXT),
    }
}

fn name(input: &mut Input<'_>) -> Name {
    let choice = usize::from(input.byte());
    if let Some(name) = NAMES.get(choice % 16) {
        return Name::from_ascii(name).expect("a name");
    }
    // Any labels, those among them that no text can spell.
    let mut labels = Vec::new();
    for _ in 0..input.below(6) {
        labels.push(match input.byte() {
            len @ 0..64 => input.take(usize::from(len)).to_vec(),
            byte => vec![byte; 63],
        });
    }
    labels.retain(|label| !label.is_empty());
    let mut name =
        Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap_or_else(|_| Name::root());
    name.set_fqdn(true);
    name
}

fn ipv4(input: &mut Input<'_>) -> Ipv4Addr {
    match input.byte() {
        n @ 0..0xe0 => Ipv4Addr::new(10, 0, 0, n % 16),
        0xe0..0xf0 => *input.choose(&[
            Ipv4Addr::LOCALHOST,
            Ipv4Addr::UNSPECIFIED,
            Ipv4Addr::BROADCAST,
            Ipv4Addr::new(169, 254, 169, 254),
            Ipv4Addr::new(224, 0, 0, 1),
            Ipv4Addr::new(0, 1, 2, 3),
        ]),
        _ => Ipv4Addr::from(input.long()),
    }
}

fn ipv6(input: &mut Input<'_>) -> Ipv6Addr {
    let v4 = ipv4(input);
    let low = u128::from(u32::from(v4));
    match input.below(8) {
        0 => Ipv6Addr::from(0xfd00_u128 << 112 | low),
        1 => v4.to_ipv6_mapped(),
        2 => Ipv6Addr::from(low),
        3 => Ipv6Addr::from(0x0064_ff9b_u128 << 96 | low),
        4 => Ipv6Addr::from(0x2002_u128 << 112 | low << 80 | 1),
        5 => Ipv6Addr::from(0xffff_u128 << 48 | low),
        6 => Ipv6Addr::from(0xfe80_u128 << 112 | low),
        _ => Ipv6Addr::from(0xff02_u128 << 112 | low),
    }
}

fn port(input: &mut Input<'_>) -> u16 {
    match input.byte() {
        0 => 0,
        n @ 1..0xf0 => u16::from(n % 4) + 4_000,
        _ => input.word(),
    }
}

fn text(input: &mut Input<'_>) -> Vec<u8> {
    let choice = usize::from(input.byte());
    let number = input.byte();
    let Some(entry) = ENTRIES.get(choice % 32) else {
        let prefix = if number & 1 == 0 { "dnsaddr=" } else { "" };
        let long = if number > 0xf8 { vec![b'x'; 1_100] } else { Vec::new() };
        return [prefix.as_bytes(), input.bytes(), &long].concat();
    };
    let peer = peer(1 + usize::from(number / 128)).to_base58();
    let number = (number % 16).to_string();
    format!("dnsaddr={}", entry.replace('N', &number).replace("ID", &peer)).into_bytes()
}
