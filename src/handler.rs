//! The connection handler: keeps a connection alive or not, hears from `identify` whether the
//! remote speaks the required protocol, and asks the remote for a sign of life.

use std::{
    array,
    convert::Infallible,
    future::{Ready, ready},
    io::ErrorKind,
    task::{Context, Poll},
    time::Duration,
};

use libp2p_core::upgrade::{DeniedUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p_swarm::{
    ConnectionHandler, ConnectionHandlerEvent, Stream, StreamProtocol, StreamUpgradeError,
    SubstreamProtocol,
    handler::{ConnectionEvent, DialUpgradeError, ProtocolsChange},
};

/// A protocol that no peer has to speak.
const SIGN_OF_LIFE: StreamProtocol =
    StreamProtocol::new("/libp2p-dns-discovery/sign-of-life/1.0.0");

/// The connection handler of [`Behaviour`](crate::Behaviour).
///
/// The handler accepts no protocol. It keeps its connection alive while the behaviour says so,
/// reports whether the remote speaks the required protocol, and asks the remote for a sign of life
/// when the behaviour says so.
///
/// To ask for a sign of life, the handler opens a substream and offers a protocol. Every reaction of the
/// remote is a sign of life, also a refusal of the protocol. The handler does not report silence: the core
/// measures the time.
///
/// While the substream is negotiated, the connection is not idle on either side. Afterwards the
/// idle time-out of `libp2p-swarm` starts anew.
#[derive(Debug, Default)]
pub struct Handler {
    keep_alive: bool,
    required: Option<StreamProtocol>,
    speaks: bool,
    /// Whether the remote speaks the required protocol, if that was not reported yet.
    news: Option<FromHandler>,
    /// How long the remote has to reply; set while the remote is still to be asked.
    ask: Option<Duration>,
    /// Whether a reply has come that was not reported yet.
    has_replied: bool,
}

/// A command to a [`Handler`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ToHandler {
    /// Keep the connection alive, or no longer.
    KeepAlive(bool),
    /// Ask the remote for a sign of life, and wait for it for this long.
    Ask(Duration),
}

/// A report of a [`Handler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromHandler {
    /// Whether the remote speaks the required protocol.
    Speaks(bool),
    /// The remote gave a sign of life when it was asked for one.
    Replied,
}

/// The offer of the protocol by which a handler asks for a sign of life.
///
/// The protocol is offered twice, for swarms that negotiate with `upgrade::Version::V1Lazy`: these
/// consider the last offer accepted before the remote has answered.
#[derive(Debug, Clone, Copy)]
pub struct SignOfLife;

impl UpgradeInfo for SignOfLife {
    type Info = StreamProtocol;
    type InfoIter = array::IntoIter<StreamProtocol, 2>;

    fn protocol_info(&self) -> Self::InfoIter {
        [SIGN_OF_LIFE, SIGN_OF_LIFE].into_iter()
    }
}

impl OutboundUpgrade<Stream> for SignOfLife {
    type Output = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    /// Nothing is sent or read after the negotiation.
    fn upgrade_outbound(self, _: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(()))
    }
}

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
        self.news = Some(FromHandler::Speaks(self.speaks));
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ToHandler;
    type ToBehaviour = FromHandler;
    type InboundProtocol = DeniedUpgrade;
    type OutboundProtocol = SignOfLife;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(DeniedUpgrade, ())
    }

    fn connection_keep_alive(&self) -> bool {
        self.keep_alive
    }

    fn on_behaviour_event(&mut self, command: ToHandler) {
        match command {
            ToHandler::KeepAlive(keep_alive) => self.keep_alive = keep_alive,
            ToHandler::Ask(patience) => self.ask = Some(patience),
        }
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Self::ToBehaviour>> {
        // No waker is kept: a connection polls its handlers after every event that it hands them.
        if let Some(patience) = self.ask.take() {
            let protocol = SubstreamProtocol::new(SignOfLife, ()).with_timeout(patience);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        let reply = std::mem::take(&mut self.has_replied).then_some(FromHandler::Replied);
        match reply.or_else(|| self.news.take()) {
            Some(news) => Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news)),
            None => Poll::Pending,
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
    ) {
        // The handler accepts no protocol, and offers only this one. So no other event concerns it.
        match event {
            ConnectionEvent::RemoteProtocolsChange(change) => self.note(&change),
            ConnectionEvent::FullyNegotiatedOutbound(_) => self.has_replied = true,
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, .. }) => {
                self.has_replied |= is_reply(&error);
            }
            _ => {}
        }
    }
}

