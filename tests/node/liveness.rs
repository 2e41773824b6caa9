//! A connection is a verification while its peer answers. Who is frozen or cut off is told in time, and
//! nobody who answers is withdrawn.

use std::time::Duration;

use libp2p::PeerId;
use libp2p_dns_discovery::{
    Config, Event, Identify, Selection, Status,
    discovery::{Closing, Expect},
};

use crate::support::{Host, World, at, ip, joined, lowest, nz, secs};

/// Five intervals, and a minute.
const TOLD: Duration = Duration::from_secs(5 * 60 + 60);

/// A node that is connected to so many peers, on connections that never end by themselves.
fn connected(config: Config, n: u8) -> (World, Vec<PeerId>) {
    let (mut world, peers) = World::with_peers(config, n);
    world.idle = None;
    world.until(secs(60), "connected", |w| peers.iter().all(|p| w.is_connected(p)));
    (world, peers)
}

/// Whether it is told that an entry ended, and that nothing is left of its peer.
fn told_gone(peer: PeerId) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Unreachable { peer: Some(p), gone: true, .. } if *p == peer)
}

fn is_told_gone(world: &World, peer: PeerId) -> bool {
    world.count(told_gone(peer)) == 1
}

/// The statuses that were told since the first word of DNS.
fn statuses(world: &World) -> Vec<Status> {
    world.statuses().into_iter().filter(|status| *status != Status::Starting).collect()
}

/// How many entries ended.
fn ended(world: &World) -> usize {
    world.count(|event| matches!(event, Event::Unreachable { peer: Some(_), .. }))
}

/// Whenever it freezes. Fails without `Presence::ask`.
#[test]
fn a_frozen_peer_is_told_within_five_intervals_and_a_minute() {
    for after in [0, 10, 100, 170, 200, 299, 300, 1_000, 3_601] {
        let (mut world, peers) = connected(lowest(2), 2);
        world.run(secs(after));
        world.freeze(ip(1));
        world.until(TOLD, &format!("told, frozen after {after} s"), |w| is_told_gone(w, peers[0]));
        assert_eq!(world.selected(), peers[1..]);
        assert_eq!(world.statuses().last(), Some(&Status::Joined));
        // Its connection is noticed to be dead at last, and nothing is told of it again.
        let told = world.events.len();
        world.lose(peers[0]);
        world.run(secs(1));
        assert_eq!(world.events.len(), told, "{:?}", &world.events[told..]);
    }
}

/// Fails if `has_live_peer` goes by all who are connected.
#[test]
fn a_node_whose_only_peer_is_frozen_is_isolated_and_joins_again() {
    let (mut world, peers) = connected(lowest(1), 1);
    world.run(secs(1_000));
    world.freeze(ip(1));
    world.until(TOLD, "isolated", |w| w.core.status() == Status::Isolated);
    assert!(is_told_gone(&world, peers[0]), "and not before");
    assert_eq!(statuses(&world), [Status::Joined, Status::Isolated]);
    world.run(secs(600));
    world.frozen.clear();
    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(60), "joined again", joined);
    // The old connection was there all the while.
    world.run(secs(3_600));
    assert_eq!((ended(&world), world.connections.len()), (1, 1));
}

/// A peer that is busy for a while, or a connection that a firewall forgot. Fails if silence withdraws the
/// entry, or if one failed probe does.
#[test]
fn a_peer_that_is_silent_for_a_while_or_on_its_connection_alone_stays() {
    for comes_back in [true, false] {
        let (mut world, peers) = connected(lowest(1), 1);
        world.frozen.insert(peers[0]);
        world.until(TOLD, "looked at", |w| w.asked.len() >= 2 && w.dials_to(ip(1)) > 1);
        assert!(world.dials[1..].iter().all(|(_, _, expect)| *expect == Expect::Probe));
        if comes_back {
            world.frozen.clear();
            world.run(secs(120));
            let dials = world.dials.len();
            world.run(secs(7_200));
            assert_eq!(world.dials.len(), dials, "it answers");
        }
        world.run(secs(7_200));
        assert_eq!((world.selected(), ended(&world)), (peers, 0));
        assert_eq!(statuses(&world), [Status::Joined]);
    }
}

/// Beside one that never answers, others fill no gap. Fails if a silent connection is believed in
/// `View::liveness`.
#[test]
fn a_silent_connection_keeps_no_candidate_that_dns_leaves_out() {
    let (mut world, peers) = connected(lowest(2), 2);
    world.frozen.insert(peers[0]);
    world.until(TOLD, "looked at", |w| w.dials_to(ip(1)) > 1);
    world.name(&[ip(2)]);
    world.until(secs(120), "departed", |w| w.core.candidates().count() == 1);
}

