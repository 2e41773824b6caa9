//! What the shells around the cores share: the clock, the timer, and a first random word.

use std::task::Context;

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
