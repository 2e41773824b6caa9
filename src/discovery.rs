//! The sans-IO core: every decision, no socket, no clock, no task.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use self::{
    connections::{Connection, Connections},
    dials::{Dials, Purpose},
    host_probes::HostProbes,
    order::Order,
    sources::{Lookups, SourceState},
    track::Tracks,
    walker::Walker,
};
pub use self::{
    dials::{DialId, Expect},
    order::CandidateState,
    output::{DialFailure, Direction, Output},
    sources::LookupId,
};
use crate::{
    candidate::{Candidate, Family},
    config::Config,
    event::{Event, Status},
    own_addresses::OwnAddresses,
    peers::{PeerTable, VerifiedPeer},
    resolver::{Answer, LookupError},
    selection::Selection,
    source::Source,
};

mod admission;
mod advance;
mod bound;
mod checks;
mod connections;
mod dials;
mod eligible;
mod hints;
mod host_probes;
mod order;
mod output;
mod own;
mod plan;
pub(crate) mod refresh;
mod repair;
mod sampling;
mod schedule;
mod sources;
mod status;
mod track;
mod verdict;
mod walker;

/// How many steps may follow from one another without an output. Two or three do.
const STEPS: usize = 64;

/// The state machine behind [`Behaviour`](crate::Behaviour).
///
/// It does no I/O, reads no clock and draws no randomness of its own: the same inputs and the same
/// seed give the same outputs. Use it directly to run the discovery under another event loop, or
/// many of them in a simulation.
///
/// # Run loop
///
/// 1. Feed what happened: [`handle_lookup`](Self::handle_lookup),
///    [`handle_dial_failure`](Self::handle_dial_failure),
///    [`handle_connected`](Self::handle_connected) and the other `handle_*` methods.
/// 2. Call [`poll_output`](Self::poll_output) until it returns `None`, and do what it says.
/// 3. Ask [`poll_timeout`](Self::poll_timeout) when to come back if nothing happens before; then
///    call [`handle_timeout`](Self::handle_timeout) and go on with step 2.
///
/// `now` must not go backwards. What an input proves is noted when it is fed; what follows from it
/// is decided in `poll_output`, so that several inputs may be fed before the outputs are drained.
///
/// Replies to look-ups and dials carry the id of their request. Unknown, stale and repeated ids are
/// no-ops. A request that is never answered is given up at its deadline.
#[derive(Debug)]
pub struct Discovery {
    config: Config,
    local: PeerId,
    rng: fastrand::Rng,
    sources: BTreeMap<u64, SourceState>,
    next_source: u64,
    lookups: Lookups,
    own: OwnAddresses,
    order: Order,
    tracks: Tracks,
    table: PeerTable,
    connections: Connections,
    dials: Dials,
    walkers: BTreeMap<Family, Walker>,
    host_probes: HostProbes,
    selected: BTreeSet<Candidate>,
    /// Peers without an entry that are connected, and had one.
    lingering: HashSet<PeerId>,
    /// Those who proved who they are, and are to be connected to say what they speak.
    acquaintances: BTreeMap<Candidate, (PeerId, Purpose)>,
    /// Candidates where a connected peer seems to live, to be looked at.
    hints: BTreeSet<Candidate>,
    disqualified: HashMap<PeerId, Instant>,
    repair_at: Option<Instant>,
    /// Since when others are named and none is verified.
    deserted: Option<Instant>,
    status: Status,
    /// Whether DNS lists us, as last told.
    listed: Option<bool>,
    /// The same, as last computed.
    listed_now: Option<bool>,
    /// Whether the candidates changed, or which of them are ours: it takes a look at all of them.
    stale_listed: bool,
    outputs: VecDeque<Output>,
    dirty: bool,
    /// Whether the members of a source changed since the order was last made.
    stale_order: bool,
    /// How many candidates the sources name, all together, past the bound.
    order_cut: usize,
    /// Whether it was told that candidates are left out.
    told_bounded: bool,
    wake: Option<Instant>,
}

impl Discovery {
    /// Makes a discovery without sources.
    pub fn new(config: Config, local: PeerId, seed: u64, now: Instant) -> Self {
        let dials =
            Dials::new(config.limits.concurrent_probes, config.limits.probes_per_minute, now);
        let own = OwnAddresses::new(&config.own_addresses);
        Self {
            local,
            rng: fastrand::Rng::with_seed(seed),
            sources: BTreeMap::new(),
            next_source: 0,
            lookups: Lookups::default(),
            own,
            order: Order::default(),
            tracks: Tracks::default(),
            table: PeerTable::default(),
            connections: Connections::default(),
            dials,
            walkers: Family::ALL.map(|family| (family, Walker::default())).into(),
            host_probes: HostProbes::default(),
            selected: BTreeSet::new(),
            lingering: HashSet::new(),
            acquaintances: BTreeMap::new(),
            hints: BTreeSet::new(),
            disqualified: HashMap::new(),
            repair_at: None,
            deserted: None,
            status: Status::Starting,
            listed: None,
            listed_now: None,
            stale_listed: false,
            outputs: VecDeque::new(),
            dirty: true,
            stale_order: false,
            order_cut: 0,
            told_bounded: false,
            wake: None,
            config,
        }
    }

