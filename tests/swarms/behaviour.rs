//! The behaviour in swarms that meet in memory.

use std::{num::NonZeroUsize, time::Duration};

use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, connection_limits, noise,
    swarm::{DialError, NetworkBehaviour, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use libp2p_dns_discovery::{
    Behaviour, Config, Event, Failure, Identify, Selection, Status,
    discovery::{DialOutcome, Purpose},
    resolver::zone::Zone,
};

use crate::support::{
    SOURCE, drive, ids, listening, memory, memory_swarm, memory_swarm_with_idle, name, ports,
    quick, retire, tcp_swarm_with_idle, zone,
};

fn node(port: u64, zone: &Zone, config: Config) -> Swarm<Behaviour<Zone>> {
    let source = SOURCE.parse().expect("a source");
    memory_swarm(port, |key| {
        Behaviour::with_sources(zone.clone(), config, key.public().to_peer_id(), [source])
    })
}

fn nodes(ports: &[u64], zone: &Zone, config: &Config) -> Vec<Swarm<Behaviour<Zone>>> {
    ports.iter().map(|port| node(*port, zone, config.clone())).collect()
}

fn lowest(n: usize) -> Selection {
    Selection::Lowest(NonZeroUsize::new(n).expect("not zero"))
}

fn all_joined(swarms: &[Swarm<Behaviour<Zone>>]) -> bool {
    swarms.iter().all(|s| s.behaviour().status() == Status::Joined)
}

#[tokio::test]
async fn nodes_that_know_one_name_find_the_same_few() {
    let ports = ports(8);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick());
    let ids = ids(&swarms);
    // The memory ports are in order, and ourselves take no place.
    let lowest =
        |i: usize| -> Vec<_> { ids.iter().filter(|id| **id != ids[i]).take(3).copied().collect() };
    drive(&mut swarms, "all agree", |swarms, _| {
        all_joined(swarms)
            && (0..8).all(|i| selected(&swarms[i]) == lowest(i))
            && swarms.iter().all(|s| s.behaviour().is_listed() == Some(true))
    })
    .await;
}

fn selected(swarm: &Swarm<Behaviour<Zone>>) -> Vec<PeerId> {
    let behaviour = swarm.behaviour();
    behaviour.selected().filter_map(|c| Some(behaviour.peer_at(c.address())?.peer)).collect()
}

#[tokio::test]
async fn a_probe_opens_no_connection_and_is_filed_without_its_id() {
    let ports = ports(2);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick());
    let ids = ids(&swarms);
    let mut established = Vec::new();
    drive(&mut swarms, "verified", |swarms, event| {
        if let Some((0, SwarmEvent::ConnectionEstablished { peer_id, .. })) = event {
            established.push(peer_id);
        }
        all_joined(swarms) && swarms[0].is_connected(&ids[1])
    })
    .await;
    assert!(established.iter().all(|peer| *peer == ids[1]), "no throw-away id is ever connected");
    let entry = swarms[0].behaviour().peers().next().expect("an entry");
    assert_eq!(*entry.address(), memory(ports[1]), "stripped of the probe's id");
    assert_eq!(entry.peer, ids[1]);
}

#[tokio::test]
async fn verified_addresses_serve_every_dial_of_the_swarm() {
    let ports = ports(2);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick());
    let ids = ids(&swarms);
    let mut announced = false;
    drive(&mut swarms, "announced", |swarms, event| {
        if let Some((0, SwarmEvent::NewExternalAddrOfPeer { peer_id, address })) = &event {
            announced |= *peer_id == ids[1] && *address == memory(ports[1]);
        }
        announced && swarms[0].is_connected(&ids[1])
    })
    .await;
    let _ = swarms[0].disconnect_peer_id(ids[1]);
    drive(&mut swarms, "disconnected", |swarms, _| !swarms[0].is_connected(&ids[1])).await;
    // By id alone: the address must come from the behaviour.
    let result = swarms[0].dial(DialOpts::peer_id(ids[1]).build());
    assert!(result.is_ok(), "{result:?}");
    drive(&mut swarms, "connected by id", |swarms, _| swarms[0].is_connected(&ids[1])).await;
}

