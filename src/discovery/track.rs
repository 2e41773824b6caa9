//! What was tried at a candidate that is not in the table: failures, back-off, identities seen.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{candidate::Candidate, event::Failure};

/// How many identities are remembered of an address.
const SEEN: usize = 4;
/// How recently an identity must have been seen before for its return to mean that identities
/// alternate. A pod that comes back later than this on its old address is a pod that came back.
const ALTERNATION: Duration = Duration::from_secs(600);
/// How often in a row one identity must answer at a shared address before it is believed again.
const SETTLED: u32 = 3;

/// The history of one candidate.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    /// Failures in a row.
    pub(super) failures: u32,
    /// The last failure of this row: why, when, and the back-off that it earned.
    pub(super) failed: Option<Failed>,
    /// The address leads to ourselves.
    pub(super) itself: Option<Instant>,
    /// Identities alternate there; holds how often in a row the last one has answered since.
    shared: Option<u32>,
    /// Since when another identity answers there, although the peer of the entry is connected.
    pub(super) contradicted: Option<Instant>,
    /// Whether the application was told that the address cannot be reached.
    pub(super) reported: bool,
    /// How long the last handshake took.
    pub(super) rtt: Option<Duration>,
    /// The identities that answered there, latest last.
    seen: VecDeque<(PeerId, Instant)>,
}

#[derive(Debug, Clone)]
pub(super) struct Failed {
    pub(super) reason: Failure,
    pub(super) at: Instant,
    pub(super) back_off: Duration,
}

impl Track {
    /// When the candidate may be tried again; with nobody verified, no later than `cap` after the
    /// last failure.
    pub(super) fn retry_at(&self, cap: Option<Duration>) -> Option<Instant> {
        let failed = self.failed.as_ref()?;
        Some(failed.at + cap.map_or(failed.back_off, |cap| failed.back_off.min(cap)))
    }

    pub(super) fn fail(&mut self, reason: Failure, now: Instant, back_off: Duration) {
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(Failed { reason, at: now, back_off });
    }

    /// Waits for a while without counting a failure.
    pub(super) fn postpone(&mut self, reason: Failure, now: Instant, pause: Duration) {
        self.failed = Some(Failed { reason, at: now, back_off: pause });
    }

    /// There is reason to try again now.
    pub(super) fn forgive(&mut self, now: Instant) {
        if let Some(failed) = &mut self.failed {
            failed.back_off = now.saturating_duration_since(failed.at);
        }
    }

    pub(super) fn succeed(&mut self) {
        self.failures = 0;
        self.failed = None;
        self.itself = None;
        self.contradicted = None;
        self.reported = false;
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// Notes who answered, and says whether identities alternate at the address.
    ///
    /// They do if this one answered lately, and another one since; a restart with a new key does
    /// not count, since a key once lost does not come back.
    pub(super) fn see(&mut self, peer: PeerId, now: Instant) -> bool {
        let last = self.seen.back().is_some_and(|(p, _)| *p == peer);
        let returned = !last
            && self
                .seen
                .iter()
                .any(|(p, at)| *p == peer && now.saturating_duration_since(*at) <= ALTERNATION);
        self.seen.retain(|(p, _)| *p != peer);
        self.seen.push_back((peer, now));
        if self.seen.len() > SEEN {
            self.seen.pop_front();
        }
        self.shared = match self.shared {
            _ if returned => Some(0),
            Some(in_row) if last && in_row + 1 < SETTLED => Some(in_row + 1),
            Some(_) if !last => Some(0),
            _ => None,
        };
        self.is_shared()
    }

    /// Notes that identities alternate, on other evidence than their return.
    pub(super) fn share(&mut self) {
        self.shared = Some(0);
    }
}

/// The histories of all candidates that have one.
#[derive(Debug, Default)]
pub(super) struct Tracks(HashMap<Candidate, Track>);

impl Tracks {
    pub(super) fn get(&self, candidate: &Candidate) -> Option<&Track> {
        self.0.get(candidate)
    }

    pub(super) fn of(&mut self, candidate: &Candidate) -> &mut Track {
        self.0.entry(candidate.clone()).or_default()
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Candidate) -> bool) {
        self.0.retain(|candidate, _| keep(candidate));
    }

    /// Forgets all back-off, so that every candidate may be tried at once.
    pub(super) fn retry_all(&mut self) {
        for track in self.0.values_mut() {
            if let Some(failed) = &mut track.failed {
                failed.back_off = Duration::ZERO;
            }
        }
    }
}
