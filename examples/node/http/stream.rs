//! Tells pages what changes, by server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::response::sse::{Event, KeepAlive, KeepAliveStream, Sse};
use futures::{Stream, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    desk::{Follower, Laid},
    routes::{Shared, aside},
};

/// How often a stream without news says that it is there.
const ALIVE: Duration = Duration::from_secs(15);
/// How soon a browser connects again.
const RETRY: Duration = Duration::from_secs(2);

/// One page that looks on.
struct Onlooker {
    shared: Shared,
    follower: Follower,
    /// What the page shows, once it was told.
    shown: Option<Laid>,
    /// What the page showed when it came.
    seen: String,
    _permit: OwnedSemaphorePermit,
}

/// Tells a page what it has to change, from what it shows now. `stale` says that it has to be loaded
/// anew.
pub(crate) fn stream(
    shared: Shared,
    permit: OwnedSemaphorePermit,
    seen: String,
) -> Sse<KeepAliveStream<impl Stream<Item = Result<Event, Infallible>>>> {
    let follower = shared.viewer.follow();
    let onlooker = Onlooker { shared, follower, shown: None, seen, _permit: permit };
    let events = stream::unfold(onlooker, async |mut onlooker| {
        let event = onlooker.next().await?;
        Some((Ok(event), onlooker))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE))
}

impl Onlooker {
    /// The next thing to tell; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        let Some(shown) = self.shown.take() else {
            let laid = self.shared.viewer.last();
            let id = self.shared.pages.id(laid.version);
            let name = if id == self.seen { "same" } else { "stale" };
            self.shown = Some(laid);
            return Some(Event::default().event(name).data(&id).id(id).retry(RETRY));
        };
        let laid = self.follower.newer(shown.version).await?;
        let id = self.shared.pages.id(laid.version);
        self.shown = Some(laid.clone());
        let pages = std::sync::Arc::clone(&self.shared.pages);
        let event = Event::default().id(&id);
        Some(match aside(move || pages.patch(&shown, &laid)).await.flatten() {
            Some(patch) => event.event("patch").data(&*patch),
            None => event.event("stale").data(id),
        })
    }
}
