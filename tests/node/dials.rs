//! Which dials are ended, and which are not made: those that nobody needs.

use std::{net::IpAddr, time::Duration};

use libp2p::PeerId;
use libp2p_dns_discovery::{
    Config, Event, Identify, Selection,
    discovery::{Discovery, Expect, Output},
};

use crate::support::{Host, World, at, ip, joined, lowest, nth, secs};

/// To end a dial to a real peer would end those of others with it: it is only waited for no longer.
/// Fails without the condition in `Dialling::give_up`.
#[test]
fn a_dial_to_a_known_peer_that_takes_too_long_is_not_aborted() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.until(secs(5), "joined", |w| w.selected() == peers);
    world.set(ip(1), Host::Silent);
    world.until(secs(150), "withdrawn", |w| w.core.peers().count() == 0);
    assert!(world.dials.iter().skip(1).all(|(_, _, e)| *e == Expect::Peer(peers[0])));
    assert_eq!(world.aborted, 0);
}

/// Fails without `Output::Abort` in `Dialling::depart`, without the end of the dial there, and
/// without the condition that it is a probe.
#[test]
fn a_candidate_that_departs_takes_its_probe_with_it() {
    let (mut world, _) = World::with_peers(lowest(3).with_identify(Identify::Probe), 3);
    for n in 1..=3 {
        world.set(ip(n), Host::Silent);
    }
    world.run(secs(1));
    let source = "/dns4/peers.example./tcp/4001".parse().expect("valid");
    world.core.remove_source(&source);
    world.run(secs(1));
    assert_eq!(world.aborted, 3);
    world.run(secs(20));
    assert_eq!(world.aborted, 3, "and once");

    let mut world = World::new(lowest(3));
    let peer = PeerId::random();
    world.set(ip(1), Host::Silent);
    let source = world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{peer}"));
    world.run(secs(1));
    world.core.remove_source(&source);
    world.run(secs(20));
    assert_eq!((world.dials.len(), world.aborted), (1, 0), "a dial to a real peer");
}

/// Fails if the failures of what departed are kept.
#[test]
fn a_candidate_that_comes_back_is_tried_at_once() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.set(ip(1), Host::Refuses);
    world.run(secs(3_600));
    world.name(&[2, 3].map(ip));
    world.run(secs(120));
    assert_eq!(world.core.candidates().count(), 2);
    world.name(&[1, 2, 3].map(ip));
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(37), "taken up with the next answer", |w| w.selected() == peers[..1]);
}

/// Fails if `Names::finish` pushes `Effect::Refreshed` after answers only: what had no route is then
/// tried again only when the longest interval between two refreshes has passed.
#[test]
fn a_route_that_comes_back_while_dns_is_down_is_found() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.set(ip(1), Host::NoRoute);
    world.run(secs(1));
    world.fail(libp2p_dns_discovery::LookupError::TimedOut);
    world.run(secs(1_810));
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(100), "a route", |w| w.selected() == peers);
}

/// Neither to verify it, nor to meet it: it is probed now and then. Fails without `is_disqualified` in
/// `checks::expectation`, and in `is_worth_meeting`.
#[test]
fn a_disqualified_peer_is_not_connected_to() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.run(secs(15));
    world.core.disqualify(peers[0], world.now + secs(7_200));
    let dials = world.dials.len();
    world.run(secs(7_000));
    assert_eq!(world.selected(), peers[1..2]);
    let to_it: Vec<_> = world.dials[dials..].iter().filter(|(_, to, _)| *to == at(ip(1))).collect();
    assert!(to_it.iter().all(|(_, _, expect)| *expect == Expect::Probe), "{to_it:?}");
    assert!(to_it.len() <= 20, "{} probes in two hours", to_it.len());
    world.until(secs(300), "again", |w| w.selected() == peers[..1]);
}

/// Fails if nobody looks at the address of a peer that is passed over.
#[test]
fn the_next_owner_of_the_address_of_a_disqualified_peer_is_met() {
    let (mut world, peers) = World::with_peers(lowest(1), 3);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.core.disqualify(peers[0], world.now + secs(86_400));
    world.run(secs(60));
    let next = world.live(ip(1));
    world.until(secs(1_000), "the next owner", |w| w.selected() == [next]);
}

