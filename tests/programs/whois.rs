//! `whois`.

use std::{
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    dns_server::Mode,
    process::{PATIENCE, Process, run},
    setup::{Dns, Node, SOURCE, closed_port},
};

#[test]
fn names_three_nodes_in_order() {
    let dns = Dns::start();
    let mut nodes: Vec<Node> = (0..3).map(|_| Node::start(&dns, &[])).collect();
    nodes.sort_by_key(|node| node.port);
    dns.name(nodes.iter().map(|node| node.port));

    let address = dns.address();
    let args = ["--dns", &address, "--allow-loopback", "--json", SOURCE];
    let whois = run("whois", &args);
    assert_eq!(whois.code, Some(0), "{whois:?}");
    assert_eq!(whois.json.len(), nodes.len(), "{whois:?}");
    for ((i, row), node) in whois.json.iter().enumerate().zip(&nodes) {
        assert_eq!(row["rank"], i + 1);
        assert_eq!(row["address"], format!("/ip4/127.0.0.1/tcp/{}", node.port));
        assert_eq!(row["pinned"], Value::Null);
        assert_eq!(row["state"], "verified");
        assert_eq!(row["peer"], node.peer);
        assert!(row["rtt_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{row}");
        assert_eq!(row["reason"], Value::Null);
    }

    let people = run("whois", &args.map(|arg| if arg == "--json" { SOURCE } else { arg }));
    assert_eq!(people.code, Some(0), "{people:?}");
    let found: Vec<_> = nodes.iter().map(|n| people.stdout.find(&n.peer)).collect();
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{people:?}");
}

#[test]
fn tells_a_wrong_pin_from_a_right_one() {
    let dns = Dns::start();
    let (one, other) = (Node::start(&dns, &[]), Node::start(&dns, &[]));
    let address = |node: &Node, peer: &str| format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", node.port);
    let right = address(&one, &one.peer);
    let wrong = address(&other, &one.peer);
    dns.zone.set_dnsaddr("peers.test.", [right, wrong]);

    let address = dns.address();
    let args = ["--dns", &address, "--allow-loopback", "--json", "/dnsaddr/peers.test."];
    let whois = run("whois", &args);
    assert_eq!(whois.code, Some(0), "{whois:?}");
    let row = |state: &str| whois.json.iter().find(|row| row["state"] == state);
    let (verified, mismatch) = (row("verified"), row("mismatch"));
    assert!(verified.is_some_and(|row| row["peer"] == one.peer), "{whois:?}");
    assert!(mismatch.is_some_and(|row| row["peer"] == other.peer), "{whois:?}");
    assert!(whois.json.iter().all(|row| row["pinned"] == one.peer), "{whois:?}");
}

#[test]
fn speaks_every_transport() {
    let dns = Dns::start();
    let more = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws"];
    let mut node = Node::start(&dns, &["--listen", more[0], "--listen", more[1]]);
    let mut address = |end: &str| {
        let ends = |line: &Value| line["address"].as_str().is_some_and(|a| a.ends_with(end));
        let listening = |line: &Value| line["event"] == "listening" && ends(line);
        let address = node.process.wait_for(listening)["address"].clone();
        address.as_str().expect("a text").to_owned()
    };
    let (quic, websocket) = (address("/quic-v1"), address("/ws"));
    let tcp = format!("/ip4/127.0.0.1/tcp/{}", node.port);
    let whois = run("whois", &["--json", &quic, &websocket, &tcp]);
    assert_eq!(whois.code, Some(0), "{whois:?}");
    assert_eq!(whois.json.len(), 3, "{whois:?}");
    assert!(whois.json.iter().all(|row| row["peer"] == node.peer), "{whois:?}");
}

/// libp2p's protobuf encoding of a private key of a kind.
fn private_key(kind: u8, data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).expect("a short key");
    let len = match u8::try_from(len) {
        Ok(len @ 0..=127) => vec![len],
        _ => vec![len.to_le_bytes()[0] | 0x80, u8::try_from(len >> 7).expect("a short key")],
    };
    [&[0x08, kind, 0x12][..], &len, data].concat()
}

