//! Where to look: [`Source`].

use std::{fmt, num::NonZeroU16, str::FromStr};

use hickory_proto::rr::{Name, RecordType};
use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;

pub use self::error::SourceError;
use self::options::Options;
pub(crate) use self::{
    parse::address,
    tail::{SrvPort, Tail},
};
use crate::candidate::Candidate;

mod error;
mod foreign;
mod name;
mod options;
mod parse;
mod parts;
mod tail;
#[cfg(test)]
mod tests;
mod upper;

/// Where to look for peers, and what the answer's addresses are completed with.
///
/// | Written | Looks up | Gives |
/// |---|---|---|
/// | `/dns/NAME/tcp/4001` | A and AAAA at `NAME` | `/ip4/…/tcp/4001`, `/ip6/…/tcp/4001` |
/// | `/dns4/NAME/…`, `/dns6/NAME/…` | A, or AAAA, at `NAME` | the same, of one family |
/// | `/dnsaddr/NAME`, `/dnsaddr/NAME/p2p/ID` | TXT at `_dnsaddr.NAME`, recursively | the records' addresses; with `ID`, only those that end in it |
/// | `srv:OWNER`, `srv:OWNER/…` | SRV at `OWNER`, then its targets | the targets' addresses with the records' ports |
/// | `/ip4/…`, `/ip6/…`, `/memory/7`, … | nothing | itself |
///
/// The forms with `/` are [multiaddrs] whose first component is looked up and whose rest is kept:
/// `/tcp/4001`, `/udp/4001/quic-v1`, `/tcp/80/ws`, `/tcp/443/tls/ws` (also written `/wss`),
/// `/udp/4001/webrtc-direct/certhash/…`. A `/p2p/ID` at the end pins every address to that peer.
/// A host cannot be looked up anywhere but in the first component.
///
/// # Names
///
/// A name with a trailing dot is absolute. Any other is subject to the resolver's search list, if
/// it has one. Labels are letters, digits, `-` and `_`, at most 63 bytes each and 255 on the wire
/// ([RFC 1035 section 2.3.4]); other alphabets are written in Punycode. Letter case does not matter
/// and is not kept.
///
/// A WebSocket over TLS is dialled with the host's name: `/dns/NAME/tcp/443/tls/ws` gives
/// `/ip4/…/tcp/443/tls/sni/NAME/ws`, without the trailing dot, because the certificate would be
/// checked against the IP address otherwise. With `srv:` it is the target's name. A `/tls/sni/X`
/// that was written stays.
///
/// # SRV
///
/// `OWNER` is the whole name, at which the records are ([RFC 2782]):
/// `srv:_p2p._tcp.peers.ns.svc.cluster.local`. Without a transport a `_tcp` label gives
/// `/tcp/PORT` and a `_udp` label `/udp/PORT/quic-v1`. A transport after the owner is written with
/// port 0, which the record's port replaces: `srv:OWNER/tcp/0/tls/ws`; any other port is kept
/// instead of the record's. Without `/tcp` or `/udp` it goes on top of what carries it:
/// `srv:OWNER/tls/ws` is `/tcp/PORT/tls/ws`. Priority and weight do not matter.
///
/// Where an answer is truncated and its records agree on one port, the A and AAAA records at
/// `OWNER` without its leading `_` labels are looked up and get that port. TLS names for what only
/// these name are that host's, and the result still counts as a part of what there is.
///
/// # Several transports
///
/// Where a host is reachable by several transports, they are written in order of preference with
/// `|` between them: `/dns/peers.example/udp/4001/quic-v1|/tcp/4001`. A `/p2p/ID` at the end pins
/// them all.
///
/// # Options
///
/// They follow a `?`, with `&` between them:
///
/// | Option | The same as |
/// |---|---|
/// | `?pinned` | [`Source::pinned`]: records that name no peer are rejected |
/// | `?sampled` | [`Source::sampled`]: answers are samples |
/// | `?secure` | [`Source::secure`]: answers must be proved by DNSSEC |
///
/// # Text
///
/// `Display` gives the canonical spelling: lower-case names, `/tls/ws` for `/wss`. Parsing it gives
/// an equal source.
///
/// ```
/// use libp2p_dns_discovery::Source;
///
/// let source: Source = "/dns/Peers.Example/tcp/443/wss".parse()?;
/// assert_eq!(source.to_string(), "/dns/peers.example/tcp/443/tls/ws");
///
/// let error = "peers.example:4001".parse::<Source>().unwrap_err();
/// assert!(error.to_string().contains("write `/dns/peers.example/tcp/4001`"));
/// # Ok::<_, libp2p_dns_discovery::SourceError>(())
/// ```
///
/// [multiaddrs]: https://multiformats.io/multiaddr/
/// [RFC 1035 section 2.3.4]: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
/// [RFC 2782]: https://www.rfc-editor.org/rfc/rfc2782
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    kind: Kind,
    options: Options,
}

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
    /// Only entries that end in this id are meant.
    pub(crate) peer: Option<PeerId>,
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

impl Source {
    /// Says that an answer of this source is a sample, although it claims to be complete.
    ///
    /// Consul over UDP and AWS Cloud Map answer with a few members chosen at random. An answer of a
    /// sampled source is united with earlier ones, and a member that it leaves out has not left.
    #[must_use]
    pub fn sampled(mut self) -> Self {
        self.options.sampled = true;
        self
    }

    /// Whether the source is marked as [sampled](Self::sampled).
    pub fn is_sampled(&self) -> bool {
        self.options.sampled
    }

    /// Demands that every address is pinned to a peer, by a record that ends in `/p2p/ID` or by the
    /// source itself. One that is not is rejected and reported
    /// ([`Rejection::Unpinned`](crate::Rejection::Unpinned)), and nobody is asked who lives there.
    ///
    /// A and AAAA records carry no peer ids: of them, a source takes its peers' ids only from its
    /// own end, such as `/dns/relay.example/tcp/4001/p2p/ID`.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.options.pinned = true;
        self
    }

    /// Whether the source takes only what is [pinned](Self::pinned).
    pub fn is_pinned(&self) -> bool {
        self.options.pinned
    }

    /// Demands that the source's answers are proved by DNSSEC, "there is nothing" among them: an
    /// answer whose proof is not [`Proof::Secure`](crate::Proof::Secure) is the failure
    /// [`LookupError::Insecure`](crate::LookupError::Insecure), which keeps what is known.
    ///
    /// It takes a resolver that validates. Without one, the source never gives anything.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.options.secure = true;
        self
    }

    /// Whether the source takes only what is proved [secure](Self::secure).
    pub fn is_secure(&self) -> bool {
        self.options.secure
    }

    /// Whether the source is its own candidate, written by the operator, and nothing is looked up.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self.kind, Kind::Static(_))
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        parse::source(text)
    }
}

impl TryFrom<&Multiaddr> for Source {
    type Error = SourceError;

    fn try_from(address: &Multiaddr) -> Result<Self, SourceError> {
        Printed(address).to_string().parse()
    }
}

impl TryFrom<Multiaddr> for Source {
    type Error = SourceError;

    fn try_from(address: Multiaddr) -> Result<Self, SourceError> {
        Self::try_from(&address)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        self.options.fmt(f)
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
                write_peer(f, dnsaddr.peer)
            }
            Self::Srv(srv) => {
                write!(f, "srv:{}", srv.owner.to_ascii())?;
                if !upper::is_srv_default(&srv.owner, &srv.tails) {
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
struct Printed<'a>(&'a Multiaddr);

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
