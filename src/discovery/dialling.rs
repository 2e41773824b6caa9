//! Which address to dial next: one budget, and one loop that asks the askers in a fixed order.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use self::{
    budget::{Quota, Reach, Room},
    congestion::Congestion,
    dials::Dials,
    hints::{Hint, Hints},
    host_probes::HostProbes,
    introductions::Introductions,
    newcomers::Newcomers,
    repair::Repair,
    scene::{Ask, Scene, Wish},
    search::Search,
};
use super::{
    dial::{Dial, DialId, Expect, Purpose},
    effect::{Effect, Effects},
    output::{DialFailure, Output},
    plan::{Plans, Selected},
    stats::{DialCounts, DialOutcome},
    view::View,
};
use crate::{
    candidate::{Candidate, Family},
    config::{Config, Limits},
};

mod budget;
mod checks;
mod congestion;
mod dials;
mod hints;
mod host_probes;
mod introductions;
mod newcomers;
mod repair;
mod route;
mod same_key;
mod scene;
mod search;
#[cfg(test)]
mod testing;

/// A silent probe may have to give its slot to another address. One in this many is waited for until its
/// deadline instead. Otherwise, if all peers were slow, none would be met before each had been given up once.
const SPARED: usize = 4;

/// The dials under way, and who asks for more.
#[derive(Debug)]
pub(super) struct Dialling {
    dials: Dials,
    congestion: Congestion,
    hosts: HostProbes,
    introductions: Introductions,
    repair: Repair,
    newcomers: Newcomers,
    hints: Hints,
    searches: [Search; Family::ALL.len()],
    /// Until when probes are taken to be denied by a behaviour of the swarm.
    denied: Option<Instant>,
    /// The askers that are still to be asked in this pass.
    askers: VecDeque<Asker>,
    /// The askers that are to be asked once more after that, and may then borrow from the quotas of others.
    borrowers: VecDeque<Asker>,
    /// Whether the asker whose turn it is may borrow.
    reach: Reach,
    /// The last dial of each asker.
    latest: HashMap<Asker, DialId>,
    /// When the askers are to be asked again, by what they said in the last pass.
    wake: Option<Instant>,
    /// How often dials ended.
    counts: DialCounts,
}

/// Who asks for dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asker {
    Checks,
    Introductions,
    SameKey,
    Repair,
    Hints,
    Newcomers,
    Search(Family),
}

impl Asker {
    /// In the order in which they are asked.
    const ALL: [Self; 9] = [
        Self::Checks,
        Self::Introductions,
        Self::SameKey,
        Self::Repair,
        Self::Hints,
        Self::Newcomers,
        Self::Search(Family::V4),
        Self::Search(Family::V6),
        Self::Search(Family::Other),
    ];
}

/// What the askers are asked by: what is known, and what is planned.
#[derive(Clone, Copy)]
pub(super) struct Situation<'a> {
    pub(super) view: View<'a>,
    pub(super) plans: &'a Plans,
    pub(super) selected: &'a Selected,
    /// Whether we are joined.
    pub(super) is_joined: bool,
}

impl Situation<'_> {
    /// A reason to look at a candidate; `peer` is connected and gives it, if one does.
    pub(super) fn hint(&self, candidate: Candidate, peer: Option<PeerId>) -> Hint {
        let family = candidate.family();
        let order = self.view.order.family(family);
        let takes_place = self.plans.of(family).wants(order, &candidate);
        Hint { candidate, peer, takes_place, entries: self.view.ledger.len() }
    }
}

