//! The kinds of IP addresses: loopback, link-local, multicast and so on.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

/// How far an address reaches. Ranges of the IANA special-purpose address registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Unspecified,
    Multicast,
    Broadcast,
    Loopback,
    LinkLocal,
    Other,
}

pub(super) fn scope(ip: IpAddr) -> Scope {
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => Scope::Broadcast,
        // All of 0.0.0.0/8 is "this network" (RFC 1122 section 3.2.1.3).
        IpAddr::V4(ip) if ip.octets()[0] == 0 => Scope::Unspecified,
        IpAddr::V4(ip) if ip.is_link_local() => Scope::LinkLocal,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Scope::LinkLocal,
        ip if ip.is_unspecified() => Scope::Unspecified,
        ip if ip.is_multicast() => Scope::Multicast,
        ip if ip.is_loopback() => Scope::Loopback,
        _ => Scope::Other,
    }
}

/// The IPv4 address to which a gateway on the way may translate an IPv6 address.
pub(crate) fn embedded_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [.., high, low] = ip.segments();
    match ip.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // IPv4-compatible (RFC 4291 section 2.5.5.1), IPv4-translated (RFC 2765 section 2.1),
        // NAT64 (RFC 6052 section 2.1).
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => {
            Some(v4(high, low))
        }
        // 6to4 (RFC 3056 section 2).
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// The IPv6 addresses that a gateway may translate to this IPv4 address: [`embedded_v4`] of each gives it.
pub(crate) fn spellings(ip: Ipv4Addr) -> [RangeInclusive<Ipv6Addr>; 4] {
    let [a, b, c, d] = ip.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let one = |ip: Ipv6Addr| ip..=ip;
    let of_6to4 = |rest| Ipv6Addr::new(0x2002, high, low, rest, rest, rest, rest, rest);
    [
        one(Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low)),
        one(Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low)),
        one(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low)),
        of_6to4(0)..=of_6to4(0xffff),
    ]
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn embedded() {
        for (ip, v4) in [
            ("::10.0.0.1", Some("10.0.0.1")),
            ("::ffff:0:10.0.0.1", Some("10.0.0.1")),
            ("64:ff9b::10.0.0.1", Some("10.0.0.1")),
            ("2002:a00:1::1", Some("10.0.0.1")),
            ("::", None),
            ("::1", None),
            ("::2", Some("0.0.0.2")),
            ("64:ff9b:1::10.0.0.1", None),
            ("fd00::10.0.0.1", None),
            ("10.0.0.1", None),
        ] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(embedded_v4(ip), v4.map(|v4| v4.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_ipv4_address_is_embedded_in_all_its_spellings() {
        let ip = Ipv4Addr::new(10, 1, 2, 3);
        for range in spellings(ip) {
            for end in [*range.start(), *range.end()] {
                assert_eq!(embedded_v4(IpAddr::V6(end)), Some(ip), "{end}");
            }
        }
    }

    #[test]
    fn edges_of_the_ranges() {
        use Scope::*;
        for (ip, is) in [
            ("0.0.0.0", Unspecified),
            ("0.255.255.255", Unspecified),
            ("1.0.0.0", Other),
            ("126.255.255.255", Other),
            ("127.0.0.0", Loopback),
            ("127.255.255.255", Loopback),
            ("169.253.255.255", Other),
            ("169.254.0.0", LinkLocal),
            ("169.254.169.254", LinkLocal),
            ("169.255.0.0", Other),
            ("223.255.255.255", Other),
            ("224.0.0.0", Multicast),
            ("239.255.255.255", Multicast),
            ("255.255.255.254", Other),
            ("255.255.255.255", Broadcast),
            ("::", Unspecified),
            ("::1", Loopback),
            ("fe7f::1", Other),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", Other),
            ("ff02::1", Multicast),
        ] {
            assert_eq!(scope(ip.parse().unwrap()), is, "{ip}");
        }
    }

    #[test]
    fn never_panics() {
        for bits in 0..=128u32 {
            let ip = IpAddr::V6(Ipv6Addr::from(u128::MAX.checked_shl(bits).unwrap_or(0)));
            scope(ip);
            embedded_v4(ip);
        }
    }
}
