//! The sans-IO core: it makes every decision, and has no socket, no clock and no task.

use std::{collections::HashSet, sync::Arc};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use self::{
    dial::Dial,
    dialling::{Dialling, Situation},
    disqualified::Disqualified,
    effect::{Effect, Effects},
    ledger::{
        Ledger,
        hearsay::Hearsay,
        judge::{Judge, Outcome},
        presence::Presence,
    },
    names::{AT_ONCE, Names},
    order::Order,
    own::Own,
    selection::Selecting,
    stats::Sizes,
    status::{Named, Readiness, Said},
    view::{View, all, view},
    waiting::Waiting,
};
pub use self::{
    dial::{DialId, Expect, Purpose},
    ledger::VerifiedPeer,
    output::{CandidateState, Closing, DialFailure, Direction, LookupId, Output},
    stats::{DialOutcome, LookupOutcome, Stats},
};
use crate::{
    candidate::Candidate,
    config::Config,
    event::{Failure, Isolation, Proved, Status},
    resolver::{Answer, LookupError},
    selection::Selection,
    source::Source,
};

mod dial;
mod dialling;
mod disqualified;
mod effect;
#[cfg(test)]
mod events;
mod ledger;
pub(crate) mod names;
mod order;
mod output;
mod own;
mod plan;
mod selection;
mod stats;
mod status;
#[cfg(test)]
mod testing;
mod view;
mod waiting;

/// A view of the hub's rooms, with what is planned.
macro_rules! situation {
    ($hub:ident, $now:expr) => {
        Situation {
            view: view!($hub, $now),
            plans: $hub.selecting.plans(),
            selected: $hub.selecting.selected(),
            is_joined: $hub.readiness.status() == Status::Joined,
        }
    };
}

/// How many steps may follow from one another without an output. In practice, two or three do.
const STEPS: usize = 64;
/// How many outputs may wait for the swarm while more dials are decided on. A zone may pin thousands of
/// candidates to peers that may not join, and each of these peers is reported by an event.
const OUTPUTS: usize = 64;

/// The state machine behind [`Behaviour`](crate::Behaviour).
///
/// `Discovery` does no I/O, reads no clock and draws no randomness of its own: the same inputs and
/// the same seed give the same outputs. Use it directly to run the discovery under another event
/// loop, or to simulate many nodes.
///
/// # Run loop
///
/// 1. Feed what happened: [`handle_lookup`](Self::handle_lookup),
///    [`handle_dial_failure`](Self::handle_dial_failure),
///    [`handle_connected`](Self::handle_connected) and the other `handle_*` methods.
/// 2. Call [`poll_output`](Self::poll_output) until it returns `None`, and carry out each output.
/// 3. Ask [`poll_timeout`](Self::poll_timeout) when to come back if nothing happens before. At that
///    instant, call [`handle_timeout`](Self::handle_timeout) and go on with step 2.
///
/// `now` must not go backwards. A `handle_*` method only notes what happened, and `poll_output` decides what
/// follows. So several inputs may be fed before the outputs are taken.
///
/// The results of look-ups and dials carry the id of their output. Unknown, stale and repeated ids have no
/// effect. If no result comes, the look-up or dial is given up at its deadline.
#[derive(Debug)]
pub struct Discovery {
    config: Config,
    rng: fastrand::Rng,
    names: Names,
    order: Order,
    /// The versions from which the order was made: the version of the names; and, where candidates
    /// are left out, the versions of our addresses and of the selection, on which the choice
    /// depends.
    ordered: (u64, Option<(u64, u64)>),
    own: Own,
    ledger: Ledger,
    selecting: Selecting,
    disqualified: Disqualified,
    dialling: Dialling,
    readiness: Readiness,
    waiting: Waiting,
}

