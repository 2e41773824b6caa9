//! Nodes come back with new keys on old addresses, one after the other, or again and again.

use std::time::Duration;

use libp2p_dns_discovery::Selection;

use crate::{secs, with, with_seeds, world::World};

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
