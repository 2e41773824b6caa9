//! The peers that the application has passed over, each for a while.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroUsize,
};

use libp2p_identity::PeerId;
use web_time::Instant;

/// Peers that take no place, and until when.
#[derive(Debug, Default)]
pub(super) struct Disqualified {
    until: HashMap<PeerId, Instant>,
    /// The same, those first that are forgiven first.
    by_end: BTreeSet<(Instant, PeerId)>,
    /// Who is passed over, or no longer, since this was last asked.
    changed: Vec<(PeerId, bool)>,
    version: u64,
}

impl Disqualified {
    /// Differs whenever other peers are passed over.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Passes over a peer. Of more than `most`, the one nearest to its end is forgiven.
    pub(super) fn add(&mut self, peer: PeerId, until: Instant, most: NonZeroUsize) {
        if let Some(old) = self.until.insert(peer, until) {
            self.by_end.remove(&(old, peer));
        }
        self.by_end.insert((until, peer));
        self.changed.push((peer, true));
        if self.until.len() > most.get() {
            self.forgive_first();
        }
        self.version += 1;
    }

    /// Forgives those whose time has passed. Says who is passed over, or no longer, since this was last
    /// asked.
    pub(super) fn changed(&mut self, now: Instant) -> Vec<(PeerId, bool)> {
        while self.next_timeout().is_some_and(|until| until <= now) {
            self.forgive_first();
            self.version += 1;
        }
        std::mem::take(&mut self.changed)
    }

    pub(super) fn contains(&self, peer: &PeerId, now: Instant) -> bool {
        self.until.get(peer).is_some_and(|until| *until > now)
    }

    /// When the next one is forgiven.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.by_end.first().map(|(until, _)| *until)
    }

    fn forgive_first(&mut self) {
        if let Some((_, peer)) = self.by_end.pop_first() {
            self.until.remove(&peer);
            self.changed.push((peer, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::discovery::testing::epoch;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).expect("two");

    #[test]
    fn a_peer_is_passed_over_until_its_time_has_come() {
        let (mut disqualified, now, peer) = (Disqualified::default(), epoch(), PeerId::random());
        let until = now + Duration::from_secs(9);
        disqualified.add(peer, until, TWO);
        assert_eq!(disqualified.next_timeout(), Some(until));
        assert!(disqualified.contains(&peer, now) && !disqualified.contains(&peer, until));
        let version = disqualified.version();
        assert_eq!(disqualified.changed(now), [(peer, true)]);
        assert_eq!(disqualified.version(), version);
        assert_eq!(disqualified.changed(until), [(peer, false)]);
        assert_ne!(disqualified.version(), version);
        assert_eq!(disqualified.next_timeout(), None);
    }

    #[test]
    fn of_too_many_the_one_nearest_to_its_end_is_forgiven() {
        let (mut disqualified, now) = (Disqualified::default(), epoch());
        let peers: Vec<_> = (0..3).map(|_| PeerId::random()).collect();
        for (peer, seconds) in peers.iter().zip([9, 5, 7]) {
            disqualified.add(*peer, now + Duration::from_secs(seconds), TWO);
        }
        let kept: Vec<_> = peers.iter().map(|peer| disqualified.contains(peer, now)).collect();
        assert_eq!(kept, [true, false, true]);
    }
}
