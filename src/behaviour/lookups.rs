//! The look-ups under way: [`Lookups`].

use std::{
    collections::HashMap,
    task::{Context, Poll},
};

use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable, BoxFuture},
    stream::FuturesUnordered,
};
use tracing::{Instrument, Span, warn_span};

use crate::{
    discovery::LookupId,
    resolver::{Answer, LookupError, LookupFuture, Query},
    source::Source,
};

type LookupResult = (LookupId, Result<Answer, LookupError>);

/// The span of a look-up, to which the log lines of the resolver belong. The span is at `warn`: where only
/// warnings are logged, they still say which look-up they belong to.
pub(super) fn span(source: &Source, query: &Query) -> Span {
    warn_span!("lookup", %source, name = %query.name, kind = %query.record_type)
}

/// The look-ups under way, each with the handle that aborts it.
#[derive(Default)]
pub(super) struct Lookups {
    /// The look-ups. Each gives `None` if it was aborted.
    running: FuturesUnordered<BoxFuture<'static, Option<LookupResult>>>,
    aborts: HashMap<LookupId, AbortHandle>,
}

impl Lookups {
    pub(super) fn start(&mut self, id: LookupId, lookup: LookupFuture, span: Span) {
        let (handle, registration) = AbortHandle::new_pair();
        self.aborts.insert(id, handle);
        let lookup = Abortable::new(lookup.instrument(span), registration);
        self.running.push(lookup.map(move |r| r.ok().map(|result| (id, result))).boxed());
    }

    /// Aborts a look-up. If it has ended already, nothing happens.
    pub(super) fn cancel(&mut self, id: LookupId) {
        if let Some(abort) = self.aborts.remove(&id) {
            abort.abort();
        }
    }

    /// The next result that is ready.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<LookupResult> {
        loop {
            match self.running.poll_next_unpin(cx) {
                Poll::Ready(Some(Some((id, result)))) => {
                    self.aborts.remove(&id);
                    return Some((id, result));
                }
                Poll::Ready(Some(None)) => {}
                Poll::Ready(None) | Poll::Pending => return None,
            }
        }
    }
}
