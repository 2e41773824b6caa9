//! What the node does: it is a member of the network, and may publish its own addresses.

use libp2p::{
    ping,
    swarm::{ConnectionId, NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
};
use libp2p_dns_discovery::publish::{Publisher, TsigUpdater};

use crate::common::member::{Member, MemberEvent};

/// A member that may publish its own addresses.
#[derive(NetworkBehaviour)]
pub(crate) struct Node {
    pub(crate) member: Member,
    pub(crate) publisher: Toggle<Publisher<TsigUpdater>>,
}

impl Node {
    /// Keeps the routing table true to what the discovery verifies. To be called with every event.
    pub(crate) fn follow(&mut self, event: &SwarmEvent<NodeEvent>) {
        if let SwarmEvent::Behaviour(NodeEvent::Member(event)) = event {
            self.member.learn(event);
        }
    }
}

/// The connection that nobody answers on any more. It is for the application to close it: a swarm
/// takes whatever the system takes for one, which is a quarter of an hour over TCP where the remote
/// is cut off, and for ever where it is frozen.
pub(crate) fn silent_connection(event: &SwarmEvent<NodeEvent>) -> Option<ConnectionId> {
    match event {
        SwarmEvent::Behaviour(NodeEvent::Member(MemberEvent::Ping(ping::Event {
            connection,
            result: Err(ping::Failure::Timeout | ping::Failure::Other { .. }),
            ..
        }))) => Some(*connection),
        _ => None,
    }
}
