//! The walk over a family: which candidates take a place, and which to try next.

use std::{collections::BTreeSet, ops::Range, sync::Arc, time::Duration};

use web_time::Instant;

use super::{
    Discovery, Output,
    dials::{Dial, DialId, Expect, Purpose, Room},
    plan::Plan,
};
use crate::{
    candidate::{Candidate, Family},
    config::Identify,
    event::Failure,
};

/// While nobody is verified, the candidates are tried again at this pace, as far as the slots for
/// probes allow: the others come back together after an outage, and back-off must not hold us apart
/// from them.
const DESERTED_RETRY: Duration = Duration::from_secs(30);
/// How long a probe may keep a slot that another candidate could have that was never tried.
const PATIENCE: Duration = Duration::from_secs(2);
/// One in how many of those that have kept it for so long is waited for until its deadline.
const SPARED: usize = 4;
/// How many candidates one step turns away that are pinned to peers that may not join.
const TURNED_AWAY: usize = 64;
/// How many candidates after a random one are looked at for one to try.
const RANDOM_REACH: usize = 16;

/// What a family remembers between two walks.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// Candidates before this one have all been tried. Only a short cut: zero is never wrong.
    cursor: usize,
    /// Who holds which finger, so that a finger changes only when it must.
    pub(super) fingers: Vec<Option<Candidate>>,
    /// The plan, and the version of the table that it was made from. Whatever else it follows from
    /// has it dropped by [`Walker::replan`].
    pub(super) plan: Option<(u64, Arc<Plan>)>,
    /// Where we are in the order, if it lists us; `None` if that is to be found out.
    pub(super) own_place: Option<Option<usize>>,
    /// Probes started since a place is free.
    started: usize,
    /// The last one that was started.
    latest: Option<DialId>,
    /// Whether it is the turn of whoever has waited longest to be tried again.
    waited: bool,
    /// This machine has no route to the family: until the renewal, it is left alone.
    no_route: bool,
    /// It had none when last tried: one probe at a time finds out whether that has changed.
    doubtful: bool,
    renewed: Option<Instant>,
}

impl Walker {
    pub(super) fn note_no_route(&mut self) {
        self.no_route = true;
        self.doubtful = true;
    }

    pub(super) fn note_route(&mut self) {
        self.doubtful = false;
    }

    pub(super) fn has_route(&self) -> bool {
        !self.no_route
    }

    /// Candidates were added, or one that was tried is to be tried afresh.
    pub(super) fn start_over(&mut self) {
        self.cursor = 0;
    }

    /// The candidates, the selection, or who may be selected have changed.
    pub(super) fn replan(&mut self) {
        self.plan = None;
    }

    /// A refresh has ended, or time has passed: routes may be tried again.
    pub(super) fn renew(&mut self, now: Instant) {
        self.no_route = false;
        self.renewed = Some(now);
    }

    /// When to renew, if no refresh ends before: static sources have none.
    fn renew_at(&self, period: Duration, now: Instant) -> Instant {
        self.renewed.unwrap_or(now) + period
    }
}

impl Discovery {
    /// Walks over all families: notes who is selected, starts and aborts probes.
    pub(super) fn walk_families(&mut self, now: Instant) {
        self.renew_hosts_in_time(now);
        let mut selected = BTreeSet::new();
        // The room for probes is theirs together: whoever has started none for longest goes first.
        let mut families = Family::ALL;
        families.sort_by_key(|family| self.walkers[family].latest);
        for family in families {
            if self.order.family(family).is_empty() {
                continue;
            }
            let period = self.config.max_refresh;
            if self.walker(family).renew_at(period, now) <= now {
                self.walker(family).renew(now);
            }
            self.walker(family).renewed.get_or_insert(now);
            let plan = self.plan(family, now);
            self.abort_needless(family, &plan, now);
            self.start_probes(family, &plan, now);
            selected.extend(plan.selected.iter().cloned());
            let walker = self.walker(family);
            let at = walker.no_route.then(|| walker.renew_at(period, now));
            self.wake_at(at);
        }
        self.reselect(selected, now);
    }

