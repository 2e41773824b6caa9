//! One budget of dials, in which each purpose has its quota.

use libp2p::{PeerId, StreamProtocol};
use libp2p_dns_discovery::{Config, Selection, Status, discovery::Expect};

use crate::support::{Host, World, at, joined, lowest, nth, nz, secs};

/// So many silent ones, and above them so many that live.
fn silent_below(config: Config, silent: u32, living: u32) -> (World, Vec<PeerId>) {
    let mut world = World::new(config);
    world.elsewhere = Host::Silent;
    let ips: Vec<_> = (1..=silent + living).map(nth).collect();
    world.name(&ips);
    let peers = ips[silent as usize..].iter().map(|ip| world.live(*ip)).collect();
    world.source("/dns4/peers.example./tcp/4001");
    (world, peers)
}

/// With one place, others are connected to by the island repair alone. Fails if a meeting that finds
/// no room is not asked for again, or if those purposes that are asked first always go first.
#[test]
fn with_fewer_slots_than_purposes_these_take_turns() {
    for slots in 1..=5 {
        let config = lowest(1).map_limits(|l| l.with_concurrent_probes(nz(slots)));
        let (mut world, peers) = silent_below(config, 30, 3);
        world.until(secs(600), "joined", joined);
        let since = world.dials.len();
        world.run(secs(3 * 3_600));
        assert_eq!(world.core.status(), Status::Joined);
        let dials = &world.dials[since..];
        let to = |what: Expect| dials.iter().filter(|(_, _, expect)| *expect == what).count();
        let checks = to(Expect::Peer(peers[0]));
        assert!(checks > 100, "{checks} verifications in three hours with {slots}");
        let lower = dials.iter().filter(|(_, address, _)| *address == at(nth(1))).count();
        assert!(lower > 20, "{lower} dials to the lowest with {slots}");
        for met in &peers[1..] {
            let met = to(Expect::Peer(*met));
            assert!(met > 5, "{met} meetings with {slots}");
        }
    }
}

/// Many that are connected claim to live where nobody answers; one that is back is not among these.
/// Fails if hints may take all that the search does not use at the moment.
#[test]
fn what_remotes_ask_for_leaves_the_search_its_quota() {
    let (mut world, _) = silent_below(lowest(3), 400, 0);
    world.idle = None;
    world.run(secs(3_600));
    let claimed: Vec<_> = (1..=399).map(|n| at(nth(n))).collect();
    world.live(nth(400));
    let mut claims = claimed.iter().cycle();
    for _ in 0..1_200 {
        for _ in 0..10 {
            let liar = PeerId::random();
            world.accept(liar, "/ip4/10.200.9.9/tcp/55555");
            for claim in claims.by_ref().take(4) {
                world.core.handle_claim(liar, claim, world.now);
            }
        }
        world.run(secs(1));
        if joined(&world) {
            return;
        }
    }
    panic!("not joined");
}

/// Hundreds connect and never say what they speak; one does, and is behind them. Fails if a peer that is
/// waited for holds a slot meanwhile.
#[test]
fn peers_that_never_say_what_they_speak_hold_no_slot() {
    let config = lowest(1).with_required_protocol(StreamProtocol::new("/members/1"));
    let (mut world, peers) = silent_below(config, 0, 300);
    for peer in &peers {
        world.speaks.insert(*peer, false);
    }
    let member = peers[299];
    world.speaks.insert(member, true);
    world.speaks_after = secs(9);
    world.until(secs(90), "joined", |w| w.selected() == [member]);
}

/// Verifications of all go on while everybody asks for more. Fails if those that are asked first may
/// take the slots of all others.
#[test]
fn a_table_that_is_verified_leaves_room_for_those_who_come() {
    let config = Config::new()
        .with_selection(Selection::All)
        .with_reverify_interval(secs(5))
        .map_limits(|l| l.with_probes_per_minute(nz(120)));
    let (mut world, peers) = silent_below(config, 0, 200);
    world.until(secs(300), "all", |w| w.core.peers().count() == peers.len());
}
