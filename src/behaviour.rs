//! The shell around the core: turns the swarm's events into inputs of the core, and the outputs of
//! the core into commands to the swarm.

use std::{
    collections::HashSet,
    fmt,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use libp2p_core::{Endpoint, Multiaddr, transport::PortUse};
use libp2p_identity::PeerId;
use libp2p_swarm::{
    CloseConnection, ConnectionClosed, ConnectionDenied, ConnectionId, DialError,
    DialFailure as SwarmDialFailure, ExpiredListenAddr, ExternalAddrExpired, FromSwarm,
    NetworkBehaviour, NewListenAddr, NotifyHandler, StreamProtocol, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
    behaviour::{ConnectionEstablished, ExternalAddrConfirmed, NewExternalAddrOfPeer},
};
#[cfg(feature = "metrics")]
use prometheus_client::registry::Registry;
use web_time::Instant;

use self::{
    dials::Dials,
    errors::{is_loss, outcome},
    kept_alive::KeptAlive,
    lookups::Lookups,
};
#[cfg(feature = "metrics")]
use crate::metrics::Metrics;
use crate::{
    candidate::Candidate,
    config::Config,
    discovery::{CandidateState, Closing, Direction, Discovery, Output, Stats, VerifiedPeer},
    event::{Event, Isolation, Status},
    handler::{FromHandler, Handler, ToHandler},
    resolver::Resolver,
    selection::Selection,
    shell::{Timer, now, random_word},
    source::Source,
};

mod dials;
mod errors;
mod kept_alive;
mod lookups;

/// No duration that is given to the behaviour is longer: instants overflow.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Finds peers by DNS, and verifies them.
///
/// The behaviour looks up its [sources](Source) through the resolver `R`. By its [selection](Selection), it
/// picks some of the [candidates](Candidate) that DNS names, learns by handshakes which peer lives at each of
/// these, and connects to the peers. It keeps all of this current: it looks up again, and verifies again.
/// When the swarm dials a verified peer by its id, the behaviour supplies the peer's verified addresses.
///
/// ```
/// use futures::StreamExt;
/// use libp2p::{SwarmBuilder, multiaddr::Protocol, noise, swarm::SwarmEvent, tcp, yamux};
/// use libp2p_dns_discovery::{Behaviour, Config, Event, Filter, Status, resolver::zone::Zone};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     // A zone in memory instead of a name server. It names this machine only.
///     let zone = Zone::new();
///     zone.set_addresses("peers.test", ["127.0.0.1".parse()?]);
///     let config = Config::new().with_filter(Filter::default().with_loopback(true));
///
///     let mut swarm = SwarmBuilder::with_new_identity()
///         .with_tokio()
///         .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
///         .with_behaviour(|key| Behaviour::new(zone, config, key.public().to_peer_id()))?
///         .build();
///     swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
///     loop {
///         match swarm.select_next_some().await {
///             // The source has the port on which this node listens.
///             SwarmEvent::NewListenAddr { address, .. } => {
///                 if let Some(Protocol::Tcp(port)) = address.iter().nth(1) {
///                     let source = format!("/dns/peers.test/tcp/{port}").parse()?;
///                     swarm.behaviour_mut().add_source(source);
///                 }
///             }
///             SwarmEvent::Behaviour(Event::Status { status, .. }) if status.is_ready() => {
///                 assert_eq!(status, Status::Alone);
///                 return Ok(());
///             }
///             _ => {}
///         }
///     }
/// }
/// ```
pub struct Behaviour<R> {
    resolver: R,
    core: Discovery,
    required_protocol: Option<StreamProtocol>,
    lookups: Lookups,
    dials: Dials,
    timer: Timer,
    kept_alive: KeptAlive,
    waker: Option<Waker>,
    #[cfg(feature = "metrics")]
    metrics: Option<Metrics>,
}

impl<R> fmt::Debug for Behaviour<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behaviour").field("core", &self.core).finish_non_exhaustive()
    }
}

impl<R: Resolver> Behaviour<R> {
    /// Makes a behaviour without sources. Add sources with [`add_source`](Self::add_source).
    ///
    /// `local_peer_id` is the peer id of the swarm, by which the node recognises itself.
    pub fn new(resolver: R, config: Config, local_peer_id: PeerId) -> Self {
        let seed = config.seed.unwrap_or_else(random_word);
        Self {
            resolver,
            required_protocol: config.required_protocol.clone(),
            lookups: Lookups::default(),
            dials: Dials::default(),
            timer: Timer::default(),
            kept_alive: KeptAlive::new(config.keep_alive),
            core: Discovery::new(config, local_peer_id, seed, now()),
            waker: None,
            #[cfg(feature = "metrics")]
            metrics: None,
        }
    }

    /// Makes a behaviour with sources. The other parameters are those of [`new`](Self::new).
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

    /// Adds a source, and looks it up immediately. Returns false if the behaviour has the source already.
    pub fn add_source(&mut self, source: Source) -> bool {
        self.wake();
        self.core.add_source(source, now())
    }

