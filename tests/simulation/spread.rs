//! The load is spread, and the selection follows the size of the cluster.

use crate::{dns::View, network::Host, secs, with, world::World};
use libp2p_dns_discovery::Selection;

/// `Auto` in clusters that grow from 3 to many and shrink again, with nodes on both sides of the
/// limit and different views: one component by selection at every step.
#[test]
fn auto_is_one_component_while_clusters_grow_and_shrink() {
    for view in [View::All, View::Percent(60)] {
        let mut world = World::empty(with(Selection::Auto), 5);
        world.dns.view = view;
        for size in [3, 10, 40, 64, 70, 120, 300] {
            while world.nodes.len() < size {
                world.add_node();
            }
            world.until(secs(240), &format!("{size} growing"), |w| {
                w.all_joined() && w.components_by_selection() == 1
            });
        }
        for size in [150, 70, 50, 10, 3] {
            for node in size..world.nodes.len() {
                if world.nodes[node].up {
                    world.stop(node);
                    world.dns.members.remove(&node);
                }
            }
            world.until(secs(400), &format!("{size} shrinking with {view:?}"), |w| {
                w.all_joined() && w.components_by_selection() == 1
            });
        }
    }
}

/// `Fingers`: nobody is everyone's bootstrap peer. In-degree at most 2·log2(n) with one view and
/// 3·log2(n) with views of 40 in a hundred; one component with 30 in a hundred dead; no churn.
///
/// Fails if who held a finger is forgotten at every look (`Walker::fingers`).
#[test]
fn fingers_spread_the_load() {
    let n = 600;
    let log = (n as f64).log2();
    let mut world = World::new(n, with(Selection::Fingers), 3);
    world.until(secs(60), "joined", |w| w.all_joined());
    world.run(secs(60));
    let most = world.most_selected();
    assert!(most as f64 <= 2.0 * log, "in-degree {most} with one view");
    let before: Vec<_> = world.living().map(|node| world.selected(node)).collect();
    world.run(secs(300));
    let after: Vec<_> = world.living().map(|node| world.selected(node)).collect();
    assert!(before == after, "nothing but the shuffle changed");

    let mut world = World::empty(with(Selection::Fingers), 3);
    world.dns.view = View::Percent(40);
    for _ in 0..n {
        world.add_node();
    }
    world.until(secs(60), "joined", |w| w.all_joined());
    world.run(secs(60));
    let most = world.most_selected();
    assert!(most as f64 <= 3.0 * log, "in-degree {most} with 40 % views");

    let mut world = World::new(n, with(Selection::Fingers), 4);
    for node in (0..n).filter(|node| node % 10 < 3) {
        world.hosts[node] = Host::Silent;
        world.nodes[node].up = false;
    }
    world.until(secs(120), "one component of the living", |w| {
        w.all_joined() && w.components_by_selection() == 1
    });
}
