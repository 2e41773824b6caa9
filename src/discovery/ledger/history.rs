//! The history of a candidate: its failures and their back-off, its answers, and what was reported.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{announced::Announced, sharing::Answers};
use crate::{candidate::Candidate, event::Failure};

/// The history of one candidate.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    failures: u32,
    failed: Option<Failed>,
    contradicted: Option<Instant>,
    hinted: Option<Instant>,
    /// When it was last tried again because its peer said that it speaks the required protocol.
    reconsidered: Option<Instant>,
    rtt: Option<Duration>,
    /// Why our swarm denied the last connection to it, unless there was one since.
    denied: Option<Arc<str>>,
    answers: Answers,
    announced: Announced,
}

/// Why a candidate waits, and until when.
#[derive(Debug, Clone)]
pub(in crate::discovery) struct Failed {
    pub(in crate::discovery) reason: Failure,
    pub(in crate::discovery) retry_at: Instant,
}

impl History {
    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Why the candidate was not verified the last time, and when it may be tried again.
    pub(super) fn failed(&self) -> Option<&Failed> {
        self.failed.as_ref()
    }

    /// Since when another identity answers there, although the peer of the entry is connected.
    pub(super) fn contradicted(&self) -> Option<Instant> {
        self.contradicted
    }

    /// Notes that another identity answers there than that of the connected peer of the entry; returns
    /// since when.
    pub(super) fn contradict(&mut self, now: Instant) -> Instant {
        *self.contradicted.get_or_insert(now)
    }

    /// Notes that nothing contradicts an entry any more.
    pub(super) fn settle(&mut self) {
        self.contradicted = None;
    }

    /// How long the last handshake took.
    pub(super) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    pub(super) fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// Why our swarm denied the last connection to it, unless there was one since.
    pub(super) fn denied(&self) -> Option<&Arc<str>> {
        self.denied.as_ref()
    }

    /// Notes that our swarm denied a connection, or that there is one.
    pub(super) fn note_denied(&mut self, denied: Option<Arc<str>>) {
        self.denied = denied;
    }

    /// Whether a hint at the candidate is followed: one in each `pause`.
    pub(super) fn takes_hint(&mut self, pause: Duration, now: Instant) -> bool {
        once_in(pause, &mut self.hinted, now) <= now
    }

    /// When the candidate may be tried again because its peer says that it speaks the required protocol: once
    /// in `pause`.
    fn reconsider(&mut self, pause: Duration, now: Instant) -> Instant {
        once_in(pause, &mut self.reconsidered, now)
    }

    pub(super) fn answers(&mut self) -> &mut Answers {
        &mut self.answers
    }

    pub(super) fn announced(&mut self) -> &mut Announced {
        &mut self.announced
    }

    /// Whether this failure is the one that was last reported of a peer that may have no entry here.
    pub(super) fn is_turned_away(&self, failure: &Failure) -> bool {
        self.announced.is_turned_away(failure)
    }
}

/// When something may happen again that may happen once in each pause. If that is now, it is noted as the last
/// time; otherwise it is when the pause is over.
fn once_in(pause: Duration, last: &mut Option<Instant>, now: Instant) -> Instant {
    match last.map(|last| last + pause) {
        Some(next) if next > now => next,
        _ => {
            *last = Some(now);
            now
        }
    }
}

/// How many candidates come due in one step. They may all have been given the same instant.
const RIPE_AT_ONCE: usize = 32;

/// The histories of all candidates that have one, and indices of the candidates that are to be retried.
#[derive(Debug, Default)]
pub(super) struct Histories {
    by_candidate: HashMap<Candidate, History>,
    /// The candidates whose back-off goes on, as of the last [`ripen`](Self::ripen).
    waiting: BTreeSet<(Instant, Candidate)>,
    due: Due,
    /// The candidates that do not come due by time: see [`bar`](Self::bar).
    barred: BTreeSet<Candidate>,
    /// The candidates that failed, and were not merely postponed.
    failing: BTreeSet<Candidate>,
    /// The candidates that failed, and not because their host refused the connection.
    broken: BTreeSet<Candidate>,
    /// The candidates where a peer answered that does not speak the required protocol, or did not say so.
    turned_away: HashMap<PeerId, BTreeSet<Candidate>>,
}

