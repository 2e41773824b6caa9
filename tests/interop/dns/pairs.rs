//! A service whose targets have an address of each family. Not all of them come along with the SRV
//! records, and no mark says so (RFC 2181 section 9): all are known all the same.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use hickory_proto::rr::RecordType;

use super::{
    node::{Node, Outcome},
    records::{Kind, PORT},
    world,
};
use crate::{
    servers::{Brand, Server, Zone, ask_over_udp},
    suite::Answer,
};

/// So many that the records themselves fit into a datagram, and all addresses do not.
const TARGETS: [u8; 3] = [13, 18, 24];

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    if brand == Brand::Kubernetes {
        let why = "the stand-in for its API has services of one family";
        return Err(Answer::Cannot(why.to_owned()));
    }
    world::run(async move {
        let mut zone = Zone::new(world::TTL);
        TARGETS.iter().for_each(|count| put(&mut zone, *count));
        let server = Server::start(brand, world::address(), &zone)?;
        let mut notes = Vec::new();
        for count in TARGETS {
            notes.push(come_along(&server, count));
            let mut node = Node::new(server.address(), &Kind::Srv.source(brand, &service(count)));
            let found = resolved(&mut node).await;
            let lacking: Vec<_> = candidates(count).difference(&found).cloned().collect();
            assert!(lacking.is_empty(), "of {count} targets, these are missing: {lacking:?}");
            assert_eq!(found, candidates(count));
        }
        Ok(Answer::PassWith(format!("addresses that come along over UDP: {}", notes.join(", "))))
    })
}

/// The first answer that is told as complete.
async fn resolved(node: &mut Node) -> BTreeSet<String> {
    loop {
        match node.outcome().await {
            Outcome::Resolved { candidates, complete: true } => {
                return candidates.into_iter().collect();
            }
            Outcome::Resolved { complete: false, .. } => {}
            Outcome::Failed(error) => panic!("{error:?}"),
        }
    }
}

/// How many addresses a datagram brings. That some are missing, only CoreDNS says.
fn come_along(server: &Server, count: u8) -> String {
    let name = Kind::Srv.owner(server.brand(), &service(count));
    let reply = ask_over_udp(server.address(), &name, RecordType::SRV).expect("it answers");
    let all = 2 * usize::from(count);
    if reply.metadata.truncation {
        // It is asked for again over TCP, where there is room.
        assert!(marks_what_is_cut(server.brand()), "of {count}");
        return format!("not all of {all}, marked as cut");
    }
    assert_eq!(reply.answers.len(), usize::from(count), "{:?}", reply.metadata);
    let came = reply.additionals.iter().filter(|record| record.data.ip_addr().is_some()).count();
    format!("{came} of {all}")
}

fn marks_what_is_cut(brand: Brand) -> bool {
    matches!(brand, Brand::CoreDns | Brand::CoreDnsCache)
}

/// The service's own name has no addresses, which would do as well.
fn put(zone: &mut Zone, count: u8) {
    let service = service(count);
    let hosts: Vec<_> = (1..=count).map(|n| (n, format!("host-{n:02}.{service}"))).collect();
    for (n, host) in &hosts {
        zone.set_addresses(host, ips(*n));
    }
    let targets = hosts.iter().map(|(_, host)| host.as_str());
    zone.set_srv(&format!("_p2p._tcp.{service}"), PORT, targets);
}

fn service(count: u8) -> String {
    format!("pairs-{count}")
}

fn ips(n: u8) -> [IpAddr; 2] {
    let v6 = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into());
    [Ipv4Addr::new(10, 0, 1, n).into(), v6.into()]
}

fn candidates(count: u8) -> BTreeSet<String> {
    let candidate = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => format!("/ip4/{ip}/tcp/{PORT}"),
        IpAddr::V6(ip) => format!("/ip6/{ip}/tcp/{PORT}"),
    };
    (1..=count).flat_map(ips).map(candidate).collect()
}
