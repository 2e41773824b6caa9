//! What there is to see of the node at one moment.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, Swarm};
use libp2p_dns_discovery::{
    Candidate, CandidateState, Failure, Proved, Rejection, Selection, Source, VerifiedPeer,
};
use tokio::time::Instant;

use crate::{
    behaviour::Node,
    events::{Events, Standing},
    recent::Told,
};

/// What the swarm's task copies for those who look. It copies values that are cheap to clone, and
/// writes no text: that is for the tasks of those who look.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) peer: PeerId,
    pub(crate) listening: Vec<Multiaddr>,
    /// `None` before the start.
    pub(crate) standing: Option<Standing>,
    /// Whether DNS lists this node.
    pub(crate) listed: Option<bool>,
    pub(crate) isolation: Option<Isolation>,
    pub(crate) selection: Selection,
    pub(crate) sources: Vec<Looked>,
    pub(crate) candidates: Vec<Named>,
    pub(crate) verified: Vec<Verified>,
    /// The latest first.
    pub(crate) told: Vec<Arc<Told>>,
}

/// Why nobody can be reached.
#[derive(Debug, PartialEq)]
pub(crate) struct Isolation {
    pub(crate) since: Instant,
    pub(crate) failed: usize,
    pub(crate) others: usize,
    pub(crate) reasons: Arc<[(Candidate, Failure)]>,
}

/// A source, and what came of looking there.
#[derive(Debug, PartialEq)]
pub(crate) struct Looked {
    pub(crate) source: Source,
    /// How many candidates it names; `None` before the first answer.
    pub(crate) candidates: Option<usize>,
    /// What was wrong the last time.
    pub(crate) trouble: Option<Arc<str>>,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Named {
    pub(crate) candidate: Candidate,
    pub(crate) state: State,
    /// Its peer takes a place.
    pub(crate) selected: bool,
}

/// What is known of a candidate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum State {
    Unknown,
    Verified { peer: PeerId, rtt: Option<Duration> },
    Itself,
    Unreachable(Failure),
    Rejected(Rejection),
}

/// An entry of the verified peer table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verified {
    pub(crate) peer: PeerId,
    pub(crate) candidate: Candidate,
    pub(crate) how: Proved,
    pub(crate) first: Instant,
    pub(crate) last: Instant,
    pub(crate) selected: bool,
}

impl Snapshot {
    /// Looks at every candidate.
    pub(crate) fn take(swarm: &Swarm<Node>, events: &Events) -> Self {
        let discovery = &swarm.behaviour().member.discovery;
        let selected: HashSet<_> = discovery.selected().collect();
        let sources = discovery.sources().map(|source| Looked {
            candidates: discovery.candidates_of(source).map(|candidates| candidates.len()),
            trouble: events.troubles().of(source),
            source: source.clone(),
        });
        let mut rank = HashMap::new();
        let mut candidates = Vec::new();
        for (candidate, state) in discovery.candidates() {
            let state = State::from(state);
            if matches!(state, State::Verified { .. }) {
                rank.insert(candidate.address().clone(), candidates.len());
            }
            let selected = selected.contains(candidate);
            candidates.push(Named { candidate: candidate.clone(), state, selected });
        }
        let mut verified: Vec<_> = discovery.peers().map(|entry| of(entry, &selected)).collect();
        // The table has no order of its own.
        verified.sort_by_cached_key(|entry| {
            let rank = rank.get(entry.candidate.address()).copied();
            (rank.unwrap_or(usize::MAX), entry.candidate.clone(), entry.peer)
        });
        Self {
            peer: *swarm.local_peer_id(),
            listening: swarm.listeners().cloned().collect(),
            standing: events.standing(),
            listed: discovery.is_listed(),
            isolation: discovery.isolation().map(Into::into),
            selection: discovery.selection(),
            sources: sources.collect(),
            candidates,
            verified,
            told: events.recent().iter().cloned().collect(),
        }
    }
}

fn of(entry: &VerifiedPeer, selected: &HashSet<&Candidate>) -> Verified {
    Verified {
        peer: entry.peer,
        candidate: entry.candidate.clone(),
        how: entry.how,
        first: entry.first_verified.into(),
        last: entry.last_verified.into(),
        selected: selected.contains(&entry.candidate),
    }
}

impl From<libp2p_dns_discovery::Isolation> for Isolation {
    fn from(isolation: libp2p_dns_discovery::Isolation) -> Self {
        let libp2p_dns_discovery::Isolation { since, reasons, failed, others, .. } = isolation;
        Self { since: since.into(), reasons, failed, others }
    }
}

impl From<CandidateState> for State {
    fn from(state: CandidateState) -> Self {
        match state {
            CandidateState::Verified { peer, rtt, .. } => Self::Verified { peer, rtt },
            CandidateState::Itself => Self::Itself,
            CandidateState::Unreachable(failure) => Self::Unreachable(failure),
            CandidateState::Rejected(rejection) => Self::Rejected(rejection),
            _ => Self::Unknown,
        }
    }
}
