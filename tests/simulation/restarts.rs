//! Nodes come back with new keys on old addresses, one after the other, or again and again.

use std::time::Duration;

use libp2p_dns_discovery::Selection;

use crate::{
    machines::Machines, secs, side_by_side, with, with_dear_seeds, with_seeds, world::World,
};

/// Two re-verification intervals with their jitter.
const TWO_INTERVALS: Duration = Duration::from_secs(2 * 75);

/// All nodes restart one after the other on their addresses with new keys, while DNS names them as
/// ever. Who died takes no place for longer than two re-verification intervals, and is in the table
/// of nobody whose connection to it broke for longer than that; two of the ten times longer
/// intervals of entries that are not selected after the last restart, it is in no table at all.
/// Nobody is isolated for longer than a refresh. 50 nodes select the lowest, 120 fingers.
///
/// Fails if `identify` keeps the old entry of an address (a place for 152 s), without verifications
/// of entries that are not selected, and without an early one when a connection ends
/// (`last_closed`; an entry for 152 s in both).
#[test]
fn a_rolling_restart_leaves_no_stale_identity() {
    for n in [50, 120] {
        with_seeds(2, |seed| {
            let mut world = World::new(n, with(Selection::Auto), seed);
            world.until(secs(60), "formed", |w| w.all_joined());
            for step in 0..n + 75 {
                if step < n {
                    world.restart(step);
                }
                world.run(secs(2));
                let (place, entry) = (world.longest_misplaced(), world.longest_lost());
                assert!(place <= TWO_INTERVALS, "an old identity keeps a place for {place:?}");
                assert!(entry <= TWO_INTERVALS, "an old identity is listed for {entry:?}");
            }
            assert_eq!(world.stale_selections(), 0);
            world.run(10 * TWO_INTERVALS - TWO_INTERVALS);
            assert_eq!(world.stale_entries(), 0);
            assert!(world.all_joined());
            assert_eq!(world.components_by_selection(), 1);
            let longest = world.longest_isolation();
            assert!(longest <= secs(36), "isolated for {longest:?}");
        });
    }
}

/// One node in ten, the lowest two among them, comes back with a new key every few seconds and
/// crashes again. For half an hour nobody else is isolated, all others stay one component of what
/// they connect to within two minutes, and the discovery of none dials more than 40 times a minute,
/// nor more than 20 times on average. When it is over, all agree within a back-off cap and an
/// interval.
///
/// Fails without the early verification in `last_closed` (two components), if `identify` keeps the
/// old entry, and without `first_to_retry` (no agreement in the end). It holds without withdrawals,
/// and without back-off: one that refuses is seldom tried, because it is verified again as soon as it
/// is back.
#[test]
fn crash_loops_do_not_disturb_the_others() {
    const CRASHING: [usize; 6] = [0, 1, 17, 29, 41, 58];
    for selection in [Selection::Fingers, "lowest:3".parse().expect("valid")] {
        with_seeds(2, |seed| {
            let mut world = World::new(60, with(selection), seed);
            world.until(secs(60), "formed", |w| w.all_joined());
            for node in CRASHING {
                world.crash_loop(node, secs(4));
            }
            let dials = |w: &World| w.steady().map(|n| w.nodes[n].dials).collect::<Vec<_>>();
            let before = dials(&world);
            for _ in 0..15 {
                let start = world.now;
                world.run(secs(120));
                assert_eq!(world.components_by_connections(start), 1);
            }
            let isolated = world.steady().map(|n| world.isolated(n)).max();
            assert_eq!(isolated, Some(Duration::ZERO));
            let each: Vec<_> = dials(&world).iter().zip(before).map(|(a, b)| a - b).collect();
            let (most, all) = (each.iter().max().expect("nodes"), each.iter().sum::<usize>());
            assert!(most / 30 < 40, "one dials {} times a minute", most / 30);
            assert!(all / each.len() / 30 < 20, "{} dials in all", all);
            world.crashing.clear();
            for node in CRASHING {
                world.restart(node);
            }
            world.until(secs(300 + 75), "over", |w| match selection {
                Selection::Lowest(_) => crate::all_agree(w),
                _ => w.components_by_selection() == 1 && w.stale_selections() == 0,
            });
        });
    }
}

