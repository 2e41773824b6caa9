//! Records as an enemy would write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{CNAME, SRV, TXT},
};
use libp2p_dns_discovery::hickory_proto;

use crate::support::{World, address_record};

pub fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

pub fn txt(owner: &Name, text: &str) -> Record {
    let data = TXT::from_bytes(text.as_bytes().chunks(255).collect());
    Record::from_rdata(owner.clone(), 30, RData::TXT(data))
}

pub fn srv(owner: &Name, target: &str, port: u16) -> Record {
    Record::from_rdata(owner.clone(), 30, RData::SRV(SRV::new(0, 0, port, name(target))))
}

pub fn cname(owner: &str, target: &str) -> Record {
    Record::from_rdata(name(owner), 30, RData::CNAME(CNAME(name(target))))
}

/// The n-th of many IPv4 addresses, lower than all honest ones.
pub fn v4(n: u32) -> IpAddr {
    Ipv4Addr::from(0x0100_0000 + n).into()
}

pub fn v6(n: u32) -> IpAddr {
    Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n)).into()
}

pub fn addresses(owner: &str, ips: impl Iterator<Item = IpAddr>, ttl: u32) -> Vec<Record> {
    let first = address_record(owner, v4(0), ttl);
    ips.map(|ip| {
        let mut record = address_record(".", ip, ttl);
        record.name = first.name.clone();
        record
    })
    .collect()
}

/// Puts TXT records at a `dnsaddr` name.
pub fn entries<S: AsRef<str>>(world: &mut World, at: &str, texts: impl IntoIterator<Item = S>) {
    let owner = format!("_dnsaddr.{at}");
    let of = name(&owner);
    let records = texts.into_iter().map(|text| txt(&of, &format!("dnsaddr={}", text.as_ref())));
    let records = records.collect();
    world.zone.insert((owner, RecordType::TXT), Ok(records));
}
