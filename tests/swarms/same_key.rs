//! Nodes that hold one key, and a node that meets itself: real handshakes, over TCP and QUIC.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::select_all;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, identity::Keypair, multiaddr::Protocol, noise,
    swarm::SwarmEvent, tcp, yamux,
};
use libp2p_dns_discovery::{Behaviour, Event, Identify, Status, resolver::zone::Zone};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UdpSocket},
    time::{Instant, timeout},
};

use crate::support::{SOURCE, drive, listening, quick};

type Node = Swarm<Behaviour<Zone>>;

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A node that listens on loopback.
fn node(zone: &Zone, key: Keypair, listen: &str, identify: Identify) -> Node {
    let config = quick()
        .with_probe_timeout(Duration::from_secs(2))
        // Each would be dialled all the time by the other, and could tell nothing.
        .with_retry(Duration::from_secs(2), Duration::from_secs(10))
        .with_identify(identify);
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_quic()
        .with_behaviour(|key| {
            let source = SOURCE.parse().expect("a source");
            Behaviour::with_sources(zone.clone(), config, key.public().to_peer_id(), [source])
        })
        .expect("a behaviour")
        .build();
    swarm.listen_on(listen.parse().expect("an address")).expect("a free port");
    swarm
}

fn same_key(event: &SwarmEvent<Event>) -> Option<Multiaddr> {
    match event {
        SwarmEvent::Behaviour(Event::SameKey { address, .. }) => Some(address.clone()),
        _ => None,
    }
}

/// Both start and dial at once, and go on looking at each other at random times.
#[tokio::test]
async fn two_nodes_with_one_key_are_both_told_within_half_a_minute_and_are_isolated() {
    let cases = [(TCP, Identify::Probe), (QUIC, Identify::Probe), (TCP, Identify::Dial)];
    let told = cases.map(|(listen, identify)| async move {
        let (zone, key) = (Zone::new(), Keypair::generate_ed25519());
        let mut swarms = [(); 2].map(|()| node(&zone, key.clone(), listen, identify));
        let addresses = listening(&mut swarms).await;
        zone.set_dnsaddr("peers.example.", &addresses);
        let started = Instant::now();
        let mut told = HashMap::new();
        drive(&mut swarms, "told", |swarms, event| {
            if let Some((at, event)) = event
                && let Some(address) = same_key(&event)
            {
                assert_eq!(address, addresses[1 - at]);
                assert_eq!(told.insert(at, ()), None, "told twice");
            }
            let isolated = |s: &Node| s.behaviour().status() == Status::Isolated;
            told.len() == 2 && swarms.iter().all(isolated)
        })
        .await;
        assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    });
    futures::future::join_all(told).await;
}

/// Passes on what comes in to one address, and counts who comes: a balancer with one backend, or a
/// NAT that turns back what is sent to it from within.
async fn forward_tcp(front: TcpListener, back: SocketAddr, count: Arc<AtomicUsize>) {
    while let Ok((mut client, _)) = front.accept().await {
        count.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            if let Ok(mut server) = TcpStream::connect(back).await {
                // Either side may break the connection, which ends it.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

/// The same for datagrams: each client has a port of its own towards the address.
pub(crate) async fn forward_udp(front: UdpSocket, back: SocketAddr, count: Arc<AtomicUsize>) {
    let front = Arc::new(front);
    let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; 65_536];
    while let Ok((len, client)) = front.recv_from(&mut buffer).await {
        if let Entry::Vacant(entry) = clients.entry(client) {
            count.fetch_add(1, Ordering::Relaxed);
            let server = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a free port"));
            server.connect(back).await.expect("an address");
            entry.insert(server.clone());
            let front = front.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(len) = server.recv(&mut buffer).await {
                    let _ = front.send_to(&buffer[..len], client).await;
                }
            });
        }
        let _ = clients[&client].send(&buffer[..len]).await;
    }
}

pub(crate) fn socket(address: &Multiaddr) -> SocketAddr {
    let mut parts = address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port) | Protocol::Udp(port))) => {
            (ip, port).into()
        }
        other => panic!("{other:?}"),
    }
}

/// Puts a forwarder before an address, and returns its own.
async fn before(address: &Multiaddr, count: Arc<AtomicUsize>) -> Multiaddr {
    let (any, back) = ("127.0.0.1:0", socket(address));
    if address.iter().any(|part| part == Protocol::QuicV1) {
        let front = UdpSocket::bind(any).await.expect("a free port");
        let at = front.local_addr().expect("bound");
        tokio::spawn(forward_udp(front, back, count));
        return format!("/ip4/127.0.0.1/udp/{}/quic-v1", at.port()).parse().expect("an address");
    }
    let front = TcpListener::bind(any).await.expect("a free port");
    let at = front.local_addr().expect("bound");
    tokio::spawn(forward_tcp(front, back, count));
    format!("/ip4/127.0.0.1/tcp/{}", at.port()).parse().expect("an address")
}

/// Looks of a node at itself through a forwarder, until there were four: none of them tells that
/// somebody else holds its key.
async fn look_at_itself(listen: &str, identify: Identify) {
    let (zone, count) = (Zone::new(), Arc::new(AtomicUsize::new(0)));
    let mut swarms = [node(&zone, Keypair::generate_ed25519(), listen, identify)];
    let own = listening(&mut swarms).await;
    let alias = before(&own[0], count.clone()).await;
    zone.set_dnsaddr("peers.example.", [&own[0], &alias]);
    let mut alone = 0;
    drive(&mut swarms, "four looks", |swarms, event| {
        if let Some((_, event)) = event {
            assert_eq!(same_key(&event), None);
        }
        alone += usize::from(swarms[0].behaviour().status() == Status::Alone);
        count.load(Ordering::Relaxed) >= 4
    })
    .await;
    // What the last look has met is judged a second later.
    let told = drive(&mut swarms, "nothing", |_, event| {
        event.is_some_and(|(_, event)| same_key(&event).is_some())
    });
    assert!(timeout(Duration::from_secs(2), told).await.is_err(), "told of itself");
    assert!(alone > 0 && swarms[0].behaviour().status() == Status::Alone);
}

#[tokio::test]
async fn a_node_that_meets_itself_through_a_forwarder_is_never_told_so() {
    let cases = [(TCP, Identify::Probe), (QUIC, Identify::Probe), (TCP, Identify::Dial)];
    let runs = cases.into_iter().cycle().take(30);
    let mut runs: Vec<_> =
        runs.map(|(listen, identify)| Box::pin(look_at_itself(listen, identify))).collect();
    while !runs.is_empty() {
        let ((), _, rest) = select_all(runs).await;
        runs = rest;
    }
}
