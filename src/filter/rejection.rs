//! Why a candidate is not dialled: [`Rejection`].

use ipnet::IpNet;

use super::kind::TransportKind;

/// Why a candidate is not dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The address is unspecified (`0.0.0.0/8` or `::`), which is no destination.
    #[error("an unspecified address is never dialled")]
    Unspecified,
    /// The address is a multicast address, which is no single peer.
    #[error("a multicast address is never dialled")]
    Multicast,
    /// The address is a broadcast address, which is no single peer.
    #[error("a broadcast address is never dialled")]
    Broadcast,
    /// DNS named an address of this machine.
    #[error("a loopback address was named by DNS; allow it with `Filter::with_loopback`")]
    Loopback,
    /// DNS named an address of the link, where clouds have their metadata services.
    #[error("a link-local address was named by DNS; allow it with `Filter::with_link_local`")]
    LinkLocal,
    /// The address is in a network that the configuration denies.
    #[error("the network {0} is denied by `Filter::with_denied_networks`")]
    DeniedNetwork(IpNet),
    /// The address is in no network that the configuration allows.
    #[error("no network of `Filter::with_allowed_networks` contains it")]
    NotInAllowedNetworks,
    /// DNS named an address with a transport that the configuration does not let DNS name.
    #[error("DNS may not name the transport {0}; allow it with `Filter::with_transports`")]
    Transport(TransportKind),
    /// The port is 0, which is no destination.
    #[error("port 0 cannot be dialled")]
    PortZero,
    /// The address contains a DNS name. The name would be looked up by the dial, and what it stands for
    /// would bypass the filter.
    #[error("it contains a DNS name that was not resolved")]
    Name,
    /// The address has two peer ids without a relay between them.
    #[error("it names two peers without a relay (`/p2p-circuit`) between them")]
    TwoPeers,
    /// The source accepts only addresses that are pinned to a peer, and this address is not pinned.
    #[error(
        "its source takes only pinned addresses, and this one names no peer; publish it with \
         `/p2p/ID` at its end"
    )]
    Unpinned,
    /// The address leads through a relay, and lacks the id of the relay or of the peer behind it.
    #[error("a relayed address must be `…/p2p/RELAY/p2p-circuit/p2p/PEER`")]
    IncompleteRelay,
}
