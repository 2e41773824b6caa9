//! What the node does: it is a member of the network, and may publish its own addresses.

use libp2p::swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle};
use libp2p_dns_discovery::publish::{Publisher, TsigUpdater};

use crate::common::member::Member;

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
