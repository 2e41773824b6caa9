//! The candidates that a source has named, those that lately went missing among them.

use std::{mem, time::Duration};

use web_time::Instant;

use super::{
    fair_share::{self, List},
    refresh::{Heard, Named, Origin},
    sampling::{Look, Sampling},
};
use crate::candidate::{Candidate, Transports, among};

/// How many complete answers in a row must omit a candidate before it leaves.
const OMISSIONS: u8 = 2;
/// How long these answers must span.
const OMITTED_FOR: Duration = Duration::from_secs(10);
/// How many answers in a row, where all are partial, must leave out a candidate that cannot be reached
/// before it leaves.
const UNNAMED: u8 = 16;
/// The same for a candidate that nobody is verified at: there may be too many to try them all.
const FORGOTTEN: u8 = 250;
/// How often in a row a candidate that partial answers no longer name must have failed to leave.
const LOST_AFTER: u32 = 3;

/// What the rest of the node knows of a candidate that an answer leaves out.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::discovery) struct Liveness {
    /// Whether a live connection leads there.
    pub(in crate::discovery) lives: bool,
    /// How often in a row it could not be reached, if it has no entry.
    pub(in crate::discovery) failures: u32,
    /// When the peer of its entry was last verified there; `None` without an entry.
    pub(in crate::discovery) verified: Option<Instant>,
    /// Whether its peer takes a place.
    pub(in crate::discovery) selected: bool,
}

/// The members of one source, in order.
#[derive(Debug, Default)]
pub(super) struct Members {
    all: Vec<Member>,
    /// How many the last answer brought past the bound.
    cut: usize,
    /// Whether the operator said that answers are samples.
    sampled: bool,
    /// When the last answer was taken that claimed to be complete, and what these give away.
    last_complete: Option<Instant>,
    sampling: Sampling,
}

#[derive(Debug)]
struct Member {
    candidate: Candidate,
    /// The questions that named it.
    origin: Origin,
    /// How much of what these name was heard last.
    heard: Heard,
    /// How many complete answers in a row have omitted it, and since when.
    omitted: u8,
    omitted_since: Option<Instant>,
    /// How many answers in a row, partial ones too, have not named it.
    unnamed: u8,
    /// Whether it is known by a part of an answer alone, of which more is under way.
    is_early: bool,
    transports: Option<Transports>,
}

/// What came of merging a refresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Applied {
    /// Whether the source was recognised as sampled, or no longer.
    pub(super) turned: bool,
    /// Whether it names somebody who was no member.
    pub(super) brings_others: bool,
}

impl Member {
    fn new(Named { candidate, origin, transports }: Named, is_early: bool) -> Self {
        Self {
            candidate,
            origin,
            heard: Heard::All,
            omitted: 0,
            omitted_since: None,
            unnamed: 0,
            is_early,
            transports,
        }
    }

    /// Notes how much was heard of what its questions name, before what they name is known.
    fn note(&mut self, heard: Heard, now: Instant) {
        self.heard = heard;
        if heard > Heard::Nothing {
            self.unnamed = self.unnamed.saturating_add(1);
        }
        if heard == Heard::All {
            self.omitted = self.omitted.saturating_add(1);
            self.omitted_since.get_or_insert(now);
        }
    }
}

/// Remembers the last result: neighbours nearly always have the same origin.
fn remember(heard: impl Fn(&Origin) -> Heard) -> impl FnMut(&Origin) -> Heard {
    let mut last: Option<(Origin, Heard)> = None;
    move |origin| match &last {
        Some((known, heard)) if known.is(origin) => *heard,
        _ => {
            let heard = heard(origin);
            last = Some((origin.clone(), heard));
            heard
        }
    }
}

