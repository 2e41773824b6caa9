use super::*;

const A: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
const B: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";

fn check(filter: &Filter, address: &str, named_by_dns: bool) -> Result<(), Rejection> {
    filter.judging(named_by_dns).check(&Candidate::new(&address.parse().unwrap()))
}

fn nets(nets: &[&str]) -> Vec<IpNet> {
    nets.iter().map(|net| net.parse().unwrap()).collect()
}

#[test]
fn the_default_lets_transports_of_libp2p_through() {
    for address in [
        "/ip4/10.0.0.7/tcp/4001".to_owned(),
        format!("/ip4/10.0.0.7/tcp/4001/p2p/{A}"),
        "/ip6/fd00::7/udp/4001/quic-v1".to_owned(),
        "/ip4/10.0.0.7/tcp/80/ws".to_owned(),
        "/ip4/10.0.0.7/tcp/80/x-parity-ws/%2Fa".to_owned(),
        "/ip4/10.0.0.7/tcp/443/wss".to_owned(),
        "/ip4/10.0.0.7/tcp/443/tls/sni/a.example/ws".to_owned(),
        "/ip4/10.0.0.7/udp/1/webrtc-direct".to_owned(),
        "/ip4/10.0.0.7/udp/1/webrtc-direct/certhash/uEiDDq4_xNyDorZBH3TlGazyJdOWSwvo4PUo5YHFMrvDE8g".to_owned(),
        format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p-circuit/p2p/{B}"),
        format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p-circuit/webrtc/p2p/{B}"),
    ] {
        assert_eq!(check(&Filter::default(), &address, true), Ok(()), "{address}");
    }
}

