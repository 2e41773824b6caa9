//! Where to look: [`Source`].

use std::{fmt, str::FromStr};

use libp2p_core::{Multiaddr, multiaddr::Protocol};

pub use self::error::SourceError;
use self::{kind::Printed, options::Options};
pub(crate) use self::{
    kind::{Dnsaddr, Families, Host, Kind, Srv},
    multiaddr::address,
    tail::Tail,
};

mod cid;
mod error;
mod foreign;
mod kind;
mod multiaddr;
mod name;
mod options;
mod parse;
mod parts;
mod tail;
#[cfg(test)]
mod tests;
mod upper;

/// Where to look for peers, and how an answer becomes addresses to dial.
///
/// ```
/// use libp2p_dns_discovery::Source;
///
/// let service: Source = "/dns/peers.default.svc.cluster.local./tcp/4001".parse()?;
/// let records: Source = "srv:_p2p._tcp.peers.example.".parse()?;
/// let fallback: Source = "/ip4/10.0.0.7/tcp/4001".parse()?;
///
/// // A mark in the text and a method say the same.
/// let pinned: Source = "/dnsaddr/peers.example?pinned".parse()?;
/// assert_eq!(pinned, "/dnsaddr/peers.example".parse::<Source>()?.pinned());
///
/// // An error says what to write instead.
/// let error = "peers.example:4001".parse::<Source>().unwrap_err();
/// assert!(error.to_string().contains("write `/dns/peers.example/tcp/4001`"));
/// # let _ = (service, records, fallback);
/// # Ok::<_, libp2p_dns_discovery::SourceError>(())
/// ```
///
/// | Written | Looks up | Gives |
/// |---|---|---|
/// | `/dns/NAME/tcp/4001` | A and AAAA at `NAME` | `/ip4/…/tcp/4001`, `/ip6/…/tcp/4001` |
/// | `/dns4/NAME/…`, `/dns6/NAME/…` | A, or AAAA, at `NAME` | the same, of one family |
/// | `/dnsaddr/NAME`, `/dnsaddr/NAME/…` | TXT at `_dnsaddr.NAME`, recursively | the records' addresses; if something follows the name, such as `/p2p/ID` or `/tcp/4001/p2p/ID`, only the addresses that end in it |
/// | `srv:OWNER`, `srv:OWNER/…` | SRV at `OWNER`, and A and AAAA at its targets if the answer does not carry them | the targets' addresses with the records' ports |
/// | `/ip4/…`, `/ip6/…`, `/memory/7`, … | nothing | itself, as a *static* address |
///
/// The forms with `/` are [multiaddrs] whose first component is looked up and whose rest is kept:
/// `/tcp/4001`, `/udp/4001/quic-v1`, `/tcp/80/ws`, `/tcp/443/tls/ws` (also written `/wss`),
/// `/udp/4001/webrtc-direct/certhash/…`. A `/p2p/ID` at the end pins every address to that peer: the node
/// expects this peer at the address, and gives no other peer an entry for it.
/// Only the first component may be a name that is looked up.
///
/// # Names
///
/// A name with a trailing dot is absolute. Any other name is completed by the resolver's search list, if the
/// resolver has one. Labels are letters, digits, `-` and `_`, at most 63 bytes each and 255 on the wire ([RFC
/// 1035 section 2.3.4]); other alphabets are written in Punycode. Letter case does not matter and is not
/// kept.
///
/// A WebSocket over TLS is dialled with the host's name: `/dns/NAME/tcp/443/tls/ws` gives
/// `/ip4/…/tcp/443/tls/sni/NAME/ws`, without the trailing dot, because the certificate would be
/// checked against the IP address otherwise. With `srv:`, `NAME` is the target's name. A source that
/// has a `/tls/sni/X` already keeps it.
///
/// The HTTP header `Host` is another matter: `libp2p-websocket` writes the IP address into it, and a proxy that
/// serves several names answers 404. Wrap the WebSocket transport of the swarm in
/// [`HostHeader`](crate::websocket::HostHeader), which writes NAME into the header. Without TLS, the dialled
/// address has no component for the name. Then write the path as a whole URL with the name ([RFC 9112 section 3.2.2]),
/// which nginx accepts: `/dns/NAME/tcp/80/x-parity-ws/http%3A%2F%2FNAME%2F`.
///
/// # SRV
///
/// `OWNER` is the name of the records, with the labels of service and protocol ([RFC 2782]):
/// `srv:_p2p._tcp.peers.ns.svc.cluster.local`. In this table, PORT is the port of each record:
///
/// | Written | Transport |
/// |---|---|
/// | `srv:OWNER`, with a label `_tcp` | `/tcp/PORT` |
/// | `srv:OWNER`, with a label `_udp` | `/udp/PORT/quic-v1` |
/// | `srv:OWNER/tls/ws` | `/tcp/PORT/tls/ws`: the layer below, `/tcp` or `/udp`, is added |
/// | `srv:OWNER/tcp/0/tls/ws` | `/tcp/PORT/tls/ws`: 0 stands for the port of the record |
/// | `srv:OWNER/tcp/443/tls/ws` | `/tcp/443/tls/ws`: another port replaces the port of the record |
///
/// An owner that has neither label needs a transport. Priority and weight of the records are ignored.
///
/// An SRV answer may be too large for a message, so that some targets are missing. If all of its records
/// have the same port, the A and AAAA records of the service's own name (`OWNER` without its leading `_`
/// labels) are looked up, too, and their addresses get that port. If TLS needs a name for an address that
/// only these records name, it is the service's own. The result still counts as incomplete.
///
/// # Several transports
///
/// If each host is reachable by several transports, write them in order of preference with `|` between
/// them: `/dns/peers.example/udp/4001/quic-v1|/tcp/4001`. A transport is tried when the one before it fails,
/// or has not answered for a [stagger](crate::Config::with_stagger). A `/p2p/ID` at the end pins all of them.
///
/// # Options
///
/// Options follow a `?`, with `&` between them:
///
/// | Option | The same as |
/// |---|---|
/// | `?pinned` | [`Source::pinned`]: addresses without a peer id are rejected |
/// | `?sampled` | [`Source::sampled`]: each answer is a sample of the members, and a member that it omits has not left |
/// | `?secure` | [`Source::secure`]: answers that DNSSEC does not prove are failures |
///
/// # Text
///
/// `Display` gives the canonical spelling: lower-case names, `/tls/ws` for `/wss`, peer ids in base58,
/// no `/` at the end. Parsing this text gives an equal source. Parsing also accepts peer ids that are
/// written as CIDs, such as `bafz…`.
///
/// ```
/// use libp2p_dns_discovery::Source;
///
/// let source: Source = "/dns/Peers.Example/tcp/443/wss".parse()?;
/// assert_eq!(source.to_string(), "/dns/peers.example/tcp/443/tls/ws");
/// # Ok::<_, libp2p_dns_discovery::SourceError>(())
/// ```
///
/// [multiaddrs]: https://multiformats.io/multiaddr/
/// [RFC 1035 section 2.3.4]: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
/// [RFC 2782]: https://www.rfc-editor.org/rfc/rfc2782
/// [RFC 9112 section 3.2.2]: https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Source {
    kind: Kind,
    options: Options,
}

