//! Asks for probes of candidates that would take a place: one for every free place, and one more for each
//! free place with every stagger that passes (RFC 8305 section 5).

use std::{ops::Range, time::Duration};

use web_time::Instant;

use super::{
    budget::Quota,
    host_probes::Machine,
    route::Route,
    scene::{Ask, Scene},
};
use crate::{
    candidate::{Candidate, Family},
    discovery::{
        dial::{Dial, DialId, Expect, Purpose},
        plan::Plan,
        view::View,
    },
};

/// How long a silent probe keeps its slot while other candidates wait for one: as long as TCP takes to send a
/// lost SYN again (RFC 6298: 1 s), and a fifth of a second for the handshake. With the default limits, dials
/// then start as fast as the limit per minute lets them.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// How many candidates after a random one are looked at for one to try.
const RANDOM_REACH: usize = 16;

/// How many of the candidates that have waited longest, or that may be tried first, are looked at to find one
/// that the plan wants.
const LOOKS: usize = 32;

/// The search for the peers of one family's places.
#[derive(Debug)]
pub(super) struct Search {
    family: Family,
    /// Probes started since a place is free.
    started: usize,
    /// Whether it is the turn of the candidate that has waited longest to be tried again.
    waited: bool,
    route: Route,
}

impl Search {
    pub(super) fn new(family: Family) -> Self {
        Self { family, started: 0, waited: false, route: Route::default() }
    }

    /// Whether the family may be dialled.
    pub(super) fn has_route(&self) -> bool {
        !matches!(self.route, Route::Missing(_))
    }

    /// A dial found no route. The family is not judged while a peer in it was verified lately.
    pub(super) fn note_no_route(&mut self, candidate: &Candidate, view: &View<'_>) {
        if view.was_verified_lately(self.family) {
            return;
        }
        let mut hosts = view.order.hosts(self.family);
        self.route.miss(
            Machine::of(candidate),
            |missed| {
                hosts.all(|host| {
                    let other = host.iter().find(|c| !view.own.is_own(c));
                    other.is_none_or(|c| missed.contains(&Machine::of(c)))
                })
            },
            view.now + view.config.max_refresh,
        );
    }

    /// The route of the family, to note something of it.
    pub(super) fn route(&mut self) -> &mut Route {
        &mut self.route
    }

    /// Asks for the next probe, or for the end of a probe whose outcome no longer matters. If all places are
    /// taken, only candidates are still tried that are lower in order than one that takes a place, one by
    /// one.
    pub(super) fn next(&mut self, scene: &Scene<'_>, rng: &mut fastrand::Rng) -> Ask {
        if scene.view.order.family(self.family).is_empty() {
            return Ask::Nothing(None);
        }
        self.route.renew_in_time(scene.now());
        let plan = scene.plan(self.family);
        if let Some(needless) = self.needless(plan, scene) {
            return Ask::Abort(needless);
        }
        if !plan.is_free {
            self.started = 0;
        }
        let (found, wake) = match self.has_slot(plan, scene) {
            true => self.next_to_try(plan, scene, rng),
            false => (None, None),
        };
        match found {
            Some(candidate) => scene.ask_for_probe(candidate, Purpose::Place),
            None => {
                let hedge = self.next_hedge(scene);
                let times = [wake, hedge, self.route.next_timeout()];
                Ask::Nothing(times.into_iter().flatten().min())
            }
        }
    }

    /// A probe that was asked for has started.
    pub(super) fn started(&mut self, is_retry: bool) {
        self.started += 1;
        self.waited ^= is_retry;
    }

    /// The probe that has been silent for longest, to give its slot to another candidate; or when it has been
    /// silent for long enough for that. So a silent candidate costs little more than a second, and not ten.
    pub(super) fn slowest(&self, scene: &Scene<'_>) -> Result<DialId, Option<Instant>> {
        // A dial to a pinned peer cannot be aborted: the swarm goes on with it.
        let may_abandon = scene.dials.may_abandon(Quota::Place);
        let is_silent = |(id, d): &(DialId, &Dial)| {
            (may_abandon || d.expect == Expect::Probe)
                && d.expect != Expect::Anyone
                && !scene.dials.is_spared(*id)
                && d.waits_for.is_none()
                && scene.view.ledger.failed(&d.candidate).is_none()
        };
        let silent = self.probes(scene).filter(is_silent);
        let (id, started) = silent.map(|(id, d)| (id, d.started)).min().ok_or(None)?;
        if started + PATIENCE > scene.now() {
            return Err(Some(started + PATIENCE));
        }
        Ok(id)
    }

