//! What inbound connections and claims make a node look at, and what they do not.

use libp2p::{PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Config, Identify, Status,
    discovery::{Direction, Expect},
};

use crate::support::{Host, World, at, ip, joined, lowest, nth, nz, secs};

/// One place, and nobody met by chance.
fn alone_with_the_lowest() -> Config {
    lowest(1).with_repair_interval(secs(86_400))
}

/// Fails if a hint is dropped without room, and without the wake-up after `Room::Until` in
/// `Dialling::poll`: the next one is that of a refresh.
#[test]
fn a_hint_waits_for_the_budget_and_no_longer() {
    // A token comes every six seconds; the two at the start are for the probe and the connection.
    let config = alone_with_the_lowest().map_limits(|l| l.with_probes_per_minute(nz(12)));
    let (mut world, peers) = World::with_peers(config.with_identify(Identify::Probe), 9);
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let dials = world.dials.len();
    world.accept(peers[4], "/ip4/10.0.0.5/tcp/55555");
    world.run(secs(1));
    assert_eq!(world.dials.len(), dials, "no room");
    world.until(secs(7), "looked at", |w| w.core.addresses_of(&peers[4]).count() == 1);
}

/// In a cluster of twelve, one pod more is known to all before the next look-up of most of them; in one
/// of 22, it is met now and then. It listens some seconds after DNS names it. Fails without `newcomers`,
/// and where a failure makes somebody no newcomer: after a minute and more.
#[test]
fn a_newcomer_to_a_small_cluster_is_soon_known_to_everybody() {
    for (count, is_small) in [(12, true), (22, false)] {
        let (mut world, _) = World::with_peers(lowest(3), count);
        world.until(secs(5), "joined", joined);
        world.run(secs(120));
        let ips: Vec<_> = (1..=count + 1).map(ip).collect();
        world.set(ips[count as usize], Host::Refuses);
        world.name(&ips);
        let before = world.core.peers().count();
        let is_named = |w: &World| w.core.candidates().count() == ips.len();
        world.until(secs(40), "named", is_named);
        world.run(secs(3));
        let newcomer = world.live(ips[count as usize]);
        world.run(secs(10));
        let is_known = world.core.addresses_of(&newcomer).count() == 1;
        assert_eq!(is_known, is_small, "{count}: {before}");
        assert_eq!(before == count as usize, is_small, "{count}: {before}");
    }
}

/// Fails without the bound in `Hints::add`; and without `takes_place` there: then nobody looks before the
/// back-off has passed.
#[test]
fn hints_fill_a_table_up_to_a_bound_and_tell_of_those_who_take_a_place_beyond_it() {
    let config = alone_with_the_lowest().map_limits(|l| l.with_probes_per_minute(nz(60_000)));
    let mut world = World::new(config);
    let ips: Vec<_> = (1..=400).map(nth).collect();
    world.name(&ips);
    let peers: Vec<_> = ips.iter().map(|ip| world.live(*ip)).collect();
    world.set(ips[0], Host::Refuses);
    world.source("/dns4/peers.example./tcp/4001");
    // Long enough for the back-off of the first to be at its cap.
    world.run(secs(3_600));
    for (peer, ip) in peers.iter().zip(&ips).skip(1) {
        world.accept(*peer, &format!("/ip4/{ip}/tcp/55555"));
        world.run(secs(1));
    }
    let entries = world.core.peers().count();
    // One in a minute past the bound: here, one a day.
    assert!((10..=12).contains(&entries), "{entries}");

    let dials = world.dials_to(ips[0]);
    world.until(secs(400), "tried in vain", |w| w.dials_to(ips[0]) > dials);
    world.run(secs(1));
    world.set(ips[0], Host::Lives(peers[0]));
    world.accept(peers[0], &format!("/ip4/{}/tcp/55555", ips[0]));
    world.until(secs(1), "taken up", |w| w.selected() == peers[..1]);
}

