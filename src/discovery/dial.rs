//! A dial: which peer it expects, what it is for, and how it may end.

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{
    candidate::Candidate,
    config::{Config, Identify},
};

/// The id of one dial that the core asked for. No id is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub(super) u64);

/// Which peer a dial expects at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// No peer in particular, and no connection: this dial is a probe. It carries a fresh, random
    /// peer id, so it ends in `WrongPeerId` with the identity of the peer that answers.
    Probe,
    /// This peer. Success is a connection, and proves that the peer still lives at the address.
    Peer(PeerId),
    /// This peer, although it is connected already by another transport. Success is one more
    /// connection.
    Again(PeerId),
    /// Any peer. Success is a connection.
    Anyone,
}

/// Whether a probe may verify a candidate. A relayed address cannot be probed, because a relay is
/// asked for a certain peer.
pub(super) fn may_probe(config: &Config, candidate: &Candidate) -> bool {
    config.identify != Identify::Dial && !candidate.is_relayed()
}

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To fill a place. The dial is aborted when other peers have filled the places.
    Place,
    /// To verify an entry of the table again, or to connect to its peer.
    Check,
    /// To meet a peer outside the selection, so that groups of nodes find each other.
    Repair,
    /// To verify an address at which a connected peer seems to live, or that DNS newly names in a
    /// small cluster.
    Hint,
}

impl Purpose {
    /// All purposes.
    pub const ALL: &'static [Self] = &[Self::Place, Self::Check, Self::Repair, Self::Hint];

    /// The name of the purpose in metrics, in snake case.
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
    /// The peer that answered and still has to say which protocols it speaks. The dial itself is
    /// over.
    pub(super) waits_for: Option<PeerId>,
}
