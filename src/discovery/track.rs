//! What was tried at a candidate that is not in the table: failures, back-off, identities seen.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{candidate::Candidate, event::Failure};

/// How many identities are remembered of an address.
const SEEN: usize = 4;
/// How recently an identity must have been seen before for its return to count as alternation. A
/// pod that comes back later than this on its old address is a pod that came back.
const ALTERNATION: Duration = Duration::from_secs(1_800);
/// How often an identity must return for the address to count as shared. One return is two pods
/// that swapped their addresses; a second one is a load balancer, and so is the first where one was
/// found before.
const RETURNS: u32 = 2;
/// How many in a row must answer there that nobody has met before, none of them twice, for the address
/// to count as shared: it may be that of a balancer which takes more in turn than are remembered. A pod
/// that restarts with another key is met more than once in most of its lives; one that crashes within
/// seconds is not, so that such an address is believed again as soon as somebody stays there. A third
/// of that is enough where a balancer was found before.
const FRESH: u32 = 6;
/// How often in a row one identity must answer at a shared address before it is believed again; and
/// twice as often after each time that it was believed in vain.
const SETTLED: u32 = 3;
/// The most doublings of [`SETTLED`].
const MAX_DOUBLINGS: u32 = 6;

/// The history of one candidate.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    /// Failures in a row.
    pub(super) failures: u32,
    /// The last failure of this row: why, and when the candidate may be tried again.
    pub(super) failed: Option<Failed>,
    /// When it last turned out to lead to ourselves.
    pub(super) itself: Option<Instant>,
    /// Since when another identity answers there, although the peer of the entry is connected.
    pub(super) contradicted: Option<Instant>,
    /// When a hint last had its entry verified, or somebody looked at who was turned away there.
    pub(super) hinted: Option<Instant>,
    /// Whether the application was told that the address cannot be reached.
    pub(super) reported: bool,
    /// What was last told of whoever answers there and may not enter.
    pub(super) told_failure: Option<Failure>,
    /// Whether the application was told that the address is shared.
    pub(super) reported_shared: bool,
    /// How long the last handshake took.
    pub(super) rtt: Option<Duration>,
    /// The identities that answered there, latest last.
    seen: VecDeque<(PeerId, Instant)>,
    /// How often one of them has returned.
    returns: u32,
    /// How many have answered in a row that had not answered before.
    fresh: u32,
    /// Identities alternate there; holds how often in a row the last one has answered since.
    shared: Option<u32>,
    /// How often identities that returned showed the address to be shared.
    times_shared: u32,
    /// Whether it is to be asked again soon whether whoever answered last stays there.
    asks_soon: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) reason: Failure,
    pub(super) retry_at: Instant,
}

impl Track {
    /// Notes who answered, and says whether identities alternate at the address: some return, or there
    /// is no end of new ones. A restart with a new key does not count, since a key once lost does not
    /// come back.
    pub(super) fn see(&mut self, peer: PeerId, now: Instant) -> bool {
        let last = self.seen.back().is_some_and(|(p, _)| *p == peer);
        self.seen.retain(|(_, at)| now.saturating_duration_since(*at) <= ALTERNATION);
        if self.seen.is_empty() {
            self.returns = 0;
            self.fresh = 0;
            self.times_shared = 0;
        }
        match self.seen.iter().any(|(p, _)| *p == peer) {
            _ if last => self.fresh = 0,
            true => self.returns += 1,
            false => self.fresh += 1,
        }
        self.seen.retain(|(p, _)| *p != peer);
        self.seen.push_back((peer, now));
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        self.settle(last);
        self.shared.is_some()
    }

    /// A connection has shown that whoever answered last stays.
    pub(super) fn stays(&mut self) {
        self.fresh = 0;
    }

    fn settle(&mut self, same: bool) {
        let doublings = self.times_shared.saturating_sub(1).min(MAX_DOUBLINGS);
        let was_shared = self.times_shared > 0;
        let (returns, fresh) = if was_shared { (1, FRESH / 3) } else { (RETURNS, FRESH) };
        let is_news = self.shared.is_none() || !was_shared;
        match self.shared {
            _ if self.returns >= returns && is_news => self.share(),
            None if self.fresh >= fresh && was_shared => self.share(),
            None if self.fresh >= fresh => self.shared = Some(0),
            None => {}
            Some(_) if !same => {
                self.shared = Some(0);
                self.asks_soon = !self.asks_soon;
            }
            Some(in_row) if in_row + 1 < SETTLED << doublings => self.shared = Some(in_row + 1),
            Some(_) => {
                self.shared = None;
                self.returns = 0;
                self.fresh = 0;
                self.asks_soon = false;
            }
        }
    }

