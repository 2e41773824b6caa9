//! The standing of the entries of the table: which of their peers may take a place, and which are connected.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;
use web_time::Instant;

use crate::candidate::{Candidate, Family};

/// The candidates at which a peer is verified, and whether the peer may take a place.
#[derive(Debug, Default)]
pub(super) struct OfPeer {
    at: [BTreeSet<Candidate>; Family::ALL.len()],
    /// Whether the application passes the peer over.
    pub(super) is_passed_over: bool,
    pub(super) is_connected: bool,
    /// Whether the peer does not reply on any of its connections.
    pub(super) is_silent: bool,
}

impl OfPeer {
    /// The peer's candidates of one family.
    pub(super) fn of(&self, family: Family) -> &BTreeSet<Candidate> {
        &self.at[family.index()]
    }

    pub(super) fn of_mut(&mut self, family: Family) -> &mut BTreeSet<Candidate> {
        &mut self.at[family.index()]
    }

    /// The peer's candidates, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Candidate> {
        self.at.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.at.iter().map(BTreeSet::len).sum()
    }

    /// Whether the peer is connected in such a way that this node counts as joined.
    pub(super) fn is_live(&self) -> bool {
        self.is_connected && !self.is_silent && !self.is_passed_over
    }
}

/// The entries whose peers may take a place, in several orders. So one is found without a look at the many
/// entries that do not matter, such as those of peers that are passed over or connected.
#[derive(Debug, Default)]
pub(super) struct Standing {
    eligible: BTreeSet<Candidate>,
    /// Of the entries whose peers may take a place: the lowest of each peer in each family.
    firsts: BTreeSet<Candidate>,
    /// Of the entries whose peers may take a place: those whose peer is not connected.
    idle: BTreeSet<Candidate>,
    /// Of the entries whose peers may take a place: those that make this node count as joined, by the instant
    /// at which the peer of each was last seen.
    seen: BTreeSet<(Instant, Candidate)>,
    /// The peers with an entry that are connected, not silent and not passed over.
    live: BTreeSet<PeerId>,
    /// How many entries are of peers that are connected.
    met: usize,
}

impl Standing {
    pub(super) fn eligible(&self) -> &BTreeSet<Candidate> {
        &self.eligible
    }

    pub(super) fn firsts(&self) -> &BTreeSet<Candidate> {
        &self.firsts
    }

    pub(super) fn idle(&self) -> &BTreeSet<Candidate> {
        &self.idle
    }

    pub(super) fn live(&self) -> &BTreeSet<PeerId> {
        &self.live
    }

    pub(super) fn met(&self) -> usize {
        self.met
    }

    /// When the peer of one of these entries was last seen.
    pub(super) fn last_seen(&self) -> Option<Instant> {
        self.seen.last().map(|(at, _)| *at)
    }

    /// Adds an entry, which is among the entries `of_peer` already. Without an instant at which its peer was
    /// `seen`, the entry does not make this node count as joined.
    pub(super) fn add(&mut self, candidate: &Candidate, seen: Option<Instant>, of_peer: &OfPeer) {
        self.met += usize::from(of_peer.is_connected);
        if of_peer.is_passed_over {
            return;
        }
        self.eligible.insert(candidate.clone());
        self.seen.extend(seen.map(|at| (at, candidate.clone())));
        if !of_peer.is_connected {
            self.idle.insert(candidate.clone());
        }
        let mut lowest = of_peer.of(candidate.family()).iter();
        if lowest.next() == Some(candidate) {
            lowest.next().map(|next| self.firsts.remove(next));
            self.firsts.insert(candidate.clone());
        }
    }

    /// Removes an entry, which is still among the entries `of_peer`.
    pub(super) fn remove(
        &mut self,
        candidate: &Candidate,
        seen: Option<Instant>,
        of_peer: &OfPeer,
    ) {
        self.met -= usize::from(of_peer.is_connected);
        if of_peer.is_passed_over {
            return;
        }
        self.eligible.remove(candidate);
        seen.map(|at| self.seen.remove(&(at, candidate.clone())));
        self.idle.remove(candidate);
        if self.firsts.remove(candidate) {
            let next = of_peer.of(candidate.family()).range(candidate..).nth(1);
            next.map(|next| self.firsts.insert(next.clone()));
        }
    }

    /// Notes when the peer of an entry was seen, and when it was seen before, if the entry counted then.
    pub(super) fn see(&mut self, candidate: &Candidate, before: Option<Instant>, now: Instant) {
        if before == Some(now) || !self.eligible.contains(candidate) {
            return;
        }
        before.map(|at| self.seen.remove(&(at, candidate.clone())));
        self.seen.insert((now, candidate.clone()));
    }

    /// Notes that an entry no longer makes this node count as joined.
    pub(super) fn see_no_more(&mut self, candidate: &Candidate, before: Instant) {
        self.seen.remove(&(before, candidate.clone()));
    }

    /// Notes whether a peer with an entry is live.
    pub(super) fn note_live(&mut self, peer: &PeerId, is_live: bool) {
        if is_live {
            self.live.insert(*peer);
        } else {
            self.live.remove(peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{c, epoch, peer, secs};

    fn verified(numbers: &[u16], is_passed_over: bool) -> (Standing, OfPeer) {
        let mut of_peer = OfPeer { is_passed_over, ..OfPeer::default() };
        let mut standing = Standing::default();
        for n in numbers {
            of_peer.of_mut(Family::V4).insert(c(*n));
            standing.add(&c(*n), Some(epoch()), &of_peer);
        }
        (standing, of_peer)
    }

    #[test]
    fn a_peer_at_several_addresses_is_first_at_the_lowest() {
        let (mut standing, mut of_peer) = verified(&[5, 2, 9], false);
        assert_eq!(standing.firsts(), &[c(2)].into());
        assert_eq!(standing.eligible().len(), 3);
        let (seen, _) = standing.seen.iter().find(|(_, at)| *at == c(2)).cloned().expect("seen");
        standing.remove(&c(2), Some(seen), &of_peer);
        of_peer.of_mut(Family::V4).remove(&c(2));
        assert_eq!(standing.firsts(), &[c(5)].into());
    }

    #[test]
    fn whoever_is_passed_over_stands_nowhere() {
        let (standing, _) = verified(&[1, 2], true);
        assert!(standing.eligible().is_empty() && standing.last_seen().is_none());
    }

    #[test]
    fn the_latest_counts() {
        let now = epoch();
        let (mut standing, of_peer) = (Standing::default(), OfPeer::default());
        standing.add(&c(1), Some(now), &of_peer);
        standing.add(&c(2), Some(now + secs(2)), &of_peer);
        standing.see(&c(1), Some(now), now + secs(3));
        assert_eq!(standing.last_seen(), Some(now + secs(3)));
        standing.note_live(&peer(1), true);
        assert_eq!(standing.live(), &[peer(1)].into());
        standing.note_live(&peer(1), false);
        assert!(standing.live().is_empty());
    }
}
