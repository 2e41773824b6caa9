//! What DNS says now: the sources, their look-ups, and the candidates that they name.

use std::{collections::BTreeMap, sync::Arc};

use web_time::Instant;

pub(super) use self::{context::Context, members::Liveness, refresh::AT_ONCE};
use self::{
    context::Rank,
    fair_share::{Allotted, List},
    lookups::{Lookups, Waiting},
    refresh::{Refresh, Resolution},
    schedule::Schedule,
    source::SourceState,
    spelled::has,
    taken::{offers_nobody, take_answer, take_failure},
};
use super::{
    effect::{Effect, Effects},
    output::{LookupId, Output},
    stats::{LookupCounts, LookupOutcome},
};
use crate::{
    candidate::{Candidate, Family, Transports},
    config::Config,
    event::Event,
    filter::Rejection,
    resolver::{Answer, LookupError},
    source::Source,
};

mod belief;
mod context;
mod due;
pub(super) mod fair_share;
mod inquiries;
mod left_out;
mod lookups;
mod members;
mod pace;
mod questions;
pub(crate) mod refresh;
mod rejections;
mod reply;
mod roll;
mod sampling;
mod schedule;
mod source;
mod spelled;
mod taken;
mod under_way;

/// The sources and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Boxed: a node of the map has room for eleven, and nearly always one is there.
    sources: BTreeMap<u64, Box<SourceState>>,
    next_source: u64,
    lookups: Lookups,
    /// How often look-ups ended.
    counts: LookupCounts,
    version: u64,
    /// How often a source came or went, or a refresh ended.
    heard: u64,
    /// How many candidates of each family the sources name, all together, past the bound.
    cut: [usize; Family::ALL.len()],
    /// Whether it was announced that candidates are left out.
    announced_cut: bool,
    /// What the last refresh of a source found, if it was too much to be taken in the same call.
    outcomes: BTreeMap<u64, Resolution>,
    /// For each source that was asked while no other node is known: whether it names no address to try, and the
    /// versions of what this was computed from.
    offers_nobody: BTreeMap<u64, ((u64, u64), bool)>,
}

impl Names {
    /// Adds a source, to be looked up at once. Returns false if it is there already.
    pub(super) fn add(&mut self, source: Source, now: Instant) -> bool {
        if self.find(&source).is_some() {
            return false;
        }
        self.sources.insert(self.next_source, Box::new(SourceState::new(source, now)));
        self.next_source += 1;
        self.heard += 1;
        true
    }

    /// Removes a source; returns the look-ups that are to be cancelled, or `None` if there is no such
    /// source.
    pub(super) fn remove(&mut self, source: &Source) -> Option<Vec<LookupId>> {
        let found = self.sources.iter().find(|(_, s)| s.source() == source);
        let id = found.map(|(id, _)| *id)?;
        self.sources.remove(&id);
        self.offers_nobody.remove(&id);
        self.outcomes.remove(&id);
        self.version += 1;
        self.heard += 1;
        Some(self.lookups.forget(id))
    }

