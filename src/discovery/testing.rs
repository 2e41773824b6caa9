//! A small world for the tests of one room: what the room reads of other rooms, made without the hub.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use super::{
    dial::{Dial, Expect, Purpose},
    disqualified::Disqualified,
    effect::{Effect, Effects},
    ledger::{
        self, Ledger,
        judge::{Judge, Outcome},
        presence::Presence,
    },
    order::Order,
    output::{Closing, DialFailure},
    own::Own,
    plan::{Plans, Selected},
    view::View,
};
use crate::{
    candidate::{Candidate, Transports},
    config::{Config, Identify},
    event::{Failure, Proved},
    selection::Selection,
};

/// Our own number: our place is the first one in each list of up to twenty that does not name us.
pub(super) const LOCAL: u64 = 232_792_560;

/// What rooms read of others.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) order: Order,
    pub(super) own: Own,
    pub(super) ledger: Ledger,
    pub(super) disqualified: Disqualified,
    pub(super) plans: Plans,
    pub(super) selected: Selected,
    pub(super) selection: Selection,
    pub(super) interval: Duration,
    pub(super) now: Instant,
    rng: fastrand::Rng,
}

impl World {
    /// A world of so many candidates that were never tried, each at its own host.
    pub(super) fn of(n: u16) -> Self {
        Self::with(&(0..n).map(c).collect::<Vec<_>>())
    }

    pub(super) fn with(candidates: &[Candidate]) -> Self {
        Self::with_transports(candidates, &[])
    }

    /// Some of the candidates are transports to one host, the best one first.
    pub(super) fn with_transports(candidates: &[Candidate], group: &[Candidate]) -> Self {
        let mut world = Self {
            // What a dial expects is then the same whatever else goes on.
            config: Config::new().with_identify(Identify::Probe),
            order: Order::default(),
            own: Own::new(peer(LOCAL), &[]),
            ledger: Ledger::default(),
            disqualified: Disqualified::default(),
            plans: Plans::default(),
            selected: Selected::new(),
            selection: Selection::Auto,
            interval: secs(60),
            now: epoch(),
            rng: fastrand::Rng::with_seed(1),
        };
        world.name(&[candidates], group);
        world
    }

    /// DNS names other candidates, one list a source.
    pub(super) fn name(&mut self, lists: &[&[Candidate]], group: &[Candidate]) {
        let group: Transports = group.into();
        let groups = group.iter().map(|candidate| (candidate, group.clone()));
        let sorted = sort(&lists.concat());
        let lists = lists.iter().map(|list| sort(list)).collect();
        let order = Order::new(self.order.version() + 1, sorted, groups, lists);
        let (departed, added) = self.order.become_next(order);
        self.own.follow(&self.order);
        self.judge(|judge| judge.follow_order(&added, &departed));
    }

    pub(super) fn view(&self) -> View<'_> {
        View {
            config: &self.config,
            order: &self.order,
            own: &self.own,
            ledger: &self.ledger,
            disqualified: &self.disqualified,
            selection: self.selection,
            interval: self.interval,
            now: self.now,
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.ledger.follow_peers(self.disqualified.changed(self.now));
        while self.ledger.ripen(self.now) {}
    }

    /// Has the ledger act, and returns what it asks of others.
    pub(super) fn judge(&mut self, act: impl FnOnce(&mut Judge<'_, '_>)) -> Vec<Effect> {
        self.with_ledger(|ledger, cx| act(&mut Judge::new(ledger, cx)))
    }

    /// A peer proves that it lives at a candidate.
    pub(super) fn verify(&mut self, candidate: &Candidate, peer: PeerId) {
        let purpose = Some(Purpose::Place);
        self.judge(|judge| judge.identify(candidate, peer, Proved::Probe, purpose));
    }

    /// The same of the nth candidate and the nth peer, for each of several.
    pub(super) fn verify_all(&mut self, numbers: impl IntoIterator<Item = u16>) {
        numbers.into_iter().for_each(|n| self.verify(&c(n), peer(n.into())));
    }

    /// A dial to a candidate fails.
    pub(super) fn fail(&mut self, candidate: &Candidate) {
        let dial = self.dial(candidate, Expect::Probe, Purpose::Place);
        let failure = DialFailure::Failed(Failure::TimedOut);
        self.judge(|judge| judge.judge(&dial, Outcome::Failed(failure)));
    }

