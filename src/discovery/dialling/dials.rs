//! Dials under way: who is being asked, why, until when, and how many there may be.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    time::Duration,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{
    candidate::Candidate,
    discovery::dial::{Dial, DialId, Purpose},
};

/// The dials under way, at most one for a candidate, and the budget for further ones.
#[derive(Debug)]
pub(in crate::discovery) struct Dials {
    under_way: BTreeMap<DialId, UnderWay>,
    by_candidate: HashMap<Candidate, DialId>,
    next_id: u64,
    concurrent: usize,
    budget: Budget,
    /// Until when the swarm may still be dialling for those that are waited for no longer and could
    /// not be aborted.
    abandoned: Vec<Instant>,
}

#[derive(Debug)]
struct UnderWay {
    dial: Dial,
    /// Others have its slot by now, and it is waited for beside them.
    is_spared: bool,
}

/// Whether a dial may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Only when one of those under way has ended.
    Full,
    /// Not before this instant.
    Until(Instant),
}

impl Dials {
    pub(super) fn new(concurrent: NonZeroUsize, per_minute: NonZeroUsize, now: Instant) -> Self {
        Self {
            under_way: BTreeMap::new(),
            by_candidate: HashMap::new(),
            next_id: 0,
            concurrent: concurrent.get(),
            budget: Budget::new(per_minute, now),
            abandoned: Vec::new(),
        }
    }

    /// Whether one more dial may be abandoned before its deadline: as many as there may be at once.
    pub(super) fn may_abandon(&self) -> bool {
        self.abandoned.len() < self.concurrent
    }

    /// Notes that a dial was ended that could not be aborted.
    pub(super) fn abandon(&mut self, dial: &Dial) {
        self.abandoned.push(dial.deadline);
    }

    /// Whether a dial may start. A quarter of all room is kept for what keeps a node joined, of which
    /// half may be lent to probes that are [spared](Self::spare): probes of thousands of silent
    /// candidates must not hold up the verification of those that answer.
    pub(super) fn room(&mut self, purpose: Purpose, now: Instant) -> Room {
        let share = match purpose {
            Purpose::Place | Purpose::Hint => 3,
            Purpose::Check | Purpose::Repair => 4,
        };
        let all = self.under_way.len();
        let without_spared = all - self.spared();
        let dialling = all + self.abandoned.len();
        if all >= self.concurrent
            || dialling >= 2 * self.concurrent
            || without_spared >= (self.concurrent * share).div_ceil(4)
        {
            return Room::Full;
        }
        self.budget.room((4 - share) as f64 / 4.0, now)
    }

    /// Leaves a probe under way and lets others have its slot, if there is room for that: half of
    /// what is kept for verifications.
    pub(super) fn spare(&mut self, id: DialId) -> bool {
        let has_room = self.spared() < self.concurrent / 8;
        match self.under_way.get_mut(&id) {
            Some(under_way) if has_room => {
                under_way.is_spared = true;
                true
            }
            _ => false,
        }
    }

    fn spared(&self) -> usize {
        self.under_way.values().filter(|under_way| under_way.is_spared).count()
    }

    pub(super) fn is_spared(&self, id: DialId) -> bool {
        self.under_way.get(&id).is_some_and(|under_way| under_way.is_spared)
    }

    pub(super) fn start(&mut self, dial: Dial) -> DialId {
        self.budget.take();
        self.insert(dial)
    }

    fn insert(&mut self, dial: Dial) -> DialId {
        let id = DialId(self.next_id);
        self.next_id += 1;
        self.by_candidate.insert(dial.candidate.clone(), id);
        self.under_way.insert(id, UnderWay { dial, is_spared: false });
        id
    }

    pub(super) fn end(&mut self, id: DialId) -> Option<Dial> {
        let UnderWay { dial, .. } = self.under_way.remove(&id)?;
        self.by_candidate.remove(&dial.candidate);
        Some(dial)
    }

    /// Keeps a dial that has met a peer, until that says what it speaks.
    pub(super) fn wait_for(&mut self, dial: Dial) {
        self.insert(dial);
    }

    /// Ends the dials that wait for a peer, in the order in which they were started.
    pub(super) fn end_waiting_for(&mut self, peer: &PeerId) -> Vec<Dial> {
        let ids: Vec<_> =
            self.iter().filter(|(_, d)| d.waits_for == Some(*peer)).map(|(id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.end(id)).collect()
    }

    pub(super) fn of(&self, candidate: &Candidate) -> Option<(DialId, &Dial)> {
        let id = *self.by_candidate.get(candidate)?;
        Some((id, &self.under_way.get(&id)?.dial))
    }

    /// The dials under way, in the order in which they were started.
    pub(super) fn iter(&self) -> impl Iterator<Item = (DialId, &Dial)> {
        self.under_way.iter().map(|(id, under_way)| (*id, &under_way.dial))
    }

    /// Ends the first dial whose deadline has passed. By then, those are over too that were abandoned.
    pub(super) fn end_overdue(&mut self, now: Instant) -> Option<(DialId, Dial)> {
        self.abandoned.retain(|deadline| *deadline > now);
        let (id, _) = self.iter().find(|(_, dial)| dial.deadline <= now)?;
        Some((id, self.end(id)?))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let abandoned = self.abandoned.iter().copied();
        self.under_way.values().map(|u| u.dial.deadline).chain(abandoned).min()
    }
}

/// A token bucket that lets at most `per_minute` dials start in any minute.
///
/// A sixth of them may start at once; the rest flows in evenly, so that the bucket and what flows
/// in within a minute together never exceed the bound.
#[derive(Debug)]
struct Budget {
    capacity: f64,
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Budget {
    fn new(per_minute: NonZeroUsize, now: Instant) -> Self {
        let per_minute = per_minute.get() as f64;
        let capacity = (per_minute / 6.0).max(1.0);
        let per_second = (per_minute - capacity).max(1.0) / 60.0;
        Self { capacity, per_second, tokens: capacity, filled: now }
    }

    /// Whether there is a token beyond the part of the bucket that is not to be used.
    fn room(&mut self, kept: f64, now: Instant) -> Room {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * self.per_second).min(self.capacity);
        self.filled = self.filled.max(now);
        let wanted = (self.capacity * kept).floor() + 1.0;
        if self.tokens >= wanted {
            return Room::Free;
        }
        // Rounded up, or the wake-up would come a hair too early and find no token.
        let wait = (wanted - self.tokens) / self.per_second + 0.001;
        Room::Until(self.filled + Duration::from_secs_f64(wait))
    }

    fn take(&mut self) {
        self.tokens -= 1.0;
    }
}

#[cfg(test)]
mod tests;
