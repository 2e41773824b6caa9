//! Swarms that not everybody may join: an allow list, a pre-shared key, a protocol that members speak.

use std::{collections::HashSet, iter, time::Duration};

use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm,
    allow_block_list::{self, AllowedPeers},
    identify, kad,
    pnet::PreSharedKey,
    request_response::{self, ProtocolSupport, cbor},
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
};
use libp2p_dns_discovery::{
    Behaviour, Config, Event, Failure, Identify, Status, resolver::zone::Zone,
};

use crate::support::{SOURCE, drive, ids, memory, memory_swarm, ports, private_swarm, quick, zone};

fn discovery(zone: &Zone, config: Config, local: PeerId) -> Behaviour<Zone> {
    Behaviour::with_sources(zone.clone(), config, local, [SOURCE.parse().expect("a source")])
}

#[derive(NetworkBehaviour)]
struct Guarded {
    allowed: allow_block_list::Behaviour<AllowedPeers>,
    discovery: Behaviour<Zone>,
}

/// Three swarms, of which the first two allow each other, and the third allows everybody; and the
/// third's address.
fn guarded(identify: Identify) -> (Vec<Swarm<Guarded>>, Multiaddr) {
    let ports = ports(3);
    let zone = zone(&ports);
    let config = quick().with_identify(identify);
    let make = |port: &u64| {
        memory_swarm(*port, |key| Guarded {
            allowed: allow_block_list::Behaviour::default(),
            discovery: discovery(&zone, config.clone(), key.public().to_peer_id()),
        })
    };
    let mut swarms: Vec<_> = ports.iter().map(make).collect();
    let ids = ids(&swarms);
    for (at, allowed) in [(0, 1), (1, 0), (2, 0), (2, 1)] {
        swarms[at].behaviour_mut().allowed.allow_peer(ids[allowed]);
    }
    (swarms, memory(ports[2]))
}

fn entered<'a>(
    peers: impl Iterator<Item = &'a libp2p_dns_discovery::VerifiedPeer>,
) -> HashSet<PeerId> {
    peers.map(|entry| entry.peer).collect()
}

#[tokio::test]
async fn with_an_allow_list_of_the_swarm_the_unknown_id_dial_meets_those_on_it() {
    for identify in [Identify::Auto, Identify::Dial] {
        those_on_the_list_meet(identify).await;
    }
}

async fn those_on_the_list_meet(identify: Identify) {
    let (mut swarms, third) = guarded(identify);
    let ids = ids(&swarms);
    let mut denied = HashSet::new();
    drive(&mut swarms, "two joined, the third denied", |swarms, event| {
        if let Some((at, SwarmEvent::Behaviour(GuardedEvent::Discovery(event)))) = event
            && let Event::Unreachable { reason: Failure::Denied(_), address, .. } = event
            && address == third
        {
            denied.insert(at);
        }
        (0..2).all(|at| swarms[at].behaviour().discovery.status() == Status::Joined)
            && denied.is_superset(&[0, 1].into())
    })
    .await;
    for (at, other) in [(0, 1), (1, 0)] {
        assert_eq!(entered(swarms[at].behaviour().discovery.peers()), [ids[other]].into());
    }
}

#[tokio::test]
async fn with_an_allow_list_of_the_swarm_probes_are_denied() {
    let (mut swarms, _) = guarded(Identify::Probe);
    drive(&mut swarms, "isolated", |swarms, _| {
        (0..2).all(|at| swarms[at].behaviour().discovery.status() == Status::Isolated)
    })
    .await;
    let isolation = swarms[0].behaviour().discovery.isolation().expect("isolated");
    assert!(isolation.reasons.iter().all(|(_, reason)| matches!(reason, Failure::Denied(_))));
}