    /// The sources, in the order in which they were added.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.all().map(SourceState::source)
    }

    fn all(&self) -> impl Iterator<Item = &SourceState> + Clone {
        self.sources.values().map(|source| &**source)
    }

    /// The candidates of a source, as last announced.
    pub(super) fn announced(&self, source: &Source) -> Option<&Arc<[Candidate]>> {
        self.find(source)?.announced()
    }

    /// What the sources name and the filter does not let through.
    pub(super) fn rejected(&self) -> impl Iterator<Item = (&Candidate, &Rejection)> {
        self.all().flat_map(|source| source.rejections().iter())
    }

    /// Differs whenever the sources name other candidates.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Differs whenever the sources may have said something else, of candidates or not.
    pub(super) fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether a source names an address, also if the filter rejects it or a bound leaves it out.
    pub(super) fn names(&self, address: &Candidate) -> bool {
        self.all().any(|source| {
            has(address, |from| source.members().first_from(from))
                || has(address, |from| source.rejections().first_from(from))
        })
    }

    /// Whether candidates are left out, as last announced: then it matters which of them the selection
    /// wants.
    pub(super) fn is_cut(&self) -> bool {
        self.announced_cut
    }

    /// The candidates that only static sources name, if there are sources of other kinds, too. A static
    /// source is then a way to reach the cluster, and does not say which nodes there are.
    pub(super) fn only_static(&self) -> impl Iterator<Item = &Candidate> {
        let tells = self.tells_who_is_there();
        let (telling, mute): (Vec<_>, Vec<_>) = self.all().partition(|s| tells(s));
        let named = mute.into_iter().flat_map(|source| source.members().candidates());
        named.filter(move |c| !telling.iter().any(|source| source.members().contains(c)))
    }

    /// The rejected addresses that nevertheless count as other nodes. An address that lacks a required
    /// pin always is. An address that was rejected for another reason is, unless its source also names
    /// an accepted address of ours: hosts list their own loopback and link-local addresses too.
    pub(super) fn rejected_others(
        &self,
        is_ours: &dyn Fn(&Candidate) -> bool,
    ) -> BTreeMap<Candidate, Rejection> {
        let mut others = BTreeMap::new();
        let tells = self.tells_who_is_there();
        let rejects = |source: &&SourceState| source.rejections().iter().next().is_some();
        for source in self.all().filter(|source| tells(source)).filter(rejects) {
            let names_us = source.members().candidates().any(is_ours);
            let is_other = |(candidate, rejection): &(&Candidate, &Rejection)| {
                !is_ours(candidate) && (!names_us || matches!(rejection, Rejection::Unpinned))
            };
            let rejected = source.rejections().iter().filter(is_other);
            others.extend(rejected.map(|(c, rejection)| (c.clone(), rejection.clone())));
        }
        others
    }

    /// Picks the sources that say which nodes there are. A static source does so only if there is no source of
    /// another kind.
    fn tells_who_is_there(&self) -> impl Fn(&SourceState) -> bool + use<> {
        let all_static = self.all().all(|source| source.source().is_static());
        move |source| all_static || !source.source().is_static()
    }

    /// How often look-ups ended.
    pub(super) fn counts(&self) -> LookupCounts {
        self.counts
    }

    /// The sources that were answered with records, and when that was the last time.
    pub(super) fn answered(&self) -> impl Iterator<Item = (&Source, Instant)> {
        self.all().filter_map(|source| Some((source.source(), source.resolved?)))
    }

    /// How many sources there are.
    pub(super) fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether any source was ever answered.
    pub(super) fn is_answered(&self) -> bool {
        self.all().any(|source| source.announced().is_some())
    }

    /// Whether there are sources, and each has said all.
    pub(super) fn is_settled(&self) -> bool {
        !self.sources.is_empty() && self.all().all(SourceState::is_settled)
    }

    /// Looks up all sources at once.
    pub(super) fn force(&mut self, now: Instant) {
        self.sources.values_mut().for_each(|source| source.force(now));
    }

    /// Looks up earlier than planned, because a selected peer was lost or no peer is verified.
    pub(super) fn look_sooner(&mut self, config: &Config) {
        for source in self.sources.values_mut() {
            let records = source.members().len().max(source.records());
            source.hasten(Schedule::least(config, records));
        }
    }

    /// Takes the result of a look-up. Says whether it was waited for.
    pub(super) fn handle_lookup(
        &mut self,
        id: LookupId,
        result: Result<Answer, LookupError>,
    ) -> bool {
        let Some(Waiting { source, query }) = self.lookups.end(id) else { return false };
        self.counts.note(LookupOutcome::of(&result));
        let Some(source) = self.sources.get_mut(&source) else { return false };
        source.handle_result(&query, result);
        true
    }

    /// Starts the refreshes that are due, reads the answers that have come, and takes the refreshes that have
    /// ended, until [`AT_ONCE`] entries were read or candidates taken. Says whether there may be more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let ids: Vec<u64> = self.sources.keys().copied().collect();
        let mut taken = 0;
        for id in ids {
            self.expire(id, context);
            taken += self.plan(id).map_or(0, |plan| plan.read_on(AT_ONCE));
            taken += self.finish(id, context);
            if taken >= AT_ONCE {
                return true;
            }
            self.drive(id, context);
            // A static source, and one whose look-ups all ended within their first step, is done.
            taken += self.finish(id, context) + self.use_so_far(id, context);
            if taken >= AT_ONCE || self.plan(id).is_some_and(|plan| plan.is_reading()) {
                return true;
            }
        }
        false
    }

    fn plan(&mut self, id: u64) -> Option<&mut Refresh> {
        self.sources.get_mut(&id)?.plan()
    }

    /// The next instant at which something is to be done.
    pub(super) fn next_timeout(&self, config: &Config) -> Option<Instant> {
        let of = |source: &SourceState| source.next_timeout(config.lookup_timeout);
        self.all().filter_map(of).min()
    }

    /// Shares the room for candidates among the sources: returns those that are held, and what each
    /// source names.
    pub(super) fn allot(
        &mut self,
        config: &Config,
        rank: &Rank<'_>,
    ) -> (Arc<[Candidate]>, Vec<Arc<[Candidate]>>) {
        let answered = self.all().filter(|source| source.announced().is_some());
        let (lists, are_static): (Vec<_>, Vec<_>) = answered
            .map(|s| (s.announced().cloned().unwrap_or_default(), s.source().is_static()))
            .unzip();
        let most = config.limits.candidates.get();
        let cut = self.cut_by_sources();
        let rank = |list: &[Candidate]| rank(list, list.len() + of_family(list, cut));
        let allotted = match &lists[..] {
            [only] if only.len() <= most => {
                Allotted { candidates: only.clone(), cut: Default::default() }
            }
            _ => {
                let list = |(candidates, is_static)| List { candidates, is_static };
                let all = lists.iter().map(|list| &list[..]).zip(are_static);
                fair_share::allot(&all.map(list).collect::<Vec<_>>(), most, rank)
            }
        };
        self.cut = allotted.cut;
        (allotted.candidates, lists)
    }

    /// Of each candidate whose record names several transports to its host: these, as far as the source
    /// names them. The first source that names a candidate decides.
    ///
    /// So no two transports wait for each other to fail, even where sources contradict each other. A
    /// candidate waits for one that its own source names, and that an earlier source, or the same one,
    /// decides about. In a circle, all would be decided by one source, whose records name transports in
    /// one order.
    pub(super) fn transports(&self) -> impl Iterator<Item = (&Candidate, Transports)> {
        self.sources.iter().flat_map(|(id, source)| {
            let earlier = self.sources.range(..id).map(|(_, earlier)| earlier.members());
            let is_first = move |c: &Candidate| !earlier.clone().any(|of| of.contains(c));
            source.members().transports().filter(move |(c, _)| is_first(c))
        })
    }

    /// How many candidates of each family are left out, because one source names too many, or all sources
    /// together do. A candidate that is past the bound of several sources is counted once for each of these.
    pub(super) fn left_out(&self) -> [usize; Family::ALL.len()] {
        let by_source = self.cut_by_sources();
        Family::ALL.map(|family| self.cut[family.index()] + by_source[family.index()])
    }

    /// How many candidates of each family are left out because one source names too many.
    fn cut_by_sources(&self) -> [usize; Family::ALL.len()] {
        let mut cut = [0; Family::ALL.len()];
        for source in self.all() {
            cut.iter_mut().zip(source.members().cut()).for_each(|(all, one)| *all += one);
        }
        cut
    }

    /// Announces that candidates are left out, when that begins, and when it ends. `held` is how many
    /// are not.
    pub(super) fn announce_cut(&mut self, held: usize, effects: &mut Effects) {
        let cut = self.left_out().iter().sum::<usize>();
        if (cut > 0) == self.announced_cut {
            return;
        }
        self.announced_cut = cut > 0;
        effects.tell(Event::Bounded { held, cut });
    }

    fn find(&self, source: &Source) -> Option<&SourceState> {
        self.all().find(|s| s.source() == source)
    }

    /// Ends the look-ups of a source that are out for too long.
    fn expire(&mut self, id: u64, context: &mut Context<'_>) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        for id in source.expire(context.config, context.now) {
            self.lookups.end(id);
            self.counts.note(LookupOutcome::TimedOut);
            context.effects.push(Effect::Output(Output::CancelLookup { id }));
        }
    }

    fn drive(&mut self, id: u64, context: &mut Context<'_>) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        let Context { config, now, rng, effects, .. } = context;
        source.start_if_due(config, rng, *now);
        while let Some((step, query)) = source.poll_query(*now) {
            let id = self.lookups.start(Waiting { source: id, query: query.clone() });
            source.sent(query.clone(), step, id, *now);
            let source = source.source().clone();
            effects.push(Effect::Output(Output::Lookup { id, query, source }));
        }
    }

    /// Uses what a refresh has named so far: A does not wait for AAAA, nor one target for another. Returns
    /// how many candidates that took.
    fn use_so_far(&mut self, id: u64, context: &mut Context<'_>) -> usize {
        let Some(source) = self.sources.get_mut(&id) else { return 0 };
        let Some(named) = source.take_so_far(context.config, context.now) else { return 0 };
        let taken = named.len();
        if !source.members_mut().add(named) {
            return taken;
        }
        let rank = |list: &[Candidate]| (context.rank)(list, list.len());
        source.members_mut().bound(context.config.limits.candidates.get(), rank);
        if let Some(candidates) = source.announce_part() {
            self.version += 1;
            let source = source.source().clone();
            context.effects.tell(Event::Resolved {
                source,
                candidates,
                complete: false,
                missing: None,
                dropped: Vec::new(),
                dropped_total: 0,
                proof: None,
            });
        }
        taken
    }

    /// Ends the refresh of a source if it is over, and takes its outcome; a large one in the next call. Returns
    /// how much that was.
    fn finish(&mut self, id: u64, context: &mut Context<'_>) -> usize {
        let Some(source) = self.sources.get_mut(&id) else { return 0 };
        if let Some(resolution) = self.outcomes.remove(&id) {
            let size = resolution.size();
            self.take(id, Ok(resolution), context);
            return size;
        }
        let made_from = (self.version, context.ours);
        let known = self.offers_nobody.get(&id).filter(|(known, _)| *known == made_from);
        let offers_nobody = !context.has_others
            && source.is_under_way()
            && known.map_or_else(|| offers_nobody(source, context), |(_, known)| *known);
        if !context.has_others && source.is_under_way() {
            self.offers_nobody.insert(id, (made_from, offers_nobody));
        }
        let outcome = source.finish(context.config, offers_nobody, context.rng, context.now);
        let Some(outcome) = outcome else { return 0 };
        let size = outcome.as_ref().map_or(0, Resolution::size);
        match outcome {
            Ok(resolution) if size >= AT_ONCE => drop(self.outcomes.insert(id, resolution)),
            outcome => self.take(id, outcome, context),
        }
        size
    }

    /// Takes the outcome of a refresh.
    fn take(
        &mut self,
        id: u64,
        outcome: Result<Resolution, LookupError>,
        context: &mut Context<'_>,
    ) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        self.heard += 1;
        // Hosts may be tried again at the pace of the source's own name, whatever the targets' TTLs.
        let is_own = outcome.as_ref().map_or(true, |resolution| resolution.threads.has_own());
        match outcome {
            Ok(resolution) => self.version += u64::from(take_answer(source, resolution, context)),
            Err(error) => take_failure(source, error, context),
        }
        if is_own {
            context.effects.push(Effect::Refreshed);
        }
    }
}

/// The number that belongs to the family of a list.
fn of_family(list: &[Candidate], counts: [usize; Family::ALL.len()]) -> usize {
    list.first().map_or(0, |candidate| counts[candidate.family().index()])
}

#[cfg(test)]
mod tests;
