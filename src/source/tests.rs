use libp2p_core::{Multiaddr, multiaddr::Protocol};
use proptest::prelude::*;

use super::*;

mod errors;

const A: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const B: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";

/// Parses, prints, and checks that the print parses to the same.
fn printed(text: &str) -> String {
    let source: Source = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let printed = source.to_string();
    assert_eq!(printed.parse(), Ok(source), "{text} → {printed}");
    printed
}

#[test]
fn canonical_texts_are_kept() {
    for text in [
        "/dns/peers.example/tcp/4001",
        "/dns/peers.example./tcp/4001",
        "/dns/peers/tcp/4001",
        "/dns4/peers.example/udp/4001/quic-v1",
        "/dns6/_peers.example/tcp/80/ws",
        "/dns/peers.example/tcp/80/x-parity-ws/%2Fa%3Fb%7Cc",
        "/dns/peers.example/tcp/443/tls/ws",
        "/dns/peers.example/tcp/443/tls/sni/other.example/ws",
        "/dns/peers.example/udp/1/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g",
        "/dns/peers.example/udp/4001/quic-v1|/tcp/4001",
        "/dnsaddr/bootstrap.libp2p.io",
        "/dnsaddr/bootstrap.libp2p.io.",
        "/dnsaddr/_dnsaddr.example",
        "/dnsaddr/peers.example/tcp/4001",
        "/dnsaddr/peers.example/udp/4001/quic-v1",
        "/dnsaddr/peers.example/quic-v1",
        "/dnsaddr/peers.example/tls/ws",
        "srv:_p2p._tcp.peers.ns.svc.cluster.local",
        "srv:_p2p._udp.peers.ns.svc.cluster.local.",
        "srv:_p2p._tcp.peers.example/tcp/0/tls/ws",
        "srv:_p2p._tcp.peers.example/tcp/4001",
        "srv:peers.example/udp/0/quic-v1|/tcp/0",
        "/ip4/10.0.0.7/tcp/4001",
        "/ip4/127.0.0.1/udp/4001/quic-v1",
        "/ip6/fd00::7/tcp/4001",
        "/ip6zone/eth0/ip6/fe80::1/tcp/4001",
        "/ip4/10.0.0.7/tcp/80/x-parity-ws/%2Fa%7C",
        "/memory/7",
        "/unix/socket",
    ] {
        assert_eq!(printed(text), text);
        for suffix in ["?sampled", &format!("/p2p/{A}"), &format!("/p2p/{A}?sampled")] {
            assert_eq!(printed(&format!("{text}{suffix}")), format!("{text}{suffix}"));
        }
    }
    for text in [
        format!("/ip4/10.0.0.7/tcp/4001/p2p/{A}/p2p-circuit/p2p/{B}"),
        format!("/dns4/relay.example/tcp/4001/p2p/{A}/p2p-circuit/p2p/{B}"),
        format!("/dns4/relay.example/tcp/1/p2p/{A}/p2p-circuit|/tcp/2/p2p/{B}"),
        format!("/dnsaddr/relay.example/tcp/1/p2p/{A}/p2p-circuit/p2p/{B}"),
    ] {
        assert_eq!(printed(&text), text);
    }
}

#[test]
fn other_spellings_become_canonical() {
    for (text, canonical) in [
        ("/dns/Peers.EXAMPLE/tcp/4001", "/dns/peers.example/tcp/4001"),
        ("/dns/a.example/tcp/443/wss", "/dns/a.example/tcp/443/tls/ws"),
        (
            "/dns/a.example/tcp/443/tls/sni/B.Example./ws",
            "/dns/a.example/tcp/443/tls/sni/b.example/ws",
        ),
        ("/dns/a.example/tcp/1|/tcp/1", "/dns/a.example/tcp/1"),
        ("SRV:_P2P._TCP.A", "srv:_p2p._tcp.a"),
        ("srv:_p2p._tcp.a/tcp/0", "srv:_p2p._tcp.a"),
        ("srv:_p2p._udp.a/udp/0/quic-v1", "srv:_p2p._udp.a"),
        ("srv:_p2p._udp.a/quic-v1", "srv:_p2p._udp.a"),
        ("srv:_p2p._tcp.a/tls/ws", "srv:_p2p._tcp.a/tcp/0/tls/ws"),
        ("srv:_p2p._tcp.a/wss", "srv:_p2p._tcp.a/tcp/0/tls/ws"),
        ("srv:_p2p._udp.a/ws", "srv:_p2p._udp.a/tcp/0/ws"),
        ("srv:a/webrtc-direct", "srv:a/udp/0/webrtc-direct"),
        ("srv:_p2p._tcp.a|/udp/0/quic-v1", "srv:_p2p._tcp.a/tcp/0|/udp/0/quic-v1"),
        ("/ip6/::ffff:10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"),
        ("/dns/a/tcp/1?sampled&sampled", "/dns/a/tcp/1?sampled"),
        ("/dns/a/tcp/1/", "/dns/a/tcp/1"),
        ("/dns/a/tcp/1/|/udp/1/quic-v1/?sampled", "/dns/a/tcp/1|/udp/1/quic-v1?sampled"),
        ("/dnsaddr/a/", "/dnsaddr/a"),
        ("/dnsaddr/a/wss", "/dnsaddr/a/tls/ws"),
        ("srv:_p2p._tcp.a/", "srv:_p2p._tcp.a"),
        ("/ip4/10.0.0.7/tcp/1/ws/", "/ip4/10.0.0.7/tcp/1/ws"),
        ("/dns/a/tcp/1?secure&pinned&sampled", "/dns/a/tcp/1?pinned&sampled&secure"),
    ] {
        assert_eq!(printed(text), canonical);
    }
    let pinned = format!("/dns/a/tcp/1/p2p/{A}|/tcp/2");
    assert_eq!(printed(&pinned), format!("/dns/a/tcp/1|/tcp/2/p2p/{A}"));
}

