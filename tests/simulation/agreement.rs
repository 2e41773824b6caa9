//! Two nodes with the same answer choose the same peers, whatever happened before.

use libp2p_dns_discovery::Selection;

use crate::{
    all_agree,
    dns::View,
    lowest,
    network::{Host, Latency},
    secs, with, with_seeds,
    world::World,
};

/// DESIGN's first point: whatever happened before, in a quiet network every node's set becomes the
/// three lowest reachable others. The history has nodes that restart, stop, die without a word and
/// crash again and again, members that leave the name and come back, servers that lag behind by up
/// to a minute, and resolvers that four share.
///
/// Fails without retries of those that failed (`first_to_retry`), if candidates that come later are
/// not among the untried (`follow_order`), and, for seed 1, if `identify` keeps the old entry of an
/// address. It holds without departures, hints and withdrawals: the dead of a name do no harm.
#[test]
fn whatever_happened_before_all_agree_on_the_lowest() {
    with_seeds(6, |seed| {
        let mut world = World::new(40, lowest(3), seed);
        world.dns.share_cache = Some(4);
        world.dns.lag = |node| node as u64 % 4 * 20;
        world.latency = if seed % 2 == 0 { Latency::LOCAL } else { Latency::GLOBAL };
        let mut rng = fastrand::Rng::with_seed(seed);
        for _ in 0..30 {
            happens(&mut world, rng.usize(..40), &mut rng);
            world.run(secs(rng.u64(1..60)));
        }
        world.crashing.clear();
        for node in 0..40 {
            world.dns.members.insert(node);
            if !world.nodes[node].up {
                world.restart(node);
            }
        }
        // One back-off cap, and the interval in which the last of the old are verified; or, for
        // those whose names are new to some, the lag, a TTL and a refresh.
        world.until(secs(300 + 75), "agreement", all_agree);
        assert_eq!(world.components_by_selection(), 1);
    });
}

fn happens(world: &mut World, node: usize, rng: &mut fastrand::Rng) {
    world.crashing.remove(&node);
    match rng.u8(..6) {
        0 => world.restart(node),
        1 => world.stop(node),
        2 => world.silence(node),
        3 => world.crash_loop(node, secs(rng.u64(2..10))),
        4 => world.give_away(node),
        _ => {
            world.stop(node);
            world.dns.members.remove(&node);
        }
    }
}

/// A cluster that is rolled out, a node every two seconds, the lowest last, by servers of which
/// every second one lags behind by half a minute, with answers from shared caches: when the last
/// one has been named for two refreshes, all are joined, and the selections make one component,
/// whatever the selection is.
///
/// Fails if candidates that come later are not among the untried (`follow_order`): the lower ones
/// are never tried. It holds without `first_to_retry`, and if one answer's omission is enough to leave.
#[test]
fn a_rollout_is_one_component_within_two_refreshes() {
    for selection in ["auto", "fingers", "lowest:1", "lowest:3"] {
        for latency in [Latency::LOCAL, Latency::GLOBAL] {
            with_seeds(2, |seed| {
                let selection = selection.parse().expect("valid");
                let mut world = World::empty(with(selection), seed);
                world.latency = latency;
                world.dns.share_cache = Some(4);
                world.dns.lag = |node| node as u64 % 2 * 30;
                roll_out(&mut world, 80);
                // The lag, then what is left of the TTL of a cached answer, then two refreshes.
                let limit = secs(30 + 30 + 2 * 36);
                let what = format!("{selection} {latency:?}");
                world.until(limit, &what, |w| w.all_joined() && w.components_by_selection() == 1);
                if matches!(selection, Selection::Lowest(n) if n.get() == 3) {
                    world.until(secs(300), &what, all_agree);
                }
            });
        }
    }
}

/// Starts and names nodes one after the other, the lowest last.
fn roll_out(world: &mut World, n: usize) {
    for _ in 0..n {
        world.add_host(Host::Refusing);
    }
    world.dns.members.clear();
    for node in (0..n).rev() {
        world.restart(node);
        world.dns.members.insert(node);
        world.run(secs(2));
    }
}

/// Answers that are cut to another random third each time still lead everybody to the same lowest:
/// what they carry is united. Fails if partial answers are read as complete ones.
#[test]
fn all_agree_behind_an_answer_that_carries_a_third_of_them() {
    with_seeds(3, |seed| {
        let mut world = World::empty(lowest(3), seed);
        world.dns.view = View::Cut(40);
        for _ in 0..120 {
            world.add_node();
        }
        // After thirty answers, one name in 190,000 was in none of them.
        world.until(secs(30 * 36), "agreement", all_agree);
        world.run(secs(3_600));
        assert!(all_agree(&world), "and it lasts");
    });
}
