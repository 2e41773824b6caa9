//! Where the node stands with respect to the other nodes, computed from what the other rooms know.

use std::time::Duration;

use web_time::Instant;

pub(super) use self::others::Named;
use self::others::Others;
use super::{
    effect::{Effect, Effects},
    ledger::{Ledger, SEEN_FOR},
    order::Order,
    output::CandidateState,
    own::Own,
    view::{View, state_of},
};
use crate::{
    config::Config,
    event::{Event, Failure, Isolation, Status},
};

mod others;

/// How many reasons [`Event::Isolated`] holds: enough to see what is wrong, where DNS may name
/// thousands.
const REASONS: usize = 64;
/// While no peer is verified, the candidates are tried again at this pace, as far as the slots for
/// probes allow: the others come back together after an outage, and back-off must not hold us apart
/// from them.
const LONELY_RETRY: Duration = Duration::from_secs(30);

/// What the sources have said, as far as the status follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said {
    /// Whether any source was ever answered.
    pub(super) is_answered: bool,
    /// Whether there are sources, and each has said all.
    pub(super) is_settled: bool,
}

/// The status, as last told.
#[derive(Debug)]
pub(super) struct Readiness {
    started: Instant,
    /// How long after the start a peer was verified for the first time.
    first_verified: Option<Duration>,
    status: Status,
    /// Whether DNS lists us.
    listed: Option<bool>,
    others: Others,
    /// Since when others are named.
    others_since: Option<Instant>,
    nobody_verified_since: Option<Instant>,
    /// Whether it was said that we are alone although others are named.
    bears_others: bool,
    /// When the status changes if nothing happens.
    wake: Option<Instant>,
}

