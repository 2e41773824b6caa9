//! Where the node stands: computed from what is known, never stored as a wish.

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{CandidateState, Discovery, sources::SourceState};
use crate::{
    candidate::Candidate,
    event::{Event, Failure, Isolation, Status},
    peers::VerifiedPeer,
};

/// How many reasons [`Event::Isolated`] holds: enough to see what is wrong, where DNS may name
/// thousands.
const REASONS: usize = 64;

impl Discovery {
    /// Since when the node is isolated, and why, with all reasons; `None` unless it is. Looks at
    /// every candidate.
    pub fn isolation(&self) -> Option<Isolation> {
        self.isolation_with(usize::MAX)
    }

    fn isolation_with(&self, most: usize) -> Option<Isolation> {
        let since = self.deserted.filter(|_| self.status == Status::Isolated)?;
        let others = self.order.iter().filter(|c| !self.is_own(c)).count();
        let mut reasons: Vec<_> = self.failed_candidates().collect();
        let failed = reasons.len();
        reasons.truncate(most);
        Some(Isolation { since, reasons: reasons.into(), failed, others })
    }

    fn failed_candidates(&self) -> impl Iterator<Item = (Candidate, Failure)> {
        self.order.iter().filter_map(|candidate| match self.state_of(candidate) {
            CandidateState::Unreachable(reason) => Some((candidate.clone(), reason)),
            _ => None,
        })
    }

    pub(super) fn update_status(&mut self, now: Instant) {
        let live = self.has_live_peer(now);
        let joined_until = if live { None } else { self.joined_until(now) };
        let joined = live || joined_until.is_some_and(|until| until > now);
        let others = self.order.iter().any(|c| !self.is_own(c));
        self.note_deserted(others && !joined, now);
        if self.deserted.is_some() || self.status == Status::Starting {
            self.hasten();
        }
        let status = self.status_from(joined, others, now);
        if std::mem::take(&mut self.stale_listed) {
            self.listed_now = self.compute_listed();
        }
        if joined {
            self.wake_at(joined_until);
        }
        let listed = self.listed_now;
        if status != self.status || listed != self.listed {
            tracing::debug!(%status, ?listed, "status");
            let changed = status != self.status;
            self.status = status;
            self.listed = listed;
            self.tell(Event::Status { status, listed });
            if changed {
                self.tell_isolation();
            }
        }
    }

    /// Says why, if the node is isolated. Once: the reasons may change at every retry.
    fn tell_isolation(&mut self) {
        let Some(isolation) = self.isolation_with(REASONS) else { return };
        let (failed, others) = (isolation.failed, isolation.others);
        match isolation.reasons.first() {
            Some((candidate, reason)) => {
                tracing::warn!(failed, others, first = %candidate, %reason, "isolated");
            }
            None => tracing::warn!(failed, others, "isolated"),
        }
        self.tell(Event::Isolated(isolation));
    }

    /// Others are named and none of them is known to live: from then on, they are tried again more
    /// often.
    fn note_deserted(&mut self, deserted: bool, now: Instant) {
        if !deserted {
            self.deserted = None;
        } else if self.deserted.is_none() {
            self.deserted = Some(now);
            let at = now + self.deserted_retry();
            self.tracks.retry_all_by(at);
            self.dirty = true;
        }
    }

    fn status_from(&mut self, joined: bool, others: bool, now: Instant) -> Status {
        if joined {
            return Status::Joined;
        }
        if others {
            return self.isolated_or_starting(now);
        }
        let settled = self.sources.values().all(SourceState::is_settled);
        if settled && !self.sources.is_empty() { Status::Alone } else { Status::Starting }
    }

    /// Others are named and none is verified: isolated, once those that were tried first have had
    /// the time that a probe has. Until then, what was true stays: a node that was alone and ready
    /// is not unready because a second one is named that does not listen yet.
    fn isolated_or_starting(&mut self, now: Instant) -> Status {
        let Some(since) = self.deserted else {
            return self.status;
        };
        let patience = since + self.config.probe_timeout;
        match self.status {
            Status::Joined | Status::Isolated => return Status::Isolated,
            Status::Starting if self.all_failed() => return Status::Isolated,
            _ if patience <= now => return Status::Isolated,
            Status::Starting | Status::Alone => {}
        }
        self.wake_at(Some(patience));
        self.status
    }

    fn all_failed(&self) -> bool {
        self.order
            .iter()
            .filter(|c| !self.is_own(c))
            .all(|c| self.tracks.get(c).is_some_and(|t| t.failed.is_some()))
    }

    /// Until when what is known lets us count as joined, with nobody connected.
    fn joined_until(&self, now: Instant) -> Option<Instant> {
        let last = |e: &VerifiedPeer| e.last_connected.max(Some(e.last_verified));
        let counts = |e: &&VerifiedPeer| !self.is_disqualified(&e.peer, now);
        let latest = self.table.iter().filter(counts).filter_map(last).max()?;
        Some(latest + self.reverify_interval() * 2)
    }

    fn has_live_peer(&self, now: Instant) -> bool {
        let live =
            |peer: &PeerId| self.table.count_of(peer) > 0 && !self.is_disqualified(peer, now);
        self.connections.peers().any(live)
    }

    fn compute_listed(&self) -> Option<bool> {
        if !self.sources.values().any(|s| s.told.is_some()) {
            return None;
        }
        Some(self.order.iter().any(|c| self.is_own(c)))
    }
}
