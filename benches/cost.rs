//! What nodes cost others, by simulation: the name server, and the nodes that are dialled. It prints the
//! tables of FIGURES.md: `cargo bench --bench cost`, which takes some minutes and up to 10 GiB; with a part of a row's
//! name behind `--` for that one alone.

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
use network::Host;
use world::World;

/// How many A records an answer over TCP carries, as CoreDNS writes it.
const RECORDS: usize = 4_091;
/// For how long is counted what goes on.
const MEASURED: Duration = Duration::from_secs(600);
/// The most that a pod's entry is late, in milliseconds.
const LATE: u64 = 10_000;

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    println!("| Nodes | TTL | | Look-ups | Dials | Handshakes |\n|---|---|---|---|---|---|");
    for n in [100, 1_000] {
        for ttl in [5, 30] {
            for (what, rolls) in [("idle", false), ("rolling", true)] {
                print(&wanted, &format!("{} | {ttl} s | {what}", thousands(n)), || {
                    goes_on(n, ttl, rolls)
                });
            }
        }
    }
    println!("\n| Nodes | Named | Look-ups in the busiest second |\n|---|---|---|");
    for n in [1_000, 10_000] {
        for (what, late) in [("before they start", 0), ("up to 10 s late", LATE)] {
            print(&wanted, &format!("{} | {what}", thousands(n)), || busiest_start(n, late));
        }
    }
}

fn print(wanted: &str, row: &str, figures: impl FnOnce() -> String) {
    if row.contains(wanted) {
        println!("| {row} | {} |", figures());
    }
}

fn thousands(n: usize) -> String {
    if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

/// What goes on in a cluster that has run for a while; where it rolls, each node is restarted with a new key
/// on its address, one after the other.
fn goes_on(n: usize, ttl: u32, rolls: bool) -> String {
    let mut world = World::empty(Config::new(), 1);
    world.dns.ttl = ttl;
    for _ in 0..n {
        world.add_node();
    }
    world.until(Duration::from_secs(60), "joined", World::all_joined);
    world.run(Duration::from_secs(180));
    world.dns.load.clear();
    world.handshakes.clear();
    world.dialled = 0;
    let steps = u32::try_from(n).expect("few");
    for node in 0..n {
        if rolls {
            world.restart(node);
        }
        world.run(MEASURED / steps);
    }
    assert_eq!(world.components_by_selection(), 1);
    let nodes_and_hours = n as f64 * MEASURED.as_secs_f64() / 3_600.0;
    let look_ups = world.dns.load.values().sum::<usize>() as f64 / nodes_and_hours;
    let dials = world.dialled as f64 / nodes_and_hours;
    let busiest = world.handshakes.values().max().copied().unwrap_or(0);
    let [look_ups, dials] = [look_ups, dials].map(|of_each| thousands(of_each.round() as usize));
    format!("{look_ups} | {dials} | {busiest}")
}

/// The name server's busiest second, where so many pods appear within one, and each is named so late at the
/// most. No answer has more records than TCP carries.
fn busiest_start(n: usize, late: u64) -> String {
    let mut world = World::empty(Config::new(), 1);
    world.dns.negative_ttl = Duration::from_secs(30);
    world.dns.view = dns::View::Cut(RECORDS);
    let mut steps = Vec::new();
    for node in 0..n {
        world.add_host(Host::Refusing);
        let runs = world.rng.u64(..1_000);
        let named = if late == 0 { 0 } else { runs + world.rng.u64(..=late) };
        steps.extend([(named, node, false), (runs, node, true)]);
    }
    world.appear(steps);
    world.until(Duration::from_secs(60), "joined", World::all_joined);
    let busiest = world.dns.load.values().max().copied().unwrap_or(0);
    thousands(busiest)
}
