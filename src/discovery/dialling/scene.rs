//! What an asker sees before it asks for a dial, and how it asks.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    budget::Quota,
    dials::Dials,
    host_probes::{HostProbes, has_many_spellings},
};
use crate::{
    candidate::{Candidate, Family},
    config::Identify,
    discovery::{
        dial::{Dial, DialId, Expect, Purpose},
        effect::Effect,
        ledger::admits,
        order::within,
        plan::{Plan, Plans, Selected},
        view::View,
    },
    event::Failure,
};

/// While a candidate to try is looked for, how many peers are remembered that need no further address.
const PINS: usize = 8;

/// What is in the way of a dial to a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    /// The host of the candidate was probed often enough.
    Host,
    /// The peer to which the candidate is pinned needs no further address.
    Pin,
    /// The candidate is ours.
    Ours,
    /// Something that concerns no other candidate.
    Itself,
}

/// What there is to see: what is known, what is planned, what is being dialled.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) plans: &'a Plans,
    pub(super) selected: &'a Selected,
    pub(super) dials: &'a Dials,
    pub(super) hosts: &'a HostProbes,
    /// Whether a behaviour of the swarm denies probes, as far as is known.
    pub(super) are_probes_denied: bool,
}

/// A dial that an asker wants.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) candidate: Candidate,
    pub(super) expect: Expect,
    pub(super) purpose: Purpose,
    /// The quota in the budget that the dial takes from.
    pub(super) quota: Quota,
    /// Whether the dial counts as a probe of its host: no peer was met there yet.
    pub(super) is_probe: bool,
    /// The effect that follows when the dial starts.
    pub(super) then: Option<Effect>,
}

/// What an asker wants next.
#[derive(Debug)]
pub(super) enum Ask {
    /// A dial, as soon as there is room for it.
    Dial(Wish),
    /// An effect for another room, and to be asked again.
    Other(Effect),
    /// To abort a probe whose outcome no longer matters, and to be asked again.
    Abort(DialId),
    /// Nothing before this instant, if there is one.
    Nothing(Option<Instant>),
}

impl<'a> Scene<'a> {
    pub(super) fn now(&self) -> Instant {
        self.view.now
    }

