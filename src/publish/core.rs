//! The decisions of a publisher, without clock and network. Inputs go in by `handle_*`, outputs come out
//! by [`Core::poll_output`], and [`Core::poll_timeout`] says when to call [`Core::handle_timeout`].
//!
//! The publisher repeats one round: read the records, and make one update if they are not as they should
//! be. A round begins when the addresses have changed, when the refresh interval is over, when the pause
//! after a failure is over, and when the node leaves.

use std::{
    collections::{BTreeSet, VecDeque},
    mem::{Discriminant, discriminant},
};

use hickory_proto::rr::rdata::TXT;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    config::Config,
    event::Event,
    own::Wanted,
    plan::Plan,
    record,
    updater::{Update, UpdateError},
};
use crate::{
    candidate::Candidate,
    own_addresses::OwnAddresses,
    pace::{about, back_off},
};

#[cfg(test)]
mod tests;

/// The state of a publisher.
#[derive(Debug)]
pub(super) struct Core {
    config: Config,
    local: PeerId,
    rng: fastrand::Rng,
    own: OwnAddresses,
    wanted: Wanted,
    /// The addresses by which the zone names this node, as last reported.
    published: Option<Wanted>,
    /// The exchange under way. There is at most one.
    exchange: Option<Exchange>,
    /// When a round begins because the addresses have changed.
    change: Option<Instant>,
    /// When the next round begins, after a success or a failure.
    next: Option<Instant>,
    failures: Option<(Discriminant<UpdateError>, u32)>,
    /// The addresses by which the zone may name this node.
    claimed: BTreeSet<Candidate>,
    /// The addresses that were added since the zone was read the last time.
    unseen: BTreeSet<Candidate>,
    stay: Stay,
    outputs: VecDeque<Output>,
    serial: u64,
}

/// What the core wants done.
#[derive(Debug)]
pub(super) enum Output {
    /// Read the records, and hand the result to [`Core::handle_read`].
    Read(ExchangeId),
    /// Make an update, and hand the result to [`Core::handle_update`].
    Update(ExchangeId, Update),
    /// Abandon the exchange under way. Its result will be ignored.
    Cancel,
    /// Tell the application.
    Event(Event),
}

/// Names one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExchangeId(u64);

#[derive(Debug)]
struct Exchange {
    id: ExchangeId,
    deadline: Instant,
    /// Whether it serves our leaving.
    leaving: bool,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Read,
    /// What is to be told once it is done.
    Update(Done),
    /// To take back what the name has no room for. Why that is done.
    TakeBack(UpdateError),
}

/// What the zone is like after an update.
#[derive(Debug)]
struct Done {
    wanted: Wanted,
    /// Whether anything was to be added.
    added: bool,
    removed: BTreeSet<Candidate>,
    deleted: Vec<TXT>,
    /// Whether there is more to do.
    more: bool,
}

/// Whether we stay or leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    Staying,
    Leaving,
    Left,
}

impl Core {
    pub(super) fn new(config: Config, local: PeerId, seed: u64, now: Instant) -> Self {
        let own = OwnAddresses::default();
        let wanted = Wanted::of(&own, &config, &local);
        Self {
            // What is configured does not change: there is nothing to wait for.
            change: (!wanted.addresses.is_empty()).then_some(now),
            config,
            local,
            rng: fastrand::Rng::with_seed(seed),
            own,
            wanted,
            published: None,
            exchange: None,
            next: None,
            failures: None,
            claimed: BTreeSet::new(),
            unseen: BTreeSet::new(),
            stay: Stay::Staying,
            outputs: VecDeque::new(),
            serial: 0,
        }
    }

    /// Takes note of a change of the addresses that the swarm tells of.
    pub(super) fn handle_addresses(
        &mut self,
        change: impl FnOnce(&mut OwnAddresses),
        now: Instant,
    ) {
        change(&mut self.own);
        if self.stay != Stay::Staying {
            return;
        }
        let wanted = Wanted::of(&self.own, &self.config, &self.local);
        if wanted.addresses != self.wanted.addresses {
            self.change.get_or_insert(now + self.config.debounce);
        }
        self.wanted = wanted;
    }

