//! No state waits without a deadline, and an idle network makes no work between refreshes.

use std::time::Duration;

use libp2p::PeerId;
use libp2p_dns_discovery::{CandidateState, Config, Event, LookupError, Selection, Source};

use crate::support::{Host, World, at, ip, joined, nz, secs};

/// The addresses that are played with.
const HOSTS: u8 = 12;
const DNS: &str = "/dns4/peers.example./tcp/4001";
/// A look-up follows another by this at the latest: the longest interval, by default.
const MAX_REFRESH: Duration = Duration::from_secs(300);
/// Where there are no look-ups, the longest pause is that of an entry outside the selection, or of
/// one whose peer is connected by another address: ten intervals of 60 s, and a quarter more by
/// jitter.
const MAX_CHECK: Duration = Duration::from_secs(750);
/// An address that led to ourselves is looked at again after ten minutes, which is longer than the
/// longest back-off; before that, a look-up may have to time out, and wait for its own back-off.
const MAX_RETURN: Duration = Duration::from_secs(600 + 20 + 60 + 10);
/// The least time from one check of an entry, or from one repair, to the next.
const LEAST_INTERVAL: Duration = Duration::from_secs(45);

fn selection(rng: &mut fastrand::Rng) -> Selection {
    match rng.u8(..4) {
        0 => Selection::All,
        1 => Selection::Auto,
        2 => Selection::Fingers,
        _ => Selection::Lowest(nz(rng.usize(1..5))),
    }
}

/// Asserts what holds whenever all outputs are drained:
///
/// - the next wake-up lies ahead: nothing spins;
/// - with a source that is looked up, it is not further away than the longest interval;
/// - with static sources alone, it is not further away than the longest pause between two checks;
///   and there is one, unless each candidate is ours, or that of a connected peer.
fn assert_alive(world: &World, seed: u64) {
    let wake = world.core.poll_timeout();
    assert!(wake.is_none_or(|wake| wake > world.now), "seed {seed}: it spins");
    let ahead = wake.map(|wake| wake - world.now);
    if world.core.sources().any(|source| source.to_string().starts_with("/dns")) {
        let soon = ahead.is_some_and(|ahead| ahead <= MAX_REFRESH);
        assert!(soon, "seed {seed}: next wake {ahead:?}");
    }
    let done = |(_, state): (_, CandidateState)| match state {
        CandidateState::Itself | CandidateState::Rejected(_) => true,
        CandidateState::Verified { peer, .. } => world.is_connected(&peer),
        _ => false,
    };
    let soon = ahead.map_or_else(|| world.core.candidates().all(done), |ahead| ahead <= MAX_CHECK);
    assert!(soon, "seed {seed}: next wake {ahead:?}");
}

/// Lets something happen.
fn disturb(world: &mut World, rng: &mut fastrand::Rng) {
    match rng.u8(..4) {
        0 => disturb_dns(world, rng),
        1 => disturb_host(world, rng),
        2 => disturb_connections(world, rng),
        _ => disturb_node(world, rng),
    }
}

fn disturb_dns(world: &mut World, rng: &mut fastrand::Rng) {
    match rng.u8(..7) {
        0 => world.fail(LookupError::TimedOut),
        1 => world.fail(LookupError::ServerFailed("SERVFAIL".into())),
        2 => world.fail(LookupError::nx_domain(rng.bool().then_some(secs(3_600)))),
        3 => world.deaf = rng.bool(),
        4 => world.partial = rng.bool(),
        _ => {
            let mut ips: Vec<_> = (1..=HOSTS).map(ip).collect();
            ips.retain(|_| rng.bool());
            world.name(&ips);
        }
    }
}

fn disturb_host(world: &mut World, rng: &mut fastrand::Rng) {
    let n = rng.u8(1..=HOSTS);
    let host = match rng.u8(..9) {
        0 => Host::Refuses,
        1 => Host::Silent,
        2 => Host::NoRoute,
        3 => Host::Denied,
        4 => Host::Lives(world.local),
        5 => Host::Slow(PeerId::random(), Duration::from_millis(rng.u64(..12_000))),
        // Such an address is believed slowly later on, which is not what is measured at the lowest.
        6 if n > 1 => Host::Alternates(vec![PeerId::random(), PeerId::random()]),
        _ => Host::Lives(PeerId::random()),
    };
    world.set(ip(n), host);
}

fn disturb_connections(world: &mut World, rng: &mut fastrand::Rng) {
    let connected = rng.choice(&world.connections).cloned();
    let known = rng.choice(world.core.peers().collect::<Vec<_>>()).map(|entry| entry.peer);
    let address = format!("/ip4/10.{}.0.{}/tcp/5555", rng.u8(..2), rng.u8(1..=HOSTS));
    match (rng.u8(..5), connected, known) {
        (0, Some((id, peer, _)), _) => world.close(id, peer, false),
        (1, Some((id, peer, _)), _) => world.close(id, peer, true),
        (2, Some((_, peer, _)), _) => world.lose(peer),
        (3, _, Some(peer)) => drop(world.accept(peer, &address)),
        (4, ..) => drop(world.accept(PeerId::random(), &address)),
        _ => world.idle = rng.bool().then_some(secs(10)),
    }
}

