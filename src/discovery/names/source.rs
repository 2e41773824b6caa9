//! One source: when it is looked up, what it named, and what was announced of it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem::{self, Discriminant},
    sync::Arc,
    time::Duration,
};

use web_time::Instant;

use super::{
    members::{Applied, Liveness, Members},
    pace::{Looks, StartUp},
    questions::{Questions, Reply},
    refresh::{Heard, Named, Refresh, Resolution},
    rejections::Rejections,
    schedule::{NOTHINGS, Schedule},
};
use crate::{
    candidate::Candidate,
    config::{Config, Limits},
    filter::Rejection,
    resolver::{Answer, LookupError, Query},
    source::Source,
};

/// One source and what is known of it.
#[derive(Debug)]
pub(super) struct SourceState {
    source: Source,
    members: Members,
    rejections: Rejections,
    /// The candidates that were last announced of it.
    announced: Option<Arc<[Candidate]>>,
    announced_complete: bool,
    refresh: Option<UnderWay>,
    /// When the first reply of the last refresh came.
    answered: Option<Instant>,
    questions: Questions,
    /// Whether each question of the last refresh was answered in whole, then or earlier.
    is_whole: bool,
    /// That a target or a nested name has no address.
    hollow: Belief,
    /// Whether all that is known was found behind a domain of the search list that failed.
    provisional: bool,
    /// When it is looked up next; `None` while that is under way, and for static sources.
    next: Option<Instant>,
    last_started: Option<Instant>,
    /// Failures in a row, "nothing" among them.
    failures: u32,
    /// That there is nothing; a reply from a cache does not say so again.
    nothing: Belief,
    looks_at_nothing: Looks,
    start_up: StartUp,
    /// The kind of the last failure.
    failure: Option<Discriminant<LookupError>>,
    /// How much later than its earliest instant the next refresh comes, between 0 and 1. One for the
    /// planned and for a hastened refresh: of two, the earlier would count, and most nodes would be
    /// early.
    jitter: f64,
}

/// What a name server says against the presence of members. It is believed once it was said in
/// [`NOTHINGS`] looks in a row, over at least `alone_after`.
#[derive(Debug, Default)]
struct Belief {
    /// Since when it is said, and in how many looks.
    said: Option<(Instant, u32)>,
    is_firm: bool,
}

impl Belief {
    /// It is said, in a look of its own or in a repetition of the last one.
    fn note(&mut self, is_new: bool, alone_after: Duration, now: Instant) {
        let (since, looks) = self.said.unwrap_or((now, 0));
        let looks = looks.saturating_add(u32::from(is_new));
        self.said = Some((since, looks));
        self.is_firm = looks >= NOTHINGS && since + alone_after <= now;
    }
}

#[derive(Debug)]
struct UnderWay {
    plan: Refresh,
    deadline: Instant,
    /// Asked for again while under way.
    again: bool,
    /// The questions that had no reply last time.
    silent: HashSet<Query>,
    /// When to use what has come so far, if more is still under way.
    use_at: Option<Instant>,
    /// How long the next part waits for the rest.
    grace: Duration,
    /// When the first reply came.
    answered: Option<Instant>,
    /// When what was answered is to be asked for again.
    due: Option<Instant>,
}

/// How long an answer waits for the others of its refresh, A for AAAA above all, before it is used;
/// and twice as long each further time in one refresh.
const GRACE: Duration = Duration::from_millis(50);
/// How long a refresh waits for some of its questions, once another one was answered: for those that
/// count as "nothing", which the name server may answer after all; and for all of them while the
/// answers offer nobody to try.
const PATIENCE: Duration = Duration::from_secs(2);

impl UnderWay {
    /// Notes a reply. `usual` is after which time the answers so far are to be asked for again;
    /// `offers_nobody` says that they are asked for at the start-up pace.
    fn note(&mut self, usual: Option<Duration>, offers_nobody: bool, now: Instant) {
        self.use_at.get_or_insert(now + self.grace);
        let answered = *self.answered.get_or_insert(now);
        let pause = usual.map(|usual| if offers_nobody { PATIENCE.min(usual) } else { usual });
        self.due = pause.map(|pause| answered + pause);
    }

    /// When it is over, whatever is still under way. A question that had no reply last time is waited
    /// for until the others are due again, so that they are asked for as often as without it.
    fn ends_at(&self) -> Instant {
        let early = if self.plan.waits_in_vain() {
            self.answered.map(|at| at + PATIENCE)
        } else {
            self.due.filter(|_| self.plan.waits_only_for(&self.silent))
        };
        early.unwrap_or(self.deadline).min(self.deadline)
    }

