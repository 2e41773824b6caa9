//! The program `node`: nodes that share nothing but a zone and a key.

use std::net::SocketAddr;

use data_encoding::BASE64;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    process::{Outcome, Process, run},
    real::{NameServer, installed},
    twin::Twin,
    world::{KEY, SECRET, ZONE, set, texts},
};

/// A file with the key.
struct KeyFile {
    path: String,
    _dir: TempDir,
}

impl KeyFile {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let path = dir.path().join("key");
        std::fs::write(&path, text).expect("it can be written");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;

            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, mode).expect("it is ours");
        }
        Self { path: path.to_str().expect("it is UTF-8").to_owned(), _dir: dir }
    }

    fn good() -> Self {
        Self::new(&format!("hmac-sha256:{KEY}:{}\n", BASE64.encode(SECRET)))
    }
}

/// A node that looks for others where it publishes.
fn start(server: SocketAddr, key: &KeyFile) -> Process {
    let (server, source) = (server.to_string(), format!("/dnsaddr/{ZONE}"));
    let mut args = vec!["--source", &source, "--dns", &server, "--json", "--allow-loopback"];
    args.extend(["--listen", "/ip4/127.0.0.1/tcp/0", "--publish", ZONE, "--publish-zone", ZONE]);
    args.extend(["--publish-server", &server, "--publish-key", &key.path]);
    Process::start("node", &args, &[])
}

/// The address with the id that a node has published.
fn published(node: &mut Process) -> (String, String) {
    let listening = node.wait_for(|line| line["event"] == "listening");
    let published = node.wait_for(|line| line["event"] == "published");
    let (address, peer) = (text(&listening["address"]), text(&listening["peer"]));
    let pinned = format!("{address}/p2p/{peer}");
    assert_eq!(published["addresses"], serde_json::json!([pinned]));
    (pinned, peer)
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn end(node: Process) -> Outcome {
    node.signal("TERM");
    node.finish()
}

fn assert_nodes_find_each_other(server: SocketAddr, runtime: &Runtime) {
    let key = KeyFile::good();
    let (mut first, mut second) = (start(server, &key), start(server, &key));
    let (one, other) = (published(&mut first), published(&mut second));
    for (node, (pinned, peer)) in [(&mut first, &other), (&mut second, &one)] {
        node.wait_for(|line| {
            let candidates = line["candidates"].as_array();
            candidates.is_some_and(|all| all.iter().any(|candidate| candidate == pinned))
        });
        node.wait_for(|line| line["event"] == "verified" && line["peer"] == **peer);
        node.wait_for(|line| line["event"] == "status" && line["status"] == "joined");
    }
    let entries = [&one, &other].map(|(pinned, _)| format!("dnsaddr={pinned}"));
    let [one, other] = &entries;
    assert_eq!(runtime.block_on(texts(server)), set([one, other]));
    let outcome = end(second);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    // At its start, the zone named nobody, and it said so.
    assert!(!outcome.stderr.contains("withdrawn"), "{}", outcome.stderr);
    assert_eq!(outcome.json.iter().filter(|line| line["event"] == "withdrawn").count(), 1);
    assert_eq!(runtime.block_on(texts(server)), set([one]));
    assert_eq!(end(first).code, Some(0));
    assert_eq!(runtime.block_on(texts(server)), set([]));
}

#[cfg(unix)]
#[test]
fn nodes_find_each_other_by_a_zone_and_a_key_at_the_twin() {
    let runtime = Runtime::new().expect("a runtime starts");
    let twin = runtime.block_on(Twin::start());
    assert_nodes_find_each_other(twin.address, &runtime);
}

#[cfg(unix)]
#[test]
fn nodes_find_each_other_by_a_zone_and_a_key_at_real_servers() {
    let runtime = Runtime::new().expect("a runtime starts");
    for kind in installed() {
        let server = NameServer::start(kind);
        assert_nodes_find_each_other(server.address, &runtime);
    }
}

#[cfg(unix)]
#[test]
fn a_node_ends_in_time_although_the_name_server_is_gone() {
    let runtime = Runtime::new().expect("a runtime starts");
    let twin = runtime.block_on(Twin::start());
    let key = KeyFile::good();
    let mut node = start(twin.address, &key);
    published(&mut node);
    drop(twin);
    let outcome = end(node);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("could not be withdrawn in time"), "{}", outcome.stderr);
    let failed = outcome.json.iter().find(|line| line["event"] == "publish_failed");
    let failed = failed.unwrap_or_else(|| panic!("{outcome:?}"));
    assert!(failed["reason"].is_string() && failed["retry_in"].is_f64(), "{failed}");
}

#[test]
fn a_wrong_key_is_told() {
    let runtime = Runtime::new().expect("a runtime starts");
    let twin = runtime.block_on(Twin::start());
    let key = KeyFile::new(&format!("{KEY}:{}", BASE64.encode(b"another secret")));
    let failed = start(twin.address, &key).wait_for(|line| line["event"] == "publish_failed");
    assert!(text(&failed["reason"]).contains("BADSIG"), "{failed}");
    assert_eq!(runtime.block_on(texts(twin.address)), set([]));
}

#[test]
fn bad_use_is_told_in_one_sentence() {
    let (good, bad) = (KeyFile::good(), KeyFile::new("no key"));
    let full = |zone, key| {
        ["--publish", ZONE, "--publish-zone", zone, "--publish-server", "127.0.0.1:53"]
            .into_iter()
            .chain(["--publish-key", key])
            .collect::<Vec<_>>()
    };
    for (args, told) in [
        (vec!["--publish", ZONE], "--publish-zone"),
        (vec!["--publish-zone", ZONE], "--publish"),
        (full("other.example", &good.path), "not in the zone other.example."),
        (full(ZONE, &bad.path), "nsupdate -y"),
        (full(ZONE, "/nowhere/at/all"), "/nowhere/at/all"),
    ] {
        let args = [vec!["--source", "/dnsaddr/peers.example"], args].concat();
        let outcome = run("node", &args);
        assert_eq!(outcome.code, Some(2), "{args:?}: {outcome:?}");
        outcome.assert_one_sentence(told);
    }
}
