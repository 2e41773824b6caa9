//! What was last reported of an address to the application, so that nothing is reported twice.

use crate::event::Failure;

/// What was told of one address since it was last verified.
#[derive(Debug, Clone, Default)]
pub(super) struct Announced {
    /// That it cannot be reached, in whatever words.
    unreachable: bool,
    /// Which peer answers there and may not enter.
    turned_away: Option<Failure>,
    /// That several peers share it. It stays told: the address may be believed in between.
    shared: bool,
}

impl Announced {
    /// Notes that the address was verified: whatever fails from now on is news.
    pub(super) fn verified(&mut self) {
        (self.unreachable, self.turned_away) = (false, None);
    }

    /// Notes that the address is told to be unreachable, and says whether that is news.
    pub(super) fn unreachable(&mut self) -> bool {
        !std::mem::replace(&mut self.unreachable, true)
    }

    /// Notes which peer is told to be turned away there, and says whether that is news.
    pub(super) fn turned_away(&mut self, failure: &Failure) -> bool {
        self.unreachable = true;
        let news = !self.is_turned_away(failure);
        if news {
            self.turned_away = Some(failure.clone());
        }
        news
    }

    /// Whether the peer that was last told to be turned away there is this one, for this reason.
    pub(super) fn is_turned_away(&self, failure: &Failure) -> bool {
        self.turned_away.as_ref() == Some(failure)
    }

    /// Notes that the address is told to be shared, and says whether that is news.
    pub(super) fn shared(&mut self) -> bool {
        self.unreachable = true;
        !std::mem::replace(&mut self.shared, true)
    }
}

#[cfg(test)]
mod tests {
    use libp2p_identity::PeerId;

    use super::*;

    #[test]
    fn nothing_is_told_twice_until_the_address_is_verified() {
        let mut announced = Announced::default();
        assert!(announced.unreachable() && !announced.unreachable());
        announced.verified();
        assert!(announced.unreachable());
    }

    #[test]
    fn another_peer_that_is_turned_away_is_news() {
        let mut announced = Announced::default();
        let [one, other] = [PeerId::random(), PeerId::random()].map(Failure::Refused);
        assert!(announced.turned_away(&one) && !announced.turned_away(&one));
        assert!(!announced.unreachable(), "that is said by it");
        assert!(announced.turned_away(&other) && announced.turned_away(&one));
    }

    #[test]
    fn that_an_address_is_shared_is_told_once_and_for_all() {
        let mut announced = Announced::default();
        assert!(announced.shared());
        announced.verified();
        assert!(!announced.shared());
    }
}