/// The candidates whose back-off has passed.
#[derive(Debug, Default)]
pub(in crate::discovery) struct Due {
    /// These candidates in order.
    pub(in crate::discovery) in_order: BTreeSet<Candidate>,
    /// These candidates, the one that has waited longest first.
    pub(in crate::discovery) by_time: BTreeSet<(Instant, Candidate)>,
}

impl Histories {
    pub(super) fn get(&self, candidate: &Candidate) -> Option<&History> {
        self.by_candidate.get(candidate)
    }

    /// The history of a candidate, to note something in it. Only the methods of this type change why and how
    /// long the candidate waits, because they keep the indices.
    pub(super) fn of(&mut self, candidate: &Candidate) -> &mut History {
        self.by_candidate.entry(candidate.clone()).or_default()
    }

    /// Why a candidate waits, if it does.
    pub(super) fn failed(&self, candidate: &Candidate) -> Option<&Failed> {
        self.get(candidate)?.failed()
    }

    /// Counts a failure; the candidate may be tried again after `pause`.
    pub(super) fn fail(
        &mut self,
        candidate: &Candidate,
        reason: Failure,
        now: Instant,
        pause: Duration,
    ) {
        let history = self.of(candidate);
        history.failures = history.failures.saturating_add(1);
        self.postpone(candidate, reason, now, pause);
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
        let history = self.of(candidate);
        history.failures = 0;
        history.contradicted = None;
        history.announced.verified();
        self.wait(candidate, None);
    }

    /// Lets a candidate that failed be tried by `at`.
    pub(super) fn retry_by(&mut self, candidate: &Candidate, at: Instant) {
        let is_late = |failed: &&Failed| failed.retry_at > at || self.barred.contains(candidate);
        let failed = self.failed(candidate).filter(is_late).cloned();
        if let Some(failed) = failed {
            self.wait(candidate, Some(Failed { retry_at: at, ..failed }));
        }
    }

    /// Lets all candidates that failed be tried by `at`, except those that are pinned to peers that
    /// may not join: to these, time makes no difference.
    pub(super) fn retry_all_by(&mut self, at: Instant) {
        let late = self.waiting.iter().rev().take_while(|(retry, _)| *retry > at);
        let refused = |c: &Candidate| match self.failed(c).map(|failed| &failed.reason) {
            Some(Failure::Refused(peer)) => c.pinned() == Some(peer),
            _ => false,
        };
        let late = late.filter(|(_, c)| !refused(c));
        for candidate in late.map(|(_, c)| c.clone()).collect::<Vec<_>>() {
            self.retry_by(&candidate, at);
        }
    }

    /// Has a candidate wait until it is [judged otherwise](Self::retry_where): time changes nothing.
    pub(super) fn bar(&mut self, candidate: &Candidate, reason: Failure, until: Instant) {
        self.wait(candidate, Some(Failed { reason, retry_at: until }));
        self.waiting.remove(&(until, candidate.clone()));
        self.barred.insert(candidate.clone());
    }

    /// A peer says that it speaks the required protocol. Lets the candidates be tried now where it was turned
    /// away because it did not say so: each candidate once in a `pause`, however often the peer changes its
    /// mind. Returns whether there are any.
    pub(super) fn retry_turned_away(
        &mut self,
        peer: &PeerId,
        pause: Duration,
        now: Instant,
    ) -> bool {
        let of_peer = self.turned_away.get(peer).cloned().unwrap_or_default();
        for candidate in &of_peer {
            let at = self.of(candidate).reconsider(pause, now);
            self.retry_by(candidate, at);
        }
        !of_peer.is_empty()
    }