    pub(super) fn dial(&self, candidate: &Candidate, expect: Expect, purpose: Purpose) -> Dial {
        Dial {
            candidate: candidate.clone(),
            expect,
            purpose,
            started: self.now,
            deadline: self.now + self.config.probe_timeout,
            waits_for: None,
        }
    }

    /// A connection to a peer is opened that was dialled at a candidate. Its number is the peer's.
    pub(super) fn connect(&mut self, n: u16, at: &Candidate) {
        let id = ConnectionId::new_unchecked(n.into());
        self.with_ledger(|ledger, cx| {
            Presence::new(ledger, cx).connected(id, peer(n.into()), at, true);
        });
    }

    /// The connection to a peer is closed by this side.
    pub(super) fn disconnect(&mut self, n: u16) {
        let id = ConnectionId::new_unchecked(n.into());
        self.with_ledger(|ledger, cx| {
            Presence::new(ledger, cx).closed(id, &peer(n.into()), Closing::Orderly);
        });
    }

    /// A candidate leads to ourselves, as a dial has shown.
    pub(super) fn find(&mut self, candidate: &Candidate) {
        self.own.find(candidate.clone());
        self.own.follow(&self.order);
    }

    /// We listen at a candidate.
    pub(super) fn listen(&mut self, candidate: &Candidate) {
        self.own.listen(candidate);
        self.own.follow(&self.order);
    }

    pub(super) fn disqualify(&mut self, peer: PeerId, time: Duration) {
        self.disqualified.add(peer, self.now + time, self.config.limits.disqualified);
        self.ledger.follow_peers(self.disqualified.changed(self.now));
    }

    fn with_ledger(
        &mut self,
        act: impl FnOnce(&mut Ledger, &mut ledger::Context<'_>),
    ) -> Vec<Effect> {
        let mut effects = Effects::default();
        let mut context = ledger::Context {
            config: &self.config,
            order: &self.order,
            own: &self.own,
            disqualified: &self.disqualified,
            selected: &self.selected,
            is_dialled: &|_| false,
            interval: self.interval,
            longest_pause: self.config.retry_cap,
            now: self.now,
            rng: &mut self.rng,
            effects: &mut effects,
        };
        act(&mut self.ledger, &mut context);
        all(effects)
    }
}

fn sort(list: &[Candidate]) -> Arc<[Candidate]> {
    let list: BTreeSet<_> = list.iter().cloned().collect();
    list.into_iter().collect()
}

pub(super) fn all(mut effects: Effects) -> Vec<Effect> {
    std::iter::from_fn(|| effects.pop()).collect()
}

/// The nth candidate in order, from zero on.
pub(super) fn c(n: u16) -> Candidate {
    at(&format!("/ip4/10.0.{}.{}/tcp/1", n >> 8, n & 255))
}

/// The nth candidate of another family.
pub(super) fn v6(n: u16) -> Candidate {
    at(&format!("/ip6/fd00::{n:x}/tcp/1"))
}

/// The nth candidate, pinned to a peer.
pub(super) fn pinned(n: u16, peer: PeerId) -> Candidate {
    at(&format!("{}/p2p/{peer}", c(n)))
}

pub(super) fn at(address: &str) -> Candidate {
    Candidate::new(&address.parse().expect("an address"))
}

/// The number of an IPv4 candidate.
pub(super) fn number(candidate: &Candidate) -> u16 {
    match candidate.ip() {
        Some(IpAddr::V4(ip)) => u16::from_be_bytes([ip.octets()[2], ip.octets()[3]]),
        _ => panic!("{candidate}"),
    }
}

/// The nth peer. The hash of its id is its number.
pub(super) fn peer(n: u64) -> PeerId {
    let bytes = [&[0, 8], &n.to_le_bytes()[..]].concat();
    PeerId::from_bytes(&bytes).expect("an identity multihash of eight bytes")
}

pub(super) fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(super) fn nz(n: usize) -> std::num::NonZeroUsize {
    n.try_into().expect("not zero")
}

#[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
pub(super) fn epoch() -> Instant {
    Instant::now()
}
