//! Names that lead to names that lead to names.

use std::time::Duration;

use hickory_proto::rr::RecordType;
use libp2p_dns_discovery::{Config, Status, hickory_proto};

use crate::{
    account::{HONEST, Memory, assert_bounded, honest},
    alone,
    records::{addresses, cname, entries, v4},
    support::{Host, World, lowest, secs},
};

/// The honest peer is one entry beside those that lead astray.
fn world(config: Config, astray: impl IntoIterator<Item = String>) -> World {
    let mut world = World::new(config);
    world.elsewhere = Host::Silent;
    honest(&mut world);
    let texts = astray.into_iter().chain([HONEST.to_owned()]);
    entries(&mut world, "peers.example.", texts);
    world.source("/dnsaddr/peers.example.");
    world
}

fn join(world: &mut World) {
    world.until(secs(5), "joined", |w| w.core.status() == Status::Joined);
}

/// How many look-ups one refresh makes.
fn look_ups(world: &mut World) -> usize {
    join(world);
    world.run(secs(1));
    let look_ups = world.queries.len();
    world.run(secs(120));
    assert_bounded(world);
    look_ups
}

/// Fails if a name is asked for again that was asked for.
#[test]
fn circles_end() {
    let _alone = alone();
    let mut world =
        world(lowest(3), ["/dnsaddr/peers.example".to_owned(), "/dnsaddr/a".to_owned()]);
    entries(&mut world, "a.", ["/dnsaddr/b", "/dnsaddr/a", "/dnsaddr/peers.example"]);
    entries(&mut world, "b.", ["/dnsaddr/a", "/dnsaddr/b"]);
    assert_eq!(look_ups(&mut world), 3);
}

/// Fails without the bound on the depth, and with another default.
#[test]
fn chains_end_at_the_depth() {
    let _alone = alone();
    for (depth, look_ups_of) in [(None, 5), (Some(0), 1), (Some(7), 8)] {
        let config =
            depth.map_or(lowest(3), |n| lowest(3).map_limits(|l| l.with_recursion_depth(n)));
        let mut world = world(config, ["/dnsaddr/n1".to_owned()]);
        for n in 1..100 {
            entries(&mut world, &format!("n{n}."), [format!("/dnsaddr/n{}", n + 1)]);
        }
        assert_eq!(look_ups(&mut world), look_ups_of, "{depth:?}");
    }
}

/// Each of a thousand names leads to a thousand others. Fails if names are remembered that there is no
/// look-up left for.
#[test]
fn a_fan_opens_no_further_than_the_look_ups() {
    let _alone = alone();
    let many = (0..1_000).map(|n| format!("/dnsaddr/n{n:03}"));
    let mut world = world(lowest(3), many);
    for n in 0..150 {
        let more = (0..1_000).map(|m| format!("/dnsaddr/n{n:03}-{m}"));
        entries(&mut world, &format!("n{n:03}."), more);
    }
    let memory = Memory::of(&mut world, |world| assert_eq!(look_ups(world), 128));
    memory.assert(&mut world, 8, 1);
}

/// The same with hosts, each of which has a thousand addresses: the product is a million.
#[test]
fn a_fan_of_hosts_gives_no_more_candidates_than_are_held() {
    let _alone = alone();
    let hosts = (0..1_000).map(|n| format!("/dns4/h{n:03}/tcp/4001"));
    let mut world = world(lowest(3), hosts);
    world.source(HONEST);
    for n in 0..150 {
        let owner = format!("h{n:03}.");
        let many = addresses(&owner, (0..1_000).map(|m| v4(n * 1_000 + m)), 30);
        world.zone.insert((owner, RecordType::A), Ok(many));
    }
    let memory = Memory::of(&mut world, |world| {
        join(world);
        world.run(secs(60));
    });
    assert_bounded(&world);
    memory.assert(&mut world, 32, 16);
}

/// Fails without the check for a circle, and without the bound on the chain.
#[test]
fn aliases_in_circles_and_without_end_are_left() {
    let _alone = alone();
    for circle in [true, false] {
        let mut world = World::new(lowest(3));
        honest(&mut world);
        world.source(HONEST);
        for n in 0..100 {
            let next = if circle { (n + 1) % 3 } else { n + 1 };
            let alias = cname(&format!("n{n}."), &format!("n{next}."));
            world.zone.insert((format!("n{n}."), RecordType::A), Ok(vec![alias]));
        }
        world.source("/dns4/n0./tcp/4001");
        world.until(secs(5), "joined", |w| w.core.status() == Status::Joined);
        // Before it is asked again.
        world.run(Duration::from_millis(400));
        assert_eq!(world.queries.len(), if circle { 3 } else { 5 });
        world.run(secs(600));
        assert_bounded(&world);
    }
}

/// Names of 255 bytes, where every prefix and suffix is too long for one more label.
#[test]
fn the_longest_names_are_names() {
    let _alone = alone();
    let label = "a".repeat(63);
    let longest = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    let texts = ["dns4", "dnsaddr", "dns"].map(|kind| format!("/{kind}/{longest}/tcp/1"));
    let mut world = world(lowest(3), texts.into_iter().chain([format!("/dnsaddr/{longest}")]));
    join(&mut world);
    world.run(secs(600));
    assert_bounded(&world);
    assert!(world.queries.iter().all(|(_, query)| query.name.len() <= 256));
}