    pub(super) fn plan(&self, family: Family) -> &'a Plan {
        self.plans.of(family)
    }

    /// Whether the peer that is verified at a candidate takes a place.
    pub(super) fn takes_place(&self, candidate: &Candidate) -> bool {
        self.view.ledger.takes_place(candidate, self.selected)
    }

    /// Whether a dial to a candidate may start now, as far as the candidate itself is concerned.
    pub(super) fn may_try(&self, candidate: &Candidate) -> bool {
        self.obstacle(candidate).is_none()
    }

    /// What is in the way of a dial to a candidate.
    fn obstacle(&self, candidate: &Candidate) -> Option<Obstacle> {
        if candidate.pinned().is_some_and(|pinned| self.is_spoken_for(pinned, candidate)) {
            Some(Obstacle::Pin)
        } else if !self.has_room_at_host(candidate) && !self.is_last_hope(candidate) {
            Some(Obstacle::Host)
        } else if self.view.own.is_own_undialled(candidate, self.view.order) {
            Some(Obstacle::Ours)
        } else if self.dials.of(candidate).is_some()
            || self.view.ledger.entry(candidate).is_some()
            || !self.has_turn(candidate)
        {
            Some(Obstacle::Itself)
        } else {
            None
        }
    }

    /// Whether no further address of a pinned peer is to be tried in the family: because the peer can take no
    /// place by it, or because another address of the peer is being dialled (one place is enough for all of
    /// them).
    fn is_spoken_for(&self, pinned: &PeerId, candidate: &Candidate) -> bool {
        let is_same = |dial: &Dial| {
            dial.candidate.family() == candidate.family() && dial.candidate.pinned() == Some(pinned)
        };
        !self.view.may_take_place_by_pin(pinned, candidate)
            || (self.view.selection.counts_peers()
                && self.dials.iter().any(|(_, dial)| is_same(dial)))
    }

    /// The first candidate of a set that may be tried, in a part of one family's order. An obstacle may be in
    /// the way of thousands of candidates: they are passed over together.
    pub(super) fn first_to_try<'b>(
        &self,
        set: &'b BTreeSet<Candidate>,
        part: &[Candidate],
    ) -> Option<&'b Candidate> {
        let mut spoken_for: Vec<&PeerId> = Vec::new();
        let mut part = part;
        'parts: loop {
            for candidate in within(set, part) {
                let pinned = candidate.pinned();
                if pinned.is_some_and(|pinned| spoken_for.contains(&pinned)) {
                    continue;
                }
                let Some(obstacle) = self.obstacle(candidate) else { return Some(candidate) };
                if matches!(obstacle, Obstacle::Pin) {
                    spoken_for.extend(pinned.filter(|_| spoken_for.len() < PINS));
                }
                if let Some(end) = self.end_of(&obstacle, candidate, part) {
                    part = &part[end..];
                    continue 'parts;
                }
            }
            return None;
        }
    }

    /// Where the candidates end that follow a candidate in a part and meet the same obstacle, as far as the
    /// order shows it: the candidates of a host that was probed often enough, or those of our own address
    /// with other pins.
    fn end_of(
        &self,
        obstacle: &Obstacle,
        candidate: &Candidate,
        part: &[Candidate],
    ) -> Option<usize> {
        match obstacle {
            Obstacle::Host if candidate.ip().is_some() => {
                Some(part.partition_point(|c| c.ip() <= candidate.ip()))
            }
            Obstacle::Ours if self.is_ours_with_any_pin(candidate) => {
                let is_past = |c: &Candidate| c > candidate && !c.is_at_address_of(candidate);
                Some(part.partition_point(|c| !is_past(c)))
            }
            _ => None,
        }
    }

    fn is_ours_with_any_pin(&self, candidate: &Candidate) -> bool {
        candidate.pinned().is_some() && self.view.own.is_own_address(&candidate.without_pin())
    }

    /// Whether the host of a candidate may be probed once more. Our own host always may: the limit keeps us
    /// from attacking others, and the other nodes of our host may start after us.
    pub(super) fn has_room_at_host(&self, candidate: &Candidate) -> bool {
        self.hosts.has_room(candidate)
            || candidate.ip().is_some_and(|ip| self.view.own.listens_at(ip))
    }

    /// Whether a candidate is the only one at its host while no peer is verified. Then its back-off alone
    /// bounds the probes of the host. A static source has no refresh after which the host might be probed
    /// again.
    fn is_last_hope(&self, candidate: &Candidate) -> bool {
        let View { order, ledger, .. } = self.view;
        let transports = order.transports(candidate);
        let is_it = |c: &Candidate| c == candidate || transports.contains(c);
        let is_only = |ip| !has_many_spellings(ip) && order.at_host(ip).iter().all(is_it);
        ledger.len() == 0 && candidate.ip().is_some_and(is_only)
    }

    /// Whether a candidate is to be tried at all: a fallback has its turn when the better transport
    /// to its host has failed, or has not answered for as long as a stagger.
    pub(super) fn has_turn(&self, candidate: &Candidate) -> bool {
        let View { order, ledger, config, now, .. } = *self.view;
        let is_slow = |dial: &Dial| dial.started + config.stagger <= now;
        order.preferred_to(candidate).is_none_or(|better| {
            ledger.entry(better).is_none()
                && (ledger.failures(better) > 0
                    || self.dials.of(better).is_some_and(|(_, dial)| is_slow(dial)))
        })
    }

    /// Asks for a dial that finds out which peer lives at a candidate, if no peer is verified there.
    pub(super) fn ask_for_probe(&self, candidate: Candidate, purpose: Purpose) -> Ask {
        let refused = |pinned: &&PeerId| !admits(self.view.config, pinned, &candidate);
        if let Some(pinned) = candidate.pinned().copied().filter(|pinned| refused(&pinned)) {
            return Ask::Other(Effect::TurnAway(candidate, Failure::Refused(pinned)));
        }
        let expect = self.expectation(&candidate, purpose);
        let quota = match purpose {
            Purpose::Place => Quota::Place,
            Purpose::Check => Quota::Check,
            Purpose::Repair => Quota::Repair,
            Purpose::Hint => Quota::Hint,
        };
        Ask::Dial(Wish { candidate, expect, purpose, quota, is_probe: true, then: None })
    }

    /// Which peer a dial expects at a candidate at which no peer is verified.
    pub(super) fn expectation(&self, candidate: &Candidate, purpose: Purpose) -> Expect {
        match candidate.pinned() {
            // A relay is asked for a certain peer, so a throw-away id would reach no peer there.
            Some(pinned) if candidate.is_relayed() => Expect::Peer(*pinned),
            Some(pinned) if !self.view.ledger.is_connected(pinned) => Expect::Peer(*pinned),
            // A dial to a peer that is connected would be refused.
            _ if !self.may_probe() || self.is_first(candidate, purpose) => Expect::Anyone,
            _ => Expect::Probe,
        }
    }

    /// Whether identities may be learned by dials with a throw-away id.
    pub(super) fn may_probe(&self) -> bool {
        match self.view.config.identify {
            Identify::Auto => !self.are_probes_denied,
            Identify::Probe => true,
            Identify::Dial => false,
        }
    }

    /// Whether a dial without a peer id has no drawback. Its connection must fill a place, and must not be a
    /// second one to a peer: no connected peer seems to live there. Such a dial cannot be aborted. So no more
    /// of them run than there are free places, and none beside a dial that has been silent for a stagger.
    fn is_first(&self, candidate: &Candidate, purpose: Purpose) -> bool {
        let family = candidate.family();
        let (at_once, stagger) = (self.plan(family).at_once, self.view.config.stagger);
        let places = || self.dials.for_places(family).map(|(_, dial)| dial);
        self.view.config.identify == Identify::Auto
            && purpose == Purpose::Place
            && candidate.pinned().is_none()
            && self.view.is_untried(candidate)
            && places().count() < at_once
            && places().all(|dial| dial.started + stagger > self.now())
            && !self.view.ledger.is_anybody_at(candidate)
    }
}

