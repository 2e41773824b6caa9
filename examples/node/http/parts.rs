//! The parts of the page that are short, and written anew whenever they change.

use indicatif::HumanCount;
use libp2p_dns_discovery::Status;
use maud::{Markup, html};

use super::{
    reasons,
    rows::{KINDS, kind},
    snapshot::{Looked, Named, Snapshot, State},
};
use crate::clock::Clock;

/// A part: its name, and what it says.
pub(crate) type Part = (&'static str, fn(&Snapshot, Clock) -> Markup);

/// All parts, by the names that the page has for them.
pub(crate) const PARTS: [Part; 7] = [
    ("status", |snapshot, _| status(snapshot)),
    ("since", since),
    ("why", why),
    ("summary", |snapshot, _| summary(snapshot)),
    ("sources", |snapshot, _| sources(snapshot)),
    ("verified", |snapshot, _| verified(snapshot)),
    ("candidates", |snapshot, _| candidates(snapshot)),
];

/// The word for how things stand, in the class that colours it.
pub(crate) fn word(snapshot: &Snapshot) -> (&'static str, &'static str, &'static str) {
    match snapshot.standing {
        Some(standing) if standing.leaving => ("leaving", "◀", "Leaving"),
        Some(standing) => match standing.status {
            Status::Joined => ("joined", "✔", "Joined"),
            Status::Alone => ("alone", "◆", "Alone"),
            Status::Isolated => ("isolated", "✖", "Isolated"),
            _ => ("starting", "…", "Starting"),
        },
        None => ("starting", "…", "Starting"),
    }
}

fn status(snapshot: &Snapshot) -> Markup {
    let (class, symbol, word) = word(snapshot);
    let ready = snapshot.standing.is_some_and(|standing| standing.is_ready());
    html! {
        span class={ "status " (class) } { span aria-hidden="true" { (symbol) } " " (word) }
        " " span { @if ready { "ready" } @else { "not ready" } }
    }
}

pub(crate) fn since(snapshot: &Snapshot, clock: Clock) -> Markup {
    let ms = snapshot.standing.map_or(0, |standing| clock.ms(standing.since));
    html! {
        "since " time { (clock.utc(ms)) } " UTC" span.age data-since=(ms) {}
    }
}

/// Why the node is not ready.
fn why(snapshot: &Snapshot, clock: Clock) -> Markup {
    let mut lines = reasons::lines(snapshot, snapshot.standing, clock).into_iter();
    html! {
        @if let Some(first) = lines.next() {
            h2 { "Why it is not ready" }
            p { (first) }
            ul { @for line in lines { li { (line) } } }
        }
    }
}

fn summary(snapshot: &Snapshot) -> Markup {
    let selected = snapshot.verified.iter().filter(|verified| verified.selected).count();
    let listed = match snapshot.listed {
        Some(true) => "yes",
        Some(false) => "no",
        None => "not known yet",
    };
    html! {
        dl {
            div { dt { "Candidates" } dd { (thousands(snapshot.candidates.len())) } }
            div { dt { "Verified peers" } dd { (thousands(snapshot.verified.len())) } }
            div {
                dt { "Selected" }
                dd { (thousands(selected)) small { " by " (snapshot.selection) } }
            }
            div { dt { "Listed by DNS" } dd { (listed) } }
        }
        @if !snapshot.candidates.is_empty() { (shares(&snapshot.candidates)) }
        dl.plain {
            div { dt { "Peer id" } dd { code { (snapshot.peer) } } }
            div {
                dt { "Listens on" }
                dd {
                    @for address in &snapshot.listening { code { (address) } " " }
                    @if snapshot.listening.is_empty() { "nothing yet" }
                }
            }
        }
    }
}

/// How many candidates are in which state. The picture is for those who see it, and says no more than the
/// list.
fn shares(candidates: &[Named]) -> Markup {
    let mut counts = KINDS.map(|kind| (kind, 0));
    for named in candidates {
        let kind = kind(&named.state);
        counts.iter_mut().filter(|(other, _)| *other == kind).for_each(|(_, count)| *count += 1);
    }
    let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
    let bars = counts.iter().scan(0, |end, ((class, ..), count)| {
        *end += count;
        Some((class, *end - count, count))
    });
    html! {
        svg.shares viewBox={ "0 0 " (candidates.len()) " 1" } preserveAspectRatio="none"
            aria-hidden="true" {
            @for (class, begin, count) in bars {
                rect class=(class) x=(begin) y="0" width=(count) height="1" {}
            }
        }
        ul.legend {
            @for ((class, symbol, word), count) in &counts {
                li {
                    span class={ "state " (class) } {
                        span aria-hidden="true" { (symbol) } " " (thousands(*count)) " " (word)
                    }
                }
            }
        }
    }
}

fn sources(snapshot: &Snapshot) -> Markup {
    html! {
        table.plain {
            caption { "Where it looks, and what came of it" }
            thead {
                tr {
                    @for name in ["Source", "Names", "Last look-up"] { th scope="col" { (name) } }
                }
            }
            tbody {
                @for looked in &snapshot.sources {
                    tr {
                        th scope="row" { code { (looked.source) } }
                        td {
                            @match looked.candidates {
                                Some(count) => { (thousands(count)) },
                                None => "nothing yet",
                            }
                        }
                        td { (outcome(looked)) }
                    }
                }
            }
        }
    }
}

/// What came of the last look-up of a source.
fn outcome(looked: &Looked) -> Markup {
    let (class, symbol, text) = match &looked.trouble {
        Some(trouble) => ("unreachable", "✖", &**trouble),
        None if looked.candidates.is_some() => ("verified", "✔", "answered"),
        None => ("unknown", "…", "not answered yet"),
    };
    html! { span class={ "state " (class) } { span aria-hidden="true" { (symbol) } " " (text) } }
}

fn verified(snapshot: &Snapshot) -> Markup {
    html! {
        (count(snapshot.verified.len(), "peer", "peers"))
        " proved who they are at an address"
    }
}

fn candidates(snapshot: &Snapshot) -> Markup {
    let rejected = snapshot.candidates.iter();
    let rejected = rejected.filter(|named| matches!(named.state, State::Rejected(_))).count();
    html! {
        (count(snapshot.candidates.len(), "address", "addresses"))
        " named by DNS, in the order in which all nodes see them"
        @if rejected > 0 { "; those that are not dialled come last" }
    }
}

fn count(count: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// A number as people read it.
pub(crate) fn thousands(number: usize) -> HumanCount {
    HumanCount(number as u64)
}
