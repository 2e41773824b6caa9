//! What a room asks of other rooms. Rooms do not call each other: they answer with effects, and the hub
//! hands each effect to the room that it concerns.

use std::collections::VecDeque;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    dial::{Dial, Purpose},
    output::Output,
};
use crate::{
    candidate::{Candidate, Family},
    event::{Event, Failure},
};

/// One thing that a room asks of another. Each variant begins with the room that it is for.
#[derive(Debug)]
pub(super) enum Effect {
    /// Of the shell: look up, dial, abort, announce or tell.
    Output(Output),
    /// Of `names`: to look up earlier than planned.
    LookSooner,
    /// Of `own`: to note that a candidate leads to ourselves.
    Ours(Candidate),
    /// Of `own`: to note that a candidate does not lead to ourselves, or no longer.
    NotOurs(Candidate),
    /// Of `own`: to note that another peer is verified at a candidate, of which others say that it leads to
    /// ourselves.
    Theirs(Candidate),
    /// Of `own`: to note that a dial of ours met our identity.
    MetOurselves {
        /// Where.
        candidate: Candidate,
        /// When the dial began.
        started: Instant,
    },
    /// Of `own`: to note that the next look was due at a candidate that led to ourselves, and that it has begun
    /// if the candidate may be dialled.
    Looked(Candidate),
    /// Of `ledger`: to verify an entry at an instant.
    Recheck {
        /// The entry's candidate.
        candidate: Candidate,
        /// When.
        at: Instant,
    },
    /// Of `ledger`: to take the open connection to an entry's peer for the verification, or to ask the peer
    /// for a reply on it.
    StillConnected(Candidate),
    /// Of `ledger`: to judge a dial that has timed out, or was given up for another one.
    GiveUp(Dial),
    /// Of `ledger`: to judge a peer that proved its identity and has said by now what it speaks.
    Judge {
        /// Where it proved its identity.
        candidate: Candidate,
        /// The peer.
        peer: PeerId,
        /// What the dial was for that met the peer.
        purpose: Purpose,
    },
    /// Of `ledger`: not to let a candidate be dialled that is pinned to a peer that may not join.
    TurnAway(Candidate, Failure),
    /// Of `ledger`: to let every candidate be tried again by an instant.
    RetryAllBy(Instant),
    /// Of `selection` and `own`: to note that the entry of a candidate has ended. The next peer that
    /// is verified there is connected to at once, also if it is the same peer.
    Ended(Candidate),
    /// Of the shell: to see whether the connections to a peer are to be kept alive, because its entries or
    /// places have changed.
    Regard(PeerId),
    /// Of `dialling`: to have a peer that proved its identity say what it speaks.
    Introduce {
        /// Where it proved its identity.
        candidate: Candidate,
        /// The peer.
        peer: PeerId,
        /// What the dial was for that met the peer.
        purpose: Purpose,
    },
    /// Of `ledger` and `dialling`: to look at a candidate where a peer seems to live.
    Hint(Candidate),
    /// Of `dialling`: to connect to the peer that a repair has found.
    Meet(Candidate),
    /// Of `dialling`: to note that there is a route to a family.
    Route(Family),
    /// Of `dialling`: to note that there is no route to a candidate.
    NoRoute(Candidate),
    /// Of `dialling`: to note that a refresh has ended, so that hosts and routes may be tried again.
    Refreshed,
}

/// Effects in the order in which they are to be carried out.
#[derive(Debug, Default)]
pub(super) struct Effects(VecDeque<Effect>);

impl Effects {
    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push_back(effect);
    }

    /// Tells the application.
    pub(super) fn tell(&mut self, event: Event) {
        self.push(Effect::Output(Output::Event(event)));
    }

    pub(super) fn pop(&mut self) -> Option<Effect> {
        self.0.pop_front()
    }
}
