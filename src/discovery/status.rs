//! Where the node stands: computed from what is known, never stored as a wish.

use web_time::Instant;

use super::{Discovery, sources::SourceState};
use crate::event::{Event, Status};

impl Discovery {
    pub(super) fn update_status(&mut self, now: Instant) {
        let joined_until = self.joined_until(now);
        let joined = joined_until.is_some_and(|until| until > now);
        let others = self.order.iter().any(|c| !self.is_own(c));
        if joined || !others {
            self.deserted = None;
        } else {
            self.deserted.get_or_insert(now);
        }
        if !joined {
            self.hasten();
        }
        let status = self.status_from(joined, others, now);
        if std::mem::take(&mut self.stale_listed) {
            self.listed_now = self.compute_listed();
        }
        let listed = self.listed_now;
        if joined {
            self.wake_at(joined_until.filter(|_| !self.has_live_peer()));
        }
        if status != self.status || listed != self.listed {
            tracing::debug!(%status, ?listed, "status");
            self.status = status;
            self.listed = listed;
            self.tell(Event::Status { status, listed });
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
        if settled { Status::Alone } else { Status::Starting }
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

    /// Until when what is known lets us count as joined, if no verified peer is connected.
    fn joined_until(&self, now: Instant) -> Option<Instant> {
        if self.has_live_peer() {
            return Some(now + self.reverify_interval());
        }
        let latest = self.table.iter().map(|e| e.last_verified).max()?;
        Some(latest + self.reverify_interval() * 2)
    }

    fn has_live_peer(&self) -> bool {
        self.table.iter().any(|e| self.connections.is_connected(&e.peer))
    }

    fn compute_listed(&self) -> Option<bool> {
        if !self.sources.values().any(|s| s.told.is_some()) {
            return None;
        }
        Some(self.order.iter().any(|c| self.is_own(c)))
    }
}
