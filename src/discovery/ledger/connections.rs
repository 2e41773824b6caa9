//! The swarm's connections, as far as they show which peer lives at which address.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    net::IpAddr,
    ops::RangeInclusive,
    time::Duration,
};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use crate::candidate::Candidate;

/// If a connection breaks sooner than this, its peer is not verified early. Otherwise a peer that closes every
/// connection at once would be dialled without end.
const SHORT_LIVED: Duration = Duration::from_secs(10);

/// How many connections to one peer are asked at the same time whether it is there: the newest ones, since
/// a remote may open any number.
const ASKED: usize = 4;

/// A connection of the swarm, in either direction.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// The remote's address; its port means nothing if it dialled us.
    remote: Candidate,
    dialled: bool,
    /// Whether the remote speaks the required protocol, once it has said so.
    speaks: Option<bool>,
    since: Instant,
    /// When the remote was last asked for a reply, unless it has given one.
    asked: Option<Instant>,
    /// Whether the remote is silent: it proves nothing until it replies.
    is_silent: bool,
}

impl Connection {
    pub(super) fn new(remote: Candidate, dialled: bool, since: Instant) -> Self {
        Self { remote, dialled, speaks: None, since, asked: None, is_silent: false }
    }

    /// Whether the connection has lasted for so long that its end tells something of its peer.
    pub(super) fn is_long_lived(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= SHORT_LIVED
    }

    /// Whether this node opened the connection by a dial to the candidate.
    fn was_dialled_at(&self, candidate: &Candidate) -> bool {
        self.dialled && candidate.is_same_place(&self.remote)
    }

    /// Whether the connection shows that its remote lives at the candidate: the remote was dialled there, or
    /// the connection leads to the same host. If several peers live at the host (`is_crowded`), it must lead
    /// to the same port.
    pub(super) fn is_at(&self, candidate: &Candidate, is_crowded: bool) -> bool {
        let is_at_port = || self.dialled && candidate.port() == self.remote.port();
        let is_at_host = || candidate.ip().is_some_and(|ip| self.remote.ip() == Some(ip));
        self.was_dialled_at(candidate) || ((!is_crowded || is_at_port()) && is_at_host())
    }
}

/// The connections of the swarm, by their peers.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// In one map: most peers have one connection, which would need a map of its own.
    all: BTreeMap<(PeerId, ConnectionId), Connection>,
    /// How many lead to each host.
    hosts: HashMap<Host, usize>,
}

/// A host: its IP address, or the whole address where that has none.
type Host = Result<IpAddr, Multiaddr>;

fn host_of(candidate: &Candidate) -> Host {
    candidate.ip().ok_or_else(|| candidate.address().clone())
}

impl Connections {
    pub(super) fn open(&mut self, peer: PeerId, id: ConnectionId, connection: Connection) {
        *self.hosts.entry(host_of(&connection.remote)).or_default() += 1;
        self.all.insert((peer, id), connection);
    }

    /// Removes a connection; returns it, and whether it was the last one to its peer.
    pub(super) fn close(&mut self, peer: &PeerId, id: ConnectionId) -> Option<(Connection, bool)> {
        let connection = self.all.remove(&(*peer, id))?;
        if let Entry::Occupied(mut there) = self.hosts.entry(host_of(&connection.remote)) {
            *there.get_mut() -= 1;
            if *there.get() == 0 {
                there.remove();
            }
        }
        Some((connection, !self.is_connected(peer)))
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.of(peer).next().is_some()
    }

    /// Whether a connection is the only one to its peer.
    pub(super) fn is_only(&self, id: ConnectionId, peer: &PeerId) -> bool {
        let mut of_peer = self.all.range(of(peer)).map(|((_, id), _)| *id);
        of_peer.next() == Some(id) && of_peer.next().is_none()
    }

    /// Notes whether the remote of a connection speaks the required protocol. Says whether that is
    /// news.
    pub(super) fn note(&mut self, peer: &PeerId, id: ConnectionId, speaks: bool) -> bool {
        let connection = self.all.get_mut(&(*peer, id));
        connection.is_some_and(|c| c.speaks.replace(speaks) != Some(speaks))
    }

    /// Whether a connected peer speaks the required protocol, by what it said on any connection.
    pub(super) fn speaks(&self, peer: &PeerId) -> Option<bool> {
        self.of(peer).filter_map(|connection| connection.speaks).max()
    }

    /// Whether any connection leads to a candidate's host.
    pub(super) fn is_anybody_at(&self, candidate: &Candidate) -> bool {
        self.hosts.contains_key(&host_of(candidate))
    }

