//! Dials under way: who is being asked, why, until when, and how many there may be.

use std::{collections::HashMap, num::NonZeroUsize, time::Duration};

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::candidate::Candidate;

/// Names one dial that the core asked for. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub(super) u64);

/// Whom a dial expects at its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Nobody in particular, and no connection: a probe. The dial carries a fresh, random peer id,
    /// so that it ends in `WrongPeerId` with the identity that lives there.
    Probe,
    /// This peer. Success is a connection, and proves that it still lives there.
    Peer(PeerId),
    /// Whoever lives there. Success is a connection.
    Anyone,
}

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To fill a place. Aborted when the places are filled by others.
    Place,
    /// To verify an entry of the table again, or to connect to it.
    Check,
    /// To meet somebody outside the selection, so that islands grow together.
    Repair,
    /// To find out whether a connected peer lives where it seems to.
    Hint,
}

/// A dial under way.
#[derive(Debug, Clone)]
pub(super) struct Dial {
    pub(super) candidate: Candidate,
    pub(super) expect: Expect,
    pub(super) purpose: Purpose,
    pub(super) started: Instant,
    pub(super) deadline: Instant,
    /// Others have its slot by now, and it is waited for beside them.
    pub(super) is_spared: bool,
    /// Who answered, and is waited for to say what it speaks. Nothing is being dialled any more.
    pub(super) waits_for: Option<PeerId>,
}

/// The dials under way, at most one for a candidate, and the budget for further ones.
#[derive(Debug)]
pub(super) struct Dials {
    under_way: HashMap<DialId, Dial>,
    by_candidate: HashMap<Candidate, DialId>,
    next_id: u64,
    concurrent: usize,
    budget: Budget,
    /// Until when the swarm may still be dialling for those that are waited for no longer and could
    /// not be aborted.
    abandoned: Vec<Instant>,
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
            under_way: HashMap::new(),
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
            Some(dial) if has_room => {
                dial.is_spared = true;
                true
            }
            _ => false,
        }
    }

    fn spared(&self) -> usize {
        self.under_way.values().filter(|dial| dial.is_spared).count()
    }

    pub(super) fn start(&mut self, dial: Dial) -> DialId {
        self.budget.take();
        self.insert(dial)
    }

    fn insert(&mut self, dial: Dial) -> DialId {
        let id = DialId(self.next_id);
        self.next_id += 1;
        self.by_candidate.insert(dial.candidate.clone(), id);
        self.under_way.insert(id, dial);
        id
    }

    pub(super) fn end(&mut self, id: DialId) -> Option<Dial> {
        let dial = self.under_way.remove(&id)?;
        self.by_candidate.remove(&dial.candidate);
        Some(dial)
    }

    /// Keeps a dial that has met a peer, until that says what it speaks.
    pub(super) fn wait_for(&mut self, dial: Dial) {
        self.insert(dial);
    }

    /// Ends the dials that wait for a peer, in the order in which they were started.
    pub(super) fn end_waiting_for(&mut self, peer: &PeerId) -> Vec<Dial> {
        let mut ids: Vec<_> =
            self.iter().filter(|(_, d)| d.waits_for == Some(*peer)).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.end(id)).collect()
    }

    pub(super) fn of(&self, candidate: &Candidate) -> Option<(DialId, &Dial)> {
        let id = *self.by_candidate.get(candidate)?;
        Some((id, self.under_way.get(&id)?))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (DialId, &Dial)> {
        self.under_way.iter().map(|(id, dial)| (*id, dial))
    }

    /// The dials whose deadline has passed, in the order in which they were started. By then, those are
    /// over too that were abandoned.
    pub(super) fn overdue(&mut self, now: Instant) -> Vec<DialId> {
        self.abandoned.retain(|deadline| *deadline > now);
        let mut ids: Vec<_> =
            self.iter().filter(|(_, d)| d.deadline <= now).map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let abandoned = self.abandoned.iter().copied();
        self.under_way.values().map(|d| d.deadline).chain(abandoned).min()
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
