//! `cluster`.

use serde_json::{Value, json};

use crate::process::{Process, run};

#[test]
fn a_cluster_forms() {
    for more in [
        &[][..],
        &["--records", "srv", "--one-address", "--identify", "dial"],
        &["--records", "dnsaddr", "--select", "all"],
        &["--transport", "quic"],
        &["--transport", "memory"],
    ] {
        let mut args = vec!["--nodes", "8", "--seed", "1", "--json"];
        args.extend(more);
        let cluster = run("cluster", &args);
        assert_eq!(cluster.code, Some(0), "{cluster:?}");
        assert_united(cluster.json.last().expect("there is a line"));
    }
}

/// Asserts that a summary is that of a whole cluster of eight.
fn assert_united(summary: &Value) {
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["formed"], true, "{summary}");
    for (field, value) in [("nodes", 8), ("joined", 8), ("components", 1), ("kad_stale", 0)] {
        assert_eq!(summary[field], value, "{field} in {summary}");
    }
    for field in ["dns_queries", "dials", "join_ms_p50", "join_ms_p99", "elapsed_ms"] {
        assert!(summary[field].as_u64().is_some_and(|n| n > 0), "{field} in {summary}");
    }
    assert!(summary["probes"].is_u64(), "{summary}");
    assert!(summary["verified_min"].as_u64().is_some_and(|n| n >= 3), "{summary}");
    assert!(summary["kad_peers_min"].as_u64().is_some_and(|n| n >= 4), "{summary}");
}

#[test]
fn a_cluster_that_has_no_time_fails() {
    let cluster = run("cluster", &["--nodes", "8", "--timeout", "0.001", "--json"]);
    assert_eq!(cluster.code, Some(1), "{cluster:?}");
    let summary = cluster.json.last().expect("there is a line");
    assert_eq!((&summary["event"], &summary["nodes"]), (&json!("summary"), &json!(8)));
}

#[test]
fn nobody_needs_to_read_the_output() {
    let mut cluster = Process::start("cluster", &["--nodes", "3", "--json"], &[]);
    cluster.close_stdout();
    let outcome = cluster.finish();
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.code, Some(141));
}
