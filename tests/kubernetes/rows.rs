//! The rows of the table: what is done to the nodes, and what came of it.

mod caches;
mod changes;
mod families;
mod first;
mod keys;
mod requests;
mod shrink;
mod start;
mod versions;
mod workloads;

use crate::{
    space::Space,
    suite::{Answer, Suite, When},
    truth::Truth,
};

const PART: &str = "Kubernetes";
/// The part that wants a cluster in which pods have addresses of both families.
const DUAL: &str = "Kubernetes, two families";

pub(crate) fn add(suite: &mut Suite) {
    start::add(suite);
    first::add(suite);
    shrink::add(suite);
    changes::add(suite);
    workloads::add(suite);
    keys::add(suite);
    versions::add(suite);
    caches::add(suite);
    families::add(suite);
    requests::add(suite);
}

/// A row: what it was with the version before, what it should be, and what it is.
fn row(
    suite: &mut Suite,
    name: &str,
    before: &str,
    wanted: &str,
    check: impl FnOnce() -> String + Send + 'static,
) {
    row_of(PART, suite, name, (before, wanted), check);
}

fn row_of(
    part: &'static str,
    suite: &mut Suite,
    name: &str,
    (before, wanted): (&str, &str),
    check: impl FnOnce() -> String + Send + 'static,
) {
    let [before, wanted] = [before, wanted].map(|text| Answer::Told(text.to_owned()));
    suite.follow(part, name, &["before", "to reach", "now"], When::Always, move |story| {
        story.tell(before);
        story.tell(wanted);
        story.tell(Answer::Told(check()));
    });
}

/// Nobody has said of anybody what was not so, and nobody was isolated.
#[track_caller]
fn assert_nothing_untrue(space: &Space) {
    let (lines, pods) = (space.lines(), space.pods.all());
    let untrue = Truth::of(&lines, &pods).untrue(&lines);
    let first = untrue.iter().take(5).cloned().collect::<Vec<_>>();
    assert!(untrue.is_empty(), "{} lines, such as\n{}", untrue.len(), first.join("\n"));
}

/// The least and the most of some figures.
fn range(figures: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let unset = (f64::INFINITY, f64::NEG_INFINITY);
    figures.into_iter().fold(unset, |(least, most), figure| (least.min(figure), most.max(figure)))
}