fn disturb_node(world: &mut World, rng: &mut fastrand::Rng) {
    let host = at(ip(rng.u8(1..=HOSTS)));
    let sources: Vec<Source> = world.core.sources().cloned().collect();
    let known = rng.choice(world.core.peers().collect::<Vec<_>>()).map(|entry| entry.peer);
    match (rng.u8(..8), rng.choice(sources), known) {
        (0, ..) => drop(world.source(DNS)),
        (1, ..) => drop(world.source(&host.to_string())),
        (2, Some(source), _) => drop(world.core.remove_source(&source)),
        (3, _, Some(peer)) => {
            world.core.disqualify(peer, world.now + secs(rng.u64(1..200)));
        }
        (4, ..) => world.core.handle_listen_address(&host, world.now),
        (5, ..) => world.core.handle_listen_address_expired(&host),
        (6, ..) => world.core.refresh(world.now),
        _ => world.core.set_selection(selection(rng)),
    }
}

/// How often a node wakes and asks, in an hour.
struct Hour {
    wakes: usize,
    refreshes: usize,
    dials: usize,
    asked: usize,
}

fn hour(world: &mut World) -> Hour {
    let before = (world.wakes, world.queries.len(), world.dials.len(), world.events.len());
    let asked = world.asked.len();
    world.run(secs(3_600));
    assert_eq!(world.events.len(), before.3, "a steady state is silent");
    Hour {
        wakes: world.wakes - before.0,
        refreshes: world.queries.len() - before.1,
        dials: world.dials.len() - before.2,
        asked: world.asked.len() - asked,
    }
}

/// How often at most something happens in an hour that happens at an interval.
fn per_hour(least: Duration) -> usize {
    usize::try_from(secs(3_600).as_secs() / least.as_secs()).expect("small") + 1
}

/// A live connection is verification for five intervals, and its close is told: nothing is due before, and
/// then a reply is asked for. Fails without the pauses of `still_connected` and `replied`.
#[test]
fn peers_that_stay_connected_cost_a_wake_up_in_some_intervals() {
    for (n, selection) in [
        (1, Selection::Lowest(nz(1))),
        (3, Selection::Lowest(nz(3))),
        (40, Selection::All),
        (1, Selection::Fingers),
    ] {
        let config = Config::new().with_selection(selection);
        let (mut world, peers) = World::with_peers(config, n);
        world.idle = None;
        world.until(secs(60), "all connected", |w| peers.iter().all(|p| w.is_connected(p)));
        // One last look at each, which finds it connected.
        world.run(secs(120));
        let Hour { wakes, refreshes, dials, asked } = hour(&mut world);
        assert!(wakes <= refreshes + asked, "{n} peers, {selection:?}: {wakes}, {refreshes}");
        assert!(refreshes <= per_hour(secs(30)), "{refreshes} refreshes at a TTL of 30 s");
        assert_eq!(dials, 0, "{n} peers, {selection:?}");
        let (least, most) = (3_600 / 300 * usize::from(n), usize::from(n) * per_hour(secs(180)));
        assert!((least..=most).contains(&asked), "{n} peers, {selection:?}: {asked}");
    }
}

/// Where others are named that are not selected, one of them is met a minute, as long as there is
/// one to meet. Fails without `is_met` in `has_outside`.
#[test]
fn a_node_that_is_connected_to_everybody_wakes_to_meet_nobody() {
    let (mut world, peers) =
        World::with_peers(Config::new().with_selection(Selection::Lowest(nz(3))), 5);
    world.idle = None;
    world.until(secs(1_800), "all met", |w| peers.iter().all(|p| w.is_connected(p)));
    // One last look at each, which those outside the selection have rarely.
    world.run(MAX_CHECK);
    let Hour { wakes, refreshes, dials, asked } = hour(&mut world);
    assert!(wakes <= refreshes + asked && dials == 0, "{wakes} wakes, {refreshes}, {asked}");
    assert!(asked <= 3 * per_hour(secs(180)), "{asked} of those who take a place");

    let (id, peer, _) = world.connections.last().cloned().expect("connected");
    world.close(id, peer, false);
    world.until(secs(76), "met again", |w| w.is_connected(&peer));
}

