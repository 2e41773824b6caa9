//! Asks for a look at candidates where connected peers seem to live.

use std::collections::BTreeSet;

use super::scene::{Ask, Scene};
use crate::{candidate::Candidate, discovery::dial::Purpose};

/// The candidates to be looked at.
#[derive(Debug, Default)]
pub(super) struct Hints(BTreeSet<Candidate>);

impl Hints {
    /// Peers that connected to us are worth knowing, for Kademlia above all; but in a large cluster
    /// everybody connects to the lowest. So there are no more hints than `most` entries have room for.
    pub(super) fn add(&mut self, candidate: Candidate, entries: usize, most: usize) {
        if entries + self.0.len() < most {
            self.0.insert(candidate);
        }
    }

    pub(super) fn forget(&mut self, candidate: &Candidate) {
        self.0.remove(candidate);
    }

    /// The next one that is worth a look. A dial that is under way may have begun before anybody lived
    /// there: if it fails, there is still the hint. What is asked for is forgotten by
    /// [`forget`](Self::forget) when its dial has started.
    pub(super) fn next(&mut self, scene: &Scene<'_>) -> Ask {
        while let Some(candidate) = self.0.iter().find(|c| scene.dials.of(c).is_none()).cloned() {
            if !is_worth_a_look(scene, &candidate) {
                self.0.remove(&candidate);
                continue;
            }
            let ask = scene.ask_for_probe(candidate.clone(), Purpose::Hint);
            if let Ask::Other(_) = ask {
                self.0.remove(&candidate);
            }
            return ask;
        }
        Ask::Nothing(None)
    }
}

/// Whether a hint that had to wait is one still.
fn is_worth_a_look(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let view = scene.view;
    view.ledger.entry(candidate).is_none()
        && view.order.contains(candidate)
        && !view.own.is_own(candidate)
        && scene.hosts.has_room(candidate)
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::{
        super::testing::{Stage, dialled, wish},
        *,
    };
    use crate::{
        config::Config,
        discovery::{
            effect::Effect,
            testing::{World, c, peer, pinned},
        },
    };

    fn hinted(numbers: impl IntoIterator<Item = u16>) -> Hints {
        let mut hints = Hints::default();
        numbers.into_iter().for_each(|n| hints.add(c(n), 0, 99));
        hints
    }

    fn ask(hints: &mut Hints, stage: &Stage) -> Ask {
        stage.ask(|scene| hints.next(scene))
    }

    #[test]
    fn a_hint_is_a_probe_of_its_own_share_and_is_asked_for_until_it_is_forgotten() {
        let (mut hints, stage) = (hinted([1]), Stage::new(World::of(3)));
        for _ in 0..2 {
            let wish = wish(ask(&mut hints, &stage));
            assert_eq!((wish.candidate, wish.share), (c(1), Purpose::Hint));
            assert!(wish.is_probe);
        }
        hints.forget(&c(1));
        assert!(matches!(ask(&mut hints, &stage), Ask::Nothing(None)));
    }

    #[test]
    fn there_are_no_more_hints_than_the_table_has_room_for() {
        let mut hints = Hints::default();
        (0..5).for_each(|n| hints.add(c(n), 2, 4));
        assert_eq!(hints.0.len(), 2);
        hints.add(c(9), 4, 4);
        assert_eq!(hints.0.len(), 2);
    }

    #[test]
    fn a_hint_outlives_the_dial_that_was_under_way_when_it_came() {
        let (mut hints, mut stage) = (hinted([1]), Stage::new(World::of(3)));
        let dial = stage.probe(&c(1));
        assert!(matches!(ask(&mut hints, &stage), Ask::Nothing(None)));
        stage.dials.end(dial);
        stage.world.fail(&c(1));
        assert_eq!(dialled(ask(&mut hints, &stage)).0, c(1), "back-off or not");
    }

    #[test]
    fn what_is_no_longer_worth_a_look_is_forgotten() {
        let changes: [fn(&mut Stage); 4] = [
            |stage| stage.world.verify_all([1]),
            |stage| stage.world.name(&[&[c(0), c(2)]], &[]),
            |stage| stage.world.listen(&c(1)),
            |stage| (0..4).for_each(|_| stage.hosts.note(&c(1))),
        ];
        for change in changes {
            let (mut hints, mut stage) = (hinted([1, 2]), Stage::new(World::of(3)));
            change(&mut stage);
            assert_eq!(dialled(ask(&mut hints, &stage)).0, c(2));
            assert_eq!(hints.0, [c(2)].into());
        }
    }

    #[test]
    fn a_candidate_that_is_pinned_to_a_peer_that_may_not_join_is_turned_away() {
        let refused = pinned(1, peer(1));
        let mut stage = Stage::new(World::with(slice::from_ref(&refused)));
        stage.world.config = Config::new().with_allowed_peers([peer(2)]);
        let mut hints = Hints::default();
        hints.add(refused.clone(), 0, 99);
        let asked = ask(&mut hints, &stage);
        assert!(matches!(asked, Ask::Other(Effect::TurnAway(at, _)) if at == refused));
        assert!(matches!(ask(&mut hints, &stage), Ask::Nothing(None)), "once");
    }
}
