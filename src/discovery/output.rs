//! What the core says to the shell, and the shell to the core.

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

/// Names one look-up that the core asked for. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookupId(pub(super) u64);

/// What the core wants done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// Make a look-up, and hand its result to
    /// [`Discovery::handle_lookup`](super::Discovery::handle_lookup).
    #[non_exhaustive]
    Lookup {
        /// The id to hand back.
        id: LookupId,
        /// What to ask.
        query: Query,
        /// The source for which it is asked.
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
        /// The id to hand back.
        id: DialId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// Whom the dial expects there.
        expect: Expect,
    },
    /// Abort a probe. Its outcome will be ignored.
    #[non_exhaustive]
    Abort {
        /// The probe.
        id: DialId,
    },
    /// Ask the remote of a connection for a reply, and hand it to
    /// [`Discovery::handle_reply`](super::Discovery::handle_reply).
    #[non_exhaustive]
    Ask {
        /// The connection.
        connection: ConnectionId,
        /// Its peer.
        peer: PeerId,
        /// For how long the reply is waited for.
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
    /// Tell the application.
    Event(Event),
}

/// How a connection ended, as far as it says something of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closing {
    /// In an orderly way: by the remote, or because it was idle. The peer was there until then.
    Orderly,
    /// By this side, for whatever reason: whether the peer is there is to be found out.
    Ours,
    /// It broke, or the remote was silent for too long.
    Lost,
}

/// How a dial ended that did not end in a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DialFailure {
    /// The handshake proved this identity, which is not the expected one.
    Identity(PeerId),
    /// The handshake proved our own identity, and the dial expected nobody.
    Itself,
    /// The address is one that we listen on; nothing was sent.
    OwnAddress,
    /// The expected peer is connected or being dialled already; nothing was sent.
    Busy,
    /// A behaviour does not allow it. Says nothing about the address.
    Denied(Arc<str>),
    /// The address could not be reached, or the handshake failed.
    Failed(Failure),
}

impl DialFailure {
    /// The longest text of an error that is kept, in bytes: a remote may have a say in it.
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
    /// Not tried yet, or its outcome is not known yet.
    Unknown,
    /// A peer is verified there.
    #[non_exhaustive]
    Verified {
        /// The peer.
        peer: PeerId,
        /// How long its last handshake took, where we dialled ourselves.
        rtt: Option<Duration>,
    },
    /// It leads to ourselves.
    Itself,
    /// It could not be verified the last time.
    Unreachable(Failure),
    /// The filter does not let it through.
    Rejected(Rejection),
}

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Direction {
    /// We dialled; the dial's id, if it was one of the core's.
    Dialled(Option<DialId>),
    /// The remote dialled us.
    Accepted,
}
