//! Each symptom of OPERATIONS.md, made on purpose, and what an operator finds then.

use std::net::{TcpListener, UdpSocket};

use crate::{
    http::Site,
    setup::{Dns, Node, SOURCE, closed_port},
};

const PREFIX: &str = "libp2p_dns_discovery_";

/// A number of a node; `None` if it is not told.
fn number(site: &Site, name: &str) -> Option<f64> {
    let text = site.get("/metrics").body;
    let line = format!("{PREFIX}{name} ");
    let value = text.lines().find_map(|other| other.strip_prefix(&line))?;
    Some(value.parse().expect("a number"))
}

/// Waits until the node says why it is not ready.
fn not_ready(site: &Site, why: &str) -> String {
    site.until("/readyz", |reply| reply.code == 503 && reply.body.contains(why)).body
}

fn until_number(site: &Site, name: &str, wanted: impl Fn(f64) -> bool) {
    site.until("/metrics", |_| number(site, name).is_some_and(&wanted));
}

fn is(site: &Site, status: &str) -> bool {
    number(site, &format!(r#"status{{status="{status}"}}"#)) == Some(1.0)
}

/// A node with these arguments, and pages.
fn bare(args: &[&str]) -> Site {
    Site::bare(&[args, &["--json", "--http", "127.0.0.1:0"]].concat())
}

#[test]
fn a_dead_name_server() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let server = silent.local_addr().expect("an address").to_string();
    let site = bare(&["--source", SOURCE, "--dns", &server, "--listen", "/ip4/127.0.0.1/tcp/0"]);
    let why = not_ready(&site, "no name server answered in time");
    assert!(why.contains(&format!("waiting for the first answer to {SOURCE}")), "{why}");
    until_number(&site, r#"lookups_total{outcome="timed_out"}"#, |n| n > 0.0);
    assert!(is(&site, "starting") && number(&site, "answer_age_seconds").is_none());
}

#[test]
fn a_wrong_port() {
    let dns = Dns::start();
    let wrong = closed_port();
    dns.name([wrong]);
    let site = Site::start(&dns, &[]);
    let why = not_ready(&site, "Connection refused");
    assert!(why.contains(&format!("/ip4/127.0.0.1/tcp/{wrong}")), "{why}");
    until_number(&site, r#"dials_total{purpose="place",outcome="closed"}"#, |n| n > 0.0);
    until_number(&site, r#"status{status="isolated"}"#, |n| n == 1.0);
}

/// It accepts, by the kernel's backlog, and never says a word: what a network that drops packets looks like.
#[test]
fn a_partition() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let dns = Dns::start();
    dns.name([silent.local_addr().expect("an address").port()]);
    let site = Site::start(&dns, &[]);
    not_ready(&site, "no answer in time");
    until_number(&site, r#"dials_total{purpose="place",outcome="timed_out"}"#, |n| n > 0.0);
}

#[test]
fn a_filter_that_is_too_strict() {
    let dns = Dns::start();
    dns.name([closed_port()]);
    let server = dns.address();
    let site = bare(&["--source", SOURCE, "--dns", &server, "--listen", "/ip4/127.0.0.1/tcp/0"]);
    not_ready(&site, "allow it with `--allow-loopback`");
    until_number(&site, r#"events_total{event="rejected"}"#, |n| n > 0.0);
}

/// Others run, and the zone that this node is told of does not name them.
#[test]
fn a_zone_that_names_one_node_only() {
    let (dns, elsewhere) = (Dns::start(), Dns::start());
    elsewhere.name([]);
    let others = [Site::start(&elsewhere, &[]), Site::start(&elsewhere, &[])];
    elsewhere.name(others.each_ref().map(|site| site.node.port));
    others.iter().for_each(|site| until_number(site, "verified", |n| n == 1.0));
    dns.name([]);
    let lone = Site::start(&dns, &[]);
    dns.name([lone.node.port]);
    lone.until("/readyz", |reply| reply.code == 200);
    until_number(&lone, "listed", |n| n == 1.0);
    assert_eq!((number(&lone, "candidates"), is(&lone, "alone")), (Some(1.0), true));
}

/// Forty addresses that refuse, and one that lives.
#[test]
fn too_many_dials() {
    let dns = Dns::start();
    let other = Node::start(&dns, &[]);
    dns.name((0..40).map(|_| closed_port()).chain([other.port]));
    let site = Site::start(&dns, &[]);
    site.until("/readyz", |reply| reply.code == 200);
    until_number(&site, r#"dials_total{purpose="place",outcome="closed"}"#, |n| n >= 10.0);
    let unreachable = site.peers()["candidates"].to_string().matches("unreachable").count();
    assert!(unreachable >= 10, "the page says which: {unreachable}");
}

/// The TTL says how often a node asks.
#[test]
fn load_on_dns() {
    let [short, long] = [5, 300].map(|ttl| {
        let dns = Dns::start();
        dns.zone.set_ttl(ttl);
        dns.name([]);
        let other = Node::start(&dns, &[]);
        dns.name([other.port]);
        (Site::start(&dns, &[]), other, dns)
    });
    for (site, ..) in [&short, &long] {
        site.until("/readyz", |reply| reply.code == 200);
    }
    let answers =
        |site: &Site| number(site, r#"lookups_total{outcome="answer"}"#).expect("a number");
    short.0.until("/metrics", |_| answers(&short.0) > answers(&long.0) + 2.0);
}

/// Two sides that are told of different nodes, until one is told to both.
#[test]
fn two_clusters_instead_of_one() {
    let views = [Dns::start(), Dns::start()];
    let sides = views.each_ref().map(|dns| [Site::start(dns, &[]), Site::start(dns, &[])]);
    let ports = sides.each_ref().map(|side| side.each_ref().map(|site| site.node.port));
    for (dns, ports) in views.iter().zip(ports) {
        dns.name(ports);
    }
    let all = || sides.iter().flatten();
    all().for_each(|site| until_number(site, "verified", |n| n == 1.0));
    let named = |site: &Site| {
        let peers = site.peers();
        let candidates = peers["candidates"].as_array().expect("a list");
        let address = |c: &serde_json::Value| c["address"].as_str().expect("a text").to_owned();
        candidates.iter().map(address).collect::<Vec<_>>()
    };
    assert_eq!(named(&sides[0][0]), named(&sides[0][1]));
    assert_ne!(named(&sides[0][0]), named(&sides[1][0]), "what an operator looks for");
    views[1].name([ports[0][0], ports[1][0], ports[1][1]]);
    until_number(&sides[1][0], "verified", |n| n == 2.0);
}

#[test]
fn one_key_for_all() {
    let dns = Dns::start();
    let dir = tempfile::tempdir().expect("a directory can be made");
    let key = dir.path().join("key");
    let key = key.to_str().expect("the path is UTF-8");
    let first = Node::start(&dns, &["--key", key]);
    let site = Site::start(&dns, &["--key", key]);
    dns.name([first.port]);
    not_ready(&site, "another node holds our key");
    until_number(&site, r#"events_total{event="same_key"}"#, |n| n > 0.0);
}

/// DNS fails once all is well: what was known is kept, and grows old.
#[test]
fn peers_that_are_kept_while_dns_fails() {
    let dns = Dns::start();
    dns.name([closed_port()]);
    let other = Node::start(&dns, &[]);
    dns.name([other.port]);
    let site = Site::start(&dns, &[]);
    site.until("/readyz", |reply| reply.code == 200);
    let age = format!(r#"answer_age_seconds{{source="{SOURCE}"}}"#);
    dns.server.set_mode(crate::dns_server::Mode::ServFail);
    until_number(&site, &age, |seconds| seconds > 8.0);
    assert_eq!((number(&site, "verified"), is(&site, "joined")), (Some(1.0), true));
    until_number(&site, r#"lookups_total{outcome="server_failure"}"#, |n| n > 0.0);
}

#[test]
fn wrong_peer_ids_in_logs() {
    let dns = Dns::start();
    dns.name([]);
    let other = Node::start(&dns, &[]);
    dns.name([other.port]);
    let site = Site::start(&dns, &["--identify", "probe"]);
    site.until("/readyz", |reply| reply.code == 200);
    until_number(&site, r#"dials_total{purpose="place",outcome="identified"}"#, |n| n > 0.0);
}
