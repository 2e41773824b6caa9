//! A load balancer in front of real swarms: an address that is nobody's.

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, Swarm, multiaddr::Protocol, swarm::SwarmEvent};
use libp2p_dns_discovery::{Behaviour, Event, Filter, Selection, resolver::zone::Zone};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::{self, drive, ids, listening, quick, tcp_swarm_with_idle};

/// Passes connections on to the backends, one after the other.
async fn balance(listener: TcpListener, backends: Vec<SocketAddr>) {
    let mut connections = JoinSet::new();
    let mut turns = backends.into_iter().cycle();
    while let (Ok((mut client, _)), Some(backend)) = (listener.accept().await, turns.next()) {
        connections.spawn(async move {
            if let Ok(mut server) = TcpStream::connect(backend).await {
                // Either side may break the connection, which ends it.
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

fn node(zone: &Zone) -> Swarm<Behaviour<Zone>> {
    // On one machine, a connection to a host counts for all its addresses, while it is open.
    let idle = Duration::from_millis(50);
    tcp_swarm_with_idle("/ip4/127.0.0.1/tcp/0".parse().expect("valid"), idle, |key| {
        let config = quick()
            .with_selection(Selection::All)
            .with_filter(Filter::default().with_loopback(true));
        let source = support::SOURCE.parse().expect("a source");
        Behaviour::with_sources(zone.clone(), config, key.public().to_peer_id(), [source])
    })
}

fn socket(address: &Multiaddr) -> SocketAddr {
    let mut parts = address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) => (ip, port).into(),
        other => panic!("{other:?}"),
    }
}

fn multiaddr(socket: SocketAddr) -> Multiaddr {
    Multiaddr::from(socket.ip()).with(Protocol::Tcp(socket.port()))
}

#[tokio::test]
async fn nobody_is_evicted_for_a_balancer_which_is_told_once() {
    let zone = Zone::new();
    let mut swarms: Vec<_> = (0..4).map(|_| node(&zone)).collect();
    let own = listening(&mut swarms).await;
    // The first node stands before the balancer, the others behind it.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let shared = multiaddr(listener.local_addr().expect("bound"));
    let balancer = tokio::spawn(balance(listener, own[1..].iter().map(socket).collect()));
    zone.set_dnsaddr("peers.example.", own.iter().chain([&shared]));

    let ids = ids(&swarms);
    let behind: HashSet<PeerId> = ids[1..].iter().copied().collect();
    let mut told = HashMap::new();
    let mut met = 0;
    drive(&mut swarms, "shared, and met some times more", |swarms, event| {
        if let Some((0, SwarmEvent::Behaviour(event))) = event {
            match &event {
                Event::SharedAddress { address, .. } => {
                    *told.entry(address.clone()).or_insert(0) += 1;
                }
                Event::Verified { address, .. } | Event::Replaced { address, .. } => {
                    met += usize::from(*address == shared);
                }
                Event::Unreachable { address, .. } | Event::Departed { address, .. } => {
                    assert_eq!(*address, shared, "somebody's own address: {event:?}");
                }
                _ => {}
            }
        }
        let at_own = |peer: &PeerId| {
            let mut addresses = swarms[0].behaviour().addresses_of(peer);
            addresses.any(|address| *address != shared)
        };
        if !told.is_empty() {
            assert!(behind.iter().all(at_own), "whoever is behind it keeps its own entry");
        }
        !told.is_empty() && swarms[0].behaviour().peer_at(&shared).is_none()
    })
    .await;
    assert_eq!(told, [(shared.clone(), 1)].into());
    assert!(met <= 6, "it changed its mind {met} times");
    balancer.abort();
}
