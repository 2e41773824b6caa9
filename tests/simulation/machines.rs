//! What handshakes cost the machines on which the nodes run: each works them off one after the other,
//! in the order in which they came, also those for which nobody waits any more.

use std::{collections::HashMap, time::Duration};

use web_time::Instant;

/// The machines on which the nodes run. By default, handshakes cost nothing.
#[derive(Debug, Default)]
pub struct Machines {
    /// What one side of a handshake costs.
    pub handshake: Duration,
    /// How many processors all nodes share. Without, each has a machine of its own with one.
    pub shared: Option<usize>,
    /// When each processor of a machine will have worked off what has come to it.
    free: HashMap<usize, Vec<Instant>>,
}

impl Machines {
    pub fn new(handshake: Duration, shared: Option<usize>) -> Self {
        Self { handshake, shared, free: HashMap::new() }
    }

    /// How long it takes until one side of a handshake that comes to a node now is worked off.
    pub fn work(&mut self, node: usize, now: Instant) -> Duration {
        if self.handshake.is_zero() {
            return Duration::ZERO;
        }
        let handshake = self.handshake;
        let first_free = self.first_free(node, now);
        let done = (*first_free).max(now) + handshake;
        *first_free = done;
        done - now
    }

    /// How long it takes until a node's machine has worked off what came before now.
    pub fn wait(&mut self, node: usize, now: Instant) -> Duration {
        if self.handshake.is_zero() {
            return Duration::ZERO;
        }
        self.first_free(node, now).saturating_duration_since(now)
    }

    /// When the first processor of a node's machine is free.
    fn first_free(&mut self, node: usize, now: Instant) -> &mut Instant {
        let machine = self.shared.map_or(node, |_| 0);
        let processors = self.shared.unwrap_or(1);
        let free = self.free.entry(machine).or_insert_with(|| vec![now; processors]);
        free.iter_mut().min().expect("a machine has a processor")
    }
}
