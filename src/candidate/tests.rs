use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    net::{Ipv4Addr, Ipv6Addr},
};

use proptest::prelude::*;

use super::*;

const A: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const B: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";

fn candidate(text: &str) -> Candidate {
    Candidate::new(&text.parse().unwrap())
}

#[test]
fn spellings_of_one_address_are_equal() {
    let hash = RandomState::new();
    for (written, canonical) in [
        ("/ip6/::ffff:10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"),
        ("/ip6zone/eth0/ip6/::ffff:10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"),
        ("/ip6/FD00:0:0::7/tcp/1", "/ip6/fd00::7/tcp/1"),
        ("/ip4/10.0.0.7/tcp/443/wss", "/ip4/10.0.0.7/tcp/443/tls/ws"),
        ("/ip4/10.0.0.7/tcp/443/x-parity-wss/%2Fa", "/ip4/10.0.0.7/tcp/443/tls/x-parity-ws/%2Fa"),
        (
            "/ip4/10.0.0.7/tcp/443/tls/sni/A.Example./ws",
            "/ip4/10.0.0.7/tcp/443/tls/sni/a.example/ws",
        ),
        ("/dns/A.Example./tcp/1", "/dns/a.example/tcp/1"),
        ("/dns4/A.Example../tcp/1", "/dns4/a.example/tcp/1"),
        ("/dns6/A.Example./tcp/1", "/dns6/a.example/tcp/1"),
        ("/dnsaddr/A.Example.", "/dnsaddr/a.example"),
    ] {
        let (a, b) = (candidate(written), candidate(canonical));
        assert_eq!(a.to_string(), canonical);
        assert_eq!(a, b, "{written}");
        assert_eq!(hash.hash_one(&a), hash.hash_one(&b), "{written}");
    }
}

#[test]
fn a_zone_is_part_of_an_ipv6_address() {
    let zoned = candidate("/ip6zone/Eth0/ip6/fe80::1/tcp/1");
    assert_eq!(zoned.to_string(), "/ip6zone/Eth0/ip6/fe80::1/tcp/1");
    assert_eq!((zoned.family(), zoned.ip()), (Family::V6, Some("fe80::1".parse().unwrap())));
    assert_ne!(zoned, candidate("/ip6zone/eth1/ip6/fe80::1/tcp/1"));
    let [plain, zoned] = ["/ip6/fe80::1/udp/1", "/ip6zone/eth0/ip6/fe80::1/udp/1"].map(candidate);
    assert!(plain < zoned, "by the bytes of the whole address");
}

