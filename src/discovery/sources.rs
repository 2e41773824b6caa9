//! The sources: when each is looked up, and which candidates it has named.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    mem::{self, Discriminant},
    sync::Arc,
    time::Duration,
};

use web_time::Instant;

use super::{
    bound::{self, List},
    refresh::{Named, Refresh, Resolution},
    sampling::{Look, Sampling},
};
use crate::{
    candidate::Candidate,
    config::Limits,
    filter::Rejection,
    pool::Pool,
    resolver::{Answer, LookupError, Query},
    source::Source,
};

/// Names one look-up that the core asked for. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub(super) u64);

/// How many complete answers in a row must omit a candidate before it leaves.
const OMISSIONS: u8 = 2;
/// How many answers in a row, where all are partial, must leave out a candidate that cannot be reached
/// before it leaves.
const UNNAMED: u8 = 16;
/// The same for a candidate that nobody is verified at: there may be too many to try them all.
const FORGOTTEN: u8 = 250;
/// How often in a row a candidate that partial answers no longer name must have failed to leave.
const LOST_AFTER: u32 = 3;
/// How often in a row a name must be said not to exist before we believe to be the first.
pub(super) const NOTHINGS: u32 = 3;

/// One source and what is known of it.
#[derive(Debug)]
pub(super) struct SourceState {
    pub(super) source: Source,
    /// The candidates it named, those that lately went missing among them; in order.
    pub(super) members: Vec<Member>,
    /// What it named and the filter did not let through.
    pub(super) rejected: BTreeMap<Candidate, Rejection>,
    told_rejected: BTreeSet<Candidate>,
    /// How many members the last answer brought past the bound.
    pub(super) cut: usize,
    /// When the last answer was taken that claimed to be complete, and what these give away.
    last_complete: Option<Instant>,
    sampling: Sampling,
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
    /// The kind of the last failure.
    failure: Option<Discriminant<LookupError>>,
    /// How much later than its earliest instant the next refresh comes, between 0 and 1. One for the
    /// planned and for a hastened refresh: of two, the earlier would count, and most nodes would be
    /// early.
    pub(super) jitter: f64,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) candidate: Candidate,
    /// How many complete answers in a row have omitted it.
    omitted: u8,
    /// How many answers in a row, partial ones too, have not named it.
    unnamed: u8,
    pub(super) preferred: Option<Candidate>,
}