#[test]
fn a_trailing_dot_makes_a_name_absolute() {
    let name = |text: &str| match text.parse::<Source>().unwrap().kind {
        Kind::Host(host) => host.name,
        other => panic!("{other:?}"),
    };
    assert!(name("/dns/a.example./tcp/1").is_fqdn());
    assert!(!name("/dns/a.example/tcp/1").is_fqdn());
}

#[test]
fn the_longest_names() {
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    for (text, fits) in
        [(longest.clone(), true), (format!("{longest}."), true), (format!("{longest}a"), false)]
    {
        match format!("/dns/{text}/tcp/1").parse::<Source>() {
            Ok(_) => assert!(fits, "{text}"),
            Err(error) => {
                assert!(!fits, "{text}");
                assert!(error.to_string().contains("longer than 255 bytes"), "{error}");
            }
        }
    }
}

#[test]
fn dnsaddr_is_looked_up_below_its_label() {
    let source: Source = format!("/dnsaddr/A.Example/p2p/{A}").parse().unwrap();
    let Kind::Dnsaddr(dnsaddr) = source.kind() else { panic!("{source:?}") };
    assert_eq!(dnsaddr.owner.to_ascii(), "_dnsaddr.a.example");
    assert_eq!(dnsaddr.suffix, Protocol::P2p(A.parse().unwrap()).into());
}

/// The [specification of peer ids] asks for it.
///
/// [specification of peer ids]: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#string-representation
#[test]
fn a_peer_id_may_be_written_as_a_cid() {
    let rsa = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
    let [in_base32, in_base36] = [
        "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
        "k2k4r8ncs1yoluq95unsd7x2vfhgve0ncjoggwqx9vyh3vl8warrcp15",
    ];
    for cid in [in_base32, in_base36] {
        for (form, rest) in [("/dns/a/tcp/1", ""), ("/dnsaddr/a", "/"), ("/ip4/10.0.0.7/tcp/1", "")]
        {
            for tag in ["p2p", "ipfs"] {
                let text = format!("{form}/{tag}/{cid}{rest}");
                assert_eq!(printed(&text), format!("{form}/p2p/{rsa}"), "{text}");
            }
        }
    }
    let text = format!("/dns/a/tcp/1/p2p/{in_base32}/p2p-circuit/p2p/{A}");
    assert_eq!(printed(&text), format!("/dns/a/tcp/1/p2p/{rsa}/p2p-circuit/p2p/{A}"));
}

