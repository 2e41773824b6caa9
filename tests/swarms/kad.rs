//! What `kad::update` adds, takes and spares.

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, kad,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use libp2p_dns_discovery::{Behaviour, Filter, resolver::zone::Zone};

use crate::support::{self, drive, quick, tcp_swarm};

#[derive(NetworkBehaviour)]
struct Node {
    discovery: Behaviour<Zone>,
    kad: kad::Behaviour<kad::store::MemoryStore>,
}

type Happened = Option<(usize, SwarmEvent<NodeEvent>)>;

fn node(zone: &Zone) -> Swarm<Node> {
    tcp_swarm(|key| {
        let local = key.public().to_peer_id();
        let config = quick().with_filter(Filter::default().with_loopback(true));
        let source = support::SOURCE.parse().expect("a source");
        Node {
            discovery: Behaviour::with_sources(zone.clone(), config, local, [source]),
            kad: kad::Behaviour::with_config(
                local,
                kad::store::MemoryStore::new(local),
                kad::Config::new(StreamProtocol::new("/kad")),
            ),
        }
    })
}

fn follow(swarms: &mut [Swarm<Node>], event: &Happened) {
    if let Some((index, SwarmEvent::Behaviour(NodeEvent::Discovery(event)))) = event {
        let node = swarms[*index].behaviour_mut();
        libp2p_dns_discovery::kad::update(&mut node.kad, &node.discovery, event);
    }
}

/// What the routing table holds of a peer.
fn addresses(swarm: &mut Swarm<Node>, peer: &PeerId) -> Vec<String> {
    let mut addresses = Vec::new();
    for bucket in swarm.behaviour_mut().kad.kbuckets() {
        for entry in bucket.iter().filter(|entry| entry.node.key.preimage() == peer) {
            addresses.extend(entry.node.value.iter().map(ToString::to_string));
        }
    }
    addresses.iter().map(|a| a.replace(&format!("/p2p/{peer}"), "")).collect()
}

/// Three nodes on one host, of which the first knows the others, and where they listen.
async fn neighbours() -> (Vec<Swarm<Node>>, Vec<Multiaddr>) {
    let zone = Zone::new();
    let mut swarms = vec![node(&zone), node(&zone), node(&zone)];
    let listening = support::listening(&mut swarms).await;
    zone.set_dnsaddr("peers.example.", listening.clone());
    let ids = support::ids(&swarms);
    drive(&mut swarms, "all verified", |swarms, event| {
        follow(swarms, &event);
        ids[1..].iter().all(|id| !addresses(&mut swarms[0], id).is_empty())
    })
    .await;
    (swarms, listening)
}

#[tokio::test]
async fn an_identity_that_was_replaced_leaves_with_all_its_addresses_on_the_host() {
    let (mut swarms, listening) = neighbours().await;
    let old = *swarms[2].local_peer_id();
    // What identify or others told: the same machine by QUIC, and another machine.
    let quic: Multiaddr = "/ip4/127.0.0.1/udp/1/quic-v1".parse().expect("valid");
    swarms[0].behaviour_mut().kad.add_address(&old, quic);
    drop(swarms.remove(2));
    swarms.push(support::tcp_swarm_at(listening[2].clone(), |key| {
        let local = key.public().to_peer_id();
        Node {
            discovery: Behaviour::new(Zone::new(), quick(), local),
            kad: kad::Behaviour::new(local, kad::store::MemoryStore::new(local)),
        }
    }));
    let new = *swarms[2].local_peer_id();
    drive(&mut swarms, "replaced", |swarms, event| {
        follow(swarms, &event);
        addresses(&mut swarms[0], &old).is_empty() && !addresses(&mut swarms[0], &new).is_empty()
    })
    .await;
}

#[tokio::test]
async fn one_that_may_no_longer_join_leaves_and_comes_back_with_its_admission() {
    let (mut swarms, _) = neighbours().await;
    let ids = support::ids(&swarms);
    let only_second = Some([ids[1]].into());
    swarms[0].behaviour_mut().discovery.set_allowed_peers(only_second);
    drive(&mut swarms, "left", |swarms, event| {
        follow(swarms, &event);
        addresses(&mut swarms[0], &ids[2]).is_empty()
    })
    .await;
    assert!(!addresses(&mut swarms[0], &ids[1]).is_empty());
    swarms[0].behaviour_mut().discovery.set_allowed_peers(None);
    drive(&mut swarms, "back", |swarms, event| {
        follow(swarms, &event);
        !addresses(&mut swarms[0], &ids[2]).is_empty()
    })
    .await;
}
