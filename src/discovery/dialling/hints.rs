//! Asks for dials to candidates at which connected peers seem to live.

use std::collections::{BTreeSet, HashMap};

use libp2p_identity::PeerId;
use web_time::Instant;

use super::scene::{Ask, Scene};
use crate::{candidate::Candidate, config::Config, discovery::dial::Purpose};

/// The candidates to be looked at.
#[derive(Debug, Default)]
pub(super) struct Hints {
    waiting: BTreeSet<Candidate>,
    /// How many hints each peer gave since this instant.
    given: HashMap<PeerId, usize>,
    since: Option<Instant>,
    /// When the next hint is followed although there are enough entries.
    next: Option<Instant>,
}

/// A reason to look at a candidate.
#[derive(Debug)]
pub(in crate::discovery) struct Hint {
    pub(in crate::discovery) candidate: Candidate,
    /// The connected peer that gives the reason, if one does.
    pub(in crate::discovery) peer: Option<PeerId>,
    /// Whether a peer that lives there would take a place.
    pub(in crate::discovery) takes_place: bool,
    /// How many peers are verified, or being dialled.
    pub(in crate::discovery) entries: usize,
}

impl Hints {
    /// Takes a hint, unless its peer has given too many of them lately. Peers that connected to us are worth
    /// knowing, above all for Kademlia. But in a large cluster all nodes connect to the lowest nodes. So if
    /// there are enough entries, hints of peers that would take no place are followed one by one, at the pace
    /// of the island repair.
    pub(super) fn add(&mut self, hint: Hint, config: &Config, now: Instant) {
        let Hint { candidate, peer, takes_place, entries } = hint;
        if self.waiting.contains(&candidate) {
            return;
        }
        let is_short = entries + self.waiting.len() < config.limits.hinted;
        let is_due = config.limits.hinted > 0 && self.next.is_none_or(|at| at <= now);
        if !(is_short || takes_place || is_due) || !self.heeds(peer, config, now) {
            return;
        }
        if !is_short && !takes_place {
            self.next = Some(now + config.repair_interval);
        }
        self.waiting.insert(candidate);
    }

    /// Whether one more hint of a peer is followed. In each interval, a peer may give as many hints as a host
    /// may be probed. The counts of all peers start anew when there are as many of them as dials in a minute:
    /// a remote with more keys than that could not be held back by counts for each key.
    fn heeds(&mut self, peer: Option<PeerId>, config: &Config, now: Instant) -> bool {
        let Some(peer) = peer else { return true };
        let is_over = self.since.is_none_or(|since| since + config.reverify_interval <= now);
        if is_over || self.given.len() >= config.limits.probes_per_minute.get() {
            self.since = Some(now);
            self.given.clear();
        }
        let given = self.given.entry(peer).or_default();
        *given += 1;
        *given <= config.limits.probes_per_host.get()
    }

    pub(super) fn forget(&mut self, candidate: &Candidate) {
        self.waiting.remove(candidate);
    }

    /// Asks for a dial for the next hint that is worth one. A hint waits while a dial to its candidate is
    /// under way: that dial may have begun before the peer lived there, and may fail. When the dial for a
    /// hint has started, [`forget`](Self::forget) drops the hint.
    pub(super) fn next(&mut self, scene: &Scene<'_>) -> Ask {
        while let Some(candidate) = self.first(scene) {
            if !is_worth_a_look(scene, &candidate) {
                self.waiting.remove(&candidate);
                continue;
            }
            let ask = scene.ask_for_probe(candidate.clone(), Purpose::Hint);
            if let Ask::Other(_) = ask {
                self.waiting.remove(&candidate);
            }
            return ask;
        }
        Ask::Nothing(None)
    }

    fn first(&self, scene: &Scene<'_>) -> Option<Candidate> {
        self.waiting.iter().find(|c| scene.dials.of(c).is_none()).cloned()
    }
}