    /// Whether a connection that is not silent shows that a peer lives at a candidate. `is_crowded` says that
    /// several peers live at its host.
    pub(super) fn is_live_at(
        &self,
        peer: &PeerId,
        candidate: &Candidate,
        is_crowded: bool,
    ) -> bool {
        self.of(peer).any(|c| c.is_at(candidate, is_crowded) && !c.is_silent)
    }

    /// The peers that were dialled at any of these addresses, or whose connections lead to any of these
    /// hosts.
    pub(super) fn at_any_of(
        &self,
        addresses: &HashSet<&Multiaddr>,
        hosts: &HashSet<IpAddr>,
    ) -> Vec<PeerId> {
        let leads_there = |c: &Connection| {
            c.remote.ip().is_some_and(|ip| hosts.contains(&ip))
                || (c.dialled && addresses.contains(c.remote.address()))
        };
        let there = self.all.iter().filter(|(_, connection)| leads_there(connection));
        let mut peers: Vec<_> = there.map(|((peer, _), _)| *peer).collect();
        peers.dedup();
        peers
    }

    /// Whether a peer is connected, and not silent, that was dialled at a candidate.
    pub(super) fn is_dialled_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.of(peer).any(|c| c.was_dialled_at(candidate) && !c.is_silent)
    }

    /// Whether a connection leads to a candidate, silent or not.
    pub(super) fn leads_to(&self, peer: &PeerId, candidate: &Candidate, is_crowded: bool) -> bool {
        self.of(peer).any(|c| c.is_at(candidate, is_crowded))
    }

    /// Whether a peer is connected, and not silent.
    pub(super) fn is_live(&self, peer: &PeerId) -> bool {
        self.of(peer).any(|c| !c.is_silent)
    }

    /// The connections to a peer that are to be asked for a reply: the newest ones of those for which
    /// `concerns` is true. A connection that was asked already and has time left is left out, because its
    /// reply will answer this question, too.
    pub(super) fn ask(
        &mut self,
        peer: &PeerId,
        concerns: impl Fn(&Connection) -> bool,
        patience: Duration,
        now: Instant,
    ) -> Vec<ConnectionId> {
        let of_peer = self.all.range_mut(of(peer)).map(|((_, id), connection)| (*id, connection));
        let mut asked: Vec<_> = of_peer.filter(|(_, c)| concerns(c)).collect();
        asked.sort_unstable_by_key(|(id, c)| Reverse((c.since, *id)));
        asked.truncate(ASKED);
        asked.retain(|(_, c)| c.asked.is_none_or(|at| at + patience <= now));
        let ask = |(id, c): (ConnectionId, &mut Connection)| {
            c.asked = Some(now);
            id
        };
        asked.into_iter().map(ask).collect()
    }

    /// The remote of a connection has replied.
    pub(super) fn reply(&mut self, peer: &PeerId, id: ConnectionId) -> Option<&Connection> {
        let connection = self.all.get_mut(&(*peer, id))?;
        (connection.asked, connection.is_silent) = (None, false);
        Some(connection)
    }

    /// No reply has come on the connections to a peer for which `concerns` is true: they are silent from now
    /// on.
    pub(super) fn fall_silent(&mut self, peer: &PeerId, concerns: impl Fn(&Connection) -> bool) {
        let of_peer = self.all.range_mut(of(peer)).map(|(_, connection)| connection);
        of_peer.filter(|c| concerns(c)).for_each(|c| c.is_silent = true);
    }

    fn of(&self, peer: &PeerId) -> impl Iterator<Item = &Connection> {
        self.all.range(of(peer)).map(|(_, connection)| connection)
    }
}

