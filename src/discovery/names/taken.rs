//! What follows from a refresh that has ended.

use std::time::Duration;

use super::{
    context::Context,
    left_out::{recheck_omitted, sift},
    members::Applied,
    refresh::{Resolution, earlier_domain_failed},
    schedule::Schedule,
    source::SourceState,
};
use crate::{candidate::Candidate, event::Event, resolver::LookupError};

/// Takes a refresh that ended without an answer: what is known is kept.
pub(super) fn take_failure(
    source: &mut SourceState,
    error: LookupError,
    context: &mut Context<'_>,
) {
    let worth_telling = source.note_failure(&error, context.config.alone_after, context.now);
    // Nothing was ever there: perhaps we are the first. That is no failure, and once it is believed,
    // there is nothing to tell: a lone node is quiet.
    let first_of_all = source.announced().is_none() && matches!(error, LookupError::Nothing(_));
    let believed = first_of_all && source.is_settled();
    let failures = source.failures();
    let retry_in = match &error {
        LookupError::Nothing(nothing) => {
            let (ttl, rng) = (nothing.negative_ttl, &mut *context.rng);
            let usual = Schedule::after_nothing(context.config, ttl, failures, rng);
            next_look(source, false, 0, usual, context)
        }
        _ => Schedule::after_failure(context.config, failures, context.rng),
    };
    source.plan_next(context.now + retry_in, true);
    if worth_telling && !believed {
        let (source, kept) = (source.source().clone(), source.members().len());
        context.effects.tell(Event::LookupFailed { source, error, failures, retry_in, kept });
    }
}

/// Takes an answer; says whether the candidates, or whether they are all, changed.
pub(super) fn take_answer(
    source: &mut SourceState,
    resolution: Resolution,
    context: &mut Context<'_>,
) -> bool {
    if resolution.provisional && !source.is_provisional() {
        // A domain that comes first failed. What it named before goes on.
        take_failure(source, earlier_domain_failed(), context);
        return false;
    }
    source.note_provisional(resolution.provisional);
    source.resolved = (!source.source().is_static()).then_some(context.now);
    let Resolution { candidates, repeats, threads, known, complete, ttl, records, .. } = resolution;
    let passed = (!repeats).then(|| sift(source, candidates, context));
    let recovered = source.note_answer();
    let (config, now) = (context.config, context.now);
    let Applied { turned, brings_others } =
        source.apply(passed, (&threads, known), context.liveness, now);
    if !repeats {
        let rank = |list: &[Candidate]| (context.rank)(list, list.len());
        source.members_mut().bound(config.limits.candidates.get(), rank);
    }
    if turned {
        let (source, sampled) = (source.source().clone(), source.members().is_sampled());
        context.effects.tell(Event::Sampled { source, sampled });
    }
    let announced = source.announce(complete, recovered);
    let changed = announced.is_some();
    if let (Some(ttl), Some(due)) = (ttl, source.due()) {
        let usual = Schedule::after_answer(config, ttl, records, source.jitter());
        let pause = next_look(source, brings_others, records, usual, context);
        // A question that came late, or never, does not delay the next look.
        let sooner = source.answered().unwrap_or(now) + pause;
        match pause < usual {
            true => source.plan_next(sooner, true),
            false => source.plan_next(due, false),
        }
    }
    if let Some(candidates) = announced {
        let source = source.source().clone();
        context.effects.tell(Event::Resolved {
            source,
            candidates,
            complete,
            missing: resolution.incomplete_because,
            dropped: resolution.dropped,
            dropped_total: resolution.dropped_total,
            proof: resolution.proof,
        });
    }
    recheck_omitted(source, context);
    changed
}

/// Whether no other node is known, and the source names no address to try.
pub(super) fn offers_nobody(source: &SourceState, context: &Context<'_>) -> bool {
    !context.has_others && source.members().candidates().all(context.is_ours)
}

/// When to look again after an answer, or after "nothing": as usual, or sooner while no other is known and
/// right after the first other is named.
fn next_look(
    source: &mut SourceState,
    brings_others: bool,
    records: usize,
    usual: Duration,
    context: &mut Context<'_>,
) -> Duration {
    let first = context.config.start_refresh;
    if !offers_nobody(source, context) {
        let least = Schedule::least(context.config, records).max(first);
        let least = least.mul_f64(1.0 + source.jitter() * 0.2);
        return source.start_up().end(records, usual, least);
    }
    source.start_up().next(brings_others, records, usual, first, context.now, context.rng)
}
