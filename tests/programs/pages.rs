//! What `node --http` tells, and how it bears its clients.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{
    dns_server::Mode,
    http::{self, Site, ask, until},
    process::{PATIENCE, program, run},
    setup::{Dns, Node, SOURCE, closed_port, free_port},
};

#[test]
fn a_node_is_ready_once_it_has_met_somebody_and_says_until_then_why_not() {
    let dns = Dns::start();
    dns.server.set_mode(Mode::ServFail);
    let mut site = Site::start(&dns, &[]);
    let starting = site.until("/readyz", |reply| reply.body.contains("failed"));
    assert_eq!(starting.code, 503, "{starting:?}");
    assert!(starting.body.starts_with("starting\n"), "{starting:?}");
    assert!(starting.body.contains(&format!("waiting for the first answer to {SOURCE}")));

    let dead = closed_port();
    dns.name([dead]);
    dns.server.set_mode(Mode::Answer);
    site.node.process.wait_for(|line| line["status"] == "isolated");
    let isolated = site.get("/readyz");
    assert_eq!(isolated.code, 503, "{isolated:?}");
    assert!(isolated.body.starts_with("isolated\n1 of 1 others"), "{isolated:?}");
    assert!(isolated.body.contains(&format!("/ip4/127.0.0.1/tcp/{dead}: ")), "{isolated:?}");
    let page = site.get("/").body;
    assert!(page.contains("Why it is not ready"), "{page}");

    let other = Node::start(&dns, &[]);
    dns.name([dead, other.port]);
    site.node.process.wait_for(|line| line["status"] == "joined");
    let joined = site.get("/readyz");
    assert_eq!((joined.code, &*joined.body), (200, "joined\n"));
}

#[test]
fn a_node_that_is_alone_is_ready() {
    let dns = Dns::start();
    let mut site = Site::start(&dns, &[]);
    dns.name([site.node.port]);
    site.node.process.wait_for(|line| line["status"] == "alone");
    let reply = site.get("/readyz");
    assert_eq!((reply.code, &*reply.body), (200, "alone\n"));
    let reply = site.get("/livez");
    assert_eq!((reply.code, &*reply.body), (200, "alive\n"));
}

#[test]
fn whom_a_node_knows_is_told_as_json() {
    let dns = Dns::start();
    let (other, dead) = (Node::start(&dns, &[]), closed_port());
    let mut site = Site::start(&dns, &[]);
    dns.name([site.node.port, other.port, dead]);
    site.node.process.wait_for(|line| line["event"] == "unreachable");
    site.node.process.wait_for(|line| line["status"] == "joined");
    let peers = site.peers();
    assert_eq!(peers["status"], "joined", "{peers}");
    assert_eq!((&peers["ready"], &peers["leaving"]), (&json!(true), &json!(false)));
    assert_eq!((&peers["listed"], &peers["peer"]), (&json!(true), &json!(site.node.peer)));
    assert_eq!(peers["sources"], json!([{ "source": SOURCE, "candidates": 3, "trouble": null }]));
    let at = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
    let rows = peers["candidates"].as_array().expect("a list");
    assert_eq!(rows.len(), 3, "{peers}");
    let row = |port| rows.iter().find(|row| row["address"] == at(port)).expect("it is named");
    assert_eq!(row(site.node.port)["state"], "itself");
    assert_eq!(row(dead)["state"], "unreachable");
    assert!(row(dead)["reason"].is_string(), "{peers}");
    assert_eq!(
        (&row(other.port)["state"], &row(other.port)["peer"]),
        (&json!("verified"), &json!(other.peer))
    );
    assert!(rows.iter().zip(1..).all(|(row, rank)| row["rank"] == rank), "{peers}");
    assert_eq!(peers["selected"], json!([at(other.port)]));
    let entry = &peers["verified"][0];
    assert_eq!((&entry["peer"], &entry["address"]), (&json!(other.peer), &json!(at(other.port))));
    assert!(entry["age_ms"].is_u64() && entry["how"].is_string(), "{entry}");
}

