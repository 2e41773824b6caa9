//! What is printed of each candidate.

use std::fmt::Write;

use libp2p::PeerId;
use libp2p_dns_discovery::{Candidate, CandidateState, Failure};
use serde::Serialize;

use crate::common::{output::Line, words};

/// One candidate.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    rank: usize,
    address: String,
    pinned: Option<String>,
    state: State,
    peer: Option<String>,
    rtt_ms: Option<f64>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Verified,
    Unreachable,
    #[serde(rename = "self")]
    Itself,
    Rejected,
    Mismatch,
}

impl State {
    fn text(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unreachable => "unreachable",
            Self::Itself => "self",
            Self::Rejected => "rejected",
            Self::Mismatch => "mismatch",
        }
    }
}

impl Row {
    /// `no_route` is why candidates of this family are not tried, if they are not.
    pub(crate) fn new(
        rank: usize,
        candidate: &Candidate,
        state: &CandidateState,
        local: &PeerId,
        no_route: Option<&Failure>,
    ) -> Self {
        let rtt_ms = rtt_ms(state);
        let (state, peer, reason) = match state {
            CandidateState::Verified { peer, .. } => (State::Verified, Some(peer), None),
            CandidateState::Itself => (State::Itself, Some(local), None),
            CandidateState::Unreachable(Failure::PinMismatch(obtained)) => {
                let reason = "not the peer that the record names".to_owned();
                (State::Mismatch, Some(obtained), Some(reason))
            }
            CandidateState::Unreachable(why) => (State::Unreachable, None, Some(why.to_string())),
            CandidateState::Rejected(why) => (State::Rejected, None, Some(words::rejected(why))),
            _ => (State::Unreachable, None, Some(untried(no_route))),
        };
        Self {
            rank,
            address: candidate.address().to_string(),
            pinned: candidate.pinned().map(ToString::to_string),
            state,
            peer: peer.map(ToString::to_string),
            rtt_ms,
            reason,
        }
    }

    pub(crate) fn is_verified(&self) -> bool {
        self.state == State::Verified
    }

    /// The row's cells for people. The pin is part of the address there.
    fn cells(&self) -> [String; 6] {
        let pin = self.pinned.as_ref().map(|pin| format!("/p2p/{pin}"));
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            self.rank.to_string(),
            format!("{}{}", self.address, pin.unwrap_or_default()),
            self.state.text().to_owned(),
            or_dash(&self.peer),
            or_dash(&self.rtt_ms.map(|ms| format!("{ms:.1} ms"))),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

fn rtt_ms(state: &CandidateState) -> Option<f64> {
    match state {
        // Microseconds are as exact as it gets.
        CandidateState::Verified { rtt, .. } => rtt.map(|rtt| rtt.as_micros() as f64 / 1000.0),
        _ => None,
    }
}

fn untried(no_route: Option<&Failure>) -> String {
    match no_route {
        Some(reason) => reason.to_string(),
        None => {
            "not tried before the time was over, or passed over in favour of a better transport \
                 to the same host"
                .to_owned()
        }
    }
}

impl Line for Row {
    fn text(&self) -> Option<String> {
        None
    }
}

/// All rows, for people.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Table<'a>(pub(crate) &'a [Row]);

impl Line for Table<'_> {
    fn text(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let head = ["rank", "address", "state", "peer", "rtt", "reason"].map(str::to_owned);
        let rows = self.0.iter().map(Row::cells);
        let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                // Writing to a string does not fail.
                let _ = write!(line, "{cell:<width$}  ");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        Some(text.trim_end().to_owned())
    }
}
