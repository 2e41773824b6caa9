//! Where nodes see different answers or reach different addresses, islands grow together.

use libp2p_dns_discovery::{Selection, Status};

use crate::{dns::View, lowest, secs, with, with_seeds, world::World};

/// Waits until selection has made what islands it makes, and then until repair has made one
/// component of all connections since. Says how many dials a node and minute it took.
fn grow_together(world: &mut World, islands: usize, limit: u64, what: &str) -> f64 {
    // Until all have found their lowest, some select by chance whom they met.
    world.until(secs(240), &format!("{islands} islands: {what}"), |w| {
        w.all_joined() && w.components_by_selection() == islands
    });
    world.run(secs(15));
    let (start, dials) = (world.now, world.dials());
    let took = world.until(secs(limit), what, |w| w.components_by_connections(start) == 1);
    let minutes = took.as_secs_f64().max(60.0) / 60.0;
    (world.dials() - dials) as f64 / world.nodes.len() as f64 / minutes
}

/// Two islands of 50 that cannot reach each other, but for some nodes of the second that reach
/// both: selection alone leaves them apart, since the bridges select the lowest of the first, and
/// nobody selects the bridges.
///
/// Fails without `repair`: still two after 900 s with one bridge. Most dials are to the silent
/// island, which is tried with back-off.
#[test]
fn islands_find_each_other_by_their_bridges() {
    for bridges in [1, 5, 10] {
        with_seeds(4, |seed| {
            let mut world = World::new(100, lowest(3), seed);
            world.reach = Box::new(move |a, b| {
                let island = |n: usize| n < 50;
                let bridge = |n: usize| n >= 100 - bridges;
                bridge(a) || bridge(b) || island(a) == island(b)
            });
            let limit = if bridges == 1 { 900 } else { 300 };
            let dials = grow_together(&mut world, 2, limit, &format!("{bridges} bridges"));
            assert!(dials < 60.0, "{dials} dials a node and minute");
        });
    }
}

/// Two islands by what they see, but for two nodes of the second that see all.
///
/// Fails without `repair`: still two after 300 s, for the first seed.
#[test]
fn islands_find_each_other_by_those_who_see_both() {
    with_seeds(6, |seed| {
        let mut world = World::new(100, lowest(3), seed);
        world.dns.view = View::Split(|node, member| node >= 98 || (node < 50) == (member < 50));
        let dials = grow_together(&mut world, 2, 300, "two who see both");
        assert!(dials < 10.0, "{dials} dials a node and minute");
    });
}

/// Half of the nodes see the lower 60 in a hundred, the others the upper 60, and the lowest of each
/// half are of those who see that half: the selections are two components.
///
/// Fails without `repair`: still two after 180 s, for the first seed. With it, it takes less than
/// one.
#[test]
fn overlapping_halves_grow_together() {
    fn sees_upper(node: usize) -> bool {
        node >= 60 || (40..50).contains(&node)
    }
    with_seeds(6, |seed| {
        let mut world = World::new(100, lowest(3), seed);
        world.dns.view = View::Split(|node, member| match sees_upper(node) {
            true => member >= 40,
            false => member < 60,
        });
        let dials = grow_together(&mut world, 2, 180, "halves");
        assert!(dials < 10.0, "{dials} dials a node and minute");
    });
}

/// The upper half cannot dial the lower one, which is behind a translator of addresses and can dial
/// everybody: the lower ones select each other, the upper ones each other.
///
/// Fails without `repair`: still two after 180 s, for the first seed. With it, it takes less than
/// one, and some 40 dials a node and minute while the silent half is tried for the first time.
#[test]
fn one_way_reach_is_enough() {
    with_seeds(6, |seed| {
        let mut world = World::new(100, lowest(3), seed);
        world.reach = Box::new(|from, to| from < 50 || to >= 50);
        let dials = grow_together(&mut world, 2, 180, "one way");
        assert!(dials < 60.0, "{dials} dials a node and minute");
    });
}

/// Everybody sees eight in a hundred, always the same ones, and selects only one, which is
/// documented as unsafe: with half of the seeds that makes two islands.
///
/// Fails without `repair` for the seeds with two islands, the first among them: still two after 300
/// s.
#[test]
fn narrow_views_with_one_place_grow_together() {
    with_seeds(8, |seed| {
        let mut world = World::empty(lowest(1), seed);
        world.dns.view = View::Percent(8);
        for _ in 0..100 {
            world.add_node();
        }
        world.run(secs(90));
        if world.living().any(|n| world.nodes[n].core.status() == Status::Alone) {
            // With some seeds, somebody sees nobody, and has no reason to look for others.
            return;
        }
        let islands = world.components_by_selection();
        let dials = grow_together(&mut world, islands, 300, &format!("{islands} narrow islands"));
        assert!(dials < 10.0, "{dials} dials a node and minute");
    });
}

/// Views of 8 and of 40 in a hundred, answers cut to a random part, and samples of eight, are no
/// reason to fall apart: what connects in three minutes is one component.
///
/// Fails without `repair` (views of 8 with one place, for the first seed). Samples and cut answers
/// hold without it: what they name over time is everybody.
#[test]
fn partial_views_are_one_component_in_the_end() {
    for view in [View::Percent(8), View::Percent(40), View::Cut(40), View::Sample(8)] {
        for selection in [Selection::Auto, "lowest:1".parse().expect("valid")] {
            with_seeds(4, |seed| {
                let mut world = World::empty(with(selection), seed);
                world.dns.view = view;
                for _ in 0..100 {
                    world.add_node();
                }
                world.run(secs(60));
                let alone = |n: usize| world.nodes[n].core.status() == Status::Alone;
                if world.living().any(alone) {
                    // With some seeds, somebody sees nobody.
                    return;
                }
                assert!(world.all_joined());
                // What they met at the start counts no more.
                world.run(secs(600));
                let start = world.now;
                world.run(secs(180));
                let components = world.components_by_connections(start);
                assert_eq!(components, 1, "{view:?} {selection}");
            });
        }
    }
}

/// Two halves that do not know of each other for an hour, and then see all: two refreshes later the
/// selections are one component. Meanwhile a node asks at most 130 and dials at most 900 times an
/// hour.
///
/// Fails if a source is looked up only once (`plan_next`): still two after 72 s. It holds without
/// `repair` and without `hasten`, each alone.
#[test]
fn halves_that_were_apart_for_an_hour_are_one_again() {
    for selection in ["lowest:3", "lowest:1", "fingers"] {
        with_seeds(1, |seed| {
            let mut world = World::new(60, with(selection.parse().expect("valid")), seed);
            world.dns.view = View::Split(|node, member| node % 2 == member % 2);
            world.until(secs(60), "formed", |w| w.all_joined());
            let (dials, queries) = (world.dials(), world.queries());
            world.run(secs(3_600));
            assert_eq!(world.components_by_selection(), 2);
            let dials = (world.dials() - dials) / 60;
            let queries = (world.queries() - queries) / 60;
            assert!(queries <= 130 && dials <= 900, "{queries} queries, {dials} dials a node");
            world.dns.view = View::All;
            world.until(secs(2 * 36), selection, |w| w.components_by_selection() == 1);
        });
    }
}
