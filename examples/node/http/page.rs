//! The page: its first view is whole without scripts, which keep it true to what changes.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
};

use axum::body::{Body, Bytes};
use data_encoding::BASE64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    desk::Laid,
    parts::{self, PARTS},
    patch,
    rows::{KINDS, Row},
    snapshot::Snapshot,
};
use crate::clock::Clock;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Rows that a browser lays out together, once they come into view.
const CHUNK: usize = 50;

/// What the page may load: its own style and script, by their hashes, and nothing from elsewhere.
pub(crate) fn policy() -> String {
    let hash = |text: &str| BASE64.encode(&Sha256::digest(text));
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash(SCRIPT),
        hash(STYLE),
    )
}

/// Writes pages and changes; what several ask for is written once, and shared.
#[derive(Debug)]
pub(crate) struct Pages {
    clock: Clock,
    /// The main part of the page, of a version.
    main: Mutex<Option<(u64, Bytes)>>,
    patch: Mutex<Option<Kept>>,
}

/// What changes from a version to another.
#[derive(Debug)]
struct Kept {
    from: u64,
    to: u64,
    /// `None` where that is too much.
    patch: Option<Arc<str>>,
}

impl Pages {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, main: Mutex::default(), patch: Mutex::default() }
    }

    /// The page. Only its head, which says what time it is, is written for each.
    pub(crate) fn page(&self, laid: &Laid) -> Body {
        let head = head(&laid.snapshot, &self.id(laid.version), self.clock);
        let main = self.main(laid);
        let foot = Bytes::from_static(b"</body></html>");
        let parts = [head.into_string().into(), main, foot].map(Ok::<_, Infallible>);
        Body::from_stream(futures::stream::iter(parts))
    }

    /// Names a version: another run of the node has others.
    pub(crate) fn id(&self, version: u64) -> String {
        format!("{:x}-{version}", self.clock.run())
    }

    /// What changes from one version to another, as JSON; `None` if that is too much, and the page is
    /// to be loaded anew.
    pub(crate) fn patch(&self, old: &Laid, new: &Laid) -> Option<Arc<str>> {
        let mut kept = self.patch.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (old.version, new.version);
        match &*kept {
            Some(kept) if (kept.from, kept.to) == (from, to) => kept.patch.clone(),
            _ => {
                let ids = (self.id(from), self.id(to));
                let patch = patch::between(&old.snapshot, &new.snapshot, ids, self.clock);
                let patch = patch.and_then(|patch| serde_json::to_string(&patch).ok());
                let patch: Option<Arc<str>> = patch.map(Into::into);
                *kept = Some(Kept { from, to, patch: patch.clone() });
                patch
            }
        }
    }

    fn main(&self, laid: &Laid) -> Bytes {
        let mut kept = self.main.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((version, main)) if *version == laid.version => main.clone(),
            _ => {
                let main = Bytes::from(main(&laid.snapshot, self.clock).into_string());
                *kept = Some((laid.version, main.clone()));
                main
            }
        }
    }
}

fn head(snapshot: &Snapshot, version: &str, clock: Clock) -> Markup {
    let now = clock.ms(Instant::now());
    let peer = snapshot.peer.to_string();
    let name = &peer[peer.len().saturating_sub(8)..];
    let (_, _, word) = parts::word(snapshot);
    html! {
        (DOCTYPE)
        // `html` and `body` are closed by the foot of the page.
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (word) ": node …" (name) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
        (PreEscaped("<body>"))
        a.skip href="#main" { "Skip to the state" }
        header data-version=(version) data-now=(now) data-name={ "node …" (name) } {
            h1 { "Node " code { "…" (name) } }
            p #status role="status" aria-live="polite" { (part("status", snapshot, clock)) }
            p { (part("since", snapshot, clock)) }
            p #live {
                "As of " (clock.utc(now)) " UTC"
                noscript { "; reload the page to see it as it is now" }
            }
            nav aria-label="Parts of this page" {
                a href="#sources" { "Sources" } " "
                a href="#verified" { "Verified peers" } " "
                a href="#candidates" { "Candidates" } " "
                a href="#events" { "Recent events" } " "
                a href="/peers" { "JSON" } " "
                a href="/metrics" { "Metrics" }
            }
        }
    }
}

fn main(snapshot: &Snapshot, clock: Clock) -> Markup {
    html! {
        main #main tabindex="-1" {
            div.things {
                section aria-label="Summary" {
                    (part("why", snapshot, clock))
                    h2 { "Summary" }
                    (part("summary", snapshot, clock))
                }
                section #sources aria-labelledby="sources-title" {
                    h2 #sources-title { "Sources" }
                    (part("sources", snapshot, clock))
                }
                (verified(snapshot, clock))
                (candidates(snapshot, clock))
            }
            section #events aria-labelledby="events-title" {
                h2 #events-title { "Recent events" }
                p.hint { "The latest first; times are in UTC." }
                ol data-list="events" { @for told in &snapshot.told { (told.html(clock)) } }
            }
        }
        script { (PreEscaped(SCRIPT)) }
    }
}

fn part(name: &str, snapshot: &Snapshot, clock: Clock) -> Markup {
    let write = PARTS.iter().find(|(known, _)| *known == name).map(|(_, write)| write);
    html! { span data-part=(name) { @if let Some(write) = write { (write(snapshot, clock)) } } }
}

fn verified(snapshot: &Snapshot, clock: Clock) -> Markup {
    html! {
        section #verified aria-labelledby="verified-title" {
            h2 #verified-title { "Verified peers" }
            table.rows.peers role="table" aria-labelledby="verified-caption" data-list="verified" {
                caption #verified-caption { (part("verified", snapshot, clock)) }
                (columns(&["Peer", "Address", "How", "Last verified (UTC)"]))
                (body(&snapshot.verified, clock))
            }
        }
    }
}

fn candidates(snapshot: &Snapshot, clock: Clock) -> Markup {
    html! {
        section #candidates aria-labelledby="candidates-title" {
            h2 #candidates-title { "Candidates" }
            div.filter hidden role="search" aria-label="Candidates" {
                label {
                    "Filter "
                    input #filter type="search" autocomplete="off" spellcheck="false";
                }
                label {
                    "State "
                    select #filter-state {
                        option value="" { "all" }
                        @for (class, _, word) in KINDS { option value=(class) { (word) } }
                    }
                }
                span #shown {}
            }
            table.rows.named role="table" aria-labelledby="candidates-caption"
                data-list="candidates" {
                caption #candidates-caption { (part("candidates", snapshot, clock)) }
                (columns(&["Address", "State", "Peer or reason", "Handshake"]))
                (body(&snapshot.candidates, clock))
            }
        }
    }
}

/// Roles are told although the elements have them: styled as blocks, tables lose theirs in some
/// browsers.
fn columns(names: &[&str]) -> Markup {
    html! {
        thead role="rowgroup" {
            tr role="row" { @for name in names { th role="columnheader" scope="col" { (name) } } }
        }
    }
}

fn body<R: Row>(rows: &[R], clock: Clock) -> Markup {
    html! {
        @for chunk in rows.chunks(CHUNK) {
            tbody role="rowgroup" { @for row in chunk { (row.html(clock)) } }
        }
        @if rows.is_empty() { tbody role="rowgroup" {} }
    }
}
