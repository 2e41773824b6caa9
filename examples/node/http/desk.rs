//! Where those who look meet the swarm's task. They ask, and it lays a snapshot on the desk when it
//! comes by; it waits for nobody, and copies nothing while nobody looks.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use libp2p::Swarm;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

use super::snapshot::Snapshot;
use crate::{
    behaviour::Node,
    clock::Clock,
    events::{Events, Standing},
};

/// Snapshots are this far apart: one of 16,384 candidates takes some milliseconds.
const PACE: Duration = Duration::from_millis(250);
/// How long somebody waits for the swarm's task. Kubernetes gives a probe one second by default.
const PATIENCE: Duration = Duration::from_millis(700);
/// A task that has not come by for so long since it was asked to is stuck.
const STUCK: Duration = Duration::from_secs(30);

/// The side of the swarm's task.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    laid: watch::Sender<Laid>,
    /// Something may have changed since the last snapshot.
    changed: bool,
    /// When the next snapshot may be taken.
    next: Instant,
}

/// The side of those who look.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) clock: Clock,
    shared: Arc<Shared>,
    laid: watch::Receiver<Laid>,
    standing: watch::Receiver<Option<Standing>>,
}

/// What lies on the desk.
#[derive(Debug, Clone)]
pub(crate) struct Laid {
    /// It answers all that was asked up to this number.
    asked: u64,
    /// Counts the snapshots that differ.
    pub(crate) version: u64,
    pub(crate) snapshot: Arc<Snapshot>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicU64,
    /// How many are to be told of every change.
    following: AtomicUsize,
    asking: Notify,
    /// The swarm's task has come by.
    turned: Notify,
    /// Since when somebody has been waiting for the swarm's task.
    waiting: Mutex<Option<Instant>>,
}

/// Both sides of a new desk.
pub(crate) fn new(swarm: &Swarm<Node>, events: &Events) -> (Desk, Viewer) {
    let shared = Arc::new(Shared::default());
    let snapshot = Arc::new(Snapshot::take(swarm, events));
    let (sender, laid) = watch::channel(Laid { asked: 0, version: 1, snapshot });
    let desk =
        Desk { shared: Arc::clone(&shared), laid: sender, changed: false, next: Instant::now() };
    (desk, Viewer { clock: events.clock(), shared, laid, standing: events.watch_standing() })
}

impl Desk {
    /// Notes that something may have changed.
    pub(crate) fn note_change(&mut self, events: &Events) {
        self.changed = true;
        // Rare, and what people look for.
        if self.laid.borrow().snapshot.standing != events.standing() {
            self.next = Instant::now();
        }
    }

    /// Waits until somebody wants [`serve`](Self::serve), and a snapshot may be taken.
    pub(crate) async fn due(&self) {
        loop {
            self.shared.turn();
            let asked = self.shared.asked.load(Ordering::Acquire) > self.laid.borrow().asked;
            let follows = self.changed && self.shared.following.load(Ordering::Acquire) > 0;
            if asked || follows {
                return sleep_until(self.next).await;
            }
            self.shared.asking.notified().await;
        }
    }

    /// Lays down how things are now.
    pub(crate) fn serve(&mut self, swarm: &Swarm<Node>, events: &Events) {
        let asked = self.shared.asked.load(Ordering::Acquire);
        let snapshot = Snapshot::take(swarm, events);
        self.changed = false;
        self.next = Instant::now() + PACE;
        self.laid.send_modify(|laid| {
            laid.asked = asked;
            if snapshot != *laid.snapshot {
                laid.version += 1;
                laid.snapshot = Arc::new(snapshot);
            }
        });
    }
}

impl Viewer {
    /// How things stand; `None` before the start.
    pub(crate) fn standing(&self) -> Option<Standing> {
        *self.standing.borrow()
    }

    /// How things are now; or how they were, if the swarm's task does not come by in time.
    pub(crate) async fn look(&self) -> Laid {
        let asked = self.shared.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.shared.asking.notify_one();
        let mut laid = self.laid.clone();
        let answered = laid.wait_for(|laid| laid.asked >= asked);
        match timeout(PATIENCE, answered).await {
            Ok(Ok(laid)) => laid.clone(),
            _ => self.last(),
        }
    }

    /// Whether the swarm's task turns. It copies nothing for that.
    pub(crate) async fn is_alive(&self) -> bool {
        let turned = self.shared.turned.notified();
        self.shared.waiting().get_or_insert_with(Instant::now);
        self.shared.asking.notify_one();
        let is_alive = timeout(PATIENCE, turned).await.is_ok();
        is_alive || self.shared.waiting().is_none_or(|since| since.elapsed() < STUCK)
    }

    /// What lies on the desk.
    pub(crate) fn last(&self) -> Laid {
        self.laid.borrow().clone()
    }

    /// Follows every change from now on.
    pub(crate) fn follow(&self) -> Follower {
        self.shared.following.fetch_add(1, Ordering::AcqRel);
        self.shared.asking.notify_one();
        Follower { shared: Arc::clone(&self.shared), laid: self.laid.clone() }
    }
}

/// Is told of every change, until it is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    shared: Arc<Shared>,
    laid: watch::Receiver<Laid>,
}

impl Follower {
    /// Waits for another version than a given one; `None` once the node has ended. Versions in
    /// between are passed over.
    pub(crate) async fn newer(&mut self, than: u64) -> Option<Laid> {
        let newer = self.laid.wait_for(|laid| laid.version != than).await;
        newer.ok().map(|laid| laid.clone())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.following.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Shared {
    /// The swarm's task is here.
    fn turn(&self) {
        if self.waiting().take().is_some() {
            self.turned.notify_waiters();
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
