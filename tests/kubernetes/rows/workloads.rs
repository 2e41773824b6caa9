//! What else Kubernetes does to pods.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use super::{assert_nothing_untrue, range, row};
use crate::{
    change::Change,
    cluster::{Undo, apply, kubectl, now, object, seconds, until, whois},
    space::Space,
    suite::Suite,
};

/// The machine's own address.
const MACHINE: &str = "10.1.0.1";
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn add(suite: &mut Suite) {
    row(suite, "DaemonSet with a port of the machine", "–", "the peer answers there", host_port);
    row(suite, "NetworkPolicy", "–", "accepted", policy);
    row(suite, "A drain", "–", "one pod at a time", drain);
    row(suite, "A pod killed for its memory", "–", "comes back as the same peer", out_of_memory);
    row(suite, "1,000 endpoints without pods, 3 with", "–", "all join", endpoints_without_pods);
}

fn host_port() -> String {
    let space = Space::new("daemonset");
    space.apply("daemonset", 1, &[]);
    space.until_ready(1);
    let lines = space.lines();
    let peer = lines.iter().find(|line| line.is("listening")).expect("it listens").text("peer");
    let whois = Command::new(whois())
        .arg(format!("/ip4/{MACHINE}/tcp/4001"))
        .arg("--json")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&whois.stdout);
    assert!(said.contains(peer), "whois says {said}, and not {peer}");
    assert_nothing_untrue(&space);
    "it does".to_owned()
}

fn policy() -> String {
    let space = Space::new("policy");
    space.apply("statefulset", 2, &[]);
    let policies = object(&["-n", space.name(), "get", "networkpolicies"]);
    assert_eq!(policies["items"].as_array().map(Vec::len), Some(1));
    space.until_joined(2);
    "accepted; the bridge plug-in here enforces none".to_owned()
}

/// The machine takes no new pods meanwhile, so the second one has to stay.
fn drain() -> String {
    let space = Space::new("drain");
    space.apply("deployment", 3, &[]);
    let pods = space.until_joined(3);
    space.until_ready(3);
    space.until_tables_are_full(&pods);
    let uncordon = Undo(|| {
        kubectl(&["uncordon", "node1"]);
    });
    let drain = Command::new("kubectl")
        .args(["drain", "node1", "--pod-selector=app.kubernetes.io/name=peers"])
        .args(["--delete-emptydir-data", "--timeout=20s"])
        .output()
        .expect("kubectl starts");
    let error = String::from_utf8_lossy(&drain.stderr);
    assert!(!drain.status.success() && error.contains("disruption budget"), "{error}");
    let gone = space.pods.all().values().filter(|pod| pod.deleted.is_some()).count();
    assert_eq!(gone, 1, "the budget is one pod");
    drop(uncordon);
    let pods = space.until_joined(3);
    space.until_tables_are_full(&pods);
    assert_nothing_untrue(&space);
    "the second one is refused".to_owned()
}

/// A volume in memory counts as the memory of the container, and is no process that could be killed.
fn out_of_memory() -> String {
    let space = Space::new("memory");
    let volume = json!({ "name": "key", "emptyDir": { "medium": "Memory" } });
    let change = Change::pods().image("shell").with("/spec/template/spec/volumes/0", volume);
    space.apply("statefulset", 3, &[change.without("/spec/template/spec/volumes/1")]);
    let pods = space.until_joined(3);
    space.until_tables_are_full(&pods);
    // The file has no name any more when the kernel kills the node, and the other processes of its container
    // with it: the volume is empty again when the container starts anew.
    let fill =
        "exec 3>/var/lib/node/fill; rm /var/lib/node/fill; dd if=/dev/zero bs=1M count=400 >&3";
    let since = now();
    let _ = Command::new("kubectl")
        .args(["-n", space.name(), "exec", "peer-0", "--", "/bin/busybox", "sh", "-c", fill])
        .output();
    let (id, pod) = until("peer-0 was killed", PATIENCE, || {
        space.pods.living().into_iter().find(|(_, pod)| pod.name == "peer-0" && pod.restarts > 0)
    });
    assert_eq!(pod.ended, "OOMKilled");
    let back = space.until("it has joined again", |lines| {
        let mut own = lines.iter().filter(|line| line.pod == id && line.at > since);
        own.find(|line| line.status() == Some("joined")).map(|line| line.at)
    });
    let lines = space.lines();
    let own = lines.iter().filter(|line| line.pod == id && line.is("listening"));
    let mut peers: Vec<_> = own.map(|line| line.text("peer")).collect();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 1, "it has one identity");
    assert!(!lines.iter().any(|line| line.is("replaced") || line.is("departed")), "nobody left");
    format!("it does, and has joined {:.1} s after the kill", seconds(since, back))
}

/// The EndpointSlices of a Service may be written by anybody; these name addresses that nobody has.
fn endpoints_without_pods() -> String {
    let space = Space::new("endpoints");
    for slice in 0..10 {
        apply(&endpoint_slice(space.name(), slice));
    }
    space.apply("deployment", 3, &[]);
    let pods = space.until_joined(3);
    let lines = space.lines();
    let (_, joined) = range(pods.iter().map(|pod| {
        let started = lines.started(pod).expect("it runs");
        seconds(started, lines.became(pod, "joined").expect("it has"))
    }));
    let named = lines
        .iter()
        .filter(|line| line.is("resolved"))
        .filter_map(|line| line.event["candidates"].as_array());
    assert_eq!(named.map(Vec::len).max(), Some(1_003), "all are candidates");
    format!("they do, within {joined:.0} s")
}

fn endpoint_slice(space: &str, number: u8) -> Value {
    let endpoints: Vec<_> =
        (1..=100).map(|host| json!({ "addresses": [format!("10.99.{number}.{host}")] })).collect();
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": format!("peers-by-hand-{number}"),
            "namespace": space,
            "labels": { "kubernetes.io/service-name": "peers" },
        },
        "addressType": "IPv4",
        "ports": [{ "name": "p2p", "protocol": "TCP", "port": 4001 }],
        "endpoints": endpoints,
    })
}
