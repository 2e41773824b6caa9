//! The shell around the core: turns the swarm's events into inputs and the core's outputs into
//! what the swarm can do.

use std::{
    collections::{HashMap, HashSet},
    error::Error,
    fmt, io,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable, BoxFuture},
    stream::FuturesUnordered,
};
use libp2p_core::{Endpoint, Multiaddr, transport::PortUse, transport::TransportError};
use libp2p_identity::PeerId;
use libp2p_swarm::{
    CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionError, ConnectionId, DialError,
    DialFailure as SwarmDialFailure, ExpiredListenAddr, ExternalAddrExpired, FromSwarm,
    NetworkBehaviour, NewListenAddr, NotifyHandler, StreamProtocol, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
    behaviour::{ConnectionEstablished, ExternalAddrConfirmed, NewExternalAddrOfPeer},
    dial_opts::{DialOpts, PeerCondition},
};

use crate::{
    candidate::Candidate,
    config::Config,
    discovery::{
        CandidateState, DialFailure, DialId, Direction, Discovery, Expect, LookupId, Output,
    },
    event::{Event, Failure, Isolation, Status},
    handler::{Handler, KeepAlive, Speaks},
    peers::VerifiedPeer,
    resolver::{Answer, LookupError, Resolver},
    selection::Selection,
    shell::{Timer, now, random_word},
    source::Source,
};

/// No duration that is given to the behaviour is longer: instants overflow.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

type LookupResult = (LookupId, Result<Answer, LookupError>);

/// Discovers and verifies peers by DNS.
///
/// Looks up its sources through `R`, selects candidates, learns by handshakes who lives at each of
/// them, connects to those selected, and keeps what it learned true. Verified addresses serve
/// every dial of the swarm to a known peer.
pub struct Behaviour<R> {
    resolver: R,
    core: Discovery,
    keep_alive: bool,
    required_protocol: Option<StreamProtocol>,
    lookups: FuturesUnordered<BoxFuture<'static, Option<LookupResult>>>,
    lookup_aborts: HashMap<LookupId, AbortHandle>,
    /// The dials under way: which of the core's they are, and the throw-away id of a probe.
    dials: HashMap<ConnectionId, (DialId, Option<PeerId>)>,
    timer: Timer,
    /// Established connections whose handlers are to be told whether to keep alive.
    connections: HashMap<ConnectionId, Kept>,
    commands: Vec<(PeerId, ConnectionId, bool)>,
    waker: Option<Waker>,
}

/// A connection whose handler is told whether to keep it alive.
#[derive(Debug)]
struct Kept {
    peer: PeerId,
    accepted: bool,
    kept: bool,
}

impl<R> fmt::Debug for Behaviour<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour").field("core", &self.core).finish_non_exhaustive()
    }
}

impl<R: Resolver> Behaviour<R> {
    /// Makes a behaviour without sources; add them with [`add_source`](Self::add_source).
    ///
    /// `local_peer_id` is the swarm's own, by which the node recognises itself.
    pub fn new(resolver: R, config: Config, local_peer_id: PeerId) -> Self {
        let seed = config.seed.unwrap_or_else(random_word);
        let (keep_alive, required_protocol) = (config.keep_alive, config.required_protocol.clone());
        Self {
            resolver,
            core: Discovery::new(config, local_peer_id, seed, now()),
            keep_alive,
            required_protocol,
            lookups: FuturesUnordered::new(),
            lookup_aborts: HashMap::new(),
            dials: HashMap::new(),
            timer: Timer::default(),
            connections: HashMap::new(),
            commands: Vec::new(),
            waker: None,
        }
    }

    /// Makes a behaviour with sources.
    pub fn with_sources(
        resolver: R,
        config: Config,
        local_peer_id: PeerId,
        sources: impl IntoIterator<Item = Source>,
    ) -> Self {
        let mut behaviour = Self::new(resolver, config, local_peer_id);
        for source in sources {
            behaviour.add_source(source);
        }
        behaviour
    }

    /// Adds a source; it is looked up at once. Returns false if it is there already.
    pub fn add_source(&mut self, source: Source) -> bool {
        self.wake();
        self.core.add_source(source, now())
    }

    /// Removes a source. Candidates that no other source names depart; their connections are left
    /// alone. Returns false if there is no such source.
    pub fn remove_source(&mut self, source: &Source) -> bool {
        self.wake();
        self.core.remove_source(source)
    }

