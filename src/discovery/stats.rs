//! The counts of a discovery: how many items there are now, and how often things happened since the
//! start.

use std::time::Duration;

use libp2p_identity::PeerId;

use super::{
    dial::{Expect, Purpose},
    output::DialFailure,
};
use crate::{
    event::{Event, Failure},
    resolver::{Answer, LookupError},
};

/// How many items there are now, and how often things happened since the start of a discovery.
///
/// Events report changes. A steady state, and failures that repeat, show only in these numbers. The
/// feature `metrics` exports them to Prometheus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub(super) sizes: Sizes,
    pub(super) first_verified: Option<Duration>,
    pub(super) lookups: LookupCounts,
    pub(super) dials: DialCounts,
    pub(super) events: EventCounts,
}

impl Stats {
    /// How many sources there are.
    pub fn sources(&self) -> usize {
        self.sizes.sources
    }

    /// How many candidates there are, this node's own addresses included.
    pub fn candidates(&self) -> usize {
        self.sizes.candidates
    }

    /// How many distinct peers are in the table of verified peers.
    pub fn peers(&self) -> usize {
        self.sizes.peers
    }

    /// How many [places](crate::Selection) are taken.
    pub fn selected(&self) -> usize {
        self.sizes.selected
    }

    /// How long after the start the first peer was verified; `None` until then.
    pub fn first_verified(&self) -> Option<Duration> {
        self.first_verified
    }

    /// How many look-ups had this outcome. Each look-up is one question to the resolver. Look-ups
    /// of a source that was removed before they ended are not counted.
    pub fn lookups(&self, outcome: LookupOutcome) -> u64 {
        self.lookups.0[outcome as usize]
    }

    /// How many dials of the discovery had this purpose and outcome. Dials under way are not
    /// counted. A dial that was given up and could not be aborted counts as timed out or aborted,
    /// whatever comes of it later.
    pub fn dials(&self, purpose: Purpose, outcome: DialOutcome) -> u64 {
        self.dials.0[purpose as usize][outcome as usize]
    }

    /// Whether no look-up ended, and no source came or went, between two of these values.
    #[cfg(feature = "metrics")]
    pub(crate) fn has_same_answers(&self, other: &Self) -> bool {
        (self.lookups, self.sizes.sources) == (other.lookups, other.sizes.sources)
    }

    /// How many events had this [name](Event::NAMES). 0 for any other text.
    pub fn events(&self, name: &str) -> u64 {
        let place = Event::NAMES.iter().position(|other| *other == name);
        place.map_or(0, |place| self.events.0[place])
    }
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) sources: usize,
    pub(super) candidates: usize,
    pub(super) peers: usize,
    pub(super) selected: usize,
}

/// How a look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LookupOutcome {
    /// With records.
    Answer,
    /// DNS said that there is nothing: NXDOMAIN or NODATA.
    Nothing,
    /// The server refused to answer.
    Refused,
    /// The server could not answer.
    ServerFailed,
    /// No name server answered in time.
    TimedOut,
    /// The DNSSEC signatures are not valid, or the answer is proved less well than the source
    /// demands.
    Bogus,
    /// In any other way.
    Other,
}

impl LookupOutcome {
    /// All outcomes.
    pub const ALL: &'static [Self] = &[
        Self::Answer,
        Self::Nothing,
        Self::Refused,
        Self::ServerFailed,
        Self::TimedOut,
        Self::Bogus,
        Self::Other,
    ];

    /// The name of the outcome in metrics, in snake case.
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
    /// A probe learned an identity. That is the purpose of a probe.
    Identified,
    /// Another identity answered than the one that was expected.
    Mismatched,
    /// Our own identity answered.
    Itself,
    /// No answer came in time, or none before the slot was needed for another address.
    TimedOut,
    /// The host refused the connection.
    Closed,
    /// There is no route to the address.
    NoRoute,
    /// A behaviour of this swarm denied the dial.
    Denied,
    /// The peer was connected or being dialled already. Nothing was sent.
    Busy,
    /// The dial was aborted, because its outcome no longer mattered.
    Aborted,
    /// In any other way.
    Other,
}

impl DialOutcome {
    /// All outcomes.
    pub const ALL: &'static [Self] = &[
        Self::Connected,
        Self::Identified,
        Self::Mismatched,
        Self::Itself,
        Self::TimedOut,
        Self::Closed,
        Self::NoRoute,
        Self::Denied,
        Self::Busy,
        Self::Aborted,
        Self::Other,
    ];

    /// The name of the outcome in metrics, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Identified => "identified",
            Self::Mismatched => "mismatched",
            Self::Itself => "itself",
            Self::TimedOut => "timed_out",
            Self::Closed => "closed",
            Self::NoRoute => "no_route",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Aborted => "aborted",
            Self::Other => "other",
        }
    }

    pub(super) fn of(failure: &DialFailure, expect: Expect, local: &PeerId) -> Self {
        match failure {
            DialFailure::Itself => Self::Itself,
            DialFailure::Identity(peer) if peer == local => Self::Itself,
            DialFailure::Identity(_) if expect == Expect::Probe => Self::Identified,
            DialFailure::Identity(_) => Self::Mismatched,
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
        self.0[event.index()] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Status;

    #[test]
    fn each_is_counted_by_itself() {
        let mut stats = Stats::default();
        for (n, outcome) in LookupOutcome::ALL.iter().enumerate() {
            (0..n).for_each(|_| stats.lookups.note(*outcome));
        }
        for (n, outcome) in DialOutcome::ALL.iter().enumerate() {
            (0..n).for_each(|_| stats.dials.note(Purpose::Hint, *outcome));
        }
        stats.events.note(&Event::Status { status: Status::Alone, listed: None });
        let lookups = LookupOutcome::ALL.iter().map(|outcome| stats.lookups(*outcome));
        assert!(lookups.eq(0..LookupOutcome::ALL.len() as u64));
        let dials = DialOutcome::ALL.iter().map(|outcome| stats.dials(Purpose::Hint, *outcome));
        assert!(dials.eq(0..DialOutcome::ALL.len() as u64));
        assert_eq!(stats.dials(Purpose::Place, DialOutcome::Other), 0);
        assert_eq!((stats.events("status"), stats.events("gone")), (1, 0));
        assert_eq!(stats.events("no event"), 0);
    }
}