    /// Whether to find out soon if whoever answered last at a shared address stays there. Where
    /// identities have returned, time has to tell.
    pub(super) fn asks_soon(&self) -> bool {
        self.times_shared == 0 && (self.asks_soon || self.shared.is_some_and(|in_row| in_row > 0))
    }

    /// Notes that identities alternate.
    pub(super) fn share(&mut self) {
        self.shared = Some(0);
        self.times_shared = self.times_shared.saturating_add(1);
    }
}

/// The histories of all candidates that have one, and an index of those that wait to be retried.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    tracks: HashMap<Candidate, Track>,
    retries: BTreeSet<(Instant, Candidate)>,
}

impl Tracks {
    pub(super) fn get(&self, candidate: &Candidate) -> Option<&Track> {
        self.tracks.get(candidate)
    }

    /// The history of a candidate, to note something in it. What `failed` holds is changed by the
    /// methods of this type alone, which keep the index.
    pub(super) fn of(&mut self, candidate: &Candidate) -> &mut Track {
        self.tracks.entry(candidate.clone()).or_default()
    }

    /// Counts a failure; the candidate may be tried again after `pause`.
    pub(super) fn fail(
        &mut self,
        candidate: &Candidate,
        reason: Failure,
        now: Instant,
        pause: Duration,
    ) {
        let track = self.of(candidate);
        track.failures = track.failures.saturating_add(1);
        self.wait(candidate, Some(Failed { reason, retry_at: now + pause }));
    }

    /// Waits for a while without counting a failure.
    pub(super) fn postpone(
        &mut self,
        candidate: &Candidate,
        reason: Failure,
        now: Instant,
        pause: Duration,
    ) {
        self.wait(candidate, Some(Failed { reason, retry_at: now + pause }));
    }

    /// The candidate answered.
    pub(super) fn succeed(&mut self, candidate: &Candidate) {
        let track = self.of(candidate);
        track.failures = 0;
        track.itself = None;
        track.contradicted = None;
        track.reported = false;
        track.told_failure = None;
        self.wait(candidate, None);
    }

    /// Lets a candidate that failed be tried by `at`.
    pub(super) fn retry_by(&mut self, candidate: &Candidate, at: Instant) {
        let failed = self.get(candidate).and_then(|t| t.failed.clone());
        if let Some(failed) = failed.filter(|failed| failed.retry_at > at) {
            self.wait(candidate, Some(Failed { retry_at: at, ..failed }));
        }
    }

    /// Lets all candidates that failed be tried by `at`.
    pub(super) fn retry_all_by(&mut self, at: Instant) {
        let late = self.retries.iter().rev().take_while(|(retry, _)| *retry > at);
        // To those who may not join, no time makes a difference.
        let failed = |c: &Candidate| self.get(c).and_then(|t| t.failed.as_ref());
        let refused = |c: &Candidate| match failed(c).map(|failed| &failed.reason) {
            Some(Failure::Refused(peer)) => c.pinned() == Some(peer),
            _ => false,
        };
        let late = late.filter(|(_, c)| !refused(c));
        for candidate in late.map(|(_, c)| c.clone()).collect::<Vec<_>>() {
            self.retry_by(&candidate, at);
        }
    }

    /// Lets those be tried by `at` that failed in a certain way.
    pub(super) fn retry_where(&mut self, which: impl Fn(&Failure) -> bool, at: Instant) {
        self.retry_those(|_, failure| which(failure), at);
    }

    /// The same, by the candidate too.
    pub(super) fn retry_those(
        &mut self,
        which: impl Fn(&Candidate, &Failure) -> bool,
        at: Instant,
    ) {
        let failed = |c: &Candidate| self.get(c).and_then(|t| t.failed.as_ref());
        let picked = self.retries.iter().map(|(_, c)| c);
        let picked = picked.filter(|c| failed(c).is_some_and(|f| which(c, &f.reason)));
        for candidate in picked.cloned().collect::<Vec<_>>() {
            self.retry_by(&candidate, at);
        }
    }

    /// The candidates that wait, those first that may be tried first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &(Instant, Candidate)> {
        self.retries.iter()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Candidate) -> bool) {
        self.tracks.retain(|candidate, _| keep(candidate));
        self.retries.retain(|(_, candidate)| keep(candidate));
    }

    fn wait(&mut self, candidate: &Candidate, failed: Option<Failed>) {
        let at = failed.as_ref().map(|failed| failed.retry_at);
        let old = std::mem::replace(&mut self.of(candidate).failed, failed);
        if let Some(old) = old {
            self.retries.remove(&(old.retry_at, candidate.clone()));
        }
        if let Some(at) = at {
            self.retries.insert((at, candidate.clone()));
        }
    }
}
