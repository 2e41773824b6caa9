use super::*;

/// Of a raw block: no peer id.
const RAW_CID: &str = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq";

/// Fails if each prefix is read within the one before: the stack overflows.
#[test]
fn a_text_of_nothing_but_prefixes_is_an_error() {
    assert!("a+".repeat(200_000).parse::<Source>().is_err());
}

/// What is wrong, where, and what would be right.
#[test]
fn errors_tell_what_to_write() {
    let long = "a".repeat(64);
    let longer = ["a".repeat(63).as_str(); 4].join(".");
    let dnsaddr_longer = format!("{}.{}", ["a".repeat(63).as_str(); 3].join("."), "a".repeat(55));
    for (text, parts) in [
        ("", &["empty", "`/dns/peers.example/tcp/4001`"][..]),
        ("?sampled", &["empty"]),
        ("/dns/a /tcp/1", &["whitespace", "byte 6"]),
        ("/dns/a/tcp/1\n", &["whitespace", "byte 12"]),
        ("https://a.example/x", &["`https://`", "URL", "/tcp/443/tls/ws"]),
        ("a.example:4001", &["`a.example:4001`", "transport", "`/dns/a.example/tcp/4001`"]),
        ("10.0.0.7:4001", &["`/ip4/10.0.0.7/tcp/4001`"]),
        (
            &format!("a.example:4001/p2p/{A}"),
            &["transport", &format!("`/dns/a.example/tcp/4001/p2p/{A}`")],
        ),
        ("a.example:4001/ws", &["`/dns/a.example/tcp/4001/ws`"]),
        ("a.example:4001/x", &["`a.example:4001/x`", "write `/dns/a.example/tcp/4001`"]),
        ("a.example:4001?secure", &["`/dns/a.example/tcp/4001?secure`"]),
        ("a.example?pinned&secure", &["`/dns/a.example/tcp/4001?pinned&secure`"]),
        ("/dns/a?sampled", &["`/dns/a/tcp/4001?sampled`"]),
        ("[fd00::7]:4001", &["`/ip6/fd00::7/tcp/4001`"]),
        ("a.example", &["bare host", "`/dns/a.example/tcp/4001`"]),
        ("10.0.0.7", &["bare host", "`/ip4/10.0.0.7/tcp/4001`"]),
        ("fd00::7", &["bare host", "`/ip6/fd00::7/tcp/4001`"]),
        ("_p2p._tcp.a.example", &["bare host", "`srv:_p2p._tcp.a.example`"]),
        ("dns:a.example", &["unknown scheme `dns:`", "byte 0", "`srv:"]),
        ("a.example:99999", &["bad port in `:99999` at byte 9", "1 to 65535"]),
        ("/dns/10.0.0.7/tcp/1", &["bad name `10.0.0.7` at byte 5", "`/ip4/10.0.0.7/tcp/4001`"]),
        ("dns/a.example/tcp/1", &["starts with `/`", "`/dns/a.example/tcp/1`"]),
        ("a.example:0", &["bad port in `:0` at byte 9", "1 to 65535"]),
        ("10.0.0.7:0", &["bad port in `:0` at byte 8"]),
        (
            "bücher.example",
            &["bad name `bücher.example` at byte 0", "`ü`", "`xn--bcher-kva.example`"],
        ),
        (
            "müller.example:4001",
            &["bad name `müller.example` at byte 0", "`xn--mller-kva.example`"],
        ),
        ("/dns/müller.example/tcp/1", &["at byte 5", "`xn--mller-kva.example`"]),
        ("srv:_p2p._tcp.müller.example", &["at byte 4", "`_p2p._tcp.xn--mller-kva.example`"]),
        ("/dns/a\u{2260}b/tcp/1", &["at byte 5", "Punycode"]),
        ("a_*.example:4001", &["bad name `a_*.example` at byte 0", "`*`"]),
        ("dns+a.example:4001", &["`dns+` at byte 0", "`/dns/a.example/tcp/4001`"]),
        ("dns+a.example", &["`dns+` at byte 0", "`/dns/a.example/tcp/4001`"]),
        ("dnssrv+_p2p._tcp.a.example", &["`dnssrv+` at byte 0", "`srv:_p2p._tcp.a.example`"]),
        ("dnssrvnoa+_p2p._tcp.a:1", &["`dnssrvnoa+` at byte 0", "`srv:_p2p._tcp.a`"]),
        ("dns+a*:4001", &["`dns+` at byte 0", "bad name `a*` at byte 4"]),
        ("[fe80::1%eth0]:4001", &["`/ip6zone/eth0/ip6/fe80::1/tcp/4001`"]),
        ("fe80::1%eth0", &["bare host", "`/ip6zone/eth0/ip6/fe80::1/tcp/4001`"]),
        ("[fe80::zz]:4001", &["`[fe80::zz]` at byte 0", "IPv6", "`/ip6/fd00::7/tcp/4001`"]),
        ("[fe80::zz]", &["`[fe80::zz]` at byte 0", "IPv6"]),
        ("[10.0.0.7]:4001", &["`[10.0.0.7]` at byte 0", "IPv6"]),
        ("/", &["empty", "`/dns/peers.example/tcp/4001`"]),
        ("/dns/a/tcp/1//", &["`/` at byte 12", "doubled"]),
        ("/dns/a//tcp/1", &["`/` at byte 6", "doubled"]),
        ("/dns/a/tpc/1", &["`/tpc` at byte 6", "no such protocol"]),
        ("/ip4/10.0.0/tcp/1", &["`/ip4/10.0.0` at byte 0", "IPv4"]),
        ("/ip6/10.0.0.7/tcp/1", &["`/ip6/10.0.0.7` at byte 0", "IPv6"]),
        ("/ip4", &["`/ip4` at byte 0", "value is missing"]),
        ("/dns", &["`/dns` at byte 0", "value is missing"]),
        ("/dns//tcp/1", &["bad name `` at byte 5", "empty"]),
        ("/dns/./tcp/1", &["bad name `.` at byte 5", "empty"]),
        ("/dns/a..b/tcp/1", &["bad name `a..b` at byte 5", "empty label"]),
        ("/dns/-a/tcp/1", &["bad name `-a` at byte 5", "starts with `-`"]),
        ("/dns/a*b/tcp/1", &["bad name `a*b` at byte 5", "`*`"]),
        (&format!("/dns/{long}/tcp/1"), &["byte 5", "longer than 63"]),
        (&format!("/dns/{longer}/tcp/1"), &["byte 5", "longer than 255"]),
        (&format!("/dnsaddr/{dnsaddr_longer}"), &["byte 9", "_dnsaddr.", "255"]),
        ("/dns/a/tcp/1/tls/sni/b!/ws", &["bad name `b!` at byte 21"]),
        ("srv:", &["bad name `` at byte 4"]),
        ("srv:a b", &["whitespace", "byte 5"]),
        ("srv:a:4001", &["bad name `a:4001` at byte 4", "`:`"]),
        ("/dns/a", &["no transport after `/dns/a` at byte 6", "`/dns/a/tcp/4001`"]),
        ("/dns/a/tls/ws", &["no transport after `/dns/a` at byte 6"]),
        (&format!("/dns/a/p2p/{A}"), &["no transport after `/dns/a` at byte 6"]),
        ("/ip4/10.0.0.7", &["no transport after `/ip4/10.0.0.7`", "`/ip4/10.0.0.7/tcp/4001`"]),
        ("/dns/a/udp/4001", &["after `/dns/a/udp/4001` at byte 15", "`/dns/a/udp/4001/quic-v1`"]),
        (
            &format!("/dns/a/udp/1/p2p/{A}/p2p-circuit/p2p/{B}"),
            &["after `/dns/a/udp/1` at byte 12", "`/dns/a/udp/1/quic-v1`"],
        ),
        ("srv:a/udp/0", &["after `srv:a/udp/0` at byte 11", "`srv:a/udp/0/quic-v1`"]),
        ("srv:peers.example", &["byte 17", "`_tcp`", "`srv:peers.example/tcp/0`"]),
        (&format!("srv:a/p2p/{A}"), &["byte 5", "`srv:a/tcp/0`"]),
        ("/dns/a/tcp/0", &["bad port in `/tcp/0` at byte 6", "1 to 65535"]),
        ("/dns/a/tcp/65536", &["bad port in `/tcp/65536` at byte 6", "1 to 65535"]),
        ("/dns/a/tcp/http", &["bad port in `/tcp/http` at byte 6"]),
        ("/dns/a/tcp", &["bad port in `/tcp` at byte 6"]),
        ("/dns/a/udp/1/quic-v1|/tcp/0", &["bad port in `/tcp/0` at byte 21"]),
        ("srv:_p2p._tcp.a/tcp/65536", &["bad port in `/tcp/65536` at byte 15"]),
        ("/memory/0", &["bad port in `/memory/0` at byte 0"]),
        ("/dns/a/tcp/1/dns/b/tcp/2", &["second DNS component `/dns/b` at byte 12"]),
        ("/ip4/10.0.0.7/dns/b", &["second DNS component `/dns/b` at byte 13"]),
        ("/dnsaddr/a/dnsaddr/b", &["second DNS component `/dnsaddr/b` at byte 10"]),
        ("srv:_tcp.a/dns4/b", &["second DNS component `/dns4/b` at byte 10"]),
        ("/dns/a/tcp/1/tcp/2", &["`/tcp/2` at byte 12", "only one address and one port"]),
        ("/dns/a/tcp/1/ip4/10.0.0.7", &["`/ip4/10.0.0.7` at byte 12"]),
        ("/dnsaddr/a|/tcp/1", &["`/tcp/1` at byte 11", "a source for each"]),
        ("/dnsaddr/a/tcp/0", &["bad port in `/tcp/0` at byte 10"]),
        ("/dnsaddr/a/udp/1", &["no transport after `/dnsaddr/a/udp/1`", "/udp/1/quic-v1"]),
        ("/dnsaddr/a/tcp/1/tcp/2", &["`/tcp/2` at byte 16", "only one address and one port"]),
        (&format!("/dnsaddr/a/p2p/{A}/p2p-circuit"), &["`/p2p-circuit`", "peer's id is missing"]),
        ("/dns/a/tcp/1/quic-v1", &["`/tcp/1` at byte 6", "`/quic-v1` goes over `/udp`"]),
        ("/dns/a/udp/1/ws", &["`/udp/1` at byte 6", "`/ws` goes over `/tcp`"]),
        ("/dns/a/tcp/1|tcp/2", &["`tcp/2` at byte 13", "starts with `/`"]),
        ("/dns/a/tcp/1|", &["no transport after `/dns/a` at byte 13"]),
        ("/ip4/10.0.0.7/tcp/1|/tcp/2", &["`/tcp/2` at byte 20", "a source each"]),
        ("/tcp/4001", &["`/tcp/4001` at byte 0", "starts with `/dns`"]),
        ("/ip6zone/eth0/tcp/1", &["`/ip6zone/eth0` at byte 0", "`/ip6zone/eth0/ip6/fe80::1`"]),
        ("/memory/7/tcp/1", &["`/tcp/1` at byte 9", "no transport"]),
        ("/dns/a/tcp/1/p2p/Qm", &["bad peer id in `/p2p/Qm` at byte 12", "`/p2p/Qm…`"]),
        (&format!("/dns/a/tcp/1/p2p/{RAW_CID}"), &["bad peer id in `/p2p/bafk", "at byte 12"]),
        ("/dns/a/tcp/1/p2p/", &["bad peer id in `/p2p/` at byte 12", "missing"]),
        (&format!("/dns/a/tcp/1/p2p/{A}/ws"), &["`/ws` at byte", "`/p2p-circuit`"]),
        (&format!("/dns/a/tcp/1/p2p/{A}/p2p/{B}"), &["nothing but `/p2p-circuit`"]),
        ("/dns/a/tcp/1/p2p-circuit", &["`/p2p-circuit` at byte 12", "relay's id is missing"]),
        (&format!("/dns/a/tcp/1/p2p/{A}/p2p-circuit"), &["`/p2p-circuit`", "peer's id is missing"]),
        (&format!("/ip4/1.2.3.4/tcp/1/p2p/{A}/p2p-circuit"), &["peer's id is missing"]),
        (
            &format!("/dns/a/tcp/1/p2p/{A}|/tcp/2/p2p/{B}"),
            &["second peer id in `/tcp/2/p2p/", "at byte 70", "once, at the end"],
        ),
        ("/dns/a/tcp/1?sample", &["unknown option `sample` at byte 13", "`?sampled`"]),
        ("/dns/a/tcp/1?", &["unknown option `` at byte 13"]),
        ("/dns/a/tcp/1?sampled&x", &["unknown option `x` at byte 21"]),
    ] {
        let error = match text.parse::<Source>() {
            Ok(source) => panic!("{text} is {source}"),
            Err(error) => error.to_string(),
        };
        for part in parts {
            assert!(error.contains(part), "{text}: {error}\nlacks: {part}");
        }
    }
}