    /// Removes a source. The entries of addresses that no other source names end, also the entries of connected
    /// peers ([`Event::Departed`](crate::Event::Departed)). No connection is closed. Returns false if there is
    /// no such source.
    pub fn remove_source(&mut self, source: &Source) -> bool {
        self.wake();
        self.core.remove_source(source)
    }

    /// The sources, in the order in which they were added.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.core.sources()
    }

    /// Changes the selection. Connections to peers that are no longer selected are not closed.
    pub fn set_selection(&mut self, selection: Selection) {
        self.wake();
        self.core.set_selection(selection);
    }

    /// The selection in force.
    pub fn selection(&self) -> Selection {
        self.core.selection()
    }

    /// Looks up all sources immediately, and ends the back-off of all candidates that could not be verified.
    pub fn refresh(&mut self) {
        self.wake();
        self.core.refresh(now());
    }

    /// Passes over a peer for a while: the peer takes no [place](Selection), so that another peer is
    /// selected instead, and the behaviour does not connect to it. The peer's entries stay in the table.
    /// Use this for peers that complete the handshake and then are of no use.
    pub fn disqualify(&mut self, peer: PeerId, duration: Duration) {
        self.wake();
        self.core.disqualify(peer, now() + duration.min(FOREVER));
    }

    /// Replaces the [allow list](Config::with_allowed_peers). `None` removes the list, so that it excludes no
    /// peer.
    ///
    /// A peer that is not on the new list loses its entries immediately
    /// ([`Event::Refused`](crate::Event::Refused)). Its connections are not closed. If the node has turned a
    /// peer away that may join by the new list, the node dials the peer's address again.
    pub fn set_allowed_peers(&mut self, allowed: Option<HashSet<PeerId>>) {
        self.wake();
        self.core.set_allowed_peers(allowed, now());
    }

    /// Judges again which peers may join, as after a [changed list](Self::set_allowed_peers). Call this when
    /// the facts on which the function of [`Config::with_admission`] decides have changed.
    pub fn readmit(&mut self) {
        self.wake();
        self.core.readmit(now());
    }

    /// The entries of the table of verified peers, in no particular order.
    pub fn peers(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.core.peers()
    }

    /// How many different peers are in the table of verified peers. A peer that is verified at several
    /// addresses counts once here, and is several times among [`peers`](Self::peers).
    pub fn peer_count(&self) -> usize {
        self.core.stats().peers()
    }

    /// The addresses at which a peer is verified, in order, without `/p2p`.
    pub fn addresses_of(&self, peer: &PeerId) -> impl Iterator<Item = &Multiaddr> {
        self.core.addresses_of(peer)
    }

    /// The entry for an address, if the address has one. A trailing `/p2p/ID` is ignored.
    pub fn peer_at(&self, address: &Multiaddr) -> Option<&VerifiedPeer> {
        self.core.peer_at(address)
    }

    /// The candidates whose peers take a [place](Selection) now, in order.
    pub fn selected(&self) -> impl Iterator<Item = &Candidate> {
        self.core.selected()
    }

    /// All candidates in order, each with what is known of it. Candidates that the filter rejected
    /// come last.
    pub fn candidates(&self) -> impl Iterator<Item = (&Candidate, CandidateState)> {
        self.core.candidates()
    }

    /// The candidates of a source in order, as last reported by [`Event::Resolved`]; `None` if the
    /// source was not answered yet.
    pub fn candidates_of(&self, source: &Source) -> Option<Arc<[Candidate]>> {
        self.core.candidates_of(source)
    }

    /// Where the node stands with respect to the other nodes. Let your readiness probe pass while the node is
    /// [`Joined`](Status::Joined) or [`Alone`](Status::Alone).
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
    ///
    /// To wait until the node is `Joined`, run the swarm and look after each event. Every change of the
    /// status is an event, so the loop misses none.
    ///
    /// ```
    /// use futures::StreamExt;
    /// use libp2p_dns_discovery::{Behaviour, Status, resolver::zone::Zone};
    /// use libp2p_swarm::Swarm;
    ///
    /// async fn join(swarm: &mut Swarm<Behaviour<Zone>>) {
    ///     while swarm.behaviour().status() != Status::Joined {
    ///         let event = swarm.select_next_some().await;
    ///         // Handle it as everywhere else.
    ///         println!("{event:?}");
    ///     }
    /// }
    /// ```
    ///
    /// If another task waits for the status, send it what [`Event::status`] returns, through a
    /// `tokio::sync::watch` channel, for example.
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// Since when the node is isolated, and for each address why the node has no connection to another node by
    /// it, as things are now. `None` if the node is not isolated. The call looks at every candidate.
    pub fn isolation(&self) -> Option<Isolation> {
        self.core.isolation()
    }

    /// Whether the last answers of the sources name one of this node's addresses; `None` before the first
    /// answer.
    pub fn is_listed(&self) -> Option<bool> {
        self.core.is_listed()
    }

    /// How many sources, candidates and peers there are now, and how many look-ups, dials and
    /// events there have been since the behaviour was made. The call costs the same however large these numbers
    /// are.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// The sources that were ever answered with records, each with the time of its last such
    /// answer.
    pub fn answered(&self) -> impl Iterator<Item = (&Source, Instant)> {
        self.core.answered()
    }

    /// Registers the metrics of this discovery. The module [`metrics`](crate::metrics) lists them, and its
    /// example gives the registry a prefix. The numbers are updated after each poll of the swarm.
    #[cfg(feature = "metrics")]
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn register_metrics(&mut self, registry: &mut Registry) {
        let metrics = Metrics::register(registry);
        metrics.record(&self.core);
        self.metrics = Some(metrics);
    }

    /// The resolver. A [`Zone`](crate::resolver::zone::Zone), for example, can be changed through this
    /// reference.
    pub fn resolver(&self) -> &R {
        &self.resolver
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn on_dial_failure(&mut self, failure: SwarmDialFailure<'_>) {
        let SwarmDialFailure { peer_id, error, connection_id } = failure;
        if let Some(id) = self.dials.end(connection_id) {
            self.core.handle_dial_failure(id, outcome(error), now());
            return;
        }
        // A dial of another behaviour met another identity than it expected. That proves as much as a dial
        // of ours.
        if let (Some(_), DialError::WrongPeerId { obtained, address }) = (peer_id, error) {
            self.core.handle_observed(address, *obtained, now());
        }
    }

    fn on_established(&mut self, established: ConnectionEstablished<'_>) {
        let ConnectionEstablished { peer_id, connection_id, endpoint, .. } = established;
        let direction = if endpoint.is_dialer() {
            Direction::Dialled(self.dials.end(connection_id))
        } else {
            Direction::Accepted
        };
        let address = endpoint.get_remote_address();
        self.core.handle_connected(connection_id, peer_id, address, direction, now());
        self.kept_alive.opened(connection_id, peer_id, !endpoint.is_dialer(), now());
    }

    fn on_closed(&mut self, closed: ConnectionClosed<'_>) {
        // A connection that both sides keep alive does not close for idleness, so it was lost.
        let kept = self.kept_alive.closed(closed.connection_id, &closed.peer_id, now());
        let how = match closed.cause {
            None => Closing::Ours,
            Some(cause) if kept || is_loss(cause) => Closing::Lost,
            Some(_) => Closing::Orderly,
        };
        self.core.handle_disconnected(closed.connection_id, &closed.peer_id, how, now());
    }

    fn poll_lookups(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((id, result)) = self.lookups.poll(cx) else { return false };
        self.core.handle_lookup(id, result);
        true
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let come = self.timer.poll(self.core.poll_timeout(), cx);
        if let Some(now) = come {
            self.core.handle_timeout(now);
        }
        come.is_some()
    }

    /// Turns an output into a command to the swarm; `None` if the shell itself carries it out.
    fn act(&mut self, output: Output) -> Option<ToSwarm<Event, ToHandler>> {
        match output {
            Output::Lookup { id, query, source } => {
                let span = lookups::span(&source, &query);
                let lookup = span.in_scope(|| self.resolver.lookup(query));
                self.lookups.start(id, lookup, span);
                None
            }
            Output::CancelLookup { id } => {
                self.lookups.cancel(id);
                None
            }
            Output::Dial { id, address, expect } => {
                Some(ToSwarm::Dial { opts: self.dials.start(id, address, expect) })
            }
            Output::Abort { id } => {
                let peer_id = self.dials.probe_id(id)?;
                Some(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All })
            }
            Output::Ask { connection, peer, patience } => {
                let (handler, event) = (NotifyHandler::One(connection), ToHandler::Ask(patience));
                Some(ToSwarm::NotifyHandler { peer_id: peer, handler, event })
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

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.core.handle_incoming(now());
        Ok(())
    }

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
            // Each dial of ours keeps its one address, so that its outcome is about that address.
            Some(peer) if !self.dials.contains(connection) => {
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
        news: THandlerOutEvent<Self>,
    ) {
        match news {
            FromHandler::Speaks(speaks) => {
                self.core.handle_protocols(connection, &peer, speaks, now());
            }
            FromHandler::Replied => self.core.handle_reply(connection, &peer, now()),
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            // What was decided is carried out before anything new is decided.
            if let Some(command) = self.kept_alive.poll() {
                return Poll::Ready(command);
            }
            if let Some(output) = self.core.poll_output(now()) {
                let Some(action) = self.act(output) else { continue };
                return Poll::Ready(action);
            }
            let is_news = self.kept_alive.update(&mut self.core);
            if is_news || self.poll_lookups(cx) || self.poll_timer(cx) {
                continue;
            }
            #[cfg(feature = "metrics")]
            if let Some(metrics) = &self.metrics {
                metrics.record(&self.core);
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }
}