/// The second column: whether an operator may write it.
#[test]
fn what_the_default_refuses() {
    use Rejection as R;
    let relay = |relay: &str| format!("{relay}/p2p/{A}/p2p-circuit/p2p/{B}");
    for (address, rejection, as_static) in [
        ("/ip4/0.0.0.0/tcp/1".to_owned(), R::Unspecified, false),
        ("/ip4/0.1.2.3/tcp/1".to_owned(), R::Unspecified, false),
        ("/ip6/::/tcp/1".to_owned(), R::Unspecified, false),
        ("/ip4/224.0.0.1/udp/1/quic-v1".to_owned(), R::Multicast, false),
        ("/ip6/ff02::1/tcp/1".to_owned(), R::Multicast, false),
        ("/ip6/64:ff9b::224.0.0.1/tcp/1".to_owned(), R::Multicast, false),
        ("/ip4/255.255.255.255/tcp/1".to_owned(), R::Broadcast, false),
        ("/ip4/127.0.0.1/tcp/1".to_owned(), R::Loopback, true),
        ("/ip6/::1/tcp/1".to_owned(), R::Loopback, true),
        ("/ip6/::ffff:127.0.0.1/tcp/1".to_owned(), R::Loopback, true),
        ("/ip6/::127.0.0.1/tcp/1".to_owned(), R::Loopback, true),
        ("/ip4/169.254.169.254/tcp/80".to_owned(), R::LinkLocal, true),
        ("/ip6/::ffff:169.254.169.254/tcp/80".to_owned(), R::LinkLocal, true),
        ("/ip6zone/e/ip6/::ffff:169.254.169.254/tcp/80".to_owned(), R::LinkLocal, true),
        ("/ip6/64:ff9b::169.254.169.254/tcp/80".to_owned(), R::LinkLocal, true),
        ("/ip6/2002:a9fe:a9fe::1/tcp/80".to_owned(), R::LinkLocal, true),
        ("/ip6/fe80::1/tcp/1".to_owned(), R::LinkLocal, true),
        ("/ip6zone/eth0/ip6/fe80::1/tcp/1".to_owned(), R::LinkLocal, true),
        (relay("/ip4/127.0.0.1/tcp/1"), R::Loopback, true),
        ("/memory/1/ip4/169.254.169.254/tcp/80".to_owned(), R::LinkLocal, true),
        ("/memory/7".to_owned(), R::Transport(TransportKind::Memory), true),
        ("/unix/socket".to_owned(), R::Transport(TransportKind::Unix), true),
        (
            format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p-circuit/ws/p2p/{B}"),
            R::Transport(TransportKind::Other),
            true,
        ),
        (relay("/memory/7"), R::Transport(TransportKind::Memory), true),
        ("/ip4/10.0.0.7/udp/1/utp".to_owned(), R::Transport(TransportKind::Other), true),
        ("/ip4/10.0.0.7/udp/1".to_owned(), R::Transport(TransportKind::Other), true),
        ("/ip4/10.0.0.7/tcp/1/http".to_owned(), R::Transport(TransportKind::Other), true),
        ("/ip6zone/e/ip4/10.0.0.7/tcp/1".to_owned(), R::Transport(TransportKind::Other), true),
        (format!("/p2p/{A}"), R::Transport(TransportKind::Other), true),
        ("/ip4/10.0.0.7/tcp/0".to_owned(), R::PortZero, false),
        ("/ip4/10.0.0.7/udp/0/quic-v1".to_owned(), R::PortZero, false),
        ("/memory/0".to_owned(), R::PortZero, false),
        ("/dns/a.example/tcp/1".to_owned(), R::Name, false),
        ("/dnsaddr/a.example".to_owned(), R::Name, false),
        (format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p/{B}"), R::TwoPeers, false),
        (format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p-circuit"), R::IncompleteRelay, false),
        (format!("/ip4/10.0.0.7/tcp/1/p2p-circuit/p2p/{A}"), R::IncompleteRelay, false),
    ] {
        let filter = Filter::default();
        assert_eq!(check(&filter, &address, true), Err(rejection.clone()), "{address}");
        let written = if as_static { Ok(()) } else { Err(rejection) };
        assert_eq!(check(&filter, &address, false), written, "{address}");
    }
}

#[test]
fn what_can_be_allowed() {
    for (filter, address) in [
        (Filter::default().with_loopback(true), "/ip4/127.0.0.1/tcp/1"),
        (Filter::default().with_link_local(true), "/ip6/fe80::1/tcp/1"),
        (Filter::default().with_memory(true), "/memory/7"),
        (
            Filter::default().with_transports([TransportKind::WebTransport]),
            "/ip4/10.0.0.7/udp/1/quic-v1/webtransport",
        ),
        (Filter::default().with_transports([TransportKind::Unix]), "/unix/socket"),
        (Filter::default().with_transports([TransportKind::Other]), "/ip4/10.0.0.7/udp/1/utp"),
    ] {
        assert!(check(&Filter::default(), address, true).is_err(), "{address}");
        assert_eq!(check(&filter, address, true), Ok(()), "{address}");
    }
    let all = Filter::default().with_loopback(true).with_link_local(true);
    assert_eq!(check(&all, "/ip4/0.0.0.0/tcp/1", true), Err(Rejection::Unspecified));
    assert_eq!(
        check(&all.with_memory(true).with_memory(false), "/memory/7", true),
        Err(Rejection::Transport(TransportKind::Memory)),
    );
    let only = Filter::default().with_transports([TransportKind::QuicV1]);
    assert_eq!(
        check(&only, "/ip4/10.0.0.7/tcp/1", true),
        Err(Rejection::Transport(TransportKind::Tcp)),
    );
    let no_relay = Filter::default().with_transports([TransportKind::Tcp]);
    assert_eq!(
        check(&no_relay, &format!("/ip4/10.0.0.7/tcp/1/p2p/{A}/p2p-circuit/p2p/{B}"), true),
        Err(Rejection::Transport(TransportKind::Relayed)),
    );
}

#[test]
fn networks() {
    let filter = Filter::default()
        .with_allowed_networks(nets(&[
            "10.0.0.0/8",
            "fd00::/8",
            "::ffff:192.168.0.0/112",
            "64:ff9b::/96",
        ]))
        .with_denied_networks(nets(&["10.1.0.0/16", "fd00:ec2::254/128"]));
    let denied = |net: &str| Err(Rejection::DeniedNetwork(net.parse().unwrap()));
    for (address, outcome) in [
        ("/ip4/10.0.0.7/tcp/1", Ok(())),
        ("/ip6/::ffff:10.0.0.7/tcp/1", Ok(())),
        ("/ip6/fd00::7/tcp/1", Ok(())),
        ("/ip4/192.168.1.1/tcp/1", Ok(())),
        ("/ip6/64:ff9b::8.8.8.8/tcp/1", Ok(())),
        ("/ip4/10.1.0.7/tcp/1", denied("10.1.0.0/16")),
        ("/ip6/64:ff9b::10.1.0.7/tcp/1", denied("10.1.0.0/16")),
        ("/ip6/fd00:ec2::254/tcp/1", denied("fd00:ec2::254/128")),
        ("/ip4/11.0.0.1/tcp/1", Err(Rejection::NotInAllowedNetworks)),
        ("/ip6/::10.0.0.7/tcp/1", Err(Rejection::NotInAllowedNetworks)),
        ("/ip6/2001:db8::1/tcp/1", Err(Rejection::NotInAllowedNetworks)),
    ] {
        for named_by_dns in [true, false] {
            assert_eq!(check(&filter, address, named_by_dns), outcome, "{address}");
        }
    }
    let none = Filter::default().with_allowed_networks([]).with_memory(true);
    assert_eq!(check(&none, "/ip4/10.0.0.7/tcp/1", true), Err(Rejection::NotInAllowedNetworks));
    assert_eq!(check(&none, "/memory/7", true), Ok(()));
}
