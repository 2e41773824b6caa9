//! Which connections are kept alive: [`KeptAlive`].

use std::collections::HashMap;

use libp2p_identity::PeerId;
use libp2p_swarm::{ConnectionId, NotifyHandler, ToSwarm};

use crate::{discovery::Discovery, event::Event, handler::KeepAlive};

/// Established connections whose handlers are to be told whether to keep alive.
#[derive(Debug)]
pub(super) struct KeptAlive {
    is_on: bool,
    connections: HashMap<ConnectionId, Kept>,
    commands: Vec<(PeerId, ConnectionId, bool)>,
}

/// A connection whose handler is told whether to keep it alive.
#[derive(Debug)]
struct Kept {
    peer: PeerId,
    accepted: bool,
    kept: bool,
}

impl KeptAlive {
    /// Unless it is on, nobody is told anything.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, connections: HashMap::new(), commands: Vec::new() }
    }

    pub(super) fn opened(&mut self, connection: ConnectionId, peer: PeerId, accepted: bool) {
        if self.is_on {
            self.connections.insert(connection, Kept { peer, accepted, kept: false });
        }
    }

    /// Returns whether the connection was kept alive.
    pub(super) fn closed(&mut self, connection: ConnectionId) -> bool {
        self.connections.remove(&connection).is_some_and(|c| c.kept)
    }

    /// Finds the connections whose handlers are to be told that their peer is, or is no longer,
    /// worth keeping. Returns whether there are any.
    pub(super) fn update(&mut self, core: &Discovery) -> bool {
        for (id, connection) in &mut self.connections {
            // Whoever dialled has selected the other; a peer that was only met is let go.
            let keep = match connection.accepted {
                true => core.addresses_of(&connection.peer).next().is_some(),
                false => core.is_selected(&connection.peer),
            };
            if keep != connection.kept {
                connection.kept = keep;
                self.commands.push((connection.peer, *id, keep));
            }
        }
        !self.commands.is_empty()
    }

    /// What the next handler is to be told.
    pub(super) fn poll(&mut self) -> Option<ToSwarm<Event, KeepAlive>> {
        let (peer_id, id, keep) = self.commands.pop()?;
        let handler = NotifyHandler::One(id);
        Some(ToSwarm::NotifyHandler { peer_id, handler, event: KeepAlive(keep) })
    }
}