#[tokio::test]
async fn a_node_that_restarts_with_a_new_key_is_replaced_everywhere() {
    let ports = ports(4);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick());
    let old = *swarms[0].local_peer_id();
    let knows_it =
        |swarm: &Swarm<Behaviour<Zone>>| swarm.behaviour().addresses_of(&old).next().is_some();
    drive(&mut swarms, "all joined", |swarms, _| {
        all_joined(swarms) && swarms[1..].iter().all(knows_it)
    })
    .await;
    // The old one must be gone before its port is free.
    retire(swarms.remove(0));
    swarms.insert(0, node(ports[0], &zone, quick()));
    let new = *swarms[0].local_peer_id();
    let mut told = 0;
    drive(&mut swarms, "replaced", |swarms, event| {
        if let Some((_, SwarmEvent::Behaviour(Event::Replaced { old: o, new: n, address, .. }))) =
            event
        {
            assert_eq!((o, n, address), (old, new, memory(ports[0])));
            told += 1;
        }
        told == 3 && swarms[1..].iter().all(|s| s.is_connected(&new))
    })
    .await;
    for swarm in &swarms[1..] {
        assert_eq!(swarm.behaviour().addresses_of(&old).count(), 0);
    }
}

#[tokio::test]
async fn an_unknown_id_dial_joins_without_a_second_handshake() {
    let ports = ports(3);
    let zone = zone(&ports);
    let config = quick().with_identify(Identify::Dial).with_selection(lowest(2));
    let mut swarms = nodes(&ports, &zone, &config);
    let mut wrong = 0;
    drive(&mut swarms, "all joined", |swarms, event| {
        if let Some((_, SwarmEvent::OutgoingConnectionError { error, .. })) = event {
            wrong += usize::from(matches!(error, libp2p::swarm::DialError::WrongPeerId { .. }));
        }
        all_joined(swarms) && swarms.iter().all(|s| s.behaviour().peers().count() == 2)
    })
    .await;
    assert_eq!(wrong, 0, "nothing was probed");
}

#[tokio::test]
async fn an_alias_of_ourselves_takes_no_place() {
    let ports = ports(3);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick().with_selection(lowest(1)));
    // A second address of the first node, which no listener reports: it must be met to be known.
    let alias = ports[0] + 3_000_000;
    swarms[0].listen_on(memory(alias)).expect("free");
    let zone_with_alias: Vec<_> = std::iter::once(alias).chain(ports.clone()).collect();
    name(&zone, &zone_with_alias);
    drive(&mut swarms, "all joined", |swarms, _| all_joined(swarms)).await;
    let local = *swarms[0].local_peer_id();
    assert!(swarms[0].behaviour().peers().all(|entry| entry.peer != local));
}

/// What OPERATIONS.md says of the errors that a program counts.
#[tokio::test]
async fn probes_can_be_told_from_the_failures_that_a_swarm_reports() {
    let ports = ports(4);
    let zone = zone(&ports);
    let mut swarms = nodes(&ports, &zone, &quick().with_identify(Identify::Probe));
    let (mut mistaken, mut incoming) = (0, 0);
    drive(&mut swarms, "all joined, and errors at the others", |swarms, event| {
        match event {
            Some((_, SwarmEvent::OutgoingConnectionError { error, .. })) => {
                mistaken += u64::from(matches!(error, DialError::WrongPeerId { .. }));
            }
            Some((_, SwarmEvent::IncomingConnectionError { .. })) => incoming += 1,
            _ => {}
        }
        all_joined(swarms) && incoming > 0
    })
    .await;
    let identified = |swarm: &Swarm<Behaviour<Zone>>| {
        let stats = swarm.behaviour().stats();
        let probes = Purpose::ALL.iter().map(|of| stats.dials(*of, DialOutcome::Identified));
        probes.sum::<u64>()
    };
    assert!(mistaken > 0);
    assert_eq!(swarms.iter().map(identified).sum::<u64>(), mistaken);
}

#[derive(NetworkBehaviour)]
struct Limited {
    discovery: Behaviour<Zone>,
    limits: connection_limits::Behaviour,
}

#[tokio::test]
async fn probes_denied_by_connection_limits_are_retried() {
    let ports = ports(5);
    let zone = zone(&ports);
    let limits = connection_limits::ConnectionLimits::default().with_max_pending_outgoing(Some(1));
    let mut swarms: Vec<_> = ports
        .iter()
        .map(|port| {
            memory_swarm(*port, |key| Limited {
                discovery: Behaviour::with_sources(
                    zone.clone(),
                    quick(),
                    key.public().to_peer_id(),
                    [SOURCE.parse().expect("a source")],
                ),
                limits: connection_limits::Behaviour::new(limits.clone()),
            })
        })
        .collect();
    drive(&mut swarms, "all have their three", |swarms, _| {
        swarms.iter().all(|s| s.behaviour().discovery.peers().count() >= 3)
    })
    .await;
}

