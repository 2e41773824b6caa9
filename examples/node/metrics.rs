//! The node's numbers, for Prometheus.

use std::sync::Arc;

use libp2p::{
    Swarm,
    metrics::{Metrics as Libp2p, Recorder},
    swarm::SwarmEvent,
};
use prometheus_client::registry::Registry;

use crate::{
    behaviour::{Node, NodeEvent},
    common::member::MemberEvent,
};

/// The numbers of the discovery, and libp2p's own of the swarm.
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    libp2p: Libp2p,
}

impl Metrics {
    pub(crate) fn new(swarm: &mut Swarm<Node>) -> Self {
        let mut registry = Registry::default();
        let numbers = registry.sub_registry_with_prefix("libp2p_dns_discovery");
        swarm.behaviour_mut().member.discovery.register_metrics(numbers);
        let libp2p = Libp2p::new(&mut registry);
        Self { registry: Arc::new(registry), libp2p }
    }

    /// What tells the numbers, in whatever task.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// To be called after each event.
    pub(crate) fn record(&self, event: &SwarmEvent<NodeEvent>) {
        // These have a label for each kind of address that a remote makes up.
        if !matches!(event, SwarmEvent::NewExternalAddrCandidate { .. }) {
            self.libp2p.record(event);
        }
        if let SwarmEvent::Behaviour(NodeEvent::Member(event)) = event {
            match event {
                MemberEvent::Kad(event) => self.libp2p.record(event),
                MemberEvent::Ping(event) => self.libp2p.record(event),
                // What a remote says of itself is no label.
                MemberEvent::Identify(_) | MemberEvent::Discovery(_) => {}
            }
        }
    }
}
