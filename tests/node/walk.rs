//! The walk past candidates that do not answer: how long it takes, and how often it comes back.

use std::time::Duration;

use libp2p_dns_discovery::{Config, Selection, Status};

use crate::support::{Host, World, at, ip, lowest, secs};

/// How many candidates the walks are over.
const CANDIDATES: u8 = 20;
const STAGGER: Duration = Duration::from_millis(250);
/// What a look-up and a probe take.
const LATENCY: Duration = Duration::from_millis(1);
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest back-off.
const CAP: Duration = Duration::from_secs(300);

/// A world of [`CANDIDATES`] of which the first `silent` are.
fn silent_first(config: Config, silent: u8, seed: u64) -> World {
    let mut world = World::seeded(config, seed);
    let ips: Vec<_> = (1..=CANDIDATES).map(ip).collect();
    world.name(&ips);
    for (ip, n) in ips.into_iter().zip(1..) {
        world.live(ip);
        if n <= silent {
            world.set(ip, Host::Silent);
        }
    }
    world.source("/dns4/peers.example./tcp/4001");
    world
}

/// How long `Lowest(3)` takes to verify the first, and three, with the `silent` lowest silent.
fn time_to_one_and_three(silent: u8, latency: Duration, seed: u64) -> [Duration; 2] {
    let mut world = silent_first(lowest(3), silent, seed);
    world.latency = latency;
    [1, 3].map(|wanted| {
        world.until(secs(60), "verified", |w| w.core.peers().count() >= wanted);
        world.now - world.start
    })
}

/// Three probes start at once, and with every stagger in which they are silent one more for each place
/// that is still free. Up to three silent ones cost one stagger; each beyond them one more at worst:
/// when random ones have taken two places, and the third is looked for one by one.
fn staggers(silent: u8) -> u32 {
    match silent {
        0 => 0,
        _ => u32::from(silent.saturating_sub(2).max(1)),
    }
}

/// What the walk past the silent takes, over many seeds.
struct Row {
    silent: u8,
    /// The slowest to verify the first.
    first: Duration,
    /// To verify three: the middle one, and the slowest.
    median: Duration,
    slowest: Duration,
}

/// The time to three verified, with none to ten silent ones at the start.
fn table(latency: Duration) -> Vec<Row> {
    let row = |silent| {
        let times = (0..50).map(|seed| time_to_one_and_three(silent, latency, seed));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable_by_key(|[_, three]| *three);
        let first = times.iter().map(|[one, _]| *one).max().unwrap_or_default();
        let (median, slowest) = (times[times.len() / 2][1], times[times.len() - 1][1]);
        Row { silent, first, median, slowest }
    };
    (0..=10).map(row).collect()
}

/// Fails without the hedge in `has_slot`: a silent one then costs its whole time-out; and without
/// the random turn in `next_to_try`: the middle row for ten is then the slowest.
#[test]
fn each_silent_one_at_the_start_costs_a_stagger_at_most() {
    let rows = table(LATENCY);
    let healthy = rows[0].slowest;
    println!("silent  first  three: median  slowest (ms)");
    for Row { silent, first, median, slowest } in &rows {
        let [first_ms, median_ms, slowest_ms] = [first, median, slowest].map(Duration::as_millis);
        println!("{silent:6}  {first_ms:5}  {median_ms:13}  {slowest_ms:7}");
        let bound = healthy + STAGGER * staggers(*silent) + LATENCY * 10;
        assert!(*slowest <= bound, "{silent} silent: {slowest:?} against {bound:?}");
    }
    assert!(rows[10].median + STAGGER <= rows[10].slowest, "random ones are tried meanwhile");
}

/// However slow the others are. Fails without the hedge in `has_slot`, and if it is one more probe
/// with every stagger, and not one for each place.
#[test]
fn three_silent_ones_at_the_start_cost_two_staggers_at_most() {
    for latency in [1, 20, 50, 100, 200, 400, 900] {
        let latency = Duration::from_millis(latency);
        for seed in 0..20 {
            let [[_, healthy], [_, took]] =
                [0, 3].map(|silent| time_to_one_and_three(silent, latency, seed));
            let bound = healthy + STAGGER * 2;
            assert!(took <= bound, "{took:?} against {healthy:?} at {latency:?}");
        }
    }
}

/// Where every handshake takes longer than a silent candidate may keep a slot, as in a cluster that
/// restarts on busy machines, one of those that were asked first is waited for. Fails without
/// `Dials::spare`: then everybody is given up once before anybody is given the time that it takes,
/// which is half a minute here.
#[test]
fn where_everybody_is_slow_the_first_handshakes_are_waited_for() {
    for handshake in [3, 6, 9].map(secs) {
        for selection in [Selection::default(), Selection::Fingers] {
            for seed in 0..20 {
                let config = Config::new().with_selection(selection);
                let mut world = World::seeded(config, seed);
                let ips: Vec<_> = (1..=200).map(ip).collect();
                world.name(&ips);
                for ip in ips {
                    let peer = world.live(ip);
                    world.set(ip, Host::Slow(peer, handshake));
                }
                world.source("/dns4/peers.example./tcp/4001");
                world.until(secs(60), "verified", |w| w.core.peers().count() > 0);
                let took = world.now - world.start;
                // In the second round at the latest.
                let bound = handshake + secs(3);
                assert!(took <= bound, "{selection}, {seed}: {took:?} against {handshake:?}");
            }
        }
    }
}

/// How long the pauses are after each time that a silent candidate is given up, in a day.
fn pauses(seed: u64) -> Vec<Duration> {
    let mut world = silent_first(lowest(1), 1, seed);
    world.run(secs(86_400));
    assert_eq!(world.core.status(), Status::Joined, "or it were tried more often");
    let first = at(ip(1));
    let dials = world.dials.iter().filter(|(_, address, _)| *address == first);
    let dials: Vec<_> = dials.map(|(at, ..)| *at).collect();
    dials.windows(2).map(|pair| pair[1] - pair[0] - PROBE_TIMEOUT).collect()
}

/// Fails without the doubling in `back_off`, without its cap, and without its random half, each by
/// itself.
#[test]
fn a_silent_candidate_is_tried_more_and_more_rarely_up_to_the_cap_and_never_in_step() {
    let of_seeds: Vec<_> = (0..8).map(pauses).collect();
    for pauses in &of_seeds {
        for (pause, n) in pauses.iter().zip(0_u32..) {
            let longest = (secs(1) * (1 << n.min(20))).min(CAP);
            let within = longest / 2..=longest + STAGGER;
            assert!(within.contains(pause), "{n}: {pause:?} is not within {within:?}");
        }
        let late = &pauses[10..];
        // Half an hour in ten-odd tries, then at the cap for the rest of the day.
        assert!(late.len() > 250, "it is not given up: {}", late.len());
        assert!(late.iter().any(|pause| *pause > CAP * 9 / 10), "the cap is reached");
        assert!(late.iter().any(|pause| *pause < CAP * 6 / 10), "half of it is random");
    }
    for n in 0..10 {
        let mut nth: Vec<_> = of_seeds.iter().map(|pauses| pauses[n]).collect();
        nth.sort_unstable();
        nth.dedup();
        assert_eq!(nth.len(), of_seeds.len(), "nodes with other seeds come at other times");
    }
}
