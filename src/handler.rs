//! A connection handler that speaks no protocol and only says whether to keep the connection.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use libp2p_core::upgrade::DeniedUpgrade;
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol, handler::ConnectionEvent,
};

/// Speaks no protocol, and keeps the connection alive while it was told to.
#[derive(Debug, Default)]
pub struct Handler {
    keep_alive: bool,
}

/// Tells a [`Handler`] whether to keep its connection alive.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive(pub(crate) bool);

impl ConnectionHandler for Handler {
    type FromBehaviour = KeepAlive;
    type ToBehaviour = Infallible;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = DeniedUpgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep_alive
    }

    fn on_behaviour_event(&mut self, KeepAlive(keep_alive): KeepAlive) {
        self.keep_alive = keep_alive;
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        Poll::Pending
    }

    fn on_connection_event(
        &mut self,
        _: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        // Neither side offers a protocol, so that no event concerns this handler.
    }
}
