//! Whose turn it is to compute. Each test splits into cases and seeds that run side by side, as many at once
//! as there are processors, so that all of these have work until the last one is done; and no more at once,
//! since each takes memory.

use std::{
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Whether a case takes so long that others should not go before it: what is begun last is waited for by
/// all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dear {
    Yes,
    No,
}

struct Turns {
    /// How many more may compute; `None` before anybody has asked.
    free: Option<usize>,
    /// How many dear ones wait.
    dear: usize,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { free: None, dear: 0 });
static CHANGED: Condvar = Condvar::new();

fn turns() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs each of these in a thread of its own, and returns what they return, in order.
pub fn side_by_side<T: Send, R: Send>(
    cases: impl IntoIterator<Item = T>,
    run: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    thread::scope(|scope| {
        let run = &run;
        let threads = cases.into_iter().map(|case| scope.spawn(move || run(case)));
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|joined| joined.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Waits for a turn and takes it. Whoever has one waits for nobody else.
pub fn in_turn<R>(dear: Dear, run: impl FnOnce() -> R) -> R {
    let processors = || thread::available_parallelism().map_or(1, usize::from);
    let mut turns = turns();
    turns.free.get_or_insert_with(processors);
    let is_dear = dear == Dear::Yes;
    turns.dear += usize::from(is_dear);
    let waits = |turns: &mut Turns| turns.free == Some(0) || (!is_dear && turns.dear > 0);
    let mut turns = CHANGED.wait_while(turns, waits).unwrap_or_else(PoisonError::into_inner);
    turns.dear -= usize::from(is_dear);
    turns.free = turns.free.map(|free| free - 1);
    drop(turns);
    // Others may have waited for a dear one only.
    CHANGED.notify_all();
    let turn = Turn;
    let result = run();
    drop(turn);
    result
}

/// A turn, which ends with this, also by a panic.
struct Turn;

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = turns();
        turns.free = turns.free.map(|free| free + 1);
        drop(turns);
        CHANGED.notify_all();
    }
}
