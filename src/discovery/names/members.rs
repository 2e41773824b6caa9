//! The candidates that a source has named, with the candidates that are missing from its latest answers.

use std::{sync::Arc, time::Duration};

use web_time::Instant;

use super::{
    fair_share::{self, List},
    refresh::{Heard, Named, Origin},
    roll::Roll,
    sampling::{Look, Sampling},
};
use crate::{
    candidate::{Candidate, Family, Transports, among},
    resolver::Query,
};

/// How many complete answers in a row must omit a candidate before it leaves.
const OMISSIONS: u8 = 2;
/// How long these answers must span.
const OMITTED_FOR: Duration = Duration::from_secs(10);
/// How many answers in a row, where all are partial, must leave out a candidate that cannot be reached
/// before it leaves.
const UNNAMED: u8 = 16;
/// The same for a candidate at which no peer is verified: there may be too many to try them all.
const FORGOTTEN: u8 = 250;
/// How many dials in a row to a candidate that partial answers no longer name must have failed before it
/// leaves.
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
    all: Roll<Member>,
    /// How many of each family the last answer brought past the bound.
    cut: [usize; Family::ALL.len()],
    /// Whether the operator said that answers are samples.
    sampled: bool,
    /// When the last answer was taken that claimed to be complete, and what these give away, in each
    /// family.
    last_complete: [Option<Instant>; Family::ALL.len()],
    sampling: [Sampling; Family::ALL.len()],
    /// Whether a member is held for a question that did not name it when the last answer came.
    holds_more: bool,
}

/// What is known of a member.
#[derive(Debug, Clone)]
struct Member {
    /// The questions that named it.
    origin: Origin,
    /// How much of what these name was heard last.
    heard: Heard,
    /// How many complete answers in a row have omitted it, and since when.
    omitted: u8,
    omitted_since: Option<Instant>,
    /// How many answers in a row, partial ones too, have not named it.
    unnamed: u8,
    /// Whether the last answer named it.
    is_named: bool,
    /// Whether only an early part of a refresh has named it so far, while other answers are under way.
    is_early: bool,
    transports: Option<Transports>,
}

/// What came of merging a refresh.
#[derive(Debug, Clone, Copy)]
pub(super) struct Applied {
    /// Whether the source was recognised as sampled, or no longer.
    pub(super) turned: bool,
    /// Whether the answer names an address that was no member.
    pub(super) brings_others: bool,
}

impl Member {
    fn new(origin: Origin, transports: Option<Transports>, is_early: bool) -> Self {
        Self {
            origin,
            heard: Heard::All,
            omitted: 0,
            omitted_since: None,
            unnamed: 0,
            is_named: true,
            is_early,
            transports,
        }
    }

    /// When so much was heard of what its questions name, and what they name is not known yet.
    fn noted(&self, heard: Heard, heard_of: impl Fn(&Query) -> Heard, now: Instant) -> Self {
        let mut noted = Self { heard, is_named: false, ..self.clone() };
        if heard < Heard::All {
            noted.origin.keep(|question| heard_of(question) < Heard::All);
        }
        if heard > Heard::Nothing {
            noted.unnamed = noted.unnamed.saturating_add(1);
        }
        if heard == Heard::All {
            noted.omitted = noted.omitted.saturating_add(1);
            noted.omitted_since.get_or_insert(now);
        }
        noted
    }

    /// Whether the last complete answer named it.
    fn was_there(&self) -> bool {
        self.omitted == 0 && !self.is_early
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
        self.list().len()
    }

    /// The members, in order: one list for all who hold it.
    pub(super) fn list(&self) -> &Arc<[Candidate]> {
        self.all.candidates()
    }

    /// How many of each family the last answer brought past the bound.
    pub(super) fn cut(&self) -> [usize; Family::ALL.len()] {
        self.cut
    }

