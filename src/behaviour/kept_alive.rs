//! Which connections are kept alive: [`KeptAlive`].

use std::{collections::HashMap, time::Duration};

use libp2p_identity::PeerId;
use libp2p_swarm::{ConnectionId, NotifyHandler, ToSwarm};
use web_time::Instant;

use crate::{discovery::Discovery, event::Event, handler::KeepAlive};

/// A connection that has lasted for so long without a reason of the remote's to keep it is kept by both
/// sides: swarms close what is idle after 10 s by default, and whoever waits for longer costs no more
/// dials than verifications do.
const KEPT_BY_BOTH: Duration = Duration::from_secs(60);

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
    since: Instant,
}

impl KeptAlive {
    /// Unless it is on, nobody is told anything.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, connections: HashMap::new(), commands: Vec::new() }
    }

    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        accepted: bool,
        now: Instant,
    ) {
        if self.is_on {
            let kept = Kept { peer, accepted, kept: false, since: now };
            self.connections.insert(connection, kept);
        }
    }

    /// Returns whether both sides kept the connection alive, as far as can be told: it was not idle
    /// then.
    pub(super) fn closed(&mut self, connection: ConnectionId, now: Instant) -> bool {
        let closed = self.connections.remove(&connection);
        closed.is_some_and(|c| c.kept && c.since + KEPT_BY_BOTH <= now)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::now;

    #[test]
    fn a_connection_is_kept_by_both_that_outlasts_every_idle_time_out() {
        let (mut kept_alive, now) = (KeptAlive::new(true), now());
        let mut closed = |kept: bool, lasted| {
            let id = ConnectionId::new_unchecked(1);
            kept_alive.opened(id, PeerId::random(), false, now);
            kept_alive.connections.get_mut(&id).expect("it is open").kept = kept;
            kept_alive.closed(id, now + Duration::from_secs(lasted))
        };
        assert!(closed(true, 60) && !closed(false, 60));
        assert!(!closed(true, 59), "the remote may have let it go");
    }
}
