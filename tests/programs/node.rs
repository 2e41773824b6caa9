//! `node`.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::{Value, json};

use crate::{
    process::{Process, run},
    setup::{Dns, Node, SOURCE, closed_port},
};

#[test]
fn a_node_keeps_its_key() {
    let dns = Dns::start();
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("key");
    let key = path.to_str().expect("the path is UTF-8");
    let first = Node::start(&dns, &["--key", key]).peer;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert_eq!(Node::start(&dns, &["--key", key]).peer, first);

    std::fs::write(&path, "no key").expect("it can be written");
    let refused = run("node", &["--source", SOURCE, "--key", key]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    refused.assert_one_sentence(key);
    let nowhere = dir.path().join("no folder/key");
    let nowhere = nowhere.to_str().expect("the path is UTF-8");
    run("node", &["--source", SOURCE, "--key", nowhere]).assert_one_sentence("No such file");
    let kept = std::fs::read(&path).expect("it can be read");
    assert_eq!(kept, b"no key", "a file that is no key is somebody's");
}

/// A crash leaves such a file where a key is written after its file was made. It may lie behind a link.
#[cfg(unix)]
#[test]
fn an_empty_key_file_gets_a_key() {
    let dns = Dns::start();
    let dir = tempfile::tempdir().expect("a directory can be made");
    let path = dir.path().join("key");
    std::fs::write(&path, "").expect("it can be written");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &link).expect("it can be linked");
    let link = link.to_str().expect("the path is UTF-8");
    let first = Node::start(&dns, &["--key", link]).peer;
    assert_eq!(Node::start(&dns, &["--key", link]).peer, first, "it is kept");
    assert!(path.metadata().expect("it is there").len() > 0, "where it was");
    let files = dir.path().read_dir().expect("it can be listed");
    assert_eq!(files.count(), 2, "nothing else is left there");
}

#[test]
fn a_node_ends_cleanly_when_told_to() {
    let dns = Dns::start();
    dns.name([closed_port()]);
    for signal in ["TERM", "INT"] {
        let node = Node::start(&dns, &[]);
        node.process.signal(signal);
        let outcome = node.process.finish();
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        assert_eq!(outcome.stderr, "", "SIG{signal}");
    }
}