    /// Takes the result of a read.
    pub(super) fn handle_read(
        &mut self,
        id: ExchangeId,
        result: Result<Vec<TXT>, UpdateError>,
        now: Instant,
    ) {
        let Some(exchange) = self.exchange.take_if(|e| e.id == id) else { return };
        match result {
            Ok(records) => self.compare(&records, now),
            // What is ours must go even where it cannot be seen: so there is room again.
            Err(UpdateError::Full { .. } | UpdateError::Server { .. })
                if self.stay == Stay::Leaving =>
            {
                let claimed: Vec<_> = self.claimed.iter().map(record::write).collect();
                self.compare(&claimed, now);
            }
            // Nobody sees any record of the name, or can make room, unless those who came last do. A server
            // may say so as if it failed: once alone, that is a bad moment of the server's.
            Err(error) if !self.unseen.is_empty() && self.may_be_full(&error) => {
                self.take_back(error, now);
            }
            Err(error) => self.fail(error, exchange.leaving, now),
        }
    }

    /// Whether an error of a read may mean that the name is full.
    fn may_be_full(&self, error: &UpdateError) -> bool {
        match error {
            UpdateError::Full { .. } => true,
            UpdateError::Server { .. } => self.failures.is_some(),
            _ => false,
        }
    }

    /// Removes what no read has shown: several nodes may have found room for one record each, at the same
    /// time, and filled the name up.
    fn take_back(&mut self, error: UpdateError, now: Instant) {
        let delete = self.unseen.iter().map(record::write).collect();
        self.update(Step::TakeBack(error), delete, Vec::new(), now);
    }

    /// Takes the result of an update.
    pub(super) fn handle_update(
        &mut self,
        id: ExchangeId,
        result: Result<(), UpdateError>,
        now: Instant,
    ) {
        let Some(exchange) = self.exchange.take_if(|e| e.id == id) else { return };
        match (exchange.step, result) {
            (Step::Update(done), Ok(())) => self.succeed(done, exchange.leaving, now),
            (Step::TakeBack(error), Ok(())) => {
                self.unseen.clear();
                self.published = None;
                self.fail(error, exchange.leaving, now);
            }
            (_, Err(error)) => self.fail(error, exchange.leaving, now),
            (Step::Read, Ok(())) => {}
        }
    }

    /// Removes what we have published, and publishes nothing more.
    pub(super) fn withdraw(&mut self, now: Instant) {
        if self.stay != Stay::Staying {
            return;
        }
        self.stay = Stay::Leaving;
        (self.change, self.next, self.failures) = (None, None, None);
        match self.exchange {
            Some(_) => {}
            None if self.claimed.is_empty() => self.leave(),
            None => self.read(now),
        }
    }

