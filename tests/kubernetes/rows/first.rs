//! Pods that DNS names only once they are ready.

use super::{assert_nothing_untrue, range, row};
use crate::{change::Change, cluster::seconds, space::Space, suite::Suite};

pub(super) fn add(suite: &mut Suite) {
    row(suite, "First pod, named once it is ready", "ready 71 s", "ready 18 s", || ready(1));
    let wanted = "ready 18 s, joined 5 s";
    row(suite, "8 at once, the same", "ready 76 s, joined 100 s", wanted, || ready(8));
}

fn ready(count: usize) -> String {
    let space = Space::new("first");
    space.apply("deployment", count, &[Change::named_when_ready()]);
    let pods = space.until_ready(count);
    let lines = space.lines();
    let (_, ready) = range(pods.iter().map(|(id, pod)| {
        seconds(lines.started(id).expect("it runs"), pod.first_ready.expect("it is ready"))
    }));
    let mut told = format!("ready {ready:.1} s");
    let mut joined = 0.0;
    if count > 1 {
        let pods = space.until_joined(count);
        let (lines, second) = (space.lines(), space.names.named(2).expect("DNS names them"));
        joined = range(pods.iter().map(|pod| {
            let could = lines.started(pod).expect("it runs").max(second);
            seconds(could, lines.became(pod, "joined").expect("it has"))
        }))
        .1;
        told += &format!(", joined {joined:.1} s");
    }
    assert_nothing_untrue(&space);
    assert!(ready <= 18.0 && joined <= 5.0, "{told}");
    told
}
