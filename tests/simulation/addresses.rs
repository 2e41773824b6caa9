//! An address may belong to many, or to somebody else.

use crate::{agrees, all_agree, lowest, network::Host, secs, with_seeds, world::World};

/// The lowest address is a load balancer's, behind which five of the nodes take turns. It is told
/// once. Nobody is evicted from the own address for it, and the selections stay one component. That
/// one identity answers there some times in a row is believed ever more rarely: in the second and
/// third hour, a node changes its mind a few times, and hardly ever does anybody select by it.
///
/// Fails if alternation is not recognised (`Answers::note`): there never is agreement. It holds
/// without `Judge::contradict`.
#[test]
fn a_load_balancer_is_nobodys_address() {
    with_seeds(3, |seed| {
        let mut world = World::empty(lowest(3), seed);
        world.add_host(Host::Balanced { first: 11, count: 5 });
        for _ in 0..40 {
            world.add_node();
        }
        // It takes five answers, each from another, of one who is met each minute.
        world.until(secs(900), "agreement", all_agree);
        world.run(secs(3_600));
        let early: Vec<_> = world.nodes.iter().map(|node| node.told).collect();
        let mut misled = 0;
        for _ in 0..120 {
            world.run(secs(60));
            misled += world.living().filter(|n| !agrees(&world, *n)).count();
            assert_eq!(world.components_by_selection(), 1);
        }
        let changes = |n: usize| {
            let (late, early) = (world.nodes[n].told, early[n]);
            assert!(late.shared <= 1 && late.unreachable <= 2, "{late:?}");
            late.verified + late.replaced - early.verified - early.replaced
        };
        let changes: Vec<_> = world.living().map(changes).collect();
        assert!(changes.iter().all(|n| *n <= 24), "a node flaps: {changes:?}");
        assert!(changes.iter().sum::<usize>() <= 40 * 4, "all flap: {changes:?}");
        assert!(misled <= 40 * 120 / 50, "{misled} selections of {}", 40 * 120);
        assert_eq!(world.longest_isolation().as_secs(), 0);
    });
}

/// The addresses of three nodes, the lowest among them, pass to another application. Within two
/// re-verification intervals nobody has selected one of the old nodes, within two of the ten times
/// longer intervals nobody knows them, and the cluster is one component all the time: those who
/// answer there take places, and the others take them out by `disqualify` if they want.
///
/// Fails if `identify` keeps the old entry, without verifications, without those of entries that
/// are not selected (not forgotten), and without an early one in `last_closed` (a place for 150 s).
#[test]
fn a_stranger_replaces_who_lived_there() {
    with_seeds(4, |seed| {
        let mut world = World::new(40, lowest(3), seed);
        world.until(secs(60), "formed", all_agree);
        world.run(secs(120));
        let given = [0, 2, 20];
        let old = given.map(|node| world.nodes[node].peer);
        for node in given {
            world.give_away(node);
        }
        world.run(secs(150));
        assert_eq!(world.longest_misplaced().as_secs(), 0);
        world.until(secs(1_500 - 150), "forgotten", |w| w.believers(&old) == 0);
        assert_eq!(world.components_by_selection(), 1);
        let told: Vec<_> = world.living().map(|n| world.nodes[n].told.replaced).collect();
        assert!(told.iter().all(|told| *told <= given.len()), "{told:?}");
        assert_eq!(world.longest_isolation().as_secs(), 0);
    });
}
