//! What asks the process to end.

use crate::common::run::Stop;

/// The signals that ask the process to end.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Signals count from now on.
    pub(crate) fn new() -> Result<Self, Stop> {
        use tokio::signal::unix::{SignalKind, signal};

        let on = |kind| signal(kind).map_err(|error| Stop::failed("no signal handler", &error));
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    /// Waits until the process is asked to end, once more.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The signals that ask the process to end.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Signals count from now on.
    pub(crate) fn new() -> Result<Self, Stop> {
        Ok(Self)
    }

    /// Waits until the process is asked to end, once more.
    pub(crate) async fn next(&mut self) {
        // Without a handler there is nothing that could ask us to end cleanly.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
