//! What one of 1,000 nodes in one process holds, as far as it is the core's: `cargo bench --bench memory`.
//! What all of them share (the candidates) counts for each of them in part.

#![allow(dead_code, reason = "a part of the simulation")]

#[path = "../tests/simulation/dns.rs"]
mod dns;
#[path = "../tests/simulation/graph.rs"]
mod graph;
#[path = "../tests/simulation/life.rs"]
mod life;
#[path = "../tests/simulation/machines.rs"]
mod machines;
#[path = "../tests/simulation/network.rs"]
mod network;
#[path = "../tests/simulation/world.rs"]
mod world;

use std::time::Duration;

use libp2p_dns_discovery::{Config, Selection, discovery::Discovery};
use peak_alloc::PeakAlloc;
use world::World;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const NODES: usize = 1_000;

fn main() {
    println!("| Nodes | Selection | KiB a node |\n|---|---|---|");
    let lowest = "lowest:3".parse().expect("valid");
    for (what, selection) in
        [("`Auto`, that is `Fingers`", Selection::Auto), ("`Lowest(3)`", lowest)]
    {
        let mut world = World::new(NODES, Config::new().with_selection(selection), 1);
        world.until(Duration::from_secs(60), "joined", World::all_joined);
        world.run(Duration::from_secs(600));
        let with = MEMORY.current_usage();
        let now = world.now;
        for node in &mut world.nodes {
            node.core = Discovery::new(Config::new(), node.peer, 1, now);
        }
        let without = MEMORY.current_usage();
        let kib = (with - without) as f64 / NODES as f64 / 1_024.0;
        println!("| 1,000 | {what} | {kib:.1} |");
    }
}
