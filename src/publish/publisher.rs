//! The shell around the core of the publisher: the exchange, and the swarm's events.

use std::{
    fmt,
    task::{Context, Poll, Waker},
};

use futures::{FutureExt, future::BoxFuture};
use hickory_proto::rr::rdata::TXT;
use libp2p_core::{Endpoint, Multiaddr, transport::PortUse};
use libp2p_identity::PeerId;
use libp2p_swarm::{
    ConnectionDenied, ConnectionId, ExpiredListenAddr, ExternalAddrExpired, FromSwarm,
    NetworkBehaviour, NewListenAddr, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
    behaviour::ExternalAddrConfirmed, dummy,
};

use super::{
    config::Config,
    core::{Core, ExchangeId, Output},
    event::Event,
    updater::{UpdateError, Updater},
};
use crate::{
    candidate::Candidate,
    shell::{Timer, now, random_word},
};

/// Keeps this node's own `dnsaddr=` records current in a zone, through the updater `U`.
///
/// The publisher is a behaviour of its own, beside that of the discovery; see [the module](super).
pub struct Publisher<U> {
    updater: U,
    config: Config,
    core: Core,
    exchange: Option<BoxFuture<'static, Outcome>>,
    timer: Timer,
    waker: Option<Waker>,
}

/// How an exchange ended.
enum Outcome {
    Read(ExchangeId, Result<Vec<TXT>, UpdateError>),
    Update(ExchangeId, Result<(), UpdateError>),
}

impl<U> fmt::Debug for Publisher<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("core", &self.core).finish_non_exhaustive()
    }
}

impl<U: Updater> Publisher<U> {
    /// Makes a publisher. `local_peer_id` is the peer id of the swarm, which the records name.
    pub fn new(updater: U, config: Config, local_peer_id: PeerId) -> Self {
        let seed = config.seed.unwrap_or_else(random_word);
        let core = Core::new(config.clone(), local_peer_id, seed, now());
        Self { updater, config, core, exchange: None, timer: Timer::default(), waker: None }
    }

    /// Removes this node's records from the zone. Afterwards, the publisher publishes nothing more.
    ///
    /// [`Event::Withdrawn`] says when the records are gone: immediately if none were published. An
    /// exchange under way is waited for first. Poll the swarm until then, with your own time limit:
    /// if the name server fails, the publisher tries again forever, and reports [`Event::Failed`].
    pub fn withdraw(&mut self) {
        self.core.withdraw(now());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The addresses by which the zone names this node, with `/p2p/ID`, in order, as last reported
    /// by [`Event::Published`].
    pub fn published(&self) -> Vec<Multiaddr> {
        self.core.published()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn act(&mut self, output: Output) -> Option<Event> {
        match output {
            Output::Read(id) => {
                let read = self.updater.read(self.config.owner.clone());
                self.exchange = Some(read.map(move |result| Outcome::Read(id, result)).boxed());
            }
            Output::Update(id, update) => {
                let update = self.updater.update(update);
                self.exchange = Some(update.map(move |result| Outcome::Update(id, result)).boxed());
            }
            Output::Cancel => self.exchange = None,
            Output::Event(event) => return Some(event),
        }
        None
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(exchange) = &mut self.exchange else { return false };
        let Poll::Ready(outcome) = exchange.poll_unpin(cx) else { return false };
        self.exchange = None;
        match outcome {
            Outcome::Read(id, result) => self.core.handle_read(id, result, now()),
            Outcome::Update(id, result) => self.core.handle_update(id, result, now()),
        }
        true
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let come = self.timer.poll(self.core.poll_timeout(), cx);
        if let Some(now) = come {
            self.core.handle_timeout(now);
        }
        come.is_some()
    }
}

impl<U: Updater> NetworkBehaviour for Publisher<U> {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::NewListenAddr(NewListenAddr { addr, .. }) => {
                self.core.handle_addresses(|own| own.listen(Candidate::new(addr)), now());
            }
            FromSwarm::ExpiredListenAddr(ExpiredListenAddr { addr, .. }) => {
                self.core.handle_addresses(|own| own.listen_expired(&Candidate::new(addr)), now());
            }
            FromSwarm::ExternalAddrConfirmed(ExternalAddrConfirmed { addr }) => {
                self.core.handle_addresses(|own| own.external(Candidate::new(addr)), now());
            }
            FromSwarm::ExternalAddrExpired(ExternalAddrExpired { addr }) => {
                self.core
                    .handle_addresses(|own| own.external_expired(&Candidate::new(addr)), now());
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        loop {
            while let Some(output) = self.core.poll_output() {
                if let Some(event) = self.act(output) {
                    return Poll::Ready(ToSwarm::GenerateEvent(event));
                }
            }
            if self.poll_exchange(cx) || self.poll_timer(cx) {
                continue;
            }
            self.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
    }
}