#[test]
fn a_trailing_id_is_the_pin() {
    for (written, address, pinned) in [
        ("/ip4/1.2.3.4/tcp/1".to_owned(), "/ip4/1.2.3.4/tcp/1".to_owned(), None),
        (format!("/ip4/1.2.3.4/tcp/1/p2p/{A}"), "/ip4/1.2.3.4/tcp/1".to_owned(), Some(A)),
        (format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p/{A}"), "/ip4/1.2.3.4/tcp/1".to_owned(), Some(A)),
        (
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit/p2p/{B}"),
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit"),
            Some(B),
        ),
        (
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit"),
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit"),
            None,
        ),
        (
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p/{B}"),
            format!("/ip4/1.2.3.4/tcp/1/p2p/{A}"),
            Some(B),
        ),
    ] {
        let candidate = candidate(&written);
        assert_eq!(candidate.address().to_string(), address);
        assert_eq!(format!("{candidate:?}"), candidate.to_string());
        assert_eq!(candidate.pinned(), pinned.map(|id| id.parse().unwrap()).as_ref());
    }
}

#[test]
fn families() {
    for (text, family, ip) in [
        ("/ip4/1.2.3.4/tcp/1", Family::V4, Some("1.2.3.4")),
        ("/ip6/::ffff:1.2.3.4/tcp/1", Family::V4, Some("1.2.3.4")),
        ("/ip6/fd00::1/udp/1/quic-v1", Family::V6, Some("fd00::1")),
        ("/memory/7", Family::Other, None),
        ("/dns4/a.example/tcp/1", Family::Other, None),
        (&format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit"), Family::Other, None),
    ] {
        let candidate = candidate(text);
        assert_eq!(candidate.family(), family, "{text}");
        assert_eq!(candidate.ip(), ip.map(|ip| ip.parse().unwrap()), "{text}");
        assert_eq!(candidate.is_relayed(), text.contains("p2p-circuit"));
    }
}

#[test]
fn the_order_is_by_family_number_port_and_pin() {
    let sorted = [
        "/ip4/9.0.0.1/tcp/4001",
        "/ip4/10.0.0.2/tcp/4001",
        "/ip4/10.0.0.10/tcp/80",
        "/ip4/10.0.0.10/tcp/443",
        &format!("/ip4/10.0.0.10/tcp/443/p2p/{A}"),
        "/ip4/10.0.0.10/udp/443/quic-v1",
        "/ip6/fd00::9/tcp/4001",
        "/ip6/fd00::10/tcp/80",
        "/memory/7",
        "/memory/300",
    ]
    .map(candidate);
    for (i, a) in sorted.iter().enumerate() {
        for (j, b) in sorted.iter().enumerate() {
            assert_eq!(a.cmp(b), i.cmp(&j), "{a} {b}");
        }
    }
}

fn ip() -> impl Strategy<Value = Protocol<'static>> {
    let octet = prop_oneof![Just(0u8), Just(10), Just(127), any::<u8>()];
    let v4 = [octet.clone(), octet.clone(), octet.clone(), octet].prop_map(Ipv4Addr::from);
    prop_oneof![
        v4.clone().prop_map(Protocol::Ip4),
        v4.prop_map(|ip| Protocol::Ip6(ip.to_ipv6_mapped())),
        any::<u128>().prop_map(|ip| Protocol::Ip6(Ipv6Addr::from(ip))),
        (0u128..3).prop_map(|ip| Protocol::Ip6(Ipv6Addr::from(ip))),
    ]
}

fn part() -> impl Strategy<Value = Protocol<'static>> {
    let name = "[aB]{1,2}[.]{0,2}";
    prop_oneof![
        ip(),
        (0u16..3).prop_map(Protocol::Tcp),
        (0u16..3).prop_map(Protocol::Udp),
        name.prop_map(|n| Protocol::Dns(n.into())),
        name.prop_map(|n| Protocol::Dns4(n.into())),
        name.prop_map(|n| Protocol::Sni(n.into())),
        Just(Protocol::Wss("/".into())),
        Just(Protocol::Ws("/a".into())),
        Just(Protocol::Tls),
        Just(Protocol::QuicV1),
        Just(Protocol::Ip6zone("eth0".into())),
        Just(Protocol::P2pCircuit),
        (0u64..300).prop_map(Protocol::Memory),
        Just(Protocol::P2p(A.parse().unwrap())),
        Just(Protocol::P2p(B.parse().unwrap())),
    ]
}

/// Any sequence of components, sensible or not: records may carry what they like.
fn address() -> impl Strategy<Value = Multiaddr> {
    let sensible = (ip(), proptest::collection::vec(part(), 0..4))
        .prop_map(|(ip, rest)| std::iter::once(ip).chain(rest).collect());
    let any = proptest::collection::vec(part(), 0..6).prop_map(|parts| parts.into_iter().collect());
    prop_oneof![sensible, any]
}

/// What may follow an IP address in what a source or a record asks for.
fn suffix() -> impl Strategy<Value = Multiaddr> {
    let layer = prop_oneof![(1u16..3).prop_map(Protocol::Tcp), (1u16..3).prop_map(Protocol::Udp),];
    let upper = prop_oneof![
        Just(Protocol::Tls),
        Just(Protocol::Sni("A.b.".into())),
        Just(Protocol::Ws("/".into())),
        Just(Protocol::QuicV1),
        Just(Protocol::P2pCircuit),
    ];
    let pin = prop::option::of(prop::sample::select(vec![A, B]));
    (layer, proptest::collection::vec(upper, 0..3), pin).prop_map(|(layer, upper, pin)| {
        let pin = pin.map(|id| Protocol::P2p(id.parse().unwrap()));
        std::iter::once(layer).chain(upper).chain(pin).collect()
    })
}

