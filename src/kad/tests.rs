//! What one event does to the routing table, also where it was overtaken by the time it is read.

use std::task::{Context, Poll, Waker};

use libp2p_core::{Endpoint, connection::ConnectedPoint, transport::PortUse};
use libp2p_kad::store::MemoryStore;
use libp2p_swarm::{
    ConnectionId, FromSwarm, NetworkBehaviour, ToSwarm, behaviour::ConnectionEstablished,
};

use super::*;
use crate::{
    config::Config,
    event::{Failure, Proved},
    filter::Filter,
    resolver::zone::Zone,
};

struct Node {
    discovery: Behaviour<Zone>,
    kad: kad::Behaviour<MemoryStore>,
}

impl Node {
    fn update(&mut self, event: &Event) {
        update(&mut self.kad, &self.discovery, event);
    }

    /// Lets every dial meet whom it expects, who lives at the address that this says, and follows
    /// all that is told.
    fn run(&mut self, address_of: impl Fn(PeerId) -> Multiaddr) {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(output) = self.discovery.poll(&mut cx) {
            match output {
                ToSwarm::GenerateEvent(event) => self.update(&event),
                ToSwarm::Dial { opts } => {
                    let peer = opts.get_peer_id().expect("it is pinned");
                    self.connect(opts.connection_id(), peer, address_of(peer));
                }
                _ => {}
            }
        }
    }

    fn connect(&mut self, connection_id: ConnectionId, peer_id: PeerId, address: Multiaddr) {
        let (role_override, port_use) = (Endpoint::Dialer, PortUse::New);
        let endpoint = ConnectedPoint::Dialer { address, role_override, port_use };
        let established = FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id,
            connection_id,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        });
        self.kad.on_swarm_event(established);
        self.discovery.on_swarm_event(established);
    }

    /// What the routing table holds of a peer.
    fn addresses(&mut self, peer: &PeerId) -> Vec<String> {
        let held = entries(&mut self.kad).into_iter().filter(|(p, _)| p == peer);
        held.map(|(_, a)| a.to_string().replace(&format!("/p2p/{peer}"), "")).collect()
    }
}

/// A node, and two others on its host that it has verified: who the three are, and where they live.
fn neighbours() -> (Node, [PeerId; 3], [Multiaddr; 3]) {
    let ids = [(); 3].map(|()| PeerId::random());
    let listening = [1, 2, 3].map(|n| address(&format!("/ip4/127.0.0.1/tcp/{n}")));
    let config = Config::new().with_filter(Filter::default().with_loopback(true));
    let pinned = |n: usize| format!("{}/p2p/{}", listening[n], ids[n]).parse().unwrap();
    let mut node = Node {
        discovery: Behaviour::with_sources(Zone::new(), config, ids[0], [1, 2].map(pinned)),
        kad: kad::Behaviour::new(ids[0], MemoryStore::new(ids[0])),
    };
    node.run(|peer| listening[if peer == ids[1] { 1 } else { 2 }].clone());
    for n in [1, 2] {
        assert_eq!(node.addresses(&ids[n]), [listening[n].to_string()]);
    }
    (node, ids, listening)
}

