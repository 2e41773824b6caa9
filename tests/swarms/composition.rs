//! The behaviour beside all others that a program is likely to have.

use std::{iter, time::Duration};

use libp2p::{
    PeerId, StreamProtocol, Swarm, allow_block_list, connection_limits, gossipsub, identify, kad,
    ping,
    request_response::{self, ProtocolSupport, cbor},
    swarm::{DialError, NetworkBehaviour, SwarmEvent},
};
use libp2p_dns_discovery::{Behaviour, Event, Status, resolver::zone::Zone};

use crate::support::{self, SOURCE, drive, ids, memory, memory_swarm, ports, quick, retire, zone};

#[derive(NetworkBehaviour)]
struct Everything {
    limits: connection_limits::Behaviour,
    blocked: allow_block_list::Behaviour<allow_block_list::BlockedPeers>,
    discovery: Behaviour<Zone>,
    kad: kad::Behaviour<kad::store::MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    gossipsub: gossipsub::Behaviour,
    requests: cbor::Behaviour<String, String>,
}

fn everything(port: u64, zone: &Zone) -> Swarm<Everything> {
    let mut swarm = memory_swarm(port, |key| {
        let local = key.public().to_peer_id();
        let protocol = StreamProtocol::new("/composition/kad");
        let limits = connection_limits::ConnectionLimits::default()
            .with_max_pending_outgoing(Some(8))
            .with_max_established_per_peer(Some(2));
        Everything {
            limits: connection_limits::Behaviour::new(limits),
            blocked: allow_block_list::Behaviour::default(),
            discovery: Behaviour::with_sources(
                zone.clone(),
                quick(),
                local,
                [SOURCE.parse().expect("a source")],
            ),
            kad: kad::Behaviour::with_config(
                local,
                kad::store::MemoryStore::new(local),
                kad::Config::new(protocol),
            ),
            identify: identify::Behaviour::new(identify::Config::new(
                "/composition".into(),
                key.public(),
            )),
            ping: ping::Behaviour::default(),
            gossipsub: gossipsub::Behaviour::new(
                gossipsub::MessageAuthenticity::Signed(key.clone()),
                gossipsub::Config::default(),
            )
            .expect("valid"),
            requests: cbor::Behaviour::new(
                iter::once((StreamProtocol::new("/composition/echo"), ProtocolSupport::Full)),
                request_response::Config::default(),
            ),
        }
    });
    swarm.behaviour_mut().kad.set_mode(Some(kad::Mode::Server));
    let topic = gossipsub::IdentTopic::new("news");
    swarm.behaviour_mut().gossipsub.subscribe(&topic).expect("subscribed");
    swarm
}

type Happened = Option<(usize, SwarmEvent<EverythingEvent>)>;

/// The one line that an event loop needs for Kademlia.
fn keep_kad(swarms: &mut [Swarm<Everything>], event: &Happened) {
    if let Some((index, SwarmEvent::Behaviour(EverythingEvent::Discovery(event)))) = event {
        let node = swarms[*index].behaviour_mut();
        libp2p_dns_discovery::kad::update(&mut node.kad, &node.discovery, event);
    }
}

fn table(swarm: &mut Swarm<Everything>) -> Vec<PeerId> {
    swarm
        .behaviour_mut()
        .kad
        .kbuckets()
        .flat_map(|bucket| bucket.iter().map(|e| *e.node.key.preimage()).collect::<Vec<_>>())
        .collect()
}

#[tokio::test]
async fn every_other_behaviour_works_on_what_was_discovered() {
    let ports = ports(5);
    let zone = zone(&ports);
    let mut swarms: Vec<_> = ports.iter().map(|port| everything(*port, &zone)).collect();
    let ids = ids(&swarms);

    drive(&mut swarms, "joined, with routing tables", |swarms, event| {
        keep_kad(swarms, &event);
        swarms.iter().all(|s| s.behaviour().discovery.status() == Status::Joined)
            && swarms.iter_mut().all(|s| table(s).len() == 4)
    })
    .await;

    // Request-response and Kademlia dial by id alone; ping and identify live on the connections.
    swarms[4].behaviour_mut().requests.send_request(&ids[0], "hello".into());
    swarms[4].behaviour_mut().kad.get_closest_peers(ids[2]);
    let topic = gossipsub::IdentTopic::new("news");
    let (mut answered, mut closest, mut heard, mut pinged) = (false, 0, false, false);
    let mut published = false;
    drive(&mut swarms, "everybody at work", |swarms, event| {
        keep_kad(swarms, &event);
        if !published {
            let gossipsub = &mut swarms[3].behaviour_mut().gossipsub;
            published = gossipsub.publish(topic.clone(), "news").is_ok();
        }
        match event {
            Some((i, SwarmEvent::Behaviour(EverythingEvent::Requests(event)))) => {
                answered |= answer(&mut swarms[i], event);
            }
            Some((
                4,
                SwarmEvent::Behaviour(EverythingEvent::Kad(kad::Event::OutboundQueryProgressed {
                    result: kad::QueryResult::GetClosestPeers(Ok(ok)),
                    ..
                })),
            )) => closest = closest.max(ok.peers.len()),
            Some((
                0,
                SwarmEvent::Behaviour(EverythingEvent::Gossipsub(gossipsub::Event::Message {
                    ..
                })),
            )) => heard = true,
            Some((_, SwarmEvent::Behaviour(EverythingEvent::Ping(event)))) => {
                pinged |= event.result.is_ok();
            }
            _ => {}
        }
        answered && closest == 4 && heard && pinged
    })
    .await;
}