/// The candidate of an IP address and what follows, made of both, and of the whole address.
fn two_ways() -> impl Strategy<Value = [Candidate; 2]> {
    (ip(), suffix()).prop_map(|(ip, suffix)| {
        let whole: Multiaddr = std::iter::once(ip.clone()).chain(&suffix).collect();
        let ip = match ip {
            Protocol::Ip4(ip) => IpAddr::V4(ip),
            Protocol::Ip6(ip) => IpAddr::V6(ip),
            _ => unreachable!("an IP address"),
        };
        [Candidate::joined(ip, Arc::new(Rest::new(&suffix))), Candidate::new(&whole)]
    })
}

proptest! {
    /// Fails if a candidate differs in anything by how it was made.
    #[test]
    fn a_candidate_is_the_same_made_of_its_parts_or_of_the_whole(
        [parts, whole] in two_ways(),
        [others_parts, others_whole] in two_ways(),
        other in address(),
    ) {
        let hash = RandomState::new();
        prop_assert_eq!(&parts, &whole);
        prop_assert_eq!(hash.hash_one(&parts), hash.hash_one(&whole));
        prop_assert_eq!(parts.pinned(), whole.pinned());
        prop_assert_eq!(parts.is_relayed(), whole.is_relayed());
        prop_assert_eq!((parts.family(), parts.ip(), parts.port()), (whole.family(), whole.ip(), whole.port()));
        let other = Candidate::new(&other);
        for other in [&others_parts, &others_whole, &other] {
            prop_assert_eq!(parts.cmp(other), whole.cmp(other));
            prop_assert_eq!(other.cmp(&parts), other.cmp(&whole));
            prop_assert_eq!(parts.is_at_address_of(other), whole.is_at_address_of(other));
            prop_assert_eq!(parts == *other, parts.to_string() == other.to_string());
        }
        prop_assert_eq!(parts.address(), whole.address());
        prop_assert_eq!(parts.to_string(), whole.to_string());
        prop_assert_eq!(&parts.without_pin(), &whole.without_pin());
    }

    #[test]
    fn canonical_is_idempotent(address in address()) {
        let once = Candidate::new(&address);
        let again = Candidate::new(&once.to_string().parse().unwrap());
        prop_assert_eq!(&once, &again);
        prop_assert_eq!(once.to_string(), again.to_string());
    }

    #[test]
    fn the_order_is_total(a in address(), b in address(), c in address()) {
        let [a, b, c] = [a, b, c].map(|address| Candidate::new(&address));
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    /// Two nodes that read the same records in different order, letter case, number of copies and
    /// spelling of IPv4 see the same list.
    #[test]
    fn nodes_agree(
        addresses in proptest::collection::vec(address(), 0..12),
        seed in any::<u64>(),
        copies in 1usize..3,
    ) {
        let sorted = |addresses: &[Multiaddr]| {
            let mut list: Vec<_> = addresses.iter().map(Candidate::new).collect();
            list.sort();
            list.dedup();
            list
        };
        let mut other: Vec<_> = addresses.iter().map(respell).cycle()
            .take(addresses.len() * copies).collect();
        fastrand::Rng::with_seed(seed).shuffle(&mut other);
        let (ours, theirs) = (sorted(&addresses), sorted(&other));
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(ours.iter().collect::<HashSet<_>>().len(), ours.len());
    }
}

/// Another spelling of the same address.
fn respell(address: &Multiaddr) -> Multiaddr {
    let flip = |name: &str| format!("{}.", name.to_ascii_uppercase());
    let mut zoned = false;
    address
        .iter()
        .map(|part| {
            let after_zone = std::mem::replace(&mut zoned, matches!(part, Protocol::Ip6zone(_)));
            match part {
                // A zone in front of an IPv4 address is another, senseless, address.
                Protocol::Ip4(ip) if !after_zone => Protocol::Ip6(ip.to_ipv6_mapped()),
                Protocol::Dns(name) => Protocol::Dns(flip(&name).into()),
                Protocol::Dns4(name) => Protocol::Dns4(flip(&name).into()),
                Protocol::Sni(name) => Protocol::Sni(flip(&name).into()),
                other => other,
            }
        })
        .collect()
}
