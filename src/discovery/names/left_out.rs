//! What follows for addresses that an answer names and the filter rejects, and for candidates that an answer
//! no longer names.

use super::{context::Context, refresh::Named, source::SourceState};
use crate::{discovery::effect::Effect, event::Event};

/// How many of the entries that a suspect answer leaves out, and that are not selected, are asked at
/// once whether they still answer.
const SUSPECTS: usize = 3;

/// Leaves out what the filter does not let through, and tells it.
pub(super) fn sift(
    source: &mut SourceState,
    named: Vec<Named>,
    context: &mut Context<'_>,
) -> Vec<Named> {
    let (passed, news) = source.sift(named, context.config);
    let told = context.config.limits.rejections_told.get();
    let more = news.len().saturating_sub(told);
    for (candidate, rejection) in news.into_iter().take(told) {
        let address = candidate.address().clone();
        context.effects.tell(Event::Rejected { address, rejection });
    }
    if more > 0 {
        let source = source.source().clone();
        context.effects.tell(Event::MoreRejected { source, more });
    }
    passed
}

/// Has those verified now that the last answer left out: a peer that takes a place has probably left;
/// and a few others tell whether this is a sample.
pub(super) fn recheck_omitted(source: &SourceState, context: &mut Context<'_>) {
    let (members, at) = (source.members(), context.now);
    let sampled = members.is_sampled();
    let mut suspects = if members.is_suspect() { SUSPECTS } else { 0 };
    for candidate in members.lately_omitted() {
        let known = (context.liveness)(candidate);
        let takes_place = known.selected && !sampled;
        if known.verified.is_some() && (takes_place || suspects > 0) {
            suspects -= usize::from(!takes_place);
            let candidate = candidate.clone();
            context.effects.push(Effect::Recheck { candidate, at });
        }
    }
}