    /// Adds a source; it is looked up at once. Returns false if it is there already.
    pub fn add_source(&mut self, source: Source, now: Instant) -> bool {
        if self.sources.values().any(|s| s.source == source) {
            return false;
        }
        self.sources.insert(self.next_source, SourceState::new(source, now));
        self.next_source += 1;
        self.dirty = true;
        true
    }

    /// Removes a source. Candidates that no other source names depart. Returns false if there is
    /// no such source.
    pub fn remove_source(&mut self, source: &Source) -> bool {
        let Some(id) = self.sources.iter().find(|(_, s)| s.source == *source).map(|(id, _)| *id)
        else {
            return false;
        };
        self.sources.remove(&id);
        self.cancel_lookups(id);
        self.stale_order = true;
        self.dirty = true;
        true
    }

    /// The sources, in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values().map(|s| &s.source)
    }

    /// Changes the selection. Connections to peers that are no longer selected are left alone.
    pub fn set_selection(&mut self, selection: Selection) {
        self.config.selection = selection;
        // It decides who is held.
        self.stale_order |= self.told_bounded;
        self.replan();
        self.dirty = true;
    }

    /// The selection in force.
    pub fn selection(&self) -> Selection {
        self.config.selection
    }

    /// Looks up all sources at once, and lets every candidate be tried again without back-off.
    pub fn refresh(&mut self, now: Instant) {
        for source in self.sources.values_mut() {
            source.force(now);
        }
        for walker in self.walkers.values_mut() {
            walker.renew(now);
        }
        self.host_probes.renew(now);
        self.tracks.retry_all_by(now);
        self.dirty = true;
    }

    /// Passes over a peer for a while: it takes no place and is not dialled, though its entries
    /// stay in the table. For peers that complete the handshake and are of no use.
    pub fn disqualify(&mut self, peer: PeerId, until: Instant) {
        self.disqualified.insert(peer, until);
        if self.disqualified.len() > self.config.limits.disqualified.get() {
            let first = self.disqualified.iter().map(|(peer, until)| (*until, *peer)).min();
            first.map(|(_, peer)| self.disqualified.remove(&peer));
        }
        self.replan();
        self.dirty = true;
    }

    fn replan(&mut self) {
        self.walkers.values_mut().for_each(Walker::replan);
    }

    /// Takes the result of a look-up.
    pub fn handle_lookup(&mut self, id: LookupId, result: Result<Answer, LookupError>) {
        if let Some((source, step)) = self.lookups.end(id)
            && let Some(source) = self.sources.get_mut(&source)
        {
            source.handle_result(step, result);
            self.dirty = true;
        }
    }

    /// Takes the failure of a dial.
    pub fn handle_dial_failure(&mut self, id: DialId, failure: DialFailure, now: Instant) {
        if let Some(dial) = self.dials.end(id) {
            self.dirty = true;
            self.judge_failure(&dial, failure.bounded(), now);
        }
    }

    /// Takes note of a connection, whoever opened it. `address` is the remote's.
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
        self.connections.open(peer, id, Connection::new(remote.clone(), dialled, now));
        self.dirty |= self.concerns(&peer, &remote);
        self.touch_live(&peer, now);
        match direction {
            Direction::Dialled(dial) => match dial.and_then(|id| self.dials.end(id)) {
                Some(dial) => {
                    self.dirty = true;
                    self.judge_connected(&dial, peer, now);
                }
                None => self.note_observed(&remote, peer, now),
            },
            Direction::Accepted => self.hint_host(&remote, peer, now),
        }
    }

    /// Takes note that a connection closed. `lost` says that it broke: an idle close, a keep-alive
    /// time-out and a close by this side are not losses.
    pub fn handle_disconnected(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        lost: bool,
        now: Instant,
    ) {
        match self.connections.close(peer, id) {
            Some((connection, true)) => {
                self.dirty |= self.table.count_of(peer) > 0 || self.lingering.contains(peer);
                self.note_disconnected(peer, &connection, lost, now);
            }
            Some((connection, false)) => self.note_closed(peer, &connection, lost, now),
            None => {}
        }
    }

    /// Takes note of an identity that a dial of somebody else's met at an address.
    pub fn handle_observed(&mut self, address: &Multiaddr, obtained: PeerId, now: Instant) {
        let address = Candidate::new(address);
        self.dirty |= self.concerns(&obtained, &address);
        self.note_observed(&address, obtained, now);
    }

    /// What a dial of somebody else's met is believed; but while more waits to be told than a swarm
    /// that keeps up leaves, it is only a reason to look.
    fn note_observed(&mut self, address: &Candidate, peer: PeerId, now: Instant) {
        if self.outputs.len() < self.config.limits.queued.get() {
            self.observe(address, peer, now);
        } else {
            self.hint_address(address, peer, now);
        }
    }

    /// Takes note that a peer is said to live at an address, by itself or by somebody else. If it is
    /// connected, that is a reason to look.
    pub fn handle_claim(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) {
        if self.connections.is_connected(&peer) {
            let address = Candidate::new(address);
            self.dirty |= self.concerns(&peer, &address);
            self.hint_address(&address, peer, now);
        }
    }

    /// Whether something that happened to a peer at an address concerns the discovery at all. A
    /// busy swarm has many connections that do not.
    fn concerns(&self, peer: &PeerId, address: &Candidate) -> bool {
        self.table.count_of(peer) > 0
            || self.order.at_address(address).next().is_some()
            || address.ip().is_some_and(|ip| !self.order.at_host(ip).is_empty())
    }

    /// Takes note that the instant that [`poll_timeout`](Self::poll_timeout) named has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.wake.is_some_and(|wake| wake <= now) {
            self.dirty = true;
        }
    }

    /// The next thing to do, or `None` if there is nothing to do before the next input or timeout.
    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        for _ in 0..STEPS {
            if !self.outputs.is_empty() || !self.dirty {
                break;
            }
            self.dirty = false;
            self.advance(now);
        }
        if self.outputs.is_empty() && self.dirty {
            self.wake_at(Some(now));
        }
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) if there is no input before. Valid
    /// once [`poll_output`](Self::poll_output) has returned `None`.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    /// The verified peer table, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.table.iter()
    }

    /// The addresses at which a peer is verified, in order, without `/p2p`.
    pub fn addresses_of(&self, peer: &PeerId) -> impl Iterator<Item = &Multiaddr> {
        self.table.candidates_of(peer).map(Candidate::address)
    }

    /// The entry for an address, if somebody is verified there. A trailing `/p2p/ID` is ignored.
    pub fn peer_at(&self, address: &Multiaddr) -> Option<&VerifiedPeer> {
        let address = Candidate::new(address);
        self.order.at_address(&address).find_map(|candidate| self.table.get(candidate))
    }

    /// The candidates whose peers take a place now, in order.
    pub fn selected(&self) -> impl Iterator<Item = &Candidate> {
        self.selected.iter()
    }

    /// Whether a peer takes a place now.
    pub fn is_selected(&self, peer: &PeerId) -> bool {
        self.table.candidates_of(peer).any(|candidate| self.selected.contains(candidate))
    }

    /// The candidates of a source in order, as last told by [`Event::Resolved`].
    pub fn candidates_of(&self, source: &Source) -> Option<Arc<[Candidate]>> {
        self.sources.values().find(|s| s.source == *source)?.told.clone()
    }

    /// Where the node stands with respect to the others.
    pub fn status(&self) -> Status {
        self.status
    }

    /// Whether the last answers name one of our own addresses; `None` before the first answer.
    pub fn is_listed(&self) -> Option<bool> {
        self.listed
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    fn cancel_lookups(&mut self, source: u64) {
        for id in self.lookups.forget(source) {
            self.outputs.push_back(Output::CancelLookup { id });
        }
    }

    /// How long a verification holds for a selected peer. It grows with the cluster, because the
    /// lowest peers of a large one are selected by everybody: at 50 ms a candidate, each of them
    /// is asked twenty times a second, however many ask.
    fn reverify_interval(&self) -> Duration {
        let lowest = |family| matches!(self.effective_selection(family), Selection::Lowest(_));
        let crowd = Family::ALL.into_iter().filter(|family| lowest(*family));
        let most = crowd.map(|family| self.order.family(family).len()).max().unwrap_or(0);
        let by_size = Duration::from_millis(50) * u32::try_from(most).unwrap_or(u32::MAX);
        self.config.reverify_interval.max(by_size)
    }

    /// `around` a duration: between three and five quarters of it.
    fn jitter(&mut self, around: Duration) -> Duration {
        around.mul_f64(0.75 + self.rng.f64() * 0.5)
    }

    /// All candidates in order with what is known of each; those that the filter rejected last.
    pub fn candidates(&self) -> impl Iterator<Item = (&Candidate, CandidateState)> {
        let live = self.order.iter().map(|c| (c, self.state_of(c)));
        let rejected = self.sources.values().flat_map(|s| &s.rejected);
        live.chain(rejected.map(|(c, r)| (c, CandidateState::Rejected(r.clone()))))
    }
}