/// Whose connections close when idle is verified at the interval, and costs a wake-up each time.
/// Fails if the close of a connection has it verified sooner (`last_closed`).
#[test]
fn peers_whose_connections_close_cost_a_wake_up_for_each_check() {
    for n in [1, 3, 10] {
        let config = Config::new().with_selection(Selection::All);
        let (mut world, _) = World::with_peers(config, n);
        world.run(secs(120));
        let Hour { wakes, refreshes, dials, asked } = hour(&mut world);
        assert_eq!(asked, 0, "none of them lasts for so long");
        // Connected for 10 s, and checked an interval after that.
        let checks = usize::from(n) * per_hour(LEAST_INTERVAL + secs(10));
        assert!(wakes <= refreshes + checks, "{wakes} wakes, {refreshes} refreshes");
        assert!(dials <= checks, "{dials} dials for {n} peers");
        assert!(dials >= checks / 2, "{dials} dials for {n} peers");
    }
}

/// An entry that rests is looked at again when the connection to its address closes, though its
/// peer stays connected by another one. Fails without `one_closed` planning the next check.
#[test]
fn an_entry_whose_peer_stays_connected_elsewhere_is_verified_again() {
    let config = Config::new().with_selection(Selection::Lowest(nz(1)));
    let (mut world, peers) = World::with_peers(config, 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(600));
    let (id, dials) = (world.connections[0].0, world.dials.len());
    world.accept(peers[0], "/ip4/172.16.0.1/tcp/5");
    world.run(secs(600));
    assert_eq!(world.dials.len(), dials, "connected there");
    world.close(id, peers[0], false);
    let new = world.live(ip(1));
    world.until(MAX_CHECK, "replaced", |w| w.selected() == [new]);
}

/// What contradicts a connection is looked into when the connection would have noticed, even if it
/// was not looked at for long. Fails without `is_contradicted` in
/// `checks::next`.
#[test]
fn an_entry_that_rests_is_looked_at_when_another_identity_answers() {
    let config = Config::new().with_selection(Selection::Lowest(nz(1)));
    let (mut world, peers) = World::with_peers(config, 1);
    world.idle = None;
    world.until(secs(5), "connected", |w| w.is_connected(&peers[0]));
    world.run(secs(1_200));
    let other = world.live(ip(1));
    world.core.handle_observed(&at(ip(1)), other, world.now);
    let shared = |w: &World| w.count(|e| matches!(e, Event::SharedAddress { .. })) == 1;
    world.until(secs(60), "two live there", shared);
    assert!(world.is_connected(&peers[0]));
}

/// A world to which much has happened, and how it is called.
fn disturbed(seed: u64) -> (World, fastrand::Rng) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::seeded(Config::new().with_selection(selection(&mut rng)), seed);
    world.name(&(1..=HOSTS).map(ip).collect::<Vec<_>>());
    world.source(if rng.bool() { DNS } else { "/ip4/10.0.0.1/tcp/4001" });
    for _ in 0..rng.u32(1..60) {
        disturb(&mut world, &mut rng);
        let pause = Duration::from_millis(1 << rng.u32(..18));
        watched(&mut world, pause, seed);
    }
    (world, rng)
}

/// Lets time pass, and watches.
fn watched(world: &mut World, duration: Duration, seed: u64) {
    let wakes = world.wakes;
    world.run_until(world.now + duration, |world| {
        assert_alive(world, seed);
        false
    });
    let most = 1_000 + 20 * usize::try_from(duration.as_secs()).expect("small");
    assert!(world.wakes - wakes < most, "seed {seed}: {} wakes", world.wakes - wakes);
}

/// Fails without any one of the instants that `Names::next_timeout` and `Dialling::next_timeout`
/// name, and of those until which checks, `Repair::next` and `Search::next` want nothing.
#[test]
fn whatever_happened_there_is_a_next_wake_up_and_it_is_near() {
    for seed in 0..400 {
        let (mut world, _) = disturbed(seed);
        watched(&mut world, secs(3_600), seed);
    }
}

/// With nothing but time, and answers to what is asked, the lowest candidate that can be reached is
/// verified. Fails without retries (`first_to_retry`).
#[test]
fn whatever_happened_one_that_can_be_reached_is_verified_in_the_end() {
    for seed in 0..400 {
        let (mut world, _) = disturbed(seed);
        world.core.set_selection(Selection::Lowest(nz(2)));
        for (id, peer, _) in world.connections.clone() {
            world.close(id, peer, true);
        }
        for _ in 0..60 {
            world.core.handle_listen_address_expired(&at(ip(1)));
        }
        (world.deaf, world.partial) = (false, false);
        world.name(&[1, 2, 3].map(ip));
        world.source(DNS);
        let peer = world.live(ip(1));
        world.until(MAX_RETURN, &format!("seed {seed}"), |w| w.selected().first() == Some(&peer));
        // At once; or, where dials were denied until then, as soon as one for a connection is not.
        world.until(secs(1), &format!("seed {seed}: joined"), joined);
    }
}
