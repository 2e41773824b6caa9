//! How many candidates each event looks at, in each of the situations of `benches/events.rs`: no more among
//! thousands of candidates than among hundreds.

#![allow(unreachable_pub, reason = "a part of the bench")]

use std::fmt::Write;

use self::life::{EVENTS, Life};
use crate::testing::looks;

#[path = "../../benches/events/life.rs"]
mod life;
#[path = "../../benches/events/situations.rs"]
mod situations;

const SIZES: [u32; 2] = [256, 4_096];
const TIMES: u32 = 40;

/// How often candidates are looked at by an event, for each thing that follows from it, at the most, in a
/// situation of so many.
fn most(situation: fn(u32) -> Life, n: u32) -> [usize; EVENTS.len()] {
    let mut life = situation(n);
    EVENTS.map(|(_, act)| {
        let looks = (0..TIMES).map(|i| {
            life.now += std::time::Duration::from_millis(100);
            life.take();
            let before = life.outputs;
            let looks = looks(|| _ = life.time(|life| act(life, i)));
            looks / (1 + life.outputs - before)
        });
        looks.max().unwrap_or(0)
    })
}

/// How many looks are too many: an event may look at what grows with the logarithm. The addresses of one
/// pinned peer, of which one is tried after the other, are gone through, at 10 ns each: six looks.
fn bound(situation: &str, few: usize) -> usize {
    match situation {
        "addresses of one pinned peer" => 6 * SIZES[1] as usize,
        _ => 2 * few + 2_000,
    }
}

/// Fails if any event goes through all candidates, or through all that have something in common.
#[test]
fn no_event_looks_at_all_candidates() {
    let mut report = String::new();
    for (name, situation) in situations::ALL {
        let [few, many] = SIZES.map(|n| most(situation, n));
        for (event, (few, many)) in few.into_iter().zip(many).enumerate() {
            if many > bound(name, few) {
                let what = EVENTS[event].0;
                writeln!(report, "{name}: {what}: {few} among 256, {many} among 4,096").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
