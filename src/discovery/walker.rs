//! The walk over a family: which candidates take a place, and which to try next.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    time::Duration,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    Discovery, Output,
    dials::{Dial, DialId, Expect, Purpose, Room},
};
use crate::{
    candidate::{Candidate, Family},
    config::Identify,
    selection::{Selection, Standing, Walk, walk},
};

/// While nobody is verified, no candidate waits longer than this for its next try: the others come
/// back together after an outage, and back-off must not hold us apart from them.
const DESERTED_RETRY: Duration = Duration::from_secs(30);
/// When an address that led to ourselves is looked at again.
const SELF_RECHECK: Duration = Duration::from_secs(600);

/// What a family remembers between two walks.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// Probes that may run beyond one for every free place, because others are slow.
    hedges: usize,
    /// When the next hedge is due.
    hedge_at: Option<Instant>,
    /// Probes started while nobody was verified.
    started: usize,
    /// This machine has no route to the family: until the next refresh, it is left alone.
    no_route: bool,
    /// It had none when last tried: one probe at a time finds out whether that has changed.
    doubtful: bool,
    /// Probes started at each host since the last refresh.
    per_host: HashMap<IpAddr, usize>,
}

impl Walker {
    pub(super) fn note_no_route(&mut self) {
        self.no_route = true;
        self.doubtful = true;
    }

    pub(super) fn note_route(&mut self) {
        self.doubtful = false;
    }

    /// A new answer has come: routes and hosts may be tried again.
    pub(super) fn renew(&mut self) {
        self.no_route = false;
        self.per_host.clear();
    }
}

impl Discovery {
    /// Walks over all families: notes who is selected, starts and aborts probes.
    pub(super) fn walk_families(&mut self, now: Instant) {
        let mut selected = BTreeSet::new();
        for family in Family::ALL {
            let walk = self.walk_family(family, now);
            self.abort_needless(family, &walk);
            self.start_probes(family, &walk, now);
            selected.extend(walk.selected);
        }
        self.reselect(selected, now);
    }

    fn walk_family(&mut self, family: Family, now: Instant) -> Walk {
        let mut retry: Option<Instant> = None;
        let walk = walk(self.config.selection, self.order.family(family), |candidate| {
            let standing = self.standing(candidate, now);
            if let Err(Some(at)) = standing {
                retry = Some(retry.map_or(at, |earliest| earliest.min(at)));
            }
            standing.unwrap_or(Standing::Passed)
        });
        self.wake_at(retry);
        walk
    }

    /// How a candidate stands; `Err` to pass it, with the instant at which to look again.
    fn standing(&self, candidate: &Candidate, now: Instant) -> Result<Standing, Option<Instant>> {
        if self.is_own(candidate) {
            return self.standing_of_own(candidate, now);
        }
        if let Some(entry) = self.table.get(candidate) {
            return match self.disqualified.get(&entry.peer) {
                Some(until) if *until > now => Err(Some(*until)),
                _ => Ok(Standing::Verified(entry.peer)),
            };
        }
        if self.walkers[&candidate.family()].no_route {
            return Err(None);
        }
        if let Some(pinned) = candidate.pinned() {
            if let Some(until) = self.disqualified.get(pinned).filter(|until| **until > now) {
                return Err(Some(*until));
            }
            if self.holds_place(pinned, candidate) {
                return Err(None);
            }
        }
        if !self.has_turn(candidate) {
            return Err(None);
        }
        let cap = self.deserted.map(|_| DESERTED_RETRY);
        match self.tracks.get(candidate).and_then(|t| t.retry_at(cap)) {
            Some(at) if at > now => Err(Some(at)),
            _ => Ok(Standing::Open),
        }
    }

    /// Whether a candidate is to be tried at all: a fallback has its turn when the better transport
    /// to its host has failed.
    pub(super) fn has_turn(&self, candidate: &Candidate) -> bool {
        let failed = |better| self.tracks.get(better).is_some_and(|t| t.failures > 0);
        self.order.preferred_to(candidate).is_none_or(failed)
    }

    /// An address that once led to ourselves is looked at again from time to time: it may have
    /// passed to somebody else.
    fn standing_of_own(
        &self,
        candidate: &Candidate,
        now: Instant,
    ) -> Result<Standing, Option<Instant>> {
        let track = self.tracks.get(candidate);
        match track.and_then(|t| t.itself).map(|at| at + SELF_RECHECK) {
            Some(at) if at > now => Err(Some(at)),
            Some(_) if !self.own.contains_key(candidate.address()) => Ok(Standing::Open),
            _ => Err(None),
        }
    }

