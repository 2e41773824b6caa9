use libp2p_identity::PeerId;

use super::{
    hearsay::Hearsay,
    judge::{Judge, Outcome},
    presence::Presence,
    *,
};
use crate::discovery::testing::{epoch, secs};
use crate::discovery::{
    dial::{Dial, Expect, Purpose},
    disqualified::Disqualified,
    output::{Closing, DialFailure},
};

mod admission;
mod endings;
mod presence;

/// The ledger alone, with what it reads of others.
struct World {
    ledger: Ledger,
    config: Config,
    order: Order,
    own: Own,
    selected: Selected,
    rng: fastrand::Rng,
    now: Instant,
    /// What the ledger asked of others in the last act.
    asked: Vec<Effect>,
}

fn c(n: u8) -> Candidate {
    Candidate::new(&format!("/ip4/10.0.0.{n}/tcp/1").parse().expect("an address"))
}

fn pinned(n: u8, peer: PeerId) -> Candidate {
    Candidate::new(&format!("{}/p2p/{peer}", c(n)).parse().expect("an address"))
}

fn transport() -> Failure {
    Failure::Transport("connection refused".into())
}

impl World {
    /// DNS names these.
    fn of(candidates: &[Candidate]) -> Self {
        let mut world = Self {
            ledger: Ledger::default(),
            config: Config::new(),
            order: Order::default(),
            own: Own::new(PeerId::random(), &[]),
            selected: Selected::new(),
            rng: fastrand::Rng::with_seed(1),
            now: epoch(),
            asked: Vec::new(),
        };
        world.name(candidates);
        world
    }

    /// `n` addresses.
    fn new(n: u8) -> Self {
        Self::of(&(1..=n).map(c).collect::<Vec<_>>())
    }

    fn name(&mut self, candidates: &[Candidate]) {
        let mut sorted = candidates.to_vec();
        sorted.sort();
        let order = Order::new(self.order.version() + 1, sorted.into(), [].into_iter(), Vec::new());
        let (departed, added) = self.order.become_next(order);
        self.own.follow(&self.order);
        self.judge(|judge| judge.follow_order(&added, &departed));
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut Ledger, &mut Context<'_>) -> T) -> T {
        let mut effects = Effects::default();
        let answer = act(
            &mut self.ledger,
            &mut Context {
                config: &self.config,
                order: &self.order,
                own: &self.own,
                disqualified: &Disqualified::default(),
                selected: &self.selected,
                is_dialled: &|_| false,
                interval: secs(60),
                longest_pause: secs(300),
                now: self.now,
                rng: &mut self.rng,
                effects: &mut effects,
            },
        );
        self.asked = std::iter::from_fn(|| effects.pop()).collect();
        answer
    }

    fn judge(&mut self, act: impl FnOnce(&mut Judge<'_, '_>)) {
        self.act(|ledger, cx| act(&mut Judge::new(ledger, cx)));
    }

    /// A probe of ours met a peer.
    fn meet(&mut self, candidate: &Candidate, peer: PeerId) {
        self.finish(candidate, Outcome::Failed(DialFailure::Identity(peer)));
    }

    /// A probe of ours met nobody.
    fn miss(&mut self, candidate: &Candidate) {
        self.finish(candidate, Outcome::Failed(DialFailure::Failed(transport())));
    }

    fn finish(&mut self, candidate: &Candidate, outcome: Outcome) {
        let dial = Dial {
            candidate: candidate.clone(),
            expect: Expect::Probe,
            purpose: Purpose::Place,
            started: self.now,
            deadline: self.now + secs(10),
            waits_for: None,
        };
        self.judge(|judge| judge.judge(&dial, outcome));
    }

    fn connect(&mut self, id: usize, peer: PeerId, candidate: &Candidate) {
        let id = ConnectionId::new_unchecked(id);
        self.act(|ledger, cx| Presence::new(ledger, cx).connected(id, peer, candidate, true));
    }

    fn close(&mut self, id: usize, peer: PeerId, how: Closing) -> bool {
        let id = ConnectionId::new_unchecked(id);
        self.act(|ledger, cx| Presence::new(ledger, cx).closed(id, &peer, how))
    }

    fn peer_at(&self, candidate: &Candidate) -> Option<PeerId> {
        self.ledger.entry(candidate).map(|entry| entry.peer)
    }

    /// What was told in the last act.
    fn told(&self) -> Vec<&Event> {
        let events = self.asked.iter().filter_map(|effect| match effect {
            Effect::Output(Output::Event(event)) => Some(event),
            _ => None,
        });
        events.collect()
    }

    /// Whether DNS was to be asked sooner in the last act.
    fn looks_sooner(&self) -> bool {
        self.asked.iter().any(|effect| matches!(effect, Effect::LookSooner))
    }

