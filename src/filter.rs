//! Which addresses may be dialled: [`Filter`].

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use libp2p_core::multiaddr::Protocol;

use crate::candidate::{Candidate, Rest};

mod ip;
mod kind;
mod rejection;
#[cfg(test)]
mod tests;

pub(crate) use self::ip::{embedded_v4, spellings};
pub use self::{kind::TransportKind, rejection::Rejection};

/// Which addresses may be dialled.
///
/// Without a filter, the person who writes the DNS records could make this node dial any address. The
/// filter says which addresses the node may dial. It brings each address into its canonical form (see
/// [`Candidate`]) before it judges the address, so the same rule applies to every
/// spelling: `/ip6/::ffff:127.0.0.1/tcp/1` is rejected as `/ip4/127.0.0.1/tcp/1` is.
///
/// The two columns on the right say whether an address may be dialled. A *static source* is an address that
/// the operator wrote.
///
/// | Address | Named by DNS | Written as a static source |
/// |---|---|---|
/// | unspecified (`0.0.0.0/8`, `::`), multicast, broadcast (`255.255.255.255`) | never | never |
/// | port 0, two peer ids, a relay without its id or the peer's, a name that is still to be looked up | never | never |
/// | outside the [allowed](Self::with_allowed_networks), or inside the [denied](Self::with_denied_networks) networks | no | no |
/// | loopback (`127.0.0.0/8`, `::1`) | with [`with_loopback`](Self::with_loopback) | yes |
/// | link-local (`169.254.0.0/16`, `fe80::/10`) | with [`with_link_local`](Self::with_link_local) | yes |
/// | with a transport that is not in [`with_transports`](Self::with_transports) | no | yes |
///
/// A gateway may translate some IPv6 addresses to IPv4: IPv4-compatible (`::a.b.c.d`), IPv4-translated
/// (`::ffff:0:a.b.c.d`, [RFC 2765]), NAT64 (`64:ff9b::/96`, [RFC 6052]) and 6to4 (`2002::/16`, [RFC 3056])
/// ones. Such an address has to pass as both addresses; but where networks are allowed, it is enough that one
/// of them contains the IPv6 address.
///
/// The metadata services of most clouds are at the link-local `169.254.169.254`. If your cloud has a
/// service at another address, such as `fd00:ec2::254`, deny that address with
/// [`with_denied_networks`](Self::with_denied_networks).
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
    /// DNS may name no loopback and no link-local addresses. All networks are allowed, and the transports of
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
    /// Sets whether DNS may name loopback addresses. Default: no, because a loopback address leads
    /// to services on this machine, which may trust local clients.
    #[must_use]
    pub fn with_loopback(mut self, allow: bool) -> Self {
        self.loopback = allow;
        self
    }

    /// Sets whether DNS may name link-local addresses. Default: no, because clouds have their
    /// metadata services at link-local addresses.
    #[must_use]
    pub fn with_link_local(mut self, allow: bool) -> Self {
        self.link_local = allow;
        self
    }

    /// Sets the transports that DNS may name, in place of those set before. Default:
    /// [`TransportKind::DEFAULT`].
    #[must_use]
    pub fn with_transports(mut self, allow: impl IntoIterator<Item = TransportKind>) -> Self {
        self.transports = allow.into_iter().collect();
        self
    }

    /// Sets whether DNS may name `/memory` addresses, as tests do with `dnsaddr` records. Default:
    /// no.
    #[must_use]
    pub fn with_memory(mut self, allow: bool) -> Self {
        if allow {
            self.transports.insert(TransportKind::Memory);
        } else {
            self.transports.remove(&TransportKind::Memory);
        }
        self
    }

    /// Sets the only networks whose IP addresses may be dialled, also in static sources. An address that
    /// contains no IP address, such as `/memory/7`, is not affected. A relayed address is judged by the IP
    /// address of its relay. Default: all networks.
    #[must_use]
    pub fn with_allowed_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed = Some(networks.into_iter().collect());
        self
    }

    /// Sets networks whose IP addresses are never dialled, also in static sources, and also if an
    /// [allowed](Self::with_allowed_networks) network contains them. Default: none.
    #[must_use]
    pub fn with_denied_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.denied = networks.into_iter().collect();
        self
    }

    /// Judges candidates: as addresses that DNS named, or as addresses that the operator wrote.
    pub(crate) fn judging(&self, named_by_dns: bool) -> Judging<'_> {
        Judging { filter: self, named_by_dns, demands_pins: false, last: None }
    }

    /// Judges a candidate. If its IP address and its [rest](Candidate::rest) are kept apart, only the rest is
    /// judged.
    fn check_rest(&self, candidate: &Candidate, named_by_dns: bool) -> Result<(), Rejection> {
        // An IP address may stand anywhere in an address: transports read addresses from the end.
        let skipped = usize::from(candidate.rest().is_some());
        for ip in candidate.address().iter().skip(skipped).filter_map(ip_in) {
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

type Verdict = Result<(), Rejection>;

/// Judges candidates one after another. Successive candidates often have the same transport and port after
/// their IP addresses: this rest is then judged once.
#[derive(Debug)]
pub(crate) struct Judging<'a> {
    filter: &'a Filter,
    named_by_dns: bool,
    demands_pins: bool,
    last: Option<(Arc<Rest>, [Verdict; 2])>,
}

impl Judging<'_> {
    /// The same, and rejects candidates without a pin if `demands_pins` is true.
    pub(crate) fn demanding_pins(self, demands_pins: bool) -> Self {
        Self { demands_pins, ..self }
    }

    pub(crate) fn check(&mut self, candidate: &Candidate) -> Result<(), Rejection> {
        if self.demands_pins && candidate.pinned().is_none() {
            return Err(Rejection::Unpinned);
        }
        let (Some(ip), Some(rest)) = (candidate.ip(), candidate.rest()) else {
            well_formed(candidate)?;
            return self.filter.check_rest(candidate, self.named_by_dns);
        };
        if !self.last.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, rest)) {
            let checked = self.filter.check_rest(candidate, self.named_by_dns);
            self.last = Some((rest.clone(), [well_formed(candidate), checked]));
        }
        let of_rest = self.last.as_ref().map_or(&[Ok(()), Ok(())], |(_, of_rest)| of_rest);
        of_rest[0].clone()?;
        self.filter.check_ip(ip, self.named_by_dns)?;
        of_rest[1].clone()
    }
}