/// A peer that is connected, and in nobody's list, claims the addresses of 39 silent candidates, again and
/// again. Fails on the code on which a claim resets the back-off: they take all the time there is, and
/// the one that is back is not met within two hours.
#[test]
fn claims_keep_nobody_from_those_who_are_back() {
    let mut world = World::new(lowest(3));
    world.elsewhere = Host::Silent;
    world.idle = None;
    let ips: Vec<_> = (1..=40).map(ip).collect();
    world.name(&ips);
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(3_600));
    assert_eq!(world.core.status(), Status::Isolated);
    let liar = PeerId::random();
    world.accept(liar, "/ip4/10.9.9.9/tcp/55555");
    let lie = |world: &mut World, seconds| {
        for _ in 0..seconds {
            for ip in &ips[..39] {
                world.core.handle_claim(liar, &at(*ip), world.now);
            }
            world.run(secs(1));
        }
    };
    lie(&mut world, 600);
    world.live(ips[39]);
    let dials = world.dials.len();
    lie(&mut world, 400);
    assert!(joined(&world), "{} dials", world.dials.len() - dials);
}

/// Fails without the conditions in `take_hint` and `is_worth_a_look` that a candidate is not ours.
#[test]
fn who_connects_from_our_own_host_is_no_reason_to_dial_ourselves() {
    let (mut world, peers) = World::with_peers(alone_with_the_lowest(), 3);
    world.core.handle_listen_address(&at(ip(3)), world.now);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.accept(PeerId::random(), "/ip4/10.0.0.3/tcp/55555");
    world.run(secs(60));
    assert_eq!(world.dials_to(ip(3)), 0);
}

/// Fails without the condition in `hinted_by_host` that the peer is not verified at that host.
#[test]
fn a_peer_that_connects_from_where_it_is_known_to_live_costs_no_probe() {
    let (mut world, peers) = World::with_peers(alone_with_the_lowest(), 1);
    world.until(secs(5), "joined", |w| w.selected() == peers);
    world.source("/ip4/10.0.0.1/tcp/4002");
    world.run(secs(15));
    let dials = world.dials.len();
    world.accept(peers[0], "/ip4/10.0.0.1/tcp/55555");
    world.run(secs(5));
    assert_eq!(world.dials.len(), dials);
}

/// Fails without the condition in `hinted_by_claim` that another one is verified there.
#[test]
fn a_claim_that_is_known_to_be_true_costs_no_check() {
    let (mut world, peers) = World::with_peers(alone_with_the_lowest(), 1);
    world.until(secs(5), "joined", joined);
    world.run(secs(15));
    // By another address, so that its entry is verified now and then.
    world.accept(peers[0], "/ip4/10.9.9.9/tcp/55555");
    let dials = world.dials.len();
    for _ in 0..360 {
        world.core.handle_claim(peers[0], &at(ip(1)), world.now);
        world.run(secs(10));
    }
    let dials = world.dials.len() - dials;
    assert!(dials <= 10, "{dials} dials in an hour");
}

/// Fails without `has_room` in `is_worth_a_look`.
#[test]
fn hints_do_not_go_beyond_the_probes_of_a_host() {
    let mut world = World::new(alone_with_the_lowest());
    for port in 1..=20 {
        world.source(&format!("/ip4/10.0.0.1/tcp/{port}"));
    }
    world.run(secs(5));
    assert_eq!(world.dials.len(), 4);
    for _ in 0..20 {
        world.accept(PeerId::random(), "/ip4/10.0.0.1/tcp/55555");
        world.run(secs(1));
    }
    assert_eq!(world.dials.len(), 4);
}

