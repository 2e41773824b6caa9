//! What each event costs a node that knows of 1,024 or of 16,384 candidates, in each of the situations in
//! which these may be. `cargo bench --bench events`, with a part of a situation's name behind `--` for
//! that one alone.
//!
//! No event that concerns one candidate may cost more than O(log n), or a millisecond at 16,384; none
//! that concerns none of ours more than O(1).

#[path = "events/answers.rs"]
mod answers;
#[path = "events/life.rs"]
mod life;
#[path = "events/shell.rs"]
mod shell;
#[path = "events/situations.rs"]
mod situations;

use std::{collections::BTreeMap, time::Duration};

use life::{EVENTS, Life};

const SIZES: [u32; 2] = [1_024, 16_384];
/// How often each event happens in each run.
const TIMES: u32 = 120;
/// Each run is made so often. What an event took is the least of these: a neighbour on the machine makes
/// it longer, and never shorter.
const RUNS: usize = 2;

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    println!("{:<30} {:<42} {:>9} {:>9} {:>6} {:>9}", "", "", "n = 1,024", "16,384", "", "worst");
    println!("{:<30} {:<42} {:>9} {:>9} {:>6} {:>9}", "all are", "", "ns", "ns", "ratio", "ns");
    for (name, situation) in situations::ALL {
        if name.contains(&wanted) {
            let [small, large] = SIZES.map(|n| measure(|| situation(n)));
            print(name, &small, &large);
        }
    }
    if "keep-alive".contains(&wanted) {
        shell::print();
    }
    if "answers".contains(&wanted) {
        answers::print();
    }
}

fn print(
    name: &str,
    small: &BTreeMap<usize, Vec<Duration>>,
    large: &BTreeMap<usize, Vec<Duration>>,
) {
    for (event, took) in large {
        let mean = |took: &[Duration]| took.iter().sum::<Duration>() / TIMES;
        let [few, many] = [mean(&small[event]), mean(took)].map(|took| took.as_nanos() as f64);
        let worst = took.iter().max().map_or(0, Duration::as_nanos);
        let mark = if worst > 1_000_000 || many > 6.0 * few { " *" } else { "" };
        let what = EVENTS[*event].0;
        println!(
            "{name:<30} {what:<42} {few:>9.0} {many:>9.0} {:>6.1} {worst:>9}{mark}",
            many / few
        );
    }
}

/// What each event took in a situation, each time that it happened.
fn measure(situation: impl Fn() -> Life) -> BTreeMap<usize, Vec<Duration>> {
    let mut least: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
    for _ in 0..RUNS {
        let mut life = situation();
        for (event, (_, act)) in EVENTS.iter().enumerate() {
            let took = (0..TIMES).map(|i| {
                // The budget lets one dial start meanwhile.
                life.now += Duration::from_millis(100);
                life.take();
                life.time(|life| act(life, i))
            });
            let took: Vec<_> = took.collect();
            let known = least.entry(event).or_insert_with(|| took.clone());
            known.iter_mut().zip(took).for_each(|(known, took)| *known = took.min(*known));
        }
    }
    least
}