/// Whether the remote ended a substream: it refused the protocol, sent bytes that are no
/// negotiation, or reset the substream, as a remote with too many substreams does. A connection
/// that fails ends its substreams, too, and is no reply.
fn is_reply(error: &StreamUpgradeError<Infallible>) -> bool {
    match error {
        StreamUpgradeError::NegotiationFailed => true,
        StreamUpgradeError::Io(error) => {
            !matches!(error.kind(), ErrorKind::NotConnected | ErrorKind::TimedOut)
        }
        StreamUpgradeError::Timeout => false,
        StreamUpgradeError::Apply(never) => match *never {},
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::task::noop_waker;
    use libp2p_swarm::handler::FullyNegotiatedOutbound;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(7);

    /// What a handler wants next.
    #[derive(Debug, PartialEq, Eq)]
    enum Wants {
        /// A substream, for which there is so much time.
        Substream(Duration),
        Tell(FromHandler),
        Nothing,
    }

    fn poll(handler: &mut Handler) -> Wants {
        match handler.poll(&mut Context::from_waker(&noop_waker())) {
            Poll::Pending => Wants::Nothing,
            Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }) => {
                Wants::Substream(*protocol.timeout())
            }
            Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news)) => Wants::Tell(news),
            Poll::Ready(other) => panic!("{other:?}"),
        }
    }

    /// What is told of how a substream ended.
    fn told(error: StreamUpgradeError<Infallible>) -> Wants {
        let mut handler = Handler::new(None);
        let failed = DialUpgradeError { info: (), error };
        handler.on_connection_event(ConnectionEvent::DialUpgradeError(failed));
        poll(&mut handler)
    }

    #[test]
    fn a_substream_is_opened_once_and_only_when_it_is_asked_for() {
        let mut handler = Handler::new(None);
        assert_eq!(poll(&mut handler), Wants::Nothing);
        handler.on_behaviour_event(ToHandler::Ask(PATIENCE));
        assert_eq!(poll(&mut handler), Wants::Substream(PATIENCE));
        assert_eq!(poll(&mut handler), Wants::Nothing);
        assert!(!handler.connection_keep_alive());
    }

    #[test]
    fn whatever_the_remote_does_with_the_substream_is_a_reply_and_told_once() {
        let mut handler = Handler::new(None);
        let negotiated = FullyNegotiatedOutbound { protocol: (), info: () };
        handler.on_connection_event(ConnectionEvent::FullyNegotiatedOutbound(negotiated));
        assert_eq!(poll(&mut handler), Wants::Tell(FromHandler::Replied));
        assert_eq!(poll(&mut handler), Wants::Nothing);
        let replied = Wants::Tell(FromHandler::Replied);
        assert_eq!(told(StreamUpgradeError::NegotiationFailed), replied);
        for kind in [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof, ErrorKind::InvalidData] {
            assert_eq!(told(StreamUpgradeError::Io(kind.into())), replied, "{kind}");
        }
        assert_eq!(told(StreamUpgradeError::Io(io::Error::other("no protocol"))), replied);
    }

    #[test]
    fn silence_and_the_failure_of_the_connection_are_no_reply() {
        assert_eq!(told(StreamUpgradeError::Timeout), Wants::Nothing);
        // As QUIC says of a substream whose connection is lost.
        for kind in [ErrorKind::NotConnected, ErrorKind::TimedOut] {
            assert_eq!(told(StreamUpgradeError::Io(kind.into())), Wants::Nothing, "{kind}");
        }
    }

    /// Else `upgrade::Version::V1Lazy` takes the only offer for accepted, and the dead for living.
    #[test]
    fn the_protocol_is_offered_twice() {
        assert_eq!(SignOfLife.protocol_info().count(), 2);
    }
}
