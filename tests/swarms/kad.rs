//! What `kad::update` adds, takes and spares.

use std::time::Duration;

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, identify, kad,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use libp2p_dns_discovery::{Behaviour, Event, Filter, resolver::zone::Zone};

use crate::support::{self, drive, memory_swarm_with_idle, quick, tcp_swarm};

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

/// A node with a bootstrap peer of its own choice, whose Kademlia meets others by itself.
#[derive(NetworkBehaviour)]
struct Seeker {
    discovery: Behaviour<Zone>,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
}

const NETWORK: StreamProtocol = StreamProtocol::new("/seekers/kad");

/// `verifies` says whether it verifies everybody, or the lowest and nobody else.
fn seeker(port: u64, zone: &Zone, verifies: bool) -> Swarm<Seeker> {
    let selection = if verifies { "all" } else { "lowest:1" };
    let config = quick()
        .with_selection(selection.parse().expect("a selection"))
        .with_required_protocol(NETWORK)
        .map_limits(|limits| limits.with_hinted(0));
    let mut swarm = memory_swarm_with_idle(port, Duration::from_secs(120), |key| {
        let local = key.public().to_peer_id();
        let source = support::SOURCE.parse().expect("a source");
        let store = kad::store::MemoryStore::new(local);
        Seeker {
            discovery: Behaviour::with_sources(zone.clone(), config, local, [source]),
            kad: kad::Behaviour::with_config(local, store, kad::Config::new(NETWORK)),
            identify: identify::Behaviour::new(identify::Config::new(
                "/seekers".into(),
                key.public(),
            )),
        }
    });
    swarm.behaviour_mut().kad.set_mode(Some(kad::Mode::Server));
    swarm
}

fn known(swarm: &mut Swarm<Seeker>) -> Vec<PeerId> {
    let mut peers = Vec::new();
    for bucket in swarm.behaviour_mut().kad.kbuckets() {
        peers.extend(bucket.iter().map(|entry| *entry.node.key.preimage()));
    }
    peers
}

/// What was never verified leaves no trace by that. Two die, one before it leaves DNS and one after, while
/// it was connected. Fails if only those leave who were verified.
#[tokio::test]
async fn peers_that_kademlia_met_by_itself_leave_when_they_are_gone() {
    let ports = support::ports(4);
    let zone = support::zone(&ports[..2]);
    let mut swarms: Vec<_> =
        ports.iter().enumerate().map(|(n, port)| seeker(*port, &zone, n == 0)).collect();
    let ids = support::ids(&swarms);
    let follow = |swarms: &mut [Swarm<Seeker>], event: &Option<(usize, SwarmEvent<_>)>| {
        if let Some((index, SwarmEvent::Behaviour(SeekerEvent::Discovery(event)))) = event
            && let Some(node) = swarms.get_mut(*index).map(Swarm::behaviour_mut)
        {
            libp2p_dns_discovery::kad::update(&mut node.kad, &node.discovery, event);
        }
    };
    // The lowest verifies all others, and they verify the lowest alone.
    drive(&mut swarms, "joined", |swarms, event| {
        follow(swarms, &event);
        known(&mut swarms[1]) == [ids[0]]
    })
    .await;
    support::name(&zone, &ports);
    drive(&mut swarms, "all named, and known to the lowest", |swarms, event| {
        follow(swarms, &event);
        let named = swarms[1].behaviour().discovery.candidates().count();
        named == 4 && known(&mut swarms[0]).len() == 3
    })
    .await;
    for id in &ids[2..] {
        swarms[1].behaviour_mut().kad.get_closest_peers(*id);
    }
    drive(&mut swarms, "met by Kademlia", |swarms, event| {
        follow(swarms, &event);
        ids[2..].iter().all(|id| known(&mut swarms[1]).contains(id) && swarms[1].is_connected(id))
    })
    .await;
    let verified =
        |swarm: &Swarm<Seeker>, id| swarm.behaviour().discovery.addresses_of(id).next().is_some();
    assert!(ids[2..].iter().all(|id| !verified(&swarms[1], id)), "nobody is to verify them");
    // One dies, both leave DNS, and then the other one dies.
    support::retire(swarms.remove(2));
    support::name(&zone, &ports[..2]);
    let mut unnamed = false;
    drive(&mut swarms, "left", |swarms, event| {
        follow(swarms, &event);
        unnamed |= matches!(
            event,
            Some((1, SwarmEvent::Behaviour(SeekerEvent::Discovery(Event::Unnamed { .. }))))
        );
        unnamed && !known(&mut swarms[1]).contains(&ids[2])
    })
    .await;
    assert!(known(&mut swarms[1]).contains(&ids[3]), "it is connected");
    support::retire(swarms.remove(2));
    drive(&mut swarms, "gone", |swarms, event| {
        follow(swarms, &event);
        known(&mut swarms[1]) == [ids[0]]
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
