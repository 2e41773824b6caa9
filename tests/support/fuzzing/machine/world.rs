//! What DNS says, and who lives where.

use std::{collections::BTreeSet, time::Duration};

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{
    Answer, Failure, LookupError, Proof, Query,
    discovery::{DialFailure, Expect},
    hickory_proto::rr::{
        Name, RData, Record, RecordType,
        rdata::{SRV, TXT},
    },
};

use super::node::canonical;
use crate::fuzzing::universe::{ADDRESSES, PEERS, address, peer};

const IPS: [&str; 16] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.4",
    "10.0.0.5",
    "10.0.0.7",
    "127.0.0.1",
    "169.254.169.254",
    "fd00::1",
    "fd00::2",
    "fd00::3",
    "::ffff:10.0.0.3",
    "fd00::9",
    "64:ff9b::7f00:1",
    "fe80::1",
    "ff02::1",
];

/// What is behind an address.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Host {
    Lives(PeerId),
    Refuses,
    Silent,
    NoRoute,
    Denied,
    /// These two in turn.
    Alternates(PeerId, PeerId),
}

/// Which dials another behaviour of the swarm denies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Denies {
    Nobody,
    /// Those to ids that it does not know, as an allow list does.
    Probes,
    All,
}

#[derive(Debug)]
pub struct World {
    /// Which records there are.
    pub named: u32,
    pub ttl: u32,
    pub complete: bool,
    pub proof: Option<Proof>,
    /// Why nothing is answered.
    pub failure: Option<LookupError>,
    pub hosts: Vec<(Multiaddr, Host)>,
    /// Who does not speak what members speak.
    pub strangers: BTreeSet<PeerId>,
    pub denies: Denies,
    turns: usize,
}

impl Default for World {
    fn default() -> Self {
        let lives = |n: usize| Host::Lives(peer(1 + n % (PEERS - 1)));
        let addresses = ADDRESSES.iter().enumerate();
        Self {
            named: 0x0507,
            ttl: 30,
            complete: true,
            proof: Some(Proof::Secure),
            failure: None,
            hosts: addresses.map(|(n, at)| (canonical(&address(at)), lives(n))).collect(),
            strangers: BTreeSet::new(),
            denies: Denies::Nobody,
            turns: 0,
        }
    }
}

impl World {
    pub fn settle(&mut self, at: &Multiaddr, host: Host) {
        self.hosts.retain(|(address, _)| address != at);
        self.hosts.push((at.clone(), host));
    }

    pub fn answer(&self, query: &Query) -> Result<Answer, LookupError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let records: Vec<_> = match query.record_type {
            RecordType::SRV => self.chosen(4).map(|n| service(query, n, self.ttl)).collect(),
            RecordType::TXT => self.chosen(32).map(|n| entry(query, n, self.ttl)).collect(),
            record_type => self
                .chosen(IPS.len())
                .filter_map(|n| ip(query, n, self.ttl))
                .filter(|r| r.record_type() == record_type)
                .collect(),
        };
        if records.is_empty() {
            return Err(LookupError::no_data(Some(Duration::from_secs(5))));
        }
        let answer = Answer::new(query.name.clone(), records).with_complete(self.complete);
        Ok(match self.proof {
            Some(proof) => answer.with_proof(proof),
            None => answer,
        })
    }

    fn chosen(&self, of: usize) -> impl Iterator<Item = usize> {
        let named = self.named;
        (0..of).filter(move |n| named >> (n % 32) & 1 == 1)
    }

    /// How a dial ends, or `None` if it does not; a connection is `Ok`.
    pub fn outcome(
        &mut self,
        at: &Multiaddr,
        expect: Expect,
    ) -> Option<Result<PeerId, DialFailure>> {
        let is_denied = match self.denies {
            Denies::Nobody => false,
            Denies::Probes => expect == Expect::Probe,
            Denies::All => true,
        };
        if is_denied {
            return Some(Err(DialFailure::Denied("not on the list".into())));
        }
        let host = self.hosts.iter().find(|(address, _)| address == at);
        let obtained = match host.map_or(Host::Refuses, |(_, host)| *host) {
            Host::Lives(peer) => peer,
            Host::Alternates(one, other) => {
                self.turns += 1;
                if self.turns.is_multiple_of(2) { one } else { other }
            }
            Host::Silent => return None,
            Host::Refuses => return Some(Err(failed(Failure::Closed("refused".into())))),
            Host::NoRoute => return Some(Err(failed(Failure::NoRoute("no route".into())))),
            Host::Denied => return Some(Err(DialFailure::Denied("limit".into()))),
        };
        let connects = match expect {
            Expect::Peer(expected) | Expect::Again(expected) => expected == obtained,
            Expect::Anyone => obtained != peer(0),
            _ => false,
        };
        Some(if connects { Ok(obtained) } else { Err(DialFailure::Identity(obtained)) })
    }
}

fn failed(failure: Failure) -> DialFailure {
    DialFailure::Failed(failure)
}

fn ip(query: &Query, n: usize, ttl: u32) -> Option<Record> {
    let ip = IPS[n].parse::<std::net::IpAddr>().ok()?;
    Some(Record::from_rdata(query.name.clone(), ttl, RData::from(ip)))
}

fn service(query: &Query, n: usize, ttl: u32) -> Record {
    let target = Name::from_ascii(["a.", "b.", "a.", "c."][n]).expect("a name");
    let port = [4_001, 4_001, 4_002, 0][n];
    Record::from_rdata(query.name.clone(), ttl, RData::SRV(SRV::new(1, 1, port, target)))
}

fn entry(query: &Query, n: usize, ttl: u32) -> Record {
    let text = match ADDRESSES.get(n) {
        Some(at) if n.is_multiple_of(3) => {
            format!("dnsaddr={at}/p2p/{}", peer(1 + n % (PEERS - 1)))
        }
        Some(at) => format!("dnsaddr={at}"),
        None if n.is_multiple_of(2) => "dnsaddr=/dns/a/tcp/4001".to_owned(),
        None => "dnsaddr=/dnsaddr/b".to_owned(),
    };
    Record::from_rdata(query.name.clone(), ttl, RData::TXT(TXT::new(vec![text])))
}
