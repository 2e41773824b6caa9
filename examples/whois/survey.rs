//! Has every candidate dialled, until each is decided.

use std::{num::NonZeroUsize, time::Duration};

use futures::StreamExt;
use libp2p::{Swarm, identity::Keypair, swarm::SwarmEvent};
use libp2p_dns_discovery::{
    Behaviour, Candidate, CandidateState, Config, Event, Failure, Identify, Limits, LookupError,
    Selection, Source, resolver::hickory::HickoryResolver,
};
use tokio::time::{Instant, MissedTickBehavior};

use crate::{
    Args, NAME,
    common::{
        cli,
        output::{Progress, note},
        run::Stop,
        transport, words,
    },
    rows::Row,
};

/// How often the candidates are looked at.
const LOOK: Duration = Duration::from_millis(25);
/// If nothing is under way for so many looks, what is undecided will not be tried.
const IDLE_LOOKS: u32 = 20;
/// How many candidates are dialled at once, if so many files may be open.
const AT_ONCE: usize = 512;
/// What the process needs beside its dials.
const OTHER_FILES: usize = 64;
/// The pause before what failed is tried again, while others are still undecided.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

type Dialler = Behaviour<HickoryResolver>;

/// What is known of all candidates.
pub(crate) struct Survey {
    swarm: Swarm<Dialler>,
    /// Sources of which nothing is known yet.
    unanswered: Vec<Source>,
    failed: Vec<(Source, LookupError)>,
    resolved: usize,
    /// How many candidates are decided, and since when nothing more has come.
    decided: (usize, Instant),
    idle_looks: u32,
}

impl Survey {
    /// Looks the sources up and has their candidates dialled, until all are decided or the time is
    /// over.
    pub(crate) async fn make(args: &Args) -> Result<Self, Stop> {
        let silence = args.timeout / 2;
        let mut survey = Self::new(args, silence)?;
        let progress = Progress::new(0, "decided");
        // The time that the user gives: what is not decided by then is told as it stands.
        let deadline = tokio::time::sleep(args.timeout);
        tokio::pin!(deadline);
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = survey.swarm.select_next_some() => survey.note(event),
                _ = ticks.tick() => {
                    if survey.is_done(silence, &progress) {
                        return Ok(survey);
                    }
                }
                () = &mut deadline => return Ok(survey),
            }
        }
    }

    fn new(args: &Args, silence: Duration) -> Result<Self, Stop> {
        let key = Keypair::generate_ed25519();
        let peer = key.public().to_peer_id();
        // Two attempts, and time left to dial.
        let resolver = cli::resolver(args.dns, Some(args.timeout / 4))?;
        let mut dialler = Behaviour::new(resolver, config(args, silence), peer);
        let mut unanswered = Vec::new();
        for source in &args.sources {
            if dialler.add_source(source.clone()) {
                unanswered.push(source.clone());
            }
        }
        Ok(Self {
            swarm: transport::full(key, dialler, silence, Duration::ZERO)?,
            unanswered,
            failed: Vec::new(),
            resolved: 0,
            decided: (0, Instant::now()),
            idle_looks: 0,
        })
    }

    fn note(&mut self, event: SwarmEvent<Event>) {
        let SwarmEvent::Behaviour(event) = event else {
            return;
        };
        for lack in words::lacking(&event) {
            note(NAME, &lack);
        }
        match event {
            Event::Resolved { source, .. } if self.answered(&source) => self.resolved += 1,
            Event::LookupFailed { source, error, .. } if self.answered(&source) => {
                self.failed.push((source, error));
            }
            _ => {}
        }
    }

    /// Whether this is the first that is heard of the source.
    fn answered(&mut self, source: &Source) -> bool {
        let before = self.unanswered.len();
        self.unanswered.retain(|other| other != source);
        let first = self.unanswered.len() < before;
        if first {
            // The dials to those that it names begin now.
            self.decided.1 = Instant::now();
            self.idle_looks = 0;
        }
        first
    }

    fn is_done(&mut self, silence: Duration, progress: &Progress) -> bool {
        let candidates = self.swarm.behaviour().candidates();
        let (mut all, mut decided) = (0, 0);
        for (_, state) in candidates {
            all += 1;
            decided += usize::from(is_decided(&state));
        }
        progress.show(decided, all, String::new());
        if decided != self.decided.0 {
            self.decided = (decided, Instant::now());
        }
        let counters = self.swarm.network_info();
        let under_way = counters.connection_counters().num_pending_outgoing();
        self.idle_looks = if under_way == 0 { self.idle_looks + 1 } else { 0 };
        // Nothing was decided for longer than any dial takes: the discovery passes the rest over.
        let stuck = self.decided.1.elapsed() > silence + silence / 4;
        self.unanswered.is_empty() && (decided == all || self.idle_looks > IDLE_LOOKS || stuck)
    }

    pub(crate) fn failed(&self) -> impl Iterator<Item = (&Source, &LookupError)> {
        self.failed.iter().map(|(source, error)| (source, error))
    }

    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &Source> {
        self.unanswered.iter()
    }

    /// Whether at least one source could be resolved.
    pub(crate) fn is_resolved(&self) -> bool {
        self.resolved > 0
    }

    /// All candidates in order, those that were rejected among them.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut candidates: Vec<(&Candidate, CandidateState)> =
            self.swarm.behaviour().candidates().collect();
        candidates.sort_by_key(|(candidate, _)| *candidate);
        candidates.dedup_by(|(a, _), (b, _)| a == b);
        let local = self.swarm.local_peer_id();
        let rows = candidates.iter().enumerate();
        let rows = rows.map(|(i, (candidate, state))| {
            let no_route = self.no_route(candidate, &candidates);
            Row::new(i + 1, candidate, state, local, no_route)
        });
        rows.collect()
    }

    /// Why a candidate was not tried, if that is because its family has no route.
    fn no_route<'a>(
        &self,
        candidate: &Candidate,
        all: &'a [(&Candidate, CandidateState)],
    ) -> Option<&'a Failure> {
        all.iter().find_map(|(other, state)| match state {
            CandidateState::Unreachable(reason @ Failure::NoRoute(_)) => {
                (other.family() == candidate.family()).then_some(reason)
            }
            _ => None,
        })
    }
}

fn config(args: &Args, silence: Duration) -> Config {
    // Who asks has reason to: the bounds that protect a cluster from its own nodes are not meant for
    // one look from outside.
    let limits = Limits::new()
        .with_concurrent_probes(nonzero(at_once()))
        .with_probes_per_host(NonZeroUsize::MAX)
        .with_probes_per_minute(nonzero(1_000_000));
    Config::new()
        .with_selection(Selection::All)
        // The first handshake tells all there is to know.
        .with_identify(Identify::Dial)
        .with_filter(cli::filter(args.allow_loopback))
        .with_lookup_timeout(args.timeout)
        .with_probe_timeout(silence)
        .with_retry(RETRY.0, RETRY.1)
        .with_limits(limits)
}

/// How many dials the limit on open files allows.
fn at_once() -> usize {
    let wanted = AT_ONCE + OTHER_FILES;
    let limit = rlimit::increase_nofile_limit(wanted as u64).unwrap_or(256);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    limit.saturating_sub(OTHER_FILES).min(AT_ONCE)
}

fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap_or(NonZeroUsize::MIN)
}

fn is_decided(state: &CandidateState) -> bool {
    match state {
        // Its peer was being dialled at another address: it is tried again in a moment.
        CandidateState::Unknown | CandidateState::Unreachable(Failure::Aborted) => false,
        _ => true,
    }
}