impl Readiness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            started: now,
            first_verified: None,
            status: Status::Starting,
            listed: None,
            others: Others::default(),
            others_since: None,
            nobody_verified_since: None,
            bears_others: false,
            wake: None,
        }
    }

    pub(super) fn status(&self) -> Status {
        self.status
    }

    /// How long after the start a peer was verified for the first time.
    pub(super) fn first_verified(&self) -> Option<Duration> {
        self.first_verified
    }

    /// Whether the last answers name one of our own addresses; `None` before the first answer.
    pub(super) fn is_listed(&self) -> Option<bool> {
        self.listed
    }

    /// The longest back-off of a candidate, of which there are so many.
    pub(super) fn longest_pause(&self, candidates: usize, config: &Config) -> Duration {
        match self.nobody_verified_since {
            Some(_) => lonely_pause(candidates, config),
            None => config.retry_cap,
        }
    }

    /// The next instant at which the status may change by itself.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.wake
    }

    /// Counts anew who is named beside us, if anything has changed; see [`Others::follow`]. To be
    /// called before [`update`](Self::update).
    pub(super) fn follow(
        &mut self,
        heard: u64,
        order: &Order,
        own: &Own,
        named: impl FnOnce() -> Named,
    ) {
        self.others.follow(heard, order, own, named);
    }

    /// Computes the status anew, and tells it if it has changed.
    pub(super) fn update(&mut self, view: &View<'_>, said: Said, effects: &mut Effects) {
        let is_live = !view.ledger.live().is_empty();
        let seen_until = if is_live { None } else { seen_until(view) };
        self.wake = seen_until;
        if self.first_verified.is_none() && view.ledger.len() > 0 {
            self.first_verified = Some(view.now.saturating_duration_since(self.started));
        }
        let joined = is_live || seen_until.is_some();
        let others = self.others.len() > 0;
        self.note_others(others, view.now);
        // Whom only a static source names is looked for in earnest until DNS has said all.
        let misses_somebody = others || (view.has_others() && !said.is_settled);
        self.note_verified(joined || !misses_somebody, view, effects);
        if self.nobody_verified_since.is_some() || self.status == Status::Starting {
            effects.push(Effect::LookSooner);
        }
        let status = match (joined, others) {
            (true, _) => Status::Joined,
            (false, true) => self.isolated_or_not_yet(view),
            // An address that seems to be ours may turn out to be another peer's.
            (false, false) if view.own.is_in_doubt() && self.status != Status::Alone => {
                Status::Starting
            }
            // A part of an answer that is late, or fails, names no node: the status stays.
            (false, false) if said.is_settled || self.status == Status::Alone => Status::Alone,
            (false, false) => Status::Starting,
        };
        self.bears_others &= others && status == Status::Alone;
        let listed = said.is_answered.then(|| view.own.len() > 0);
        if (status, listed) == (self.status, self.listed) {
            return;
        }
        let changed = status != self.status;
        (self.status, self.listed) = (status, listed);
        effects.tell(Event::Status { status, listed });
        if changed {
            self.tell_isolation(view, effects);
        }
    }

    /// Since when the node is isolated, and why, with so many reasons at the most; `None` unless it
    /// is. Looks at every candidate.
    pub(super) fn isolation(
        &self,
        order: &Order,
        own: &Own,
        ledger: &Ledger,
        most: usize,
    ) -> Option<Isolation> {
        let since = self.nobody_verified_since.filter(|_| self.status == Status::Isolated)?;
        let rejected = self.others.rejected();
        let others = order.len() - own.len() + rejected.len();
        let all = ledger.failing().len() + ledger.unmet().len() + rejected.len();
        let failed = all - own.iter().filter(|c| ledger.failing().contains(c)).count();
        let reasons = ledger.failing().iter().filter_map(|c| match state_of(c, own, ledger) {
            CandidateState::Unreachable(reason) => Some((c.clone(), reason)),
            _ => None,
        });
        // What can be mended here comes first.
        let unmet = ledger.unmet().iter().map(|(c, why)| (c.clone(), Failure::Denied(why.clone())));
        let rejected = rejected.map(|(c, why)| (c.clone(), Failure::Rejected(why.clone())));
        let reasons: Vec<_> = unmet.chain(reasons).chain(rejected).take(most).collect();
        Some(Isolation { since, reasons: reasons.into(), failed, others })
    }

    /// Says why, if the node is isolated. Once: the reasons may change at every retry.
    fn tell_isolation(&self, view: &View<'_>, effects: &mut Effects) {
        let View { order, own, ledger, .. } = *view;
        let Some(isolation) = self.isolation(order, own, ledger, REASONS) else { return };
        effects.tell(Event::Isolated(isolation));
    }

    fn note_others(&mut self, others: bool, now: Instant) {
        self.others_since = others.then(|| self.others_since.unwrap_or(now));
    }

    /// Notes whether other nodes are named while none of them is known to live. From then on, they are
    /// tried again more often.
    fn note_verified(&mut self, is_well: bool, view: &View<'_>, effects: &mut Effects) {
        if is_well {
            self.nobody_verified_since = None;
        } else if self.nobody_verified_since.is_none() {
            self.nobody_verified_since = Some(view.now);
            let pause = lonely_pause(view.order.len(), view.config);
            effects.push(Effect::RetryAllBy(view.now + pause));
        }
    }

    /// Other nodes are named and none is verified: isolated, once the first probes have had their time.
    /// Until then, the status stays as it was. A node that was alone stays alone while the others merely
    /// refuse: a second pod that does not start must not take the first one down.
    fn isolated_or_not_yet(&mut self, view: &View<'_>) -> Status {
        let since = self.others_since.unwrap_or(view.now);
        let patience = since + view.config.probe_timeout;
        // A node that was joined has met the others and lost them since; so has a node that met its own key.
        let has_met = || self.status == Status::Joined || view.own.has_twin();
        if view.now < patience && !has_met() {
            self.wake = Some(patience);
            return self.status;
        }
        if self.status != Status::Alone || !self.others.merely_refuse(view) {
            return Status::Isolated;
        }
        if !std::mem::replace(&mut self.bears_others, true) {
            let others = self.others.len();
            tracing::warn!(others, "alone: others are named, and they refuse connections");
        }
        Status::Alone
    }
}

/// Until when it lets us count as joined that others were seen, with none of them connected: two
/// re-verification intervals.
fn seen_until(view: &View<'_>) -> Option<Instant> {
    Some(view.ledger.last_seen()? + view.interval * SEEN_FOR).filter(|until| *until > view.now)
}

/// The longest pause before a candidate is tried again while no peer is verified. All candidates share the
/// slots for probes, and a silent one holds its slot until its deadline.
fn lonely_pause(candidates: usize, config: &Config) -> Duration {
    let at_once = config.limits.concurrent_probes.get() * 3;
    let rounds = u32::try_from(candidates.div_ceil(at_once.max(1)).max(1)).unwrap_or(u32::MAX);
    LONELY_RETRY.saturating_mul(rounds).min(config.retry_cap)
}

#[cfg(test)]
mod tests;
