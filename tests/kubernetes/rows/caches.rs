//! Caches before the names: how long pods take to hear of each other through them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{row, start::Start};
use crate::{
    change::Change,
    cluster::{Undo, apply, kubectl, until},
    names::{COREDNS, is_cached},
    suite::Suite,
};

/// Within this time, a TTL from a cache has fallen.
const CACHED: Duration = Duration::from_secs(10);

/// Where a cache of each machine listens by convention.
const NODE_LOCAL: &str = "169.254.20.10";

pub(super) fn add(suite: &mut Suite) {
    row(suite, "Deployment of 10, CoreDNS caches 30 s", "–", "–", coredns_caches);
    row(suite, "Deployment of 10, behind NodeLocal DNSCache", "–", "–", || node_local(&[]));
    row(suite, "Deployment of 10, by SRV, behind NodeLocal DNSCache", "–", "–", || {
        node_local(&[Change::pods().source(super::start::SRV)])
    });
}

fn coredns_caches() -> String {
    let of =
        ["-n", "kube-system", "get", "configmap", "coredns", "-o", "jsonpath={.data.Corefile}"];
    let corefile = kubectl(&of);
    let caching = corefile
        .replace("disable success cluster.local", "")
        .replace("disable denial cluster.local", "");
    assert_ne!(corefile, caching, "it caches nothing by itself");
    let _undo = Undo(|| set_corefile(&corefile));
    set_corefile(&caching);
    behind(COREDNS, &[])
}

fn set_corefile(corefile: &str) {
    apply(&corefile_map("coredns", corefile));
    let system = ["-n", "kube-system"];
    kubectl(&[&system[..], &["rollout", "restart", "deployment/coredns"]].concat());
    kubectl(
        &[&system[..], &["rollout", "status", "deployment/coredns", "--timeout=120s"]].concat(),
    );
}

fn corefile_map(name: &str, corefile: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "kube-system" },
        "data": { "Corefile": corefile },
    })
}

fn node_local(changes: &[Change]) -> String {
    let corefile = format!(
        "cluster.local:53 {{
    errors
    bind {NODE_LOCAL}
    cache {{
        success 9984 30
        denial 9984 5
    }}
    loop
    forward . {COREDNS} {{
        force_tcp
    }}
    health {NODE_LOCAL}:8099
}}
"
    );
    apply(&corefile_map("node-local-dns", &corefile));
    apply(&node_local_deployment());
    kubectl(&[
        "-n",
        "kube-system",
        "rollout",
        "status",
        "deployment/node-local-dns",
        "--timeout=120s",
    ]);
    let resolver = Change::pods()
        .with("/spec/template/spec/dnsPolicy", json!("None"))
        .with("/spec/template/spec/dnsConfig", json!({ "nameservers": [NODE_LOCAL] }));
    let _undo = Undo(|| {
        kubectl(&["-n", "kube-system", "delete", "deployment/node-local-dns"]);
    });
    behind(NODE_LOCAL, &[&[resolver], changes].concat())
}

/// Ten pods start, and what this server tells them comes from its cache.
fn behind(server: &str, changes: &[Change]) -> String {
    let start = Start::seen("deployment", 10, changes, |space| {
        let name = format!("peers.{}.svc.cluster.local.", space.name());
        until("the cache has answered", CACHED, || is_cached(server, &name).then_some(()));
    });
    start.told()
}

fn node_local_deployment() -> Value {
    let labels = json!({ "app": "node-local-dns" });
    let container = json!({
        "name": "cache",
        "image": "localhost/coredns:1",
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": { "httpGet": { "host": NODE_LOCAL, "path": "/health", "port": 8099 }, "periodSeconds": 1 },
        "volumeMounts": [{ "name": "config", "mountPath": "/etc/coredns" }],
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "node-local-dns", "namespace": "kube-system" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "hostNetwork": true,
                    "dnsPolicy": "Default",
                    "automountServiceAccountToken": false,
                    "containers": [container],
                    "volumes": [{ "name": "config", "configMap": { "name": "node-local-dns" } }],
                },
            },
        },
    })
}
