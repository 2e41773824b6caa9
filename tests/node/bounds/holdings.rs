//! What is held and told.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Config, Event, Failure, Source,
    discovery::{DialFailure, Direction, Discovery, Output},
};

use super::nz;
use crate::support::{Host, World, at, ip, lowest, nth, secs};

const SOURCE: &str = "/dns4/peers.example./tcp/4001";

fn names(world: &mut World, n: u32) {
    world.name(&(0..n).map(nth).collect::<Vec<IpAddr>>());
}

/// What was told of the bound.
fn bounded(world: &World) -> Vec<(usize, usize)> {
    let told = world.events.iter().filter_map(|(_, event)| match event {
        Event::Bounded { held, cut, .. } => Some((*held, *cut)),
        _ => None,
    });
    told.collect()
}

/// Told when it begins and when it ends, and not at every refresh. Fails without either, and without
/// the setter.
#[test]
fn candidates() {
    let mut world = World::new(lowest(3).map_limits(|l| l.with_candidates(nz(8))));
    names(&mut world, 8);
    world.source(SOURCE);
    world.run(secs(200));
    assert_eq!((world.core.candidates().count(), bounded(&world)), (8, vec![]));
    names(&mut world, 9);
    world.run(secs(200));
    names(&mut world, 10);
    world.run(secs(200));
    assert_eq!((world.core.candidates().count(), bounded(&world)), (8, vec![(8, 1)]));
    names(&mut world, 8);
    world.run(secs(200));
    assert_eq!(bounded(&world), [(8, 1), (8, 0)]);
}

/// The same over two sources, each of which is within the bound. Fails without what
/// `Names::candidates` counts in `cut`.
#[test]
fn candidates_of_all_sources() {
    let mut world = World::new(lowest(3).map_limits(|l| l.with_candidates(nz(8))));
    names(&mut world, 8);
    world.source(SOURCE);
    let fallback = world.source("/ip4/192.168.7.7/tcp/4001");
    world.run(secs(200));
    assert_eq!((world.core.candidates().count(), bounded(&world)), (8, vec![(8, 1)]));
    let last = world.core.candidates().last().map(|(c, _)| c.to_string());
    assert_eq!(last.as_deref(), Some("/ip4/192.168.7.7/tcp/4001"));
    world.core.remove_source(&fallback);
    world.run(secs(200));
    assert_eq!(bounded(&world), [(8, 1), (8, 0)]);
}

/// Each selection keeps what it needs, and a new one what it needs instead. Fails if the lowest are
/// kept whatever the selection, and if `set_selection` leaves what is held as it was.
#[test]
fn candidates_for_each_selection() {
    let fingers = Config::new().with_selection("fingers".parse().expect("valid"));
    let mut world = World::new(fingers.map_limits(|l| l.with_candidates(nz(40))));
    world.core.handle_listen_address(&at(nth(50)), world.now);
    names(&mut world, 64);
    world.source(SOURCE);
    // Each source is within the bound, so that what is left out of the order can come back.
    world.core.remove_source(&SOURCE.parse().expect("valid"));
    for n in 0..64 {
        world.source(&format!("/ip4/10.0.0.{n}/tcp/4001"));
    }
    world.run(secs(1));
    let held = |world: &World| {
        let ips = world.core.candidates().filter_map(|(c, _)| c.ip());
        ips.collect::<Vec<IpAddr>>()
    };
    let before = held(&world);
    assert_eq!(before.len(), 40);
    // Distances 1, 2, 4, …, 32 from 50, on a ring of 64.
    for n in [50, 51, 52, 54, 58, 2, 18] {
        assert!(before.contains(&nth(n)), "{n} in {before:?}");
    }
    world.core.set_selection("lowest:3".parse().expect("valid"));
    world.run(secs(1));
    assert_eq!(held(&world), (0..40).map(nth).collect::<Vec<_>>());
}

/// Fails without the bound, with another default, without its setter, and if the rest is not counted
/// or told again.
#[test]
fn rejections_told() {
    for (config, most) in
        [(Config::new(), 64), (Config::new().map_limits(|l| l.with_rejections_told(nz(5))), 5)]
    {
        for past in 0..2 {
            let mut world = World::new(config.clone());
            let forbidden = |n: u32| IpAddr::V4((0x7f00_0000 + n).into());
            world.name(&(0..most + past).map(forbidden).collect::<Vec<_>>());
            world.source(SOURCE);
            world.run(secs(600));
            let told = world.count(|e| matches!(e, Event::Rejected { .. }));
            let more = world.events.iter().filter_map(|(_, event)| match event {
                Event::MoreRejected { more, .. } => Some(*more),
                _ => None,
            });
            let more: Vec<_> = more.collect();
            assert_eq!((told, more), (most as usize, vec![1; past as usize]));
            assert_eq!(world.core.candidates().count(), (most + past) as usize, "all are readable");
        }
    }
}

/// Fails without the bound, and without its setter.
#[test]
fn hints_add_entries_up_to_their_bound() {
    for most in [0, 1, 2, 3] {
        let config =
            lowest(1).map_limits(|l| l.with_hinted(most)).with_repair_interval(secs(86_400));
        let (mut world, peers) = World::with_peers(config, 6);
        world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
        world.run(secs(5));
        for n in [3, 4, 5, 6] {
            world.accept(peers[n as usize - 1], &format!("/ip4/10.0.0.{n}/tcp/55555"));
        }
        world.run(secs(5));
        // The one that was selected needs no hint. Past the bound, one a day is followed.
        let expected = if most == 0 { 1 } else { most.max(1) + 1 };
        assert_eq!(world.core.peers().count(), expected, "{most}");
    }
}

