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
    version: u64,
}

impl Disqualified {
    /// Differs whenever other peers are passed over.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Passes over a peer. Of more than `most`, the one nearest to its end is forgiven, and returned.
    pub(super) fn add(
        &mut self,
        peer: PeerId,
        until: Instant,
        most: NonZeroUsize,
    ) -> Option<PeerId> {
        self.version += 1;
        if let Some(old) = self.until.insert(peer, until) {
            self.by_end.remove(&(old, peer));
        }
        self.by_end.insert((until, peer));
        if self.until.len() <= most.get() { None } else { self.forgive_first() }
    }

    /// Forgives one of those whose time has passed; to be called until there is none.
    pub(super) fn forgive(&mut self, now: Instant) -> Option<PeerId> {
        self.next_timeout().filter(|until| *until <= now)?;
        self.version += 1;
        self.forgive_first()
    }

    pub(super) fn contains(&self, peer: &PeerId, now: Instant) -> bool {
        self.until.get(peer).is_some_and(|until| *until > now)
    }

    /// When the next one is forgiven.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.by_end.first().map(|(until, _)| *until)
    }

    fn forgive_first(&mut self) -> Option<PeerId> {
        let (_, peer) = self.by_end.pop_first()?;
        self.until.remove(&peer);
        Some(peer)
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
        assert_eq!(disqualified.forgive(now), None);
        assert_eq!(disqualified.version(), version);
        assert_eq!(disqualified.forgive(until), Some(peer));
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
