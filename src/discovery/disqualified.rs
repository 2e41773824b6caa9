//! The peers that the application has passed over, each for a while.

use std::{collections::HashMap, num::NonZeroUsize};

use libp2p_identity::PeerId;
use web_time::Instant;

/// Peers that take no place, and until when.
#[derive(Debug, Default)]
pub(super) struct Disqualified {
    until: HashMap<PeerId, Instant>,
    version: u64,
}

impl Disqualified {
    /// Differs whenever other peers are passed over.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Passes over a peer. Of more than `most`, the one nearest to its end is forgiven.
    pub(super) fn add(&mut self, peer: PeerId, until: Instant, most: NonZeroUsize) {
        self.until.insert(peer, until);
        if self.until.len() > most.get() {
            let first = self.until.iter().map(|(peer, until)| (*until, *peer)).min();
            first.map(|(_, peer)| self.until.remove(&peer));
        }
        self.version += 1;
    }

    /// Forgets those whose time has passed.
    pub(super) fn forgive(&mut self, now: Instant) {
        let before = self.until.len();
        self.until.retain(|_, until| *until > now);
        self.version += u64::from(self.until.len() < before);
    }

    pub(super) fn contains(&self, peer: &PeerId, now: Instant) -> bool {
        self.until.get(peer).is_some_and(|until| *until > now)
    }

    /// When the next one is forgiven.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.until.values().min().copied()
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
        disqualified.forgive(now);
        assert_eq!(disqualified.version(), version);
        disqualified.forgive(until);
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
