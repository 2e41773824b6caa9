//! DNS may be gone, slow, wrong or empty: nobody leaves, nobody floods.

use libp2p_dns_discovery::Status;

use crate::{all_agree, dns::Fault, lowest, secs, with_seeds, world::World};

/// DNS is gone, or says that there is nothing, or does so now and then, for an hour: nobody leaves,
/// nobody floods, and all are current within one refresh of its return.
///
/// Fails if a failure empties the candidates (with `Fault::Silent`), and without back-off after
/// NXDOMAIN (`Schedule::after_nothing`: 651 queries a node and hour with `Fault::Empty`).
#[test]
fn an_hour_without_dns_changes_nothing() {
    let faults = [
        Fault::Silent,
        Fault::ServerFailed,
        Fault::Empty,
        Fault::NxDomainOneIn(6),
        Fault::ServerFailedOneIn(6),
        Fault::FlakyOneIn(6),
    ];
    for fault in faults {
        with_seeds(1, |seed| without_dns(fault, seed));
    }
}

fn without_dns(fault: Fault, seed: u64) {
    let mut world = World::new(50, lowest(3), seed);
    world.until(secs(60), "formed", |w| w.all_joined());
    world.run(secs(120));
    let (queries, dials) = (world.queries(), world.dials());
    world.dns.fault = fault;
    world.run(secs(3_600));
    assert!(all_agree(&world), "{fault:?}");
    assert_eq!(world.longest_isolation().as_secs(), 0, "{fault:?}");
    let left: usize = world.nodes.iter().map(|node| node.told.departed).sum();
    assert_eq!(left, 0, "{fault:?}: nobody leaves");
    let queries = (world.queries() - queries) / 50;
    let dials = (world.dials() - dials) / 50;
    assert!(queries <= 160, "{queries} queries a node and hour with {fault:?}");
    assert!(dials <= 700, "{dials} dials a node and hour with {fault:?}");
    world.dns.fault = Fault::None;
    let newcomer = world.add_node();
    world.stop(0);
    world.dns.members.remove(&0);
    // The longest pause after failures, and one more refresh where answers were mixed.
    world.until(secs(60 + 36), "current again", |w| {
        all_agree(w) && w.nodes[newcomer].core.status() == Status::Joined
    });
}

/// A cluster that is started while DNS is gone for ten minutes: nobody takes itself for the first,
/// and all are joined when the longest pause between two look-ups, one minute, and the 20 s that an
/// unanswered one takes have passed.
///
/// Fails if the back-off of failed look-ups may grow to 20 minutes (`Schedule::after_failure`).
#[test]
fn a_start_without_dns_only_waits() {
    for fault in [Fault::Silent, Fault::ServerFailed] {
        with_seeds(2, |seed| {
            let mut world = World::new(50, lowest(3), seed);
            world.dns.fault = fault;
            for _ in 0..600 {
                world.run(secs(1));
                let waits = |n: usize| world.nodes[n].core.status() == Status::Starting;
                assert!(world.living().all(waits), "{fault:?}");
            }
            let queries = world.queries() / 50;
            assert!(queries <= 30, "{queries} queries a node with {fault:?}");
            world.dns.fault = Fault::None;
            world.until(secs(60 + 20 + 5), "joined", all_agree);
        });
    }
}
