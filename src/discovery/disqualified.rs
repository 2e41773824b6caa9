//! The peers that the application has passed over, each for a while.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroUsize,
};

use libp2p_identity::PeerId;
use web_time::Instant;

/// The peers that are passed over: they take no place until an instant.
#[derive(Debug, Default)]
pub(super) struct Disqualified {
    until: HashMap<PeerId, Instant>,
    /// The same peers, by the instant at which each may take a place again.
    by_end: BTreeSet<(Instant, PeerId)>,
    /// The peers that have come to be passed over (true), or no longer are (false), since the last call of
    /// [`changed`](Self::changed).
    changed: Vec<(PeerId, bool)>,
    version: u64,
}

impl Disqualified {
    /// Differs whenever other peers are passed over.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Passes over a peer. If there are more than `most`, the peer whose time ends first may take a place
    /// again.
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

    /// Ends the time of the peers for which it has passed. Returns the peers that have come to be passed over
    /// (true), or no longer are (false), since the last call.
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

    /// When the time of the next peer ends.
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