#[test]
fn numbers_are_told_to_prometheus() {
    let dns = Dns::start();
    let mut site = Site::start(&dns, &[]);
    dns.name([site.node.port]);
    site.node.process.wait_for(|line| line["status"] == "alone");
    // An event is told before it is counted.
    let alone = "libp2p_dns_discovery_status{status=\"alone\"} 1.0\n";
    let reply = site.until("/metrics", |reply| reply.body.contains(alone));
    assert!(reply.headers.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(reply.body.contains("libp2p_dns_discovery_candidates 1.0\n"), "{}", reply.body);
    assert!(reply.body.contains("libp2p_swarm_"), "{}", reply.body);
    assert!(reply.body.ends_with("# EOF\n"), "{}", reply.body);
}

#[test]
fn what_dns_says_is_escaped() {
    let dns = Dns::start();
    let texts =
        ["dnsaddr=<script>alert(1)</script>", "dnsaddr=/unix/\"><img src=x onerror=alert(1)>"];
    dns.zone.set_txt("_dnsaddr.hostile.test.", texts);
    let site = Site::start(&dns, &["--source", "/dnsaddr/hostile.test."]);
    let shown = |body: &str| {
        body.contains("&lt;script&gt;alert(1)") && body.contains("&quot;&gt;&lt;img src=x")
    };
    let page = site.until("/", |reply| shown(&reply.body)).body;
    assert!(!page.contains("<script>alert(1)") && !page.contains("<img"), "{page}");
    assert!(site.peers().is_object(), "JSON stays JSON");
}

#[test]
fn a_page_may_load_and_do_nothing_but_its_own() {
    let dns = Dns::start();
    let site = Site::start(&dns, &[]);
    for path in ["/", "/peers", "/metrics", "/readyz", "/livez", "/nowhere"] {
        let reply = site.get(path);
        for header in ["cache-control: no-store", "x-content-type-options: nosniff"] {
            assert!(reply.headers.contains(header), "{path}: {}", reply.headers);
        }
        let policy = reply.headers.lines().find(|line| line.starts_with("content-security-policy"));
        let policy = policy.expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"));
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(site.get("/nowhere").code, 404);
    let mut stream = TcpStream::connect(site.address).expect("it listens");
    write!(stream, "POST /peers HTTP/1.0\r\nContent-Length: 0\r\n\r\n").expect("it is sent");
    let mut first = String::new();
    BufReader::new(stream).read_line(&mut first).expect("it is answered");
    assert!(first.contains("405"), "{first}");
}

#[test]
fn a_page_hears_of_changes_and_only_of_these() {
    const DEAD: u8 = 40;
    let dns = Dns::start();
    dns.zone.set_ttl(5);
    dns.name_among_dead([], DEAD);
    let site = Site::start(&dns, &[]);
    site.until("/peers", |reply| reply.body.matches("unreachable").count() >= DEAD.into());
    let mut lines =
        BufReader::new(ask(site.address, "/events?since=old").expect("it listens")).lines();
    let mut next = |wanted: &str| loop {
        let line = lines.next().expect("it goes on").expect("it can be read");
        if let Some(rest) = line.strip_prefix(wanted) {
            return rest.to_owned();
        }
    };
    assert_eq!(next("event: "), "stale", "what the page shows is of another run");

    let other = Node::start(&dns, &[]);
    dns.name_among_dead([other.port], DEAD);
    let key = format!("/ip4/127.0.0.1/tcp/{}", other.port);
    loop {
        let patch = next("data: ");
        let Ok(patch) = serde_json::from_str::<Value>(&patch) else { continue };
        let rows = patch["lists"]["candidates"]["put"].as_array().cloned().unwrap_or_default();
        assert!(rows.len() < usize::from(DEAD) / 2, "{patch}");
        let html = rows.iter().find(|row| row["key"] == key).map(|row| row["html"].to_string());
        if html.is_some_and(|html| html.contains(&other.peer)) {
            break;
        }
    }
}

#[test]
fn connections_and_streams_are_bounded() {
    let dns = Dns::start();
    let site = Site::start(&dns, &[]);
    let streams: Vec<_> = (0..16)
        .map(|_| {
            let mut stream = BufReader::new(ask(site.address, "/events").expect("it listens"));
            let mut first = String::new();
            stream.read_line(&mut first).expect("it is answered");
            assert!(first.contains("200"), "{first}");
            stream
        })
        .collect();
    let full = site.get("/events");
    assert_eq!((full.code, &*full.body), (503, "too many streams\n"));
    assert_eq!(site.get("/livez").code, 200, "others are served beside them");

    // They say nothing, or never all. Nobody else is kept out by that: the oldest goes when a new one comes.
    let silent: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(site.address).expect("it listens");
            // One that is dropped already takes no more.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n");
            stream
        })
        .collect();
    assert_eq!(site.get("/livez").code, 200);
    for mut stream in silent.into_iter().take(200 - 32) {
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        assert!(!matches!(stream.read(&mut [0]), Ok(1..)), "it was dropped without a word");
    }
    for mut stream in streams {
        let mut next = String::new();
        assert!(stream.read_line(&mut next).expect("it is open") > 0, "followers are kept");
    }
}

