//! Records of providers, while those who keep them are replaced.

use super::{assert_nothing_untrue, row};
use crate::{change::Change, cluster::now, space::Space, suite::Suite};

const FINDERS: usize = 6;

pub(super) fn add(suite: &mut Suite) {
    row(suite, "Rolling restart: a key that two provide", "–", "all new pods find both", restart);
}

fn restart() -> String {
    let space = Space::new("keys");
    space.apply("statefulset", 2, &[Change::pods().argument("--provide=key")]);
    let providers = space.until_joined(2);
    space.apply("deployment", FINDERS, &[Change::pods().argument("--find=key")]);
    space.until_joined(2 + FINDERS);
    let since = now();
    space.kubectl(&["rollout", "restart", "deployment/peer"]);
    space.kubectl(&["rollout", "status", "deployment/peer", "--timeout=300s"]);
    let pods = space.until_joined(2 + FINDERS);
    let finders: Vec<_> = pods.iter().filter(|pod| !providers.contains(pod)).collect();
    space.until("all that are new have found both", |lines| {
        let found = |pod: &str| {
            let own = lines.iter().filter(|line| line.pod == pod && line.is("found"));
            own.filter_map(|line| line.event["providers"].as_array()).any(|found| found.len() == 2)
        };
        finders.iter().all(|pod| found(pod)).then_some(())
    });
    let lines = space.lines();
    assert!(finders.iter().all(|pod| lines.started(pod) > Some(since)), "all of them are new");
    assert_nothing_untrue(&space);
    "they do".to_owned()
}
