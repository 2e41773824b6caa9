//! The dials under way: their addresses, purposes and deadlines, and how many there may be.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::budget::{PerQuota, Quota, Reach, Room, Slots, Tokens};
use crate::{
    candidate::{Candidate, Family},
    discovery::dial::{Dial, DialId, Expect, Purpose},
};

/// The dials under way, at most one for a candidate, and the room for further ones.
#[derive(Debug)]
pub(in crate::discovery) struct Dials {
    under_way: BTreeMap<DialId, UnderWay>,
    by_candidate: HashMap<Candidate, DialId>,
    next_id: u64,
    slots: Slots,
    /// The slots in use.
    used: PerQuota,
    tokens: Tokens,
    /// The dials for which the node no longer waits and that could not be aborted: the quota of each, and
    /// until when the swarm may still be dialling.
    abandoned: Vec<(Quota, Instant)>,
}

#[derive(Debug)]
struct UnderWay {
    dial: Dial,
    /// The quota of the slot that the dial takes; `None` if it only waits for its peer to say what it speaks.
    quota: Option<Quota>,
    /// Whether it is waited for until its deadline, in a slot that its purpose does not lend.
    is_spared: bool,
}

impl Dials {
    pub(super) fn new(concurrent: NonZeroUsize, per_minute: NonZeroUsize, now: Instant) -> Self {
        Self {
            under_way: BTreeMap::new(),
            by_candidate: HashMap::new(),
            next_id: 0,
            slots: Slots::new(concurrent),
            used: PerQuota::default(),
            tokens: Tokens::new(per_minute, now),
            abandoned: Vec::new(),
        }
    }

    /// Sets how many dials may be under way at once from now on.
    pub(super) fn allow(&mut self, at_once: NonZeroUsize) {
        self.slots = Slots::new(at_once);
    }

    /// Whether there are fewer slots or tokens than purposes, so that these take turns.
    pub(super) fn are_scarce(&self) -> bool {
        self.slots.is_scarce() || self.tokens.is_scarce()
    }

    /// Whether one more dial of a purpose may be abandoned before its deadline: as many as may have a
    /// slot.
    pub(super) fn may_abandon(&self, quota: Quota) -> bool {
        self.abandoned(quota) < self.slots.most(quota)
    }

    fn abandoned(&self, quota: Quota) -> f64 {
        self.abandoned.iter().filter(|(of, _)| *of == quota).count() as f64
    }

    /// Whether a dial may start.
    pub(super) fn room(&mut self, quota: Quota, reach: Reach, now: Instant) -> Room {
        let in_swarm = self.used.of(quota) + self.abandoned(quota);
        let all_in_swarm = self.used.sum() + self.abandoned.len() as f64;
        if in_swarm >= 2.0 * self.slots.most(quota)
            || all_in_swarm >= 2.0 * self.slots.all()
            || !self.slots.is_free(quota, &self.used, reach)
        {
            return Room::Full;
        }
        self.tokens.room(quota, reach, now)
    }

    /// Lets a dial keep its slot until its deadline, if its purpose has a slot left for that. Returns whether
    /// it does.
    pub(super) fn spare(&mut self, id: DialId) -> bool {
        let Some(quota) = self.under_way.get(&id).and_then(|under_way| under_way.quota) else {
            return false;
        };
        let is_spared = |u: &&UnderWay| u.is_spared && u.quota == Some(quota);
        let spared = self.under_way.values().filter(is_spared).count() as f64;
        match self.under_way.get_mut(&id) {
            Some(under_way) if spared < self.slots.kept(quota) => {
                under_way.is_spared = true;
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_spared(&self, id: DialId) -> bool {
        self.under_way.get(&id).is_some_and(|under_way| under_way.is_spared)
    }

    /// Starts a dial, for which there is room.
    pub(super) fn start(&mut self, dial: Dial, quota: Quota) -> DialId {
        self.tokens.take(quota);
        self.used.add(quota, 1.0);
        self.insert(dial, Some(quota))
    }

    fn insert(&mut self, dial: Dial, quota: Option<Quota>) -> DialId {
        let id = DialId(self.next_id);
        self.next_id += 1;
        self.by_candidate.insert(dial.candidate.clone(), id);
        self.under_way.insert(id, UnderWay { dial, quota, is_spared: false });
        id
    }

    pub(super) fn end(&mut self, id: DialId) -> Option<Dial> {
        let UnderWay { dial, quota, .. } = self.under_way.remove(&id)?;
        self.by_candidate.remove(&dial.candidate);
        if let Some(quota) = quota {
            self.used.add(quota, -1.0);
        }
        Some(dial)
    }

    /// Ends a dial before its deadline. The swarm goes on with one that is no probe: to stop that would
    /// close all connections to its peer, those of other behaviours too.
    pub(super) fn stop(&mut self, id: DialId) -> Option<Dial> {
        let quota = self.under_way.get(&id)?.quota;
        let dial = self.end(id)?;
        if dial.expect != Expect::Probe {
            self.abandoned.extend(quota.map(|quota| (quota, dial.deadline)));
        }
        Some(dial)
    }

    /// Keeps a dial that has met a peer, until the peer says which protocols it speaks. The limit of dials in
    /// a minute bounds how many there are.
    pub(super) fn wait_for(&mut self, dial: Dial) {
        self.insert(dial, None);
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

    /// The dials that are to fill a place of a family.
    pub(super) fn for_places(&self, family: Family) -> impl Iterator<Item = (DialId, &Dial)> {
        let is_one =
            move |dial: &Dial| dial.purpose == Purpose::Place && dial.candidate.family() == family;
        self.iter().filter(move |(_, dial)| is_one(dial))
    }

    /// Ends the first dial whose deadline has passed. Abandoned dials whose deadline has passed are over, too.
    pub(super) fn end_overdue(&mut self, now: Instant) -> Option<(DialId, Dial)> {
        self.abandoned.retain(|(_, deadline)| *deadline > now);
        let (id, _) = self.iter().find(|(_, dial)| dial.deadline <= now)?;
        Some((id, self.end(id)?))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let abandoned = self.abandoned.iter().map(|(_, deadline)| *deadline);
        self.under_way.values().map(|u| u.dial.deadline).chain(abandoned).min()
    }
}

#[cfg(test)]
mod tests;