fn address(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn a_neighbour_on_the_same_host_loses_only_the_address_that_was_disproved() {
    let (mut node, ids, listening) = neighbours();
    // Somebody said that the second lives where the third does.
    node.kad.add_address(&ids[1], listening[2].clone());
    let (peer, address) = (ids[2], listening[2].clone());
    node.update(&Event::Verified { peer, address, how: Proved::Probe });
    assert_eq!(node.addresses(&ids[1]), [listening[1].to_string()]);
    assert_eq!(node.addresses(&ids[2]), [listening[2].to_string()]);
}

#[test]
fn one_unreachable_address_does_not_take_the_others_with_it() {
    let (mut node, ids, listening) = neighbours();
    let quic = address("/ip4/127.0.0.1/udp/1/quic-v1");
    node.kad.add_address(&ids[1], quic.clone());
    node.update(&Event::Unreachable {
        address: quic,
        peer: Some(ids[1]),
        gone: false,
        reason: Failure::TimedOut,
    });
    assert_eq!(node.addresses(&ids[1]), [listening[1].to_string()]);
    // What is verified stays, whatever an event says that was overtaken by the time it is read.
    node.update(&Event::Departed { peer: ids[1], address: listening[1].clone(), gone: true });
    assert_eq!(node.addresses(&ids[1]), [listening[1].to_string()]);
    let stranger = PeerId::random();
    node.kad.add_address(&stranger, address("/ip4/10.1.1.1/tcp/1"));
    node.update(&Event::Gone { peer: stranger });
    assert!(node.addresses(&stranger).is_empty());
}

/// Fails if peers that were never verified are left alone.
#[test]
fn peers_that_kademlia_took_in_by_itself_leave_with_the_address_that_dns_named() {
    let (mut node, _, listening) = neighbours();
    let at = address("/ip4/10.1.1.1/tcp/1");
    let [gone, elsewhere, connected] = [(); 3].map(|()| PeerId::random());
    let loopback = address("/ip4/127.0.0.1/udp/9/quic-v1");
    node.connect(ConnectionId::new_unchecked(77), connected, at.clone());
    let also = [(gone, &loopback), (elsewhere, &listening[2]), (connected, &loopback)];
    for (peer, also) in also {
        node.kad.add_address(&peer, at.clone());
        node.kad.add_address(&peer, also.clone());
    }
    let reason = Failure::TimedOut;
    node.update(&Event::Unreachable { address: at.clone(), peer: None, gone: false, reason });
    assert_eq!(node.addresses(&gone), [loopback.to_string()], "it may answer there");
    node.kad.add_address(&gone, at.clone());
    node.update(&Event::Unnamed { addresses: [at.clone()].into() });
    assert!(node.addresses(&gone).is_empty());
    assert_eq!(node.addresses(&elsewhere), [listening[2].to_string()]);
    assert_eq!(node.addresses(&connected).len(), 2);
}

#[test]
fn whoever_lived_where_one_answers_who_may_not_join_leaves_with_all_its_addresses_there() {
    let (mut node, ids, listening) = neighbours();
    let (peer, old, gone) = (PeerId::random(), PeerId::random(), false);
    let quic = address("/ip4/127.0.0.9/udp/1/quic-v1");
    let at = address("/ip4/127.0.0.9/tcp/1");
    for event in [
        Event::Refused { address: at.clone(), peer, old: Some(old), gone },
        Event::Stranger { address: at.clone(), peer, old: Some(old), gone },
    ] {
        let elsewhere = address("/ip4/10.1.1.1/tcp/1");
        for known in [&at, &quic, &elsewhere] {
            node.kad.add_address(&old, known.clone());
        }
        node.update(&event);
        assert_eq!(node.addresses(&old), [elsewhere.to_string()]);
    }
    assert_eq!(node.addresses(&ids[1]), [listening[1].to_string()]);
}

/// Kademlia inserts whoever it is connected to, also to find out that it may not enter. Fails without
/// `turned_away`.
#[test]
fn one_that_is_turned_away_is_taken_out_unless_it_is_verified_elsewhere() {
    let (mut node, ids, listening) = neighbours();
    let known = ids[1];
    let (address, old, gone) = (address("/ip4/10.1.1.1/tcp/1"), None, false);
    for peer in [PeerId::random(), known] {
        let refused = Event::Refused { address: address.clone(), peer, old, gone };
        let stranger = Event::Stranger { address: address.clone(), peer, old, gone };
        for event in [refused, stranger] {
            node.kad.add_address(&peer, address.clone());
            node.update(&event);
            let kept = node.addresses(&peer);
            assert_eq!(kept.contains(&listening[1].to_string()), peer == known);
            assert_eq!(kept.is_empty(), peer != known);
        }
    }
}
