//! Most of the pods are taken away.

use super::{assert_nothing_untrue, range, row};
use crate::{
    cluster::{now, seconds},
    lines::Line,
    space::Space,
    suite::Suite,
};

/// Two TTLs of kubeadm's CoreDNS, and a minute, in seconds.
const LIMIT: f64 = 120.0;

pub(super) fn add(suite: &mut Suite) {
    let before = "told after 26 to 42 s; one survivor's table kept 1 or 2 for ever";
    row(suite, "20 → 3", before, "none left after 120 s", shrink);
}

fn shrink() -> String {
    let space = Space::new("shrink");
    space.apply("deployment", 20, &[]);
    let pods = space.until_joined(20);
    space.until_tables_are_full(&pods);
    let since = now();
    space.kubectl(&["scale", "deployment/peer", "--replicas=3"]);
    let left = space.until("seventeen are to end", |_| {
        let living: Vec<_> = space.pods.living().into_keys().collect();
        (living.len() == 3).then_some(living)
    });
    // When the last of the others left the table of each of those who are left.
    space.until_tables_are_full(&left);
    let lines = space.lines();
    let (_, full) =
        range(left.iter().map(|pod| seconds(since, lines.table(pod).expect("it is full").0)));
    let is_last_word = |line: &&Line| {
        left.contains(&line.pod) && line.at > since && (line.is("departed") || line.is("replaced"))
    };
    let was_told = |pod: &String| lines.iter().any(|line| line.pod == *pod && is_last_word(&line));
    assert!(left.iter().all(was_told), "nobody told a survivor of a departure");
    let (_, told) = range(lines.iter().filter(is_last_word).map(|line| seconds(since, line.at)));
    assert_nothing_untrue(&space);
    let told = format!("told within {told:.0} s; tables {full:.0} s");
    assert!(full <= LIMIT, "{told}");
    told
}
