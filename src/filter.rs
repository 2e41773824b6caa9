//! Which candidates may be dialled: [`Filter`].

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;
use libp2p_core::multiaddr::Protocol;

use crate::candidate::Candidate;

mod ip;
mod kind;
#[cfg(test)]
mod tests;

pub(crate) use self::ip::embedded_v4;
pub use self::kind::TransportKind;

/// Which addresses may be dialled.
///
/// Whoever writes the records decides what this node connects to; the filter keeps that within
/// bounds. It sees canonical addresses, so that no other spelling passes.
///
/// | Address | Named by DNS | Written as a static source |
/// |---|---|---|
/// | unspecified (`0.0.0.0/8`, `::`), multicast, broadcast (`255.255.255.255`) | never | never |
/// | port 0, two peer ids, a relay without its id or the peer's, a name left in it | never | never |
/// | outside the allowed, or inside the denied networks | no | no |
/// | loopback (`127.0.0.0/8`, `::1`) | with [`with_loopback`](Self::with_loopback) | yes |
/// | link-local (`169.254.0.0/16`, `fe80::/10`) | with [`with_link_local`](Self::with_link_local) | yes |
/// | by a transport that is not allowed | no | yes |
///
/// An IPv6 address that carries an IPv4 address to which a gateway may translate it is judged as
/// both: IPv4-compatible (`::a.b.c.d`), IPv4-translated (`::ffff:0:a.b.c.d`, [RFC 2765]), NAT64
/// (`64:ff9b::/96`, [RFC 6052]) and 6to4 (`2002::/16`, [RFC 3056]).
///
/// The metadata services of most clouds are at the link-local `169.254.169.254`. Where there are
/// others, such as `fd00:ec2::254`, deny them with [`with_denied_networks`](Self::with_denied_networks).
///
/// [RFC 2765]: https://www.rfc-editor.org/rfc/rfc2765#section-2.1
/// [RFC 3056]: https://www.rfc-editor.org/rfc/rfc3056#section-2
/// [RFC 6052]: https://www.rfc-editor.org/rfc/rfc6052#section-2
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    loopback: bool,
    link_local: bool,
    transports: BTreeSet<TransportKind>,
    /// `None`: all.
    allowed: Option<Vec<IpNet>>,
    denied: Vec<IpNet>,
}

impl Default for Filter {
    /// No loopback, no link-local, all networks, and the transports of
    /// [`TransportKind::DEFAULT`].
    fn default() -> Self {
        Self {
            loopback: false,
            link_local: false,
            transports: TransportKind::DEFAULT.into(),
            allowed: None,
            denied: Vec::new(),
        }
    }
}

impl Filter {
    /// Whether DNS may name loopback addresses. Default: no, because behind one there is only this
    /// machine, with services that trust whoever connects from it.
    #[must_use]
    pub fn with_loopback(mut self, allow: bool) -> Self {
        self.loopback = allow;
        self
    }

    /// Whether DNS may name link-local addresses. Default: no, because clouds have their metadata
    /// services there.
    #[must_use]
    pub fn with_link_local(mut self, allow: bool) -> Self {
        self.link_local = allow;
        self
    }

    /// Replaces the transports that DNS may name. Default: [`TransportKind::DEFAULT`].
    #[must_use]
    pub fn with_transports(mut self, allow: impl IntoIterator<Item = TransportKind>) -> Self {
        self.transports = allow.into_iter().collect();
        self
    }

    /// Whether DNS may name `/memory` addresses, as tests do with `dnsaddr` records. Default: no.
    #[must_use]
    pub fn with_memory(mut self, allow: bool) -> Self {
        if allow {
            self.transports.insert(TransportKind::Memory);
        } else {
            self.transports.remove(&TransportKind::Memory);
        }
        self
    }

    /// Refuses every IP address outside these networks, in static sources too. An address that has
    /// no IP address, such as `/memory/7`, is not concerned; a relayed one is judged by its relay's.
    /// Default: all are allowed.
    #[must_use]
    pub fn with_allowed_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed = Some(networks.into_iter().collect());
        self
    }

    /// Refuses every IP address inside these networks, in static sources too, and even inside an
    /// allowed network. Default: none.
    #[must_use]
    pub fn with_denied_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.denied = networks.into_iter().collect();
        self
    }

    /// Judges a candidate that DNS named, or one that the operator wrote.
    pub(crate) fn check(&self, candidate: &Candidate, named_by_dns: bool) -> Result<(), Rejection> {
        kind::well_formed(candidate)?;
        // Every IP address in it, wherever it stands: transports read addresses from the end.
        for ip in candidate.address().iter().filter_map(ip_in) {
            self.check_ip(ip, named_by_dns)?;
        }
        if named_by_dns {
            for kind in TransportKind::of(candidate.address()) {
                if !self.transports.contains(&kind) {
                    return Err(Rejection::Transport(kind));
                }
            }
        }
        Ok(())
    }

    fn check_ip(&self, ip: IpAddr, named_by_dns: bool) -> Result<(), Rejection> {
        let meant = [Some(ip), ip::embedded_v4(ip).map(IpAddr::V4)];
        for ip in meant.into_iter().flatten() {
            match ip::scope(ip) {
                ip::Scope::Unspecified => return Err(Rejection::Unspecified),
                ip::Scope::Multicast => return Err(Rejection::Multicast),
                ip::Scope::Broadcast => return Err(Rejection::Broadcast),
                ip::Scope::Loopback if named_by_dns && !self.loopback => {
                    return Err(Rejection::Loopback);
                }
                ip::Scope::LinkLocal if named_by_dns && !self.link_local => {
                    return Err(Rejection::LinkLocal);
                }
                ip::Scope::Loopback | ip::Scope::LinkLocal | ip::Scope::Other => {}
            }
            if let Some(network) = self.denied.iter().find(|network| contains(network, ip)) {
                return Err(Rejection::DeniedNetwork(*network));
            }
        }
        match &self.allowed {
            Some(allowed) if !allowed.iter().any(|network| contains(network, ip)) => {
                Err(Rejection::NotInAllowedNetworks)
            }
            _ => Ok(()),
        }
    }
}

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

fn ip_in(part: Protocol<'_>) -> Option<IpAddr> {
    match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

/// Whether the network, which may be written as an IPv4-mapped one, contains the canonical address.
fn contains(network: &IpNet, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpNet::V6(network), IpAddr::V4(ip)) => network.contains(&ip.to_ipv6_mapped()),
        (network, ip) => network.contains(&ip),
    }
}
