//! One source: when it is looked up, what it named, and what was announced of it.

use std::{
    collections::BTreeMap,
    mem::{self, Discriminant},
    sync::Arc,
    time::Duration,
};

use web_time::Instant;

use super::{
    belief::Belief,
    due::Dues,
    inquiries::{Inquiries, Inquiry, Outcome},
    members::{Applied, Liveness, Members},
    pace::{Looks, StartUp},
    questions::Questions,
    refresh::{Heard, Known, Named, Recall, Refresh, Resolution, Threads},
    rejections::Rejections,
    under_way::UnderWay,
};
use crate::{
    candidate::Candidate,
    config::Config,
    discovery::output::LookupId,
    filter::{Judging, Rejection},
    resolver::{LookupError, Query},
    source::Source,
};

/// Stands for a step where a recall, and no plan, waits for an answer.
const RECALLED: u32 = u32::MAX;

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
    /// When the last answer was used that had records; `None` for a static source.
    pub(super) resolved: Option<Instant>,
    questions: Questions,
    inquiries: Inquiries,
    /// By what a refresh that says the same is recognised.
    known: Known,
    /// When the first of the questions is due again.
    due: Option<Instant>,
    /// Whether the next refresh asks all questions that were answered, due or not.
    asks_all: bool,
    /// When such a refresh begins at the latest, if one was asked for by [`hasten`](Self::hasten).
    haste: Option<Instant>,
    /// How many records the last answers carried.
    records: usize,
    /// Whether each question of the last refresh has a complete answer, from then or earlier. If a target or
    /// a nested name had no address, that must be believed, too.
    is_whole: bool,
    /// Whether all that is known was found behind a domain of the search list that failed.
    provisional: bool,
    /// When it is looked up next; `None` while that is under way, and for static sources.
    next: Option<Instant>,
    /// When all that was answered was asked again the last time.
    last_started: Option<Instant>,
    /// Failures in a row, "nothing" among them.
    failures: u32,
    /// How often DNS has said that there is nothing. A reply from a cache does not count again.
    nothing: Belief,
    looks_at_nothing: Looks,
    start_up: StartUp,
    /// The kinds of errors among these failures.
    kinds: Vec<Discriminant<LookupError>>,
    /// How much later than its earliest instant the next refresh comes, between 0 and 1. The planned and a
    /// hastened refresh have one value. If each had its own, the earlier one would count, and most nodes
    /// would be early.
    jitter: f64,
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
            resolved: None,
            questions: Questions::default(),
            inquiries: Inquiries::default(),
            known: Known::default(),
            due: None,
            asks_all: false,
            haste: None,
            records: 0,
            is_whole: false,
            provisional: true,
            next: Some(now),
            last_started: None,
            failures: 0,
            nothing: Belief::default(),
            looks_at_nothing: Looks::default(),
            start_up: StartUp::default(),
            kinds: Vec::new(),
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

    /// Starts the refresh that is due.
    pub(super) fn start_if_due(&mut self, config: &Config, rng: &mut fastrand::Rng, now: Instant) {
        let is_hasty = self.haste.take_if(|at| *at <= now && self.refresh.is_none()).is_some();
        let is_due = is_hasty || self.next.is_some_and(|at| at <= now);
        if self.refresh.is_some() || !is_due {
            return;
        }
        let asks_all = mem::take(&mut self.asks_all) || is_hasty;
        if asks_all {
            self.inquiries.forget(false);
        }
        self.inquiries.begin(now);
        if asks_all || self.inquiries.is_empty() {
            (self.last_started, self.haste) = (Some(now), None);
        }
        let given_up = self.questions.given_up(now);
        let (turn, known) = (self.inquiries.turn() - 1, self.known.clone());
        // Where the answers left anything open, the next ones are read whatever they say.
        let leaves_nothing_open =
            self.is_whole && given_up.is_empty() && self.members.are_as_named();
        let recall = leaves_nothing_open.then(|| Recall::new(&known, turn)).flatten();
        let plan = Refresh::new(&self.source, &config.limits).after(turn, given_up, known);
        self.refresh = Some(UnderWay::new(plan, recall, now + config.lookup_timeout));
        self.next = None;
        self.jitter = rng.f64();
    }

    /// The next question to ask a name server. A question that is out, or was answered and is not due, is
    /// not asked.
    pub(super) fn poll_query(&mut self, now: Instant) -> Option<(u32, Query)> {
        let under_way = self.refresh.as_mut()?;
        while let Some(query) = under_way.poll_recall() {
            match self.inquiries.inquire(&query, RECALLED, now) {
                Inquiry::Ask => return Some((RECALLED, query)),
                Inquiry::Wait => {}
                Inquiry::New(outcome) => under_way.hear(&query, outcome, true),
                Inquiry::Earlier(outcome) => {
                    under_way.hear(&query, outcome, false);
                    under_way.answered.get_or_insert(now);
                }
            }
        }
        if under_way.recalls() {
            return None;
        }
        let plan = &mut under_way.plan;
        while let Some((step, query)) = plan.poll_query() {
            match self.inquiries.inquire(&query, step, now) {
                Inquiry::Ask => return Some((step, query)),
                Inquiry::Wait => {}
                Inquiry::New(outcome) => plan.handle_result(step, outcome),
                Inquiry::Earlier(outcome) => {
                    plan.handle_earlier(step, outcome);
                    under_way.answered.get_or_insert(now);
                }
            }
        }
        if !plan.is_reading() {
            self.inquiries.note_read();
        }
        None
    }

    /// A question was asked.
    pub(super) fn sent(&mut self, query: Query, step: u32, id: LookupId, now: Instant) {
        self.inquiries.sent(query, step, id, now);
    }

    /// Takes the result of a look-up.
    pub(super) fn handle_result(&mut self, query: &Query, outcome: Outcome) {
        let steps = self.inquiries.end(query);
        if let Some(under_way) = self.refresh.as_mut().filter(|_| !steps.is_empty()) {
            under_way.hear(query, &outcome, true);
            for step in &steps {
                under_way.plan.handle_result(*step, &outcome);
            }
        }
        // The plan reads it if the recall has ended, or ends before it is done.
        self.inquiries.keep(query, outcome, steps.len(), steps.contains(&RECALLED));
        if let Some(under_way) = self.refresh.as_mut().filter(|_| self.inquiries.is_full()) {
            under_way.end_recall();
        }
    }

    /// The look-ups of the refresh under way, and what came of them.
    pub(super) fn plan(&mut self) -> Option<&mut Refresh> {
        self.refresh.as_mut().map(|under_way| &mut under_way.plan)
    }

    /// Ends the look-ups that were out for too long; returns them.
    pub(super) fn expire(&mut self, config: &Config, now: Instant) -> Vec<LookupId> {
        let overdue = self.inquiries.overdue(config.lookup_timeout, now);
        for (_, query) in &overdue {
            self.handle_result(query, Err(LookupError::TimedOut));
        }
        overdue.into_iter().map(|(id, _)| id).collect()
    }

    /// Looks at what has come. An answer for which no refresh has waited is used at once.
    fn look(&mut self, config: &Config, offers_nobody: bool, now: Instant) {
        let is_late = self.inquiries.look(now);
        let Some(under_way) = &mut self.refresh else {
            if is_late {
                self.next = Some(now);
            }
            return;
        };
        under_way.offers_nobody = offers_nobody;
        for (query, reply) in under_way.look(config, self.jitter, now) {
            let at = self.inquiries.came(&query).unwrap_or(now);
            self.questions.note(query, reply, config.alone_after, at);
        }
    }

    /// Has the refresh under way read what has come, if its time is over. What is still to be asked is not asked
    /// any more.
    fn close(&mut self, now: Instant) {
        let Self { refresh: Some(under_way), inquiries, .. } = self else { return };
        if !under_way.is_done() && under_way.ends_at(inquiries) <= now {
            under_way.end_recall();
            while self.poll_query(now).is_some() {}
        }
    }

    /// Whether a refresh is under way.
    pub(super) fn is_under_way(&self) -> bool {
        self.refresh.is_some()
    }

    /// Takes the refresh if it is over. `offers_nobody` says that no other node is known, and that the
    /// source names no address to try.
    pub(super) fn finish(
        &mut self,
        config: &Config,
        offers_nobody: bool,
        rng: &mut fastrand::Rng,
        now: Instant,
    ) -> Option<Result<Resolution, LookupError>> {
        self.close(now);
        self.look(config, offers_nobody, now);
        let Self { refresh, inquiries, .. } = self;
        let under_way = refresh.take_if(|r| r.is_done() || r.ends_at(inquiries) <= now)?;
        let is_asked_for = under_way.again;
        self.answered = under_way.answered;
        self.records = under_way.records();
        let outcome = under_way.finish(&config.pool);
        let Self { questions, inquiries, records, jitter, .. } = self;
        let dues = Dues { config, questions, records: *records, jitter: *jitter };
        let due = dues.of(outcome.as_ref().ok(), rng);
        self.due = inquiries.finish(config.min_refresh, due, now);
        if is_asked_for {
            self.force(now);
        }
        // Where all is answered as before, the questions stand as they did.
        if let Some(resolution) = outcome.as_ref().ok().filter(|resolution| !resolution.repeats) {
            self.follow(&resolution.threads, now);
        }
        Some(outcome)
    }

    fn follow(&mut self, threads: &Threads, now: Instant) {
        self.questions.follow(threads);
        let given_up = self.questions.given_up(now);
        let is_answered = |(question, heard): (&Query, &Heard)| match heard {
            Heard::All => true,
            // A partial answer is enough for these questions.
            Heard::Part => threads.spare.contains(question),
            Heard::Nothing => self.questions.is_whole(question),
        };
        let is_believed =
            |question: &Query| self.questions.is_nothing(question) || given_up.contains(question);
        self.is_whole = threads.cut.is_empty()
            && threads.heard.iter().all(is_answered)
            && threads.hollow.iter().all(is_believed);
    }

    /// Merges an answer into the members. `passed` are the candidates that it names and the filter accepts;
    /// `None` if the answer names the same candidates as the last one.
    pub(super) fn apply(
        &mut self,
        passed: Option<Vec<Named>>,
        (threads, known): (&Threads, Known),
        liveness: impl Fn(&Candidate) -> Liveness,
        now: Instant,
    ) -> Applied {
        self.known = known;
        let questions = &self.questions;
        let heard = |question: &Query| questions.heard(question, threads);
        match passed {
            Some(candidates) => self.members.apply(candidates, heard, liveness, now),
            None => self.members.repeat(heard, now),
        }
    }

    /// When the first reply of the last refresh came.
    pub(super) fn answered(&self) -> Option<Instant> {
        self.answered
    }

    /// How much later than its earliest instant the next refresh comes, between 0 and 1.
    pub(super) fn jitter(&self) -> f64 {
        self.jitter
    }

    /// When the first of its questions is due again.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// How many records the last answers carried.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The candidates that a refresh has named so far, when they have waited for long enough for the
    /// rest of it.
    pub(super) fn take_so_far(&mut self, config: &Config, now: Instant) -> Option<Vec<Named>> {
        let named = self.refresh.as_mut()?;
        let named = named.take_so_far(config, now)?;
        // What the filter rejects is told when the refresh has ended.
        let mut judging = self.judging(config);
        Some(named.into_iter().filter(|named| judging.check(&named.candidate).is_ok()).collect())
    }

    /// Whether the filter lets candidates through.
    fn judging<'a>(&self, config: &'a Config) -> Judging<'a> {
        config.filter.judging(!self.source.is_static()).demanding_pins(self.source.is_pinned())
    }

    /// Whether all that is known of it was found behind a domain that failed.
    pub(super) fn is_provisional(&self) -> bool {
        self.provisional
    }

    pub(super) fn note_provisional(&mut self, provisional: bool) {
        self.provisional = provisional;
    }

    /// Looks up at once, or right after the refresh that is under way.
    pub(super) fn force(&mut self, now: Instant) {
        match &mut self.refresh {
            Some(under_way) => under_way.again = true,
            None => {
                self.inquiries.forget(true);
                self.next = Some(now);
            }
        }
    }

    /// Looks up earlier than planned, but not earlier than `pause` after the last time, and not
    /// while the source fails: back-off goes before haste.
    pub(super) fn hasten(&mut self, pause: Duration) {
        let pause = pause.mul_f64(1.0 + self.jitter * 0.2);
        if self.failures > 0 {
            return;
        }
        if let (Some(_), Some(last)) = (self.next, self.last_started) {
            let at = last + pause;
            self.haste = Some(self.haste.map_or(at, |haste| haste.min(at)));
        }
    }

    /// Plans the next refresh, unless one was asked for meanwhile. `asks_all` says that it asks all that
    /// was answered, due or not.
    pub(super) fn plan_next(&mut self, at: Instant, asks_all: bool) {
        if self.next.is_none() {
            self.next = Some(at);
            self.asks_all = asks_all;
        }
    }

    /// The next instant at which something is to be done.
    pub(super) fn next_timeout(&self, lookup_timeout: Duration) -> Option<Instant> {
        let refresh = self.refresh.as_ref().map(|refresh| refresh.next_timeout(&self.inquiries));
        let next = [self.next, self.haste].into_iter().flatten().min();
        let refresh = refresh.or(next);
        let overdue = self.inquiries.next_timeout(lookup_timeout);
        [refresh, overdue].into_iter().flatten().min()
    }

    /// The pace at which the source is asked again while its answers name no address to try.
    pub(super) fn start_up(&mut self) -> &mut StartUp {
        &mut self.start_up
    }

    /// Notes that a look-up failed, or that DNS said that there is nothing, which is believed after three
    /// looks over `alone_after`. Returns whether the failure is to be reported: the first of its kind in a
    /// row of failures, and each time the number of failures in the row has doubled.
    pub(super) fn note_failure(
        &mut self,
        error: &LookupError,
        alone_after: Duration,
        now: Instant,
    ) -> bool {
        // Back-off goes before haste.
        self.haste = None;
        let nothing = mem::discriminant(&LookupError::no_data(None));
        if self.kinds == [nothing] && !matches!(error, LookupError::Nothing(_)) {
            // A name that is not there yet did not fail.
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        match error {
            LookupError::Nothing(nothing) => {
                let is_new = self.looks_at_nothing.is_new(nothing.negative_ttl, 0, now);
                self.nothing.note(is_new, alone_after, now);
            }
            _ => self.forget_nothings(),
        }
        let kind = mem::discriminant(error);
        let is_known = self.kinds.contains(&kind);
        self.kinds.extend((!is_known).then_some(kind));
        !is_known || self.failures.is_power_of_two()
    }

    fn forget_nothings(&mut self) {
        (self.nothing, self.looks_at_nothing) = Default::default();
    }

    /// Notes an answer; says whether it ends a row of failures.
    pub(super) fn note_answer(&mut self) -> bool {
        self.forget_nothings();
        self.kinds.clear();
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
        let (mut passed, mut judging) = (Vec::with_capacity(named.len()), self.judging(config));
        // Both are sorted. A candidate that passed once passes again.
        let mut known = self.members.candidates().peekable();
        for named in named {
            while known.next_if(|known| **known < named.candidate).is_some() {}
            if known.peek() == Some(&&named.candidate) {
                passed.push(named);
                continue;
            }
            match judging.check(&named.candidate) {
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
        self.announced = Some(self.members.list().clone());
        self.announced_complete = complete;
        self.announced.clone()
    }

    /// What to announce of a part of an answer: the candidates, if there are others.
    pub(super) fn announce_part(&mut self) -> Option<Arc<[Candidate]>> {
        if self.is_announced() { None } else { self.announce(false, false) }
    }

    /// Whether the candidates that were last announced are the members.
    fn is_announced(&self) -> bool {
        // If both are one list, nothing is compared.
        self.announced.as_ref() == Some(self.members.list())
    }

    /// Whether the source has said all. Either all its questions have complete answers, from now or earlier,
    /// and each target and nested name has an address, or the lack of one is believed. Or it is believed that
    /// there is nothing.
    pub(super) fn is_settled(&self) -> bool {
        self.nothing.is_firm() || (self.announced.is_some() && self.is_whole)
    }
}

#[cfg(test)]
impl SourceState {
    pub(super) fn known_mut(&mut self) -> &mut Known {
        &mut self.known
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
        source.start_if_due(&Config::new(), &mut rng, now);
        while source.poll_query(now).is_some() {}
        source.finish(&Config::new(), false, &mut rng, now + secs(20))
    }

    #[test]
    fn a_refresh_without_a_reply_times_out_at_its_deadline() {
        let now = epoch();
        let mut source = source(DNS, now);
        let mut rng = fastrand::Rng::with_seed(1);
        source.start_if_due(&Config::new(), &mut rng, now);
        assert_eq!(source.next_timeout(secs(20)), Some(now + secs(20)));
        assert!(source.finish(&Config::new(), false, &mut rng, now + secs(19)).is_none());
        let outcome = source.finish(&Config::new(), false, &mut rng, now + secs(20));
        assert!(matches!(outcome, Some(Err(LookupError::TimedOut))));
    }

    #[test]
    fn one_that_fails_is_not_hastened_and_one_that_answers_is() {
        let now = epoch();
        let mut source = source(DNS, now);
        refresh(&mut source, now);
        source.plan_next(now + secs(300), false);
        assert!(source.note_failure(&LookupError::TimedOut, secs(10), now));
        source.hasten(secs(5));
        assert_eq!(source.next_timeout(secs(20)), Some(now + secs(300)));
        assert!(source.note_answer());
        source.hasten(secs(5));
        assert!(source.next_timeout(secs(20)) < Some(now + secs(7)));
    }

    #[test]
    fn failures_are_worth_telling_when_their_kind_is_new_or_their_number_doubles() {
        let now = epoch();
        let mut source = source(DNS, now);
        let mut fails = |error| source.note_failure(&error, secs(10), now);
        let told: Vec<_> = (1..=9).filter(|_| fails(LookupError::Refused)).collect();
        assert_eq!(told, [1, 2, 4, 8]);
        assert!(fails(LookupError::TimedOut));
        // Two servers that fail in different ways take turns.
        let told: Vec<_> = (11..=40)
            .filter(|n| fails([LookupError::Refused, LookupError::TimedOut][n % 2].clone()))
            .collect();
        assert_eq!(told, [16, 32]);
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
        let made_of = (&resolution.threads, resolution.known);
        source.apply(Some(passed), made_of, |_| Default::default(), now);
        assert_eq!(source.announce(true, false).map(|all| all.len()), Some(1));
        assert!(source.announce(true, false).is_none() && source.is_settled());
        assert_eq!(source.next_timeout(secs(20)), None);
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