/// Echoes a request; says whether the response has come.
fn answer(swarm: &mut Swarm<Everything>, event: request_response::Event<String, String>) -> bool {
    match event {
        request_response::Event::Message {
            message: request_response::Message::Request { request, channel, .. },
            ..
        } => {
            let sent = swarm.behaviour_mut().requests.send_response(channel, request);
            sent.expect("the connection is open");
            false
        }
        request_response::Event::Message {
            message: request_response::Message::Response { response, .. },
            ..
        } => response == "hello",
        _ => false,
    }
}

#[tokio::test]
async fn routing_tables_hold_the_living_and_no_old_id_after_all_were_replaced() {
    let ports = ports(6);
    let zone = zone(&ports);
    let mut swarms: Vec<_> = ports.iter().map(|port| everything(*port, &zone)).collect();
    let old = ids(&swarms);
    drive(&mut swarms, "all know all", |swarms, event| {
        keep_kad(swarms, &event);
        swarms.iter_mut().all(|s| table(s).len() == 5)
    })
    .await;

    for index in 0..swarms.len() {
        // One after the other, so that those already replaced learn the ids of those to come.
        retire(swarms.remove(index));
        swarms.insert(index, everything(ports[index], &zone));
        let newcomer = *swarms[index].local_peer_id();
        drive(&mut swarms, "the newcomer is known", |swarms, event| {
            keep_kad(swarms, &event);
            swarms[index].behaviour().discovery.status() == Status::Joined
                && swarms.iter_mut().map(table).filter(|t| t.contains(&newcomer)).count() >= 3
        })
        .await;
    }
    drive(&mut swarms, "no old id, and enough of the living", |swarms, event| {
        keep_kad(swarms, &event);
        swarms.iter_mut().all(|swarm| {
            let table = table(swarm);
            // At least half of min(nodes - 1, 20), rounded up.
            table.len() >= 3 && !table.iter().any(|peer| old.contains(peer))
        })
    })
    .await;
}

#[tokio::test]
async fn a_departed_node_leaves_the_routing_table() {
    let ports = ports(3);
    let zone = zone(&ports);
    let mut swarms: Vec<_> = ports.iter().map(|port| everything(*port, &zone)).collect();
    drive(&mut swarms, "all know all", |swarms, event| {
        keep_kad(swarms, &event);
        swarms.iter_mut().all(|s| table(s).len() == 2)
    })
    .await;
    let gone = swarms.pop().expect("three");
    let peer = *gone.local_peer_id();
    retire(gone);
    support::name(&zone, &ports[..2]);
    let mut told = 0;
    drive(&mut swarms, "forgotten", |swarms, event| {
        keep_kad(swarms, &event);
        if let Some((_, SwarmEvent::Behaviour(EverythingEvent::Discovery(event)))) = event {
            told += usize::from(matches!(
                event,
                Event::Departed { gone: true, .. }
                    | Event::Unreachable { peer: Some(_), gone: true, .. }
            ));
        }
        told == 2 && swarms.iter_mut().all(|s| !table(s).contains(&peer))
    })
    .await;
    assert!(swarms[0].behaviour().discovery.peer_at(&memory(ports[2])).is_none());
}

#[derive(NetworkBehaviour)]
struct Limited {
    limits: connection_limits::Behaviour,
    discovery: Behaviour<Zone>,
}

/// Fails if a dial that is denied after its handshake is not followed by a probe.
#[tokio::test]
async fn a_node_whose_connections_are_used_up_stays_joined_by_probes() {
    let ports = ports(2);
    let (named, nobody) = (Zone::new(), Zone::new());
    support::name(&named, &ports[1..]);
    let mut swarms = [(ports[0], &named), (ports[1], &nobody)].map(|(port, zone)| {
        memory_swarm(port, |key| {
            let (local, source) = (key.public().to_peer_id(), SOURCE.parse().expect("a source"));
            let limits = connection_limits::ConnectionLimits::default();
            // A verification is to hold until the next one, also where the machine is busy.
            let config = quick().with_reverify_interval(Duration::from_secs(2));
            Limited {
                limits: connection_limits::Behaviour::new(limits),
                discovery: Behaviour::with_sources(zone.clone(), config, local, [source]),
            }
        })
    });
    let ids = ids(&swarms);
    drive(&mut swarms, "joined", |swarms, _| {
        swarms[0].is_connected(&ids[1])
            && swarms[0].behaviour().discovery.status() == Status::Joined
    })
    .await;
    // From now on, others have what connections the application allows.
    let none =
        connection_limits::ConnectionLimits::default().with_max_established_outgoing(Some(0));
    *swarms[0].behaviour_mut().limits.limits_mut() = none;
    swarms[0].disconnect_peer_id(ids[1]).expect("it is connected");
    let (mut denied, mut statuses) = (0, Vec::new());
    drive(&mut swarms, "ten times denied", |_, event| {
        match event {
            Some((0, SwarmEvent::OutgoingConnectionError { error, peer_id, .. })) => {
                let is_denied = matches!(error, DialError::Denied { .. });
                denied += usize::from(is_denied && peer_id == Some(ids[1]));
            }
            Some((
                0,
                SwarmEvent::Behaviour(LimitedEvent::Discovery(Event::Status { status, .. })),
            )) => {
                statuses.push(status);
            }
            _ => {}
        }
        denied >= 10
    })
    .await;
    assert!(statuses.is_empty() && !swarms[0].is_connected(&ids[1]), "{statuses:?}");
}
