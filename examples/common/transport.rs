//! Swarms over the transports that a program wants.

use std::{error::Error, time::Duration};

use libp2p::{
    PeerId, Swarm, SwarmBuilder, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, MemoryTransport},
        upgrade::Version,
    },
    identity::Keypair,
    noise, quic,
    swarm::NetworkBehaviour,
    tcp, tls, websocket, yamux,
};

use libp2p_dns_discovery::websocket::HostHeader;

use super::run::Stop;

type AnyError = Box<dyn Error + Send + Sync>;
type BoxedTransport = Boxed<(PeerId, StreamMuxerBox)>;

/// A swarm that speaks TCP, QUIC and WebSocket, with Noise or TLS. `dial` is how long it may take
/// until a connection is there, and `idle` how long one without a use is kept.
///
/// No transport looks names up: the discovery hands addresses out that are resolved already.
pub(crate) fn full<B: NetworkBehaviour>(
    key: Keypair,
    behaviour: B,
    dial: Duration,
    idle: Duration,
) -> Result<Swarm<B>, Stop> {
    let security = (tls::Config::new, noise::Config::new);
    let build = || -> Result<_, Box<dyn Error>> {
        let swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_tcp(tcp::Config::default(), security, yamux::Config::default)?
            .with_quic_config(|mut config| {
                config.handshake_timeout = dial;
                // In milliseconds: so long, nothing at all may come.
                let silence = u32::try_from(dial.as_millis()).unwrap_or(u32::MAX);
                config.max_idle_timeout = config.max_idle_timeout.max(silence);
                config
            })
            .with_other_transport(websocket)?
            .with_behaviour(|_| behaviour)?
            .with_swarm_config(|config| config.with_idle_connection_timeout(idle))
            .with_connection_timeout(dial)
            .build();
        Ok(swarm)
    };
    build().map_err(|error| Stop::failed("the transports cannot be set up", &*error))
}

/// A swarm over TCP alone, with Noise.
pub(crate) fn tcp<B: NetworkBehaviour>(key: Keypair, behaviour: B) -> Result<Swarm<B>, Stop> {
    over(key, behaviour, |key| upgraded(tcp::tokio::Transport::default(), key))
}

/// A swarm over QUIC alone.
pub(crate) fn quic<B: NetworkBehaviour>(key: Keypair, behaviour: B) -> Result<Swarm<B>, Stop> {
    over(key, behaviour, |key| {
        let quic = quic::tokio::Transport::new(quic::Config::new(key));
        Ok(quic.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
    })
}

/// A swarm over this process's memory, with Noise.
pub(crate) fn memory<B: NetworkBehaviour>(key: Keypair, behaviour: B) -> Result<Swarm<B>, Stop> {
    over(key, behaviour, |key| upgraded(MemoryTransport::new(), key))
}

fn over<B: NetworkBehaviour>(
    key: Keypair,
    behaviour: B,
    transport: impl FnOnce(&Keypair) -> Result<BoxedTransport, AnyError>,
) -> Result<Swarm<B>, Stop> {
    let build = || -> Result<_, Box<dyn Error>> {
        let swarm = SwarmBuilder::with_existing_identity(key)
            .with_tokio()
            .with_other_transport(transport)?
            .with_behaviour(|_| behaviour)?
            .build();
        Ok(swarm)
    };
    build().map_err(|error| Stop::failed("the transport cannot be set up", &*error))
}

fn websocket(key: &Keypair) -> Result<BoxedTransport, AnyError> {
    upgraded(HostHeader::new(websocket::Config::new(tcp::tokio::Transport::default())), key)
}

fn upgraded<T>(transport: T, key: &Keypair) -> Result<BoxedTransport, AnyError>
where
    T: Transport + Send + Unpin + 'static,
    T::Output: futures::AsyncRead + futures::AsyncWrite + Send + Unpin + 'static,
    T::Error: Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    Ok(transport
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key)?)
        .multiplex(yamux::Config::default())
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
        .boxed())
}
