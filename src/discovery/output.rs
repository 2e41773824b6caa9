//! What the core says to the shell, and what the shell says to the core.

use std::{sync::Arc, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;

use super::dial::{DialId, Expect};
use crate::{
    event::{Event, Failure},
    filter::Rejection,
    resolver::Query,
    source::Source,
};

/// The id of one look-up that the core asked for. No id is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub(super) u64);

/// What the shell has to do for the core.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Make a look-up, and hand its result to
    /// [`Discovery::handle_lookup`](super::Discovery::handle_lookup).
    #[non_exhaustive]
    Lookup {
        /// The id to hand back with the result.
        id: LookupId,
        /// The question.
        query: Query,
        /// The source that the look-up is for.
        source: Source,
    },
    /// Stop a look-up. Its result will be ignored.
    #[non_exhaustive]
    CancelLookup {
        /// The look-up.
        id: LookupId,
    },
    /// Dial one address, and hand the outcome to
    /// [`Discovery::handle_connected`](super::Discovery::handle_connected) or
    /// [`Discovery::handle_dial_failure`](super::Discovery::handle_dial_failure).
    #[non_exhaustive]
    Dial {
        /// The id to hand back with the outcome.
        id: DialId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// Which peer the dial expects at the address.
        expect: Expect,
    },
    /// Abort a probe. Its outcome will be ignored.
    #[non_exhaustive]
    Abort {
        /// The probe.
        id: DialId,
    },
    /// Ask the remote of a connection for a reply, and report the reply to
    /// [`Discovery::handle_reply`](super::Discovery::handle_reply).
    #[non_exhaustive]
    Ask {
        /// The connection.
        connection: ConnectionId,
        /// The peer of the connection.
        peer: PeerId,
        /// How long to wait for the reply.
        patience: Duration,
    },
    /// Tell the other behaviours that a verified peer lives at an address.
    #[non_exhaustive]
    Announce {
        /// The peer.
        peer: PeerId,
        /// The address, without `/p2p`.
        address: Multiaddr,
    },
    /// Report an event to the application.
    Event(Event),
}

/// How a connection ended, as far as this says something about the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// The remote closed the connection, or the connection was idle. The peer was alive until then.
    Orderly,
    /// This side closed the connection, for whatever reason. The peer may be dead, so it is verified
    /// again soon.
    Ours,
    /// The connection broke, or the remote was silent for too long.
    Lost,
}

/// How a dial ended without a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DialFailure {
    /// The handshake proved this identity, which is not the expected one. Probes end in this way.
    Identity(PeerId),
    /// The handshake proved this node's own identity, and the dial expected no peer in particular.
    Itself,
    /// The swarm did not start the dial, because this node listens on the address.
    OwnAddress,
    /// The swarm did not start the dial, because the expected peer is connected or being dialled already.
    Busy,
    /// A behaviour of this swarm denied the dial. This says nothing about the address.
    Denied(Arc<str>),
    /// The address could not be reached, or the handshake failed.
    Failed(Failure),
}

impl DialFailure {
    /// The longest text of an error that is kept, in bytes. A remote may have chosen the text.
    const LONGEST: usize = 256;

    pub(super) fn bounded(self) -> Self {
        match self {
            Self::Denied(text) => Self::Denied(short(text)),
            Self::Failed(Failure::NoRoute(text)) => Self::Failed(Failure::NoRoute(short(text))),
            Self::Failed(Failure::Closed(text)) => Self::Failed(Failure::Closed(short(text))),
            Self::Failed(Failure::Transport(text)) => Self::Failed(Failure::Transport(short(text))),
            other => other,
        }
    }
}

fn short(text: Arc<str>) -> Arc<str> {
    let fits = |at: &usize| *at + '…'.len_utf8() <= DialFailure::LONGEST;
    match text.char_indices().map(|(at, _)| at).take_while(fits).last() {
        Some(end) if text.len() > DialFailure::LONGEST => format!("{}…", &text[..end]).into(),
        _ => text,
    }
}

/// What is known of a candidate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CandidateState {
    /// The candidate was not tried yet, or the outcome is not known yet.
    Unknown,
    /// A peer is verified at the candidate.
    #[non_exhaustive]
    Verified {
        /// The peer.
        peer: PeerId,
        /// How long the last handshake with the peer took; `None` if this node did not dial the
        /// peer.
        rtt: Option<Duration>,
    },
    /// The candidate is an address of this node.
    Itself,
    /// No peer could be verified at the candidate the last time.
    Unreachable(Failure),
    /// The filter rejects the candidate.
    Rejected(Rejection),
}

/// Which side opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// This node dialled. The id is that of the dial, if the core asked for it.
    Dialled(Option<DialId>),
    /// The remote dialled us.
    Accepted,
}
