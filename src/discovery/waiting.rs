//! The outputs that the shell has not taken yet, and the work that is not done yet.

use std::collections::{HashSet, VecDeque};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{output::Output, stats::EventCounts};

/// For how many outputs there is room while none waits.
const KEPT: usize = 4;

/// What waits.
#[derive(Debug)]
pub(super) struct Waiting {
    outputs: VecDeque<Output>,
    /// Whether something has happened since the last step.
    step: bool,
    /// Whether the last step did as much as one call may.
    rests: bool,
    /// When the next step is due if nothing happens.
    wake: Option<Instant>,
    /// The connected peers whose entries or places have changed: the shell is to see whether their connections
    /// are to be kept alive.
    regarded: HashSet<PeerId>,
    /// How often events were told.
    events: EventCounts,
}

impl Default for Waiting {
    /// The first step.
    fn default() -> Self {
        let (outputs, regarded) = (VecDeque::new(), HashSet::new());
        Self {
            outputs,
            step: true,
            rests: false,
            wake: None,
            regarded,
            events: EventCounts::default(),
        }
    }
}

impl Waiting {
    /// Notes whether something has happened from which another step may follow.
    pub(super) fn note(&mut self, has_happened: bool) {
        self.step |= has_happened;
    }

    /// Whether another step is to be made now: all outputs of the last step were taken, and something has
    /// happened since.
    pub(super) fn begin(&mut self) -> bool {
        !self.rests && self.outputs.is_empty() && std::mem::take(&mut self.step)
    }

    /// The step under way did as much as one call may: what is left is due at once, in the next one.
    pub(super) fn rest(&mut self) {
        (self.rests, self.step) = (true, true);
    }

    pub(super) fn push(&mut self, output: Output) {
        if let Output::Event(event) = &output {
            self.events.note(event);
            event.log();
        }
        self.outputs.push_back(output);
    }

    /// How often events were told.
    pub(super) fn counts(&self) -> EventCounts {
        self.events
    }

    /// The next output. If there is none although another step is to be made, that step is due at once.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Output> {
        if self.outputs.is_empty() {
            self.rests = false;
            if self.step {
                self.wake = Some(now);
            }
        }
        let output = self.outputs.pop_front();
        if self.outputs.is_empty() {
            // A peak has left room for many more.
            self.outputs.shrink_to(KEPT);
        }
        output
    }

    /// How many outputs wait.
    pub(super) fn len(&self) -> usize {
        self.outputs.len()
    }

    /// When the next step is due if nothing happens.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.wake
    }

    pub(super) fn wake_at(&mut self, at: Option<Instant>) {
        self.wake = at;
    }

    /// Has the shell see whether the connections to a peer are to be kept alive.
    pub(super) fn regard(&mut self, peer: PeerId) {
        self.regarded.insert(peer);
    }

    /// A peer is no longer connected.
    pub(super) fn disregard(&mut self, peer: &PeerId) {
        self.regarded.remove(peer);
    }

    pub(super) fn take_regarded(&mut self) -> HashSet<PeerId> {
        std::mem::take(&mut self.regarded)
    }
}