#[test]
fn an_isolated_node_says_since_when_and_why() {
    let dns = Dns::start();
    let port = closed_port();
    dns.name([port]);
    let mut node = Node::start(&dns, &[]);
    let isolated = node.process.wait_for(|line| line["event"] == "isolated");
    assert!(isolated["since"].is_f64(), "{isolated}");
    assert_eq!((&isolated["failed"], &isolated["others"]), (&json!(1), &json!(1)));
    let reasons = isolated["reasons"].as_array().expect("a list");
    assert_eq!(reasons.len(), 1, "{isolated}");
    assert_eq!(reasons[0]["address"], format!("/ip4/127.0.0.1/tcp/{port}"));
    assert!(reasons[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{isolated}");
}

#[test]
fn a_node_that_cannot_listen_says_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let port = taken.local_addr().expect("it has an address").port();
    let address = format!("/ip4/127.0.0.1/tcp/{port}");
    let outcome = run("node", &["--source", SOURCE, "--listen", &address]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    outcome.assert_one_sentence(&address);
}

#[test]
fn nodes_become_one_network() {
    let dns = Dns::start();
    let mut first = Node::start(&dns, &[]);
    let address = dns.address();
    let listen = ["--listen", "/ip4/127.0.0.1/tcp/0", "--allow-loopback"];
    let rest: Vec<_> = listen.into_iter().chain(["--dns", &address, "--json"]).collect();
    let sources = [("DISCOVERY_SOURCES", "srv:_p2p._tcp.peers.test.,\n /ip4/127.0.0.1/tcp/1")];
    let mut second = Node::of(Process::start("node", &rest, &sources));
    dns.name([first.port, second.port]);

    let peers = [first.peer.clone(), second.peer.clone()];
    for (node, other) in [(&mut first, &peers[1]), (&mut second, &peers[0])] {
        node.process.wait_for(|line| line["event"] == "verified" && line["peer"] == **other);
        let joined = |line: &Value| line["event"] == "status" && line["status"] == "joined";
        node.process.wait_for(joined);
        node.process.wait_for(|line| line["event"] == "kad" && line["peers"] == 1);
    }
    let events = second.process.lines();
    let resolved = events.iter().filter(|line| line["event"] == "resolved");
    let static_one = json!(["/ip4/127.0.0.1/tcp/1"]);
    assert!(resolved.clone().any(|line| line["candidates"] == static_one), "{events:?}");
    assert!(events.iter().all(|line| line["ms"].is_u64()), "{events:?}");
    let unreachable = events.iter().find(|line| line["event"] == "unreachable");
    assert!(unreachable.is_some_and(|line| line["reason"].is_string()), "{events:?}");
}

#[test]
fn what_a_node_provides_is_found_by_the_others_of_its_network() {
    let dns = Dns::start();
    let own = ["--kad-protocol", "/own/kad/1.0.0"];
    let mut nodes: Vec<_> = ["one", "two"]
        .map(|key| [&own[..], &["--provide", key, "--find", "one", "--find", "two"]].concat())
        .iter()
        .map(|more| Node::start(&dns, more))
        .collect();
    // Of another network: it is met, and nothing of it is found.
    let mut other = Node::start(&dns, &["--provide", "two", "--find", "two"]);
    dns.name(nodes.iter().chain([&other]).map(|node| node.port));

    let providers = [("one", nodes[0].peer.clone()), ("two", nodes[1].peer.clone())];
    for ((key, _), node) in providers.iter().zip(&mut nodes) {
        node.process.wait_for(|line| line["event"] == "provided" && line["key"] == **key);
    }
    for (key, provider) in &providers {
        let found = json!([provider]);
        for node in &mut nodes {
            let event = node.process.wait_for(|l| l["event"] == "found" && l["key"] == **key);
            assert_eq!(event["providers"], found, "{event}");
        }
    }
    other.process.wait_for(|line| line["event"] == "verified" && line["peer"] == providers[0].1);
    let told = other.process.lines();
    assert!(told.iter().all(|line| line["event"] != "found" && line["event"] != "provided"));

    let refused = run("node", &["--source", SOURCE, "--kad-protocol", "own"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
}

#[test]
fn a_new_identity_at_an_old_address_replaces_the_old_one() {
    let dns = Dns::start();
    let mut stays = Node::start(&dns, &[]);
    let goes = Node::start(&dns, &[]);
    dns.name([stays.port, goes.port]);
    stays.process.wait_for(|line| line["event"] == "verified" && line["peer"] == goes.peer);

    let (old, port) = (goes.peer.clone(), goes.port);
    drop(goes);
    let new = Node::start_at(port, &dns, &[]);
    let replaced = stays.process.wait_for(|line| line["event"] == "replaced");
    assert_eq!(replaced["address"], format!("/ip4/127.0.0.1/tcp/{port}"));
    assert_eq!((&replaced["old"], &replaced["new"]), (&json!(old), &json!(new.peer)));
}

#[test]
fn a_node_enters_nobody_but_those_who_may_join() {
    let dns = Dns::start();
    let allowed = Node::start(&dns, &["--members-only"]);
    let refused = Node::start(&dns, &[]);
    dns.name([allowed.port, refused.port]);
    let mut node = Node::start(&dns, &["--members-only", "--allow-peer", &allowed.peer]);
    let verified = node.process.wait_for(|line| line["event"] == "verified");
    assert_eq!(verified["peer"], json!(allowed.peer));
    let turned_away = node.process.wait_for(|line| line["event"] == "unreachable");
    assert_eq!(turned_away["reason"], json!(format!("{} may not join", refused.peer)));
}