impl Discovery {
    /// Makes a discovery without sources. `seed` determines all random choices.
    pub fn new(config: Config, local: PeerId, seed: u64, now: Instant) -> Self {
        Self {
            rng: fastrand::Rng::with_seed(seed),
            names: Names::default(),
            order: Order::default(),
            ordered: (0, None),
            own: Own::new(local, &config.own_addresses),
            ledger: Ledger::default(),
            selecting: Selecting::new(config.selection),
            disqualified: Disqualified::default(),
            dialling: Dialling::new(&config.limits, now),
            readiness: Readiness::new(now),
            waiting: Waiting::default(),
            config,
        }
    }

    /// Adds a source, and looks it up immediately. Returns false if the discovery has the source already.
    pub fn add_source(&mut self, source: Source, now: Instant) -> bool {
        let added = self.names.add(source, now);
        self.waiting.note(added);
        added
    }

    /// Removes a source. The entries of addresses that no other source names end, also the entries of connected
    /// peers ([`Event::Departed`](crate::Event::Departed)). Returns false if there is no such source.
    pub fn remove_source(&mut self, source: &Source) -> bool {
        let Some(cancelled) = self.names.remove(source) else { return false };
        cancelled.into_iter().for_each(|id| self.waiting.push(Output::CancelLookup { id }));
        self.waiting.note(true);
        true
    }

    /// Changes the selection. Connections to peers that are no longer selected are not closed.
    pub fn set_selection(&mut self, selection: Selection) {
        self.selecting.set(selection);
        self.waiting.note(true);
    }

    /// Looks up all sources immediately, and ends the back-off of all candidates that could not be verified.
    pub fn refresh(&mut self, now: Instant) {
        self.names.force(now);
        self.dialling.renew_all(now);
        self.ledger.retry_all_by(now);
        self.waiting.note(true);
    }

    /// Passes over a peer for a while: the peer takes no [place](Selection), so that another peer is
    /// selected instead, and no dial connects to it. The peer's entries stay in the table. Use this for
    /// peers that complete the handshake and then are of no use.
    pub fn disqualify(&mut self, peer: PeerId, until: Instant) {
        self.disqualified.add(peer, until, self.config.limits.disqualified);
        self.waiting.note(true);
    }

    /// Replaces the allow list. `None` removes the list, so that it excludes no peer. A peer that is not on the
    /// new list loses its entries immediately, and keeps its connections. If the node has turned a peer away
    /// that may join by the new list, the node dials the peer's address again.
    pub fn set_allowed_peers(&mut self, allowed: Option<HashSet<PeerId>>, now: Instant) {
        self.config.admission.allowed = allowed;
        self.readmit(now);
    }

    /// Judges again which peers may join. Call this when the facts on which the function of
    /// [`Config::with_admission`](crate::Config::with_admission) decides have changed.
    pub fn readmit(&mut self, now: Instant) {
        self.judge(now, |judge| judge.readmit());
        self.waiting.note(true);
    }

    /// Takes the result of a look-up.
    pub fn handle_lookup(&mut self, id: LookupId, result: Result<Answer, LookupError>) {
        self.waiting.note(self.names.handle_lookup(id, result));
    }

    /// Takes the failure of a dial.
    pub fn handle_dial_failure(&mut self, id: DialId, failure: DialFailure, now: Instant) {
        if let Some(dial) = self.dialling.fail(id, &failure, self.own.local(), &self.config, now) {
            self.waiting.note(true);
            self.judge(now, |judge| judge.judge(&dial, Outcome::Failed(failure.bounded())));
        }
    }

    /// Takes note that an inbound connection arrives. Call this before the connection's peer is known, even
    /// if the connection then fails or is denied.
    ///
    /// If a dial meets this node's own identity and no connection arrives meanwhile, another node holds the
    /// key ([`Event::SameKey`](crate::Event::SameKey)). If this method is never called, that event also
    /// comes when a dial by an alias of this node's own address meets the node itself.
    pub fn handle_incoming(&mut self, now: Instant) {
        if self.own.arrive(now, &mut self.rng) {
            self.follow_own();
        }
    }