/// It connected to us, say, and nothing gets through the other way. Fails if the address is dialled although
/// the connection answers.
#[test]
fn a_peer_that_answers_and_cannot_be_dialled_stays() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    world.until(secs(5), "verified", joined);
    let accepted = world.accept(peers[0], "/ip4/10.0.0.1/tcp/55555");
    world.run(secs(11));
    assert_eq!(world.connections.len(), 1, "our own was idle");
    for host in [Host::Silent, Host::Refuses, Host::NoRoute, Host::Denied] {
        world.set(ip(1), host);
        world.run(secs(3_600));
    }
    assert_eq!((world.selected(), ended(&world), world.dials.len()), (peers.clone(), 0, 1));
    assert_eq!(statuses(&world), [Status::Joined]);
    // Once it does not answer, there is no way to it at all.
    world.set(ip(1), Host::Silent);
    world.frozen.insert(peers[0]);
    world.until(TOLD, "told", |w| is_told_gone(w, peers[0]));
    world.end(accepted, peers[0], Closing::Lost);
}

/// Fails if a peer that cannot be probed is withdrawn for its silence, if its status never changes, or if it
/// is not asked again.
#[test]
fn where_nobody_can_look_a_silent_peer_keeps_its_entry_and_joins_nobody() {
    let relay = format!("/ip4/10.9.9.9/tcp/4001/p2p/{}/p2p-circuit", PeerId::random());
    for identify in [Identify::Dial, Identify::Auto] {
        let (config, peer) = (lowest(1).with_identify(identify), PeerId::random());
        let mut world = World::new(config);
        world.idle = None;
        match identify {
            Identify::Dial => {
                world.set(ip(1), Host::Lives(peer));
                world.source(&at(ip(1)).to_string());
            }
            _ => {
                world.hosts.insert(relay.parse().expect("valid"), Host::Lives(peer));
                world.source(&format!("{relay}/p2p/{peer}"));
            }
        }
        world.until(secs(60), "joined", joined);
        world.run(secs(3_600));
        assert!(world.asked.len() >= 12, "{identify:?}: {}", world.asked.len());
        assert_eq!(statuses(&world), [Status::Joined], "{identify:?}");
        let dials = world.dials.len();
        world.frozen.insert(peer);
        world.until(TOLD + secs(120), "isolated", |w| w.core.status() == Status::Isolated);
        world.run(secs(3_600));
        assert_eq!((world.selected(), ended(&world)), (vec![peer], 0));
        assert_eq!(world.dials.len(), dials);
        world.frozen.clear();
        world.until(secs(76), "joined again", joined);
        world.run(secs(3_600));
        assert_eq!(statuses(&world), [Status::Joined, Status::Isolated, Status::Joined]);
    }
}

/// Probes are denied, as an allow list does. Fails if a denial counts as a failure.
#[test]
fn a_silent_peer_that_our_own_swarm_does_not_let_us_probe_stays() {
    let (mut world, peers) = connected(lowest(1), 1);
    world.denies_probes = true;
    world.frozen.insert(peers[0]);
    world.until(TOLD + secs(120), "isolated", |w| w.core.status() == Status::Isolated);
    world.run(secs(3_600));
    assert_eq!((world.selected(), ended(&world)), (peers, 0));
}

/// However many connections a peer opens, and entries it has. Fails without `ASKED`.
#[test]
fn a_thousand_connections_are_asked_a_few_questions() {
    let (mut world, peers) = connected(lowest(1), 1);
    for _ in 0..1_000 {
        world.accept(peers[0], "/ip4/10.0.0.1/tcp/55555");
    }
    world.run(secs(3_600));
    assert!(world.asked.len() <= 4 * 3_600 / 180, "{} in an hour", world.asked.len());
    world.freeze(ip(1));
    world.until(TOLD, "told", |w| is_told_gone(w, peers[0]));
}

/// Those who take no place, or are nobody's candidate, are left alone.
#[test]
fn nobody_is_asked_but_those_who_take_a_place() {
    let (mut world, peers) = connected(Config::new().with_selection(Selection::All), 5);
    world.core.set_selection(Selection::Lowest(nz(2)));
    let stranger = PeerId::random();
    world.accept(stranger, "/ip4/172.16.0.9/tcp/5");
    world.run(secs(3_600));
    let asked = |peer: &PeerId| world.asked.iter().filter(|(_, p)| p == peer).count();
    assert!(peers[..2].iter().all(|peer| asked(peer) >= 12));
    assert!(peers[2..].iter().chain([&stranger]).all(|peer| asked(peer) == 0));
}
