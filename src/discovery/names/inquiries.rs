//! The questions that a source has put to its name servers, and their latest answers. Each question is asked
//! once at a time, and not again before its next answer is due.

use std::{collections::HashMap, mem, time::Duration};

use hickory_proto::rr::{RData, Record};
use web_time::Instant;

use crate::{
    discovery::output::LookupId,
    record::ttl_of_all,
    resolver::{Answer, LookupError, Query},
};

/// How a look-up ends.
pub(super) type Outcome = Result<Answer, LookupError>;

/// The look-ups of one source that are out, and the answers that refreshes may use again.
#[derive(Debug, Default)]
pub(super) struct Inquiries {
    out: HashMap<Query, Out>,
    answers: HashMap<Query, Answered>,
    /// About how many bytes the answers take that are kept until they are due.
    held: usize,
    /// About how many bytes the answers take that are too large for that, and are kept until they are read.
    unread: usize,
    /// The refresh under way, or the last one.
    turn: usize,
}

/// A look-up that is under way. It may last longer than its refresh: its answer then counts for the next
/// refresh that has the same question.
#[derive(Debug)]
struct Out {
    id: LookupId,
    since: Instant,
    /// The steps of the refresh under way that wait for it.
    steps: Vec<u32>,
}

#[derive(Debug)]
struct Answered {
    outcome: Outcome,
    /// Whether the outcome is kept as it came. An answer that is too large is not kept, and its question is
    /// asked again.
    is_kept: bool,
    /// About how many bytes it takes, if it is kept.
    weight: usize,
    /// Whether it is too large to be kept once it is read.
    is_too_large: bool,
    /// The instant of the first [look](Inquiries::look) after it came.
    at: Option<Instant>,
    /// The refresh that has used it first; `None` while none has.
    turn: Option<usize>,
    /// Until when it may be used again.
    until: Option<Instant>,
    /// The last refresh that has used it again. It may do so until its end.
    used_again_in: usize,
    /// Whether the question is asked again at that instant by itself, and not only along with others.
    is_due_then: bool,
}

/// When a question is to be asked again.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    At(Instant),
    /// Along with others, but not before.
    NotBefore(Instant),
}