/// How many nodes, what one side of a handshake costs in microseconds, and how many processors all of them
/// share, if they do not have one each. The first dials of all take between 10 and 24 s of what is shared, and a
/// dial has ten; what a healthy cluster verifies takes up to three quarters.
const MACHINES: [(usize, u64, Option<usize>); 6] = [
    (100, 500_000, None),
    (300, 500_000, None),
    (1_000, 500_000, None),
    (100, 24_000, Some(2)),
    (300, 8_000, Some(2)),
    (1_000, 2_400, Some(2)),
];
/// How many handshakes a node may take to find its place.
const HANDSHAKES: f64 = 80.0;

/// A cluster whose handshakes queue, and how long it took to form. It has been idle for a while since.
fn formed((n, micros, shared): (usize, u64, Option<usize>), seed: u64) -> (World, Duration) {
    let mut world = World::empty(with(Selection::Auto), seed);
    world.machines = Machines::new(Duration::from_micros(micros), shared);
    for _ in 0..n {
        world.add_node();
    }
    let took = world.until(secs(120), "formed", is_settled);
    assert!(handshakes(&world) <= HANDSHAKES, "{} handshakes a node to form", handshakes(&world));
    world.run(secs(120));
    world.dialled = 0;
    (world, took)
}

/// Joined, in one component, and nobody believes in anybody who is no more.
fn is_settled(world: &World) -> bool {
    world.all_joined() && world.components_by_selection() == 1 && world.stale_entries() == 0
}

fn handshakes(world: &World) -> f64 {
    world.dialled as f64 / world.nodes.len() as f64
}

/// All come back at once with new keys, where handshakes queue: no storm, although those are worked off too for
/// which nobody waits any more. It takes no longer than to form, when not all began in the same instant.
///
/// Where processors are shared, it fails if all dials may run at once though we wake late (`Congestion`): 300
/// nodes have made 500 handshakes each after ten minutes, and nobody is joined.
#[test]
fn all_come_back_at_once_with_new_keys_and_no_storm() {
    side_by_side(MACHINES, |machines| {
        with_dear_seeds(1, |seed| {
            let (mut world, to_form) = formed(machines, seed);
            for node in 0..world.nodes.len() {
                world.restart(node);
            }
            let took = world.until(secs(120), "back", is_settled);
            println!("| {machines:?} | {to_form:?} | {took:?} | {:.1} |", handshakes(&world));
            assert!(handshakes(&world) <= HANDSHAKES, "{machines:?}: {}", handshakes(&world));
            assert!(took <= 2 * to_form, "{machines:?}: {took:?}, and {to_form:?} to form");
        });
    });
}

/// All come back with new keys, one in twenty every two seconds. Two intervals after the last ones nobody
/// gives a place to who is no more, with few handshakes; and two of the ten times longer intervals of
/// entries that are not selected after them, nobody believes in any.
#[test]
fn all_come_back_step_by_step_with_new_keys_and_no_storm() {
    side_by_side(MACHINES, |machines| {
        with_dear_seeds(1, |seed| {
            let (mut world, _) = formed(machines, seed);
            for first in 0..20 {
                for node in (first..world.nodes.len()).step_by(20) {
                    world.restart(node);
                }
                world.run(secs(2));
            }
            let took = world.until(TWO_INTERVALS, "no old id in a place", |w| {
                w.all_joined() && w.components_by_selection() == 1 && w.stale_selections() == 0
            });
            println!("| {machines:?} | {took:?} | {:.1} |", handshakes(&world));
            assert!(handshakes(&world) <= HANDSHAKES, "{machines:?}: {}", handshakes(&world));
            // What follows is what an idle cluster does, and takes long with a thousand.
            if machines.0 == 100 {
                world.until(9 * TWO_INTERVALS, "no old id anywhere", is_settled);
            }
        });
    });
}