    fn next_timeout(&self) -> Instant {
        self.use_at.into_iter().fold(self.ends_at(), Instant::min)
    }
}

impl SourceState {
    pub(super) fn new(source: Source, now: Instant) -> Self {
        Self {
            members: Members::new(source.is_sampled()),
            source,
            rejections: Rejections::default(),
            announced: None,
            announced_complete: false,
            refresh: None,
            answered: None,
            questions: Questions::default(),
            is_whole: false,
            hollow: Belief::default(),
            provisional: true,
            next: Some(now),
            last_started: None,
            failures: 0,
            nothing: Belief::default(),
            looks_at_nothing: Looks::default(),
            start_up: StartUp::default(),
            failure: None,
            jitter: 0.0,
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn members(&self) -> &Members {
        &self.members
    }

    /// The members, to merge an answer into them.
    pub(super) fn members_mut(&mut self) -> &mut Members {
        &mut self.members
    }

    pub(super) fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    /// The candidates that were last announced.
    pub(super) fn announced(&self) -> Option<&Arc<[Candidate]>> {
        self.announced.as_ref()
    }

    /// Failures in a row, "nothing" among them.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// How much later than its earliest instant the next refresh comes, between 0 and 1.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
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
            let given_up = self.questions.given_up(now);
            self.refresh = Some(UnderWay {
                plan: Refresh::new(&self.source, limits).giving_up(given_up),
                deadline: now + timeout,
                again: false,
                silent: self.questions.silent(),
                use_at: None,
                grace: GRACE,
                answered: None,
                due: None,
            });
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

    /// Takes the refresh if it is complete, or out of time. `offers_nobody` says that no other is known,
    /// and that the source names nobody to try.
    pub(super) fn finish(
        &mut self,
        config: &Config,
        offers_nobody: bool,
        now: Instant,
    ) -> Option<Result<Resolution, LookupError>> {
        let under_way = self.refresh.as_mut()?;
        for (query, reply) in under_way.plan.take_replies() {
            self.questions.note(query, reply, now);
            let (ttl, records) = under_way.plan.answered();
            let usual = ttl.map(|ttl| Schedule::after_answer(config, ttl, records, self.jitter));
            under_way.note(usual, offers_nobody, now);
        }
        let under_way = self.refresh.take_if(|r| r.plan.is_done() || r.ends_at() <= now)?;
        for query in under_way.plan.unanswered() {
            self.questions.note(query.clone(), Reply::Silence, now);
        }
        if under_way.again {
            self.next = Some(now);
        }
        self.answered = under_way.answered;
        let asked = under_way.plan.questions();
        let outcome = under_way.plan.finish(&config.pool);
        // Where the first question failed, the others were not asked.
        if let Ok(resolution) = &outcome {
            self.questions.keep(&asked);
            let is_whole = |(question, heard): (&Query, &Heard)| match heard {
                Heard::All => true,
                Heard::Part => false,
                Heard::Nothing => self.questions.is_answered(question),
            };
            self.is_whole = resolution.heard.iter().all(is_whole);
        }
        Some(outcome)
    }

    /// Merges an answer into the members.
    pub(super) fn apply(
        &mut self,
        candidates: Vec<Named>,
        heard: &HashMap<Query, Heard>,
        liveness: impl Fn(&Candidate) -> Liveness,
        now: Instant,
    ) -> Applied {
        let questions = &self.questions;
        let heard_of = |question: &Query| match questions.is_repeated(question) {
            true => Heard::Nothing,
            false => heard.get(question).copied().unwrap_or(Heard::All),
        };
        self.members.apply(candidates, |origin| origin.heard(heard_of), liveness, now)
    }

    /// When the first reply of the last refresh came.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// How often in a row the question has failed that failed least of those that fail and are waited
    /// for.
    pub(super) fn least_failures(&self, now: Instant) -> Option<u32> {
        self.questions.least_failures(&self.questions.given_up(now))
    }

    /// The candidates that a refresh has named so far, when they have waited for long enough for the
    /// rest of it.
    pub(super) fn take_so_far(&mut self, config: &Config, now: Instant) -> Option<Vec<Named>> {
        let under_way = self.refresh.as_mut()?;
        under_way.use_at.take_if(|at| *at <= now)?;
        under_way.grace = under_way.grace.saturating_mul(2);
        let named = under_way.plan.so_far(&config.pool)?;
        // What the filter rejects is told when the refresh has ended.
        Some(named.into_iter().filter(|named| self.passes(named, config).is_ok()).collect())
    }

    /// Whether the filter lets a candidate through.
    fn passes(&self, named: &Named, config: &Config) -> Result<(), Rejection> {
        if self.source.is_pinned() && named.candidate.pinned().is_none() {
            return Err(Rejection::Unpinned);
        }
        config.filter.check(&named.candidate, !self.source.is_static())
    }

    /// Whether all that is known of it was found behind a domain that failed.
    pub(super) fn is_provisional(&self) -> bool {
        self.provisional
    }

    pub(super) fn note_provisional(&mut self, provisional: bool) {
        self.provisional = provisional;
    }

    /// Notes whether a target or a nested name has no address, which is believed as "nothing" is.
    pub(super) fn note_hollow(&mut self, is_hollow: bool, alone_after: Duration, now: Instant) {
        match is_hollow {
            true => self.hollow.note(true, alone_after, now),
            false => self.hollow = Belief::default(),
        }
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
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.refresh.as_ref().map(UnderWay::next_timeout).or(self.next)
    }

    /// The pace at which it is asked again while its answers offer nobody to try.
    pub(super) fn start_up(&mut self) -> &mut StartUp {
        &mut self.start_up
    }

    /// Notes a failure to get an answer, or the answer that there is nothing, which is believed after
    /// three looks over `alone_after`. Says whether it is worth telling: the first of its kind in a
    /// row, and then with every doubling of their number.
    pub(super) fn note_failure(
        &mut self,
        error: &LookupError,
        alone_after: Duration,
        now: Instant,
    ) -> bool {
        self.failures = self.failures.saturating_add(1);
        match error {
            LookupError::Nothing(nothing) => {
                let is_new = self.looks_at_nothing.is_new(nothing.negative_ttl, 0, now);
                self.nothing.note(is_new, alone_after, now);
            }
            _ => self.forget_nothings(),
        }
        let kind = mem::discriminant(error);
        let other = self.failure.replace(kind) != Some(kind);
        other || self.failures.is_power_of_two()
    }

    fn forget_nothings(&mut self) {
        (self.nothing, self.looks_at_nothing) = Default::default();
    }

    /// Notes an answer; says whether it ends a row of failures.
    pub(super) fn note_answer(&mut self) -> bool {
        self.forget_nothings();
        self.failure = None;
        mem::take(&mut self.failures) > 0
    }

    /// Leaves out what the filter does not let through. Returns the rest, and the rejections that
    /// were not announced before.
    pub(super) fn sift(
        &mut self,
        named: Vec<Named>,
        config: &Config,
    ) -> (Vec<Named>, Vec<(Candidate, Rejection)>) {
        let mut rejected = BTreeMap::new();
        let mut passed = Vec::with_capacity(named.len());
        // Both are sorted. What passed once passes again.
        let mut known = self.members.candidates().peekable();
        for named in named {
            while known.next_if(|known| **known < named.candidate).is_some() {}
            if known.peek() == Some(&&named.candidate) {
                passed.push(named);
                continue;
            }
            match self.passes(&named, config) {
                Ok(()) => passed.push(named),
                Err(rejection) => drop(rejected.insert(named.candidate, rejection)),
            }
        }
        let news = self.rejections.replace(rejected, config.limits.candidates.get());
        (passed, news)
    }

    /// What to announce of the answer: the candidates, if they or their completeness changed.
    pub(super) fn announce(&mut self, complete: bool, recovered: bool) -> Option<Arc<[Candidate]>> {
        if self.is_announced() && complete == self.announced_complete && !recovered {
            return None;
        }
        let announced: Arc<[Candidate]> = self.members.candidates().cloned().collect();
        self.announced = Some(announced.clone());
        self.announced_complete = complete;
        Some(announced)
    }

    /// What to announce of a part of an answer: the candidates, if there are others.
    pub(super) fn announce_part(&mut self) -> Option<Arc<[Candidate]>> {
        if self.is_announced() { None } else { self.announce(false, false) }
    }

    /// Whether just the members were announced last.
    fn is_announced(&self) -> bool {
        self.announced.as_ref().is_some_and(|before| before.iter().eq(self.members.candidates()))
    }

    /// Whether the source has said all: complete answers, now or earlier, to all that it asks, whose
    /// targets and nested names have addresses, or a lack of them, or "nothing", that is believed by now.
    pub(super) fn is_settled(&self) -> bool {
        let is_hollow = self.hollow.said.is_some() && !self.hollow.is_firm;
        self.nothing.is_firm || (self.announced.is_some() && self.is_whole && !is_hollow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::{
        names::refresh::Origin,
        testing::{epoch, secs},
    };

    fn source(text: &str, now: Instant) -> SourceState {
        SourceState::new(text.parse().expect("a source"), now)
    }

    const DNS: &str = "/dns4/peers.example./tcp/4001";

    /// Starts the refresh that is due and lets it run out of time.
    fn refresh(source: &mut SourceState, now: Instant) -> Option<Result<Resolution, LookupError>> {
        let mut rng = fastrand::Rng::with_seed(1);
        source.start_if_due(&Limits::default(), secs(20), &mut rng, now);
        while source.poll_query().is_some() {}
        source.finish(&Config::new(), false, now + secs(20))
    }

    #[test]
    fn a_refresh_without_a_reply_times_out_at_its_deadline() {
        let now = epoch();
        let mut source = source(DNS, now);
        let mut rng = fastrand::Rng::with_seed(1);
        source.start_if_due(&Limits::default(), secs(20), &mut rng, now);
        assert_eq!(source.next_timeout(), Some(now + secs(20)));
        assert!(source.finish(&Config::new(), false, now + secs(19)).is_none());
        let outcome = source.finish(&Config::new(), false, now + secs(20));
        assert!(matches!(outcome, Some(Err(LookupError::TimedOut))));
    }

    #[test]
    fn one_that_fails_is_not_hastened_and_one_that_answers_is() {
        let now = epoch();
        let mut source = source(DNS, now);
        refresh(&mut source, now);
        source.plan_next(Some(now + secs(300)));
        assert!(source.note_failure(&LookupError::TimedOut, secs(10), now));
        source.hasten(secs(5));
        assert_eq!(source.next_timeout(), Some(now + secs(300)));
        assert!(source.note_answer());
        source.hasten(secs(5));
        assert!(source.next_timeout() < Some(now + secs(7)));
    }

    #[test]
    fn failures_are_worth_telling_when_their_kind_changes_or_their_number_doubles() {
        let now = epoch();
        let mut source = source(DNS, now);
        let mut fails = |error| source.note_failure(&error, secs(10), now);
        let told: Vec<_> = (1..=9).filter(|_| fails(LookupError::Refused)).collect();
        assert_eq!(told, [1, 2, 4, 8]);
        assert!(fails(LookupError::TimedOut));
    }

    #[test]
    fn nothing_settles_a_source_after_three_looks_over_ten_seconds() {
        let now = epoch();
        let mut source = source(DNS, now);
        let mut settled_at = |second, error| {
            source.note_failure(&error, secs(10), now + secs(second));
            source.is_settled()
        };
        let nothing = || LookupError::nx_domain(Some(secs(30)));
        for (second, settled) in [(0, false), (2, false), (4, false), (9, false), (10, true)] {
            assert_eq!(settled_at(second, nothing()), settled, "{second}");
        }
        assert!(!settled_at(11, LookupError::TimedOut), "a failure says nothing");
        assert!(!settled_at(12, nothing()), "it begins again");
    }

    #[test]
    fn nothing_from_a_cache_is_one_look() {
        let now = epoch();
        let mut source = source(DNS, now);
        for second in 0..=60 {
            let left = LookupError::nx_domain(Some(secs(30 - second % 30)));
            source.note_failure(&left, secs(10), now + secs(second));
            assert_eq!(source.is_settled(), second >= 60, "{second}");
        }
    }

    #[test]
    fn a_static_source_announces_itself_once_and_is_not_asked_again() {
        let now = epoch();
        let mut source = source("/ip4/10.0.0.1/tcp/1", now);
        let resolution = refresh(&mut source, now).expect("at once").expect("itself");
        assert_eq!(resolution.ttl, None);
        let (passed, news) = source.sift(resolution.candidates, &Config::new());
        assert!(news.is_empty());
        source.apply(passed, &resolution.heard, |_| Default::default(), now);
        assert_eq!(source.announce(true, false).map(|all| all.len()), Some(1));
        assert!(source.announce(true, false).is_none() && source.is_settled());
        assert_eq!(source.next_timeout(), None);
    }

    #[test]
    fn an_address_is_rejected_by_the_filter_and_told_once() {
        let now = epoch();
        let mut source = source("/dns4/peers.example./tcp/4001?pinned", now);
        let named = || {
            let candidate = Candidate::new(&"/ip4/10.0.0.1/tcp/1".parse().expect("valid"));
            vec![Named { candidate, origin: Origin::default(), transports: None }]
        };
        let (passed, news) = source.sift(named(), &Config::new());
        assert!(passed.is_empty() && matches!(news[..], [(_, Rejection::Unpinned)]));
        assert!(source.sift(named(), &Config::new()).1.is_empty());
        assert_eq!(source.rejections().iter().count(), 1);
    }
}
