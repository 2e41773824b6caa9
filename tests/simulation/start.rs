//! A deployment starts: pods appear, and each is named by DNS a while after it runs.

use std::time::Duration;

use libp2p_dns_discovery::{Config, Status};

use crate::{network::Host, secs, side_by_side, with_seeds, world::World};

/// What one name server of a cluster answers in a second.
const CAPACITY: usize = 10_000;
/// The most that a pod's entry is late.
const LATE: u64 = 10_000;

/// How a start went.
#[derive(Debug)]
struct Start {
    /// How long after both ran, and DNS named a second one, half of the nodes had joined.
    median: Duration,
    /// The same of the last one.
    last: Duration,
    look_ups: f64,
    busiest: usize,
}

/// `n` pods appear over so many seconds; the entry of each is up to ten seconds late.
fn start(n: usize, over: u64, capacity: usize, config: Config, seed: u64) -> Start {
    let mut world = World::empty(config, seed);
    world.dns.capacity = capacity;
    world.dns.negative_ttl = secs(30);
    let mut rng = fastrand::Rng::with_seed(seed);
    // (when it runs, when DNS names it), in milliseconds.
    let times: Vec<(u64, u64)> = (0..n)
        .map(|_| {
            let runs = rng.u64(..over * 1_000);
            (runs, runs + rng.u64(..=LATE))
        })
        .collect();
    for _ in 0..n {
        world.add_host(Host::Refusing);
    }
    let mut steps: Vec<(u64, usize, bool)> = Vec::new();
    for (node, (runs, named)) in times.iter().enumerate() {
        steps.extend([(*runs, node, true), (*named, node, false)]);
    }
    world.appear(steps);
    let look_ups = |world: &World| world.nodes.iter().map(|node| node.queries).sum::<usize>();
    world.run((world.start + secs(over + 60)).saturating_duration_since(world.now));
    let in_a_minute = look_ups(&world) as f64 / n as f64;
    world.until(secs(300), "all joined", World::all_joined);
    assert_eq!(world.components_by_selection(), 1);
    let mut named: Vec<u64> = times.iter().map(|(_, named)| *named).collect();
    named.sort_unstable();
    let second = named[1];
    let mut took: Vec<Duration> = (0..n)
        .map(|node| {
            let possible = world.start + Duration::from_millis(times[node].0.max(second));
            let joined = world.nodes[node].joined_at.expect("it joined");
            joined.saturating_duration_since(possible)
        })
        .collect();
    took.sort_unstable();
    Start {
        median: took[n / 2],
        last: took[n - 1],
        look_ups: in_a_minute,
        busiest: world.dns.load.values().copied().max().unwrap_or(0),
    }
}

fn sizes() -> Vec<usize> {
    match std::env::var_os("SIMULATION_LONG") {
        Some(_) => vec![100, 1_000, 10_000],
        None => vec![100, 1_000],
    }
}

/// Half of the nodes join within 3 s of the second entry, as long as the name server answers, however
/// the pods are spread, and the last one within 5 s. Fails without the start-up pace (`StartUp`): the
/// last ones join after half a minute.
#[test]
fn a_deployment_joins_within_seconds_of_its_second_entry() {
    let cases = sizes().into_iter().flat_map(|n| [1, 10, 60].map(|over| (n, over)));
    side_by_side(cases, |(n, over)| {
        with_seeds(1, |seed| {
            let at_ttl = Config::new().with_start_refresh(Duration::from_secs(u64::MAX));
            let at_ttl = start(n, over, CAPACITY, at_ttl, seed);
            let start = start(n, over, CAPACITY, Config::new(), seed);
            let pair = |of: fn(&Start) -> f64| format!("{:.1} | {:.1}", of(&at_ttl), of(&start));
            println!(
                "| {n} | {over} s | {} | {} | {} | {} |",
                pair(|s| s.median.as_secs_f64()),
                pair(|s| s.last.as_secs_f64()),
                pair(|s| s.look_ups),
                pair(|s| s.busiest as f64),
            );
            // A thousand pods ask no more than one name server answers.
            assert!(n > 1_000 || start.busiest <= CAPACITY, "{n} over {over} s: {start:?}");
            if start.busiest <= CAPACITY {
                assert!(start.median <= secs(3), "{n} over {over} s: {start:?}");
                assert!(start.last <= secs(5), "{n} over {over} s: {start:?}");
            }
        });
    });
}

/// All join although the name server answers a tenth of what it is asked at first.
#[test]
fn a_deployment_recovers_from_more_look_ups_than_the_server_answers() {
    with_seeds(1, |seed| {
        let start = start(300, 1, 30, Config::new(), seed);
        assert!(start.busiest > 30, "{start:?}");
    });
}

/// A lone pod, whose entry waits for its readiness, is alone and ready in 15 s; and so is one whose
/// entry names itself, at once.
#[test]
fn a_lone_pod_is_alone_within_seconds() {
    with_seeds(8, |seed| {
        for (is_named, limit) in [(false, 15), (true, 3)] {
            let mut world = World::new(1, Config::new(), seed);
            world.dns.negative_ttl = secs(30);
            if !is_named {
                world.dns.members.clear();
            }
            world.until(secs(limit), "alone", |w| w.nodes[0].core.status() == Status::Alone);
        }
    });
}
