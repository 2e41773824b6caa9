//! The first dials of a node, which keep their connection: `Identify::Auto`, the default.

use std::time::Duration;

use libp2p::{
    Swarm, SwarmBuilder, connection_limits,
    connection_limits::ConnectionLimits,
    noise,
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
    tcp, yamux,
};
use libp2p_dns_discovery::{Behaviour, Config, Selection, Status, resolver::zone::Zone};
use tokio::time::timeout;

use crate::support::{SOURCE, drive, listening, quick};

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
/// How often two nodes dial each other, over each transport.
const RUNS: u32 = 100;

#[derive(NetworkBehaviour)]
struct Limited {
    limits: Toggle<connection_limits::Behaviour>,
    discovery: Behaviour<Zone>,
}

type Node = Swarm<Limited>;

fn config() -> Config {
    // A second look at a peer is not what is asked here.
    quick().with_selection(Selection::All).with_reverify_interval(Duration::from_secs(60))
}

/// A node that listens on loopback, and looks nothing up yet.
fn node(zone: &Zone, listen: &str, per_peer: Option<u32>) -> Node {
    let limits = per_peer.map(|most| {
        let limits = ConnectionLimits::default().with_max_established_per_peer(Some(most));
        connection_limits::Behaviour::new(limits)
    });
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_quic()
        .with_behaviour(|key| Limited {
            limits: limits.into(),
            discovery: Behaviour::new(zone.clone(), config(), key.public().to_peer_id()),
        })
        .expect("a behaviour")
        // Longer than a test: whatever closes is closed by somebody.
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
        .build();
    swarm.listen_on(listen.parse().expect("an address")).expect("a free port");
    swarm
}

/// Two nodes that know each other's address; the second one learns it so much later.
async fn dial_each_other(listen: &str, offset: Duration, per_peer: Option<u32>) -> Outcome {
    let zone = Zone::new();
    let mut swarms = [(); 2].map(|()| node(&zone, listen, per_peer));
    let addresses = listening(&mut swarms).await;
    zone.set_dnsaddr("peers.example.", &addresses);
    let mut outcome = Outcome::default();
    for at in 0..2 {
        swarms[at].behaviour_mut().discovery.add_source(SOURCE.parse().expect("a source"));
        // The first one goes on meanwhile; what it does is looked at all the same.
        let idle = drive(&mut swarms[..1], "nothing", |_, event| {
            event.is_some_and(|(_, event)| outcome.note(&event))
        });
        let _ = timeout(offset, idle).await;
    }
    drive(&mut swarms, "both joined", |swarms, event| {
        if let Some((_, event)) = event {
            outcome.note(&event);
        }
        swarms.iter().all(|swarm| {
            swarm.behaviour().discovery.status() == Status::Joined
                && swarm.connected_peers().count() == 1
                && swarm.network_info().connection_counters().num_pending() == 0
        })
    })
    .await;
    outcome
}

/// What became of the connections.
#[derive(Debug, Default)]
struct Outcome {
    /// How often a node lost the last of its connections.
    lost: usize,
    /// The most connections that a node had.
    most: u32,
}

impl Outcome {
    /// Takes note of an event; says that nothing is waited for.
    fn note<E>(&mut self, event: &SwarmEvent<E>) -> bool {
        match event {
            SwarmEvent::ConnectionEstablished { num_established, .. } => {
                self.most = self.most.max(num_established.get());
            }
            SwarmEvent::ConnectionClosed { num_established: 0, .. } => self.lost += 1,
            _ => {}
        }
        false
    }
}

/// Fails if a second connection were closed: where both nodes do so, both are lost.
#[tokio::test]
async fn two_nodes_that_dial_each_other_at_once_keep_a_connection() {
    for listen in [TCP, QUIC] {
        let mut doubled = 0;
        for run in 0..RUNS {
            let offset = Duration::from_millis(1) * run / RUNS;
            let outcome = dial_each_other(listen, offset, None).await;
            assert_eq!(outcome.lost, 0, "{listen}, {offset:?}: {outcome:?}");
            assert!(outcome.most <= 2, "{listen}, {offset:?}: {outcome:?}");
            doubled += usize::from(outcome.most > 1);
        }
        assert!(doubled > 0, "{listen}: they never met");
    }
}

/// Each side may deny the connection that the other one has accepted. Both then have none, and try
/// again.
#[tokio::test]
async fn two_nodes_that_allow_one_connection_to_a_peer_meet_all_the_same() {
    for listen in [TCP, QUIC] {
        for run in 0..RUNS / 5 {
            let offset = Duration::from_millis(1) * run / (RUNS / 5);
            let outcome = dial_each_other(listen, offset, Some(1)).await;
            assert_eq!(outcome.most, 1, "{listen}, {offset:?}: {outcome:?}");
        }
    }
}