    /// Finds the candidates whose back-off has passed by now, at most [`RIPE_AT_ONCE`]. Returns whether there
    /// are more.
    pub(super) fn ripen(&mut self, now: Instant) -> bool {
        let is_ripe = |(at, _): &(Instant, Candidate)| *at <= now;
        for _ in 0..RIPE_AT_ONCE {
            if !self.waiting.first().is_some_and(is_ripe) {
                return false;
            }
            let Some((at, candidate)) = self.waiting.pop_first() else { return false };
            self.due.in_order.insert(candidate.clone());
            self.due.by_time.insert((at, candidate));
        }
        self.waiting.first().is_some_and(is_ripe)
    }

    /// Lets the candidates be tried by `at` whose failure passes a test.
    pub(super) fn retry_where(
        &mut self,
        which: impl Fn(&Candidate, &Failure) -> bool,
        at: Instant,
    ) {
        let picked = self.waiting.iter().map(|(_, c)| c).chain(&self.barred);
        let picked = picked.filter(|c| self.failed(c).is_some_and(|f| which(c, &f.reason)));
        for candidate in picked.cloned().collect::<Vec<_>>() {
            self.retry_by(&candidate, at);
        }
    }

    /// The candidates whose back-off has passed.
    pub(super) fn due(&self) -> &Due {
        &self.due
    }

    /// The candidates that failed the last time, in order.
    pub(super) fn failing(&self) -> &BTreeSet<Candidate> {
        &self.failing
    }