    /// Acts on what has become due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(exchange) = self.exchange.take_if(|e| e.deadline <= now) {
            self.outputs.push_back(Output::Cancel);
            self.fail(UpdateError::TimedOut, exchange.leaving, now);
        } else if self.exchange.is_none() && self.due().is_some_and(|due| due <= now) {
            self.read(now);
        }
    }

    /// When to call [`Self::handle_timeout`]; `None` if there is nothing to wait for.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.exchange {
            Some(exchange) => Some(exchange.deadline),
            None => self.due(),
        }
    }

    /// The next thing to do.
    pub(super) fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The addresses that the zone names us by, as last told.
    pub(super) fn published(&self) -> Vec<Multiaddr> {
        self.published.as_ref().map(|told| multiaddrs(&told.addresses)).unwrap_or_default()
    }

    fn due(&self) -> Option<Instant> {
        [self.change, self.next].into_iter().flatten().min()
    }

    fn read(&mut self, now: Instant) {
        (self.change, self.next) = (None, None);
        let id = self.begin(Step::Read, now);
        self.outputs.push_back(Output::Read(id));
    }

    fn begin(&mut self, step: Step, now: Instant) -> ExchangeId {
        self.serial += 1;
        let id = ExchangeId(self.serial);
        let deadline = now + self.config.timeout;
        self.exchange = Some(Exchange { id, deadline, leaving: self.stay == Stay::Leaving, step });
        id
    }

    /// Makes the update that is needed, if one is.
    fn compare(&mut self, records: &[TXT], now: Instant) {
        // What has changed meanwhile is acted upon now.
        self.change = None;
        let leaving = self.stay == Stay::Leaving;
        let (wanted, plan) = if leaving {
            // Nothing else, even of our id: another process may have taken our place already.
            let ours = |txt: &&TXT| record::read(txt).is_some_and(|a| self.claimed.contains(&a));
            let ours: Vec<_> = records.iter().filter(ours).cloned().collect();
            (Wanted::default(), Plan::new(&ours, &BTreeSet::new(), &self.local))
        } else {
            (self.wanted.clone(), Plan::new(records, &self.wanted.addresses, &self.local))
        };
        if plan.is_empty() && plan.full {
            return self.fail(
                UpdateError::Full { owner: self.config.owner.to_ascii() },
                leaving,
                now,
            );
        }
        self.claimed.extend(wanted.addresses.iter().cloned());
        self.unseen = plan.add.iter().filter_map(record::read).collect();
        let (is_done, added, more) =
            (plan.is_empty(), !plan.add.is_empty(), plan.more || plan.full);
        let deleted = plan.delete.clone();
        let done = Done { wanted, added, removed: plan.removed, deleted, more };
        if is_done {
            return self.succeed(done, leaving, now);
        }
        self.update(Step::Update(done), plan.delete, plan.add, now);
    }

    fn update(&mut self, step: Step, delete: Vec<TXT>, add: Vec<TXT>, now: Instant) {
        let id = self.begin(step, now);
        let (zone, owner) = (self.config.zone.clone(), self.config.owner.clone());
        let update = Update { zone, owner, ttl: self.config.ttl_seconds(), delete, add };
        self.outputs.push_back(Output::Update(id, update));
    }

    /// The zone is as it should be, or as it should have been before we were to leave.
    fn succeed(&mut self, done: Done, leaving: bool, now: Instant) {
        self.failures = None;
        match self.stay {
            Stay::Left => {}
            Stay::Leaving if leaving && !done.more => self.leave(),
            Stay::Leaving => {
                // Where the zone cannot be read, this alone says what is left.
                for gone in done.deleted.iter().filter_map(record::read) {
                    self.claimed.remove(&gone);
                }
                self.read(now);
            }
            Stay::Staying => {
                let pause = match done.more {
                    true => self.config.debounce,
                    false => about(self.config.refresh_interval, 0.1, &mut self.rng),
                };
                self.next = Some(now + pause);
                self.tell(done);
            }
        }
    }

    fn tell(&mut self, done: Done) {
        if !done.removed.is_empty() {
            self.event(Event::Removed { addresses: multiaddrs(&done.removed) });
        }
        if done.more {
            return;
        }
        self.claimed.clone_from(&done.wanted.addresses);
        let known = self.published.as_ref();
        let same = match known {
            Some(known) => known.addresses == done.wanted.addresses,
            None => done.wanted.addresses.is_empty(),
        };
        if done.added || !same {
            self.event(Event::Published {
                addresses: multiaddrs(&done.wanted.addresses),
                left_out: multiaddrs(&done.wanted.left_out),
            });
            self.published = Some(done.wanted);
        }
    }

    fn leave(&mut self) {
        self.stay = Stay::Left;
        self.published = None;
        self.event(Event::Withdrawn);
    }

    fn fail(&mut self, error: UpdateError, leaving: bool, now: Instant) {
        // What failed was not to withdraw, and says nothing of whether that can be done.
        if self.stay == Stay::Leaving && !leaving {
            return self.read(now);
        }
        let kind = discriminant(&error);
        let (same, failures) = match self.failures {
            Some((known, count)) => (known == kind, count.saturating_add(1)),
            None => (false, 1),
        };
        self.failures = Some((kind, failures));
        let (first, longest) = self.config.retry;
        let retry_in = back_off(first, longest, failures, &mut self.rng);
        self.next = Some(now + retry_in);
        if !same || failures.is_power_of_two() {
            self.event(Event::Failed { error, failures, retry_in });
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

fn multiaddrs(addresses: &BTreeSet<Candidate>) -> Vec<Multiaddr> {
    let with_pin = |address: &Candidate| match address.pinned() {
        // Fails only for an address that ends in another id, which would be its pin.
        Some(peer) => address.address().clone().with_p2p(*peer).unwrap_or_else(|address| address),
        None => address.address().clone(),
    };
    addresses.iter().map(with_pin).collect()
}
