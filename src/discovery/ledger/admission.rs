//! The check between a proof and the table: a peer that proved its identity must also be allowed to join, and
//! must speak the required protocol.

use libp2p_identity::PeerId;

use super::{connections::Connections, table::Table};
use crate::{candidate::Candidate, config::Config};

/// What is known of a peer that proved its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// It may enter the table.
    Member,
    /// It may not join.
    Refused,
    /// It does not speak what members speak.
    Stranger,
    /// It has not said yet what it speaks.
    Unknown,
}

/// Whether a peer may be entered for an address, by its identity.
pub(in crate::discovery) fn admits(config: &Config, peer: &PeerId, candidate: &Candidate) -> bool {
    config.admission.admits(peer, candidate.address())
}

/// What is known of a peer that proved its identity at a candidate.
pub(super) fn membership(
    peer: &PeerId,
    candidate: &Candidate,
    config: &Config,
    connections: &Connections,
    table: &Table,
) -> Membership {
    if !admits(config, peer, candidate) {
        return Membership::Refused;
    }
    match connections.speaks(peer) {
        _ if config.required_protocol.is_none() => Membership::Member,
        Some(true) => Membership::Member,
        Some(false) => Membership::Stranger,
        // It said so when it was entered.
        None if table.count_of(peer) > 0 => Membership::Member,
        None => Membership::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use libp2p_swarm::{ConnectionId, StreamProtocol};

    use super::{
        super::{connections::Connection, table::Meeting},
        *,
    };
    use crate::discovery::testing::epoch;
    use crate::event::Proved;

    fn candidate() -> Candidate {
        Candidate::new(&"/ip4/10.0.0.1/tcp/1".parse().expect("an address"))
    }

    fn required() -> Config {
        Config::new().with_required_protocol(StreamProtocol::new("/members/1"))
    }

    #[test]
    fn the_allow_list_goes_before_all_else() {
        let [listed, other] = [PeerId::random(), PeerId::random()];
        let config = Config::new().with_allowed_peers([listed]);
        let (connections, table) = (Connections::default(), Table::default());
        let of = |peer| membership(peer, &candidate(), &config, &connections, &table);
        assert_eq!(of(&listed), Membership::Member);
        assert_eq!(of(&other), Membership::Refused);
    }

    #[test]
    fn a_peer_is_a_member_once_it_speaks_the_required_protocol_and_while_it_has_an_entry() {
        let (peer, now, config) = (PeerId::random(), epoch(), required());
        let (mut connections, mut table) = (Connections::default(), Table::default());
        let id = ConnectionId::new_unchecked(1);
        connections.open(peer, id, Connection::new(candidate(), true, now));
        let of = |connections: &Connections, table: &Table| {
            membership(&peer, &candidate(), &config, connections, table)
        };
        assert_eq!(of(&connections, &table), Membership::Unknown);
        connections.note(&peer, id, false);
        assert_eq!(of(&connections, &table), Membership::Stranger);
        connections.note(&peer, id, true);
        assert_eq!(of(&connections, &table), Membership::Member);
        connections.close(&peer, id);
        assert_eq!(of(&connections, &table), Membership::Unknown);
        table.enter(&candidate(), peer, Proved::Probe, Meeting::Open, now, now);
        assert_eq!(of(&connections, &table), Membership::Member);
    }
}