/// Past the bound, who would be forgiven first is forgiven at once. Fails without the bound, without its
/// setter, and if another one is forgiven.
#[test]
fn disqualified_peers() {
    for (most, forgiven) in [(3, None), (2, Some(1))] {
        let config = lowest(1).map_limits(|l| l.with_disqualified(nz(most)));
        let (mut world, peers) = World::with_peers(config, 4);
        world.until(secs(5), "joined", |w| w.selected() == peers[..1]);
        for (n, seconds) in [(0, 9_000), (1, 7_000), (2, 8_000)] {
            world.core.disqualify(peers[n], world.now + secs(seconds));
        }
        world.run(secs(600));
        assert_eq!(world.selected(), [peers[forgiven.unwrap_or(3)]], "{most}");
    }
}

/// A core that knows of two addresses, of which the first is selected once somebody lives there.
fn core(config: Config) -> (Discovery, web_time::Instant) {
    #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
    let now = web_time::Instant::now();
    let config = config.with_selection("lowest:1".parse().expect("valid"));
    let mut core = Discovery::new(config, PeerId::random(), 1, now);
    for n in [1, 2] {
        let source: Source = at(ip(n)).to_string().parse().expect("valid");
        core.add_source(source, now);
    }
    take(&mut core, now, |_| refused("refused"));
    (core, now)
}

/// Takes all outputs, and lets dials end as this says. Returns how many there were, and where the
/// dials led.
fn take(
    core: &mut Discovery,
    now: web_time::Instant,
    outcome: impl Fn(&Multiaddr) -> DialFailure,
) -> (usize, Vec<Multiaddr>) {
    let (mut told, mut dials) = (0, Vec::new());
    while let Some(output) = core.poll_output(now) {
        told += 1;
        if let Output::Dial { id, address, .. } = output {
            core.handle_dial_failure(id, outcome(&address), now);
            dials.push(address);
        }
    }
    (told, dials)
}

fn refused(text: &str) -> DialFailure {
    DialFailure::Failed(Failure::Transport(text.into()))
}

/// Dials of others meet another identity each time, and nobody takes what there is to tell. Fails
/// without the bound, without its setter, and if what was met past it is forgotten.
#[test]
fn outputs_that_nobody_takes() {
    for (config, most) in
        [(Config::new(), 1_024), (Config::new().map_limits(|l| l.with_queued(nz(10))), 10)]
    {
        let (mut core, now) = core(config);
        let [second, first, late] = [(); 3].map(|()| PeerId::random());
        for (n, peer) in [(2, second), (1, first)] {
            core.handle_observed(&at(ip(n)), peer, now);
            take(&mut core, now, |_| DialFailure::Identity(peer));
        }
        for _ in 0..3 * most {
            // Met twice, or there would seem to be a balancer.
            let peer = PeerId::random();
            core.handle_observed(&at(ip(1)), peer, now);
            core.handle_observed(&at(ip(1)), peer, now);
        }
        core.handle_observed(&at(ip(2)), late, now);
        let (told, dials) = take(&mut core, now, |_| DialFailure::Identity(late));
        // One observation tells two things; what was not believed is looked at.
        assert!((most..=most + 12).contains(&told), "{told} of {most}");
        assert!(dials.contains(&at(ip(2))), "{dials:?}");
        assert_eq!(core.peer_at(&at(ip(2))).map(|entry| entry.peer), Some(late));
    }
}

/// A zone that pins one address to thousands. Fails if one observation is held against each of them.
#[test]
fn outputs_of_one_observation() {
    #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
    let now = web_time::Instant::now();
    let mut core = Discovery::new(Config::new(), PeerId::random(), 1, now);
    for _ in 0..500 {
        let pinned = format!("{}/p2p/{}", at(ip(1)), PeerId::random());
        core.add_source(pinned.parse().expect("valid"), now);
    }
    while core.poll_output(now).is_some() {}
    let direction = Direction::Dialled(None);
    let id = ConnectionId::new_unchecked(7);
    core.handle_connected(id, PeerId::random(), &at(ip(1)), direction, now);
    let outputs = std::iter::from_fn(|| core.poll_output(now));
    let told = outputs.filter(|o| matches!(o, Output::Event(Event::PinMismatch { .. }))).count();
    assert!(told <= 4, "{told}");
}

/// Fails if the text of an error is kept whole.
#[test]
fn texts_of_errors() {
    for (len, kept) in [(256, 256), (257, 256), (10_000, 256)] {
        let (mut core, now) = core(Config::new());
        core.refresh(now);
        let text = "é".repeat(len / 2) + &"x".repeat(len % 2);
        take(&mut core, now, |_| refused(&text));
        let reasons = core.candidates().map(|(_, state)| format!("{state:?}"));
        let reasons: Vec<String> = reasons.collect();
        let text = reasons.concat();
        let text = &text[text.find('é').expect("the text")..];
        let text = &text[..text.find('"').expect("its end")];
        assert!(text.len() <= kept && text.len() + 4 > kept, "{} of {len}", text.len());
        assert_eq!(text.ends_with('…'), len > 256);
    }
}

/// Fails if a host has more probes than its bound, without the setter, and with another default.
#[test]
fn probes_of_a_host() {
    for (config, most) in
        [(lowest(3), 4), (lowest(3).map_limits(|l| l.with_probes_per_host(nz(7))), 7)]
    {
        for ports in [most, most + 1] {
            let mut world = World::new(config.clone());
            world.elsewhere = Host::Silent;
            for port in 1..=ports {
                world.source(&format!("/ip4/10.0.0.1/tcp/{port}"));
            }
            world.run(secs(290));
            assert_eq!(world.dials.len(), most, "until the renewal");
            world.run(secs(20));
            assert_eq!(world.dials.len(), 2 * most, "and the same again");
        }
    }
}
