//! A zone in an enemy's hands, or a peer who is one: the node does no more than its configuration says,
//! keeps no more than that, and still joins through one honest peer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use peak_alloc::PeakAlloc;

#[path = "../support/mod.rs"]
mod support;

mod account;
mod addresses;
mod connections;
mod flood;
mod maze;
mod records;
mod victim;

/// Counts what the node holds.
#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
