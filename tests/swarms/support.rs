//! Swarms over the memory transport with Noise: plaintext would prove no identity.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite, StreamExt, future::poll_fn};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, Transport,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, ListenerId, MemoryTransport},
        upgrade::Version,
    },
    identity::Keypair,
    noise,
    pnet::{PnetConfig, PreSharedKey},
    swarm::{self, NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use libp2p_dns_discovery::{Config, Filter, resolver::zone::Zone};

/// No test waits longer than this for anything; none of them needs a hundredth of it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The source that all swarms of a test have.
pub const SOURCE: &str = "/dnsaddr/peers.example.";

/// A swarm that listens on `/memory/PORT`.
pub fn memory_swarm<B: NetworkBehaviour>(
    port: u64,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    memory_swarm_with_idle(port, Duration::from_secs(10), behaviour)
}

/// The same, with a time after which idle connections are closed.
pub fn memory_swarm_with_idle<B: NetworkBehaviour>(
    port: u64,
    idle: Duration,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    let key = Keypair::generate_ed25519();
    let transport = secured(MemoryTransport::default(), &key);
    memory_swarm_over(transport, port, idle, key, behaviour)
}

/// The same, in a network that only those can enter who have the pre-shared key.
pub fn private_swarm<B: NetworkBehaviour>(
    port: u64,
    network: PreSharedKey,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    let key = Keypair::generate_ed25519();
    let private = MemoryTransport::default()
        .and_then(move |stream, _| PnetConfig::new(network).handshake(stream));
    let transport = secured(private, &key);
    memory_swarm_over(transport, port, Duration::from_secs(10), key, behaviour)
}

/// A transport with Noise and Yamux on top.
pub fn secured<T>(transport: T, key: &Keypair) -> Boxed<(PeerId, StreamMuxerBox)>
where
    T: Transport<Output: AsyncRead + AsyncWrite + Unpin + Send + 'static> + Send + Unpin + 'static,
    T::Error: Send + Sync,
    T::Dial: Send,
    T::ListenerUpgrade: Send,
{
    transport
        .upgrade(Version::V1)
        .authenticate(noise::Config::new(key).expect("a key"))
        .multiplex(yamux::Config::default())
        .boxed()
}

fn memory_swarm_over<B: NetworkBehaviour>(
    transport: Boxed<(PeerId, StreamMuxerBox)>,
    port: u64,
    idle: Duration,
    key: Keypair,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    let behaviour = behaviour(&key);
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(idle);
    let mut swarm = Swarm::new(transport, behaviour, key.public().to_peer_id(), config);
    let listener = swarm.listen_on(memory(port)).expect("a free port");
    LISTENERS.lock().expect("not poisoned").insert(*swarm.local_peer_id(), listener);
    swarm
}

/// A swarm over TCP that listens on a port of 127.0.0.1.
pub fn tcp_swarm<B: NetworkBehaviour>(behaviour: impl FnOnce(&Keypair) -> B) -> Swarm<B> {
    tcp_swarm_at("/ip4/127.0.0.1/tcp/0".parse().expect("valid"), behaviour)
}

/// The same, at a given address.
pub fn tcp_swarm_at<B: NetworkBehaviour>(
    address: Multiaddr,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    tcp_swarm_with_idle(address, Duration::from_secs(10), behaviour)
}

/// The same, with a time after which idle connections are closed.
pub fn tcp_swarm_with_idle<B: NetworkBehaviour>(
    address: Multiaddr,
    idle: Duration,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key| behaviour(key))
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(idle))
        .build();
    swarm.listen_on(address).expect("a free port");
    swarm
}

/// Ends a swarm, so that its port is free: the memory transport keeps it otherwise.
pub fn retire<B: NetworkBehaviour>(mut swarm: Swarm<B>) {
    let listener = LISTENERS.lock().expect("not poisoned").remove(swarm.local_peer_id());
    assert!(swarm.remove_listener(listener.expect("it listens")));
}

static LISTENERS: LazyLock<Mutex<HashMap<PeerId, ListenerId>>> = LazyLock::new(Mutex::default);

pub fn memory(port: u64) -> Multiaddr {
    Multiaddr::from(libp2p::multiaddr::Protocol::Memory(port))
}

/// Ports that no other test of this process uses.
pub fn ports(n: u64) -> Vec<u64> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1_000);
    let first = NEXT.fetch_add(n, Ordering::Relaxed);
    (first..first + n).collect()
}

/// A zone in which [`SOURCE`] names these ports.
pub fn zone(ports: &[u64]) -> Zone {
    let zone = Zone::new();
    name(&zone, ports);
    zone
}

pub fn name(zone: &Zone, ports: &[u64]) {
    let addresses: Vec<_> = ports.iter().map(|port| memory(*port)).collect();
    zone.set_dnsaddr("peers.example.", addresses);
}

/// Intervals that let a test see in a second what takes minutes.
pub fn quick() -> Config {
    Config::new()
        .with_filter(Filter::default().with_memory(true).with_loopback(true))
        .with_min_refresh(Duration::from_millis(200))
        .with_max_refresh(Duration::from_millis(400))
        .with_reverify_interval(Duration::from_millis(400))
        .with_repair_interval(Duration::from_secs(3_600))
        .with_retry(Duration::from_millis(50), Duration::from_millis(400))
}

/// Where each swarm listens, once all do: the first address of each.
pub async fn listening<B: NetworkBehaviour>(swarms: &mut [Swarm<B>]) -> Vec<Multiaddr> {
    let first = |swarm: &Swarm<B>| swarm.listeners().next().cloned();
    drive(swarms, "listening", |swarms, _| swarms.iter().all(|s| first(s).is_some())).await;
    swarms.iter().filter_map(first).collect()
}

/// Drives all swarms until `done`, which sees every event first, and looks once more whenever nothing
/// happens: what a node does last is not always told. Panics after [`LIMIT`].
pub async fn drive<B: NetworkBehaviour>(
    swarms: &mut [Swarm<B>],
    what: &str,
    mut done: impl FnMut(&mut [Swarm<B>], Option<(usize, SwarmEvent<B::ToSwarm>)>) -> bool,
) {
    let mut start = 0;
    let driven = poll_fn(|cx| {
        if let Some((index, event)) = next(swarms, start, cx) {
            start = index + 1;
            cx.waker().wake_by_ref();
            return if done(swarms, Some((index, event))) {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        if done(swarms, None) { Poll::Ready(()) } else { Poll::Pending }
    });
    assert!(tokio::time::timeout(LIMIT, driven).await.is_ok(), "not in time: {what}");
}

/// The next event of any of the swarms, those first that come after the last one that had one.
fn next<B: NetworkBehaviour>(
    swarms: &mut [Swarm<B>],
    start: usize,
    cx: &mut Context<'_>,
) -> Option<(usize, SwarmEvent<B::ToSwarm>)> {
    (0..swarms.len()).find_map(|offset| {
        let index = (start + offset) % swarms.len();
        match swarms[index].poll_next_unpin(cx) {
            Poll::Ready(event) => Some((index, event?)),
            Poll::Pending => None,
        }
    })
}

pub fn ids<B: NetworkBehaviour>(swarms: &[Swarm<B>]) -> Vec<PeerId> {
    swarms.iter().map(|swarm| *swarm.local_peer_id()).collect()
}