    fn is_untried(&self, candidate: &Candidate) -> bool {
        self.ledger.untried().contains(candidate)
    }
}

#[test]
fn a_peer_that_is_met_is_entered_announced_and_told_once() {
    let (mut world, peer) = (World::new(2), PeerId::random());
    assert!(world.is_untried(&c(1)));
    world.meet(&c(1), peer);
    assert_eq!(world.peer_at(&c(1)), Some(peer));
    assert!(!world.is_untried(&c(1)) && world.is_untried(&c(2)));
    assert!(matches!(world.told()[..], [Event::Verified { .. }]));
    let is_announced = |e: &Effect| matches!(e, Effect::Output(Output::Announce { .. }));
    assert!(world.asked.iter().any(is_announced));
    world.meet(&c(1), peer);
    assert!(world.told().is_empty() && !world.asked.iter().any(is_announced));
}

#[test]
fn an_address_that_cannot_be_reached_waits_longer_and_longer_and_is_told_once() {
    let mut world = World::new(1);
    let mut longest = Duration::ZERO;
    for failures in 1..=12 {
        world.miss(&c(1));
        let told = world.told().len();
        assert_eq!(told, usize::from(failures == 1), "{failures}");
        let failed = world.ledger.failed(&c(1)).expect("it waits");
        longest = longest.max(failed.retry_at - world.now);
        assert!(failed.retry_at <= world.now + secs(300));
        world.now += secs(300);
    }
    assert!(longest >= secs(150) && !world.is_untried(&c(1)));
}

#[test]
fn one_that_was_postponed_is_no_failure() {
    let mut world = World::new(1);
    world.finish(&c(1), Outcome::Failed(DialFailure::Busy));
    assert_eq!(world.ledger.failures(&c(1)), 0);
    assert!(world.told().is_empty() && !world.is_untried(&c(1)));
}

#[test]
fn a_denial_says_nothing_of_an_entry() {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.meet(&c(1), peer);
    for _ in 0..5 {
        let denied = DialFailure::Denied("limit reached".into());
        world.finish(&c(1), Outcome::Failed(denied));
    }
    assert_eq!(world.peer_at(&c(1)), Some(peer));
}

#[test]
fn a_family_without_a_route_is_said_to_have_none() {
    let mut world = World::new(1);
    let failure = Failure::NoRoute("network unreachable".into());
    world.finish(&c(1), Outcome::Failed(DialFailure::Failed(failure)));
    assert!(world.asked.iter().any(|effect| matches!(effect, Effect::NoRoute(_))));
    world.meet(&c(1), PeerId::random());
    assert!(world.asked.iter().any(|effect| matches!(effect, Effect::Route(_))));
}

#[test]
fn a_hint_has_an_entry_verified_and_not_again_at_once() {
    let mut world = World::new(2);
    world.meet(&c(1), PeerId::random());
    let hint =
        |world: &mut World, n| world.act(|ledger, cx| Hearsay::new(ledger, cx).take_hint(&c(n)));
    assert!(hint(&mut world, 2), "nobody is verified there: it is to be looked at");
    assert!(!hint(&mut world, 1));
    assert_eq!(world.ledger.next_check(), Some((world.now, &c(1))));
    let later = world.now + secs(9);
    world.ledger.recheck(&c(1), later);
    assert!(!hint(&mut world, 1));
    assert_eq!(world.ledger.next_check(), Some((later, &c(1))));
}

#[test]
fn hints_about_a_host_are_few_and_none_where_the_peer_is_known_to_live() {
    let (mut world, peer) = (World::new(2), PeerId::random());
    let remote = Candidate::new(&"/ip4/10.0.0.1/tcp/55555".parse().expect("an address"));
    let hinted = |world: &mut World, peer| {
        world.act(|ledger, cx| Hearsay::new(ledger, cx).hinted_by_host(&remote, &peer))
    };
    assert_eq!(hinted(&mut world, peer), [c(1)]);
    world.meet(&c(1), peer);
    assert!(hinted(&mut world, peer).is_empty());
    assert_eq!(hinted(&mut world, PeerId::random()), [c(1)]);
}

#[test]
fn a_peer_is_contradicted_by_a_claim_only_where_another_is_verified() {
    let (mut world, peer) = (World::new(2), PeerId::random());
    world.meet(&c(1), peer);
    let hinted = |world: &mut World, n, peer| {
        world.act(|ledger, cx| Hearsay::new(ledger, cx).hinted_by_claim(&c(n), &peer))
    };
    assert!(hinted(&mut world, 1, peer).is_empty());
    assert_eq!(hinted(&mut world, 1, PeerId::random()), [c(1)]);
    assert!(hinted(&mut world, 3, peer).is_empty(), "no candidate");
}
