//! A remote that vanishes without a word, over QUIC.

use std::{sync::Arc, time::Duration};

use libp2p::{
    Swarm, SwarmBuilder, ping,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use libp2p_dns_discovery::{Behaviour, Event, Failure, resolver::zone::Zone};
use tokio::{net::UdpSocket, time::Instant};

use crate::{
    same_key::{forward_udp, socket},
    support::{SOURCE, drive, quick},
};

/// A connection of this age tells something of its peer by its end.
const LONG_LIVED: Duration = Duration::from_secs(10);

#[derive(NetworkBehaviour)]
struct Node {
    discovery: Behaviour<Zone>,
    ping: ping::Behaviour,
}

/// A node whose connections are never idle, and time out when nothing was heard for so long. It
/// verifies nobody again whose connection tells enough.
fn node(zone: &Zone, timeout: Duration) -> Swarm<Node> {
    let hour = Duration::from_secs(3_600);
    let config = quick().with_reverify_interval(hour).with_probe_timeout(Duration::from_secs(1));
    let ping = ping::Config::new().with_interval(Duration::from_millis(500));
    let ping = ping.with_timeout(Duration::from_secs(1));
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_quic_config(|mut config| {
            config.max_idle_timeout = timeout.as_millis().try_into().expect("short");
            config.keep_alive_interval = timeout / 4;
            config.handshake_timeout = Duration::from_secs(1);
            config
        })
        .with_behaviour(|key| {
            let (local, source) = (key.public().to_peer_id(), SOURCE.parse().expect("a source"));
            let discovery = Behaviour::with_sources(zone.clone(), config, local, [source]);
            Node { discovery, ping: ping::Behaviour::new(ping) }
        })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(hour))
        .build();
    swarm.listen_on("/ip4/127.0.0.1/udp/0/quic-v1".parse().expect("valid")).expect("a free port");
    swarm
}

/// One node knows another, until the wire between them is cut; it may close what `ping` fails on. It
/// tells that the other is gone, long before the next verification is due.
async fn is_told_gone(timeout: Duration, closes: bool) {
    let (here, there) = (Zone::new(), Zone::new());
    let mut swarms = [node(&here, timeout), node(&there, timeout)];
    let far = *swarms[1].local_peer_id();
    drive(&mut swarms, "listening", |swarms, _| swarms[1].listeners().next().is_some()).await;
    let front = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let port = front.local_addr().expect("bound").port();
    let back = socket(swarms[1].listeners().next().expect("it listens"));
    let wire = tokio::spawn(forward_udp(front, back, Arc::default()));
    here.set_dnsaddr("peers.example.", [format!("/ip4/127.0.0.1/udp/{port}/quic-v1")]);
    let mut since = None;
    // Each ping is an event, so that no time passes unseen.
    drive(&mut swarms, "told gone", |swarms, event| {
        if swarms[0].is_connected(&far) {
            let since = *since.get_or_insert_with(Instant::now);
            if since.elapsed() > LONG_LIVED {
                wire.abort();
            }
        }
        let Some((0, SwarmEvent::Behaviour(event))) = event else { return false };
        match event {
            NodeEvent::Ping(ping) if closes && ping.result.is_err() => {
                swarms[0].close_connection(ping.connection);
                false
            }
            NodeEvent::Discovery(Event::Unreachable { peer: Some(peer), gone, reason, .. }) => {
                assert_eq!((peer, gone, reason), (far, true, Failure::TimedOut));
                true
            }
            _ => false,
        }
    })
    .await;
    assert!(wire.is_finished(), "it was cut");
}

/// Fails if the time-out of a QUIC connection counts as an orderly close.
#[tokio::test]
async fn a_connection_over_quic_that_times_out_is_lost() {
    is_told_gone(Duration::from_secs(2), false).await;
}

/// As README advises. Fails if such a close counts as an orderly one.
#[tokio::test]
async fn a_peer_is_looked_for_whose_connection_we_close_because_ping_fails() {
    is_told_gone(Duration::from_secs(100), true).await;
}
