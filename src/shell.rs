//! What the two shells share: the clock, the timer, and the first random word.

use std::{
    future::poll_fn,
    task::{Context, Poll},
};

use futures::FutureExt;
use futures_timer::Delay;
use libp2p_identity::PeerId;
use web_time::Instant;

/// The one place where the clock is read.
#[expect(clippy::disallowed_methods, reason = "the shell is where time enters")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// A random word from the operating system, by way of a random peer id.
pub(crate) fn random_word() -> u64 {
    let bytes = PeerId::random().to_bytes();
    bytes.iter().rev().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Waits for the instant that a core has named.
#[derive(Debug, Default)]
pub(crate) struct Timer(Option<(Instant, Delay)>);

impl Timer {
    /// Waits until `wake`. Returns the time once it has come, and from then on waits no more.
    pub(crate) fn poll(&mut self, wake: Option<Instant>, cx: &mut Context<'_>) -> Option<Instant> {
        let Some(wake) = wake else {
            self.0 = None;
            return None;
        };
        let delay = match &mut self.0 {
            Some((at, delay)) if *at == wake => delay,
            timer => {
                let pause = wake.saturating_duration_since(now());
                &mut timer.insert((wake, Delay::new(pause))).1
            }
        };
        if delay.poll_unpin(cx).is_pending() {
            return None;
        }
        self.0 = None;
        // A timer may fire a hair early.
        Some(now().max(wake))
    }
}

/// Waits for an instant.
pub(crate) async fn until(wake: Instant) {
    let mut timer = Timer::default();
    poll_fn(|cx| timer.poll(Some(wake), cx).map_or(Poll::Pending, |_| Poll::Ready(()))).await;
}

/// What a future gives, if it does so before an instant has come.
#[cfg(feature = "hickory")]
pub(crate) async fn before<T>(end: Instant, future: impl Future<Output = T>) -> Option<T> {
    use futures::future::{Either, select};
    // The future is polled first, so that what is ready at the end still counts.
    match select(std::pin::pin!(future), std::pin::pin!(until(end))).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{executor::block_on, task::noop_waker};

    use super::*;

    const FAR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_timer_tells_once_that_the_time_has_come() {
        let wake = now();
        let mut timer = Timer::default();
        let come =
            block_on(poll_fn(|cx| timer.poll(Some(wake), cx).map_or(Poll::Pending, Poll::Ready)));
        assert!(come >= wake);
        assert!(timer.0.is_none(), "it waits no more");
    }

    #[test]
    fn a_timer_waits_for_what_was_named_last() {
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut timer = Timer::default();
        let (soon, late) = (now() + FAR, now() + 2 * FAR);
        for wake in [late, soon] {
            assert_eq!(timer.poll(Some(wake), &mut cx), None);
            assert_eq!(timer.0.as_ref().map(|(at, _)| *at), Some(wake));
        }
        assert_eq!(timer.poll(None, &mut cx), None);
        assert!(timer.0.is_none(), "there is nothing to wait for");
    }

    #[test]
    fn an_instant_is_waited_for() {
        assert_eq!(until(now() + FAR).now_or_never(), None);
        block_on(until(now()));
    }

    #[cfg(feature = "hickory")]
    #[test]
    fn a_future_that_is_too_late_gives_nothing() {
        use std::future::{pending, ready};
        assert_eq!(block_on(before(now() + FAR, ready(7))), Some(7));
        assert_eq!(block_on(before(now(), ready(7))), Some(7));
        assert_eq!(block_on(before(now(), pending::<u8>())), None);
        assert_eq!(before(now() + FAR, pending::<u8>()).now_or_never(), None);
    }
}