impl Source {
    /// Makes the source of a cluster in which all nodes listen by the same transports and ports as this
    /// node. `name` is the name that DNS has for the nodes, and `listeners` are this node's listen
    /// addresses. The source gives the addresses at `name` with the transports and ports of `listeners`, in
    /// the order of `listeners`. Addresses through a relay, and addresses with a hash of this node's
    /// certificate, are left out, because they lead to no other node.
    ///
    /// ```
    /// # use libp2p_core::Multiaddr;
    /// use libp2p_dns_discovery::Source;
    ///
    /// let listen = ["/ip4/0.0.0.0/udp/4001/quic-v1", "/ip6/::/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001"];
    /// let listen = listen.map(|address| address.parse::<Multiaddr>().unwrap());
    /// let source = Source::of_listeners("peers.example", &listen)?;
    /// assert_eq!(source.to_string(), "/dns/peers.example/udp/4001/quic-v1|/tcp/4001");
    /// # Ok::<_, libp2p_dns_discovery::SourceError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `name` is not a DNS name, or if other nodes cannot have the same listener: a listener with port 0
    /// gets a different port in each node, and an address such as `/memory/7` has no port. Positions in the
    /// error are those in the text of the source, `/dns/NAME…`.
    pub fn of_listeners<'a>(
        name: &str,
        listeners: impl IntoIterator<Item = &'a Multiaddr>,
    ) -> Result<Self, SourceError> {
        let name = name::name(name, "/dns/".len())?.to_ascii();
        let transport = |listener: &Multiaddr| {
            let is_host = |p: &Protocol<'_>| {
                matches!(p, Protocol::Ip6zone(_) | Protocol::Ip4(_) | Protocol::Ip6(_))
            };
            let parts = listener.iter().skip_while(is_host);
            Printed(&parts.filter(|p| !matches!(p, Protocol::P2p(_))).collect()).to_string()
        };
        // No other node has an address through this node's relay, or one with this node's certificate.
        let is_shared = |listener: &&Multiaddr| {
            !listener.iter().any(|p| matches!(p, Protocol::P2pCircuit | Protocol::Certhash(_)))
        };
        let transports: Vec<_> = listeners.into_iter().filter(is_shared).map(transport).collect();
        format!("/dns/{name}{}", transports.join("|")).parse()
    }

    /// Marks the source as sampled: each of its answers names only some of the members, although the answer
    /// claims to be complete.
    ///
    /// Consul over UDP and AWS Cloud Map answer with a few members that they choose at random. The node
    /// unites the answers of a sampled source. A member that is missing from an answer is not taken to have
    /// left.
    #[must_use]
    pub fn sampled(mut self) -> Self {
        self.options.sampled = true;
        self
    }

    /// Whether the source is marked as [sampled](Self::sampled).
    pub fn is_sampled(&self) -> bool {
        self.options.sampled
    }

    /// Demands that every address is pinned to a peer: the `dnsaddr` record that names the address ends in
    /// `/p2p/ID`, or the source itself does. An address without a pin is not dialled, and is reported as
    /// rejected ([`Rejection::Unpinned`](crate::Rejection::Unpinned)).
    ///
    /// A, AAAA and SRV records carry no peer ids. For such records, only a `/p2p/ID` at the end of the
    /// source is a pin, as in `/dns/relay.example/tcp/4001/p2p/ID`.
    #[must_use]
    pub fn pinned(mut self) -> Self {
        self.options.pinned = true;
        self
    }

    /// Whether the source accepts only [pinned](Self::pinned) addresses.
    pub fn is_pinned(&self) -> bool {
        self.options.pinned
    }

    /// Demands that DNSSEC proves the source's answers, also an answer that says "there is
    /// nothing". An answer whose proof is not [`Proof::Secure`](crate::Proof::Secure) counts as a failed
    /// look-up ([`LookupError::Insecure`](crate::LookupError::Insecure)), and the known candidates are
    /// kept.
    ///
    /// This needs a resolver that validates, such as `HickoryResolver` after `with_dnssec`. With any other
    /// resolver, the source never gives a candidate.
    #[must_use]
    pub fn secure(mut self) -> Self {
        self.options.secure = true;
        self
    }

    /// Whether the source accepts only answers that are proved [secure](Self::secure).
    pub fn is_secure(&self) -> bool {
        self.options.secure
    }

    /// Whether the source is an address that the operator wrote, so that nothing is looked up.
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
        let (kind, options) = parse::source(text)?;
        Ok(Self { kind, options })
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

/// The text, as `Multiaddr` has it.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        self.options.fmt(f)
    }
}