#[tokio::test]
async fn a_probe_of_a_silent_address_is_aborted_at_its_deadline() {
    // It accepts, by the kernel's backlog, and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port())
        .parse()
        .expect("an address");
    let zone = zone(&[]);
    zone.set_dnsaddr("peers.example.", [address.clone()]);
    let config = quick().with_probe_timeout(Duration::from_millis(200));
    let mut swarms = [SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key| {
            let source = SOURCE.parse().expect("a source");
            Behaviour::with_sources(zone.clone(), config, key.public().to_peer_id(), [source])
        })
        .expect("a behaviour")
        .build()];
    let mut told = false;
    // Without the abort, the swarm's own limit would keep the dial pending for ten seconds.
    drive(&mut swarms, "given up, and nothing pending", |swarms, event| {
        if let Some((_, SwarmEvent::Behaviour(Event::Unreachable { address: a, reason, .. }))) =
            event
        {
            assert_eq!((a, reason), (address.clone(), Failure::TimedOut));
            told = true;
        }
        told && swarms[0].network_info().connection_counters().num_pending_outgoing() == 0
    })
    .await;
}

#[tokio::test]
async fn connections_are_kept_alive_if_both_sides_say_so() {
    let ports = ports(4);
    let idle = Duration::from_millis(50);
    let pair = |ports: &[u64], keep_alive| -> Vec<_> {
        let zone = zone(ports);
        let config = quick().with_keep_alive(keep_alive);
        let swarm = |port: &u64| {
            memory_swarm_with_idle(*port, idle, |key| {
                let source = SOURCE.parse().expect("a source");
                let local = key.public().to_peer_id();
                Behaviour::with_sources(zone.clone(), config.clone(), local, [source])
            })
        };
        ports.iter().map(swarm).collect()
    };
    let mut swarms = pair(&ports[..2], true);
    swarms.extend(pair(&ports[2..], false));
    let (mut kept, mut dropped) = (0, 0);
    // Until both have verified each other, nothing keeps their connections.
    drive(&mut swarms, "verified each other", |swarms, event| {
        if let Some((2.., SwarmEvent::ConnectionClosed { .. })) = event {
            dropped += 1;
        }
        swarms.iter().all(|s| s.behaviour().peers().count() == 1)
            && swarms[0].is_connected(swarms[1].local_peer_id())
            && dropped >= 4
    })
    .await;
    // The pair without the setting tells how long to look at the pair with it.
    dropped = 0;
    drive(&mut swarms, "five idle closes", |swarms, event| {
        if let Some((index, SwarmEvent::ConnectionClosed { .. })) = event {
            *if index < 2 { &mut kept } else { &mut dropped } += 1;
        }
        assert!(swarms[0].is_connected(swarms[1].local_peer_id()), "{kept} {dropped}");
        dropped >= 10
    })
    .await;
}

/// Fails if the idle close of a remote counts as a loss because we keep the connection: it is then
/// dialled again at once, for ever.
#[tokio::test]
async fn a_remote_that_lets_idle_connections_go_is_not_dialled_again_at_once() {
    let (zone, nobody) = (Zone::new(), Zone::new());
    // A connection that lasts for less than ten seconds tells nothing by its end.
    let idle = Duration::from_secs(11);
    let node = |zone: &Zone, keep_alive| {
        let config = quick().with_reverify_interval(Duration::from_secs(3_600));
        let config = config.with_keep_alive(keep_alive);
        let any = "/ip4/127.0.0.1/tcp/0".parse().expect("valid");
        tcp_swarm_with_idle(any, idle, |key| {
            let (local, source) = (key.public().to_peer_id(), SOURCE.parse().expect("a source"));
            Behaviour::with_sources(zone.clone(), config, local, [source])
        })
    };
    let mut swarms = [node(&zone, true), node(&nobody, false)];
    let addresses = listening(&mut swarms).await;
    zone.set_dnsaddr("peers.example.", &addresses[1..]);
    drive(&mut swarms, "closed", |_, event| {
        matches!(event, Some((0, SwarmEvent::ConnectionClosed { .. })))
    })
    .await;
    let again = drive(&mut swarms, "nothing", |_, event| {
        matches!(event, Some((0, SwarmEvent::ConnectionEstablished { .. })))
    });
    assert!(tokio::time::timeout(Duration::from_secs(2), again).await.is_err(), "dialled again");
    assert_eq!(swarms[0].behaviour().status(), Status::Joined);
}
