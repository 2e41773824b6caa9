//! What asks the process to end.

use std::future::Future;

use crate::common::run::Stop;

/// Resolves when the process is asked to end. Signals count from the call on.
#[cfg(unix)]
pub(crate) fn termination() -> Result<impl Future<Output = ()>, Stop> {
    use tokio::signal::unix::{SignalKind, signal};

    let on = |kind| signal(kind).map_err(|error| Stop::failed("no signal handler", &error));
    let mut terminate = on(SignalKind::terminate())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Resolves when the process is asked to end.
#[cfg(not(unix))]
pub(crate) fn termination() -> Result<impl Future<Output = ()>, Stop> {
    Ok(async {
        // Without a handler there is nothing that could ask us to end cleanly.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    })
}