/// What is behind a relay is asked for by its id, whoever asks: a throw-away id would reach nobody.
/// Fails without `is_relayed` in `expectation`, that of checks and that of probes.
#[test]
fn nobody_behind_a_relay_is_probed() {
    for connected_before in [false, true] {
        let mut world = World::new(alone_with_the_lowest());
        let (relay, peer) = (PeerId::random(), PeerId::random());
        let circuit = format!("/ip4/1.2.3.4/tcp/4001/p2p/{relay}/p2p-circuit");
        world.hosts.insert(circuit.parse().expect("valid"), Host::Lives(peer));
        if connected_before {
            world.accept(peer, "/ip4/10.9.9.9/tcp/55555");
        }
        world.source(&format!("{circuit}/p2p/{peer}"));
        world.until(secs(5), "verified", |w| w.selected() == [peer]);
        world.run(secs(15));
        world.accept(peer, "/ip4/10.9.9.9/tcp/55555");
        world.run(secs(3_600));
        assert!(world.dials.iter().all(|(_, _, expect)| *expect == Expect::Peer(peer)));
    }
}

/// A hint that waits for room is followed without another look at whose address it is.
#[test]
fn an_address_that_became_ours_is_not_looked_at_for_a_hint() {
    let config =
        lowest(1).map_limits(|l| l.with_probes_per_minute(1.try_into().expect("not zero")));
    let (mut world, peers) = World::with_peers(config, 5);
    world.run(secs(1));
    world.accept(peers[4], "/ip4/10.0.0.5/tcp/5");
    world.run(secs(1));
    assert_eq!(world.dials_to(ip(5)), 0, "there is no room yet");
    world.core.handle_external_address(&at(ip(5)), world.now);
    world.run(secs(3_600));
    assert_eq!(world.dials_to(ip(5)), 0);
}

/// Fails if a hint is forgotten because a dial is under way, which began when nobody lived there yet.
#[test]
fn a_hint_outlives_the_dial_that_was_under_way_when_it_came() {
    let mut world = World::new(lowest(1));
    world.name(&[ip(1)]);
    world.set(ip(1), Host::Silent);
    world.source("/dns4/peers.example./tcp/4001");
    let retrying = |w: &World| {
        w.now > w.start + secs(300) && w.dials.last().is_some_and(|(at, ..)| *at == w.now)
    };
    world.until(secs(600), "tried again", retrying);
    let peer = world.live(ip(1));
    world.accept(peer, "/ip4/10.0.0.1/tcp/5555");
    world.until(secs(11), "looked at once more", |w| w.core.peers().count() == 1);
}

/// Whichever behaviour dials, by whatever transport and with a pin or without: its handshake proves as much as
/// one of ours, and ours is spared. Fails without `note_observed` in `Discovery::handle_connected`.
#[test]
fn the_dial_of_another_behaviour_verifies_a_candidate_and_the_pinned_peer_alone() {
    let addresses = ["tcp/4001", "udp/4001/quic-v1", "tcp/4001/ws", "tcp/4001/tls/sni/example/ws"];
    for address in addresses.map(|transport| format!("/ip4/10.0.0.9/{transport}")) {
        let [peer, other] = [PeerId::random(), PeerId::random()];
        for (pin, is_entered) in [(None, true), (Some(peer), true), (Some(other), false)] {
            let (mut world, _) = World::with_peers(alone_with_the_lowest(), 1);
            let pinned = pin.map_or(address.clone(), |pin| format!("{address}/p2p/{pin}"));
            world.source(&pinned);
            world.until(secs(5), "joined", joined);
            let dials = world.dials.len();
            let (id, now) = (ConnectionId::new_unchecked(usize::MAX), world.now);
            // Kademlia dials addresses that end in the peer's id.
            let dialled = format!("{address}/p2p/{peer}").parse().expect("an address");
            world.core.handle_connected(id, peer, &dialled, Direction::Dialled(None), now);
            world.run(secs(1));
            let found = world.core.addresses_of(&peer).map(ToString::to_string).collect::<Vec<_>>();
            let expected = is_entered.then(|| address.clone());
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{pinned}");
            assert_eq!(world.dials.len(), dials, "{pinned}");
        }
    }
}