    /// Takes note of a connection that was established in either direction. `address` is the
    /// address of the remote.
    pub fn handle_connected(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        direction: Direction,
        now: Instant,
    ) {
        let remote = Candidate::new(address);
        let dialled = matches!(direction, Direction::Dialled(_));
        self.waiting.note(self.concerns(&peer, &remote));
        self.presence(now, |presence| presence.connected(id, peer, &remote, dialled));
        match direction {
            Direction::Dialled(dial) => match dial.and_then(|id| self.dialling.connect(id)) {
                Some(dial) => {
                    self.waiting.note(true);
                    self.judge(now, |judge| judge.judge(&dial, Outcome::Connected(peer)));
                }
                None => self.note_observed(&remote, peer, now),
            },
            Direction::Accepted => {
                self.hint_all(peer, now, |hearsay| hearsay.hinted_by_host(&remote, &peer));
            }
        }
    }

    /// Takes note that a connection closed.
    pub fn handle_disconnected(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        how: Closing,
        now: Instant,
    ) {
        if self.ledger.is_only_connection(id, peer) {
            for dial in self.dialling.end_waiting_for(peer) {
                self.turn_away(&dial.candidate, Failure::Unidentified(*peer), now);
            }
        }
        let concerns = self.presence(now, |presence| presence.closed(id, peer, how));
        if !self.ledger.is_connected(peer) {
            self.waiting.disregard(peer);
        }
        self.waiting.note(concerns);
    }

    /// Takes note that the remote of a connection has replied to [`Output::Ask`]. A refusal of the
    /// protocol is a reply, too.
    pub fn handle_reply(&mut self, id: ConnectionId, peer: &PeerId, now: Instant) {
        let concerns = self.presence(now, |presence| presence.replied(id, peer));
        self.waiting.note(concerns);
    }

    /// Takes note of whether the remote of a connection speaks the
    /// [required protocol](crate::Config::with_required_protocol). If no protocol is required, nothing
    /// follows.
    pub fn handle_protocols(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        speaks: bool,
        now: Instant,
    ) {
        let required = self.config.required_protocol.is_some();
        if !required || !self.ledger.note_protocols(id, peer, speaks) {
            return;
        }
        for Dial { candidate, purpose, .. } in self.dialling.end_waiting_for(peer) {
            let how = Proved::Dial;
            self.judge(now, |judge| judge.identify_again(&candidate, *peer, how, purpose));
            self.waiting.note(true);
        }
        let concerns = self.presence(now, |presence| presence.follow_protocols(peer));
        self.waiting.note(concerns || self.dialling.introduces());
    }

    /// Takes note of an identity that proved itself at an address to a dial of another behaviour or
    /// of the application.
    pub fn handle_observed(&mut self, address: &Multiaddr, obtained: PeerId, now: Instant) {
        let address = Candidate::new(address);
        self.waiting.note(self.concerns(&obtained, &address));
        self.note_observed(&address, obtained, now);
    }

    /// Takes note of a claim that a peer lives at an address. The peer itself or another peer may
    /// have made the claim. If the peer is connected, the claim is a reason to dial the address.
    pub fn handle_claim(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) {
        if self.ledger.is_connected(&peer) {
            let address = Candidate::new(address);
            self.waiting.note(self.concerns(&peer, &address));
            self.hint_all(peer, now, |hearsay| hearsay.hinted_by_claim(&address, &peer));
        }
    }

    /// Takes note that we listen on an address.
    pub fn handle_listen_address(&mut self, address: &Multiaddr, now: Instant) {
        let address = self.change_own_address(address, Own::listen);
        self.judge(now, |judge| judge.note_own_address(&address));
    }

    /// Takes note that we no longer listen on an address.
    pub fn handle_listen_address_expired(&mut self, address: &Multiaddr) {
        self.change_own_address(address, Own::listen_expired);
    }

    /// Takes note that an address was confirmed as an external address of this node. If another
    /// peer is verified at the address, a dial finds out which peer answers. If this node itself answers, the other
    /// peer's entry ends.
    pub fn handle_external_address(&mut self, address: &Multiaddr, now: Instant) {
        // The swarm says so anew with every confirmation.
        let mut is_news = false;
        let address =
            self.change_own_address(address, |own, address| is_news = own.external(address));
        if is_news {
            self.judge(now, |judge| judge.note_own_address(&address));
        }
    }

