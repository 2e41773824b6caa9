//! A refresh that is under way: how long it waits for each answer, and which answers are used before its end.

use std::{mem, time::Duration};

use web_time::Instant;

use super::{
    inquiries::Inquiries,
    refresh::{Named, Recall, Refresh, Resolution},
    reply::Reply,
    schedule::Schedule,
};
use crate::{
    config::Config,
    pool::Pool,
    resolver::{Answer, LookupError, Query},
};

/// A refresh that is under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    /// As long as all is answered as in the last refresh: then nothing is planned, and nothing read.
    recall: Option<Recall>,
    /// The replies that were recalled: they count once all are.
    recalled: Vec<(Query, Reply)>,
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
    pub(super) fn new(plan: Refresh, recall: Option<Recall>, deadline: Instant) -> Self {
        Self {
            recall,
            recalled: Vec::new(),
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

    /// Notes the replies that have come. Returns those that count now.
    pub(super) fn look(
        &mut self,
        config: &Config,
        jitter: f64,
        now: Instant,
    ) -> Vec<(Query, Reply)> {
        // While answers are recalled, none is read that could be used: the first one that is read waits anew.
        let has_nothing = !self.plan.has_records();
        if self.use_at.take_if(|at| has_nothing && *at < now).is_some() {
            self.grace = self.grace.saturating_mul(2);
        }
        let new = match &mut self.recall {
            Some(recall) => recall.take_replies(),
            None => self.plan.take_replies(),
        };
        new.iter().for_each(|(_, reply)| self.note(*reply, config, jitter, now));
        match &self.recall {
            None => new,
            Some(recall) => {
                self.recalled.extend(new);
                if recall.is_done() { mem::take(&mut self.recalled) } else { Vec::new() }
            }
        }
    }

    /// Notes a reply.
    fn note(&mut self, reply: Reply, config: &Config, jitter: f64, now: Instant) {
        self.use_at.get_or_insert(now + self.grace);
        self.answered.get_or_insert(now);
        if let Reply::Answer { ttl: Some(ttl), .. } = reply {
            let due = now + Schedule::after_answer(config, ttl, self.records(), jitter);
            self.due = Some(self.due.map_or(due, |known| known.min(due)));
        }
    }

    /// Whether all is answered as in the last refresh so far.
    pub(super) fn recalls(&self) -> bool {
        self.recall.is_some()
    }

    /// The next question that the recall asks.
    pub(super) fn poll_recall(&mut self) -> Option<Query> {
        self.recall.as_mut()?.poll_query()
    }

    /// Ends the recall, unless all is answered: the answers are read as those of any other refresh.
    pub(super) fn end_recall(&mut self) {
        self.recall.take_if(|recall| !recall.is_done());
    }

    /// Takes how a look-up ended that the recall asked. Ends the recall if that is not how it ended in the last
    /// refresh.
    pub(super) fn hear(
        &mut self,
        query: &Query,
        outcome: &Result<Answer, LookupError>,
        is_new: bool,
    ) {
        self.recall.take_if(|recall| !recall.hear(query, outcome, is_new));
    }

    /// How many records the answers carried.
    pub(super) fn records(&self) -> usize {
        self.recall.as_ref().map_or_else(|| self.plan.records(), Recall::records)
    }

    fn has_records(&self) -> bool {
        self.recall.as_ref().map_or_else(|| self.plan.has_records(), Recall::has_records)
    }

    /// Whether all questions are answered, and all answers read.
    pub(super) fn is_done(&self) -> bool {
        self.recall.as_ref().map_or_else(|| self.plan.is_done(), Recall::is_done)
    }

    /// The outcome. Look-ups still waiting or under way count as timed out.
    pub(super) fn finish(self, pool: &Pool) -> Result<Resolution, LookupError> {
        match self.recall {
            Some(recall) => Ok(recall.finish()),
            None => self.plan.finish(pool),
        }
    }

    /// The candidates that it has named so far, when they have waited for long enough for the rest of the
    /// answers, and none of what has come is still to be read.
    pub(super) fn take_so_far(&mut self, config: &Config, now: Instant) -> Option<Vec<Named>> {
        let is_read = !self.plan.is_reading();
        self.use_at.take_if(|at| *at <= now && is_read)?;
        self.grace = self.grace.saturating_mul(2);
        self.plan.so_far(&config.pool)
    }

    /// When the refresh is over, even if look-ups are still under way. Their answers count for the next
    /// refresh, so no question delays another one.
    pub(super) fn ends_at(&self, inquiries: &Inquiries) -> Instant {
        let waits_in_vain = self.recall.is_none() && self.plan.waits_in_vain();
        let is_patient = self.again || self.offers_nobody || waits_in_vain;
        let patience = self.answered.filter(|_| is_patient).map(|at| at + PATIENCE);
        let known_due = inquiries.next_due().filter(|_| self.has_records());
        let times = [patience, self.due, known_due];
        times.into_iter().flatten().fold(self.deadline, Instant::min)
    }

    pub(super) fn next_timeout(&self, inquiries: &Inquiries) -> Instant {
        // What is named so far was named before, as long as nothing is read.
        let use_at = self.use_at.filter(|_| self.recall.is_none());
        use_at.into_iter().fold(self.ends_at(inquiries), Instant::min)
    }
}
