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
    /// A made-up peer: the dial is a *probe*. It is to learn which peer lives at the address, without a
    /// connection to that peer. The dial carries a fresh, random peer id. So it never succeeds: if a peer
    /// answers, the dial ends in `WrongPeerId`, which names the peer.
    Probe,
    /// This peer. If the dial succeeds, the peer is connected, and has proved that it still lives at the
    /// address.
    Peer(PeerId),
    /// This peer, although it is connected already by another transport. If the dial succeeds, there is
    /// one more connection to the peer.
    Again(PeerId),
    /// No peer in particular. If the dial succeeds, whichever peer answered is connected.
    Anyone,
}

/// Whether a candidate may be verified by a probe. A relayed address cannot be probed, because the relay must
/// be asked for a certain peer.
pub(super) fn may_probe(config: &Config, candidate: &Candidate) -> bool {
    config.identify != Identify::Dial && !candidate.is_relayed()
}

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To fill a [place](crate::Selection). If other peers have filled the places first, a dial that is a
    /// probe is aborted.
    Place,
    /// To verify an entry of the table again, or to connect to its peer.
    Check,
    /// To connect to the peer at a random candidate outside the selection, so that groups of nodes that see
    /// different answers find each other.
    Repair,
    /// To verify a [hint](crate::Limits#bounds): an address at which a connected peer seems to live. In a
    /// small cluster also to verify an address that DNS newly names.
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

/// A dial under way; or a dial that has met a peer, and waits for the peer to say which protocols it speaks.
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
