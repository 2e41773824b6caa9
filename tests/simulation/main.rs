//! What holds for a whole cluster, in a deterministic simulation of many cores. Each property is
//! tried with several seeds; a failing case names its seed, and replays with it:
//! `SIMULATION_SEED=7 cargo test --test simulation NAME`. `SIMULATION_SEEDS=100` tries so many.

mod addresses;
mod agreement;
mod dns;
mod graph;
mod islands;
mod joining;
mod life;
mod machines;
mod network;
mod outages;
mod restarts;
mod scale;
mod start;
mod turns;
mod world;

use std::{num::NonZeroUsize, time::Duration};

use libp2p_dns_discovery::{Config, Selection};
use turns::{Dear, side_by_side};
use world::World;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn lowest(n: usize) -> Config {
    let n = NonZeroUsize::new(n).expect("not zero");
    Config::new().with_selection(Selection::Lowest(n))
}

fn with(selection: Selection) -> Config {
    Config::new().with_selection(selection)
}

/// Runs a property with `n` seeds, with as many as the environment asks for, or with the one that
/// it names.
fn with_seeds(n: u64, property: impl Fn(u64) + Sync) {
    seeds(n, Dear::No, &property);
}

/// The same for a property that takes long: its seeds have their turns before those of others.
fn with_dear_seeds(n: u64, property: impl Fn(u64) + Sync) {
    seeds(n, Dear::Yes, &property);
}

fn seeds(n: u64, dear: Dear, property: &(impl Fn(u64) + Sync)) {
    let variable = |name| std::env::var(name).ok().and_then(|s| s.parse::<u64>().ok());
    if let Some(seed) = variable("SIMULATION_SEED") {
        return turns::in_turn(dear, || property(seed));
    }
    let n = variable("SIMULATION_SEEDS").map_or(n, |seeds| seeds.max(n));
    side_by_side(0..n, |seed| {
        let run = std::panic::AssertUnwindSafe(|| turns::in_turn(dear, || property(seed)));
        if let Err(panic) = std::panic::catch_unwind(run) {
            eprintln!("failed with SIMULATION_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    });
}

/// The lowest `n` living others of a node.
fn lowest_others(world: &World, node: usize, n: usize) -> Vec<usize> {
    world.living().filter(|other| *other != node).take(n).collect()
}

/// Whether a node has selected the lowest three others, as all should.
fn agrees(world: &World, node: usize) -> bool {
    world.selected(node) == lowest_others(world, node, 3)
}

fn all_agree(world: &World) -> bool {
    world.living().all(|n| agrees(world, n))
}