/// Whether a hint that had to wait is still worth a dial.
fn is_worth_a_look(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let view = scene.view;
    view.ledger.entry(candidate).is_none()
        && view.order.contains(candidate)
        && !view.own.is_own(candidate)
        && scene.has_room_at_host(candidate)
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::{
        super::{
            budget::Quota,
            testing::{Stage, dialled, wish},
        },
        *,
    };
    use crate::{
        config::Config,
        discovery::{
            effect::Effect,
            testing::{World, c, epoch, peer, pinned, secs},
        },
    };

    fn hint(n: u16, entries: usize) -> Hint {
        Hint { candidate: c(n), peer: None, takes_place: false, entries }
    }

    /// With room for so many entries.
    fn room_for(most: usize) -> Config {
        Config::new().map_limits(|limits| limits.with_hinted(most))
    }

    fn hinted(numbers: impl IntoIterator<Item = u16>) -> Hints {
        let mut hints = Hints::default();
        numbers.into_iter().for_each(|n| hints.add(hint(n, 0), &room_for(99), epoch()));
        hints
    }

    fn ask(hints: &mut Hints, stage: &Stage) -> Ask {
        stage.ask(|scene| hints.next(scene))
    }

    #[test]
    fn a_hint_is_a_probe_of_its_own_quota_and_is_asked_for_until_it_is_forgotten() {
        let (mut hints, stage) = (hinted([1]), Stage::new(World::of(3)));
        for _ in 0..2 {
            let wish = wish(ask(&mut hints, &stage));
            assert_eq!((wish.candidate, wish.quota), (c(1), Quota::Hint));
            assert!(wish.is_probe);
        }
        hints.forget(&c(1));
        assert!(matches!(ask(&mut hints, &stage), Ask::Nothing(None)));
    }

    #[test]
    fn with_entries_enough_hints_come_one_by_one_unless_they_are_of_a_place() {
        let (mut hints, config, now) = (Hints::default(), room_for(4), epoch());
        (0..5).for_each(|n| hints.add(hint(n, 2), &config, now));
        assert_eq!(hints.waiting.len(), 3, "two, and the first one past them");
        let of_a_place = Hint { takes_place: true, ..hint(7, 4) };
        hints.add(of_a_place, &config, now);
        assert_eq!(hints.waiting.len(), 4);
        hints.add(hint(8, 4), &config, now + secs(59));
        assert_eq!(hints.waiting.len(), 4);
        hints.add(hint(8, 4), &config, now + secs(60));
        assert_eq!(hints.waiting.len(), 5);
    }

    #[test]
    fn a_peer_gives_four_hints_a_minute() {
        let (mut hints, config, now) = (Hints::default(), room_for(99), epoch());
        let of = |peer, n| Hint { peer: Some(peer), ..hint(n, 0) };
        (0..9).for_each(|n| hints.add(of(peer(1), n), &config, now));
        assert_eq!(hints.waiting.len(), 4);
        (20..29).for_each(|n| hints.add(of(peer(2), n), &config, now));
        assert_eq!(hints.waiting.len(), 8, "the other one");
        (30..39).for_each(|n| hints.add(of(peer(1), n), &config, now + secs(60)));
        assert_eq!(hints.waiting.len(), 12);
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
            assert_eq!(hints.waiting, [c(2)].into());
        }
    }

    #[test]
    fn a_candidate_that_is_pinned_to_a_peer_that_may_not_join_is_turned_away() {
        let refused = pinned(1, peer(1));
        let mut stage = Stage::new(World::with(slice::from_ref(&refused)));
        stage.world.config = Config::new().with_allowed_peers([peer(2)]);
        let mut hints = Hints::default();
        let hint = Hint { candidate: refused.clone(), ..hint(1, 0) };
        hints.add(hint, &room_for(99), epoch());
        let asked = ask(&mut hints, &stage);
        assert!(matches!(asked, Ask::Other(Effect::TurnAway(at, _)) if at == refused));
        assert!(matches!(ask(&mut hints, &stage), Ask::Nothing(None)), "once");
    }
}
