//! When each question of a source is due again.

use web_time::Instant;

use super::{
    inquiries::{Due, Outcome, ttl_of},
    questions::Questions,
    refresh::Resolution,
    schedule::Schedule,
};
use crate::{
    config::Config,
    pace::back_off,
    resolver::{LookupError, Query},
};

/// When the questions of a refresh are due again. A question that was answered with records is due at the TTL of
/// the answer, and a question that failed after its back-off. For a question to which DNS said "there is
/// nothing", it depends on what the records would be for:
///
/// - The addresses of a target that has none yet: the question is due at the negative TTL.
/// - Addresses that glue left out, for a target that has others: the question is asked more and more
///   rarely.
/// - Anything else: the question is not due by itself. It is asked again when another one is due, after its
///   negative TTL at the earliest.
#[derive(Debug)]
pub(super) struct Dues<'a> {
    pub(super) config: &'a Config,
    pub(super) questions: &'a Questions,
    /// How many records the answers carried.
    pub(super) records: usize,
    /// How much later than its earliest instant the next refresh comes, between 0 and 1.
    pub(super) jitter: f64,
}

impl Dues<'_> {
    /// When a question is due that came to this end at an instant.
    pub(super) fn of(
        self,
        resolution: Option<&Resolution>,
        rng: &mut fastrand::Rng,
    ) -> impl FnMut(&Query, &Outcome, Instant) -> Due {
        let Self { config, questions, records, jitter } = self;
        let after = move |ttl| Schedule::after_answer(config, ttl, records, jitter);
        let usual = resolution.and_then(|resolution| resolution.ttl).map(after);
        let threads = resolution.map(|resolution| &resolution.threads);
        move |query, outcome, at| {
            let question = threads.and_then(|of| of.ends.get(query)).unwrap_or(query);
            let is_spare = threads.is_some_and(|of| of.spare.contains(question));
            let is_hollow = threads.is_some_and(|of| of.hollow.contains(question));
            match outcome {
                Ok(answer) => Due::At(at + after(ttl_of(answer))),
                Err(LookupError::Nothing(_)) if is_spare => {
                    let doublings = questions.nothings(question);
                    let pause = back_off(config.min_refresh, config.max_refresh, doublings, rng);
                    Due::NotBefore(at + pause)
                }
                Err(LookupError::Nothing(nothing)) if is_hollow => {
                    let looks = questions.nothings(question).max(1);
                    let ttl = nothing.negative_ttl;
                    Due::At(at + Schedule::after_nothing(config, ttl, looks, rng))
                }
                Err(LookupError::Nothing(nothing)) => {
                    let ttl = nothing.negative_ttl.unwrap_or_default().min(config.max_refresh);
                    Due::NotBefore(at + usual.map_or(ttl, |usual| usual.max(ttl)))
                }
                Err(_) => {
                    let failures = questions.failures(question).max(1);
                    Due::At(at + Schedule::after_failure(config, failures, rng))
                }
            }
        }
    }
}
