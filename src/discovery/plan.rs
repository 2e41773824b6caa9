//! The selection, applied to one family: who takes a place, and where to look for more.

use std::{collections::HashSet, ops::Range, sync::Arc};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::Discovery;
use crate::{
    candidate::{Candidate, Family},
    selection::{LOWEST, Selection},
};

/// What the selection makes of a family.
#[derive(Debug)]
pub(super) struct Plan {
    /// The candidates whose peers take a place, in order.
    pub(super) selected: Vec<Candidate>,
    /// Where in the order a candidate would take a place, or a better one, if it were verified.
    /// One group a place; none of the ranges is empty, and no two overlap.
    ranges: Vec<Vec<Range<usize>>>,
    /// Where else, if nobody is left to be tried there.
    beyond: Vec<Range<usize>>,
    /// Whether a place is free, rather than taken by somebody who is not the best for it.
    pub(super) is_free: bool,
    /// How many probes may run at once before any hedging.
    pub(super) at_once: usize,
}

impl Plan {
    /// Whether a candidate of the family would take a place if it were verified.
    pub(super) fn wants(&self, order: &[Candidate], candidate: &Candidate) -> bool {
        let after_start = |r: &Range<usize>| order.get(r.start).is_some_and(|s| candidate >= s);
        let before_end = |r: &Range<usize>| order.get(r.end).is_none_or(|e| candidate < e);
        let mut ranges = self.ranges.iter().flatten().chain(&self.beyond);
        ranges.any(|range| after_start(range) && before_end(range))
    }

    /// The ranges, those first in whose group the fewest dials are under way.
    pub(super) fn ranges_by_need(&self, core: &Discovery, family: Family) -> Vec<Range<usize>> {
        let mut groups = self.ranges.clone();
        if groups.len() > 1 {
            let order = core.order.family(family);
            let dials = core.dials.iter().filter(|(_, dial)| dial.candidate.family() == family);
            let places = dials.filter_map(|(_, dial)| order.binary_search(&dial.candidate).ok());
            let places: Vec<_> = places.collect();
            groups.sort_by_cached_key(|group| {
                let within = |place: &&usize| group.iter().any(|range| range.contains(*place));
                places.iter().filter(within).count()
            });
        }
        groups.into_iter().flatten().chain(self.beyond.iter().cloned()).collect()
    }
}

impl Discovery {
    /// The plan of a family. Made anew only when something that it follows from has changed.
    pub(super) fn plan(&mut self, family: Family, now: Instant) -> Arc<Plan> {
        let version = self.table.version();
        if let Some((of, plan)) = &self.walkers[&family].plan
            && *of == version
        {
            return plan.clone();
        }
        let plan = Arc::new(self.make_plan(family, now));
        self.walker(family).plan = Some((version, plan.clone()));
        plan
    }

    fn make_plan(&mut self, family: Family, now: Instant) -> Plan {
        match self.effective_selection(family) {
            Selection::Fingers => self.plan_fingers(family, now),
            Selection::Lowest(n) => self.plan_lowest(family, n.get(), now),
            Selection::All | Selection::Auto => self.plan_lowest(family, usize::MAX, now),
        }
    }

    /// The selection in force for a family: `Auto` follows the number of its candidates, which all
    /// nodes with the same answer see alike.
    pub(super) fn effective_selection(&self, family: Family) -> Selection {
        match self.config.selection {
            Selection::Auto if self.order.family(family).len() > self.config.auto_limit.get() => {
                Selection::Fingers
            }
            Selection::Auto => LOWEST,
            selection => selection,
        }
    }

    fn plan_lowest(&self, family: Family, places: usize, now: Instant) -> Plan {
        let mut taken = HashSet::new();
        let mut selected = Vec::new();
        for entry in self.table.iter().filter(|e| e.candidate.family() == family) {
            if selected.len() == places {
                break;
            }
            if !self.is_disqualified(&entry.peer, now) && taken.insert(entry.peer) {
                selected.push(entry.candidate.clone());
            }
        }
        let order = self.order.family(family);
        let free = places - selected.len();
        let end = match selected.last() {
            Some(last) if free == 0 => order.partition_point(|c| c < last),
            _ => order.len(),
        };
        let below = 0..end;
        let ranges = if below.is_empty() { Vec::new() } else { vec![Vec::from([below])] };
        let beyond = Vec::new();
        // With all places taken, what is still to be tried is lower than one of those who took them,
        // and is tried one by one.
        let at_once = free.max(1);
        Plan { selected, ranges, beyond, is_free: free > 0, at_once }
    }

