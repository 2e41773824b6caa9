//! One simulated hour of 300 nodes, from their start on: what the core costs in a life that is like any
//! other. `cargo bench --bench hour`; or, for instructions rather than time, `valgrind --tool=callgrind`
//! before the binary that it names.

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

use libp2p_dns_discovery::Config;
use world::World;

const NODES: usize = 300;
const HOUR: Duration = Duration::from_secs(3_600);

fn main() {
    let mut world = World::new(NODES, Config::new(), 1);
    world.run(HOUR);
    let sum = |of: fn(&world::Node) -> usize| world.nodes.iter().map(of).sum::<usize>();
    let (queries, dials) = (sum(|node| node.queries), sum(|node| node.dials));
    assert_eq!(world.components_by_selection(), 1);
    println!("{NODES} nodes: {queries} look-ups and {dials} dials in an hour");
}
