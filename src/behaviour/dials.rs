//! The dials under way: [`Dials`].

use std::collections::HashMap;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::{
    ConnectionId,
    dial_opts::{DialOpts, PeerCondition},
};

use crate::discovery::{DialId, Expect};

/// The dials under way: which of the core's they are, and the throw-away id of a probe.
#[derive(Debug, Default)]
pub(super) struct Dials(HashMap<ConnectionId, (DialId, Option<PeerId>)>);

impl Dials {
    /// Every dial takes a port of its own: nodes that select each other dial at the same time, and
    /// with the listening ports reused, both dials would share one four-tuple and fail.
    pub(super) fn start(&mut self, id: DialId, address: Multiaddr, expect: Expect) -> DialOpts {
        let (opts, probe) = match expect {
            Expect::Probe => {
                // Each probe has an id of its own, or a second one to the same id would be held
                // back as long as the first one is under way.
                let peer = PeerId::random();
                (to_peer(peer, PeerCondition::Always, address), Some(peer))
            }
            Expect::Peer(peer) => {
                (to_peer(peer, PeerCondition::DisconnectedAndNotDialing, address), None)
            }
            Expect::Again(peer) => (to_peer(peer, PeerCondition::Always, address), None),
            Expect::Anyone => {
                let opts = DialOpts::unknown_peer_id().address(address);
                (opts.allocate_new_port().build(), None)
            }
        };
        self.0.insert(opts.connection_id(), (id, probe));
        opts
    }

    /// Which of the core's dials this was; `None` if the dial was not the core's.
    pub(super) fn end(&mut self, connection: ConnectionId) -> Option<DialId> {
        self.0.remove(&connection).map(|(id, _)| id)
    }

    pub(super) fn contains(&self, connection: ConnectionId) -> bool {
        self.0.contains_key(&connection)
    }

    /// The throw-away id of a probe under way, by which the swarm aborts it.
    pub(super) fn probe_id(&self, id: DialId) -> Option<PeerId> {
        self.0.values().find(|(dial, _)| *dial == id).and_then(|(_, probe)| *probe)
    }
}

fn to_peer(peer: PeerId, condition: PeerCondition, address: Multiaddr) -> DialOpts {
    let opts = DialOpts::peer_id(peer).condition(condition).allocate_new_port();
    opts.addresses(vec![address]).build()
}