#[tokio::test]
async fn behind_a_pre_shared_key_probes_meet_those_who_have_it_and_nobody_else() {
    let ports = ports(3);
    let zone = zone(&ports);
    // Neither side understands the other, nor says so.
    let config = quick().with_probe_timeout(Duration::from_secs(2));
    let (ours, theirs) = (PreSharedKey::new([1; 32]), PreSharedKey::new([2; 32]));
    let swarm = |port: u64, network| {
        private_swarm(port, network, |key| {
            discovery(&zone, config.clone(), key.public().to_peer_id())
        })
    };
    // The outsider is the lowest: all would meet there.
    let mut swarms = vec![swarm(ports[0], theirs), swarm(ports[1], ours), swarm(ports[2], ours)];
    let ids = ids(&swarms);
    let outside = memory(ports[0]);
    let mut unreachable = HashSet::new();
    drive(&mut swarms, "joined without the outsider", |swarms, event| {
        if let Some((at, SwarmEvent::Behaviour(Event::Unreachable { address, .. }))) = event
            && address == outside
        {
            unreachable.insert(at);
        }
        swarms[1..].iter().all(|s| s.behaviour().status() == Status::Joined)
            && swarms[0].behaviour().status() == Status::Isolated
            && unreachable == [1, 2].into()
    })
    .await;
    assert_eq!(entered(swarms[1].behaviour().peers()), [ids[2]].into());
    assert_eq!(entered(swarms[2].behaviour().peers()), [ids[1]].into());
    assert_eq!(swarms[0].behaviour().peers().count(), 0);
}

const PROTOCOL: StreamProtocol = StreamProtocol::new("/members/1");

#[derive(NetworkBehaviour)]
struct Member {
    discovery: Behaviour<Zone>,
    identify: identify::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    requests: Toggle<cbor::Behaviour<String, String>>,
}

/// A member; or another application at an address that DNS still names, which speaks libp2p too.
fn member(port: u64, zone: &Zone, is_member: bool) -> Swarm<Member> {
    let mut swarm = memory_swarm(port, |key| {
        let local = key.public().to_peer_id();
        let config = match is_member {
            true => quick().with_required_protocol(PROTOCOL),
            false => quick(),
        };
        // The stranger speaks the same Kademlia: nobody but the discovery is to insert peers.
        let mut config_of_kad = kad::Config::new(StreamProtocol::new("/kad"));
        config_of_kad.set_kbucket_inserts(kad::BucketInserts::Manual);
        let store = kad::store::MemoryStore::new(local);
        let kad = kad::Behaviour::with_config(local, store, config_of_kad);
        let requests = is_member.then(|| {
            let protocols = iter::once((PROTOCOL, ProtocolSupport::Full));
            cbor::Behaviour::new(protocols, request_response::Config::default())
        });
        let identify = identify::Config::new("/members".into(), key.public());
        Member {
            discovery: discovery(zone, config, local),
            identify: identify::Behaviour::new(identify),
            kad,
            requests: requests.into(),
        }
    });
    swarm.behaviour_mut().kad.set_mode(Some(kad::Mode::Server));
    swarm
}

fn keep_kad(node: &mut Member, event: &Event) {
    libp2p_dns_discovery::kad::update(&mut node.kad, &node.discovery, event);
}

fn table(node: &mut Member) -> HashSet<PeerId> {
    let mut peers = HashSet::new();
    for bucket in node.kad.kbuckets() {
        peers.extend(bucket.iter().map(|entry| *entry.node.key.preimage()));
    }
    peers
}

#[tokio::test]
async fn another_application_at_a_members_address_is_a_stranger() {
    let ports = ports(4);
    let zone = zone(&ports);
    let is_member = |port: u64| port != ports[1];
    let mut swarms: Vec<_> =
        ports.iter().map(|port| member(*port, &zone, is_member(*port))).collect();
    let ids = ids(&swarms);
    let members: HashSet<_> = [ids[0], ids[2], ids[3]].into();
    let mut strangers = Vec::new();
    drive(&mut swarms, "members know members, and the stranger is told", |swarms, event| {
        if let Some((at, SwarmEvent::Behaviour(MemberEvent::Discovery(event)))) = event {
            keep_kad(swarms[at].behaviour_mut(), &event);
            match event {
                Event::Stranger { peer, address, old, .. } => {
                    assert_eq!((peer, address, old), (ids[1], memory(ports[1]), None));
                    strangers.push(at);
                }
                Event::Verified { peer, .. } if at != 1 => assert_ne!(peer, ids[1]),
                _ => {}
            }
        }
        let told: HashSet<_> = strangers.iter().copied().collect();
        let all_know = [0, 2, 3].iter().all(|at| {
            let mut others = members.clone();
            others.remove(&ids[*at]);
            entered(swarms[*at].behaviour().discovery.peers()) == others
                && table(swarms[*at].behaviour_mut()) == others
        });
        all_know && told == [0, 2, 3].into()
    })
    .await;
    assert_eq!(strangers.len(), 3, "each was told once");
}
