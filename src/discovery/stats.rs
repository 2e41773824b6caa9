//! What a discovery counts: how much there is, and how often things happened since the start.

use std::time::Duration;

use super::{dial::Purpose, output::DialFailure};
use crate::{
    event::{Event, Failure},
    resolver::{Answer, LookupError},
};

/// How much there is at the moment, and how often things happened since the start of a discovery.
///
/// Events tell what changed; a steady state, and what fails again and again, shows in these numbers
/// only. The feature `metrics` gives them to Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Candidates, peers, and places that are taken.
    sizes: [usize; 3],
    first_verified: Option<Duration>,
    lookups: LookupCounts,
    dials: DialCounts,
    events: EventCounts,
}

impl Stats {
    /// `sizes` are those of the order, of the peers that are verified, and of the selection.
    pub(super) fn new(
        sizes: [usize; 3],
        (lookups, dials, events): (LookupCounts, DialCounts, EventCounts),
        first_verified: Option<Duration>,
    ) -> Self {
        Self { sizes, first_verified, lookups, dials, events }
    }

    /// How many candidates there are, our own addresses among them.
    pub fn candidates(&self) -> usize {
        self.sizes[0]
    }

    /// How many different peers are in the verified peer table.
    pub fn peers(&self) -> usize {
        self.sizes[1]
    }

    /// How many places are taken.
    pub fn selected(&self) -> usize {
        self.sizes[2]
    }

    /// How long after the start a peer was verified for the first time; `None` until then.
    pub fn first_verified(&self) -> Option<Duration> {
        self.first_verified
    }

    /// Look-ups that ended so: one question to the resolver each.
    pub fn lookups(&self, outcome: LookupOutcome) -> u64 {
        self.lookups.0[outcome as usize]
    }

    /// Dials of the discovery for a purpose that ended so. Those under way are not among them.
    pub fn dials(&self, purpose: Purpose, outcome: DialOutcome) -> u64 {
        self.dials.0[purpose as usize][outcome as usize]
    }

    /// Events with one of the [names](Event::NAMES); 0 for any other text.
    pub fn events(&self, name: &str) -> u64 {
        place(name).map_or(0, |place| self.events.0[place])
    }
}

/// How a look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LookupOutcome {
    /// With records.
    Answer,
    /// There is nothing: NXDOMAIN, or NODATA.
    Nothing,
    /// The server refused to answer.
    Refused,
    /// The server could not answer.
    ServerFailed,
    /// Nobody answered in time.
    TimedOut,
    /// DNSSEC signatures do not hold, or the answer is not proved as it has to be.
    Bogus,
    /// In any other way.
    Other,
}

impl LookupOutcome {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Answer,
        Self::Nothing,
        Self::Refused,
        Self::ServerFailed,
        Self::TimedOut,
        Self::Bogus,
        Self::Other,
    ];

    /// Its name in metrics, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Nothing => "nothing",
            Self::Refused => "refused",
            Self::ServerFailed => "server_failure",
            Self::TimedOut => "timed_out",
            Self::Bogus => "bogus",
            Self::Other => "other",
        }
    }

    pub(super) fn of(result: &Result<Answer, LookupError>) -> Self {
        match result {
            Ok(_) => Self::Answer,
            Err(LookupError::Nothing(_)) => Self::Nothing,
            Err(LookupError::Refused) => Self::Refused,
            Err(LookupError::ServerFailed(_)) => Self::ServerFailed,
            Err(LookupError::TimedOut) => Self::TimedOut,
            Err(LookupError::Bogus(_) | LookupError::Insecure(_)) => Self::Bogus,
            Err(LookupError::Failed(_)) => Self::Other,
        }
    }
}

/// How a dial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DialOutcome {
    /// In a connection.
    Connected,
    /// The handshake proved an identity, and no connection came of it: what a probe is for.
    Identified,
    /// Nobody answered in time, or before the slot was needed for another address.
    TimedOut,
    /// The host refused the connection.
    Closed,
    /// There is no route to the address.
    NoRoute,
    /// A behaviour of this swarm did not allow it.
    Denied,
    /// The peer was connected, or being dialled, already; nothing was sent.
    Busy,
    /// It was aborted: its outcome no longer mattered.
    Aborted,
    /// In any other way.
    Other,
}

impl DialOutcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Connected,
        Self::Identified,
        Self::TimedOut,
        Self::Closed,
        Self::NoRoute,
        Self::Denied,
        Self::Busy,
        Self::Aborted,
        Self::Other,
    ];

    /// Its name in metrics, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Identified => "identified",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::NoRoute => "no_route",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Aborted => "aborted",
            Self::Other => "other",
        }
    }

    pub(super) fn of(failure: &DialFailure) -> Self {
        match failure {
            DialFailure::Identity(_) | DialFailure::Itself => Self::Identified,
            DialFailure::Busy => Self::Busy,
            DialFailure::Denied(_) => Self::Denied,
            DialFailure::Failed(Failure::TimedOut) => Self::TimedOut,
            DialFailure::Failed(Failure::Closed(_)) => Self::Closed,
            DialFailure::Failed(Failure::NoRoute(_)) => Self::NoRoute,
            DialFailure::Failed(Failure::Aborted) => Self::Aborted,
            DialFailure::OwnAddress | DialFailure::Failed(_) => Self::Other,
        }
    }
}

/// How often look-ups ended, by their outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LookupCounts([u64; LookupOutcome::ALL.len()]);

impl LookupCounts {
    pub(super) fn note(&mut self, outcome: LookupOutcome) {
        self.0[outcome as usize] += 1;
    }
}

/// How often dials ended, by their purposes and outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DialCounts([[u64; DialOutcome::ALL.len()]; Purpose::ALL.len()]);

impl DialCounts {
    pub(super) fn note(&mut self, purpose: Purpose, outcome: DialOutcome) {
        self.0[purpose as usize][outcome as usize] += 1;
    }
}

/// How often events were told, by their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EventCounts([u64; Event::NAMES.len()]);

impl EventCounts {
    pub(super) fn note(&mut self, event: &Event) {
        if let Some(place) = place(event.name()) {
            self.0[place] += 1;
        }
    }
}

fn place(name: &str) -> Option<usize> {
    Event::NAMES.iter().position(|other| *other == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Status;

    #[test]
    fn each_is_counted_by_itself() {
        let mut counts = Stats::default();
        for (n, outcome) in LookupOutcome::ALL.into_iter().enumerate() {
            (0..n).for_each(|_| counts.lookups.note(outcome));
        }
        for (n, outcome) in DialOutcome::ALL.into_iter().enumerate() {
            (0..n).for_each(|_| counts.dials.note(Purpose::Hint, outcome));
        }
        counts.events.note(&Event::Status { status: Status::Alone, listed: None });
        let lookups = LookupOutcome::ALL.map(|outcome| counts.lookups(outcome));
        assert_eq!(lookups, [0, 1, 2, 3, 4, 5, 6]);
        let dials = DialOutcome::ALL.map(|outcome| counts.dials(Purpose::Hint, outcome));
        assert_eq!(dials, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(counts.dials(Purpose::Place, DialOutcome::Other), 0);
        assert_eq!((counts.events("status"), counts.events("gone")), (1, 0));
        assert_eq!(counts.events("no event"), 0);
    }
}