    /// A probe whose outcome no longer matters, because the places are taken by others.
    fn needless(&self, plan: &Plan, scene: &Scene<'_>) -> Option<DialId> {
        let order = scene.view.order;
        let better_known = |c: &Candidate| {
            order.preferred_to(c).is_some_and(|better| scene.view.ledger.entry(better).is_some())
        };
        let is_wanted = |c: &Candidate| {
            self.is_wanted(plan, scene, c) && scene.view.may_take_place(c) && !better_known(c)
        };
        let mut probes = self.probes(scene).filter(|(_, d)| d.expect == Expect::Probe);
        probes.find(|(_, d)| !is_wanted(&d.candidate)).map(|(id, _)| id)
    }

    /// Whether a peer that is verified at a candidate would take a place, or would take a place by this
    /// candidate instead of by a fallback to it.
    fn is_wanted(&self, plan: &Plan, scene: &Scene<'_>, candidate: &Candidate) -> bool {
        let order = scene.view.order;
        let takes_place = |c: &Candidate| plan.selected.binary_search(c).is_ok();
        plan.wants(order.family(self.family), candidate)
            || order.fallbacks_of(candidate).iter().any(takes_place)
    }

    /// Whether one more probe may start: a probe that has been silent for a stagger does not hold up another.
    fn has_slot(&self, plan: &Plan, scene: &Scene<'_>) -> bool {
        let at_once = if self.route == Route::Doubtful { 1 } else { plan.at_once };
        let stagger = scene.view.config.stagger;
        let recent = |(_, dial): &(DialId, &Dial)| dial.started + stagger > scene.now();
        self.probes(scene).filter(recent).count() < at_once
    }

    /// When the first of the probes under way will have been silent for a stagger, so that another candidate,
    /// or a fallback to this one, has its turn.
    fn next_hedge(&self, scene: &Scene<'_>) -> Option<Instant> {
        let stagger = scene.view.config.stagger;
        let ripe = self.probes(scene).map(|(_, dial)| dial.started + stagger);
        ripe.filter(|at| *at > scene.now()).min()
    }

