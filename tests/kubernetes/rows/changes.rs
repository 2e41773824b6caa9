//! What goes on in a cluster that is in use: nobody may say what is not so, or lose the others.

use std::time::Duration;

use super::{assert_nothing_untrue, row};
use crate::{
    cluster::{Undo, kubectl, now, pass, seconds, until},
    space::{PATIENCE, Space},
    suite::Suite,
};

const COUNT: usize = 8;
/// How long CoreDNS is away: three of its TTLs.
const AWAY: Duration = Duration::from_secs(92);

pub(super) fn add(suite: &mut Suite) {
    let (before, wanted) = ("nothing untrue, nobody isolated", "the same");
    row(suite, "Rolling update", before, wanted, rolling_update);
    row(suite, "The lowest three deleted", before, wanted, lowest_deleted);
    row(suite, "CoreDNS killed", before, wanted, || without_dns(Duration::ZERO));
    row(suite, "CoreDNS away for 92 s", before, wanted, || without_dns(AWAY));
}

fn rolling_update() -> String {
    let space = Space::new("update");
    space.apply("deployment", COUNT, &[]);
    space.until_joined(COUNT);
    let since = now();
    space.kubectl(&["rollout", "restart", "deployment/peer"]);
    space.kubectl(&["rollout", "status", "deployment/peer", "--timeout=300s"]);
    let took = seconds(since, now());
    let pods = space.until_joined(COUNT);
    space.until_tables_are_full(&pods);
    assert_nothing_untrue(&space);
    format!("the same, {took:.0} s")
}

fn lowest_deleted() -> String {
    let space = Space::new("lowest");
    space.apply("deployment", COUNT, &[]);
    space.until_joined(COUNT);
    let mut pods: Vec<_> = space.pods.living().into_values().collect();
    pods.sort_by_key(|pod| pod.ips.first().and_then(|ip| ip.parse::<std::net::IpAddr>().ok()));
    let names = pods.iter().take(3).map(|pod| pod.name.as_str());
    space.kubectl(&["delete", "pod", "--wait=false"].into_iter().chain(names).collect::<Vec<_>>());
    until("three are to end", PATIENCE, || (space.pods.all().len() > COUNT).then_some(()));
    let pods = space.until_joined(COUNT);
    space.until_tables_are_full(&pods);
    assert_nothing_untrue(&space);
    "the same".to_owned()
}

fn without_dns(away: Duration) -> String {
    let space = Space::new("dns");
    space.apply("deployment", COUNT, &[]);
    let pods = space.until_joined(COUNT);
    space.until_tables_are_full(&pods);
    let system = ["-n", "kube-system"];
    let coredns = |args: &[&str]| kubectl(&[&system, args].concat());
    let _undo = Undo(|| {
        coredns(&["scale", "deployment/coredns", "--replicas=1"]);
    });
    if away > Duration::ZERO {
        coredns(&["scale", "deployment/coredns", "--replicas=0"]);
        // So that its last moments are no grace: it goes on answering until it ends.
        coredns(&["delete", "pods", "-l", "k8s-app=kube-dns", "--force", "--grace-period=0"]);
        pass(away);
        coredns(&["scale", "deployment/coredns", "--replicas=1"]);
    } else {
        coredns(&["delete", "pods", "-l", "k8s-app=kube-dns", "--force", "--grace-period=0"]);
    }
    coredns(&["rollout", "status", "deployment/coredns", "--timeout=120s"]);
    // They hear of one who comes now.
    space.kubectl(&["scale", "deployment/peer", &format!("--replicas={}", COUNT + 1)]);
    let pods = space.until_joined(COUNT + 1);
    space.until_tables_are_full(&pods);
    assert_nothing_untrue(&space);
    "the same".to_owned()
}
