//! A cluster in which pods have addresses of both families.

use super::{DUAL, assert_nothing_untrue, row_of, start::Start};
use crate::{
    cluster::until,
    space::{PATIENCE, Space},
    suite::Suite,
};

pub(super) fn add(suite: &mut Suite) {
    let wanted = ("–", "3 s; tables 30 s");
    row_of(DUAL, suite, "Deployment of 10", wanted, || Start::of("deployment", 10, &[]).in_time());
    let wanted = ("–", "all pods have both, and verify others at both");
    row_of(DUAL, suite, "Both families", wanted, both);
}

fn both() -> String {
    let space = Space::new("families");
    space.apply("deployment", 4, &[]);
    let pods = space.until_joined(4);
    space.until("each pod has verified others in both families", |lines| {
        let has = |pod: &str, family: &str| {
            let mut own = lines.iter().filter(|line| line.pod == pod && line.is("verified"));
            own.any(|line| line.text("address").starts_with(family))
        };
        pods.iter()
            .all(|pod| has(pod, "/ip4/10.244.") && has(pod, "/ip6/fd00:10:244:"))
            .then_some(())
    });
    // Kubelet tells of the addresses later than the pods use them.
    until("the pods are told to have addresses of both", PATIENCE, || {
        space.pods.living().values().all(|pod| pod.ips.len() == 2).then_some(())
    });
    assert_nothing_untrue(&space);
    "they do".to_owned()
}
