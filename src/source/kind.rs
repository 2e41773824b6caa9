//! The forms of a source, and how they are written: [`Kind`].

use std::{fmt, num::NonZeroU16};

use hickory_proto::rr::{Name, RecordType};
use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;

use super::{
    tail::{SrvPort, Tail},
    upper::is_srv_default,
};
use crate::candidate::Candidate;

/// The forms of a source, and of the entry of a `dnsaddr` record. All names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Host(Host),
    Dnsaddr(Dnsaddr),
    Srv(Srv),
    Static(Candidate),
}

/// Addresses of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) name: Name,
    pub(crate) families: Families,
    /// In order of preference. Not empty.
    pub(crate) tails: Vec<Tail<NonZeroU16>>,
    pub(crate) pin: Option<PeerId>,
}

/// TXT records of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Dnsaddr {
    /// With the label `_dnsaddr` in front.
    pub(crate) owner: Name,
    /// Only entries that end in this are meant. In canonical spelling; no name to look up.
    pub(crate) suffix: Multiaddr,
}

/// SRV records of one name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Srv {
    pub(crate) owner: Name,
    /// In order of preference. Not empty.
    pub(crate) tails: Vec<Tail<SrvPort>>,
    pub(crate) pin: Option<PeerId>,
}

impl Srv {
    /// The name of what offers the service: the owner without the labels of service and protocol in
    /// front (RFC 2782), absolute if the owner is. `None` where nothing is left.
    pub(crate) fn host(&self) -> Option<Name> {
        let labels = self.owner.iter().skip_while(|label| label.starts_with(b"_"));
        // Labels that made a name make a shorter one.
        let mut host = Name::from_labels(labels).ok().filter(|host| !host.is_root())?;
        host.set_fqdn(self.owner.is_fqdn());
        Some(host)
    }
}

impl Kind {
    /// Whether the entry of a `dnsaddr` record ends in this.
    pub(crate) fn ends_with(&self, suffix: &Multiaddr) -> bool {
        let suffix = Vec::from_iter(suffix);
        let ends = |address: &Multiaddr, pin: Option<PeerId>| {
            Vec::from_iter(address.iter().chain(pin.map(Protocol::P2p))).ends_with(&suffix)
        };
        match self {
            Self::Static(candidate) => ends(candidate.address(), candidate.pinned().copied()),
            Self::Host(host) => host.tails.iter().any(|tail| ends(&tail.unnamed(), host.pin)),
            Self::Dnsaddr(dnsaddr) => ends(&dnsaddr.suffix, None),
            // Not a form that an entry can have.
            Self::Srv(_) => false,
        }
    }
}

/// Which address records are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Families {
    Both,
    V4,
    V6,
}

impl Families {
    pub(crate) fn record_types(self) -> &'static [RecordType] {
        match self {
            Self::Both => &[RecordType::A, RecordType::AAAA],
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::AAAA],
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Self::Both => "dns",
            Self::V4 => "dns4",
            Self::V6 => "dns6",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => {
                write!(f, "/{}/{}", host.families.tag(), host.name.to_ascii())?;
                write_tails(f, &host.tails, |port| port.get())?;
                write_peer(f, host.pin)
            }
            Self::Dnsaddr(dnsaddr) => {
                let owner = dnsaddr.owner.to_ascii();
                write!(f, "/dnsaddr/{}", owner.strip_prefix("_dnsaddr.").unwrap_or(&owner))?;
                Printed(&dnsaddr.suffix).fmt(f)
            }
            Self::Srv(srv) => {
                write!(f, "srv:{}", srv.owner.to_ascii())?;
                if !is_srv_default(&srv.owner, &srv.tails) {
                    write_tails(f, &srv.tails, |port| port.map_or(0, NonZeroU16::get))?;
                }
                write_peer(f, srv.pin)
            }
            Self::Static(candidate) => {
                Printed(candidate.address()).fmt(f)?;
                write_peer(f, candidate.pinned().copied())
            }
        }
    }
}

fn write_tails<P: Copy>(
    f: &mut fmt::Formatter<'_>,
    tails: &[Tail<P>],
    port: impl Fn(P) -> u16,
) -> fmt::Result {
    for (i, tail) in tails.iter().enumerate() {
        let separator = if i == 0 { "" } else { "|" };
        write!(f, "{separator}{}{}", tail.layer.port(port(tail.port)), Printed(&tail.upper))?;
    }
    Ok(())
}

fn write_peer(f: &mut fmt::Formatter<'_>, peer: Option<PeerId>) -> fmt::Result {
    match peer {
        Some(peer) => write!(f, "{}", Protocol::P2p(peer)),
        None => Ok(()),
    }
}

/// An address in which `|` is the separator of transports only.
pub(super) struct Printed<'a>(pub(super) &'a Multiaddr);

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            // Paths are percent-encoded, but `|` is not among the characters that are.
            Protocol::Ws(_) | Protocol::Wss(_) | Protocol::HttpPath(_) => {
                f.write_str(&part.to_string().replace('|', "%7C"))
            }
            _ => write!(f, "{part}"),
        })
    }
}
