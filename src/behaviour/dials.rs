//! The dials under way: [`Dials`].

use std::collections::HashMap;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::{
    ConnectionId,
    dial_opts::{DialOpts, PeerCondition},
};

use crate::discovery::{DialId, Expect};

/// The dials of the core that are under way in the swarm, by their connection ids: the core's id of each,
/// and the throw-away peer id if the dial is a probe.
#[derive(Debug, Default)]
pub(super) struct Dials(HashMap<ConnectionId, (DialId, Option<PeerId>)>);

impl Dials {
    /// Makes the dial for the swarm. Each dial leaves from a new local port. Two nodes that select each
    /// other dial each other at the same time. If both dials left from the ports on which the nodes listen
    /// (libp2p's default), they would share one four-tuple of addresses and ports, and both would fail.
    pub(super) fn start(&mut self, id: DialId, address: Multiaddr, expect: Expect) -> DialOpts {
        let (opts, probe) = match expect {
            Expect::Probe => {
                // Each probe has its own id. The swarm would refuse a second dial to the same id while
                // the first one is under way.
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

    /// Forgets a dial that has ended, and returns the core's id of it; `None` if the core did not ask for
    /// this dial.
    pub(super) fn end(&mut self, connection: ConnectionId) -> Option<DialId> {
        self.0.remove(&connection).map(|(id, _)| id)
    }

    pub(super) fn contains(&self, connection: ConnectionId) -> bool {
        self.0.contains_key(&connection)
    }

    /// The throw-away peer id of a probe under way. The swarm aborts the probe by this id.
    pub(super) fn probe_id(&self, id: DialId) -> Option<PeerId> {
        self.0.values().find(|(dial, _)| *dial == id).and_then(|(_, probe)| *probe)
    }
}

fn to_peer(peer: PeerId, condition: PeerCondition, address: Multiaddr) -> DialOpts {
    let opts = DialOpts::peer_id(peer).condition(condition).allocate_new_port();
    opts.addresses(vec![address]).build()
}
