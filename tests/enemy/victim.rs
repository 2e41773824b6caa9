//! One host that records turn the nodes against.

use hickory_proto::rr::RecordType;
use libp2p::PeerId;
use libp2p_dns_discovery::{Status, hickory_proto};
use web_time::Instant;

use crate::{
    account::{HONEST, assert_bounded, honest, host},
    alone,
    records::{addresses, entries, name, srv},
    support::{Host, World, lowest, secs},
};

const VICTIM: &str = "198.51.100.7";

fn world() -> World {
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    honest(&mut world);
    world.source(HONEST);
    world
}

fn dials(world: &World) -> Vec<Instant> {
    let of_victim = world.dials.iter().filter(|(_, address, _)| host(address) == VICTIM);
    of_victim.map(|(at, ..)| *at).collect()
}

/// An hour in which the TTL is what the enemy makes it; at most four probes between two refreshes of
/// this name, which are five seconds apart at least.
fn endure(world: &mut World, refreshed: &str, mut ttl: impl FnMut(&mut World, u32)) {
    world.until(secs(5), "joined", |w| w.core.status() == Status::Joined);
    for minute in 0..60 {
        ttl(world, [0, u32::MAX, 1 << 31, 1, i32::MAX as u32, 5][minute % 6]);
        world.run(secs(60));
    }
    assert_bounded(world);
    let refreshes = world.queries.iter().filter(|(_, query)| query.name.to_ascii() == refreshed);
    let refreshes: Vec<Instant> = refreshes.map(|(at, _)| *at).collect();
    assert!(refreshes.windows(2).all(|pair| pair[0] + secs(5) <= pair[1]), "refreshes");
    let dials = dials(world);
    assert!(dials.len() >= 100, "nothing was tried: {} dials", dials.len());
    assert!(dials.len() <= 4 * (refreshes.len() + 1), "{} dials", dials.len());
    for pair in refreshes.windows(2) {
        let between = dials.iter().filter(|at| pair[0] < **at && **at <= pair[1]);
        assert!(between.count() <= 4, "between two refreshes");
    }
}

/// Fails without the bound, and if it counts addresses rather than hosts.
#[test]
fn a_host_under_a_thousand_ports_of_srv_records() {
    let _alone = alone();
    let mut world = world();
    let ip = [VICTIM.parse().expect("valid")];
    world.zone.insert(
        ("t.example.".into(), RecordType::A),
        Ok(addresses("t.example.", ip.into_iter(), 30)),
    );
    world.source("srv:_p2p._tcp.peers.example.");
    let owner = name("_p2p._tcp.peers.example.");
    endure(&mut world, "_p2p._tcp.peers.example.", |world, ttl| {
        let mut records: Vec<_> = (1..=1_000).map(|p| srv(&owner, "t.example.", p)).collect();
        records.iter_mut().for_each(|record| record.ttl = ttl);
        world.zone.insert((owner.to_ascii(), RecordType::SRV), Ok(records));
    });
}

/// As IPv4, mapped, translated by gateways, by several transports, pinned, and as a relay. Fails if
/// the families count apart, if a relay is no host, and if a disguise is another host.
#[test]
fn a_host_under_every_name_that_texts_can_give_it() {
    let _alone = alone();
    let mut world = world();
    let [relay, peer] = [PeerId::random(), PeerId::random()];
    let ips = ["ip4/198.51.100.7", "ip6/::ffff:198.51.100.7", "ip6/::198.51.100.7"]
        .into_iter()
        .chain(["ip6/64:ff9b::198.51.100.7", "ip6/2002:c633:6407::1", "ip6/::ffff:0:c633:6407"]);
    let texts = ips.flat_map(|ip| {
        (1..=40).flat_map(move |port| {
            [
                format!("/{ip}/tcp/{port}"),
                format!("/{ip}/udp/{port}/quic-v1"),
                format!("/{ip}/tcp/{port}/ws"),
                format!("/{ip}/tcp/{port}/p2p/{}", PeerId::random()),
                format!("/{ip}/tcp/{port}/p2p/{relay}/p2p-circuit/p2p/{peer}"),
            ]
        })
    });
    let texts: Vec<_> = texts.collect();
    world.source("/dnsaddr/peers.example.");
    endure(&mut world, "_dnsaddr.peers.example.", |world, ttl| {
        entries(world, "peers.example.", &texts);
        let key = ("_dnsaddr.peers.example.".to_owned(), RecordType::TXT);
        if let Some(Ok(records)) = world.zone.get_mut(&key) {
            records.iter_mut().for_each(|record| record.ttl = ttl);
        }
    });
}

/// Fails if every refresh renews: the pace of one would be that of twenty.
#[test]
fn many_sources_do_not_add_up() {
    let _alone = alone();
    let mut world = world();
    for n in 0..20 {
        let texts = (1..=50).map(|port| format!("/ip4/{VICTIM}/tcp/{}", n * 50 + port));
        entries(&mut world, &format!("n{n}."), texts);
        world.source(&format!("/dnsaddr/n{n}."));
    }
    world.run(secs(600));
    assert_bounded(&world);
    let dials = dials(&world);
    assert!((100..=4 * 121).contains(&dials.len()), "{} dials in ten minutes", dials.len());
}
