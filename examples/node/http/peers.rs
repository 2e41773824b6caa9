//! Whom the node knows, as JSON.

use serde::Serialize;
use tokio::time::Instant;

use super::snapshot::{Looked, Named, Snapshot, State, Verified};
use crate::{clock::Clock, common::words};

/// All that is known. Times are in milliseconds since the start, as in the lines of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Peers {
    peer: String,
    /// Now.
    ms: u64,
    /// `starting`, `alone`, `isolated` or `joined`.
    status: String,
    ready: bool,
    /// Since when it has this status.
    since_ms: u64,
    leaving: bool,
    /// Whether DNS lists this node; `null` before the first answer.
    listed: Option<bool>,
    selection: String,
    listening: Vec<String>,
    sources: Vec<Source>,
    /// In order.
    candidates: Vec<Candidate>,
    verified: Vec<Entry>,
    /// The candidates whose peers take a place, in order.
    selected: Vec<String>,
    isolation: Option<Isolation>,
}

#[derive(Debug, Serialize)]
struct Source {
    source: String,
    /// How many it names; `null` before the first answer.
    candidates: Option<usize>,
    /// What was wrong with the last look-up.
    trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Candidate {
    rank: usize,
    address: String,
    pinned: Option<String>,
    /// `unknown`, `verified`, `itself`, `unreachable` or `rejected`.
    state: &'static str,
    reason: Option<String>,
    peer: Option<String>,
    rtt_ms: Option<f64>,
    selected: bool,
}

#[derive(Debug, Serialize)]
struct Entry {
    peer: String,
    address: String,
    /// `probe`, `dial` or `observed`.
    how: String,
    first_verified_ms: u64,
    last_verified_ms: u64,
    /// How long ago it was last verified.
    age_ms: u64,
    selected: bool,
}

#[derive(Debug, Serialize)]
struct Isolation {
    since_ms: u64,
    failed: usize,
    others: usize,
}

impl Peers {
    pub(crate) fn new(snapshot: &Snapshot, clock: Clock) -> Self {
        let now = Instant::now();
        let standing = snapshot.standing;
        let selected = snapshot.candidates.iter().filter(|named| named.selected);
        Self {
            peer: snapshot.peer.to_string(),
            ms: clock.ms(now),
            status: standing.map_or("starting".to_owned(), |s| s.status.to_string()),
            ready: standing.is_some_and(|standing| standing.is_ready()),
            since_ms: standing.map_or(0, |standing| clock.ms(standing.since)),
            leaving: standing.is_some_and(|standing| standing.leaving),
            listed: snapshot.listed,
            selection: snapshot.selection.to_string(),
            listening: snapshot.listening.iter().map(ToString::to_string).collect(),
            sources: snapshot.sources.iter().map(source).collect(),
            candidates: snapshot.candidates.iter().zip(1..).map(candidate).collect(),
            verified: snapshot.verified.iter().map(|v| entry(v, clock, now)).collect(),
            selected: selected.map(|named| named.candidate.to_string()).collect(),
            isolation: snapshot.isolation.as_ref().map(|isolation| Isolation {
                since_ms: clock.ms(isolation.since),
                failed: isolation.failed,
                others: isolation.others,
            }),
        }
    }
}

fn source(looked: &Looked) -> Source {
    Source {
        source: looked.source.to_string(),
        candidates: looked.candidates,
        trouble: looked.trouble.as_deref().map(str::to_owned),
    }
}

fn candidate((named, rank): (&Named, usize)) -> Candidate {
    let (peer, rtt) = match &named.state {
        State::Verified { peer, rtt } => (Some(peer.to_string()), *rtt),
        _ => (None, None),
    };
    Candidate {
        rank,
        address: named.candidate.address().to_string(),
        pinned: named.candidate.pinned().map(|peer| peer.to_string()),
        state: match &named.state {
            State::Unknown => "unknown",
            State::Verified { .. } => "verified",
            State::Itself => "itself",
            State::Unreachable(_) => "unreachable",
            State::Rejected(_) => "rejected",
        },
        reason: match &named.state {
            State::Unreachable(failure) => Some(words::failed(failure)),
            State::Rejected(rejection) => Some(words::rejected(rejection)),
            _ => None,
        },
        peer,
        rtt_ms: rtt.map(|rtt| rtt.as_secs_f64() * 1000.0),
        selected: named.selected,
    }
}

fn entry(verified: &Verified, clock: Clock, now: Instant) -> Entry {
    let age = now.saturating_duration_since(verified.last);
    Entry {
        peer: verified.peer.to_string(),
        address: verified.candidate.address().to_string(),
        how: verified.how.to_string(),
        first_verified_ms: clock.ms(verified.first),
        last_verified_ms: clock.ms(verified.last),
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        selected: verified.selected,
    }
}