#[test]
fn a_client_that_reads_nothing_is_dropped() {
    let dns = Dns::start();
    let names = ["many.test.", "more.test."];
    for (i, name) in (1..).zip(names) {
        let addresses = (0..2_000)
            .map(|n: u16| Ipv4Addr::new(127, i, n.to_be_bytes()[0], n.to_be_bytes()[1]).into());
        dns.zone.set_addresses(name, addresses);
    }
    let sources = names.map(|name| format!("/dns4/{name}/tcp/1"));
    let site = Site::start(&dns, &["--source", &sources[0], "--source", &sources[1]]);
    site.until("/peers", |reply| reply.body.matches("\"rank\"").count() == 4_000);
    let mut slow = ask(site.address, "/").expect("it listens");
    // What is written to a connection that the other side has given up fails, sooner or later.
    let dropped = until(|| slow.write_all(b"\r\n").err());
    assert!(dropped.is_some());
    assert_eq!(site.get("/livez").code, 200);
}

#[cfg(unix)]
#[test]
fn a_node_that_leaves_says_so_before_it_is_gone() {
    let dns = Dns::start();
    let mut site = Site::start(&dns, &["--drain", "100000"]);
    dns.name([site.node.port]);
    site.node.process.wait_for(|line| line["status"] == "alone");
    assert_eq!(site.get("/readyz").code, 200);
    site.node.process.signal("TERM");
    let leaving = site.node.process.wait_for(|line| line["event"] == "leaving");
    assert_eq!(leaving["drain"], 100_000.0);
    let reply = site.get("/readyz");
    assert_eq!((reply.code, reply.body.lines().next()), (503, Some("leaving")));
    assert_eq!(site.get("/livez").code, 200, "it is still there for those who come");
    assert_eq!(site.peers()["leaving"], true);
}

#[cfg(unix)]
#[test]
fn a_node_that_has_drained_ends_cleanly() {
    let dns = Dns::start();
    dns.name([closed_port()]);
    let site = Site::start(&dns, &["--drain", "0.5"]);
    site.node.process.signal("TERM");
    let outcome = site.node.process.finish();
    assert_eq!((outcome.code, &*outcome.stderr), (Some(0), ""), "{outcome:?}");
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_a_node_at_once() {
    let dns = Dns::start();
    let mut node = Node::start(&dns, &["--drain", "100000"]);
    node.process.signal("TERM");
    node.process.wait_for(|line| line["event"] == "leaving");
    node.process.signal("INT");
    let outcome = node.process.finish();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("second time"), "{outcome:?}");
}

#[test]
fn a_node_goes_on_where_nobody_reads_what_it_prints() {
    let dns = Dns::start();
    let other = Node::start(&dns, &[]);
    let (address, port) = (dns.address(), free_port());
    let http = format!("127.0.0.1:{port}");
    let mut command = Command::new(program("node"));
    command.args(["--source", SOURCE, "--dns", &address, "--allow-loopback", "--http", &http]);
    command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]).env("RUST_LOG", "trace");
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop((child.stdout.take(), child.stderr.take()));
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let ready =
        |code| until(|| http::get(address, "/readyz").filter(|reply| reply.code == code)).is_some();
    assert!(ready(503), "it runs");
    dns.name([other.port]);
    assert!(ready(200), "and joins");
    let _ = child.kill();
    let _ = child.wait();
}

/// Whatever holds the swarm's task up: here, that nobody takes what it prints out of a full pipe.
#[test]
fn a_node_that_is_stuck_is_not_alive() {
    let dns = Dns::start();
    let port = free_port();
    let (dns_address, http) = (dns.address(), format!("127.0.0.1:{port}"));
    let mut command = Command::new(program("node"));
    command.args(["--source", "/dns4/many.test./tcp/1", "--dns", &dns_address, "--allow-loopback"]);
    command.args(["--listen", "/ip4/127.0.0.1/tcp/0", "--http", &http, "--json"]);
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let alive = |code| until(|| http::get(address, "/livez").filter(|reply| reply.code == code));
    assert!(alive(200).is_some());
    let addresses = (0..2_500_u16)
        .map(|n| Ipv4Addr::new(127, 1, n.to_be_bytes()[0], n.to_be_bytes()[1]).into());
    dns.zone.set_addresses("many.test.", addresses);
    let stuck = alive(503);
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(stuck.expect("it is found out").body, "the swarm's task does not turn\n");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = taken.local_addr().expect("it has an address").to_string();
    let listen = "/ip4/127.0.0.1/tcp/0";
    let outcome = run("node", &["--source", SOURCE, "--listen", listen, "--http", &address]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    outcome.assert_one_sentence(&address);
    outcome.assert_one_sentence("--http");
}

/// Without pages there is nobody whom a drain would serve.
#[cfg(unix)]
#[test]
fn a_node_without_pages_does_not_drain() {
    let dns = Dns::start();
    let node = Node::start(&dns, &[]);
    node.process.signal("TERM");
    let outcome = node.process.finish();
    let leaving = outcome.json.iter().find(|line| line["event"] == "leaving");
    assert_eq!(leaving.expect("it is told")["drain"], 0.0);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
