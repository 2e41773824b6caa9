//! The sources: when each is looked up, and which candidates it has named.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use web_time::Instant;

use super::refresh::{Named, Refresh, Resolution};
use crate::{
    candidate::Candidate,
    config::{Config, Limits},
    filter::Rejection,
    resolver::{Answer, LookupError, Query},
    source::Source,
};

/// Names one look-up that the core asked for. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub(super) u64);

/// How many complete answers in a row must omit a candidate before it leaves.
const OMISSIONS: u8 = 2;
/// How often in a row a name must be said not to exist before we believe to be the first.
const NOTHINGS: u32 = 3;

/// One source and what is known of it.
#[derive(Debug)]
pub(super) struct SourceState {
    pub(super) source: Source,
    /// The candidates it named, those that lately went missing among them.
    pub(super) members: BTreeMap<Candidate, Member>,
    /// What it named and the filter did not let through.
    pub(super) rejected: BTreeMap<Candidate, Rejection>,
    /// What was last told of it.
    pub(super) told: Option<Arc<[Candidate]>>,
    told_complete: bool,
    refresh: Option<UnderWay>,
    /// When it is looked up next; `None` while that is under way, and for static sources.
    next: Option<Instant>,
    last_started: Option<Instant>,
    /// Failures in a row, "nothing" among them.
    pub(super) failures: u32,
    /// How often in a row there was nothing.
    nothings: u32,
    /// The number of records of the last answer.
    records: usize,
}

#[derive(Debug)]
pub(super) struct Member {
    /// How many complete answers in a row have omitted it.
    omitted: u8,
    pub(super) preferred: Option<Candidate>,
}

#[derive(Debug)]
struct UnderWay {
    plan: Refresh,
    deadline: Instant,
    /// Asked for again while under way.
    again: bool,
}

impl SourceState {
    pub(super) fn new(source: Source, now: Instant) -> Self {
        Self {
            source,
            members: BTreeMap::new(),
            rejected: BTreeMap::new(),
            told: None,
            told_complete: false,
            refresh: None,
            next: Some(now),
            last_started: None,
            failures: 0,
            nothings: 0,
            records: 0,
        }
    }

    /// Starts the refresh that is due.
    pub(super) fn start_if_due(&mut self, limits: &Limits, timeout: Duration, now: Instant) {
        if self.refresh.is_none() && self.next.is_some_and(|at| at <= now) {
            let plan = Refresh::new(&self.source, limits);
            self.refresh = Some(UnderWay { plan, deadline: now + timeout, again: false });
            self.next = None;
            self.last_started = Some(now);
        }
    }

    pub(super) fn poll_query(&mut self) -> Option<(u32, Query)> {
        self.refresh.as_mut()?.plan.poll_query()
    }

    pub(super) fn handle_result(&mut self, step: u32, result: Result<Answer, LookupError>) {
        if let Some(under_way) = &mut self.refresh {
            under_way.plan.handle_result(step, result);
        }
    }

    /// Takes the refresh if it is complete, or out of time.
    pub(super) fn finish(&mut self, now: Instant) -> Option<Result<Resolution, LookupError>> {
        let done = |r: &mut UnderWay| r.plan.is_done() || r.deadline <= now;
        let under_way = self.refresh.take_if(done)?;
        if under_way.again {
            self.next = Some(now);
        }
        Some(under_way.plan.finish())
    }

    /// Looks up at once, or right after the refresh that is under way.
    pub(super) fn force(&mut self, now: Instant) {
        match &mut self.refresh {
            Some(under_way) => under_way.again = true,
            None => self.next = Some(now),
        }
    }

    /// Looks up earlier than planned, but not earlier than `pause` after the last time, and not
    /// while the source fails: back-off goes before haste.
    pub(super) fn hasten(&mut self, pause: Duration) {
        if self.failures > 0 {
            return;
        }
        if let (Some(next), Some(last)) = (self.next, self.last_started) {
            self.next = Some(next.min(last + pause));
        }
    }

    /// Plans the next refresh, unless one was asked for meanwhile.
    pub(super) fn plan_next(&mut self, at: Option<Instant>) {
        if self.next.is_none() {
            self.next = at;
        }
    }