/// Fails without the features `ecdsa`, `rsa` and `secp256k1` of libp2p: the handshake does, and nobody can have such a
/// key.
#[test]
fn verifies_peers_of_every_kind_of_key() {
    const RSA: &[u8] = include_bytes!("rsa-key.der");
    let secret = [7; 32];
    // SEC 1, on the curve P-256.
    let (head, curve) =
        (*b"\x30\x31\x02\x01\x01\x04\x20", *b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    let ecdsa = [&head[..], &secret, &curve].concat();
    let dns = Dns::start();
    let dir = tempfile::tempdir().expect("a directory can be made");
    for (kind, data, id) in [(0, RSA, "Qm"), (2, &secret[..], "16Uiu2HA"), (3, &ecdsa[..], "Qm")] {
        let path = dir.path().join(kind.to_string());
        std::fs::write(&path, private_key(kind, data)).expect("it can be written");
        let key = path.to_str().expect("the path is UTF-8");
        dns.name([]);
        let node = Node::start(&dns, &["--key", key]);
        assert!(node.peer.starts_with(id), "{kind}: {}", node.peer);
        let whois = run("whois", &["--json", &format!("/ip4/127.0.0.1/tcp/{}", node.port)]);
        assert_eq!(whois.code, Some(0), "{whois:?}");
        assert_eq!(whois.json[0]["peer"], node.peer, "{whois:?}");
        dns.name([node.port]);
        let mut other = Node::start(&dns, &[]);
        other.process.wait_for(|line| line["event"] == "verified" && line["peer"] == node.peer);
    }
}

#[test]
fn exits_with_1_if_nobody_is_verified() {
    let dns = Dns::start();
    dns.name([closed_port()]);
    let address = dns.address();
    let dead = run("whois", &["--dns", &address, "--allow-loopback", "--json", SOURCE]);
    assert_eq!(dead.code, Some(1), "{dead:?}");
    assert_eq!(dead.json[0]["state"], "unreachable");
    assert!(dead.json[0]["reason"].is_string(), "{dead:?}");

    let rejected = run("whois", &["--dns", &address, "--json", SOURCE]);
    assert_eq!(rejected.code, Some(1), "{rejected:?}");
    assert_eq!(rejected.json[0]["state"], "rejected");
    assert_eq!(rejected.json[0]["rank"], 1);
    assert!(rejected.json[0]["reason"].is_string(), "{rejected:?}");
}

/// DNS that comes late takes nothing from the time that a dial has.
#[test]
fn gives_who_is_named_late_its_time() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let dns = Dns::start();
    dns.name([silent.local_addr().expect("it has an address").port()]);
    dns.server.set_mode(Mode::Silent);
    let (address, time) = (dns.address(), Duration::from_secs(12));
    let args = ["--dns", &address, "--allow-loopback", "--timeout", "12", "--json", SOURCE];
    let started = Instant::now();
    let whois = Process::start("whois", &args, &[]);
    while dns.server.queries() < 2 {
        assert!(started.elapsed() < PATIENCE, "it never asks again");
        thread::park_timeout(Duration::from_millis(10));
    }
    dns.server.set_mode(Mode::Answer);
    let whois = whois.finish();
    let row = whois.json.first().expect("DNS has answered in time");
    let reason = row["reason"].as_str().expect("nobody answers there");
    // Or all the time was over.
    assert!(!reason.starts_with("not tried") || started.elapsed() >= time, "{whois:?}");
}

#[test]
fn exits_with_3_if_nothing_is_resolved() {
    let dns = Dns::start();
    let address = dns.address();
    let nothing = run("whois", &["--dns", &address, "--json", SOURCE]);
    assert_eq!(nothing.code, Some(3), "{nothing:?}");
    assert_eq!(nothing.stdout, "");
    nothing.assert_one_sentence("NXDOMAIN");

    dns.server.set_mode(Mode::Silent);
    let silent = run("whois", &["--dns", &address, "--timeout", "1", "--json", SOURCE]);
    assert_eq!(silent.code, Some(3), "{silent:?}");
    silent.assert_one_sentence(SOURCE);
}
