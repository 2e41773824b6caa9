//! The part of a source after the address: the transport, its port, and the layers on top.

use std::{iter, num::NonZeroU16};

use hickory_proto::rr::Name;
use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;

/// The layer below the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Layer {
    Tcp,
    Udp,
}

impl Layer {
    pub(super) fn port(self, port: u16) -> Protocol<'static> {
        match self {
            Self::Tcp => Protocol::Tcp(port),
            Self::Udp => Protocol::Udp(port),
        }
    }
}

/// A port that may be left to the SRV record: `None` takes the record's.
pub(crate) type SrvPort = Option<NonZeroU16>;

/// A transport as it follows an IP address: `/tcp/4001`, `/udp/4001/quic-v1`, `/tcp/443/tls/ws`.
///
/// `P` is the port: [`NonZeroU16`] where it is known, [`SrvPort`] where a record may give it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tail<P> {
    pub(super) layer: Layer,
    pub(super) port: P,
    /// What runs on top, in canonical spelling (`/tls/ws`, not `/wss`). No pin, no name to look up.
    pub(super) upper: Multiaddr,
}

impl Tail<SrvPort> {
    /// The tail with the port of an SRV record, or `None` if neither has one.
    pub(crate) fn at(&self, record_port: u16) -> Option<Tail<NonZeroU16>> {
        let port = self.port.or_else(|| NonZeroU16::new(record_port))?;
        Some(Tail { layer: self.layer, port, upper: self.upper.clone() })
    }
}

impl Tail<NonZeroU16> {
    /// What follows the IP address, as written.
    pub(super) fn unnamed(&self) -> Multiaddr {
        iter::once(self.layer.port(self.port.get())).chain(self.upper.iter()).collect()
    }

    /// What follows the IP address of a host of this name, or `None` if TLS needs the name and it
    /// is not one that a certificate could carry.
    ///
    /// A WebSocket over TLS gets the name as `/sni`: the look-up leaves only the IP address, and
    /// the certificate would be checked against that.
    pub(crate) fn suffix(&self, host: &Name, pin: Option<PeerId>) -> Option<Multiaddr> {
        let mut suffix = Multiaddr::from(self.layer.port(self.port.get()));
        let mut parts = self.upper.iter().peekable();
        while let Some(part) = parts.next() {
            let needs_name = part == Protocol::Tls && matches!(parts.peek(), Some(Protocol::Ws(_)));
            suffix.push(part);
            if needs_name {
                suffix.push(Protocol::Sni(server_name(host)?.into()));
            }
        }
        if let Some(peer) = pin {
            suffix.push(Protocol::P2p(peer));
        }
        Some(suffix)
    }
}

/// A host's name as TLS wants it: lower case, no trailing dot.
fn server_name(host: &Name) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let plain_label = |label: &[u8]| label.iter().all(plain) && !label.starts_with(b"-");
    // A name from the wire may contain any byte; `/` in it would become another component.
    if host.is_root() || !host.iter().all(plain_label) {
        return None;
    }
    Some(host.to_lowercase().to_ascii().trim_end_matches('.').to_owned())
}