/// Fails without `is_disqualified` in `may_take_place`.
#[test]
fn a_disqualified_peer_is_not_dialled_by_its_pinned_address_for_a_place() {
    let (mut world, peers) = World::with_peers(lowest(1).with_repair_interval(secs(86_400)), 3);
    let pinned = world.live(ip(0));
    world.core.disqualify(pinned, world.now + secs(600));
    world.source(&format!("/ip4/10.0.0.0/tcp/4001/p2p/{pinned}"));
    world.run(secs(590));
    assert_eq!((world.selected(), world.dials_to(ip(0))), (peers[..1].to_vec(), 0));
    world.until(secs(20), "selected", |w| w.selected() == [pinned]);
}

/// Fails without the condition in `checks::next` that no dial is under way.
#[test]
fn an_entry_is_verified_by_one_dial_at_a_time() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.run(secs(15));
    world.set(ip(1), Host::Slow(peers[0], secs(8)));
    let dials = world.dials_to(ip(1));
    world.until(secs(80), "a check", |w| w.dials_to(ip(1)) > dials);
    // That DNS leaves it out is a reason to look at once.
    world.name(&[ip(2)]);
    world.core.refresh(world.now);
    world.run(secs(5));
    assert_eq!(world.dials_to(ip(1)), dials + 1);
}

/// A peer that takes connections and closes them is verified at the interval. Fails without
/// `SHORT_LIVED`.
#[test]
fn a_peer_that_closes_every_connection_is_not_dialled_without_end() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    let dials = world.dials.len();
    for _ in 0..600 {
        world.lose(peers[0]);
        world.run(secs(1));
    }
    let dials = world.dials.len() - dials;
    assert!((5..=20).contains(&dials), "{dials} dials in ten minutes");
}

/// Nobody but the one outside is met. Fails without the condition of `is_worth_meeting` that a
/// candidate is not selected, and without the one that it is not ours.
#[test]
fn the_island_repair_meets_those_outside_and_nobody_else() {
    let (mut world, peers) = World::with_peers(lowest(3), 5);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.until(secs(5), "joined", |w| w.selected() == peers[1..4]);
    world.run(secs(3_600));
    let met = world.dials_to(ip(5));
    assert!(met >= 45, "met {met} times in an hour");
    assert_eq!(world.dials_to(ip(1)), 0);
}

/// Fails without the meeting that follows a probe in `Judge::judge` (`Effect::Meet`).
#[test]
fn the_island_repair_connects_to_whom_it_finds_at_once() {
    let mut world = World::new(lowest(1));
    let ips: Vec<_> = (1..=500).map(nth).collect();
    world.name(&ips);
    for ip in &ips {
        world.live(*ip);
    }
    world.source("/dns4/peers.example./tcp/4001");
    world.run(secs(900));
    let met =
        world.dials.iter().filter(|(_, a, e)| matches!(e, Expect::Peer(_)) && *a != at(nth(1)));
    assert!(met.count() >= 10, "one a minute");
}

/// Fails without `has_room` in `is_worth_meeting`.
#[test]
fn the_island_repair_does_not_go_beyond_the_probes_of_a_host() {
    let mut world = World::new(lowest(1));
    let peer = world.live(ip(0));
    world.source("/ip4/10.0.0.0/tcp/4001");
    for port in 1..=100 {
        world.source(&format!("/ip4/10.0.0.1/tcp/{port}"));
    }
    world.run(secs(1_800));
    assert_eq!(world.selected(), [peer]);
    let dials = world.dials.iter().filter(|(_, a, _)| a.to_string().starts_with("/ip4/10.0.0.1/"));
    let dials = dials.count();
    assert!((20..=28).contains(&dials), "{dials} dials, of which four in five minutes");
}

