//! What a dial without a peer id costs beside other behaviours (`Identify::Dial`; by default, only the
//! first dials of a node, and those in the place of probes that are denied), and a probe not.

use std::{
    collections::HashMap,
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    allow_block_list::{self, AllowedPeers},
    connection_limits::{self, ConnectionLimits},
    core::{Endpoint, transport::PortUse},
    noise,
    swarm::{
        ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, SwarmEvent,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm, behaviour::toggle::Toggle, dummy,
    },
    tcp, yamux,
};
use libp2p_dns_discovery::{
    Behaviour, Config, Event, Failure, Identify, Selection, Status, resolver::zone::Zone,
};

use crate::support::{
    SOURCE, drive, ids, memory, memory_swarm, memory_swarm_with_idle, name, ports, quick, zone,
};

/// Another behaviour, which counts the dials to each peer that it is told have failed.
#[derive(Default)]
struct Bystander {
    denied: HashMap<PeerId, usize>,
}

impl NetworkBehaviour for Bystander {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::DialFailure(failure) = event
            && let (Some(peer), DialError::Denied { .. }) = (failure.peer_id, failure.error)
        {
            *self.denied.entry(peer).or_default() += 1;
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[derive(NetworkBehaviour)]
struct Node {
    limits: Toggle<connection_limits::Behaviour>,
    allowed: Toggle<allow_block_list::Behaviour<AllowedPeers>>,
    bystander: Bystander,
    discovery: Behaviour<Zone>,
}

fn with(
    zone: &Zone,
    config: Config,
    limits: Option<ConnectionLimits>,
    allows: bool,
    local: PeerId,
) -> Node {
    let source = SOURCE.parse().expect("a source");
    Node {
        limits: limits.map(connection_limits::Behaviour::new).into(),
        allowed: allows.then(allow_block_list::Behaviour::default).into(),
        bystander: Bystander::default(),
        discovery: Behaviour::with_sources(zone.clone(), config, local, [source]),
    }
}

/// A node in memory that knows the zone, beside such limits, and, if `allows`, an allow list.
fn node(
    port: u64,
    zone: &Zone,
    config: Config,
    limits: Option<ConnectionLimits>,
    allows: bool,
) -> Swarm<Node> {
    memory_swarm(port, |key| with(zone, config, limits, allows, key.public().to_peer_id()))
}

fn status(swarm: &Swarm<Node>) -> Status {
    swarm.behaviour().discovery.status()
}

/// Two nodes that are connected, and of which the first then learns where the second one lives; how many
/// connections to it there are once it is verified there.
async fn connections_to_one_that_is_connected(identify: Identify) -> u32 {
    let ports = ports(2);
    let (named, nobody) = (Zone::new(), Zone::new());
    let config = quick().with_identify(identify).with_reverify_interval(Duration::from_secs(60));
    let mut swarms = [(ports[0], &named), (ports[1], &nobody)].map(|(port, zone)| {
        memory_swarm_with_idle(port, Duration::from_secs(600), |key| {
            with(zone, config.clone(), None, false, key.public().to_peer_id())
        })
    });
    let ids = ids(&swarms);
    // The second one dials: where the first one lives is nothing that the zone says.
    swarms[1].dial(memory(ports[0])).expect("a dial");
    drive(&mut swarms, "connected", |swarms, _| swarms[0].is_connected(&ids[1])).await;
    name(&named, &ports[1..]);
    drive(&mut swarms, "verified", |swarms, _| {
        let discovery = &swarms[0].behaviour().discovery;
        discovery.addresses_of(&ids[1]).next().is_some()
            && swarms[0].network_info().connection_counters().num_pending() == 0
    })
    .await;
    swarms[0].network_info().connection_counters().num_established()
}

/// By default, too, where the first connection does not lead to the host that the zone names, as is so in
/// memory: it is left to idle out. Where it does, the peer is probed.
#[tokio::test]
async fn a_dial_without_an_id_opens_a_second_connection_to_a_peer_that_is_connected() {
    assert_eq!(connections_to_one_that_is_connected(Identify::Dial).await, 2);
    assert_eq!(connections_to_one_that_is_connected(Identify::Probe).await, 1);
    assert_eq!(connections_to_one_that_is_connected(Identify::Auto).await, 2, "by default");
}

/// How many dials are still pending when an address that says nothing is told unreachable.
async fn pending_when_told(identify: Identify) -> u32 {
    // It accepts, by the kernel's backlog, and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let port = silent.local_addr().expect("it is bound").port();
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address");
    let zone = zone(&[]);
    zone.set_dnsaddr("peers.example.", [address]);
    // One dial is enough, and the swarm would give it up after ten seconds.
    let config = quick()
        .with_identify(identify)
        .with_probe_timeout(Duration::from_millis(200))
        .with_retry(Duration::from_secs(60), Duration::from_secs(60));
    let mut swarms = [SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key| with(&zone, config, None, false, key.public().to_peer_id()))
        .expect("a behaviour")
        .build()];
    drive(&mut swarms, "told", |_, event| {
        matches!(
            event,
            Some((0, SwarmEvent::Behaviour(NodeEvent::Discovery(Event::Unreachable { reason, .. }))))
                if reason == Failure::TimedOut
        )
    })
    .await;
    // What was decided is carried out.
    let more = drive(&mut swarms, "nothing", |swarms, _| {
        swarms[0].network_info().connection_counters().num_pending_outgoing() == 0
    });
    let _ = tokio::time::timeout(Duration::from_millis(500), more).await;
    swarms[0].network_info().connection_counters().num_pending_outgoing()
}

/// It holds its slot of the swarm until the swarm's own time-out, and its place in the budget.
#[tokio::test]
async fn a_dial_without_an_id_cannot_be_aborted() {
    assert_eq!(pending_when_told(Identify::Dial).await, 1);
    assert_eq!(pending_when_told(Identify::Auto).await, 1, "the first one by default");
    assert_eq!(pending_when_told(Identify::Probe).await, 0);
}

/// Of whom another behaviour was told that a dial was denied, once the discovery has told so of the
/// address. The node allows nobody, but for throw-away ids.
async fn denied_before_others(identify: Identify) -> (bool, usize) {
    let ports = ports(2);
    let named = zone(&ports[1..]);
    // Connections are denied once they are established, and who is there is known.
    let limits = ConnectionLimits::default().with_max_established_outgoing(Some(0));
    let config = quick().with_identify(identify);
    let mut swarms = [
        node(ports[0], &named, config.clone(), Some(limits), false),
        node(ports[1], &Zone::new(), config, None, false),
    ];
    let ids = ids(&swarms);
    let mut verified = false;
    drive(&mut swarms, "met", |swarms, event| {
        if let Some((0, SwarmEvent::Behaviour(NodeEvent::Discovery(event)))) = event {
            verified |= matches!(event, Event::Verified { .. });
        }
        let denied = &swarms[0].behaviour().bystander.denied;
        denied.contains_key(&ids[1])
    })
    .await;
    let denied = &swarms[0].behaviour().bystander.denied;
    (verified, denied.get(&ids[1]).copied().unwrap_or_default())
}

/// A Kademlia query that goes by the same peer fails by it. With a probe, the peer was verified before; it
/// is the connection that then is denied.
#[tokio::test]
async fn a_dial_without_an_id_that_is_denied_is_told_to_others_as_a_failure_of_the_real_peer() {
    let (verified, denied) = denied_before_others(Identify::Dial).await;
    assert!(!verified && denied == 1, "{verified} {denied}");
    let (verified, denied) = denied_before_others(Identify::Auto).await;
    assert!(!verified && denied == 1, "the first one by default: {verified} {denied}");
    let (verified, denied) = denied_before_others(Identify::Probe).await;
    assert!(verified && denied == 1, "{verified} {denied}");
}

/// With one dial at once, others are denied and tried again, whatever the way.
#[tokio::test]
async fn where_one_dial_may_be_pending_all_are_met_one_after_the_other() {
    for identify in [Identify::Auto, Identify::Probe, Identify::Dial] {
        let limits = ConnectionLimits::default().with_max_pending_outgoing(Some(1));
        let ports = ports(4);
        let zone = zone(&ports);
        let config = quick().with_identify(identify).with_selection(Selection::All);
        let mut swarms: Vec<_> = ports
            .iter()
            .map(|port| node(*port, &zone, config.clone(), Some(limits.clone()), false))
            .collect();
        let (mut denied, mut most) = (0, 0);
        drive(&mut swarms, "everybody is met", |swarms, event| {
            if let Some((_, SwarmEvent::Behaviour(NodeEvent::Discovery(event)))) = event
                && let Event::Unreachable { reason: Failure::Denied(_), .. } = event
            {
                denied += 1;
            }
            for swarm in swarms.iter() {
                let counters = swarm.network_info();
                most = most.max(counters.connection_counters().num_pending_outgoing());
            }
            swarms.iter().all(|swarm| swarm.behaviour().discovery.peers().count() == 3)
        })
        .await;
        assert!(most <= 1 && denied > 0, "{identify:?}: {most} at once, {denied} denied");
    }
}

/// Both kinds of dials are denied, one before it is sent and the other after its handshake, and the peer is
/// verified by a probe.
#[tokio::test]
async fn where_no_connection_may_be_established_peers_are_verified_by_probes() {
    for identify in [Identify::Auto, Identify::Probe] {
        let limits = ConnectionLimits::default().with_max_established_outgoing(Some(0));
        let ports = ports(2);
        let named = zone(&ports[1..]);
        let config = quick().with_identify(identify);
        let mut swarms = [
            node(ports[0], &named, config.clone(), Some(limits), false),
            node(ports[1], &Zone::new(), config, None, false),
        ];
        let ids = ids(&swarms);
        drive(&mut swarms, "verified", |swarms, _| {
            swarms[0].behaviour().discovery.addresses_of(&ids[1]).next().is_some()
        })
        .await;
        assert!(!swarms[0].is_connected(&ids[1]));
    }
}

/// Two that allow each other, one of them named by DNS, and the way by which the first one learns who is
/// there; and whether it got in touch.
async fn meets_behind_an_allow_list(identify: Identify) -> Status {
    let ports = ports(2);
    let named = zone(&ports[1..]);
    let config = quick().with_identify(identify);
    let mut swarms = [
        node(ports[0], &named, config.clone(), None, true),
        node(ports[1], &Zone::new(), config, None, true),
    ];
    let ids = ids(&swarms);
    for at in 0..2 {
        let allowed = swarms[at].behaviour_mut().allowed.as_mut().expect("it has a list");
        allowed.allow_peer(ids[1 - at]);
    }
    drive(&mut swarms, "joined or isolated", |swarms, _| {
        matches!(status(&swarms[0]), Status::Joined | Status::Isolated)
    })
    .await;
    status(&swarms[0])
}

#[tokio::test]
async fn an_allow_list_of_the_swarm_denies_throw_away_ids_and_no_dial_without_one() {
    assert_eq!(meets_behind_an_allow_list(Identify::Probe).await, Status::Isolated);
    assert_eq!(meets_behind_an_allow_list(Identify::Dial).await, Status::Joined);
    assert_eq!(meets_behind_an_allow_list(Identify::Auto).await, Status::Joined);
}

/// One that is named once another one is connected, so that no dial is among the first. Fails if a denied
/// probe is followed by others only.
#[tokio::test]
async fn one_that_is_named_later_is_met_behind_an_allow_list_too() {
    let ports = ports(3);
    let named = zone(&ports[1..2]);
    let nobody = Zone::new();
    let mut swarms =
        [(ports[0], &named), (ports[1], &nobody), (ports[2], &nobody)].map(|(port, zone)| {
            let config = quick().with_identify(Identify::Auto).with_selection(Selection::All);
            node(port, zone, config, None, true)
        });
    let ids = ids(&swarms);
    for (at, other) in [(0, 1), (0, 2), (1, 0), (2, 0)] {
        let allowed = swarms[at].behaviour_mut().allowed.as_mut().expect("it has a list");
        allowed.allow_peer(ids[other]);
    }
    drive(&mut swarms, "connected", |swarms, _| swarms[0].is_connected(&ids[1])).await;
    name(&named, &ports[1..]);
    drive(&mut swarms, "connected to both", |swarms, _| swarms[0].is_connected(&ids[2])).await;
}
