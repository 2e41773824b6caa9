//! A dial: whom it expects, what it is for, and how it may end.

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{
    candidate::Candidate,
    config::{Config, Identify},
};

/// Names one dial that the core asked for. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub(super) u64);

/// Whom a dial expects at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Nobody in particular, and no connection: a probe. The dial carries a fresh, random peer id,
    /// so that it ends in `WrongPeerId` with the identity that lives there.
    Probe,
    /// This peer. Success is a connection, and proves that it still lives there.
    Peer(PeerId),
    /// This peer, though it is connected already by another transport. Success is one more connection.
    Again(PeerId),
    /// Whoever lives there. Success is a connection.
    Anyone,
}

/// Whether who is known to live at a candidate may be verified by a probe. A relay is asked for a peer.
pub(super) fn may_probe(config: &Config, candidate: &Candidate) -> bool {
    config.identify != Identify::Dial && !candidate.is_relayed()
}

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To fill a place. Aborted when the places are filled by others.
    Place,
    /// To verify an entry of the table again, or to connect to it.
    Check,
    /// To meet a peer outside the selection, so that islands grow together.
    Repair,
    /// To find out who lives where a connected peer seems to, or where DNS names a newcomer to a small
    /// cluster.
    Hint,
}

impl Purpose {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Place, Self::Check, Self::Repair, Self::Hint];

    /// Its name in metrics, in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Check => "check",
            Self::Repair => "repair",
            Self::Hint => "hint",
        }
    }
}

/// A dial under way.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    pub(super) candidate: Candidate,
    pub(super) expect: Expect,
    pub(super) purpose: Purpose,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    /// The peer that answered, and is waited for to say what it speaks. Nothing is being dialled any
    /// more.
    pub(super) waits_for: Option<PeerId>,
}