/// Fails if one failure withdraws an entry, and if it takes three.
#[test]
fn two_failed_verifications_withdraw_an_entry_and_one_does_not() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
    world.run(secs(15));
    let unreachable = |w: &World| w.count(|e| matches!(e, Event::Unreachable { .. }));
    world.set(ip(1), Host::Refuses);
    let dials = world.dials_to(ip(1));
    world.until(secs(80), "a check", |w| w.dials_to(ip(1)) > dials);
    world.run(Duration::from_millis(10));
    assert_eq!((world.selected(), unreachable(&world)), (peers[..1].to_vec(), 0));
    world.until(secs(5), "another", |w| w.dials_to(ip(1)) > dials + 1);
    world.run(Duration::from_millis(10));
    assert_eq!((world.selected(), unreachable(&world)), (peers[1..].to_vec(), 1));
}

/// Fails without the condition in `Search::needless` that a dial is a probe.
#[test]
fn a_dial_to_a_pinned_peer_that_is_no_longer_needed_is_not_aborted() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.set(ip(1), Host::Slow(peers[0], Duration::from_millis(400)));
    world.set(ip(9), Host::Silent);
    world.source(&format!("/ip4/10.0.0.9/tcp/4001/p2p/{}", PeerId::random()));
    world.until(secs(1), "the first", |w| w.selected() == peers);
    world.run(secs(1));
    assert_eq!((world.dials_to(ip(9)), world.aborted), (1, 0));
}

/// Fails without `is_own_undialled` in `may_take_place`.
#[test]
fn an_address_that_failed_and_then_became_ours_is_not_tried_again() {
    let (mut world, _) = World::with_peers(lowest(1), 2);
    world.set(ip(1), Host::Refuses);
    world.run(secs(5));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    let dials = world.dials_to(ip(1));
    world.run(secs(3_600));
    assert_eq!(world.dials_to(ip(1)), dials);
}

/// A dial to a peer that is connected would be refused. Fails without the condition in
/// `Scene::expectation`.
#[test]
fn the_address_of_a_pinned_peer_that_is_connected_is_probed() {
    let mut world = World::new(lowest(1));
    let peer = world.live(ip(1));
    world.accept(peer, "/ip4/10.9.9.9/tcp/55555");
    world.source(&format!("/ip4/10.0.0.1/tcp/4001/p2p/{peer}"));
    world.until(secs(5), "verified", |w| w.selected() == [peer]);
    assert_eq!(world.dials[0].2, Expect::Probe);
}

/// Fails without the condition on families in `holds_place`, and without the one on `Selection::All`.
#[test]
fn a_pinned_peer_is_verified_once_in_a_family_and_everywhere_if_all_are_wanted() {
    for (selection, entries) in [("lowest:3", 2), ("all", 4)] {
        let selection = selection.parse().expect("valid");
        let mut world = World::new(Config::new().with_selection(selection));
        let peer = PeerId::random();
        for host in ["/ip4/10.0.0.1", "/ip4/10.0.0.2", "/ip6/fd00::1", "/ip6/fd00::2"] {
            let address = format!("{host}/tcp/4001");
            world.hosts.insert(address.parse().expect("valid"), Host::Lives(peer));
            world.source(&format!("{address}/p2p/{peer}"));
            world.run(secs(5));
        }
        assert_eq!(world.core.addresses_of(&peer).count(), entries, "{selection}");
    }
}

/// What `poll_output` leaves undone when it returns `None`, nobody does before the next timeout:
/// the connection to a newly selected peer, here.
#[test]
fn nothing_is_left_to_do_when_there_is_no_output() {
    let (mut world, peers) = World::with_peers(lowest(1), 2);
    world.core.set_selection(Selection::All);
    world.until(secs(5), "both", |w| w.selected() == peers);
    world.core.set_selection(Selection::Lowest(1.try_into().expect("not zero")));
    world.run(secs(15));
    assert!(world.connections.is_empty());
    world.core.disqualify(peers[0], world.now + secs(60));
    let mut outputs = drain(&mut world.core, world.now);
    assert_eq!(world.selected(), peers[1..]);
    let left = drain(&mut world.core, world.now);
    assert!(left.is_empty(), "left undone: {left:?}");
    outputs.retain(|o| matches!(o, Output::Dial { expect: Expect::Peer(_), .. }));
    assert_eq!(outputs.len(), 1);
}