#[cfg(test)]
mod tests {
    use std::{slice, time::Duration};

    use super::{
        super::testing::{Stage, dialled, wish},
        *,
    };
    use crate::{
        config::Config,
        discovery::testing::{World, at, c, nz, peer, pinned},
    };

    const QUIC: &str = "/ip4/10.0.0.1/udp/1/quic-v1";
    const TCP: &str = "/ip4/10.0.0.1/tcp/1";
    const STAGGER: Duration = Duration::from_millis(250);

    fn two_transports() -> (Stage, Candidate, Candidate) {
        let (quic, tcp) = (at(QUIC), at(TCP));
        let group = [quic.clone(), tcp.clone()];
        (Stage::new(World::with_transports(&group, &group)), quic, tcp)
    }

    fn has_turn(stage: &Stage, candidate: &Candidate) -> bool {
        stage.ask(|scene| scene.has_turn(candidate))
    }

    fn may_try(stage: &Stage, candidate: &Candidate) -> bool {
        stage.ask(|scene| scene.may_try(candidate))
    }

    fn asked(stage: &Stage, candidate: &Candidate) -> Ask {
        stage.ask(|scene| scene.ask_for_probe(candidate.clone(), Purpose::Place))
    }

    #[test]
    fn a_fallback_has_its_turn_when_the_better_transport_is_silent_for_a_stagger() {
        let (mut stage, quic, tcp) = two_transports();
        assert!(has_turn(&stage, &quic) && !has_turn(&stage, &tcp));
        stage.probe(&quic);
        stage.world.pass(STAGGER - Duration::from_millis(1));
        assert!(!has_turn(&stage, &tcp));
        stage.world.pass(Duration::from_millis(1));
        assert!(has_turn(&stage, &tcp));
    }

    #[test]
    fn a_fallback_has_its_turn_when_the_better_transport_failed_and_none_while_that_works() {
        let (mut stage, quic, tcp) = two_transports();
        stage.world.fail(&quic);
        assert!(has_turn(&stage, &tcp));
        stage.world.verify(&quic, peer(1));
        stage.probe(&quic);
        stage.world.pass(STAGGER);
        assert!(!has_turn(&stage, &tcp));
    }

    #[test]
    fn several_addresses_of_one_peer_are_tried_one_after_the_other_unless_all_are_wanted() {
        let (one, other) = (pinned(1, peer(1)), pinned(2, peer(1)));
        let v6 = at(&format!("/ip6/fd00::1/tcp/1/p2p/{}", peer(1)));
        let all = [one.clone(), other.clone(), pinned(3, peer(3)), v6.clone()];
        let mut stage = Stage::new(World::with(&all));
        stage.probe(&one);
        assert!(!may_try(&stage, &other) && may_try(&stage, &pinned(3, peer(3))));
        assert!(may_try(&stage, &v6), "it is a place of another family");
        stage.world.selection = crate::selection::Selection::All;
        assert!(may_try(&stage, &other));
    }

    #[test]
    fn a_candidate_is_not_tried_that_is_dialled_or_known_or_on_a_host_that_was_probed_enough() {
        let mut stage = Stage::new(World::of(4));
        assert!((0..4).all(|n| may_try(&stage, &c(n))));
        stage.probe(&c(0));
        stage.world.verify_all([1]);
        stage.hosts = HostProbes::new(nz(1));
        stage.hosts.note(&c(2));
        let may: Vec<_> = (0..4).map(|n| may_try(&stage, &c(n))).collect();
        assert_eq!(may, [false, false, false, true]);
    }