    fn probes<'a>(&self, scene: &Scene<'a>) -> impl Iterator<Item = (DialId, &'a Dial)> + use<'a> {
        scene.dials.for_places(self.family)
    }

    /// The next candidate to try: the lowest one. But while a place is free, every second one is a random
    /// candidate, so that a row of silent candidates at the start cannot keep this node out for long. If
    /// there is none, the second value says when there may be one.
    fn next_to_try(
        &self,
        plan: &Plan,
        scene: &Scene<'_>,
        rng: &mut fastrand::Rng,
    ) -> (Option<Candidate>, Option<Instant>) {
        if !self.has_route() {
            return (None, None);
        }
        let first = plan.at_once.min(scene.view.config.limits.concurrent_probes.get());
        let turn = self.started.checked_sub(first);
        // Where one address has no route, another one may have.
        let odd = self.route == Route::Doubtful || turn.is_some_and(|turn| turn % 2 == 1);
        if plan.is_free && odd {
            let random = self.random(scene, rng);
            if random.is_some() {
                return (random, None);
            }
        }
        match self.first_untried(plan, scene) {
            Some(untried) => (Some(untried), None),
            None => self.first_to_retry(plan, scene, rng),
        }
    }

    /// The first candidate in the plan's ranges that was never tried.
    fn first_untried(&self, plan: &Plan, scene: &Scene<'_>) -> Option<Candidate> {
        let order = scene.view.order.family(self.family);
        let dials = scene.dials.iter().filter(|(_, d)| d.candidate.family() == self.family);
        let dialled = dials.filter_map(|(_, dial)| order.binary_search(&dial.candidate).ok());
        let ranges = plan.ranges_by_need(&dialled.collect::<Vec<_>>());
        let untried = scene.view.ledger.untried();
        apart(ranges).find_map(|range| scene.first_to_try(untried, &order[range])).cloned()
    }

    /// Of the candidates whose back-off has passed, the lowest. But every second time it is the one that has
    /// waited longest: the lowest ones come due again and again, and would keep the others out for ever.
    fn first_to_retry(
        &self,
        plan: &Plan,
        scene: &Scene<'_>,
        rng: &mut fastrand::Rng,
    ) -> (Option<Candidate>, Option<Instant>) {
        let order = scene.view.order.family(self.family);
        let within = |c: &Candidate| c.family() == self.family && self.is_wanted(plan, scene, c);
        let due = scene.view.ledger.due();
        let first_from = |start: usize| {
            let rest = |range: Range<usize>| range.start.max(start)..range.end;
            let ranges =
                apart(plan.ranges_by_need(&[])).map(rest).filter(|range| !range.is_empty());
            ranges.filter_map(|range| scene.first_to_try(&due.in_order, &order[range])).min()
        };
        let longest = || {
            let mut first = due.by_time.iter().map(|(_, c)| c).take(LOOKS);
            first.find(|c| within(c) && scene.may_try(c))
        };
        let in_turn = match self.waited {
            // If none of the first can be tried, the one that has waited longest is not known: then a random
            // one.
            true => longest().or_else(|| first_from(rng.usize(..order.len()))),
            false => None,
        };
        let better = || {
            let mut better = plan.selected.iter().flat_map(|c| scene.view.order.better_than(c));
            better.find(|c| due.in_order.contains(*c) && scene.may_try(c))
        };
        let found = in_turn.or_else(|| first_from(0).into_iter().chain(better()).min());
        if found.is_some() {
            return (found.cloned(), None);
        }
        let waiting = || scene.view.ledger.waiting().take(LOOKS);
        let next = waiting().find(|(_, c)| within(c)).or_else(|| waiting().nth(LOOKS - 1));
        (None, next.map(|(at, _)| *at))
    }

    /// A random candidate. With several sources, a source is picked first, and then one of its candidates. So
    /// a source with few candidates has its turn within seconds, beside a source with thousands of silent
    /// ones. A candidate that failed is picked again, because it may have been late.
    fn random(&self, scene: &Scene<'_>, rng: &mut fastrand::Rng) -> Option<Candidate> {
        let view = scene.view;
        let lists = view.order.lists_of(self.family);
        if lists.len() < 2 {
            let order = view.order.family(self.family);
            let untried = around(order, rng).filter(|c| view.is_untried(c));
            return untried.into_iter().find(|c| scene.may_try(c)).cloned();
        }
        let first = rng.usize(..lists.len());
        let is_open = |c: &&Candidate| {
            !view.waits(c) && !view.own.is_own(c) && view.order.contains(c) && scene.may_try(c)
        };
        let mut lists = lists[first..].iter().chain(&lists[..first]);
        lists.find_map(|list| around(list, rng).find(is_open)).cloned()
    }
}

/// The ranges that lie in no range before them: on a ring, the same places come again.
fn apart(ranges: Vec<Range<usize>>) -> impl Iterator<Item = Range<usize>> {
    let mut before: Vec<Range<usize>> = Vec::new();
    ranges.into_iter().filter(move |range| {
        let is_new = !before.iter().any(|b| b.start <= range.start && range.end <= b.end);
        before.extend(is_new.then(|| range.clone()));
        is_new
    })
}

/// The candidates from a random place on, in a circle, at most [`RANDOM_REACH`].
fn around<'a>(
    list: &'a [Candidate],
    rng: &mut fastrand::Rng,
) -> impl Iterator<Item = &'a Candidate> + use<'a> {
    let start = rng.usize(..list.len());
    list[start..].iter().chain(&list[..start]).take(RANDOM_REACH)
}

#[cfg(test)]
mod tests;