    /// The sources, in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.core.sources()
    }

    /// Changes the selection. Connections to peers that are no longer selected are left alone.
    pub fn set_selection(&mut self, selection: Selection) {
        self.wake();
        self.core.set_selection(selection);
    }

    /// The selection in force.
    pub fn selection(&self) -> Selection {
        self.core.selection()
    }

    /// Looks up all sources at once, and lets every candidate be tried again without back-off.
    pub fn refresh(&mut self) {
        self.wake();
        self.core.refresh(now());
    }

    /// Passes over a peer for a while: it takes no place and is not dialled, though its entries
    /// stay in the table. For peers that complete the handshake and are of no use.
    pub fn disqualify(&mut self, peer: PeerId, duration: Duration) {
        self.wake();
        self.core.disqualify(peer, now() + duration.min(FOREVER));
    }

    /// Replaces the [allow list](Config::with_allowed_peers); `None` admits everybody. Whoever is in
    /// the table and may no longer join leaves it at once
    /// ([`Event::Refused`](crate::Event::Refused)), its connection left alone; those who were refused
    /// are looked at again.
    pub fn set_allowed_peers(&mut self, allowed: Option<HashSet<PeerId>>) {
        self.wake();
        self.core.set_allowed_peers(allowed, now());
    }

    /// Judges again who may join, because what [`Config::with_admission`] goes by has changed.
    pub fn readmit(&mut self) {
        self.wake();
        self.core.readmit(now());
    }

    /// The verified peer table, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.core.peers()
    }

    /// The addresses at which a peer is verified, in order, without `/p2p`.
    pub fn addresses_of(&self, peer: &PeerId) -> impl Iterator<Item = &Multiaddr> {
        self.core.addresses_of(peer)
    }

    /// The entry for an address, if somebody is verified there. A trailing `/p2p/ID` is ignored.
    pub fn peer_at(&self, address: &Multiaddr) -> Option<&VerifiedPeer> {
        self.core.peer_at(address)
    }

    /// The candidates whose peers take a place now, in order.
    pub fn selected(&self) -> impl Iterator<Item = &Candidate> {
        self.core.selected()
    }

    /// All candidates in order with what is known of each; those that the filter rejected last.
    pub fn candidates(&self) -> impl Iterator<Item = (&Candidate, CandidateState)> {
        self.core.candidates()
    }

    /// The candidates of a source in order, as last told by [`Event::Resolved`]; `None` before.
    pub fn candidates_of(&self, source: &Source) -> Option<Arc<[Candidate]>> {
        self.core.candidates_of(source)
    }

    /// Where the node stands. This is what a readiness probe asks: a node is ready when it is
    /// [`Joined`](Status::Joined), or [`Alone`](Status::Alone), or else the first node of a
    /// deployment, whose DNS entry waits for its readiness, would never be.
    ///
    /// ```
    /// # use libp2p_dns_discovery::{Behaviour, Config, resolver::zone::Zone};
    /// # let zone = Zone::default();
    /// # let peer_id = libp2p_identity::PeerId::random();
    /// # let discovery = Behaviour::new(zone, Config::new(), peer_id);
    /// let code = if discovery.status().is_ready() { 200 } else { 503 };
    /// assert_eq!(code, 503, "nothing is known yet");
    /// if let Some(isolation) = discovery.isolation() {
    ///     for (candidate, reason) in isolation.reasons.iter() {
    ///         println!("{candidate}: {reason}");
    ///     }
    /// }
    /// ```
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// Since when the node is isolated, and why, with all reasons as they are now; `None` unless it
    /// is. Looks at every candidate.
    pub fn isolation(&self) -> Option<Isolation> {
        self.core.isolation()
    }

    /// Whether the last answers name one of our own addresses; `None` before the first answer.
    pub fn is_listed(&self) -> Option<bool> {
        self.core.is_listed()
    }

    /// The resolver, to change it where it can be changed.
    pub fn resolver(&self) -> &R {
        &self.resolver
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn start_lookup(&mut self, id: LookupId, query: crate::resolver::Query) {
        let (handle, registration) = AbortHandle::new_pair();
        self.lookup_aborts.insert(id, handle);
        let lookup = Abortable::new(self.resolver.lookup(query), registration);
        self.lookups.push(lookup.map(move |r| r.ok().map(|result| (id, result))).boxed());
    }

    /// Every dial takes a port of its own: nodes that select each other dial at the same time, and
    /// with the listening ports reused, both dials would share one four-tuple and fail.
    fn dial(&mut self, id: DialId, address: Multiaddr, expect: Expect) -> DialOpts {
        let (opts, probe) = match expect {
            Expect::Probe => {
                // Each probe has an id of its own, or a second one to the same id would be held
                // back as long as the first one is under way.
                let peer = PeerId::random();
                (to_peer(peer, PeerCondition::Always, address), Some(peer))
            }
            Expect::Peer(peer) => {
                (to_peer(peer, PeerCondition::DisconnectedAndNotDialing, address), None)
            }
            Expect::Anyone => {
                let opts = DialOpts::unknown_peer_id().address(address);
                (opts.allocate_new_port().build(), None)
            }
        };
        self.dials.insert(opts.connection_id(), (id, probe));
        opts
    }

    /// The throw-away id of a probe under way, by which the swarm aborts it.
    fn probe_id(&self, id: DialId) -> Option<PeerId> {
        self.dials.values().find(|(dial, _)| *dial == id).and_then(|(_, probe)| *probe)
    }

    fn on_dial_failure(&mut self, failure: SwarmDialFailure<'_>) {
        let SwarmDialFailure { peer_id, error, connection_id } = failure;
        if let Some((id, _)) = self.dials.remove(&connection_id) {
            self.core.handle_dial_failure(id, outcome(error), now());
            return;
        }
        // Somebody else's dial has met another identity than it expected: as good a proof as one
        // of our own.
        if let (Some(_), DialError::WrongPeerId { obtained, address }) = (peer_id, error) {
            self.core.handle_observed(address, *obtained, now());
        }
    }

    fn on_established(&mut self, established: ConnectionEstablished<'_>) {
        let ConnectionEstablished { peer_id, connection_id, endpoint, .. } = established;
        let direction = if endpoint.is_dialer() {
            Direction::Dialled(self.dials.remove(&connection_id).map(|(id, _)| id))
        } else {
            Direction::Accepted
        };
        let address = endpoint.get_remote_address();
        self.core.handle_connected(connection_id, peer_id, address, direction, now());
        if self.keep_alive {
            let kept = Kept { peer: peer_id, accepted: !endpoint.is_dialer(), kept: false };
            self.connections.insert(connection_id, kept);
        }
    }

    fn on_closed(&mut self, closed: ConnectionClosed<'_>) {
        // One that both sides keep alive is never idle.
        let kept = self.connections.remove(&closed.connection_id).is_some_and(|c| c.kept);
        let lost = closed.cause.is_some_and(|cause| kept || is_loss(cause));
        self.core.handle_disconnected(closed.connection_id, &closed.peer_id, lost, now());
    }

    /// Finds the connections whose handlers are to be told that their peer is, or is no longer,
    /// worth keeping.
    fn update_keep_alive(&mut self) {
        if !self.keep_alive {
            return;
        }
        for (id, connection) in &mut self.connections {
            // Whoever dialled has selected the other; a peer that was only met is let go.
            let keep = match connection.accepted {
                true => self.core.addresses_of(&connection.peer).next().is_some(),
                false => self.core.is_selected(&connection.peer),
            };
            if keep != connection.kept {
                connection.kept = keep;
                self.commands.push((connection.peer, *id, keep));
            }
        }
    }

    fn poll_lookups(&mut self, cx: &mut Context<'_>) -> bool {
        match self.lookups.poll_next_unpin(cx) {
            Poll::Ready(Some(Some((id, result)))) => {
                self.lookup_aborts.remove(&id);
                self.core.handle_lookup(id, result);
                true
            }
            Poll::Ready(Some(None)) => true,
            Poll::Ready(None) | Poll::Pending => false,
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let come = self.timer.poll(self.core.poll_timeout(), cx);
        if let Some(now) = come {
            self.core.handle_timeout(now);
        }
        come.is_some()
    }

    /// Turns an output into what the swarm can do; `None` if it was for the shell alone.
    fn act(&mut self, output: Output) -> Option<ToSwarm<Event, KeepAlive>> {
        match output {
            Output::Lookup { id, query } => {
                self.start_lookup(id, query);
                None
            }
            Output::CancelLookup { id } => {
                if let Some(abort) = self.lookup_aborts.remove(&id) {
                    abort.abort();
                }
                None
            }
            Output::Dial { id, address, expect } => {
                Some(ToSwarm::Dial { opts: self.dial(id, address, expect) })
            }
            Output::Abort { id } => {
                let peer_id = self.probe_id(id)?;
                Some(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All })
            }
            Output::Announce { peer, address } => {
                Some(ToSwarm::NewExternalAddrOfPeer { peer_id: peer, address })
            }
            Output::Event(event) => Some(ToSwarm::GenerateEvent(event)),
        }
    }
}

