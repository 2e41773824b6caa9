//! How a discovery is configured, and what that promises.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use libp2p_dns_discovery::{Config, Filter, Identify, Limits, Selection};

use crate::fuzzing::{
    input::Input,
    universe::{ADDRESSES, PEERS, address, peer},
};
use libp2p::{PeerId, StreamProtocol};

/// A configuration, and the bounds that are held against what the discovery does.
#[derive(Debug, Clone)]
pub struct Setup {
    pub config: Config,
    pub seed: u64,
    pub candidates: usize,
    pub at_once: usize,
    pub per_minute: usize,
    pub per_host: usize,
    pub probe_timeout: Duration,
    pub min_refresh: Duration,
    pub max_refresh: Duration,
    /// Whether the durations are such that who can be reached is reached soon.
    pub usual: bool,
    pub memory: bool,
    pub loopback: bool,
    /// Whether members have to say that they speak a protocol.
    pub required: bool,
    pub own: Vec<usize>,
    pub identify: Identify,
    pub judgement: Judgement,
}

/// Whom the application admits: a bit for each peer.
#[derive(Debug, Clone)]
pub struct Judgement(Arc<AtomicU8>);

impl Judgement {
    pub fn change(&self, mask: u8) {
        self.0.store(mask, Ordering::Relaxed);
    }

    pub fn admits(&self, candidate: &PeerId) -> bool {
        let mask = self.0.load(Ordering::Relaxed);
        (0..=PEERS).any(|n| mask >> n & 1 == 1 && peer(n) == *candidate)
    }
}

impl Setup {
    pub fn read(input: &mut Input<'_>) -> Self {
        let [candidates, at_once, per_minute, per_host] =
            [&[16_384, 1, 2, 5, 9], &[16, 1, 2, 3, 8], &[600, 1, 7, 60, 6_000], &[4, 1, 2, 3, 100]]
                .map(|choices: &[usize; 5]| *input.choose(choices));
        let flags = input.byte();
        let own = if flags & 8 == 0 { vec![] } else { vec![input.below(ADDRESSES.len())] };
        let (memory, loopback) = (flags & 1 == 1, flags & 2 == 2);
        let identify = match flags & 0x24 {
            0 => Identify::Auto,
            4 => Identify::Dial,
            _ => Identify::Probe,
        };
        let judgement = Judgement(Arc::new(AtomicU8::new(u8::MAX)));
        let judge = judgement.clone();
        let limits = Limits::new()
            .with_candidates(nz(candidates))
            .with_concurrent_probes(nz(at_once))
            .with_probes_per_minute(nz(per_minute))
            .with_probes_per_host(nz(per_host))
            .with_rejections_told(nz(if flags & 64 == 0 { 64 } else { 2 }));
        let config = Config::new()
            .with_selection(selection(input))
            .with_auto_limit(nz(4))
            .with_identify(identify)
            .with_filter(Filter::default().with_memory(memory).with_loopback(loopback))
            .with_own_addresses(own.iter().map(|n| address(ADDRESSES[*n])))
            .with_admission(move |peer, _| judge.admits(peer))
            .with_limits(limits);
        let required = flags & 16 == 16;
        let config = match required {
            true => config.with_required_protocol(StreamProtocol::new("/members/1")),
            false => config,
        };
        let durations =
            *input.choose(&[None, None, None, Some(Duration::ZERO), Some(Duration::MAX)]);
        let [probe_timeout, min_refresh, max_refresh] = match durations {
            None => [10, 5, 300].map(Duration::from_secs),
            // As the documentation of `Config` says.
            Some(Duration::ZERO) => [Duration::from_millis(1); 3],
            Some(_) => [Duration::from_secs(365 * 24 * 3_600); 3],
        };
        Self {
            config: durations.map_or(config.clone(), |all| with_durations(config, all)),
            seed: u64::from(input.byte()),
            candidates,
            at_once,
            per_minute,
            per_host,
            probe_timeout,
            min_refresh,
            max_refresh,
            usual: durations.is_none(),
            memory,
            loopback,
            required,
            own,
            identify,
            judgement,
        }
    }
}

pub fn selection(input: &mut Input<'_>) -> Selection {
    *input.choose(&[
        Selection::Auto,
        Selection::Lowest(nz(1)),
        Selection::Lowest(nz(3)),
        Selection::Fingers,
        Selection::All,
    ])
}

fn with_durations(config: Config, all: Duration) -> Config {
    config
        .with_reverify_interval(all)
        .with_repair_interval(all)
        .with_min_refresh(all)
        .with_max_refresh(all)
        .with_probe_timeout(all)
        .with_lookup_timeout(all)
        .with_stagger(all)
        .with_retry(all, all)
}

fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}
