//! How many queries are under way at once, and who is next.

use std::{
    future::poll_fn,
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use tokio::sync::{Semaphore, SemaphorePermit};
use web_time::Instant;

use crate::shell::before;

/// Each query under way takes a socket, and a system may allow a program 256 of them (macOS).
const AT_ONCE: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The queries of a resolver and its clones, served in the order in which they came.
#[derive(Debug)]
pub(super) struct Queue {
    at_once: NonZeroUsize,
    free: Semaphore,
    waiting: AtomicUsize,
}

/// That a query waits, as long as it does: also one that is dropped meanwhile.
struct Waiting<'a>(&'a AtomicUsize);

impl Default for Queue {
    fn default() -> Self {
        Self::new(AT_ONCE)
    }
}

impl Queue {
    pub(super) fn new(at_once: NonZeroUsize) -> Self {
        let free = Semaphore::new(at_once.get().min(Semaphore::MAX_PERMITS));
        Self { at_once, free, waiting: AtomicUsize::new(0) }
    }

    /// Waits for its turn, which ends when the permit is dropped; `None` if that did not come in time.
    pub(super) async fn turn(&self, until: Instant) -> Option<SemaphorePermit<'_>> {
        let _waiting = Waiting::new(&self.waiting);
        before(until, self.free.acquire()).await?.ok()
    }

    /// How many times the queries under way must end until all that wait now have had their turn, those
    /// under way included.
    pub(super) fn rounds(&self) -> usize {
        1 + self.waiting.load(Ordering::Relaxed).div_ceil(self.at_once.get())
    }
}

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets go first who is ready now, in order.
pub(super) async fn after_others() {
    let mut is_last = false;
    let wait = poll_fn(|cx| match std::mem::replace(&mut is_last, true) {
        true => Poll::Ready(()),
        false => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    });
    wait.await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::{FutureExt, executor::block_on};

    use super::*;
    use crate::shell::now;

    #[test]
    fn who_came_first_is_next_and_who_gave_up_is_not_waited_for() {
        let (queue, far) = (Queue::new(NonZeroUsize::MIN), now() + Duration::from_secs(3600));
        let first = block_on(queue.turn(far)).unwrap();
        assert_eq!(queue.rounds(), 1);
        let [mut second, mut third, mut fourth] = [(); 3].map(|()| queue.turn(far).boxed());
        for waiting in [&mut second, &mut third, &mut fourth] {
            assert!(waiting.now_or_never().is_none());
        }
        assert_eq!(queue.rounds(), 4);
        drop(second);
        assert_eq!(queue.rounds(), 3);
        drop(first);
        assert!((&mut fourth).now_or_never().is_none());
        let third = third.now_or_never().unwrap().unwrap();
        assert!(block_on(queue.turn(now())).is_none(), "it is too late");
        drop(third);
        assert!(fourth.now_or_never().unwrap().is_some());
    }
}
