//! No set of dead or silent candidates stops a node from joining.

use std::time::Duration;

use crate::{lowest, network::Host, secs, with_seeds, world::World};

/// How long it may take to find the first that answers behind `k` that do not.
///
/// All are up within a second, and have an answer at once. A silent one is waited for with others
/// beside it: three start together, and three more with every stagger, until twelve of the sixteen
/// slots are taken, which is what there is for places; a silent one keeps its slot for two seconds, so
/// that six a second are walked past. One that refuses frees its slot at once. Of the 600 dials of a
/// minute, a hundred may start at once, of which a quarter is kept for verifications, and the other
/// 500 flow in evenly.
fn bound(k: usize, host: Host) -> Duration {
    let by_budget = k.saturating_sub(75) as f64 * 60.0 / 500.0;
    let walk = match host {
        Host::Silent => {
            let by_stagger = k.min(12) as f64 / 12.0;
            let by_slots = k.saturating_sub(12) as f64 * 2.0 / 12.0;
            (by_stagger + by_slots).max(by_budget)
        }
        _ => by_budget,
    };
    // A second for the start, one for the look that sees it, and one for all that takes
    // milliseconds.
    Duration::from_secs_f64(walk.ceil() + 3.0)
}

/// With common views and common reach, selection alone makes one component, however many of the
/// lowest are dead or silent, up to all but two, within the time in which one is found: what is
/// found first is what all find, or leads to it within a refresh.
///
/// Fails without `make_room` (28 silent ones take more than 7 s). It holds without the
/// random ones.
#[test]
fn the_lowest_may_all_be_dead_or_silent() {
    let every = (1..=58).map(|k| (60, k));
    for host in [Host::Refusing, Host::Silent] {
        for (n, k) in every.clone().chain([(100, 75), (100, 98), (300, 298)]) {
            with_seeds(1, |seed| {
                let mut world = World::new(n, lowest(3), seed);
                deaden(&mut world, k, host);
                let what = format!("{k} of {n} {host:?}");
                world.until(bound(k, host), &what, |w| w.all_joined());
                world.until(secs(36), &what, |w| w.components_by_selection() == 1);
            });
        }
    }
}

/// While nobody is verified, every second slot goes to a random candidate: half of a large name may
/// be silent, the lower half, and it costs five seconds, and not the walk past all of them.
///
/// Fails without the random ones (`Search::random`), and without `make_room`, at 100 nodes already.
#[test]
fn the_lower_half_may_be_silent() {
    for n in [100, 200, 400, 800] {
        with_seeds(2, |seed| {
            let mut world = World::new(n, lowest(3), seed);
            deaden(&mut world, n / 2, Host::Silent);
            world.until(secs(5), &format!("half of {n}"), |w| w.all_joined());
        });
    }
}

/// The lowest `k` are not there, and never were.
fn deaden(world: &mut World, k: usize, host: Host) {
    for node in 0..k {
        world.hosts[node] = host;
        world.nodes[node].up = false;
    }
}