/// The keys of all connections that a peer may have.
fn of(peer: &PeerId) -> RangeInclusive<(PeerId, ConnectionId)> {
    let [first, last] = [usize::MIN, usize::MAX].map(ConnectionId::new_unchecked);
    (*peer, first)..=(*peer, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::epoch;

    fn c(address: &str) -> Candidate {
        Candidate::new(&address.parse().expect("an address"))
    }

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn a_connection_shows_who_lives_at_its_host_whoever_opened_it() {
        let (mut connections, now) = (Connections::default(), epoch());
        let [one, other] = [PeerId::random(), PeerId::random()];
        let accepted = Connection::new(c("/ip4/10.0.0.1/tcp/55555"), false, now);
        connections.open(one, id(1), accepted);
        connections.open(other, id(2), Connection::new(c("/memory/7"), true, now));
        assert!(connections.is_live_at(&one, &c("/ip4/10.0.0.1/tcp/1"), false));
        assert!(!connections.is_live_at(&one, &c("/ip4/10.0.0.2/tcp/1"), false));
        assert!(connections.is_live_at(&other, &c("/memory/7"), false), "it was dialled there");
        assert!(!connections.is_live_at(&other, &c("/memory/8"), false));
    }

    #[test]
    fn at_a_host_of_several_peers_a_connection_shows_who_lives_at_the_port_that_was_dialled() {
        let (mut connections, now) = (Connections::default(), epoch());
        let [accepted, dialled] = [PeerId::random(), PeerId::random()];
        let (one, other) = (c("/ip4/10.0.0.1/tcp/1"), c("/ip4/10.0.0.1/tcp/2"));
        connections.open(accepted, id(1), Connection::new(one.clone(), false, now));
        connections.open(dialled, id(2), Connection::new(one.clone(), true, now));
        assert!(!connections.is_live_at(&accepted, &one, true), "the port is the remote's choice");
        assert!(connections.is_live_at(&dialled, &one, true));
        assert!(connections.is_live_at(&dialled, &c("/ip4/10.0.0.1/udp/1/quic-v1"), true));
        assert!(!connections.is_live_at(&dialled, &other, true));
        assert!(connections.is_dialled_at(&dialled, &one));
        assert!(!connections.is_dialled_at(&accepted, &one));
    }

    const PATIENCE: Duration = Duration::from_secs(10);

    /// So many connections to one peer, a second apart, and the instant after the last one.
    fn opened(n: usize) -> (Connections, PeerId, Instant) {
        let (mut connections, mut now, peer) = (Connections::default(), epoch(), PeerId::random());
        for n in 1..=n {
            connections.open(peer, id(n), Connection::new(c("/memory/7"), true, now));
            now += Duration::from_secs(1);
        }
        (connections, peer, now)
    }

    #[test]
    fn the_newest_of_a_thousand_connections_are_asked_and_none_again_before_its_time() {
        let (mut connections, peer, now) = opened(1_000);
        let mut ask = |now| connections.ask(&peer, |_| true, PATIENCE, now);
        assert_eq!(ask(now), [1_000, 999, 998, 997].map(id));
        assert!(ask(now + PATIENCE - Duration::from_millis(1)).is_empty());
        assert_eq!(ask(now + PATIENCE).len(), ASKED);
        assert!(connections.ask(&peer, |_| false, PATIENCE, now + 9 * PATIENCE).is_empty());
    }

    /// A peer that is silent on one connection lives by another; and it may have been slow.
    #[test]
    fn a_peer_that_is_silent_shows_nothing_until_it_replies() {
        let (mut connections, peer, now) = opened(2);
        let at = c("/memory/7");
        connections.ask(&peer, |_| true, PATIENCE, now);
        connections.fall_silent(&peer, |_| true);
        assert!(!connections.is_live_at(&peer, &at, false) && !connections.is_live(&peer));
        assert!(connections.leads_to(&peer, &at, false) && connections.is_connected(&peer));
        assert!(connections.reply(&peer, id(1)).is_some());
        assert!(connections.is_live_at(&peer, &at, false) && connections.is_live(&peer));
        assert!(connections.reply(&peer, id(9)).is_none(), "there is no such connection");
        assert_eq!(connections.ask(&peer, |_| true, PATIENCE, now), [id(1)], "the other has time");
    }

    #[test]
    fn the_last_connection_to_a_peer_is_told_from_the_others() {
        let (mut connections, now, peer) = (Connections::default(), epoch(), PeerId::random());
        for n in 1..=2 {
            connections.open(peer, id(n), Connection::new(c("/memory/7"), true, now));
        }
        assert!(!connections.is_only(id(1), &peer));
        assert!(matches!(connections.close(&peer, id(1)), Some((_, false))));
        assert!(connections.is_only(id(2), &peer) && !connections.is_only(id(1), &peer));
        assert!(connections.close(&peer, id(1)).is_none());
        assert!(matches!(connections.close(&peer, id(2)), Some((_, true))));
        assert!(!connections.is_connected(&peer));
    }

    #[test]
    fn what_a_peer_speaks_is_known_by_any_of_its_connections() {
        let (mut connections, now, peer) = (Connections::default(), epoch(), PeerId::random());
        for n in 1..=2 {
            connections.open(peer, id(n), Connection::new(c("/memory/7"), true, now));
        }
        assert_eq!(connections.speaks(&peer), None);
        assert!(connections.note(&peer, id(1), false) && !connections.note(&peer, id(1), false));
        assert_eq!(connections.speaks(&peer), Some(false));
        connections.note(&peer, id(2), true);
        assert_eq!(connections.speaks(&peer), Some(true));
    }

    #[test]
    fn a_connection_is_long_lived_after_ten_seconds() {
        let now = epoch();
        let connection = Connection::new(c("/memory/7"), true, now);
        assert!(!connection.is_long_lived(now + Duration::from_millis(9_999)));
        assert!(connection.is_long_lived(now + SHORT_LIVED));
    }
}