    /// Aborts the probes whose outcome no longer matters, because the places are taken by others.
    fn abort_needless(&mut self, family: Family, plan: &Plan, now: Instant) {
        let order = self.order.family(family);
        let better_known =
            |c| self.order.preferred_to(c).is_some_and(|better| self.table.get(better).is_some());
        let wanted = |c| plan.wants(order, c) && self.may_take_place(c, now) && !better_known(c);
        let mut needless: Vec<DialId> = self
            .dials
            .iter()
            .filter(|(_, d)| d.purpose == Purpose::Place && d.expect == Expect::Probe)
            .filter(|(_, d)| d.candidate.family() == family && !wanted(&d.candidate))
            .map(|(id, _)| id)
            .collect();
        needless.sort_unstable();
        for id in needless {
            self.dials.end(id);
            self.walker(family).start_over();
            self.outputs.push_back(Output::Abort { id });
        }
    }

    /// Starts probes: one for every free place, and one more for each of them with every stagger
    /// that passes while they run (RFC 8305 section 5). With all places taken, what is still to be
    /// tried is lower than one of those who took them, and is tried one by one.
    fn start_probes(&mut self, family: Family, plan: &Plan, now: Instant) {
        if !plan.is_free {
            self.walker(family).started = 0;
        }
        let mut turned_away = 0;
        while self.has_slot(family, plan, now) {
            let Some(candidate) = self.next_to_try(family, plan, now) else { break };
            let is_retry = self.tracks.get(&candidate).is_some_and(|t| t.failed.is_some());
            match self.start_probe(&candidate, Purpose::Place, now) {
                Room::Free => {
                    self.walker(family).waited ^= is_retry;
                    let latest = self.dials.of(&candidate).map(|(id, _)| id);
                    turned_away += usize::from(latest.is_none());
                    if turned_away >= TURNED_AWAY {
                        // The next step goes on, once what there is to tell was taken.
                        self.dirty = true;
                        return;
                    }
                    let walker = self.walker(family);
                    walker.started += 1;
                    walker.latest = latest.or(walker.latest);
                }
                Room::Full if plan.is_free && self.give_up_slowest(family, now) => {}
                Room::Full => return,
                Room::Until(at) => return self.wake_at(Some(at)),
            }
        }
        self.plan_hedge(family, now);
    }

    /// Whether one more probe may start: one that has been silent for a stagger holds up nobody.
    fn has_slot(&self, family: Family, plan: &Plan, now: Instant) -> bool {
        let at_once = if self.walkers[&family].doubtful { 1 } else { plan.at_once };
        let recent = |dial: &&Dial| dial.started + self.config.stagger > now;
        self.running(family).filter(recent).count() < at_once
    }

    /// With all slots taken and more candidates to try, takes the slot of the probe that has waited
    /// longest, if it has waited for long enough: silent candidates then cost two seconds each and not
    /// ten. Nearly all are given up, and have all the time they need when they are tried again. A few
    /// are waited for beside the others: where everybody is slow, nobody would be met before everybody
    /// had been given up once.
    fn give_up_slowest(&mut self, family: Family, now: Instant) -> bool {
        // A dial to a pinned peer cannot be aborted: the swarm goes on with it.
        let may_abandon = self.dials.may_abandon();
        let silent = |d: &Dial| {
            d.purpose == Purpose::Place
                && (may_abandon || d.expect == Expect::Probe)
                && d.expect != Expect::Anyone
                && d.candidate.family() == family
                && !d.is_spared
                && d.waits_for.is_none()
                && self.tracks.get(&d.candidate).is_none_or(|t| t.failed.is_none())
        };
        let dials = self.dials.iter().filter(|(_, dial)| silent(dial));
        let Some((id, started)) = dials.map(|(id, d)| (id, d.started)).min() else { return false };
        if started + PATIENCE > now {
            self.wake_at(Some(started + PATIENCE));
            return false;
        }
        // At random, or it would be the lowest, which may all be silent.
        let spared = self.rng.usize(..SPARED) == 0 && self.dials.spare(id);
        if !spared {
            self.give_up(id, now);
        }
        true
    }

    /// Plans the next look: when one of the probes under way has been silent for so long that another
    /// candidate, or a fallback to it, has its turn.
    fn plan_hedge(&mut self, family: Family, now: Instant) {
        let stagger = self.config.stagger;
        let ripe = self.running(family).map(|d| d.started + stagger).filter(|at| *at > now).min();
        self.wake_at(ripe);
    }