impl Members {
    /// `sampled` says that the operator declared the source's answers to be samples.
    pub(super) fn new(sampled: bool) -> Self {
        Self { sampled, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many the last answer brought past the bound.
    pub(super) fn cut(&self) -> usize {
        self.cut
    }

    pub(super) fn candidates(&self) -> impl Iterator<Item = &Candidate> + Clone {
        self.all.iter().map(|member| &member.candidate)
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.all.binary_search_by(|member| member.candidate.cmp(candidate)).is_ok()
    }

    /// Whether a candidate without a pin is a member with one.
    fn has_pin(&self, named: &Named) -> bool {
        let after = self.all.partition_point(|member| member.candidate <= named.candidate);
        let next = self.all.get(after).map(|member| &member.candidate);
        named.candidate.pinned().is_none()
            && next.is_some_and(|next| next.is_at_address_of(&named.candidate))
    }

    /// Of each member whose record names several transports to its host: these, as far as they are
    /// members.
    pub(super) fn transports(&self) -> impl Iterator<Item = (&Candidate, Transports)> {
        let of = |group| among(group, |c| self.contains(c));
        self.all.iter().filter_map(move |m| Some((&m.candidate, of(m.transports.as_ref()?))))
    }

    /// Whether answers are samples: by what the operator said, or by what they give away.
    pub(super) fn is_sampled(&self) -> bool {
        self.sampled || self.sampling.is_recognised()
    }

    /// Whether the last answer could be a sample that claims to be complete.
    pub(super) fn is_suspect(&self) -> bool {
        self.sampling.is_suspect() && !self.sampled
    }

    /// Merges a refresh into the members. `heard` says how much of what some questions name was heard.
    /// A member is omitted only where all was heard of what the questions name that named it: a
    /// question that fails keeps what it named, and holds back nobody else's.
    ///
    /// A member that was omitted twice in a row leaves, unless a live connection contradicts. A member
    /// that partial answers have not named for long leaves if it fails as well, or if nobody is verified
    /// there for longer still.
    pub(super) fn apply(
        &mut self,
        candidates: Vec<Named>,
        heard: impl Fn(&Origin) -> Heard,
        liveness: impl Fn(&Candidate) -> Liveness,
        now: Instant,
    ) -> Applied {
        let size = candidates.len();
        let omitted_answers = self.omitted_answers(&liveness);
        let before = self.all.iter().filter(|m| m.omitted == 0 && !m.is_early).count();
        let mut heard = remember(heard);
        let is_part = candidates.iter().any(|named| heard(&named.origin) < Heard::All);
        for member in &mut self.all {
            member.note(heard(&member.origin), now);
        }
        let is_whole = !is_part && self.all.iter().all(|member| member.heard == Heard::All);
        let (newcomers, strangers) = self.name(candidates, false);
        self.drop_superseded();
        let turned = is_whole && {
            // As many as before, nobody new and nobody back: the same.
            let changed = newcomers > 0 || size != before;
            self.last_complete = Some(now);
            !self.sampled && self.sampling.note(Look { size, changed, omitted_answers })
        };
        if turned && !self.is_sampled() {
            // That samples left a member out was no proof. It takes two answers from now on.
            self.all.iter_mut().for_each(|member| member.omitted = member.omitted.min(1));
        }
        self.drop_departed(liveness, now);
        Applied { turned, brings_others: strangers > 0 }
    }

    /// Takes candidates of an answer of which more is under way: it adds, and takes nothing away. Says
    /// whether there are new ones.
    pub(super) fn add(&mut self, candidates: Vec<Named>) -> bool {
        let is_new = |named: &Named| !self.contains(&named.candidate) && !self.has_pin(named);
        let new: Vec<_> = candidates.into_iter().filter(is_new).collect();
        let has_new = !new.is_empty();
        if has_new {
            self.name(new, true);
            self.drop_superseded();
        }
        has_new
    }

    /// Keeps so many members at the most, and notes how many were too many. Each family has its
    /// [share](fair_share::allot).
    pub(super) fn bound(&mut self, most: usize, rank: impl Fn(&[Candidate]) -> Vec<usize>) {
        self.cut = self.all.len().saturating_sub(most);
        if self.cut > 0 {
            let candidates: Vec<_> = self.candidates().cloned().collect();
            let list = List { candidates: &candidates, is_static: false };
            let kept = fair_share::allot(&[list], most, rank).candidates;
            self.all.retain(|member| kept.binary_search(&member.candidate).is_ok());
        }
    }

    fn drop_departed(&mut self, liveness: impl Fn(&Candidate) -> Liveness, now: Instant) {
        let sampled = self.is_sampled();
        self.all.retain(|member| {
            let long_omitted = member.omitted_since.is_some_and(|at| at + OMITTED_FOR <= now);
            let left = !sampled && member.omitted >= OMISSIONS && long_omitted;
            let overdue = member.unnamed >= UNNAMED;
            if !left && !overdue {
                return true;
            }
            let known = liveness(&member.candidate);
            let forgotten = member.unnamed >= FORGOTTEN && known.verified.is_none();
            known.lives || !(left || forgotten || known.failures >= LOST_AFTER)
        });
    }

    /// Whether a member that the last complete answer left out has answered since; `None` if that
    /// was not tried.
    fn omitted_answers(&self, liveness: impl Fn(&Candidate) -> Liveness) -> Option<bool> {
        let last = self.last_complete?;
        let omitted = self.all.iter().filter(|m| m.omitted > 0).map(|m| liveness(&m.candidate));
        let answers = |known: Liveness| match known.verified {
            Some(at) if at > last => Some(true),
            // A connection may outlive its remote for a while.
            Some(_) => (!known.lives).then_some(false),
            None => (known.failures > 0).then_some(false),
        };
        omitted.filter_map(answers).max()
    }

    /// The members that the last answer left out, although it claims to be complete: for the first
    /// time, or at all where the source is known to sample.
    pub(super) fn lately_omitted(&self) -> impl Iterator<Item = &Candidate> {
        let sampled = self.is_sampled();
        let lately = self.all.iter().filter(move |m| m.omitted == 1 || sampled && m.omitted > 0);
        lately.map(|member| &member.candidate)
    }

    /// Adds what an answer names, in place of what was known of it. Returns how many the last complete
    /// answer did not name, and how many were no members.
    fn name(&mut self, candidates: Vec<Named>, is_early: bool) -> (usize, usize) {
        let (mut newcomers, mut strangers) = (candidates.len(), candidates.len());
        self.all.extend(candidates.into_iter().map(|named| Member::new(named, is_early)));
        // Two sorted runs: a stable sort merges them in one pass.
        self.all.sort_by(|a, b| a.candidate.cmp(&b.candidate));
        self.all.dedup_by(|new, old| {
            let same = new.candidate == old.candidate;
            if same {
                mem::swap(new, old);
                newcomers -= usize::from(new.omitted <= 1 && !new.is_early);
                strangers -= usize::from(!new.is_early);
                if new.heard < Heard::All {
                    // These questions keep what they named.
                    old.origin.join(&new.origin);
                }
            }
            same
        });
        (newcomers, strangers)
    }

    /// Lets go at once of an address without a pin where the answer names it with one: the pin says
    /// more.
    fn drop_superseded(&mut self) {
        let superseded = |pair: &[Member]| {
            let (old, new) = (&pair[0], &pair[1]);
            new.unnamed == 0
                && old.candidate.pinned().is_none()
                && old.candidate.is_at_address_of(&new.candidate)
        };
        let superseded: Vec<_> = self.all.windows(2).map(superseded).collect();
        let mut superseded = superseded.into_iter();
        self.all.retain(|_| !superseded.next().unwrap_or(false));
    }
}

#[cfg(test)]
mod tests;
