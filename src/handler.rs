//! A connection handler that speaks no protocol: it says whether to keep the connection, and listens
//! to what `identify` learns of the remote's protocols.

use std::task::{Context, Poll};

use libp2p_core::upgrade::DeniedUpgrade;
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, StreamProtocol, SubstreamProtocol,
    handler::{ConnectionEvent, ProtocolsChange},
};

/// Speaks no protocol, keeps the connection alive while it was told to, and tells whether the remote
/// speaks the required protocol.
#[derive(Debug, Default)]
pub struct Handler {
    keep_alive: bool,
    required: Option<StreamProtocol>,
    /// What is known of the remote, and was not told yet.
    news: Option<Speaks>,
    speaks: bool,
}

/// Tells a [`Handler`] whether to keep its connection alive.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive(pub(crate) bool);

/// A [`Handler`] tells whether the remote speaks the required protocol.
#[derive(Debug, Clone, Copy)]
pub struct Speaks(pub(crate) bool);

impl Handler {
    /// `required` is the protocol that members speak.
    pub(crate) fn new(required: Option<StreamProtocol>) -> Self {
        Self { required, ..Self::default() }
    }

    fn note(&mut self, change: &ProtocolsChange<'_>) {
        let Some(required) = &self.required else { return };
        self.speaks = match change {
            ProtocolsChange::Added(added) => self.speaks || added.clone().any(|p| p == required),
            ProtocolsChange::Removed(removed) => {
                self.speaks && !removed.clone().any(|p| p == required)
            }
        };
        self.news = Some(Speaks(self.speaks));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = KeepAlive;
    type ToBehaviour = Speaks;
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
        // No waker is kept: a connection polls its handlers after every event that it hands them.
        match self.news.take() {
            Some(news) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news)),
            None => Poll::Pending,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        // Neither side offers a protocol, so that no other event concerns this handler.
        if let ConnectionEvent::RemoteProtocolsChange(change) = event {
            self.note(&change);
        }
    }
}