    /// Whether a pinned peer is verified at another candidate of the family, so that one more
    /// address of it would take no place.
    fn holds_place(&self, pinned: &PeerId, candidate: &Candidate) -> bool {
        self.config.selection != Selection::All
            && self.table.candidates_of(pinned).any(|c| c.family() == candidate.family())
    }

    /// Aborts the probes whose outcome no longer matters, because the places are taken by others.
    fn abort_needless(&mut self, family: Family, walk: &Walk) {
        let open: HashSet<_> = walk.open.iter().collect();
        let mut needless: Vec<DialId> = self
            .dials
            .iter()
            .filter(|(_, d)| d.purpose == Purpose::Place && d.candidate.family() == family)
            .filter(|(_, d)| d.expect == Expect::Probe && !open.contains(&d.candidate))
            .map(|(id, _)| id)
            .collect();
        needless.sort_unstable();
        for id in needless {
            self.dials.end(id);
            self.outputs.push_back(Output::Abort { id });
        }
    }

    /// Starts probes of open candidates: one for every free place, and a further one with every
    /// stagger that passes while they run (RFC 8305 section 5).
    fn start_probes(&mut self, family: Family, walk: &Walk, now: Instant) {
        let mut running =
            walk.open.iter().filter(|candidate| self.dials.of(candidate).is_some()).count();
        if running == 0 {
            self.walker(family).hedges = 0;
        }
        if self.walker(family).hedge_at.is_some_and(|at| at <= now) {
            self.walker(family).hedge_at = None;
            self.walker(family).hedges += 1;
        }
        let free = self.config.selection.places().map(|n| n.saturating_sub(walk.selected.len()));
        let walker = self.walker(family);
        let allowed = match free {
            _ if walker.doubtful => 1,
            // With all places taken, what is still open is lower than one of those who took them.
            Some(free) => free.max(1) + walker.hedges,
            None => usize::MAX,
        };
        let mut waiting: Vec<&Candidate> =
            walk.open.iter().filter(|candidate| self.dials.of(candidate).is_none()).collect();
        waiting.retain(|candidate| self.host_has_room(family, candidate));
        waiting.reverse();
        while running < allowed {
            let Some(candidate) = self.next_to_try(family, &mut waiting) else {
                break;
            };
            if !self.host_has_room(family, candidate) {
                continue;
            }
            match self.start_probe(candidate, Purpose::Place, now) {
                Room::Free => running += 1,
                Room::Full => return,
                Room::Until(at) => return self.wake_at(Some(at)),
            }
        }
        if running > 0 && !waiting.is_empty() {
            let stagger = self.config.stagger;
            let at = *self.walker(family).hedge_at.get_or_insert(now + stagger);
            self.wake_at(Some(at));
        } else {
            self.walker(family).hedge_at = None;
        }
    }

    /// Takes the next candidate: the lowest one; but while nobody is verified, a random one every
    /// second time, so that a row of silent ones at the start cannot keep us out for long.
    fn next_to_try<'a>(
        &mut self,
        family: Family,
        waiting: &mut Vec<&'a Candidate>,
    ) -> Option<&'a Candidate> {
        let first = self.config.selection.places().unwrap_or(usize::MAX);
        let started = self.walker(family).started;
        if self.table.len() == 0 {
            self.walker(family).started += 1;
        } else {
            self.walker(family).started = 0;
        }
        let at_random = self.table.len() == 0
            && started >= first
            && (started - first) % 2 == 1
            && waiting.len() > 1;
        if at_random {
            let index = self.rng.usize(..waiting.len());
            return Some(waiting.remove(index));
        }
        waiting.pop()
    }

    pub(super) fn host_has_room(&mut self, family: Family, candidate: &Candidate) -> bool {
        let most = self.config.limits.probes_per_host.get();
        let Some(ip) = candidate.ip() else {
            return true;
        };
        self.walker(family).per_host.get(&ip).is_none_or(|n| *n < most)
    }

    /// Starts a dial that tells who lives at a candidate nobody is verified at.
    pub(super) fn start_probe(
        &mut self,
        candidate: &Candidate,
        purpose: Purpose,
        now: Instant,
    ) -> Room {
        let room = self.dials.room(now);
        if room == Room::Free {
            if let Some(ip) = candidate.ip() {
                *self.walker(candidate.family()).per_host.entry(ip).or_default() += 1;
            }
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
            // A dial to a peer that is connected would be refused, or open a second connection.
            Some(_) => Expect::Probe,
            None => match self.config.identify {
                Identify::Probe => Expect::Probe,
                Identify::Dial => Expect::Anyone,
            },
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
        let dial = Dial { candidate: candidate.clone(), expect, purpose, started: now, deadline };
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
    }

    fn walker(&mut self, family: Family) -> &mut Walker {
        self.walkers.entry(family).or_default()
    }
}
