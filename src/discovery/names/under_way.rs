//! A refresh that is under way: how long it waits for each answer, and which answers are used before its end.

use std::time::Duration;

use web_time::Instant;

use super::{
    inquiries::Inquiries,
    refresh::{Named, Refresh},
    reply::Reply,
    schedule::Schedule,
};
use crate::config::Config;

/// A refresh that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) plan: Refresh,
    deadline: Instant,
    /// Whether another refresh was asked for while this one is under way.
    pub(super) again: bool,
    /// When to use what has come so far, if more is still under way.
    use_at: Option<Instant>,
    /// How long the next early answers wait for the rest.
    grace: Duration,
    /// When the first reply came.
    pub(super) answered: Option<Instant>,
    /// When the first of the answers is due again.
    due: Option<Instant>,
    /// Whether no other node is known, and the source names no address to try.
    pub(super) offers_nobody: bool,
}

/// How long an answer waits for the other answers of its refresh (A for AAAA, above all) before it is used.
/// The time doubles whenever answers are used early in one refresh.
const GRACE: Duration = Duration::from_millis(50);
/// How long a refresh waits for the rest of its questions once one was answered, if only questions are left
/// that count as "nothing", if the answers name no address to try, or if another refresh was asked for.
const PATIENCE: Duration = Duration::from_secs(2);

impl UnderWay {
    pub(super) fn new(plan: Refresh, deadline: Instant) -> Self {
        Self {
            plan,
            deadline,
            again: false,
            use_at: None,
            grace: GRACE,
            answered: None,
            due: None,
            offers_nobody: false,
        }
    }

    /// Notes a reply.
    pub(super) fn note(&mut self, reply: Reply, config: &Config, jitter: f64, now: Instant) {
        self.use_at.get_or_insert(now + self.grace);
        self.answered.get_or_insert(now);
        if let Reply::Answer { ttl: Some(ttl), .. } = reply {
            let due = now + Schedule::after_answer(config, ttl, self.plan.records(), jitter);
            self.due = Some(self.due.map_or(due, |known| known.min(due)));
        }
    }

    /// The candidates that it has named so far, when they have waited for long enough for the rest of the
    /// answers, and none of what has come is still to be read; if
    /// `may_repeat`, only where some of them were not named before.
    pub(super) fn take_so_far(
        &mut self,
        config: &Config,
        may_repeat: impl FnOnce() -> bool,
        now: Instant,
    ) -> Option<Vec<Named>> {
        self.use_at.take_if(|at| *at <= now && !self.plan.is_reading())?;
        self.grace = self.grace.saturating_mul(2);
        self.plan.so_far(&config.pool, may_repeat())
    }

    /// When the refresh is over, even if look-ups are still under way. Their answers count for the next
    /// refresh, so no question delays another one.
    pub(super) fn ends_at(&self, inquiries: &Inquiries) -> Instant {
        let is_patient = self.again || self.offers_nobody || self.plan.waits_in_vain();
        let patience = self.answered.filter(|_| is_patient).map(|at| at + PATIENCE);
        let known_due = inquiries.next_due().filter(|_| self.plan.has_records());
        let times = [patience, self.due, known_due];
        times.into_iter().flatten().fold(self.deadline, Instant::min)
    }

    pub(super) fn next_timeout(&self, inquiries: &Inquiries) -> Instant {
        self.use_at.into_iter().fold(self.ends_at(inquiries), Instant::min)
    }
}