    /// Takes note that an address is no longer an external one of ours.
    pub fn handle_external_address_expired(&mut self, address: &Multiaddr) {
        self.change_own_address(address, Own::external_expired);
    }

    /// Takes note that the instant that [`poll_timeout`](Self::poll_timeout) returned has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_due = |wake| self.dialling.wakes(wake, now);
        self.waiting.note(self.waiting.wake().is_some_and(is_due));
    }

    /// The next output to carry out, or `None` if there is none before the next input or time-out.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        let mut steps = 0..STEPS;
        while steps.next().is_some() && self.waiting.begin() {
            self.step(now);
        }
        self.waiting.pop(now)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if there is no input before. The value
    /// holds after [`poll_output`](Self::poll_output) has returned `None`. It is the `now` of that call if more
    /// is to be done immediately: a large answer is applied in slices, between which the event loop has its
    /// turn.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.waiting.wake()
    }

    /// The sources, in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.names.sources()
    }

    /// The selection in force.
    pub fn selection(&self) -> Selection {
        self.selecting.selection()
    }

    /// The entries of the table of verified peers, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.ledger.entries()
    }

    /// The addresses at which a peer is verified, in order, without `/p2p`.
    pub fn addresses_of(&self, peer: &PeerId) -> impl Iterator<Item = &Multiaddr> {
        self.ledger.candidates_of(peer).map(Candidate::address)
    }

    /// The entry for an address, if the address has one. A trailing `/p2p/ID` is ignored.
    pub fn peer_at(&self, address: &Multiaddr) -> Option<&VerifiedPeer> {
        self.ledger.at_address(&Candidate::new(address)).next()
    }

    /// The candidates whose peers take a [place](Selection) now, in order.
    pub fn selected(&self) -> impl Iterator<Item = &Candidate> {
        let selected = self.selecting.selected();
        selected.keys().filter(|candidate| self.ledger.takes_place(candidate, selected))
    }

    /// Whether a peer takes a place now.
    pub fn is_selected(&self, peer: &PeerId) -> bool {
        let selected = self.selecting.selected();
        self.ledger.candidates_of(peer).any(|c| selected.get(c) == Some(peer))
    }

    /// The connected peers whose entries or places came or went since the last call, if connections
    /// are to be kept alive.
    pub(crate) fn take_regarded(&mut self) -> HashSet<PeerId> {
        self.waiting.take_regarded()
    }

    /// All candidates in order, each with what is known of it. Candidates that the filter rejected
    /// come last.
    pub fn candidates(&self) -> impl Iterator<Item = (&Candidate, CandidateState)> {
        all(&self.order, &self.own, &self.ledger, self.names.rejected())
    }

    /// The candidates of a source in order, as last reported by
    /// [`Event::Resolved`](crate::Event::Resolved); `None` if the source was not answered yet.
    pub fn candidates_of(&self, source: &Source) -> Option<Arc<[Candidate]>> {
        self.names.announced(source).cloned()
    }

    /// Where the node stands with respect to the other nodes.
    pub fn status(&self) -> Status {
        self.readiness.status()
    }

    /// Since when the node is isolated, and for each address why the node has no connection to another node by
    /// it, as things are now. `None` if the node is not isolated. The call looks at every candidate.
    pub fn isolation(&self) -> Option<Isolation> {
        self.readiness.isolation(&self.order, &self.own, &self.ledger, usize::MAX)
    }

    /// Whether the last answers of the sources name one of this node's addresses; `None` before the first
    /// answer.
    pub fn is_listed(&self) -> Option<bool> {
        self.readiness.is_listed()
    }

    /// How many sources, candidates and peers there are now, and how many look-ups, dials and
    /// events there have been since the discovery was made. The call costs the same however large these numbers
    /// are.
    pub fn stats(&self) -> Stats {
        let (candidates, peers) = (self.order.len(), self.ledger.peer_count());
        let (sources, selected) = (self.names.len(), self.selecting.selected().len());
        let sizes = Sizes { sources, candidates, peers, selected };
        let (lookups, dials) = (self.names.counts(), self.dialling.counts());
        let (events, first_verified) = (self.waiting.counts(), self.readiness.first_verified());
        Stats { sizes, first_verified, lookups, dials, events }
    }

    /// The sources that were ever answered with records, each with the time of its last such
    /// answer.
    pub fn answered(&self) -> impl Iterator<Item = (&Source, Instant)> {
        self.names.answered()
    }

    /// One step: what is due is done, in the order of the data flow.
    fn step(&mut self, now: Instant) {
        self.ledger.follow_peers(self.disqualified.changed(now));
        self.ledger.ripen(now);
        // A dial that is overdue may cost an entry, which is a reason to look up sooner.
        self.effecting(now, |hub, effects| hub.dialling.expire(now, effects));
        // A large answer is applied in slices: the swarm has its turn between the rooms.
        if self.look_up(now) || self.reorder(now) {
            return self.waiting.rest();
        }
        // Own addresses → who else answers with our identity.
        self.effecting(now, |hub, effects| {
            hub.own.poll(now, &mut hub.rng, effects);
            hub.own.follow(&hub.order);
        });
        self.dial(now);
        self.judge_readiness(now);
        let times = [
            self.disqualified.next_timeout(),
            self.names.next_timeout(&self.config),
            self.own.next_timeout(),
            self.dialling.next_timeout(),
            self.readiness.next_timeout(),
        ];
        self.waiting.wake_at(times.into_iter().flatten().min());
    }

    /// DNS answer → records → candidates. Says whether that was as much as one call may do.
    fn look_up(&mut self, now: Instant) -> bool {
        let mut effects = Effects::default();
        let (view, selected) = (view!(self, now), self.selecting.selected());
        let did_much = self.names.poll(&mut names::Context {
            config: &self.config,
            now,
            is_ours: &|candidate| self.own.leads_here(candidate),
            ours: self.own.version(),
            has_others: view.has_others(),
            liveness: &|candidate| view.liveness(candidate, selected),
            rank: &|list, named| self.selecting.rank(list, named, &self.own, &self.config),
            rng: &mut self.rng,
            effects: &mut effects,
        });
        self.carry_out(effects, now);
        did_much
    }

    /// Candidates → order. Says whether that was as much as one call may do.
    fn reorder(&mut self, now: Instant) -> bool {
        let (mut effects, before) = (Effects::default(), self.order.len());
        let is_new = self.ordered != self.ordered_from();
        if is_new {
            let rank = |list: &_, named| self.selecting.rank(list, named, &self.own, &self.config);
            let (sorted, lists) = self.names.allot(&self.config, &rank);
            let next = Order::new(self.order.version() + 1, sorted, self.names.transports(), lists);
            let (departed, new) = self.order.become_next(next.with_left_out(self.names.left_out()));
            departed.iter().for_each(|candidate| self.own.lose(candidate));
            self.own.follow(&self.order);
            self.dialling.depart(&departed, &mut effects);
            self.judge(now, |judge| judge.follow_order(&new, &departed));
        }
        self.names.announce_cut(self.order.len(), &mut effects);
        self.ordered = self.ordered_from();
        self.carry_out(effects, now);
        is_new && self.order.len().max(before) >= AT_ONCE
    }

    /// The versions from which an order would be made now.
    fn ordered_from(&self) -> (u64, Option<(u64, u64)>) {
        let of_ours = (self.own.version(), self.selecting.version());
        (self.names.version(), self.names.is_cut().then_some(of_ours))
    }

    /// Order → selection.
    fn select(&mut self, now: Instant) {
        self.effecting(now, |hub, effects| {
            // Checks that are due now come before everything else of the next step.
            hub.waiting.note(hub.selecting.update(&view!(hub, now), &mut hub.rng, effects));
        });
    }

    /// Selection → dials.
    fn dial(&mut self, now: Instant) {
        self.dialling.begin(&self.config, now);
        loop {
            self.select(now);
            let mut effects = Effects::default();
            let situation = situation!(self, now);
            if !self.dialling.poll(&situation, &mut self.rng, &mut effects) {
                break;
            }
            self.carry_out(effects, now);
            if self.waiting.len() >= OUTPUTS {
                self.waiting.note(true);
                break;
            }
        }
    }

    /// Verified peers → status.
    fn judge_readiness(&mut self, now: Instant) {
        let said =
            Said { is_answered: self.names.is_answered(), is_settled: self.names.is_settled() };
        self.readiness.follow(self.names.heard(), &self.order, &self.own, || {
            let is_ours = |c: &Candidate| self.own.is_own(c) || self.own.is_own_address(c);
            Named {
                only_static: self.names.only_static().cloned().collect(),
                rejected: self.names.rejected_others(&is_ours),
            }
        });
        self.effecting(now, |hub, told| hub.readiness.update(&view!(hub, now), said, told));
    }

    /// Lets a room act, and carries out what it asks of others.
    fn effecting(&mut self, now: Instant, act: impl FnOnce(&mut Self, &mut Effects)) {
        let mut effects = Effects::default();
        act(self, &mut effects);
        self.carry_out(effects, now);
    }

    /// Hands each effect to the room that it concerns.
    fn carry_out(&mut self, mut effects: Effects, now: Instant) {
        while let Some(effect) = effects.pop() {
            self.apply(effect, now);
        }
    }

    fn apply(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Output(output) => self.waiting.push(output),
            Effect::LookSooner => {
                let before = self.names.next_timeout(&self.config);
                self.names.look_sooner(&self.config);
                self.waiting.note(self.names.next_timeout(&self.config) != before);
            }
            Effect::Ours(candidate) => self.change_own(|own| own.find(candidate)),
            Effect::NotOurs(candidate) => self.change_own(|own| own.lose(&candidate)),
            Effect::Theirs(candidate) => self.change_own(|own| own.give(candidate)),
            Effect::MetOurselves { candidate, started } => {
                self.own.meet(&candidate, started, now, &mut self.rng);
                self.follow_own();
            }
            Effect::Looked(at) => {
                self.own.looked(&at, self.config.probe_timeout, now, &mut self.rng);
            }
            Effect::Recheck { candidate, at } => self.ledger.recheck(&candidate, at),
            Effect::StillConnected(at) => self.presence(now, |p| p.still_connected(&at)),
            Effect::GiveUp(dial) => self.give_up(&dial, now),
            Effect::Judge { candidate, peer, purpose } => {
                let how = Proved::Probe;
                self.judge(now, |judge| judge.identify_again(&candidate, peer, how, purpose));
                self.waiting.note(true);
            }
            Effect::TurnAway(candidate, failure) => self.turn_away(&candidate, failure, now),
            Effect::RetryAllBy(at) => {
                self.ledger.retry_all_by(at);
                self.waiting.note(true);
            }
            Effect::Ended(candidate) => {
                self.selecting.forget(&candidate);
                self.change_own(|own| own.give_back(&candidate));
            }
            Effect::Regard(peer) if self.config.keep_alive && self.ledger.is_connected(&peer) => {
                self.waiting.regard(peer);
            }
            Effect::Regard(_) => {}
            Effect::Introduce { candidate, peer, purpose } => {
                self.dialling.introduce(candidate, peer, purpose, &view!(self, now));
                self.waiting.note(true);
            }
            Effect::Hint(candidate) => self.hint(candidate, None, now),
            Effect::Meet(candidate) => self.effecting(now, |hub, effects| {
                hub.dialling.meet(candidate, &situation!(hub, now), effects);
            }),
            Effect::Route(family) => self.dialling.note_route(family),
            Effect::NoRoute(at) => self.dialling.note_no_route(&at, &view!(self, now)),
            Effect::Refreshed => self.dialling.renew(&self.config, now),
        }
    }

    /// Lets the ledger act, with all that it may read of others, and carries out what it asks of them.
    fn with_ledger<T>(
        &mut self,
        now: Instant,
        act: impl FnOnce(&mut Ledger, &mut ledger::Context<'_>) -> T,
    ) -> T {
        let mut effects = Effects::default();
        let mut context = ledger::Context {
            config: &self.config,
            order: &self.order,
            own: &self.own,
            disqualified: &self.disqualified,
            selected: self.selecting.selected(),
            is_dialled: &|candidate| self.dialling.is_dialled(candidate),
            interval: self.selecting.interval(&self.order, &self.config),
            longest_pause: self.readiness.longest_pause(self.order.len(), &self.config),
            now,
            rng: &mut self.rng,
            effects: &mut effects,
        };
        let answer = act(&mut self.ledger, &mut context);
        self.carry_out(effects, now);
        answer
    }

    fn presence<T>(&mut self, now: Instant, act: impl FnOnce(&mut Presence<'_, '_>) -> T) -> T {
        self.with_ledger(now, |ledger, cx| act(&mut Presence::new(ledger, cx)))
    }

    fn judge(&mut self, now: Instant, act: impl FnOnce(&mut Judge<'_, '_>)) {
        self.with_ledger(now, |ledger, cx| act(&mut Judge::new(ledger, cx)));
    }

    fn turn_away(&mut self, candidate: &Candidate, failure: Failure, now: Instant) {
        self.judge(now, |judge| judge.turn_away(candidate, failure));
        self.waiting.note(true);
    }

    fn give_up(&mut self, dial: &Dial, now: Instant) {
        if let Some(peer) = dial.waits_for {
            return self.turn_away(&dial.candidate, Failure::Unidentified(peer), now);
        }
        let failure = DialFailure::Failed(Failure::TimedOut);
        self.judge(now, |judge| judge.judge(dial, Outcome::Failed(failure)));
    }

    /// A dial of another behaviour met a peer at an address. The peer gets an entry. But if the queue of
    /// outputs is too long, the swarm does not keep up, and what was met is only a reason to dial the address.
    fn note_observed(&mut self, address: &Candidate, peer: PeerId, now: Instant) {
        if self.waiting.len() < self.config.limits.queued.get() {
            self.judge(now, |judge| judge.observe(address, peer));
        } else {
            self.hint_all(peer, now, |hearsay| hearsay.hinted_by_claim(address, &peer));
        }
    }

    fn hint_all(
        &mut self,
        peer: PeerId,
        now: Instant,
        hinted: impl FnOnce(&mut Hearsay<'_, '_>) -> Vec<Candidate>,
    ) {
        let hinted = self.with_ledger(now, |ledger, cx| hinted(&mut Hearsay::new(ledger, cx)));
        hinted.into_iter().for_each(|candidate| self.hint(candidate, Some(peer), now));
    }

    fn hint(&mut self, candidate: Candidate, peer: Option<PeerId>, now: Instant) {
        if self.with_ledger(now, |ledger, cx| Hearsay::new(ledger, cx).take_hint(&candidate)) {
            let hint = situation!(self, now).hint(candidate, peer);
            self.dialling.hint(hint, &self.config, now);
        }
    }

    /// Notes that an address became ours, or no longer is. The status depends on whether the answer lists us,
    /// so it is computed anew even if the address is not among the candidates: an answer may name an address
    /// that the filter rejects, or that is past the bound.
    fn change_own_address(
        &mut self,
        address: &Multiaddr,
        change: impl FnOnce(&mut Own, &Candidate),
    ) -> Candidate {
        let address = Candidate::new(address);
        change(&mut self.own, &address);
        if self.own.has_changed() && self.names.names(&address) {
            self.own.renew();
        }
        self.follow_own();
        address
    }

    fn change_own(&mut self, change: impl FnOnce(&mut Own)) {
        change(&mut self.own);
        self.follow_own();
    }

    fn follow_own(&mut self) {
        self.own.follow(&self.order);
        self.waiting.note(true);
    }

    /// Whether something that happened to a peer at an address concerns the discovery at all. A
    /// busy swarm has many connections that do not.
    fn concerns(&self, peer: &PeerId, address: &Candidate) -> bool {
        self.ledger.has_entry(peer) || self.order.names(address)
    }
}
