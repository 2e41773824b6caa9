//! Whether a second node holds our key: at which addresses our identity answered, and whether a
//! connection arrived here at that time.
//!
//! When a node dials itself, by an alias, by a NAT that returns the dial or by a balancer, a connection
//! arrives at that moment. If our identity answers a dial and no connection arrives here, another node
//! answered. But a connection may arrive by chance, and a second holder of our key may dial us just
//! then. So several dials at random times are needed, and the busier a node is, the fewer of them decide
//! anything. A node that is dialled every second cannot find out.

use std::{collections::BTreeMap, time::Duration};

use web_time::Instant;

use crate::candidate::Candidate;

/// How long after the end of a dial the connection may arrive that it made here. The handshake has
/// gone through our own listener by then; but a swarm tells what happened in an order of its own, and
/// QUIC's handshakes run beside it.
const LATENESS: Duration = Duration::from_secs(1);
/// The time from one look to the next is between this and six times this, at random: two holders of
/// one key that start together must not go on looking at each other in step. The longer it is, the
/// fewer looks meet by chance; the shorter, the more of them there are in half a minute.
const PAUSE: Duration = Duration::from_secs(1);
/// After so many looks without an inbound connection, another node holds our key.
const ENOUGH_ALONE: u8 = 2;
/// After so many looks in a row with an inbound connection, the address is ours.
const ENOUGH_OURS: u8 = 8;
/// The same for an address where another node was found to hold our key before. The address may be a load
/// balancer, behind which only we are left.
const ENOUGH_OURS_AFTER_ALL: u8 = 16;
/// After so many looks in a row without an answer, no more looks follow.
const ENOUGH_IN_VAIN: u8 = 3;
/// How many addresses are looked at at the same time: a zone may name thousands that all lead to us.
const MOST: usize = 8;

/// The addresses where our identity answered that are not known to be ours.
#[derive(Debug, Default)]
pub(super) struct SameKey {
    /// When a connection last arrived here.
    arrived: Option<Instant>,
    met: BTreeMap<Candidate, Met>,
    /// The candidates where our identity has answered, and until when a connection may arrive that this dial
    /// made.
    awaiting: BTreeMap<Candidate, Instant>,
    /// When to look again.
    due: BTreeMap<Candidate, Instant>,
}

/// What the looks at one address have shown.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    /// How many looks had no inbound connection.
    alone: u8,
    /// How many looks in a row had an inbound connection.
    ours: u8,
    /// How many looks in a row had no answer.
    in_vain: u8,
    /// Whether another node holds our key there.
    is_twin: bool,
}

impl SameKey {
    /// Whether another node holds our key there.
    pub(super) fn is_twin(&self, candidate: &Candidate) -> bool {
        self.met.get(candidate).is_some_and(|met| met.is_twin)
    }

    /// Whether another node holds our key at any candidate.
    pub(super) fn has_twin(&self) -> bool {
        self.met.values().any(|met| met.is_twin)
    }

    /// Whether another node may hold our key at some candidate. The looks will tell.
    pub(super) fn is_in_doubt(&self) -> bool {
        let is_new = |c: &&Candidate| !self.is_twin(c);
        let once = |c: &Candidate| self.met.get(c).is_some_and(|met| met.alone > 0);
        self.awaiting.keys().any(|c| is_new(&c)) || self.due.keys().any(once)
    }

    /// A dial that began at an instant has met our identity. Returns whether that shows that a candidate, where
    /// another node was thought to hold our key, leads to ourselves.
    pub(super) fn meet(
        &mut self,
        candidate: &Candidate,
        started: Instant,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> bool {
        let under_way = self.awaiting.len() + self.due.len();
        if !self.met.contains_key(candidate) && under_way >= MOST {
            return false;
        }
        self.met.entry(candidate.clone()).or_default().in_vain = 0;
        self.due.remove(candidate);
        if self.arrived.is_some_and(|arrived| arrived >= started) {
            return self.coincide(candidate, now, rng);
        }
        self.awaiting.insert(candidate.clone(), now + LATENESS);
        false
    }

    /// A connection arrives here. Returns the candidates where another node was thought to hold our key, and
    /// that turn out to lead to ourselves; `None` if no look is concerned.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Vec<Candidate>> {
        self.arrived = Some(now);
        if self.awaiting.is_empty() {
            return None;
        }
        let in_time = self.awaiting.iter().filter(|(_, until)| **until >= now);
        let mut in_time: Vec<_> = in_time.map(|(candidate, _)| candidate.clone()).collect();
        in_time.retain(|candidate| {
            self.awaiting.remove(candidate);
            self.coincide(candidate, now, rng)
        });
        Some(in_time)
    }

    /// The next candidate at which another node turns out to answer with our key.
    pub(super) fn next_twin(&mut self, now: Instant, rng: &mut fastrand::Rng) -> Option<Candidate> {
        loop {
            let (candidate, _) = self.awaiting.iter().find(|(_, until)| **until <= now)?;
            let candidate = candidate.clone();
            self.awaiting.remove(&candidate);
            let met = self.met.entry(candidate.clone()).or_default();
            (met.alone, met.ours) = (met.alone.saturating_add(1), 0);
            if met.is_twin {
                continue;
            }
            if met.alone >= ENOUGH_ALONE {
                met.is_twin = true;
                return Some(candidate);
            }
            self.look_soon(candidate, now, rng);
        }
    }

    /// When the next candidate may turn out to be one.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.awaiting.values().min().copied()
    }

    /// The candidate of the next look, and when the look is due.
    pub(super) fn next_look(&self) -> Option<(Instant, &Candidate)> {
        self.due.iter().map(|(candidate, at)| (*at, candidate)).min()
    }

    /// A look has begun, and ends in so much time at the latest. If no peer answers, another look follows.
    pub(super) fn looked(
        &mut self,
        candidate: &Candidate,
        within: Duration,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) {
        let Some(met) = self.met.get_mut(candidate) else { return };
        met.in_vain += 1;
        if met.in_vain > ENOUGH_IN_VAIN {
            (met.in_vain, met.alone) = (0, 0);
            self.due.remove(candidate);
            return;
        }
        self.look_soon(candidate.clone(), now + within, rng);
    }

    /// Another peer answers at a candidate, or no source names the candidate any more.
    pub(super) fn forget(&mut self, candidate: &Candidate) {
        self.met.remove(candidate);
        self.awaiting.remove(candidate);
        self.due.remove(candidate);
    }

    /// A connection has arrived during the last look at a candidate. Returns whether this look is the last one
    /// needed to see that the candidate leads to ourselves, where another node was thought to hold our key.
    fn coincide(&mut self, candidate: &Candidate, now: Instant, rng: &mut fastrand::Rng) -> bool {
        let met = self.met.entry(candidate.clone()).or_default();
        met.ours = met.ours.saturating_add(1);
        let enough = if met.is_twin { ENOUGH_OURS_AFTER_ALL } else { ENOUGH_OURS };
        if met.ours >= enough {
            met.alone = 0;
            return std::mem::take(&mut met.is_twin);
        }
        // A twin is dialled again like every address that cannot be reached.
        if !met.is_twin {
            self.look_soon(candidate.clone(), now, rng);
        }
        false
    }

    fn look_soon(&mut self, candidate: Candidate, after: Instant, rng: &mut fastrand::Rng) {
        let pause = PAUSE.mul_f64(1.0 + 5.0 * rng.f64());
        self.due.insert(candidate, after + pause);
    }
}

#[cfg(test)]
mod tests;