/// A dial that expects a peer cannot be aborted. Where its slot is given to another after two
/// seconds, it goes on all the same: as many again, and no more.
#[test]
fn pinned_dials_at_once_are_bounded() {
    let config =
        lowest(3).map_limits(|l| l.with_concurrent_probes(8.try_into().expect("not zero")));
    let mut world = World::new(config);
    for n in 1..=60 {
        world.set(ip(n), Host::Silent);
        world.source(&format!("{}/p2p/{}", at(ip(n)), libp2p::PeerId::random()));
    }
    world.run(secs(30));
    let under_way = |from: &web_time::Instant| {
        world.dials.iter().filter(|(at, ..)| (*from..*from + secs(10)).contains(at)).count()
    };
    let most = world.dials.iter().map(|(at, ..)| under_way(at)).max();
    assert!(most <= Some(2 * 8), "{most:?} dials within the time that one has");
}

/// Each transport waits for the other one to fail, and neither is ever tried.
#[test]
fn sources_that_contradict_each_other_do_not_hold_a_host_up() {
    let mut world = World::new(lowest(1));
    world.name(&[ip(1)]);
    let peer = world.live(ip(1));
    world.source("/dns4/peers.example./udp/4001/quic-v1|/tcp/4001");
    world.source("/dns4/peers.example./tcp/4001|/udp/4001/quic-v1");
    world.until(secs(3_600), "by TCP", |w| w.selected() == [peer]);
}

/// A static source has no refresh after which its host may be probed again. Fails if four failures in a
/// row let the only one there is rest until the longest refresh has passed.
#[test]
fn the_only_address_there_is_is_tried_twice_a_minute_while_nobody_is_verified() {
    for dead in [Host::Refuses, Host::Silent] {
        let mut world = World::new(lowest(3));
        world.set(ip(1), dead.clone());
        world.source(&at(ip(1)).to_string());
        world.run(secs(3_600));
        let mut times: Vec<_> = world.dials.iter().map(|(at, ..)| *at).collect();
        times.push(world.now);
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(longest <= Some(secs(45)), "{dead:?}: {longest:?}");
        assert!(times.len() <= 200, "{} dials in an hour", times.len());
    }
}

/// Where one probe of a host is all there is until the next refresh, an address has it and its
/// translation by a gateway in turn. Fails if one of them takes it again and again.
#[test]
fn an_address_and_its_translation_share_the_one_probe_of_a_host() {
    let translated: IpAddr = "64:ff9b::a00:1".parse().expect("an address");
    for (dead, is_static) in [Host::NoRoute, Host::Silent, Host::Refuses]
        .into_iter()
        .flat_map(|dead| [(dead.clone(), false), (dead, true)])
    {
        let one = std::num::NonZeroUsize::MIN;
        let mut world = World::new(lowest(3).map_limits(|l| l.with_probes_per_host(one)));
        world.set(ip(1), dead.clone());
        if is_static {
            world.source(&at(ip(1)).to_string());
            world.source(&at(translated).to_string());
        } else {
            world.name(&[ip(1)]);
            world.name_v6(translated);
            world.source("/dns/peers.example./tcp/4001");
        }
        world.run(secs(600));
        world.live(translated);
        world.until(secs(70), "by the gateway", joined);
    }
}

fn drain(core: &mut Discovery, now: web_time::Instant) -> Vec<Output> {
    std::iter::from_fn(|| core.poll_output(now)).collect()
}

/// Fails without `note` in `Dialling::wakes`: as many dials begin, late or not.
#[test]
fn a_node_that_wakes_late_begins_fewer_dials() {
    let begun = |late| {
        let mut world = World::new(lowest(3));
        let ips: Vec<_> = (1..=99).map(ip).collect();
        world.name(&ips);
        ips.iter().for_each(|ip| world.set(*ip, Host::Silent));
        world.source("/dns4/peers.example./tcp/4001");
        world.run(secs(5));
        world.now += secs(late);
        let dials = world.dials.len();
        world.run(secs(5));
        world.dials.len() - dials
    };
    let (in_time, late) = (begun(0), begun(5));
    assert!(in_time >= 15 && late <= 3, "{in_time}, {late}");
}
