//! Asks for connections to peers that proved their identity and still have to say which protocols they speak.

use std::collections::BTreeMap;

use libp2p_identity::PeerId;

use super::{
    budget::Quota,
    scene::{Ask, Scene, Wish},
};
use crate::{
    candidate::Candidate,
    discovery::{
        dial::{Expect, Purpose},
        effect::Effect,
        ledger::admits,
    },
};

/// The peers that are to be connected to, by the candidate where each proved its identity; with the purpose
/// of the dial that met the peer.
#[derive(Debug, Default)]
pub(super) struct Introductions(BTreeMap<Candidate, (PeerId, Purpose)>);

impl Introductions {
    pub(super) fn add(&mut self, candidate: Candidate, peer: PeerId, purpose: Purpose) {
        self.0.insert(candidate, (peer, purpose));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Asks for the next connection. Introductions go before new probes, which would otherwise take a small
    /// budget again and again, so that no peer could say what it speaks. When the dial has started,
    /// [`started`](Self::started) forgets the introduction.
    pub(super) fn next(&mut self, scene: &Scene<'_>) -> Ask {
        let view = scene.view;
        while let Some((candidate, &(peer, purpose))) = self.0.first_key_value() {
            let candidate = candidate.clone();
            let is_other = view.order.contains(&candidate) && !view.own.is_own(&candidate);
            if !is_other || scene.dials.of(&candidate).is_some() {
                self.0.pop_first();
                continue;
            }
            // Who may join may have changed since the peer was met.
            let is_refused = !admits(view.config, &peer, &candidate);
            if is_refused || view.ledger.speaks(&peer).is_some() {
                self.0.pop_first();
                return Ask::Other(Effect::Judge { candidate, peer, purpose });
            }
            if view.ledger.is_connected(&peer) {
                self.0.pop_first();
                return Ask::Other(Effect::Introduce { candidate, peer, purpose });
            }
            let (expect, quota) = (Expect::Peer(peer), Quota::Introduction);
            let (is_probe, then) = (false, None);
            return Ask::Dial(Wish { candidate, expect, purpose, quota, is_probe, then });
        }
        Ask::Nothing(None)
    }

    /// The dial to a candidate has started.
    pub(super) fn started(&mut self, candidate: &Candidate) {
        self.0.remove(candidate);
    }
}

#[cfg(test)]
mod tests {
    use libp2p_swarm::ConnectionId;

    use super::{
        super::testing::{Stage, dialled, wish},
        *,
    };
    use crate::{
        config::Config,
        discovery::testing::{World, c, peer},
    };

    /// The peer that answered at the second candidate is to say what it speaks.
    fn one() -> (Introductions, Stage) {
        let mut introductions = Introductions::default();
        introductions.add(c(1), peer(1), Purpose::Repair);
        (introductions, Stage::new(World::of(3)))
    }

    fn ask(introductions: &mut Introductions, stage: &Stage) -> Ask {
        stage.ask(|scene| introductions.next(scene))
    }

    #[test]
    fn a_peer_is_connected_to_by_a_quota_of_its_own_for_what_it_was_met_for() {
        let (mut introductions, stage) = one();
        let wish = wish(ask(&mut introductions, &stage));
        assert_eq!((wish.candidate, wish.expect), (c(1), Expect::Peer(peer(1))));
        assert_eq!((wish.quota, wish.purpose), (Quota::Introduction, Purpose::Repair));
        assert!(!wish.is_probe);
    }

    #[test]
    fn an_introduction_is_asked_for_until_its_dial_has_started() {
        let (mut introductions, stage) = one();
        for _ in 0..2 {
            assert_eq!(dialled(ask(&mut introductions, &stage)).0, c(1));
        }
        introductions.started(&c(1));
        assert!(matches!(ask(&mut introductions, &stage), Ask::Nothing(None)));
    }

    #[test]
    fn nobody_is_asked_where_nobody_is_to_be_met_any_more() {
        let changes: [fn(&mut Stage); 3] = [
            |stage| stage.world.name(&[&[c(0), c(2)]], &[]),
            |stage| stage.world.listen(&c(1)),
            |stage| _ = stage.probe(&c(1)),
        ];
        for change in changes {
            let (mut introductions, mut stage) = one();
            introductions.add(c(2), peer(2), Purpose::Place);
            change(&mut stage);
            assert_eq!(dialled(ask(&mut introductions, &stage)).0, c(2));
        }
    }

    /// Found by the fuzz: with a small budget, its turn came a minute after it was refused.
    #[test]
    fn a_peer_that_may_not_join_by_now_is_judged_and_not_connected_to() {
        let (mut introductions, mut stage) = one();
        stage.world.config = Config::new().with_allowed_peers([peer(2)]);
        let asked = ask(&mut introductions, &stage);
        assert!(matches!(asked, Ask::Other(Effect::Judge { peer: p, .. }) if p == peer(1)));
        assert!(matches!(ask(&mut introductions, &stage), Ask::Nothing(None)), "once");
    }

    #[test]
    fn a_connected_peer_is_waited_for_and_one_that_has_said_it_is_judged() {
        let (mut introductions, mut stage) = one();
        stage.world.connect(1, &c(1));
        let asked = ask(&mut introductions, &stage);
        assert!(matches!(asked, Ask::Other(Effect::Introduce { peer: p, .. }) if p == peer(1)));
        assert!(matches!(ask(&mut introductions, &stage), Ask::Nothing(None)), "once");
        introductions.add(c(1), peer(1), Purpose::Repair);
        stage.world.ledger.note_protocols(ConnectionId::new_unchecked(1), &peer(1), true);
        let asked = ask(&mut introductions, &stage);
        let Ask::Other(Effect::Judge { candidate, purpose, .. }) = asked else {
            panic!("{asked:?}")
        };
        assert_eq!((candidate, purpose), (c(1), Purpose::Repair));
        assert!(matches!(ask(&mut introductions, &stage), Ask::Nothing(None)), "once");
    }
}
