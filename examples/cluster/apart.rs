//! A runtime of its own for what must not wait for the nodes.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// One thread beside those of the nodes.
///
/// Many nodes keep all threads of a runtime busy, and whatever shares it with them waits for its
/// turn at every step. A DNS server is elsewhere, and as quick as ever.
pub(crate) struct Apart(Option<Runtime>);

impl Apart {
    pub(crate) fn new() -> io::Result<Self> {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().map(|r| Self(Some(r)))
    }

    /// Runs a task there to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        match &self.0 {
            Some(runtime) => runtime.spawn(task).await.map_err(io::Error::other)?,
            None => task.await,
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // A runtime that is dropped within another one may not wait for its threads.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