impl<R: Resolver> NetworkBehaviour for Behaviour<R> {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(self.required_protocol.clone()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::new(self.required_protocol.clone()))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        match peer {
            // Our own dials are to one address each, so that a verdict is about that address.
            Some(peer) if !self.dials.contains_key(&connection) => {
                Ok(self.core.addresses_of(&peer).cloned().collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established) => self.on_established(established),
            FromSwarm::ConnectionClosed(closed) => self.on_closed(closed),
            FromSwarm::DialFailure(failure) => self.on_dial_failure(failure),
            FromSwarm::NewListenAddr(NewListenAddr { addr, .. }) => {
                self.core.handle_listen_address(addr, now());
            }
            FromSwarm::ExpiredListenAddr(ExpiredListenAddr { addr, .. }) => {
                self.core.handle_listen_address_expired(addr);
            }
            FromSwarm::ExternalAddrConfirmed(ExternalAddrConfirmed { addr }) => {
                self.core.handle_external_address(addr, now());
            }
            FromSwarm::ExternalAddrExpired(ExternalAddrExpired { addr }) => {
                self.core.handle_external_address_expired(addr);
            }
            FromSwarm::NewExternalAddrOfPeer(NewExternalAddrOfPeer { peer_id, addr }) => {
                self.core.handle_claim(peer_id, addr, now());
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        Speaks(speaks): THandlerOutEvent<Self>,
    ) {
        self.core.handle_protocols(connection, &peer, speaks, now());
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            // What was decided is carried out before anything new is decided.
            if let Some((peer_id, id, keep)) = self.commands.pop() {
                let handler = NotifyHandler::One(id);
                return Poll::Ready(ToSwarm::NotifyHandler {
                    peer_id,
                    handler,
                    event: KeepAlive(keep),
                });
            }
            if let Some(output) = self.core.poll_output(now()) {
                match self.act(output) {
                    Some(action) => return Poll::Ready(action),
                    None => continue,
                }
            }
            self.update_keep_alive();
            if !self.commands.is_empty() || self.poll_lookups(cx) || self.poll_timer(cx) {
                continue;
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }
}

fn to_peer(peer: PeerId, condition: PeerCondition, address: Multiaddr) -> DialOpts {
    let opts = DialOpts::peer_id(peer).condition(condition).allocate_new_port();
    opts.addresses(vec![address]).build()
}

/// What the core is to know of a failed dial.
fn outcome(error: &DialError) -> DialFailure {
    match error {
        // The expected id of a dial is compared before the local one, so that most aliases of
        // ourselves end in the latter.
        DialError::WrongPeerId { obtained, address: _ } => DialFailure::Identity(*obtained),
        DialError::LocalPeerId { address: _ } => DialFailure::OwnAddress,
        // Each of our dials carries an address: the swarm took it away because we listen on it.
        DialError::NoAddresses => DialFailure::OwnAddress,
        DialError::DialPeerConditionFalse(_) => DialFailure::Busy,
        DialError::Aborted => DialFailure::Failed(Failure::Aborted),
        DialError::Denied { cause } => DialFailure::Denied(chain(cause).into()),
        DialError::Transport(errors) => DialFailure::Failed(transport_failure(errors)),
    }
}

fn transport_failure(errors: &[(Multiaddr, TransportError<io::Error>)]) -> Failure {
    match errors.first() {
        None => Failure::Transport("no address was dialled".into()),
        Some((_, TransportError::MultiaddrNotSupported(_))) => Failure::Unsupported,
        Some((_, TransportError::Other(error))) => io_failure(error),
    }
}

fn io_failure(error: &io::Error) -> Failure {
    let text = chain(error).into();
    match io_kind(error) {
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
            Failure::NoRoute(text)
        }
        io::ErrorKind::TimedOut => Failure::TimedOut,
        _ => Failure::Transport(text),
    }
}

/// The kind of the innermost I/O error: transports wrap it several times.
fn io_kind(error: &io::Error) -> io::ErrorKind {
    let mut kind = error.kind();
    let mut source: Option<&(dyn Error + 'static)> =
        error.get_ref().map(|inner| inner as &(dyn Error + 'static));
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            kind = io.kind();
            source = io.get_ref().map(|inner| inner as &(dyn Error + 'static));
        } else {
            source = inner.source();
        }
    }
    kind
}

/// The message of an error and of its causes, without what is said twice.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let message = inner.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = inner.source();
    }
    text
}

/// Whether a connection broke, as far as its error tells. A remote that closes an idle connection
/// ends it in an orderly way; so does the kernel of one that was killed, which the next
/// verification finds out.
fn is_loss(cause: &ConnectionError) -> bool {
    match cause {
        ConnectionError::KeepAliveTimeout => false,
        ConnectionError::IO(error) => matches!(
            io_kind(error),
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::TimedOut
                | io::ErrorKind::UnexpectedEof
        ),
    }
}
