//! What a poll of the behaviour costs that keeps connections alive.

use std::{
    hint::black_box,
    task::{Context, Waker},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{ConnectionId, FromSwarm, NetworkBehaviour, behaviour::ConnectionEstablished},
};
use libp2p_dns_discovery::{Behaviour, Config, resolver::zone::Zone};
use web_time::Instant;

const POLLS: u32 = 1_000;

pub fn print() {
    let [few, many] = [1_024, 16_384].map(|n| {
        let mut behaviour = connected(n);
        let mut cx = Context::from_waker(Waker::noop());
        while behaviour.poll(&mut cx).is_ready() {}
        #[expect(clippy::disallowed_methods, reason = "it is measured")]
        let start = Instant::now();
        for _ in 0..POLLS {
            assert!(black_box(behaviour.poll(&mut cx)).is_pending());
        }
        (start.elapsed() / POLLS).as_nanos() as f64
    });
    let ratio = many / few;
    let (all, what) = ("connections kept alive", "a poll");
    println!("{all:<30} {what:<42} {few:>9.0} {many:>9.0} {ratio:>6.1}");
}

/// So many strangers are connected.
fn connected(n: usize) -> Behaviour<Zone> {
    let config = Config::new().with_keep_alive(true);
    let mut behaviour = Behaviour::new(Zone::new(), config, PeerId::random());
    for i in 0..n {
        let address: Multiaddr = "/ip4/192.168.1.1/tcp/55555".parse().expect("an address");
        let endpoint = ConnectedPoint::Dialer {
            address,
            role_override: Endpoint::Dialer,
            port_use: PortUse::New,
        };
        behaviour.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: PeerId::random(),
            connection_id: ConnectionId::new_unchecked(i),
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
    }
    behaviour
}
