//! What the pods asked the API server in all rows before.

use std::fs;

use serde_json::Value;

use super::row;
use crate::{cluster::lab, suite::Suite};

pub(super) fn add(suite: &mut Suite) {
    row(suite, "Requests of the pods to the API server", "0", "0", requests);
}

fn requests() -> String {
    let log = fs::read_to_string(lab().join("run/log/audit.log")).expect("there is a log");
    let requests: Vec<Value> =
        log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let seen = requests.iter().any(|request| is_of_coredns(request) && is_of_a_pod(request));
    assert!(seen, "CoreDNS asks, or nothing is logged");
    let ours: Vec<_> =
        requests.iter().filter(|request| is_of_a_pod(request) && !is_of_coredns(request)).collect();
    assert!(ours.is_empty(), "{} requests, the first is {}", ours.len(), ours[0]);
    "0".to_owned()
}

fn is_of_a_pod(request: &Value) -> bool {
    let from = request["sourceIPs"].as_array().into_iter().flatten();
    from.filter_map(Value::as_str)
        .any(|ip| ip.starts_with("10.244.") || ip.starts_with("fd00:10:244:"))
}

fn is_of_coredns(request: &Value) -> bool {
    request["user"]["username"] == "system:serviceaccount:kube-system:coredns"
}
