//! What a node did, seen from outside, against what its configuration allows.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use libp2p_dns_discovery::{
    Event,
    discovery::{CandidateState, Expect},
};
use web_time::Instant;

use crate::{
    MEMORY,
    support::{Host, World, secs},
};

/// Where the one honest peer lives.
pub const HONEST: &str = "/ip4/192.168.7.7/tcp/4001";

/// Puts the honest peer there.
pub fn honest(world: &mut World) -> PeerId {
    let peer = PeerId::random();
    world.hosts.insert(HONEST.parse().expect("valid"), Host::Lives(peer));
    peer
}

/// The default bounds hold, whatever the zone said.
pub fn assert_bounded(world: &World) {
    let dials: Vec<Instant> = world.dials.iter().map(|(at, ..)| *at).collect();
    assert!(most_within(&dials, secs(60)) <= 600, "dials in a minute");
    // Those to pinned peers cannot be aborted.
    let aborts = |(_, _, expect): &(Instant, Multiaddr, Expect)| *expect == Expect::Probe;
    let at_once = if world.dials.iter().all(aborts) { 16 } else { 32 };
    assert!(world.most_at_once <= at_once, "dials at once: {}", world.most_at_once);
    let mut by_host: HashMap<String, Vec<Instant>> = HashMap::new();
    for (at, address, _) in &world.dials {
        by_host.entry(host(address)).or_default().push(*at);
    }
    for (host, dials) in by_host {
        // Twice: some at the end of one interval and some at the start of the next.
        assert!(most_within(&dials, secs(5)) <= 8, "probes of {host}");
    }
    for (_, address, _) in &world.dials {
        assert!(!is_forbidden(address), "{address}");
    }
    let queries: Vec<Instant> = world.queries.iter().map(|(at, _)| *at).collect();
    assert!(most_within(&queries, secs(4)) <= 128, "look-ups of a refresh");
    let events: Vec<Instant> = world.events.iter().map(|(at, _)| *at).collect();
    assert!(most_within(&events, Duration::ZERO) <= 100, "events of a step");
    let is_held = |state: &CandidateState| !matches!(state, CandidateState::Rejected(_));
    let held = world.core.candidates().filter(|(_, state)| is_held(state)).count();
    assert!(held <= 16_384, "{held} candidates");
    assert!(world.core.candidates().count() <= 2 * 16_384);
    assert!(world.core.peers().count() <= 16_384);
}

/// The most instants within any span of this length.
pub fn most_within(instants: &[Instant], span: Duration) -> usize {
    let mut start = 0;
    let mut most = 0;
    for (end, at) in instants.iter().enumerate() {
        while instants[start] + span < *at {
            start += 1;
        }
        most = most.max(end + 1 - start);
    }
    most
}

/// How many bytes a run took at the most, and how many it left behind.
pub struct Memory {
    peak: usize,
    kept: usize,
}

impl Memory {
    /// Of what the core holds, and the answers that are on their way to it.
    pub fn of(world: &mut World, run: impl FnOnce(&mut World)) -> Self {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        run(world);
        let (peak, kept) = (MEMORY.peak_usage(), MEMORY.current_usage());
        Self { peak: peak.saturating_sub(before), kept: kept.saturating_sub(before) }
    }

    /// At most so many MiB at the peak, besides one copy of the zone, which is what the answers of a
    /// refresh are; and so many in the end. What a world notes down of dials and events is among them.
    pub fn assert(&self, world: &mut World, peak: usize, kept: usize) {
        let with_zone = MEMORY.current_usage();
        world.zone.clear();
        let zone = with_zone - MEMORY.current_usage();
        let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
        let over = mib(self.peak.saturating_sub(zone));
        println!("answers {:.1} MiB, {over:.1} more, {:.1} in the end", mib(zone), mib(self.kept));
        assert!(over <= peak as f64, "{over:.1} MiB more than the answers");
        assert!(mib(self.kept) <= kept as f64, "{:.1} MiB in the end", mib(self.kept));
    }
}

/// The IP addresses that a dial could lead to.
fn ips(address: &Multiaddr) -> Vec<IpAddr> {
    let mut ips = Vec::new();
    for part in address {
        match part {
            Protocol::Ip4(ip) => ips.push(ip.into()),
            Protocol::Ip6(ip) => {
                ips.push(ip.into());
                ips.extend(disguised(ip.segments()).map(IpAddr::V4));
            }
            _ => {}
        }
    }
    ips
}

/// Written down anew here: a mistake in the filter must not hide itself.
fn disguised(segments: [u16; 8]) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

fn is_forbidden(address: &Multiaddr) -> bool {
    let v4 = |ip: Ipv4Addr| {
        ip.octets()[0] == 0
            || ip.is_loopback()
            || ip.is_link_local()
            || ip.is_multicast()
            || ip.is_broadcast()
    };
    let is_forbidden = |ip| match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.segments()[0] & 0xffc0 == 0xfe80
        }
    };
    let local = |part| matches!(part, Protocol::Memory(_) | Protocol::Unix(_));
    let no_port = |part| matches!(part, Protocol::Tcp(0) | Protocol::Udp(0));
    ips(address).into_iter().any(is_forbidden)
        || address.iter().any(|p| local(p.clone()) || no_port(p))
}

/// The host that a dial leads to.
pub fn host(address: &Multiaddr) -> String {
    ips(address).last().map_or_else(|| address.to_string(), IpAddr::to_string)
}

pub fn rejected(world: &World) -> (usize, usize) {
    let more = world.events.iter().filter_map(|(_, event)| match event {
        Event::MoreRejected { more, .. } => Some(*more),
        _ => None,
    });
    (world.count(|e| matches!(e, Event::Rejected { .. })), more.sum())
}