    fn running(&self, family: Family) -> impl Iterator<Item = &Dial> {
        let dials = self.dials.iter().map(|(_, dial)| dial);
        dials.filter(move |d| d.purpose == Purpose::Place && d.candidate.family() == family)
    }

    /// Takes the next candidate: the lowest one; but while a place is free, a random one every
    /// second time, so that a row of silent ones at the start cannot keep us out for long.
    fn next_to_try(&mut self, family: Family, plan: &Plan, now: Instant) -> Option<Candidate> {
        let first = plan.at_once.min(self.config.limits.concurrent_probes.get());
        let walker = self.walker(family);
        let turn = walker.started.checked_sub(first);
        // Where one address has no route, another one may have.
        let odd = walker.doubtful || turn.is_some_and(|turn| turn % 2 == 1);
        if plan.is_free && odd {
            let random = self.random_to_try(family, now);
            if random.is_some() {
                return random;
            }
        }
        self.first_to_try(family, plan, now)
    }

    /// The first candidate in the plan's ranges that was never tried, or else the lowest whose
    /// back-off has passed.
    fn first_to_try(&mut self, family: Family, plan: &Plan, now: Instant) -> Option<Candidate> {
        if !self.walker(family).has_route() {
            return None;
        }
        for range in plan.ranges_by_need(self, family) {
            let untried = self.first_untried(family, range, now);
            if untried.is_some() {
                return untried;
            }
        }
        self.first_retry(family, plan, now)
    }

    fn first_untried(
        &mut self,
        family: Family,
        range: Range<usize>,
        now: Instant,
    ) -> Option<Candidate> {
        let order = self.order.family(family);
        let short_cut = self.walkers[&family].cursor;
        let mut cursor = if range.start < short_cut { short_cut } else { range.start };
        while cursor < range.end && !self.is_untried(&order[cursor]) {
            cursor += 1;
        }
        let rest = order.get(cursor..range.end).unwrap_or_default();
        let untried = |c: &&Candidate| self.is_untried(c) && self.may_try(c, now);
        let found = rest.iter().find(untried).cloned();
        if range.start <= short_cut {
            self.walker(family).cursor = cursor.max(short_cut);
        }
        found
    }

    /// Of those whose back-off has passed, the lowest; but every second time whoever has waited
    /// longest, or the lowest, which come due again and again, would keep the others out for ever.
    fn first_retry(&mut self, family: Family, plan: &Plan, now: Instant) -> Option<Candidate> {
        let waited = self.walkers[&family].waited;
        let order = self.order.family(family);
        let within = |c: &Candidate| c.family() == family && plan.wants(order, c);
        let mut due: Option<&Candidate> = None;
        let mut wake = None;
        for (at, candidate) in self.tracks.waiting().filter(|(_, c)| within(c)) {
            if *at > now {
                wake = Some(*at);
                break;
            }
            if due.is_none_or(|lowest| candidate < lowest) && self.may_try(candidate, now) {
                due = Some(candidate);
                if waited {
                    break;
                }
            }
        }
        let due = due.cloned();
        self.wake_at(wake);
        due
    }

    fn random_to_try(&mut self, family: Family, now: Instant) -> Option<Candidate> {
        let len = self.order.family(family).len();
        if !self.walker(family).has_route() || len == 0 {
            return None;
        }
        if self.sources.len() > 1 {
            let lists = self.lists_of(family);
            if lists.len() > 1 {
                return self.random_of_lists(&lists, now);
            }
        }
        let start = self.rng.usize(..len);
        let order = self.order.family(family);
        around(order, start).filter(|c| self.is_untried(c)).find(|c| self.may_try(c, now)).cloned()
    }