/// What is known of a candidate that an answer leaves out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    /// Whether a live connection leads there.
    pub(super) lives: bool,
    /// How often in a row it could not be reached, if it has no entry.
    pub(super) failures: u32,
    /// When the peer of its entry was last verified there; `None` without an entry.
    pub(super) verified: Option<Instant>,
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
            members: Vec::new(),
            rejected: BTreeMap::new(),
            told_rejected: BTreeSet::new(),
            cut: 0,
            last_complete: None,
            sampling: Sampling::default(),
            told: None,
            told_complete: false,
            refresh: None,
            next: Some(now),
            last_started: None,
            failures: 0,
            nothings: 0,
            failure: None,
            jitter: 0.0,
        }
    }

    /// Starts the refresh that is due.
    pub(super) fn start_if_due(
        &mut self,
        limits: &Limits,
        timeout: Duration,
        rng: &mut fastrand::Rng,
        now: Instant,
    ) {
        if self.refresh.is_none() && self.next.is_some_and(|at| at <= now) {
            let plan = Refresh::new(&self.source, limits);
            self.refresh = Some(UnderWay { plan, deadline: now + timeout, again: false });
            self.next = None;
            self.last_started = Some(now);
            self.jitter = rng.f64();
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
    pub(super) fn finish(
        &mut self,
        pool: &Pool,
        now: Instant,
    ) -> Option<Result<Resolution, LookupError>> {
        let done = |r: &mut UnderWay| r.plan.is_done() || r.deadline <= now;
        let under_way = self.refresh.take_if(done)?;
        if under_way.again {
            self.next = Some(now);
        }
        Some(under_way.plan.finish(pool))
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
        let pause = pause.mul_f64(1.0 + self.jitter * 0.2);
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

    /// Notes a failure to get an answer, or the answer that there is nothing. Says whether it is
    /// worth telling: the first of its kind in a row, and then with every doubling of their number.
    pub(super) fn note_failure(&mut self, error: &LookupError) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.nothings = match error {
            LookupError::Nothing(_) => self.nothings.saturating_add(1),
            _ => 0,
        };
        let kind = mem::discriminant(error);
        let other = self.failure.replace(kind) != Some(kind);
        other || self.failures.is_power_of_two()
    }

    /// Merges an answer into the members. What complete answers omit twice in a row leaves, unless a
    /// live connection contradicts; what partial answers have not named for long leaves if it fails
    /// as well, or if nobody is verified there for longer still. Says whether the source was
    /// recognised as sampled, or no longer.
    pub(super) fn apply(
        &mut self,
        candidates: Vec<Named>,
        complete: bool,
        standing: impl Fn(&Candidate) -> Standing,
        now: Instant,
    ) -> bool {
        self.failures = 0;
        self.nothings = 0;
        self.failure = None;
        let size = candidates.len();
        let omitted_answers = self.omitted_answers(&standing);
        let before = self.members.iter().filter(|m| m.omitted == 0).count();
        for member in &mut self.members {
            member.omitted = member.omitted.saturating_add(u8::from(complete));
            member.unnamed = member.unnamed.saturating_add(1);
        }
        let newcomers = self.name(candidates);
        self.drop_superseded();
        let turned = complete && {
            // As many as before, nobody new and nobody back: the same.
            let changed = newcomers > 0 || size != before;
            self.last_complete = Some(now);
            !self.source.is_sampled() && self.sampling.note(Look { size, changed, omitted_answers })
        };
        if turned && !self.is_sampled() {
            // What it was left out of was no proof then. It takes two answers from now on.
            self.members.iter_mut().for_each(|member| member.omitted = member.omitted.min(1));
        }
        self.drop_departed(standing);
        turned
    }

    /// Keeps so many members at the most, and notes how many were too many. Each family has its
    /// [share](bound::hold).
    pub(super) fn bound(&mut self, most: usize, rank: impl Fn(&[Candidate]) -> Vec<usize>) {
        self.cut = self.members.len().saturating_sub(most);
        if self.cut > 0 {
            let candidates: Vec<_> = self.members.iter().map(|m| m.candidate.clone()).collect();
            let list = List { candidates: &candidates, is_static: false };
            let kept = bound::hold(&[list], most, rank).candidates;
            self.members.retain(|member| kept.binary_search(&member.candidate).is_ok());
        }
    }

    fn drop_departed(&mut self, standing: impl Fn(&Candidate) -> Standing) {
        let sampled = self.is_sampled();
        self.members.retain(|member| {
            let left = !sampled && member.omitted >= OMISSIONS;
            let overdue = member.unnamed >= UNNAMED;
            if !left && !overdue {
                return true;
            }
            let standing = standing(&member.candidate);
            let forgotten = member.unnamed >= FORGOTTEN && standing.verified.is_none();
            standing.lives || !(left || forgotten || standing.failures >= LOST_AFTER)
        });
    }

    /// Whether answers of the source are samples: by what the operator said, or by what they give
    /// away.
    pub(super) fn is_sampled(&self) -> bool {
        self.source.is_sampled() || self.sampling.is_recognised()
    }

    /// Whether a member that the last complete answer left out has answered since; `None` if that
    /// was not tried.
    fn omitted_answers(&self, standing: impl Fn(&Candidate) -> Standing) -> Option<bool> {
        let last = self.last_complete?;
        let omitted = self.members.iter().filter(|m| m.omitted > 0).map(|m| standing(&m.candidate));
        let answers = |s: Standing| match s.verified {
            Some(at) if at > last => Some(true),
            // A connection may outlive its remote for a while.
            Some(_) => (!s.lives).then_some(false),
            None => (s.failures > 0).then_some(false),
        };
        omitted.filter_map(answers).max()
    }

    /// Whether the last answer could be a sample that claims to be complete.
    pub(super) fn is_suspect(&self) -> bool {
        self.sampling.is_suspect() && !self.source.is_sampled()
    }

    /// The members that the last answer left out, although it claims to be complete: for the first
    /// time, or at all where the source is known to sample.
    pub(super) fn lately_omitted(&self) -> impl Iterator<Item = &Candidate> {
        let sampled = self.is_sampled();
        let lately =
            self.members.iter().filter(move |m| m.omitted == 1 || sampled && m.omitted > 0);
        lately.map(|member| &member.candidate)
    }

    /// Adds what an answer names, in place of what was known of it. Says how many the last complete
    /// answer did not name.
    fn name(&mut self, candidates: Vec<Named>) -> usize {
        let mut newcomers = candidates.len();
        let named = |Named { candidate, preferred }| Member {
            candidate,
            omitted: 0,
            unnamed: 0,
            preferred,
        };
        self.members.extend(candidates.into_iter().map(named));
        // Two sorted runs: a stable sort merges them in one pass.
        self.members.sort_by(|a, b| a.candidate.cmp(&b.candidate));
        self.members.dedup_by(|new, old| {
            let same = new.candidate == old.candidate;
            if same {
                mem::swap(new, old);
                newcomers -= usize::from(new.omitted <= 1);
            }
            same
        });
        newcomers
    }

    /// Lets go at once of an address without a pin where the answer names it with one: the pin says
    /// more.
    fn drop_superseded(&mut self) {
        let superseded = |pair: &[Member]| {
            let (old, new) = (&pair[0], &pair[1]);
            old.unnamed > 0
                && new.unnamed == 0
                && old.candidate.pinned().is_none()
                && old.candidate.is_at_address_of(&new.candidate)
        };
        let superseded: Vec<_> = self.members.windows(2).map(superseded).collect();
        let mut superseded = superseded.into_iter();
        self.members.retain(|_| !superseded.next().unwrap_or(false));
    }

    /// What to tell of the answer: the candidates, if they or their completeness changed.
    pub(super) fn tell(&mut self, complete: bool, recovered: bool) -> Option<Arc<[Candidate]>> {
        let named = self.members.iter().map(|member| &member.candidate);
        let same = self.told.as_ref().is_some_and(|told| told.iter().eq(named.clone()));
        if same && complete == self.told_complete && !recovered {
            return None;
        }
        let told: Arc<[Candidate]> = named.cloned().collect();
        self.told = Some(told.clone());
        self.told_complete = complete;
        Some(told)
    }

    /// Whether the source has said all: a complete answer, or nothing three times in a row with
    /// nothing known before.
    pub(super) fn is_settled(&self) -> bool {
        match self.told {
            Some(_) => self.told_complete,
            None => self.nothings >= NOTHINGS,
        }
    }

    /// Notes what the filter did not let through, of which so many are held; returns what was not told
    /// of it before, which counts as told from now on.
    pub(super) fn reject(
        &mut self,
        mut rejected: BTreeMap<Candidate, Rejection>,
        most: usize,
    ) -> Vec<(Candidate, Rejection)> {
        // Forgotten only when it grows too large: a zone that alternates would be told for ever.
        if self.told_rejected.len() > most {
            self.told_rejected.clear();
        }
        let new = rejected.iter().filter(|(c, _)| !self.told_rejected.contains(*c));
        let new: Vec<_> = new.map(|(c, r)| (c.clone(), r.clone())).collect();
        self.told_rejected.extend(new.iter().map(|(c, _)| c.clone()));
        while rejected.len() > most {
            rejected.pop_last();
        }
        self.rejected = rejected;
        new
    }
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