    /// The successors at distance 1, 2, 4, … on the ring of the family's candidates.
    fn plan_fingers(&mut self, family: Family, now: Instant) -> Plan {
        let held = std::mem::take(&mut self.walker(family).fingers);
        if self.walker(family).own_place.is_none() {
            let own = self.order.family(family).iter().position(|c| self.is_own(c));
            self.walker(family).own_place = Some(own);
        }
        let ring = Ring::new(self, family, now);
        let mut fingers = Vec::new();
        let (mut ranges, mut beyond) = (Vec::new(), Vec::new());
        for (i, distance) in ring.distances().enumerate() {
            let old = held.get(i).and_then(Option::as_ref);
            let holder = ring.holder(distance, old);
            if let Some(end) = ring.end_of_search(distance, holder) {
                // First up to the target of the next finger, which is looked for from there.
                let next = (2 * distance).min(ring.others + 1);
                ranges.push(ring.pieces(distance, end.min(next)));
                beyond.extend(ring.pieces(next.min(end), end));
            }
            fingers.push(holder.map(|at| ring.candidate(at).clone()));
        }
        let mut taken = HashSet::new();
        let peer = |c: &Candidate| self.table.get(c).map(|e| e.peer);
        let mut selected: Vec<_> = fingers.iter().flatten().cloned().collect();
        selected.retain(|c| peer(c).is_some_and(|peer| taken.insert(peer)));
        selected.sort_unstable();
        let (is_free, at_once) = (selected.is_empty(), fingers.len().max(1));
        self.walker(family).fingers = fingers;
        Plan { selected, ranges, beyond, is_free, at_once }
    }
}

/// The candidates of a family in a circle, seen from our own place in it.
struct Ring<'a> {
    order: &'a [Candidate],
    /// The candidate at distance 1.
    first: usize,
    /// How many candidates there are besides ourselves.
    others: usize,
    /// The places in the order at which an other is verified, and may be selected.
    verified: Vec<usize>,
}

impl<'a> Ring<'a> {
    fn new(core: &'a Discovery, family: Family, now: Instant) -> Self {
        let order = core.order.family(family);
        let (first, others) = match core.walkers[&family].own_place.flatten() {
            Some(own) => ((own + 1) % order.len(), order.len() - 1),
            // Not listed: a place that depends on nothing but who we are.
            None => (place_of(&core.local, order.len()), order.len()),
        };
        let usable = core.table.iter().filter(|e| e.candidate.family() == family);
        let verified = usable
            .filter(|e| !core.is_disqualified(&e.peer, now))
            .filter_map(|e| order.binary_search(&e.candidate).ok())
            .collect();
        Self { order, first, others, verified }
    }

    /// 1, 2, 4, …, as far as the ring goes.
    fn distances(&self) -> impl Iterator<Item = usize> {
        let others = self.others;
        (0..usize::BITS).map(|i| 1 << i).take_while(move |distance| *distance <= others)
    }

    fn at(&self, distance: usize) -> usize {
        (self.first + distance - 1) % self.order.len()
    }

    fn distance_of(&self, index: usize) -> usize {
        (index + self.order.len() - self.first) % self.order.len() + 1
    }

    fn candidate(&self, index: usize) -> &Candidate {
        &self.order[index]
    }

    /// Who holds the finger at a distance: whoever held it, unless its place has clearly moved; or
    /// else the first verified one from the target on. The successor is always the nearest one: it
    /// is what holds the ring together.
    fn holder(&self, distance: usize, old: Option<&Candidate>) -> Option<usize> {
        if let Some(index) = old.and_then(|old| self.order.binary_search(old).ok())
            && distance > 1
            && self.verified.binary_search(&index).is_ok()
            && self.is_near(distance, self.distance_of(index))
        {
            return Some(index);
        }
        let target = self.at(distance);
        let after = self.verified.partition_point(|index| *index < target);
        self.verified.get(after).or_else(|| self.verified.first()).copied()
    }

    /// Whether a distance is still that of a finger: three quarters of it to one and a half.
    fn is_near(&self, wanted: usize, actual: usize) -> bool {
        (wanted - wanted / 4..=wanted + wanted / 2).contains(&actual)
    }

    /// Up to which distance, exclusive, a better holder of a finger could be: that of its holder,
    /// unless that one is near enough; or all the way round.
    fn end_of_search(&self, distance: usize, holder: Option<usize>) -> Option<usize> {
        let end = match holder.map(|holder| self.distance_of(holder)) {
            None => self.others + 1,
            Some(actual) if distance > 1 && self.is_near(distance, actual) => return None,
            // It was met after a whole round.
            Some(actual) if actual < distance => self.others + 1,
            Some(actual) => actual,
        };
        (end > distance).then_some(end)
    }

    /// The places in the order from one distance to another, exclusive.
    fn pieces(&self, from: usize, to: usize) -> Vec<Range<usize>> {
        if from >= to {
            return Vec::new();
        }
        let (start, len) = (self.at(from), self.order.len());
        let end = start + (to - from);
        if end <= len {
            return std::iter::once(start..end).collect();
        }
        vec![start..len, 0..end - len]
    }
}

/// A place between 0 and `len`, by the hash that a peer id is.
pub(super) fn place_of(peer: &PeerId, len: usize) -> usize {
    let bytes = peer.to_bytes();
    let word = bytes.iter().rev().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    usize::try_from(word % len as u64).unwrap_or(0)
}
