//! An update from an earlier version: both run at the same time.

use std::collections::BTreeMap;

use serde_json::json;

use super::{assert_nothing_untrue, row};
use crate::{
    change::{Change, container},
    cluster::lab,
    lines::Lines,
    space::Space,
    suite::Suite,
};

const COUNT: usize = 6;
/// The last version before the rooms of the core.
const BEFORE: &str = "7d831ce";

pub(super) fn add(suite: &mut Suite) {
    let name = format!("Rolling update from {BEFORE}");
    row(suite, &name, "–", "one order, nobody isolated", update);
}

fn update() -> String {
    if !lab().join(format!("bin/node-{BEFORE}")).is_file() {
        return "not asked: that version was not built".to_owned();
    }
    let space = Space::new("versions");
    space.apply("deployment", COUNT, &[of("before")]);
    space.until_joined(COUNT);
    space.apply("deployment", COUNT, &[of("1")]);
    space.kubectl(&["rollout", "status", "deployment/peer", "--timeout=300s"]);
    let pods = space.until_joined(COUNT);
    space.until_tables_are_full(&pods);
    let orders = assert_one_order(&space.lines());
    assert_nothing_untrue(&space);
    format!("the same order in {orders} answers that several had, nobody isolated")
}

/// What both versions take, without the pages that only the later one has.
fn of(image: &str) -> Change {
    let source = "--source=/dns/peers.$(POD_NAMESPACE).svc.cluster.local./tcp/4001";
    Change::pods()
        .image(image)
        .with(&container("args"), json!([source, "--key=/var/lib/node/key", "--json"]))
        .without(&container("readinessProbe"))
        .without(&container("livenessProbe"))
        .with("/spec/minReadySeconds", json!(5))
}

/// Nodes that were told of the same addresses put them in the same order. Returns of how many sets
/// that could be seen.
#[track_caller]
fn assert_one_order(lines: &Lines) -> usize {
    let mut orders: BTreeMap<Vec<String>, (Vec<String>, Vec<&str>)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.is("resolved")) {
        let candidates = line.event["candidates"].as_array().into_iter().flatten();
        let order: Vec<_> = candidates.filter_map(|text| Some(text.as_str()?.to_owned())).collect();
        let mut set = order.clone();
        set.sort();
        let (first, pods) = orders.entry(set).or_insert_with(|| (order.clone(), Vec::new()));
        assert_eq!(*first, order, "{} has another order than {pods:?}", line.pod);
        pods.push(&line.pod);
    }
    let shared = orders.values().filter(|(order, pods)| order.len() > 1 && pods.len() > 1).count();
    assert!(shared > 0, "no two pods had the same answer");
    shared
}
