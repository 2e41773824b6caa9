//! One step of the core: what is due is done, in the order of the data flow.

use std::collections::BTreeMap;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    DialFailure, DialId, Discovery, Output,
    dials::Expect,
    order::Order,
    refresh::{Named, Resolution},
    schedule::Schedule,
    sources::{SourceState, Standing},
};
use crate::{
    candidate::Candidate,
    event::{Event, Failure},
    filter::Rejection,
    resolver::LookupError,
};

/// How many of the entries that a suspect answer leaves out, and that are not selected, are asked at
/// once whether they still answer.
const SUSPECTS: usize = 3;

impl Discovery {
    /// Does all that is due.
    pub(super) fn advance(&mut self, now: Instant) {
        self.wake = None;
        self.forgive(now);
        self.expire_dials(now);
        self.refresh_sources(now);
        if std::mem::take(&mut self.stale_order) {
            self.reorder(now);
        }
        self.tell_bounded();
        // What keeps us joined goes before what might improve our place.
        self.check_entries(now);
        self.connect_acquaintances(now);
        self.repair(now);
        // So does what was told of somebody who is connected: it is one probe, and no walk.
        self.follow_hints(now);
        self.walk_families(now);
        self.update_status(now);
        self.wake_at(self.dials.next_deadline());
        self.wake_at(self.sources.values().filter_map(SourceState::wake).min());
    }

