//! A refresh that is answered as the last one was: it names the same, and nothing is made of its answers.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    sync::Arc,
    time::Duration,
};

use super::{
    known::Known,
    origin::Heard,
    outcome::{Resolution, Threads, order},
    script::{Line, Said, Script},
    spares::sampled,
};
use crate::{
    discovery::names::reply::Reply,
    record::least,
    resolver::{Answer, LookupError, Query},
};

/// A refresh, as long as all its answers say what those of the last one said.
///
/// It asks the questions of the source first. Once a question is answered as before, it asks what that answer led
/// to. A look-up that ends otherwise ends the recall: then the answers are read as those of any other refresh.
#[derive(Debug)]
pub(crate) struct Recall {
    known: Known,
    script: Arc<Script>,
    /// How many refreshes went before this one.
    turn: usize,
    /// The questions that are to be asked now.
    waiting: VecDeque<Query>,
    /// How many of those that were to be asked so far have no answer yet.
    left: usize,
    heard: HashMap<Query, Heard>,
    /// Whether an answer with records has come.
    has_records: bool,
    /// The least TTL of the records that have come.
    ttl: Option<Duration>,
    /// How look-ups ended, until it is asked for.
    replies: Vec<(Query, Reply)>,
}

impl Recall {
    /// Begins a refresh that may repeat the last one; `None` if that one cannot be repeated. `turn` is how many
    /// refreshes went before.
    pub(crate) fn new(known: &Known, turn: usize) -> Option<Self> {
        let script = known.script.clone()?;
        let waiting: VecDeque<_> = script.roots.iter().cloned().collect();
        let (heard, replies) = Default::default();
        Some(Self {
            known: known.clone(),
            script,
            turn,
            left: waiting.len(),
            waiting,
            heard,
            has_records: false,
            ttl: None,
            replies,
        })
    }

    /// The next question to ask.
    pub(crate) fn poll_query(&mut self) -> Option<Query> {
        self.waiting.pop_front()
    }

    /// Takes how a look-up ended. `is_new` says that the answer is not known from an earlier refresh. Returns
    /// false if the answer says anything else than the last one.
    pub(crate) fn hear(
        &mut self,
        question: &Query,
        outcome: &Result<Answer, LookupError>,
        is_new: bool,
    ) -> bool {
        let Some((expected, reply)) = self.script.line(question) else { return false };
        let found = Said::of(&self.known.sums, question, outcome);
        let Some((_, ttl, glue_ttl)) = found.filter(|(said, ..)| *said == expected) else {
            return false;
        };
        if self.heard.contains_key(question) {
            return true;
        }
        let Script { next, roots, spares, .. } = &*self.script;
        // Only the answer of a service has glue, and no other question is one of that source itself.
        let samples = sampled(spares, self.turn).filter(|_| roots.contains(question));
        let before = self.waiting.len();
        self.waiting.extend(next.get(question).into_iter().flatten().chain(samples).cloned());
        self.left = self.left + self.waiting.len() - before - 1;
        let heard = if is_new { Heard::All } else { Heard::Nothing };
        self.heard.insert(question.clone(), heard);
        let reply = match reply {
            Reply::Answer { sum, .. } => {
                self.has_records = true;
                self.ttl = least(self.ttl, least(ttl, glue_ttl));
                Reply::Answer { ttl, sum }
            }
            // A script has no failures.
            _ => Reply::Nothing { ttl },
        };
        if is_new {
            self.replies.push((question.clone(), reply));
        }
        true
    }

    /// How the look-ups ended that have ended since this was asked for last.
    pub(crate) fn take_replies(&mut self) -> Vec<(Query, Reply)> {
        mem::take(&mut self.replies)
    }

    /// Whether an answer with records has come.
    pub(crate) fn has_records(&self) -> bool {
        self.has_records
    }

    /// How many records the answers carry.
    pub(crate) fn records(&self) -> usize {
        self.script.records
    }

    /// Whether all questions are answered as before.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// The outcome, once it is done.
    pub(crate) fn finish(self) -> Resolution {
        let Script { roots, completed, spares, records, dropped, dropped_total, proof, .. } =
            &*self.script;
        let parents = roots.iter().map(|root| (root.clone(), Vec::new())).collect();
        let spare = completed.iter().chain(sampled(spares, self.turn)).cloned().collect();
        Resolution {
            candidates: Vec::new(),
            repeats: true,
            threads: Threads { heard: self.heard, parents, spare, ..Threads::default() },
            complete: true,
            provisional: false,
            ttl: self.ttl,
            records: *records,
            incomplete_because: None,
            dropped: dropped.clone(),
            dropped_total: *dropped_total,
            proof: *proof,
            known: self.known,
        }
    }
}

/// The script of a refresh; `None` if there is anything in what it found that another refresh might find
/// otherwise, although it is answered the same. `lines` is `None` if a question had no answer.
pub(super) fn script_of(resolution: &Resolution, lines: Option<Vec<Line>>) -> Option<Arc<Script>> {
    let Threads { parents, cut, hollow, ends, spare, spares, .. } = &resolution.threads;
    let is_whole = resolution.complete && !resolution.provisional && cut.is_empty();
    let is_plain = hollow.is_empty() && ends.is_empty();
    let lines = lines.filter(|lines| is_whole && is_plain && !lines.is_empty())?;
    let (of_glue, lines): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| spare.contains(&line.question));
    // Either a sample was asked, or all were.
    let (samples, all) =
        if spares.is_empty() { (Vec::new(), of_glue) } else { (of_glue, Vec::new()) };
    let completed = all.iter().map(|line| line.question.clone()).collect();
    let lines = lines.into_iter().chain(all);
    let lines: HashMap<_, _> = lines.map(|line| (line.question, (line.said, line.reply))).collect();
    let (mut roots, mut next) = (Vec::new(), HashMap::<_, Vec<_>>::new());
    for question in lines.keys().cloned() {
        // The first of its parents is the one for which it was asked.
        match parents.get(&question)?.first() {
            Some(parent) => next.entry(parent.clone()).or_default().push(question),
            None => roots.push(question),
        }
    }
    // The same inputs give the same outputs.
    next.values_mut().chain([&mut roots]).for_each(|questions| questions.sort_by(order));
    Some(Arc::new(Script {
        lines,
        roots,
        next,
        completed,
        samples,
        records: resolution.records,
        dropped: resolution.dropped.clone(),
        dropped_total: resolution.dropped_total,
        proof: resolution.proof,
        spares: spares.clone(),
    }))
}
