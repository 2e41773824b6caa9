//! Many pods start at once, and none runs before.

use super::{assert_nothing_untrue, range, row};
use crate::{change::Change, cluster::seconds, space::Space, suite::Suite};

/// The SRV records of the Service's port.
pub(super) const SRV: &str = "srv:_p2p._tcp.peers.$(POD_NAMESPACE).svc.cluster.local.";

pub(super) fn add(suite: &mut Suite) {
    let wanted = "3 s; tables 30 s";
    let before = "5 within 1.4 s, 7 within 35 s";
    row(suite, "StatefulSet of 12", before, wanted, || Start::of("statefulset", 12, &[]).in_time());
    row(suite, "Deployment of 10", "34 s", wanted, || Start::of("deployment", 10, &[]).in_time());
    row(suite, "Deployment of 12, by SRV", "36 s", wanted, || {
        Start::of("deployment", 12, &[Change::pods().source(SRV)]).in_time()
    });
}

/// How long it took, in seconds.
#[derive(Debug)]
pub(super) struct Start {
    /// The first and the last pod to join, after DNS named a second one and the pod itself ran.
    joined: (f64, f64),
    /// Until all knew all, after the last one ran.
    full: f64,
}

impl Start {
    pub(super) fn of(base: &str, count: usize, changes: &[Change]) -> Self {
        Self::seen(base, count, changes, |_| ())
    }

    /// As [`of`](Self::of); `also` is looked at once all know all.
    pub(super) fn seen(
        base: &str,
        count: usize,
        changes: &[Change],
        also: impl FnOnce(&Space),
    ) -> Self {
        let space = Space::new("start");
        space.apply(base, count, changes);
        let pods = space.until_joined(count);
        space.until_tables_are_full(&pods);
        also(&space);
        let second = space.names.named(2).expect("DNS names them");
        let lines = space.lines();
        let joined = pods.iter().map(|pod| {
            let could = lines.started(pod).expect("it runs").max(second);
            seconds(could, lines.became(pod, "joined").expect("it has"))
        });
        let joined = range(joined);
        let last = pods.iter().filter_map(|pod| lines.started(pod)).max().expect("they run");
        let full = pods.iter().map(|pod| seconds(last, lines.table(pod).expect("it is full").0));
        let full = range(full).1;
        assert_nothing_untrue(&space);
        Self { joined, full }
    }

    /// Fails where it took too long.
    #[track_caller]
    pub(super) fn in_time(&self) -> String {
        assert!(self.joined.1 <= 3.0 && self.full <= 30.0, "{}", self.told());
        self.told()
    }

    pub(super) fn told(&self) -> String {
        format!("{:.1} to {:.1} s; tables {:.1} s", self.joined.0, self.joined.1, self.full)
    }
}