    /// The next instant at which something is to be done.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.refresh.as_ref().map(|r| r.deadline).or(self.next)
    }

    /// Notes a failure to get an answer, or the answer that there is nothing.
    pub(super) fn note_failure(&mut self, error: &LookupError) {
        self.failures = self.failures.saturating_add(1);
        self.nothings = match error {
            LookupError::Nothing(_) => self.nothings.saturating_add(1),
            _ => 0,
        };
    }

    /// Merges an answer into the members. What complete answers omit twice in a row leaves, unless
    /// `holds` says that a live connection contradicts.
    pub(super) fn apply(
        &mut self,
        candidates: Vec<Named>,
        complete: bool,
        records: usize,
        holds: impl Fn(&Candidate) -> bool,
    ) {
        self.failures = 0;
        self.nothings = 0;
        self.records = records;
        let complete = complete && !self.source.is_sampled();
        if complete {
            for member in self.members.values_mut() {
                member.omitted = member.omitted.saturating_add(1);
            }
        }
        for Named { candidate, preferred } in candidates {
            self.members.insert(candidate, Member { omitted: 0, preferred });
        }
        self.members.retain(|candidate, m| m.omitted < OMISSIONS || holds(candidate));
    }

    /// What to tell of the answer: the candidates, if they or their completeness changed.
    pub(super) fn tell(&mut self, complete: bool, recovered: bool) -> Option<Arc<[Candidate]>> {
        let named = self.members.keys();
        let same = self.told.as_ref().is_some_and(|told| told.iter().eq(named.clone()));
        if same && complete == self.told_complete && !recovered {
            return None;
        }
        let told: Arc<[Candidate]> = named.cloned().collect();
        self.told = Some(told.clone());
        self.told_complete = complete;
        Some(told)
    }

    /// Whether the source has nothing, or nobody, to name: a good answer, or nothing three times in
    /// a row with nothing known before.
    pub(super) fn is_settled(&self) -> bool {
        let answered = self.told.is_some();
        answered || self.nothings >= NOTHINGS
    }
}

/// When to look up again.
#[derive(Debug)]
pub(super) struct Schedule;

impl Schedule {
    /// After an answer: at its TTL, but at least the configured minimum and a hundredth of a second
    /// for each record, and at most the configured maximum; later by up to a fifth, so that nodes
    /// that started together do not ask together.
    pub(super) fn after_answer(
        config: &Config,
        ttl: Duration,
        records: usize,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        let by_size = Duration::from_millis(10) * u32::try_from(records).unwrap_or(u32::MAX);
        let least = ttl.max(config.min_refresh).max(by_size).min(config.max_refresh);
        least.mul_f64(1.0 + rng.f64() * 0.2).min(config.max_refresh)
    }

    /// After a failure: doubling from one second, between half and the whole of it at random.
    pub(super) fn after_failure(
        config: &Config,
        failures: u32,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        back_off(Duration::from_secs(1), config.max_refresh / 5, failures, rng)
    }
}

/// `base` doubled for every failure after the first, at most `cap`, of which half is random.
pub(super) fn back_off(
    base: Duration,
    cap: Duration,
    failures: u32,
    rng: &mut fastrand::Rng,
) -> Duration {
    let doublings = failures.saturating_sub(1).min(20);
    base.saturating_mul(1 << doublings).min(cap).mul_f64(0.5 + rng.f64() * 0.5)
}

/// The steps of refreshes that the look-ups under way belong to.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    steps: HashMap<LookupId, (u64, u32)>,
    next_id: u64,
}

impl Lookups {
    pub(super) fn start(&mut self, refresh: u64, step: u32) -> LookupId {
        let id = LookupId(self.next_id);
        self.next_id += 1;
        self.steps.insert(id, (refresh, step));
        id
    }

    pub(super) fn end(&mut self, id: LookupId) -> Option<(u64, u32)> {
        self.steps.remove(&id)
    }

    /// Forgets the look-ups of a refresh that ended without them.
    pub(super) fn forget(&mut self, refresh: u64) -> Vec<LookupId> {
        let mut ids: Vec<_> =
            self.steps.iter().filter(|(_, (r, _))| *r == refresh).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in &ids {
            self.steps.remove(id);
        }
        ids
    }
}