    /// The candidates whose back-off goes on, the one that may be tried first in front.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &(Instant, Candidate)> {
        self.waiting.iter()
    }

    /// The candidates that failed, and not because their host refused the connection, in order.
    pub(super) fn broken(&self) -> impl Iterator<Item = &Candidate> {
        self.broken.iter()
    }

    /// Forgets a candidate.
    pub(super) fn forget(&mut self, candidate: &Candidate) {
        self.wait_no_more(candidate);
        self.by_candidate.remove(candidate);
    }

    fn wait_no_more(&mut self, candidate: &Candidate) {
        if let Some(failed) = self.by_candidate.get_mut(candidate).and_then(|h| h.failed.take()) {
            let at = (failed.retry_at, candidate.clone());
            if !self.waiting.remove(&at) && !self.barred.remove(candidate) {
                self.due.by_time.remove(&at);
                self.due.in_order.remove(candidate);
            }
            self.note_turned_away(candidate, &failed.reason, false);
        }
        self.failing.remove(candidate);
        self.broken.remove(candidate);
    }

    fn wait(&mut self, candidate: &Candidate, failed: Option<Failed>) {
        self.wait_no_more(candidate);
        let Some(failed) = failed else { return };
        self.waiting.insert((failed.retry_at, candidate.clone()));
        self.note_turned_away(candidate, &failed.reason, true);
        // A candidate that was only postponed has not failed.
        if self.of(candidate).failures > 0 {
            self.failing.insert(candidate.clone());
            if !matches!(failed.reason, Failure::Closed(_) | Failure::Aborted) {
                self.broken.insert(candidate.clone());
            }
        }
        self.of(candidate).failed = Some(failed);
    }

    fn note_turned_away(&mut self, candidate: &Candidate, reason: &Failure, is_so: bool) {
        let (Failure::Stranger(peer) | Failure::Unidentified(peer)) = reason else { return };
        let of_peer = self.turned_away.entry(*peer).or_default();
        if is_so {
            of_peer.insert(candidate.clone());
        } else {
            of_peer.remove(candidate);
        }
        if of_peer.is_empty() {
            self.turned_away.remove(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{epoch, secs};

    fn c(n: u8) -> Candidate {
        Candidate::new(&format!("/ip4/10.0.0.{n}/tcp/1").parse().expect("an address"))
    }

    fn waiting(histories: &Histories) -> Vec<(Instant, Candidate)> {
        histories.waiting().cloned().collect()
    }

    /// Found by the fuzz: a day later, it was barred for ever.
    #[test]
    fn one_that_is_barred_is_let_in_when_it_is_judged_otherwise_however_late() {
        let (mut histories, now) = (Histories::default(), epoch());
        histories.bar(&c(1), Failure::TimedOut, now + secs(10));
        assert!(!histories.ripen(now + secs(99)) && histories.due().in_order.is_empty());
        histories.retry_where(|_, _| true, now + secs(99));
        histories.ripen(now + secs(99));
        assert_eq!(histories.due().in_order, [c(1)].into());
    }

    #[test]
    fn whoever_failed_otherwise_than_by_refusing_is_broken_until_it_refuses_or_is_forgotten() {
        let (now, mut histories) = (epoch(), Histories::default());
        let broken = |histories: &Histories| histories.broken().cloned().collect::<Vec<_>>();
        histories.fail(&c(1), Failure::Closed("refused".into()), now, secs(1));
        histories.fail(&c(2), Failure::TimedOut, now, secs(1));
        histories.fail(&c(3), Failure::Shared, now, secs(1));
        histories.postpone(&c(4), Failure::Aborted, now, secs(1));
        assert_eq!(broken(&histories), [c(2), c(3)]);
        histories.retry_all_by(now);
        histories.fail(&c(2), Failure::Closed("refused".into()), now, secs(1));
        assert_eq!(broken(&histories), [c(3)]);
        histories.forget(&c(3));
        assert_eq!(broken(&histories), []);
    }

    #[test]
    fn those_that_wait_stand_in_the_order_of_their_turns() {
        let (mut histories, now) = (Histories::default(), epoch());
        histories.fail(&c(1), Failure::TimedOut, now, secs(9));
        histories.fail(&c(2), Failure::TimedOut, now, secs(4));
        histories.fail(&c(1), Failure::TimedOut, now, secs(2));
        assert_eq!(waiting(&histories), [(now + secs(2), c(1)), (now + secs(4), c(2))]);
        assert_eq!(histories.get(&c(1)).map(History::failures), Some(2));
        histories.succeed(&c(1));
        histories.forget(&c(2));
        assert_eq!(waiting(&histories), []);
        assert_eq!(histories.get(&c(1)).map(History::failures), Some(0));
        assert!(histories.get(&c(2)).is_none());
    }

    #[test]
    fn one_that_is_postponed_has_not_failed() {
        let (mut histories, now) = (Histories::default(), epoch());
        histories.postpone(&c(1), Failure::Aborted, now, secs(3));
        assert_eq!(histories.get(&c(1)).map(History::failures), Some(0));
        assert_eq!(waiting(&histories), [(now + secs(3), c(1))]);
    }

    #[test]
    fn all_are_tried_sooner_but_those_that_no_time_changes() {
        let (mut histories, now) = (Histories::default(), epoch());
        let peer = PeerId::random();
        let pinned = format!("{}/p2p/{peer}", c(3));
        let pinned = Candidate::new(&pinned.parse().expect("an address"));
        histories.fail(&c(1), Failure::TimedOut, now, secs(90));
        histories.fail(&c(2), Failure::TimedOut, now, secs(5));
        histories.fail(&pinned, Failure::Refused(peer), now, secs(99));
        histories.retry_all_by(now + secs(30));
        let at: Vec<_> = waiting(&histories).iter().map(|(at, _)| *at - now).collect();
        assert_eq!(at, [secs(5), secs(30), secs(99)]);
        histories.retry_where(|_, failure| *failure == Failure::Refused(peer), now);
        assert_eq!(waiting(&histories)[0].1, pinned);
    }

    #[test]
    fn hints_are_heeded_one_in_a_pause() {
        let (mut history, now) = (History::default(), epoch());
        assert!(history.takes_hint(secs(60), now));
        assert!(!history.takes_hint(secs(60), now + secs(59)));
        assert!(history.takes_hint(secs(60), now + secs(60)));
    }
}