    /// Asks to be woken at an instant, unless an earlier one is noted.
    pub(super) fn wake_at(&mut self, at: Option<Instant>) {
        self.wake = match (self.wake, at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    /// Lets those be selected again that were disqualified for long enough.
    fn forgive(&mut self, now: Instant) {
        let before = self.disqualified.len();
        self.disqualified.retain(|_, until| *until > now);
        if self.disqualified.len() < before {
            self.replan();
        }
        self.wake_at(self.disqualified.values().min().copied());
    }

    fn expire_dials(&mut self, now: Instant) {
        for id in self.dials.overdue(now) {
            self.give_up(id, now);
        }
    }

    /// Stops waiting for a dial; its candidate counts as silent.
    pub(super) fn give_up(&mut self, id: DialId, now: Instant) {
        let Some(dial) = self.dials.end(id) else { return };
        if let Some(peer) = dial.waits_for {
            return self.turn_away(&dial.candidate, Failure::Unidentified(peer), now);
        }
        // Closing the connections of a real peer would close those of others with it.
        if dial.expect == Expect::Probe {
            self.outputs.push_back(Output::Abort { id });
        } else if dial.deadline > now {
            self.dials.abandon(&dial);
        }
        self.judge_failure(&dial, DialFailure::Failed(Failure::TimedOut), now);
    }

    fn refresh_sources(&mut self, now: Instant) {
        let ids: Vec<u64> = self.sources.keys().copied().collect();
        for id in ids {
            self.finish_refresh(id, now);
            self.drive_refresh(id, now);
            // A static source, and one whose look-ups all ended within their first step, is done.
            self.finish_refresh(id, now);
        }
    }

    fn drive_refresh(&mut self, id: u64, now: Instant) {
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        let timeout = self.config.lookup_timeout;
        source.start_if_due(&self.config.limits, timeout, &mut self.rng, now);
        while let Some((step, query)) = source.poll_query() {
            let lookup = self.lookups.start(id, step);
            self.outputs.push_back(Output::Lookup { id: lookup, query });
        }
    }

    fn finish_refresh(&mut self, id: u64, now: Instant) {
        let Some(outcome) =
            self.sources.get_mut(&id).and_then(|s| s.finish(&self.config.pool, now))
        else {
            return;
        };
        self.cancel_lookups(id);
        match outcome {
            Ok(resolution) => self.apply_resolution(id, resolution, now),
            Err(error) => self.note_failed_refresh(id, error, now),
        }
    }

    fn note_failed_refresh(&mut self, id: u64, error: LookupError, now: Instant) {
        let Some(source) = self.sources.get_mut(&id) else { return };
        let worth_telling = source.note_failure(&error);
        // Nothing was ever there: perhaps we are the first. That is no failure, and once it is
        // believed, there is nothing to tell: a lone node is quiet.
        let first_of_all = source.told.is_none() && matches!(error, LookupError::Nothing(_));
        let believed = first_of_all && source.is_settled();
        let (failures, rng) = (source.failures, &mut self.rng);
        let retry_in = match &error {
            LookupError::Nothing(nothing) => {
                Schedule::after_nothing(&self.config, nothing.negative_ttl, failures, rng)
            }
            _ => Schedule::after_failure(&self.config, failures, rng),
        };
        source.plan_next(Some(now + retry_in));
        let source = source.source.clone();
        self.renew_walkers(now);
        if worth_telling && !believed {
            if first_of_all {
                tracing::debug!(%source, %error, failures, "there is nothing yet");
            } else {
                tracing::warn!(%source, %error, failures, "look-up failed; what is known is kept");
            }
            self.tell(Event::LookupFailed { source, error, failures, retry_in });
        }
    }

    fn renew_walkers(&mut self, now: Instant) {
        for walker in self.walkers.values_mut() {
            walker.renew(now);
        }
        self.renew_hosts(now);
    }

    fn apply_resolution(&mut self, id: u64, resolution: Resolution, now: Instant) {
        let passed = self.filter(id, resolution.candidates);
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        let recovered = source.failures > 0;
        let (table, connections, tracks) = (&self.table, &self.connections, &self.tracks);
        let standing = |candidate: &Candidate| {
            let entry = table.get(candidate);
            Standing {
                lives: entry.is_some_and(|e| connections.is_live_at(&e.peer, candidate)),
                failures: tracks.get(candidate).map_or(0, |t| t.failures),
                verified: entry.map(|e| e.last_verified),
            }
        };
        let turned = source.apply(passed, resolution.complete, standing, now);
        self.bound_members(id);
        let Some(source) = self.sources.get_mut(&id) else { return };
        if turned {
            let (source, sampled) = (source.source.clone(), source.is_sampled());
            tracing::info!(%source, sampled, "answers are samples, or no longer");
            self.outputs.push_back(Output::Event(Event::Sampled { source, sampled }));
        }
        let next = resolution.ttl.map(|ttl| {
            now + Schedule::after_answer(&self.config, ttl, resolution.records, source.jitter)
        });
        source.plan_next(next);
        if let Some(candidates) = source.tell(resolution.complete, recovered) {
            let (source, complete) = (source.source.clone(), resolution.complete);
            tracing::debug!(%source, candidates = candidates.len(), complete, "resolved");
            self.tell(Event::Resolved {
                source,
                candidates,
                complete,
                missing: resolution.incomplete_because,
                dropped: resolution.dropped,
                dropped_total: resolution.dropped_total,
                proof: resolution.proof,
            });
            self.stale_order = true;
        }
        self.check_omitted(id, now);
        self.renew_walkers(now);
    }

    /// Has those verified now that the last answer of a source left out: who takes a place has probably
    /// left; and of others, it tells whether this is a sample.
    fn check_omitted(&mut self, id: u64, now: Instant) {
        let Some(source) = self.sources.get(&id) else { return };
        let (asks, sampled) = (source.is_suspect(), source.is_sampled());
        let omitted = source.lately_omitted().filter(|c| self.table.get(c).is_some()).cloned();
        let (selected, others): (Vec<_>, Vec<_>) =
            omitted.partition(|c| self.selected.contains(c) && !sampled);
        let others = others.into_iter().take(if asks { SUSPECTS } else { 0 });
        for candidate in selected.into_iter().chain(others) {
            self.table.check_at(&candidate, now);
        }
    }

    /// Leaves out what the filter does not let through, and what is past the bound.
    fn filter(&mut self, id: u64, named: Vec<Named>) -> Vec<Named> {
        let Some(source) = self.sources.get_mut(&id) else {
            return Vec::new();
        };
        let (by_dns, only_pinned) = (!source.source.is_static(), source.source.is_pinned());
        let mut rejected = BTreeMap::new();
        let mut passed = Vec::with_capacity(named.len());
        // Both are sorted. What passed once passes again.
        let mut known = source.members.iter().map(|member| &member.candidate).peekable();
        for named in named {
            while known.next_if(|known| **known < named.candidate).is_some() {}
            if known.peek() == Some(&&named.candidate) {
                passed.push(named);
                continue;
            }
            let unpinned = only_pinned && named.candidate.pinned().is_none();
            let outcome = match unpinned {
                true => Err(Rejection::Unpinned),
                false => self.config.filter.check(&named.candidate, by_dns),
            };
            match outcome {
                Ok(()) => passed.push(named),
                Err(rejection) => {
                    rejected.insert(named.candidate, rejection);
                }
            }
        }
        self.reject(id, rejected);
        passed
    }

    fn reject(&mut self, id: u64, rejected: BTreeMap<Candidate, Rejection>) {
        let most = self.config.limits.candidates.get();
        let Some(source) = self.sources.get_mut(&id) else { return };
        let new = source.reject(rejected, most);
        let source = source.source.clone();
        let told = self.config.limits.rejections_told.get();
        let more = new.len().saturating_sub(told);
        for (candidate, rejection) in new.into_iter().take(told) {
            let address = candidate.address().clone();
            self.tell(Event::Rejected { address, rejection });
        }
        if more > 0 {
            tracing::warn!(%source, more, "the filter rejects more addresses than are told");
            self.tell(Event::MoreRejected { source, more });
        }
    }

    /// Keeps the members of a source within the bound.
    fn bound_members(&mut self, id: u64) {
        let most = self.config.limits.candidates.get();
        let Some(mut source) = self.sources.remove(&id) else { return };
        source.bound(most, |family| self.rank(family));
        self.sources.insert(id, source);
    }

    /// Merges the sources' candidates, and lets go of what no source names any more.
    fn reorder(&mut self, now: Instant) {
        let members = self.sources.values().flat_map(|source| &source.members);
        let preferences = members.filter_map(|m| Some((m.candidate.clone(), m.preferred.clone()?)));
        let told = |s: &SourceState| s.told.clone().map(|told| (told, s.source.is_static()));
        let lists: Vec<_> = self.sources.values().filter_map(told).collect();
        let held = self.hold(&lists);
        self.order_cut = held.cut;
        let order = Order::new(held.candidates, preferences);
        self.note_own_changed();
        for walker in self.walkers.values_mut() {
            walker.start_over();
        }
        let old = std::mem::replace(&mut self.order, order);
        let (departed, added) = (old.without(&self.order), self.order.without(&old));
        self.refuse_pinned(&added, now);
        if departed.is_empty() {
            return;
        }
        let order = &self.order;
        self.tracks.retain(|candidate| order.contains(candidate));
        self.hints.retain(|candidate| order.contains(candidate));
        for candidate in departed {
            self.depart(&candidate);
        }
    }

    fn depart(&mut self, candidate: &Candidate) {
        let under_way = self.dials.of(candidate).map(|(id, _)| id);
        if let Some((id, dial)) = under_way.and_then(|id| Some((id, self.dials.end(id)?))) {
            if dial.expect == Expect::Probe {
                self.outputs.push_back(Output::Abort { id });
            } else if dial.waits_for.is_none() {
                self.dials.abandon(&dial);
            }
        }
        if self.keep_under_pin(candidate) {
            return;
        }
        if let Some(entry) = self.table.remove(candidate) {
            let (peer, address) = (entry.peer, candidate.address().clone());
            if self.is_verified_there(candidate, &peer) {
                return;
            }
            let gone = self.note_gone(&peer);
            self.tell(Event::Departed { peer, address, gone });
        }
    }

    /// Keeps the entry of a candidate that departs where its address is now pinned to the peer that is
    /// verified there.
    fn keep_under_pin(&mut self, candidate: &Candidate) -> bool {
        let Some(peer) = self.table.get(candidate).map(|e| e.peer) else { return false };
        let mut here = self.order.at_address(candidate);
        let pinned =
            here.find(|c| c.pinned() == Some(&peer) && self.table.get(c).is_none()).cloned();
        if let Some(pinned) = &pinned {
            self.table.rename(candidate, pinned);
        }
        pinned.is_some()
    }

    pub(super) fn is_disqualified(&self, peer: &PeerId, now: Instant) -> bool {
        self.disqualified.get(peer).is_some_and(|until| *until > now)
    }

    /// Looks up earlier than planned, because a selected peer was lost or nobody is verified.
    pub(super) fn hasten(&mut self) {
        for source in self.sources.values_mut() {
            source.hasten(Schedule::least(&self.config, source.members.len()));
        }
    }
}