/// What becomes of a question.
#[derive(Debug)]
pub(super) enum Inquiry<'a> {
    /// It is to be asked.
    Ask,
    /// It was asked, and is waited for.
    Wait,
    /// It was answered in this refresh.
    New(&'a Outcome),
    /// It was answered in an earlier refresh, and is not due.
    Earlier(&'a Outcome),
}

impl Inquiries {
    /// A refresh begins. What is due by now is asked again.
    pub(super) fn begin(&mut self, now: Instant) {
        self.turn += 1;
        self.retain(|answered| answered.turn.is_none() || answered.until > Some(now));
    }

    /// Whether no answer may be used again, so that everything is asked.
    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// How many refreshes have begun.
    pub(super) fn turn(&self) -> usize {
        self.turn
    }

    /// A step of the refresh under way has a question.
    pub(super) fn inquire(&mut self, query: &Query, step: u32, now: Instant) -> Inquiry<'_> {
        if let Some(out) = self.out.get_mut(query) {
            out.steps.push(step);
            return Inquiry::Wait;
        }
        let turn = self.turn;
        match self.answers.get_mut(query).filter(|answered| answered.is_kept) {
            Some(answered) if answered.turn.is_none_or(|of| of == turn) => {
                answered.turn = Some(turn);
                Inquiry::New(&answered.outcome)
            }
            Some(answered) if answered.until > Some(now) || answered.used_again_in == turn => {
                answered.used_again_in = turn;
                Inquiry::Earlier(&answered.outcome)
            }
            _ => Inquiry::Ask,
        }
    }

    /// A question was asked.
    pub(super) fn sent(&mut self, query: Query, step: u32, id: LookupId, now: Instant) {
        self.out.insert(query, Out { id, since: now, steps: vec![step] });
    }

    /// A look-up has ended; returns the steps that wait for it.
    pub(super) fn end(&mut self, query: &Query) -> Vec<u32> {
        self.out.remove(query).map(|out| out.steps).unwrap_or_default()
    }

    /// Keeps the outcome of a look-up for which `steps` steps have waited. An answer that is too large is not
    /// kept; if only a recall has heard it (`is_unread`), it is kept until [all are read](Self::note_read), or the
    /// refresh ends.
    pub(super) fn keep(&mut self, query: &Query, outcome: Outcome, steps: usize, is_unread: bool) {
        let weight = outcome.as_ref().map_or(0, weight_of);
        let is_too_large = self.held.saturating_add(weight) > MOST_HELD;
        let mut answered = Answered {
            outcome,
            is_kept: true,
            weight,
            is_too_large,
            at: None,
            turn: (steps > 0).then_some(self.turn),
            until: None,
            used_again_in: 0,
            is_due_then: false,
        };
        match is_too_large {
            false => self.held += weight,
            true if is_unread => self.unread = self.unread.saturating_add(weight),
            true => answered.strip(),
        }
        self.answers.insert(query.clone(), answered);
    }

    /// Whether so much is unread that it is to be read now.
    pub(super) fn is_full(&self) -> bool {
        self.unread > MOST_UNREAD
    }

    /// All that has come was read, or is not going to be: what is too large is let go.
    pub(super) fn note_read(&mut self) {
        if mem::take(&mut self.unread) > 0 {
            let large = self.answers.values_mut().filter(|answered| answered.is_too_large);
            large.for_each(Answered::strip);
        }
    }

    /// The look-ups that have been under way for longer than `timeout`.
    pub(super) fn overdue(&self, timeout: Duration, now: Instant) -> Vec<(LookupId, Query)> {
        let overdue = self.out.iter().filter(|(_, out)| out.since + timeout <= now);
        let mut overdue: Vec<_> = overdue.map(|(query, out)| (out.id, query.clone())).collect();
        overdue.sort_unstable_by_key(|(id, _)| *id);
        overdue
    }

    /// When the first look-up is overdue.
    pub(super) fn next_timeout(&self, timeout: Duration) -> Option<Instant> {
        self.out.values().map(|out| out.since + timeout).min()
    }

    /// Looks at what has come since the last look. Returns whether there is an answer for which no refresh
    /// waits.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        let mut is_late = false;
        for answered in self.answers.values_mut() {
            answered.at.get_or_insert(now);
            is_late |= answered.turn.is_none();
        }
        is_late
    }

    /// When the answer to a question came, if it was asked and was looked at since.
    pub(super) fn came(&self, query: &Query) -> Option<Instant> {
        self.answers.get(query)?.at
    }

    /// Ends the refresh: plans when each of its questions is to be asked again, by how its look-up ended
    /// and when. Returns the earliest of these instants, and keeps the answers that may be used for longer
    /// than `slack` after it. An answer that came late and had no use is forgotten.
    pub(super) fn finish(
        &mut self,
        slack: Duration,
        mut due: impl FnMut(&Query, &Outcome, Instant) -> Due,
        now: Instant,
    ) -> Option<Instant> {
        self.out.values_mut().for_each(|out| out.steps.clear());
        let turn = self.turn;
        let ended = self.answers.iter_mut().filter(|(_, answered)| answered.turn == Some(turn));
        let mut ended: Vec<_> = ended.collect();
        // `due` may draw random numbers: the same inputs and seed give the same outputs.
        ended.sort_by(|(a, _), (b, _)| (&a.name, a.record_type).cmp(&(&b.name, b.record_type)));
        for (query, answered) in ended {
            let at = answered.at.unwrap_or(now);
            (answered.until, answered.is_due_then) = match due(query, &answered.outcome, at) {
                Due::At(at) => (Some(at), true),
                Due::NotBefore(at) => (Some(at), false),
            };
            // From now on, it is an earlier one.
            answered.turn = Some(0);
        }
        let next = self.next_due();
        let last = next.map(|next| next + slack);
        self.retain(|answered| answered.turn.is_some() && answered.until > last);
        self.note_read();
        next
    }

    /// When the first of the answers that are known is due again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = self.answers.values().filter(|answered| answered.is_due_then);
        due.filter_map(|answered| answered.until).min()
    }

    /// Lets all questions be asked again that were answered; with `all`, also those that failed.
    pub(super) fn forget(&mut self, all: bool) {
        let has_failed = |outcome: &Outcome| {
            outcome.as_ref().is_err_and(|error| !matches!(error, LookupError::Nothing(_)))
        };
        let stays = |answered: &Answered| !all && has_failed(&answered.outcome);
        self.retain(|answered| answered.turn.is_none() || stays(answered));
    }

    fn retain(&mut self, which: impl Fn(&Answered) -> bool) {
        self.answers.retain(|_, answered| which(answered));
        (self.held, self.unread) = (0, 0);
        for answered in self.answers.values() {
            match answered.is_too_large {
                true => self.unread += answered.weight,
                false => self.held += answered.weight,
            }
        }
    }
}

impl Answered {
    /// Leaves nothing of an answer but its TTL, which is needed later.
    fn strip(&mut self) {
        if let Ok(answer) = &mut self.outcome {
            let least = answer.records.iter().min_by_key(|record| record.ttl).cloned();
            answer.records = least.into_iter().collect();
            answer.additionals = Vec::new();
            (self.is_kept, self.weight) = (false, 0);
        }
    }
}

/// How many bytes of answers a source keeps at the most, about.
const MOST_HELD: usize = 1 << 20;

/// How many bytes of answers that are too large to be kept a source holds, about, as long as a refresh may turn
/// out to repeat the last one: a hundred thousand records.
const MOST_UNREAD: usize = 1 << 24;

/// How many bytes an answer takes, about.
fn weight_of(answer: &Answer) -> usize {
    let text = |record: &Record| match &record.data {
        RData::TXT(txt) => txt.txt_data.iter().map(|part| part.len()).sum(),
        _ => 0,
    };
    let records = answer.records.iter().chain(&answer.additionals);
    records.map(|record| 160 + text(record)).sum()
}

