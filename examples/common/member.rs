//! A member of a Kademlia network that finds the others by DNS.

use std::{collections::BTreeSet, time::Duration};

use libp2p::{
    PeerId, StreamProtocol, identify,
    identity::Keypair,
    kad::{self, store::MemoryStore},
    ping,
    swarm::{NetworkBehaviour, SwarmEvent},
};
use libp2p_dns_discovery::{Behaviour, Config, Source, resolver::hickory::HickoryResolver};

/// How often what this node provides is told again.
const PROVIDE_AGAIN: Duration = Duration::from_secs(60);

/// Kademlia, identify and ping beside the discovery.
#[derive(NetworkBehaviour)]
pub(crate) struct Member {
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) discovery: Behaviour<HickoryResolver>,
}

impl Member {
    /// `network` is the Kademlia protocol: members of different networks ignore each other.
    pub(crate) fn new(
        key: &Keypair,
        network: StreamProtocol,
        resolver: HickoryResolver,
        config: Config,
        sources: impl IntoIterator<Item = Source>,
    ) -> Self {
        let peer = key.public().to_peer_id();
        let mut kad_config = kad::Config::new(network);
        // By default twelve hours: whoever has a record is gone by then, where pods are replaced.
        kad_config.set_provider_publication_interval(Some(PROVIDE_AGAIN));
        let mut kad = kad::Behaviour::with_config(peer, MemoryStore::new(peer), kad_config);
        // Members of a deployment reach each other, so that nobody has to find that out first.
        kad.set_mode(Some(kad::Mode::Server));
        let version = "/dns-discovery/1.0.0".to_owned();
        Self {
            kad,
            identify: identify::Behaviour::new(identify::Config::new(version, key.public())),
            ping: ping::Behaviour::default(),
            discovery: Behaviour::with_sources(resolver, config, peer, sources),
        }
    }

    /// Keeps the routing table true to what the discovery verifies. To be called with every event.
    pub(crate) fn follow(&mut self, event: &SwarmEvent<MemberEvent>) {
        if let SwarmEvent::Behaviour(event) = event {
            self.learn(event);
        }
    }

    /// The same, with what its behaviours tell.
    pub(crate) fn learn(&mut self, event: &MemberEvent) {
        if let MemberEvent::Discovery(event) = event {
            libp2p_dns_discovery::kad::update(&mut self.kad, &self.discovery, event);
        }
    }

    /// How many peers are in the routing table.
    pub(crate) fn known(&mut self) -> usize {
        self.kad.kbuckets().map(|bucket| bucket.num_entries()).sum()
    }

    /// The peers in the routing table.
    pub(crate) fn routing_table(&mut self) -> BTreeSet<PeerId> {
        let mut peers = BTreeSet::new();
        for bucket in self.kad.kbuckets() {
            peers.extend(bucket.iter().map(|entry| *entry.node.key.preimage()));
        }
        peers
    }
}