    pub(super) fn candidates(&self) -> std::slice::Iter<'_, Candidate> {
        self.list().iter()
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.list().binary_search(candidate).is_ok()
    }

    /// The first member from a candidate on.
    pub(super) fn first_from(&self, from: &Candidate) -> Option<&Candidate> {
        self.list().get(self.list().partition_point(|member| member < from))
    }

    /// Whether a candidate without a pin is a member with one.
    fn has_pin(&self, named: &Named) -> bool {
        let after = self.list().partition_point(|member| *member <= named.candidate);
        let next = self.list().get(after);
        named.candidate.pinned().is_none()
            && next.is_some_and(|next| next.is_at_address_of(&named.candidate))
    }

    /// Of each member whose record names several transports to its host: these, as far as they are
    /// members.
    pub(super) fn transports(&self) -> impl Iterator<Item = (&Candidate, Transports)> {
        let of = |group| among(group, |c| self.contains(c));
        self.all.iter().filter_map(move |(c, member)| Some((c, of(member.transports.as_ref()?))))
    }

    /// Whether answers are samples: by what the operator said, or by what they give away.
    pub(super) fn is_sampled(&self) -> bool {
        self.sampled || self.sampling.iter().any(Sampling::is_recognised)
    }

    /// Whether answers are samples of the members of this family.
    fn is_sampled_in(&self, family: Family) -> bool {
        self.sampled || self.sampling[family.index()].is_recognised()
    }

    /// Whether the last answer could be a sample that claims to be complete.
    pub(super) fn is_suspect(&self) -> bool {
        !self.sampled && self.sampling.iter().any(Sampling::is_suspect)
    }

    /// Whether the last answer named all members, and no candidates past the bound. Then another answer with
    /// the same candidates changes nothing of the members.
    pub(super) fn are_as_named(&self) -> bool {
        let is_named = |(_, member): (_, &Member)| member.is_named && !member.is_early;
        !self.holds_more && self.cut == [0; Family::ALL.len()] && self.all.iter().all(is_named)
    }

    /// Merges a refresh that names the same candidates as the last one, if the members
    /// [are as named](Self::are_as_named). The members stay, and what the repetition says of sampling is
    /// noted.
    pub(super) fn repeat(&mut self, heard_of: impl Fn(&Query) -> Heard, now: Instant) -> Applied {
        let was_sampled = self.is_sampled();
        let mut heard = remember(|origin: &Origin| origin.heard(&heard_of));
        let (mut whole, mut sizes) = ([true; Family::ALL.len()], [0; Family::ALL.len()]);
        for (candidate, member) in self.all.iter() {
            let family = candidate.family().index();
            sizes[family] += 1;
            whole[family] &= heard(&member.origin) == Heard::All;
        }
        for family in Family::ALL {
            let size = sizes[family.index()];
            if whole[family.index()] && size > 0 {
                self.note_look(family, Look { size, changed: false, omitted_answers: None }, now);
            }
        }
        Applied { turned: self.is_sampled() != was_sampled, brings_others: false }
    }

    /// Merges a refresh into the members. `heard_of` says how much of the answer to a question is known.
    ///
    /// A complete answer that does not name a member omits it. This takes the complete answers to all
    /// questions that named the member: a question that fails keeps its own members, and no others. A member
    /// leaves when [`OMISSIONS`] answers in a row have omitted it, over at least [`OMITTED_FOR`].
    ///
    /// A partial answer, or a sample, is no such reason. But a member that [`UNNAMED`] answers in a row do not
    /// name leaves if [`LOST_AFTER`] dials to it in a row have failed, too. A member that [`FORGOTTEN`]
    /// answers in a row do not name leaves if no peer is verified there.
    ///
    /// No member leaves while a live connection leads to it.
    pub(super) fn apply(
        &mut self,
        candidates: Vec<Named>,
        heard_of: impl Fn(&Query) -> Heard,
        liveness: impl Fn(&Candidate) -> Liveness,
        now: Instant,
    ) -> Applied {
        let was_sampled = self.is_sampled();
        let mut heard = remember(|origin: &Origin| origin.heard(&heard_of));
        let looks = self.looks(&candidates, &mut heard, &liveness);
        let noted = |m: &Member| m.noted(m.origin.heard(&heard_of), &heard_of, now);
        self.all.change(|_| true, noted);
        let brings_others = self.name(candidates, false);
        self.drop_superseded();
        for (family, look) in Family::ALL.into_iter().zip(looks) {
            if let Some(look) = look {
                self.note_look(family, look, now);
            }
        }
        self.drop_departed(liveness, now);
        Applied { turned: self.is_sampled() != was_sampled, brings_others }
    }

    /// How the answers differ from the last ones, in each family; `None` for a family without members and
    /// candidates, or if an answer that would name some of them is missing or partial.
    fn looks(
        &self,
        candidates: &[Named],
        heard: &mut impl FnMut(&Origin) -> Heard,
        liveness: &impl Fn(&Candidate) -> Liveness,
    ) -> [Option<Look>; Family::ALL.len()] {
        let mut whole = [true; Family::ALL.len()];
        let (mut sizes, mut before) = ([0; Family::ALL.len()], [0; Family::ALL.len()]);
        for named in candidates {
            let family = named.candidate.family().index();
            sizes[family] += 1;
            whole[family] &= heard(&named.origin) == Heard::All;
        }
        for (candidate, member) in self.all.iter() {
            let family = candidate.family().index();
            before[family] += usize::from(member.was_there());
            whole[family] &= heard(&member.origin) == Heard::All;
        }
        let newcomers = self.newcomers(candidates);
        Family::ALL.map(|family| {
            let at = family.index();
            // As many as before, none of them new and none back: the same.
            let (size, changed) = (sizes[at], newcomers[at] > 0 || sizes[at] != before[at]);
            let omitted_answers = self.omitted_answers(family, liveness);
            let is_look = whole[at] && sizes[at] + before[at] > 0;
            is_look.then_some(Look { size, changed, omitted_answers })
        })
    }

    /// How many of these the last complete answer did not name, in each family. Both are sorted.
    fn newcomers(&self, candidates: &[Named]) -> [usize; Family::ALL.len()] {
        let mut newcomers = [0; Family::ALL.len()];
        let mut known = self.all.iter().peekable();
        for Named { candidate, .. } in candidates {
            while known.next_if(|(member, _)| *member < candidate).is_some() {}
            let is_known = known.peek().is_some_and(|(c, m)| *c == candidate && m.was_there());
            newcomers[candidate.family().index()] += usize::from(!is_known);
        }
        newcomers
    }

    fn note_look(&mut self, family: Family, look: Look, now: Instant) {
        self.last_complete[family.index()] = Some(now);
        let turned = !self.sampled && self.sampling[family.index()].note(look);
        if turned && !self.is_sampled_in(family) {
            // That samples left a member out was no proof. It takes two answers from now on.
            let omitted_once = |m: &Member| Member { omitted: m.omitted.min(1), ..m.clone() };
            self.all.change(|candidate| candidate.family() == family, omitted_once);
        }
    }

    /// Adds the candidates of an early answer, while other answers of the refresh are still under way. No
    /// member leaves by this. Returns whether any candidate was no member before.
    pub(super) fn add(&mut self, candidates: Vec<Named>) -> bool {
        let is_new = |named: &Named| !self.contains(&named.candidate) && !self.has_pin(named);
        let new: Vec<_> = candidates.into_iter().filter(is_new).collect();
        let has_new = !new.is_empty();
        if has_new {
            self.name(new, true);
        }
        has_new
    }

    /// Keeps so many members at the most, and notes how many were too many. Each family has its
    /// [share](fair_share::allot).
    pub(super) fn bound(&mut self, most: usize, rank: impl Fn(&[Candidate]) -> Vec<usize>) {
        self.cut = Default::default();
        if self.len() > most {
            let list = List { candidates: self.all.candidates(), is_static: false };
            let kept = fair_share::allot(&[list], most, rank);
            self.all.keep(|candidate, _| kept.candidates.binary_search(candidate).is_ok());
            self.cut = kept.cut;
        }
    }

    fn drop_departed(&mut self, liveness: impl Fn(&Candidate) -> Liveness, now: Instant) {
        let sampled = Family::ALL.map(|family| self.is_sampled_in(family));
        self.all.keep(|candidate, member| {
            let sampled = sampled[candidate.family().index()];
            let long_omitted = member.omitted_since.is_some_and(|at| at + OMITTED_FOR <= now);
            let left = !sampled && member.omitted >= OMISSIONS && long_omitted;
            let overdue = member.unnamed >= UNNAMED;
            if !left && !overdue {
                return true;
            }
            let known = liveness(candidate);
            let forgotten = member.unnamed >= FORGOTTEN && known.verified.is_none();
            known.lives || !(left || forgotten || known.failures >= LOST_AFTER)
        });
    }

    /// Whether a member that the last complete answer left out has answered since; `None` if that
    /// was not tried.
    fn omitted_answers(
        &self,
        family: Family,
        liveness: impl Fn(&Candidate) -> Liveness,
    ) -> Option<bool> {
        let last = self.last_complete[family.index()]?;
        let omitted = self.all.iter().filter(|(c, m)| m.omitted > 0 && c.family() == family);
        let omitted = omitted.map(|(candidate, _)| liveness(candidate));
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
        let sampled = Family::ALL.map(|family| self.is_sampled_in(family));
        let is_late = move |(candidate, member): &(&Candidate, &Member)| {
            member.omitted == 1 || member.omitted > 0 && sampled[candidate.family().index()]
        };
        self.all.iter().filter(is_late).map(|(candidate, _)| candidate)
    }

    /// Adds the candidates of an answer, in place of what was known of them. Returns whether any was no member.
    fn name(&mut self, candidates: Vec<Named>, is_early: bool) -> bool {
        let (mut strangers, mut holds_more) = (candidates.len(), false);
        let mut last: Option<Arc<Member>> = None;
        self.all.put(candidates, |named, known, all| {
            strangers -= usize::from(known.is_some_and(|known| !known.is_early));
            // These questions keep what they named.
            let joined = known.filter(|known| known.heard < Heard::All).map(|known| {
                let mut origin = named.origin.clone();
                holds_more |= origin.join(&known.origin);
                origin
            });
            let origin = joined.as_ref().unwrap_or(&named.origin);
            let is_like = |last: &Arc<Member>| {
                last.origin.is(origin) && is_one(&last.transports, &named.transports)
            };
            if !last.as_ref().is_some_and(is_like) {
                let member = Member::new(origin.clone(), named.transports.clone(), is_early);
                last = Some(Arc::new(member));
            }
            last.iter().for_each(|member| all.push(member));
        });
        self.holds_more = holds_more;
        strangers > 0
    }

    /// Lets go at once of an address without a pin where the answer names it with one: the pin says
    /// more.
    fn drop_superseded(&mut self) {
        let next = self.all.iter().skip(1).map(Some).chain([None]);
        let superseded = self.all.iter().zip(next).map(|((old, _), next)| {
            next.is_some_and(|(new, member)| {
                member.is_named && old.pinned().is_none() && old.is_at_address_of(new)
            })
        });
        let mut superseded = superseded.collect::<Vec<_>>().into_iter();
        self.all.keep(|_, _| !superseded.next().unwrap_or(false));
    }
}

/// Whether both are the same in memory.
fn is_one(a: &Option<Transports>, b: &Option<Transports>) -> bool {
    a.as_ref().map(Arc::as_ptr) == b.as_ref().map(Arc::as_ptr)
}

#[cfg(test)]
mod tests;