/// Rejects an address that no transport could dial as it is meant.
fn well_formed(candidate: &Candidate) -> Result<(), Rejection> {
    let mut parts = candidate.address().iter().peekable();
    let mut relay = None;
    while let Some(part) = parts.next() {
        match part {
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_) => {
                return Err(Rejection::Name);
            }
            Protocol::Tcp(0) | Protocol::Udp(0) | Protocol::Memory(0) => {
                return Err(Rejection::PortZero);
            }
            Protocol::P2p(_) if parts.peek() != Some(&Protocol::P2pCircuit) => {
                return Err(Rejection::TwoPeers);
            }
            Protocol::P2pCircuit
                if candidate.pinned().is_none() || !matches!(relay, Some(Protocol::P2p(_))) =>
            {
                return Err(Rejection::IncompleteRelay);
            }
            _ => {}
        }
        relay = Some(part);
    }
    Ok(())
}

fn ip_in(part: Protocol<'_>) -> Option<IpAddr> {
    match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

/// Whether a network contains a canonical address. The network may be written as an IPv4-mapped one.
fn contains(network: &IpNet, ip: IpAddr) -> bool {
    match (network, ip) {
        (IpNet::V6(network), IpAddr::V4(ip)) => network.contains(&ip.to_ipv6_mapped()),
        (network, ip) => network.contains(&ip),
    }
}