impl Dialling {
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            dials: Dials::new(limits.concurrent_probes, limits.probes_per_minute, now),
            congestion: Congestion::new(limits.concurrent_probes),
            hosts: HostProbes::new(limits.probes_per_host),
            introductions: Introductions::default(),
            repair: Repair::default(),
            newcomers: Newcomers::default(),
            hints: Hints::default(),
            searches: Family::ALL.map(Search::new),
            denied: None,
            askers: VecDeque::new(),
            borrowers: VecDeque::new(),
            reach: Reach::Own,
            latest: HashMap::new(),
            wake: None,
            counts: DialCounts::default(),
        }
    }

    /// Whether a dial to a candidate is under way, or its peer is waited for to say what it speaks.
    pub(super) fn is_dialled(&self, candidate: &Candidate) -> bool {
        self.dials.of(candidate).is_some()
    }

    /// Begins a pass: all askers are asked once more, first for what is within their quotas, and then
    /// for what they may borrow.
    ///
    /// The dials that keep us joined go before the searches, which might improve our places. So do hints
    /// about connected peers, because each is one probe and no search. The searches of all families have one
    /// quota: the family that has started no probe for longest goes first. If there are fewer slots than
    /// purposes, all askers take turns in this way.
    pub(super) fn begin(&mut self, config: &Config, now: Instant) {
        self.hosts.renew_after(config.max_refresh, now);
        self.denied.take_if(|until| *until <= now);
        self.dials.allow(self.congestion.at_once(now));
        self.wake = self.hosts.next_timeout(config.max_refresh);
        let mut askers = Asker::ALL;
        let of_all = if self.dials.are_scarce() { 0 } else { Asker::ALL.len() - Family::ALL.len() };
        askers[of_all..].sort_by_key(|asker| self.latest.get(asker));
        self.askers = askers.into();
        self.borrowers.clear();
        self.reach = Reach::Own;
    }

    /// Gives up the dials whose deadline has passed.
    pub(super) fn expire(&mut self, now: Instant, effects: &mut Effects) {
        while let Some((id, dial)) = self.dials.end_overdue(now) {
            self.count(&dial, DialOutcome::TimedOut);
            abort_probe(id, &dial, effects);
            effects.push(Effect::GiveUp(dial));
        }
    }

    /// Does the next thing in this pass. What it asks of other rooms is appended to the effects. Returns
    /// whether there may be more to do, once the effects have been carried out.
    pub(super) fn poll(
        &mut self,
        situation: &Situation<'_>,
        rng: &mut fastrand::Rng,
        effects: &mut Effects,
    ) -> bool {
        let now = situation.view.now;
        let Some(asker) = self.next_asker() else { return false };
        match self.ask(asker, situation, rng) {
            Ask::Dial(wish) => match (self.room(wish.quota, self.reach, now), self.reach) {
                (Room::Free, _) => self.start(asker, wish, situation, effects),
                (_, Reach::Own) => self.borrow_later(),
                (Room::Until(at), Reach::Borrowed) => self.rest(Some(at)),
                (Room::Full, Reach::Borrowed) => self.make_room(asker, situation, rng, effects),
            },
            Ask::Other(Effect::Introduce { candidate, peer, purpose }) => {
                self.introduce(candidate, peer, purpose, &situation.view);
            }
            Ask::Other(effect) => effects.push(effect),
            Ask::Abort(id) => drop(self.stop(id, DialOutcome::Aborted, effects)),
            Ask::Nothing(at) => self.rest(at),
        }
        true
    }

    /// This node wakes, and `meant` to wake at an instant. Returns whether that instant has come. If it is long
    /// past, the node does not keep up.
    pub(super) fn wakes(&mut self, meant: Instant, now: Instant) -> bool {
        self.congestion.note(now.saturating_duration_since(meant), now);
        meant <= now
    }

    /// The next instant at which a dial is overdue, or an asker may want something.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.wake, self.dials.next_deadline()].into_iter().flatten().min()
    }

    /// Ends a dial that ended in a connection; `None` if it is not waited for.
    pub(super) fn connect(&mut self, id: DialId) -> Option<Dial> {
        let dial = self.dials.end(id)?;
        self.count(&dial, DialOutcome::Connected);
        Some(dial)
    }

    /// How often dials ended.
    pub(super) fn counts(&self) -> DialCounts {
        self.counts
    }

    /// Ends a dial that failed; `None` if it is not waited for. If a behaviour of the swarm denied a probe,
    /// the reason may be the probe's made-up id, as with an allow list. If it then denies a dial without an
    /// id, too, that was not the reason.
    pub(super) fn fail(
        &mut self,
        id: DialId,
        failure: &DialFailure,
        local: &PeerId,
        config: &Config,
        now: Instant,
    ) -> Option<Dial> {
        let dial = self.dials.end(id)?;
        self.count(&dial, DialOutcome::of(failure, dial.expect, local));
        match (failure, dial.expect) {
            (DialFailure::Denied(_), Expect::Probe) => self.denied = Some(now + config.max_refresh),
            (DialFailure::Denied(_), Expect::Anyone) => self.denied = None,
            _ => {}
        }
        Some(dial)
    }

    /// Ends the waiting for what a peer speaks.
    pub(super) fn end_waiting_for(&mut self, peer: &PeerId) -> Vec<Dial> {
        self.dials.end_waiting_for(peer)
    }

    /// A peer proved its identity at a candidate, and has not said which protocols it speaks. If the peer is
    /// not connected, a dial is to connect to it. If it is, the node waits until the peer has said so.
    pub(super) fn introduce(
        &mut self,
        candidate: Candidate,
        peer: PeerId,
        purpose: Purpose,
        view: &View<'_>,
    ) {
        if !view.ledger.is_connected(&peer) {
            return self.introductions.add(candidate, peer, purpose);
        }
        self.dials.wait_for(Dial {
            candidate,
            expect: Expect::Peer(peer),
            purpose,
            started: view.now,
            deadline: view.now + view.config.probe_timeout,
            waits_for: Some(peer),
        });
    }

    /// Whether there are peers to be connected to, so that they say what they speak.
    pub(super) fn introduces(&self) -> bool {
        !self.introductions.is_empty()
    }

    /// Connects to the peer that a repair has found, if there is room.
    pub(super) fn meet(
        &mut self,
        candidate: Candidate,
        situation: &Situation<'_>,
        effects: &mut Effects,
    ) {
        let wish = repair::meet(candidate, &self.scene(situation));
        if let Some(wish) = wish
            && self.room(wish.quota, Reach::Borrowed, situation.view.now) == Room::Free
        {
            self.start(Asker::Repair, wish, situation, effects);
        }
    }

    /// Looks at a candidate where a peer seems to live.
    pub(super) fn hint(&mut self, mut hint: Hint, config: &Config, now: Instant) {
        hint.entries += self.dials.iter().count();
        self.hints.add(hint, config, now);
    }

    /// There is a route to a family.
    pub(super) fn note_route(&mut self, family: Family) {
        self.searches[family.index()].route().find();
    }

    /// There is no route to a candidate. If it follows that there is none to the whole family, the family is
    /// not dialled until the next refresh, or for a while.
    pub(super) fn note_no_route(&mut self, candidate: &Candidate, view: &View<'_>) {
        self.searches[candidate.family().index()].note_no_route(candidate, view);
    }

    /// A refresh has ended: hosts and routes may be tried again. However many sources there are, and however
    /// often they fail, hosts may be tried again no more often than one source that answers would let them
    /// be.
    pub(super) fn renew(&mut self, config: &Config, now: Instant) {
        self.renew_routes();
        self.hosts.renew_after(config.min_refresh, now);
    }

    /// Lets all hosts and routes be tried again at once.
    pub(super) fn renew_all(&mut self, now: Instant) {
        self.renew_routes();
        self.hosts.renew(now);
    }

    /// Stops the dials to candidates that DNS no longer names.
    pub(super) fn depart(&mut self, departed: &[Candidate], effects: &mut Effects) {
        for candidate in departed {
            self.hints.forget(candidate);
            if let Some(id) = self.dials.of(candidate).map(|(id, _)| id) {
                self.stop(id, DialOutcome::Aborted, effects);
            }
        }
    }

    fn renew_routes(&mut self) {
        self.searches.iter_mut().for_each(|search| search.route().renew());
    }

    fn scene<'a>(&'a self, situation: &'a Situation<'a>) -> Scene<'a> {
        let Situation { view, plans, selected, .. } = situation;
        let are_probes_denied = self.denied.is_some();
        Scene { view, plans, selected, dials: &self.dials, hosts: &self.hosts, are_probes_denied }
    }

    fn ask(&mut self, asker: Asker, situation: &Situation<'_>, rng: &mut fastrand::Rng) -> Ask {
        let Situation { view, plans, selected, is_joined } = situation;
        let are_probes_denied = self.denied.is_some();
        let (dials, hosts) = (&self.dials, &self.hosts);
        let scene = Scene { view, plans, selected, dials, hosts, are_probes_denied };
        let has_route = |family: Family| self.searches[family.index()].has_route();
        match asker {
            Asker::Checks => checks::next(&scene, rng),
            Asker::Introductions => self.introductions.next(&scene),
            Asker::SameKey => same_key::next(&scene),
            Asker::Repair => self.repair.next(&scene, *is_joined, has_route, rng),
            Asker::Hints => self.hints.next(&scene),
            Asker::Newcomers => {
                let last = self.latest.get(&asker);
                let is_busy = last.is_some_and(|last| self.dials.iter().any(|(id, _)| id == *last));
                self.newcomers.next(&scene, *is_joined, is_busy, has_route, rng)
            }
            Asker::Search(family) => self.searches[family.index()].next(&scene, rng),
        }
    }

    /// Whether a dial may start. While this node does not keep up, fewer dials run at once, and no dial is
    /// given up to make room for another one.
    fn room(&mut self, quota: Quota, reach: Reach, now: Instant) -> Room {
        match self.dials.room(quota, reach, now) {
            Room::Full => self.congestion.more_at(now).map_or(Room::Full, Room::Until),
            room => room,
        }
    }

    /// Starts a dial that an asker wants, for which there is room.
    fn start(
        &mut self,
        asker: Asker,
        wish: Wish,
        situation: &Situation<'_>,
        effects: &mut Effects,
    ) {
        let Wish { candidate, expect, purpose, quota, is_probe, then } = wish;
        let view = &situation.view;
        if is_probe {
            self.hosts.note(&candidate);
        }
        let dial = Dial {
            candidate: candidate.clone(),
            expect,
            purpose,
            started: view.now,
            deadline: view.now + view.config.probe_timeout,
            waits_for: None,
        };
        let id = self.dials.start(dial, quota);
        self.latest.insert(asker, id);
        match asker {
            Asker::Introductions => self.introductions.started(&candidate),
            Asker::Hints => self.hints.forget(&candidate),
            Asker::Repair => self.repair.started(),
            Asker::Newcomers => self.newcomers.started(),
            Asker::Search(family) => {
                let is_retry = view.ledger.failed(&candidate).is_some();
                self.searches[family.index()].started(is_retry);
            }
            Asker::Checks | Asker::SameKey => {}
        }
        let address = candidate.address().clone();
        effects.push(Effect::Output(Output::Dial { id, address, expect }));
        if let Some(effect) = then {
            effects.push(effect);
        }
    }

    /// All slots are taken, and a search with a free place wants one. It gives up its slowest probe, if that
    /// has been silent for long enough, and takes the slot. A few of these probes, at random, are waited for
    /// until their deadline. Were none waited for at random, it would always be the lowest, which may all be
    /// silent.
    fn make_room(
        &mut self,
        asker: Asker,
        situation: &Situation<'_>,
        rng: &mut fastrand::Rng,
        effects: &mut Effects,
    ) {
        let Asker::Search(family) = asker else { return self.rest(None) };
        if !situation.plans.of(family).is_free {
            return self.rest(None);
        }
        let slowest = self.searches[family.index()].slowest(&self.scene(situation));
        match slowest {
            Err(at) => self.rest(at),
            Ok(id) if rng.usize(..SPARED) == 0 && self.dials.spare(id) => {}
            Ok(id) => match self.stop(id, DialOutcome::TimedOut, effects) {
                Some(dial) => effects.push(Effect::GiveUp(dial)),
                None => self.rest(None),
            },
        }
    }

    /// Ends a dial before its deadline.
    fn stop(&mut self, id: DialId, outcome: DialOutcome, effects: &mut Effects) -> Option<Dial> {
        let dial = self.dials.stop(id)?;
        self.count(&dial, outcome);
        abort_probe(id, &dial, effects);
        Some(dial)
    }

    /// Counts a dial that has ended. A dial that waits for what its peer speaks was counted when it met the
    /// peer.
    fn count(&mut self, dial: &Dial, outcome: DialOutcome) {
        if dial.waits_for.is_none() {
            self.counts.note(dial.purpose, outcome);
        }
    }

    /// The asker whose turn it is.
    fn next_asker(&mut self) -> Option<Asker> {
        if self.askers.is_empty() {
            self.askers = mem::take(&mut self.borrowers);
            self.reach = Reach::Borrowed;
        }
        self.askers.front().copied()
    }

    /// The asker whose turn it was has no room left within its quota.
    fn borrow_later(&mut self) {
        self.borrowers.extend(self.askers.pop_front());
    }

    /// The asker whose turn it was wants nothing more in this pass, and is asked again at an instant.
    fn rest(&mut self, at: Option<Instant>) {
        self.askers.pop_front();
        self.wake = [self.wake, at].into_iter().flatten().min();
    }
}

/// Has the swarm abort a dial for which the node no longer waits, if the dial is a probe.
fn abort_probe(id: DialId, dial: &Dial, effects: &mut Effects) {
    if dial.expect == Expect::Probe {
        effects.push(Effect::Output(Output::Abort { id }));
    }
}

#[cfg(test)]
mod tests;
