//! Which connections are kept alive: [`KeptAlive`].

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use libp2p_identity::PeerId;
use libp2p_swarm::{ConnectionId, NotifyHandler, ToSwarm};
use web_time::Instant;

use crate::{discovery::Discovery, event::Event, handler::ToHandler};

/// A connection that has lasted for this long is taken to be kept alive by both sides: swarms close an idle
/// connection after 10 s by default. If a remote's idle time-out is longer than this, the mistake causes no
/// more dials than re-verifications do.
const KEPT_BY_BOTH: Duration = Duration::from_secs(60);

/// The established connections, with what their handlers were last told: whether to keep the connection
/// alive. Empty if the option is off.
#[derive(Debug)]
pub(super) struct KeptAlive {
    is_on: bool,
    /// The connections of each peer.
    connections: HashMap<PeerId, HashMap<ConnectionId, Kept>>,
    /// The peers that opened a connection, or to which one was opened, since the last update.
    opened: HashSet<PeerId>,
    commands: Vec<(PeerId, ConnectionId, bool)>,
}

/// A connection whose handler is told whether to keep it alive.
#[derive(Debug)]
struct Kept {
    accepted: bool,
    kept: bool,
    since: Instant,
}

impl KeptAlive {
    /// `is_on` is the [option of the configuration](crate::Config::with_keep_alive). If it is off, no handler
    /// is told anything.
    pub(super) fn new(is_on: bool) -> Self {
        let (connections, opened, commands) = Default::default();
        Self { is_on, connections, opened, commands }
    }

    pub(super) fn opened(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        accepted: bool,
        now: Instant,
    ) {
        if self.is_on {
            let kept = Kept { accepted, kept: false, since: now };
            self.connections.entry(peer).or_default().insert(connection, kept);
            self.opened.insert(peer);
        }
    }

    /// Forgets a connection that closed. Returns whether both sides kept it alive, as far as can be told. Then
    /// it did not close for idleness.
    pub(super) fn closed(&mut self, connection: ConnectionId, peer: &PeerId, now: Instant) -> bool {
        let Some(of_peer) = self.connections.get_mut(peer) else { return false };
        let closed = of_peer.remove(&connection);
        if of_peer.is_empty() {
            self.connections.remove(peer);
            self.opened.remove(peer);
        }
        closed.is_some_and(|c| c.kept && c.since + KEPT_BY_BOTH <= now)
    }

    /// Finds the connections whose handlers must be told to keep them alive, or no longer to do so. Only two
    /// kinds of connections are looked at: those that were opened since the last update, and those to peers
    /// whose entries or places have changed. Returns whether there are any commands for handlers.
    pub(super) fn update(&mut self, core: &mut Discovery) -> bool {
        self.opened.extend(core.take_regarded());
        for peer in self.opened.drain() {
            for (id, connection) in self.connections.get_mut(&peer).into_iter().flatten() {
                #[cfg(test)]
                crate::testing::look();
                // A connection is kept while the side that dialled has selected the other one. A peer that was
                // only met for the island repair is not selected, and its connection may close.
                let keep = match connection.accepted {
                    true => core.addresses_of(&peer).next().is_some(),
                    false => core.is_selected(&peer),
                };
                if keep != connection.kept {
                    connection.kept = keep;
                    self.commands.push((peer, *id, keep));
                }
            }
        }
        !self.commands.is_empty()
    }

    /// The command for the next handler.
    pub(super) fn poll(&mut self) -> Option<ToSwarm<Event, ToHandler>> {
        let (peer_id, id, keep) = self.commands.pop()?;
        let handler = NotifyHandler::One(id);
        Some(ToSwarm::NotifyHandler { peer_id, handler, event: ToHandler::KeepAlive(keep) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        discovery::{DialFailure, Direction, Output},
        shell::now,
        testing::looks,
    };

    #[test]
    fn a_connection_is_kept_by_both_that_outlasts_every_idle_time_out() {
        let (mut kept_alive, now) = (KeptAlive::new(true), now());
        let mut closed = |kept: bool, lasted| {
            let (id, peer) = (ConnectionId::new_unchecked(1), PeerId::random());
            kept_alive.opened(id, peer, false, now);
            let of_peer = kept_alive.connections.get_mut(&peer).expect("it is open");
            of_peer.get_mut(&id).expect("it is open").kept = kept;
            kept_alive.closed(id, &peer, now + Duration::from_secs(lasted))
        };
        assert!(closed(true, 60) && !closed(false, 60));
        assert!(!closed(true, 59), "the remote may have let it go");
    }

    /// Fails if each poll looks at all connections.
    #[test]
    fn a_poll_looks_at_no_connection_of_which_nothing_has_changed() {
        let (local, now) = (PeerId::random(), now());
        let mut core = Discovery::new(Config::new().with_keep_alive(true), local, 1, now);
        let mut kept_alive = KeptAlive::new(true);
        for n in 0..1_000 {
            kept_alive.opened(ConnectionId::new_unchecked(n), PeerId::random(), n % 2 == 0, now);
        }
        assert!(looks(|| assert!(!kept_alive.update(&mut core))) >= 1_000);
        assert_eq!(looks(|| assert!(!kept_alive.update(&mut core))), 0);
    }

    /// A peer is entered, selected, and replaced while it is connected by both sides.
    #[test]
    fn a_peer_that_is_entered_or_replaced_later_is_followed() {
        let (local, now, [peer, other]) =
            (PeerId::random(), now(), [(); 2].map(|()| PeerId::random()));
        let mut core = Discovery::new(Config::new().with_keep_alive(true), local, 1, now);
        let address = "/ip4/10.0.0.1/tcp/1".parse().expect("an address");
        core.add_source("/ip4/10.0.0.1/tcp/1".parse().expect("a source"), now);
        let mut kept_alive = KeptAlive::new(true);
        let elsewhere = "/ip4/192.168.0.1/tcp/1".parse().expect("an address");
        for (n, direction) in [(1, Direction::Accepted), (2, Direction::Dialled(None))] {
            let (id, accepted) = (ConnectionId::new_unchecked(n), direction == Direction::Accepted);
            core.handle_connected(id, peer, &elsewhere, direction, now);
            kept_alive.opened(id, peer, accepted, now);
        }
        // Every dial meets the same peer.
        let mut told = |core: &mut Discovery, met: PeerId| {
            while let Some(output) = core.poll_output(now) {
                if let Output::Dial { id, .. } = output {
                    core.handle_dial_failure(id, DialFailure::Identity(met), now);
                }
            }
            kept_alive.update(core);
            let told = kept_alive.commands.drain(..).map(|(_, _, keep)| keep);
            told.collect::<Vec<_>>()
        };
        assert_eq!(told(&mut core, peer), [true, true]);
        assert_eq!(told(&mut core, peer), []);
        core.handle_observed(&address, other, now);
        assert_eq!(told(&mut core, other), [false, false]);
    }
}