    /// A source first and then one of its candidates, so that a source with few is met within seconds
    /// beside one with thousands of silent ones; or met again, if it was late.
    fn random_of_lists(
        &mut self,
        lists: &[(Arc<[Candidate]>, Range<usize>)],
        now: Instant,
    ) -> Option<Candidate> {
        let first = self.rng.usize(..lists.len());
        for (told, range) in lists[first..].iter().chain(&lists[..first]) {
            let list = &told[range.clone()];
            let start = self.rng.usize(..list.len());
            let open = |c: &&Candidate| {
                let waits = self.tracks.get(c).and_then(|t| t.failed.as_ref());
                let due = waits.is_none_or(|failed| failed.retry_at <= now);
                due && !self.is_own(c) && self.order.contains(c) && self.may_try(c, now)
            };
            if let Some(found) = around(list, start).find(open) {
                return Some(found.clone());
            }
        }
        None
    }

    /// Starts a dial that tells who lives at a candidate nobody is verified at.
    pub(super) fn start_probe(
        &mut self,
        candidate: &Candidate,
        purpose: Purpose,
        now: Instant,
    ) -> Room {
        if let Some(pinned) = candidate.pinned().filter(|pinned| !self.admits(pinned, candidate)) {
            self.turn_away(candidate, Failure::Refused(*pinned), now);
            return Room::Free;
        }
        let room = self.dials.room(purpose, now);
        if room == Room::Free {
            self.note_probe(candidate);
            let expect = self.expectation(candidate);
            self.start_dial(candidate, expect, purpose, now);
        }
        room
    }

    fn expectation(&self, candidate: &Candidate) -> Expect {
        match candidate.pinned() {
            // A relay is asked for a peer, so that a throw-away id would reach nobody there.
            Some(pinned) if candidate.is_relayed() => Expect::Peer(*pinned),
            Some(pinned) if !self.connections.is_connected(pinned) => Expect::Peer(*pinned),
            // A dial to a peer that is connected would be refused.
            _ => self.expect_anyone(),
        }
    }

    /// What a dial expects that is to find out who lives at an address.
    pub(super) fn expect_anyone(&self) -> Expect {
        match self.config.identify {
            Identify::Probe => Expect::Probe,
            Identify::Dial => Expect::Anyone,
        }
    }

    pub(super) fn start_dial(
        &mut self,
        candidate: &Candidate,
        expect: Expect,
        purpose: Purpose,
        now: Instant,
    ) {
        let deadline = now + self.config.probe_timeout;
        let dial = Dial {
            candidate: candidate.clone(),
            expect,
            purpose,
            started: now,
            deadline,
            is_spared: false,
            waits_for: None,
        };
        let id = self.dials.start(dial);
        let address = candidate.address().clone();
        self.outputs.push_back(Output::Dial { id, address, expect });
    }

    /// Notes who is selected now. A newly selected peer is connected to at once; a displaced one is
    /// verified more rarely from now on, and its connection is left alone.
    fn reselect(&mut self, selected: BTreeSet<Candidate>, now: Instant) {
        if selected == self.selected {
            return;
        }
        let added: Vec<_> = selected.difference(&self.selected).cloned().collect();
        let dropped: Vec<_> = self.selected.difference(&selected).cloned().collect();
        self.selected = selected;
        for candidate in added {
            let connected =
                self.table.get(&candidate).is_some_and(|e| self.connections.is_connected(&e.peer));
            let at = if connected { self.next_check(&candidate, now) } else { now };
            self.table.check_at(&candidate, at);
        }
        for candidate in dropped {
            let at = self.next_check(&candidate, now);
            self.table.check_at(&candidate, at);
        }
        // Checks that are due now come before everything else of the next step.
        self.dirty = true;
    }

    /// The longest pause before a candidate is tried again while nobody is verified: as many as
    /// there are share the slots for probes, each of which a silent one holds until its deadline.
    pub(super) fn deserted_retry(&self) -> Duration {
        let at_once = self.config.limits.concurrent_probes.get() * 3;
        let rounds = self.order.len().div_ceil(at_once.max(1)).max(1);
        DESERTED_RETRY
            .saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX))
            .min(self.config.retry_cap)
    }

    pub(super) fn walker(&mut self, family: Family) -> &mut Walker {
        self.walkers.entry(family).or_default()
    }
}

/// The candidates from a place on, in a circle, as far as it is worth to look.
fn around(list: &[Candidate], start: usize) -> impl Iterator<Item = &Candidate> {
    list[start..].iter().chain(&list[..start]).take(RANDOM_REACH)
}
