//! What follows for addresses that an answer names and the filter rejects, and for candidates that an answer
//! no longer names.

use super::{context::Context, refresh::Named, source::SourceState};
use crate::{discovery::effect::Effect, event::Event};

/// If an answer may be a sample, how many of the entries that it leaves out, and that are not selected, are
/// verified at the same time.
const SUSPECTS: usize = 3;

/// Leaves out the candidates that the filter rejects, and reports them.
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

/// Has entries verified now that the last answer left out. A peer that takes a place has probably left. A few
/// of the other entries show whether the answer is a sample, which leaves out peers that still answer.
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
