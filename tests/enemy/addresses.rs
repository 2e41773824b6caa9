//! Addresses that a node must not dial, whatever they are disguised as.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::RecordType;
use libp2p_dns_discovery::{Event, Status, hickory_proto};

use crate::{
    account::{HONEST, assert_bounded, honest, rejected},
    alone,
    records::{addresses, entries, name, srv},
    support::{Host, World, lowest, secs},
};

/// Loopback, link-local with the metadata services of clouds, multicast, unspecified, broadcast.
const FORBIDDEN: [[u8; 4]; 8] = [
    [127, 0, 0, 1],
    [127, 255, 255, 254],
    [169, 254, 1, 1],
    [169, 254, 169, 254],
    [224, 0, 0, 251],
    [0, 0, 0, 0],
    [0, 1, 2, 3],
    [255, 255, 255, 255],
];
const FORBIDDEN_V6: [&str; 5] = ["::", "::1", "fe80::1", "ff02::1", "febf::7"];
const OWN: [[u8; 4]; 2] = [[192, 168, 1, 1], [203, 0, 113, 9]];

/// Every spelling by which a gateway or a socket may lead to an IPv4 address.
fn disguises(ip: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b] = [0, 2].map(|i| u16::from_be_bytes([ip.octets()[i], ip.octets()[i + 1]]));
    vec![
        ip.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
        Ipv6Addr::new(0x2002, a, b, 0, 0, 0, 0, 1),
    ]
}

fn everything_forbidden() -> (Vec<Ipv4Addr>, Vec<Ipv6Addr>) {
    let v4: Vec<Ipv4Addr> = FORBIDDEN.into_iter().map(Ipv4Addr::from).collect();
    let mut v6: Vec<Ipv6Addr> = v4.iter().flat_map(|ip| disguises(*ip)).collect();
    v6.extend(FORBIDDEN_V6.map(|ip| ip.parse::<Ipv6Addr>().expect("valid")));
    (v4, v6)
}

fn world() -> World {
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    honest(&mut world);
    world
}

fn join(world: &mut World) {
    world.until(secs(5), "joined", |w| w.core.status() == Status::Joined);
    world.run(secs(3_600));
    assert_bounded(world);
}

/// Named by addresses. Fails without any one line of the filter, and if it sees an address as it is
/// spelled.
#[test]
fn forbidden_addresses_are_never_dialled() {
    let _alone = alone();
    let mut world = world();
    let (v4, v6) = everything_forbidden();
    let a = addresses("peers.example.", v4.iter().map(|ip| (*ip).into()), 30);
    let aaaa = addresses("peers.example.", v6.iter().map(|ip| (*ip).into()), 30);
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(a));
    world.zone.insert(("peers.example.".into(), RecordType::AAAA), Ok(aaaa));
    world.source("/dns/peers.example./tcp/4001");
    world.source(HONEST);
    join(&mut world);
    assert!(world.dials.iter().all(|(_, address, _)| address.to_string() == HONEST));
    assert!(rejected(&world).0 >= 40);
}

/// Named by texts, with all that only those can say: other transports, relays, no port.
#[test]
fn forbidden_texts_are_never_dialled() {
    let _alone = alone();
    let mut world = world();
    let (v4, v6) = everything_forbidden();
    let ips =
        v4.iter().map(|ip| format!("/ip4/{ip}")).chain(v6.iter().map(|ip| format!("/ip6/{ip}")));
    let peer = libp2p::PeerId::random();
    let relayed = format!("p2p/{peer}/p2p-circuit/p2p/{}", libp2p::PeerId::random());
    let texts = ips.flat_map(|ip| {
        [
            format!("{ip}/tcp/4001"),
            format!("{ip}/udp/4001/quic-v1"),
            format!("{ip}/tcp/80/ws"),
            format!("{ip}/tcp/4001/{relayed}"),
            format!("/ip6zone/eth0{ip}/tcp/4001"),
            format!("/ip4/10.0.0.1/tcp/1{ip}/tcp/2"),
        ]
    });
    let local =
        ["/memory/7", "/unix/var%2Frun%2Fsocket", "/ip4/10.0.0.1/udp/1/utp"].map(str::to_owned);
    entries(&mut world, "peers.example.", texts.chain(local).chain([HONEST.to_owned()]));
    world.source("/dnsaddr/peers.example.");
    join(&mut world);
    assert!(world.dials.iter().all(|(_, address, _)| address.to_string() == HONEST));
    let (told, more) = rejected(&world);
    assert!(told == 64 && more >= 100, "{told} and {more}");
}

/// Fails if a port of 0 is a port.
#[test]
fn port_0_is_never_dialled() {
    let _alone = alone();
    let mut world = world();
    let owner = name("_p2p._tcp.peers.example.");
    let target = addresses("t.example.", [[10, 0, 0, 1].into()].into_iter(), 30);
    world.zone.insert(("t.example.".into(), RecordType::A), Ok(target));
    world.zone.insert((owner.to_ascii(), RecordType::SRV), Ok(vec![srv(&owner, "t.example.", 0)]));
    world.source("srv:_p2p._tcp.peers.example.");
    world.source(HONEST);
    join(&mut world);
    assert!(world.dials.iter().all(|(_, address, _)| address.to_string() == HONEST));
}

/// Our own, by what we listen on, by what was confirmed, and by every other spelling of it. Fails if
/// only the canonical spelling counts as ours.
#[test]
fn our_own_addresses_are_never_dialled() {
    let _alone = alone();
    let mut world = world();
    let own = OWN.map(Ipv4Addr::from);
    let v6 = own.iter().flat_map(|ip| disguises(*ip));
    let a = addresses("peers.example.", own.iter().map(|ip| (*ip).into()), 30);
    let aaaa = addresses("peers.example.", v6.map(Into::into), 30);
    world.zone.insert(("peers.example.".into(), RecordType::A), Ok(a));
    world.zone.insert(("peers.example.".into(), RecordType::AAAA), Ok(aaaa));
    let at = |ip: Ipv4Addr| format!("/ip4/{ip}/tcp/4001").parse().expect("valid");
    world.core.handle_listen_address(&at(own[0]), world.now);
    world.core.handle_external_address(&at(own[1]), world.now);
    world.source("/dns/peers.example./tcp/4001");
    world.source(HONEST);
    join(&mut world);
    assert!(world.dials.iter().all(|(_, address, _)| address.to_string() == HONEST));
    assert_eq!(world.core.is_listed(), Some(true));
    assert_eq!(world.count(|e| matches!(e, Event::Rejected { .. })), 0);
}
