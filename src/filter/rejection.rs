//! Why a candidate is not dialled: [`Rejection`].

use ipnet::IpNet;

use super::kind::TransportKind;

/// Why a candidate is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// `0.0.0.0/8` or `::` is no destination.
    #[error("an unspecified address is never dialled")]
    Unspecified,
    /// A group is not a peer.
    #[error("a multicast address is never dialled")]
    Multicast,
    /// Everybody is not a peer.
    #[error("a broadcast address is never dialled")]
    Broadcast,
    /// This machine.
    #[error("a loopback address was named by DNS; allow it with `Filter::with_loopback`")]
    Loopback,
    /// The link, where clouds have their metadata services.
    #[error("a link-local address was named by DNS; allow it with `Filter::with_link_local`")]
    LinkLocal,
    /// A network that the configuration denies.
    #[error("the network {0} is denied by `Filter::with_denied_networks`")]
    DeniedNetwork(IpNet),
    /// No network that the configuration allows.
    #[error("no network of `Filter::with_allowed_networks` contains it")]
    NotInAllowedNetworks,
    /// A transport that is not allowed to DNS.
    #[error("DNS may not name the transport {0}; allow it with `Filter::with_transports`")]
    Transport(TransportKind),
    /// "Any port" is no destination.
    #[error("port 0 cannot be dialled")]
    PortZero,
    /// A name in the address would be looked up when it is dialled, past this filter.
    #[error("it contains a DNS name that was not resolved")]
    Name,
    /// Two peer ids without a relay between them.
    #[error("it names two peers without a relay (`/p2p-circuit`) between them")]
    TwoPeers,
    /// The source takes only addresses that are pinned to a peer.
    #[error(
        "its source takes only pinned addresses, and this one names no peer; publish it with \
         `/p2p/ID` at its end"
    )]
    Unpinned,
    /// A relayed address takes the ids of both the relay and the peer.
    #[error("a relayed address must be `…/p2p/RELAY/p2p-circuit/p2p/PEER`")]
    IncompleteRelay,
}