    #[test]
    fn a_candidate_without_a_pin_is_probed_or_dialled_for_anyone() {
        let mut stage = Stage::new(World::of(1));
        assert_eq!(dialled(asked(&stage, &c(0))).1, Expect::Probe);
        stage.world.config = Config::new().with_identify(Identify::Dial);
        assert_eq!(dialled(asked(&stage, &c(0))).1, Expect::Anyone);
        assert!(wish(asked(&stage, &c(0))).is_probe);
    }

    /// With two places to be filled.
    fn auto(n: u16) -> Stage {
        let mut stage = Stage::new(World::of(n));
        stage.world.config = Config::new().with_identify(Identify::Auto);
        stage.world.plans.set(Family::V4, Plan { at_once: 2, ..Plan::default() });
        stage
    }

    #[test]
    fn for_each_place_one_address_is_dialled_for_anyone_whoever_is_connected_elsewhere() {
        let mut stage = auto(4);
        stage.world.connect(7, &c(3));
        for n in 0..2 {
            assert_eq!(dialled(asked(&stage, &c(n))).1, Expect::Anyone);
            stage.dial(&c(n), Expect::Anyone, Purpose::Place);
            stage.world.pass(Duration::from_millis(1));
        }
        assert_eq!(dialled(asked(&stage, &c(2))).1, Expect::Probe, "as many as there are places");
    }

    #[test]
    fn what_may_open_a_second_connection_or_fills_no_place_is_a_probe() {
        let changes: [fn(&mut Stage); 4] = [
            |stage| stage.world.connect(7, &c(0)),
            |stage| stage.world.fail(&c(0)),
            |stage| {
                stage.dial(&c(1), Expect::Anyone, Purpose::Place);
                stage.world.pass(STAGGER);
            },
            |stage| stage.world.plans = Plans::default(),
        ];
        for change in changes {
            let mut stage = auto(3);
            change(&mut stage);
            assert_eq!(dialled(asked(&stage, &c(0))).1, Expect::Probe);
        }
        let hint = auto(3).ask(|scene| scene.ask_for_probe(c(0), Purpose::Hint));
        assert_eq!(dialled(hint).1, Expect::Probe);
    }

    #[test]
    fn where_probes_are_denied_dials_for_anyone_take_their_place() {
        let mut stage = auto(3);
        stage.world.plans = Plans::default();
        stage.are_probes_denied = true;
        assert_eq!(dialled(asked(&stage, &c(0))).1, Expect::Anyone);
        stage.world.config = Config::new().with_identify(Identify::Probe);
        assert_eq!(dialled(asked(&stage, &c(0))).1, Expect::Probe, "as it was told");
    }

    #[test]
    fn a_pinned_peer_is_dialled_unless_it_is_connected_already() {
        let pinned = pinned(0, peer(1));
        let mut stage = Stage::new(World::with(slice::from_ref(&pinned)));
        assert_eq!(dialled(asked(&stage, &pinned)).1, Expect::Peer(peer(1)));
        stage.world.connect(1, &c(9));
        assert_eq!(dialled(asked(&stage, &pinned)).1, Expect::Probe);
        // Behind a relay, no peer answers to a throw-away id.
        let relay = format!("/ip4/10.9.9.9/tcp/1/p2p/{}", peer(77));
        let relayed = at(&format!("{relay}/p2p-circuit/p2p/{}", peer(1)));
        assert_eq!(dialled(asked(&stage, &relayed)).1, Expect::Peer(peer(1)));
    }

    #[test]
    fn a_candidate_whose_pinned_peer_may_not_join_is_turned_away_without_a_dial() {
        let (refused, admitted) = (pinned(1, peer(1)), pinned(2, peer(2)));
        let mut stage = Stage::new(World::with(&[refused.clone(), admitted.clone()]));
        stage.world.config = Config::new().with_allowed_peers([peer(2)]);
        let Ask::Other(Effect::TurnAway(candidate, failure)) = asked(&stage, &refused) else {
            panic!("it is dialled")
        };
        assert_eq!((candidate, failure), (refused, Failure::Refused(peer(1))));
        assert_eq!(dialled(asked(&stage, &admitted)).1, Expect::Peer(peer(2)));
    }

    #[test]
    fn a_place_is_taken_by_the_peer_that_was_selected_there_and_by_no_other() {
        let mut stage = Stage::new(World::of(2));
        stage.select(&c(1), peer(1));
        assert!(stage.ask(|scene| scene.takes_place(&c(1))));
        stage.world.verify(&c(1), peer(2));
        assert!(!stage.ask(|scene| scene.takes_place(&c(1))));
    }
}