/// For how long an answer may be used.
pub(super) fn ttl_of(answer: &Answer) -> Duration {
    ttl_of_all(answer).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::{
        discovery::testing::{epoch, secs},
        testing::{a, name},
    };

    fn query(owner: &str) -> Query {
        Query::new(name(owner), RecordType::A)
    }

    fn answer() -> Outcome {
        Ok(Answer::new(name("x."), Vec::new()))
    }

    /// Two questions were asked and answered, and are to be asked again after 30 and 5 s.
    fn answered(now: Instant) -> Inquiries {
        let mut inquiries = Inquiries::default();
        inquiries.begin(now);
        for owner in ["x.", "y."] {
            assert!(matches!(inquiries.inquire(&query(owner), 1, now), Inquiry::Ask));
            inquiries.sent(query(owner), 1, LookupId(1), now);
            let steps = inquiries.end(&query(owner)).len();
            inquiries.keep(&query(owner), answer(), steps, false);
        }
        let due = |of: &Query, _: &Outcome, at| {
            Due::At(at + if *of == query("x.") { secs(30) } else { secs(5) })
        };
        assert_eq!(inquiries.finish(secs(1), due, now), Some(now + secs(5)));
        inquiries.begin(now);
        inquiries
    }

    #[test]
    fn an_answer_is_used_until_it_is_due() {
        let now = epoch();
        let mut inquiries = answered(now);
        let at = |seconds| now + secs(seconds);
        assert!(matches!(inquiries.inquire(&query("y."), 1, at(5)), Inquiry::Ask));
        assert!(matches!(inquiries.inquire(&query("x."), 1, at(29)), Inquiry::Earlier(_)));
        let of_x = inquiries.inquire(&query("x."), 1, at(30));
        assert!(matches!(of_x, Inquiry::Earlier(_)), "the refresh has used it");
        inquiries.begin(at(30));
        assert!(matches!(inquiries.inquire(&query("x."), 1, at(30)), Inquiry::Ask));
        inquiries.forget(false);
        assert!(matches!(inquiries.inquire(&query("x."), 1, at(5)), Inquiry::Ask));
    }

    #[test]
    fn a_question_is_asked_once_at_a_time() {
        let (mut inquiries, now) = (Inquiries::default(), epoch());
        inquiries.begin(now);
        inquiries.sent(query("x."), 1, LookupId(1), now);
        assert!(matches!(inquiries.inquire(&query("x."), 2, now), Inquiry::Wait));
        assert_eq!(inquiries.end(&query("x.")), [1, 2]);
        inquiries.keep(&query("x."), answer(), 2, false);
        assert!(matches!(inquiries.inquire(&query("x."), 3, now), Inquiry::New(_)));
    }

    #[test]
    fn what_is_too_large_is_kept_until_it_is_read_and_up_to_a_bound() {
        let (mut inquiries, now) = (Inquiries::default(), epoch());
        inquiries.begin(now);
        let of = |records| Ok(Answer::new(name("x."), vec![a("x.", 30, 1); records]));
        let large = || of(MOST_HELD / 160 + 1);
        for (owner, outcome, is_unread) in
            [("x.", large(), true), ("y.", of(1), false), ("z.", large(), false)]
        {
            inquiries.keep(&query(owner), outcome, 1, is_unread);
        }
        let kept = |inquiries: &mut Inquiries| {
            ["x.", "y.", "z."]
                .map(|of| !matches!(inquiries.inquire(&query(of), 1, now), Inquiry::Ask))
        };
        assert_eq!(kept(&mut inquiries), [true, true, false]);
        inquiries.note_read();
        assert_eq!(kept(&mut inquiries), [false, true, false]);
        for n in 0..MOST_UNREAD / MOST_HELD {
            assert!(!inquiries.is_full());
            inquiries.keep(&query(&format!("x{n}.")), large(), 1, true);
        }
        assert!(inquiries.is_full());
    }

    #[test]
    fn a_look_up_outlives_its_refresh_and_counts_for_the_next() {
        let (mut inquiries, now) = (Inquiries::default(), epoch());
        inquiries.begin(now);
        inquiries.sent(query("x."), 1, LookupId(7), now);
        inquiries.finish(secs(1), |_, _, at| Due::At(at), now);
        assert_eq!(inquiries.next_timeout(secs(20)), Some(now + secs(20)));
        assert_eq!(inquiries.overdue(secs(20), now + secs(20)), [(LookupId(7), query("x."))]);
        assert!(inquiries.end(&query("x.")).is_empty());
        inquiries.keep(&query("x."), answer(), 0, false);
        assert!(inquiries.look(now), "nobody waits for it");
        inquiries.begin(now);
        assert!(matches!(inquiries.inquire(&query("x."), 1, now), Inquiry::New(_)));
        assert!(!inquiries.look(now));
    }
}
