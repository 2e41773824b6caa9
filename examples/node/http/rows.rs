//! The rows of the lists on the page: how each is told from the others, and how it is written.

use std::{hash::Hash, sync::Arc};

use libp2p::PeerId;
use libp2p_dns_discovery::Candidate;
use maud::{Markup, html};

use super::snapshot::{Named, State, Verified};
use crate::{clock::Clock, common::words, recent::Told};

/// A row of a list.
pub(crate) trait Row: PartialEq {
    type Id: Eq + Hash;

    /// What it is about. No two rows of a list have the same.
    fn id(&self) -> Self::Id;

    /// The same as a text.
    fn key(&self) -> String;

    /// The row, with the key in its `data-key`.
    fn html(&self, clock: Clock) -> Markup;
}

impl Row for Named {
    type Id = Candidate;

    fn id(&self) -> Candidate {
        self.candidate.clone()
    }

    fn key(&self) -> String {
        self.candidate.to_string()
    }

    fn html(&self, _: Clock) -> Markup {
        let (class, symbol, word) = kind(&self.state);
        html! {
            tr role="row" data-key=(self.key()) data-state=(class) {
                th role="rowheader" scope="row" { (self.candidate) }
                td role="cell" {
                    span class={ "state " (class) } {
                        span aria-hidden="true" { (symbol) } " " (word)
                    }
                    @if self.selected { " " span.chip { "selected" } }
                }
                td role="cell" {
                    @match &self.state {
                        State::Verified { peer, .. } => code { (peer) },
                        State::Unreachable(failure) => (words::failed(failure)),
                        State::Rejected(rejection) => (words::rejected(rejection)),
                        _ => {},
                    }
                }
                td.number role="cell" {
                    @if let State::Verified { rtt: Some(rtt), .. } = &self.state {
                        (format!("{:.1} ms", rtt.as_secs_f64() * 1000.0))
                    }
                }
            }
        }
    }
}

/// The class of a state, its symbol, and its word: colour is never the only sign.
pub(crate) type Kind = (&'static str, &'static str, &'static str);

const VERIFIED: Kind = ("verified", "✔", "verified");
const ITSELF: Kind = ("itself", "◆", "this node");
const UNKNOWN: Kind = ("unknown", "…", "not known yet");
const UNREACHABLE: Kind = ("unreachable", "✖", "unreachable");
const REJECTED: Kind = ("rejected", "⊘", "rejected");
pub(crate) const KINDS: [Kind; 5] = [VERIFIED, ITSELF, UNKNOWN, UNREACHABLE, REJECTED];

pub(crate) fn kind(state: &State) -> Kind {
    match state {
        State::Verified { .. } => VERIFIED,
        State::Itself => ITSELF,
        State::Unknown => UNKNOWN,
        State::Unreachable(_) => UNREACHABLE,
        State::Rejected(_) => REJECTED,
    }
}

impl Row for Verified {
    type Id = (PeerId, Candidate);

    fn id(&self) -> Self::Id {
        (self.peer, self.candidate.clone())
    }

    fn key(&self) -> String {
        format!("{} {}", self.peer, self.candidate)
    }

    fn html(&self, clock: Clock) -> Markup {
        html! {
            tr role="row" data-key=(self.key()) {
                th role="rowheader" scope="row" { code { (self.peer) } }
                td role="cell" {
                    (self.candidate.address())
                    @if self.selected { " " span.chip { "selected" } }
                }
                td role="cell" { "by " (self.how) }
                td role="cell" {
                    (clock.utc(clock.ms(self.last)))
                }
            }
        }
    }
}

impl Row for Arc<Told> {
    type Id = u64;

    fn id(&self) -> u64 {
        self.number
    }

    fn key(&self) -> String {
        self.number.to_string()
    }

    fn html(&self, clock: Clock) -> Markup {
        html! {
            li data-key=(self.key()) {
                time { (clock.utc(self.ms)) }
                " "
                span { (self.text) }
            }
        }
    }
}