#[test]
fn a_source_has_the_ports_of_the_listeners() {
    let source = |name: &str, listeners: &[&str]| {
        let listeners: Vec<Multiaddr> = listeners.iter().map(|l| l.parse().unwrap()).collect();
        Source::of_listeners(name, &listeners).map(|source| source.to_string())
    };
    let both =
        ["/ip6/::/udp/4001/quic-v1", "/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4002"];
    assert_eq!(source("A.example.", &both).unwrap(), "/dns/a.example./udp/4001/quic-v1|/tcp/4002");
    let elsewhere = [
        format!("/ip4/192.0.2.1/tcp/4009/p2p/{A}/p2p-circuit"),
        "/ip4/0.0.0.0/udp/4001/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g".to_owned(),
        both[2].to_owned(),
    ];
    let elsewhere = elsewhere.each_ref().map(String::as_str);
    assert_eq!(source("a", &elsewhere).unwrap(), "/dns/a/tcp/4002", "others do not have these");
    let own = format!("/ip6zone/eth0/ip6/fe80::1/tcp/443/wss/p2p/{A}");
    assert_eq!(source("a", &[&own]).unwrap(), "/dns/a/tcp/443/tls/ws");
    for (name, listeners, part) in [
        ("a", &["/ip4/0.0.0.0/tcp/0"][..], "bad port in `/tcp/0` at byte 6"),
        ("a", &[], "no transport after `/dns/a`"),
        ("a", &["/memory/7"], "`/memory/7` at byte 6"),
        ("a/tcp/1", &["/ip4/0.0.0.0/tcp/1"], "bad name `a/tcp/1` at byte 5"),
    ] {
        let error = source(name, listeners).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_debug_text_is_the_text() {
    let text = format!("/dns/a/tcp/1|/udp/1/quic-v1/p2p/{A}?sampled");
    assert_eq!(format!("{:?}", text.parse::<Source>().unwrap()), text);
}

#[test]
fn a_multiaddr_is_a_source() {
    for text in ["/dns/a.example/tcp/1", "/ip4/10.0.0.7/tcp/80/x-parity-ws/%2Fa%7Cb", "/memory/7"] {
        let address: Multiaddr = text.parse().unwrap();
        assert_eq!(Source::try_from(address).unwrap(), text.replace('|', "%7C").parse().unwrap());
    }
    assert!(Source::try_from(Multiaddr::empty()).is_err());
}

#[test]
fn an_option_is_set_and_written_by_itself() {
    type Option = (&'static str, fn(Source) -> Source, fn(&Source) -> bool);
    const ALL: [Option; 3] = [
        ("pinned", Source::pinned, Source::is_pinned),
        ("sampled", Source::sampled, Source::is_sampled),
        ("secure", Source::secure, Source::is_secure),
    ];
    let plain: Source = "/dns/a/tcp/1".parse().unwrap();
    for (name, set, _) in ALL {
        let source = set(plain.clone());
        assert_ne!(source, plain);
        assert_eq!(source, format!("/dns/a/tcp/1?{name}").parse().unwrap());
        for (other, _, is_set) in ALL {
            assert!(!is_set(&plain));
            assert_eq!(is_set(&source), other == name, "{other} of {source}");
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_][a-zA-Z0-9_-]{0,8}([.][a-zA-Z0-9_][a-zA-Z0-9_-]{0,8}){0,3}[.]?"
        .prop_filter("an IP address", |name| {
            name.trim_end_matches('.').parse::<std::net::Ipv4Addr>().is_err()
        })
}

fn peer() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just(format!("/p2p/{A}")), Just(format!("/p2p/{B}"))]
}

fn tails(port: impl Strategy<Value = u16> + Clone) -> impl Strategy<Value = String> {
    let path = "[a-z/|?%& ]{0,6}";
    let tail = prop_oneof![
        port.clone().prop_map(|port| format!("/tcp/{port}")),
        port.clone().prop_map(|port| format!("/udp/{port}/quic-v1")),
        port.clone().prop_map(|port| format!("/tcp/{port}/wss")),
        (port.clone(), name()).prop_map(|(port, name)| format!("/tcp/{port}/tls/sni/{name}/ws")),
        (port.clone(), path).prop_map(|(port, path)| {
            let path = Protocol::Ws(path.into()).to_string().replace('|', "%7C");
            format!("/tcp/{port}{path}")
        }),
    ];
    proptest::collection::vec(tail, 1..4).prop_map(|tails| tails.join("|"))
}

fn text() -> impl Strategy<Value = String> {
    let body = prop_oneof![
        ("(dns|dns4|dns6)", name(), tails(1..=u16::MAX))
            .prop_map(|(tag, name, tails)| format!("/{tag}/{name}{tails}")),
        name().prop_map(|name| format!("/dnsaddr/{name}")),
        (name(), tails(0..=u16::MAX)).prop_map(|(name, tails)| format!("srv:{name}{tails}")),
        ("_(tcp|udp)", name()).prop_map(|(label, name)| format!("srv:{label}.{name}")),
        (any::<[u8; 4]>(), 1..=u16::MAX)
            .prop_map(|(ip, port)| format!("/ip4/{}/tcp/{port}", std::net::Ipv4Addr::from(ip))),
        (any::<u128>(), 1..=u16::MAX).prop_map(|(ip, port)| {
            format!("/ip6/{}/udp/{port}/quic-v1", std::net::Ipv6Addr::from(ip))
        }),
        (1..=u64::MAX).prop_map(|port| format!("/memory/{port}")),
    ];
    (body, peer(), "([?](pinned|sampled|secure)(&(pinned|secure))?)?")
        .prop_map(|(body, peer, options)| body + &peer + &options)
}

proptest! {
    #[test]
    fn every_source_round_trips(text in text()) {
        printed(&text);
    }

    #[test]
    fn letter_case_does_not_matter(name in name()) {
        let source = |name: &str| format!("/dns/{name}/tcp/1").parse::<Source>().unwrap();
        prop_assert_eq!(source(&name.to_ascii_uppercase()), source(&name.to_ascii_lowercase()));
    }

    #[test]
    fn any_text_is_a_source_or_an_error(
        text in "((/|srv:|[|]|[?]|dns|ip4|ip6|ip6zone|p2p|p2p-circuit|tcp|udp|ws|sni|[a.:ü]|0|1){0,9})|.{0,20}"
    ) {
        if let Ok(source) = text.parse::<Source>() {
            prop_assert_eq!(source.to_string().parse(), Ok(source));
        }
    }
}
