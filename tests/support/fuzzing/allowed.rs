//! What may be dialled, written anew: from the documentation of `Filter` and not from its code.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::{Multiaddr, multiaddr::Protocol};

/// Why an address may be dialled by nobody, whoever wrote it.
pub fn never(address: &Multiaddr) -> Option<&'static str> {
    address.iter().find_map(|part| match part {
        Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_) => {
            Some("a name")
        }
        Protocol::Tcp(0) | Protocol::Udp(0) => Some("port 0"),
        Protocol::Ip4(ip) => never_ip(ip.into()),
        Protocol::Ip6(ip) => never_ip(ip.into()),
        _ => None,
    })
}

/// Why an address that DNS named may not be dialled, with the default filter.
pub fn not_by_dns(address: &Multiaddr) -> Option<&'static str> {
    never(address).or_else(|| {
        address.iter().find_map(|part| match part {
            Protocol::Ip4(ip) => local_ip(ip.into()),
            Protocol::Ip6(ip) => local_ip(ip.into()),
            Protocol::Ip6zone(_)
            | Protocol::Tcp(_)
            | Protocol::Udp(_)
            | Protocol::QuicV1
            | Protocol::Ws(_)
            | Protocol::Tls
            | Protocol::Sni(_)
            | Protocol::WebRTCDirect
            | Protocol::WebRTC
            | Protocol::Certhash(_)
            | Protocol::P2p(_)
            | Protocol::P2pCircuit => None,
            _ => Some("a transport that is not allowed"),
        })
    })
}

fn never_ip(ip: IpAddr) -> Option<&'static str> {
    meanings(ip).into_iter().find_map(|ip| match ip {
        IpAddr::V4(ip) if ip.octets()[0] == 0 => Some("unspecified"),
        IpAddr::V4(ip) if ip.is_broadcast() => Some("broadcast"),
        ip if ip.is_unspecified() => Some("unspecified"),
        ip if ip.is_multicast() => Some("multicast"),
        _ => None,
    })
}

fn local_ip(ip: IpAddr) -> Option<&'static str> {
    meanings(ip).into_iter().find_map(|ip| match ip {
        ip if ip.is_loopback() => Some("loopback"),
        IpAddr::V4(ip) if ip.is_link_local() => Some("link-local"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("link-local"),
        _ => None,
    })
}

/// The address, and the IPv4 address that it may be translated to.
fn meanings(ip: IpAddr) -> Vec<IpAddr> {
    let mut meanings = vec![ip.to_canonical()];
    if let IpAddr::V6(ip) = ip.to_canonical() {
        meanings.extend(translated(ip).map(IpAddr::V4));
    }
    meanings
}

/// Where packets to an address may end.
pub fn destination(ip: IpAddr) -> IpAddr {
    let canonical = ip.to_canonical();
    meanings(ip).pop().unwrap_or(canonical)
}

fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = ip.octets();
    let at = |from: usize| Ipv4Addr::from([0, 1, 2, 3].map(|i| octets[from + i]));
    let compatible = octets[..12] == [0; 12] && u128::from(ip) > 1;
    let rfc2765 = octets[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
    let nat64 = octets[..12] == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
    match octets {
        _ if compatible || rfc2765 || nat64 => Some(at(12)),
        [0x20, 0x02, ..] => Some(at(2)),
        _ => None,
    }
}
