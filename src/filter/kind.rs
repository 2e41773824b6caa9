//! The transport by which an address is dialled: [`TransportKind`].

use std::fmt;

use libp2p_core::{Multiaddr, multiaddr::Protocol};

/// The transport by which an address is dialled.
///
/// A relayed address has two kinds: [`Relayed`](Self::Relayed), and the kind of the relay's own
/// address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TransportKind {
    /// `/ip4/…/tcp/PORT`.
    Tcp,
    /// `/ip4/…/udp/PORT/quic-v1`.
    QuicV1,
    /// `/ip4/…/tcp/PORT/ws`, with any path.
    Ws,
    /// `/ip4/…/tcp/PORT/tls/ws` and `/ip4/…/tcp/PORT/tls/sni/NAME/ws`, with any path.
    Wss,
    /// `/ip4/…/udp/PORT/webrtc-direct`, with any `/certhash`.
    WebRtcDirect,
    /// `/ip4/…/udp/PORT/quic-v1/webtransport`, with any `/certhash`.
    WebTransport,
    /// `…/p2p/RELAY/p2p-circuit`, with or without `/webrtc` on top.
    Relayed,
    /// `/memory/NUMBER`, within one process.
    Memory,
    /// `/unix/PATH`, within one machine.
    Unix,
    /// Every other address.
    Other,
}

impl TransportKind {
    /// The transports that DNS may name by default: those that rust-libp2p dials natively (not in a
    /// browser) and that lead to other machines.
    pub const DEFAULT: [Self; 6] =
        [Self::Tcp, Self::QuicV1, Self::Ws, Self::Wss, Self::WebRtcDirect, Self::Relayed];

    /// The kinds of an address without a pin: one kind, or two if the address is relayed.
    pub(super) fn of(address: &Multiaddr) -> impl Iterator<Item = Self> {
        let parts: Vec<_> = address.iter().collect();
        let circuit = parts.iter().position(|part| *part == Protocol::P2pCircuit);
        let Some(circuit) = circuit else {
            return [Some(Self::direct(&parts)), None].into_iter().flatten();
        };
        let relay = match &parts[..circuit] {
            [relay @ .., Protocol::P2p(_)] => Self::direct(relay),
            _ => Self::Other,
        };
        let relayed = match &parts[circuit + 1..] {
            [] | [Protocol::WebRTC] => Self::Relayed,
            _ => Self::Other,
        };
        [Some(relay), Some(relayed)].into_iter().flatten()
    }

    fn direct(parts: &[Protocol<'_>]) -> Self {
        use Protocol as P;
        let upper = match parts {
            [P::Memory(_)] => return Self::Memory,
            [P::Unix(_)] => return Self::Unix,
            [P::Ip4(_) | P::Ip6(_), upper @ ..] => upper,
            [P::Ip6zone(_), P::Ip6(_), upper @ ..] => upper,
            _ => return Self::Other,
        };
        let only_hashes = |parts: &[P<'_>]| parts.iter().all(|p| matches!(p, P::Certhash(_)));
        match upper {
            [P::Tcp(_)] => Self::Tcp,
            [P::Tcp(_), P::Ws(_)] => Self::Ws,
            [P::Tcp(_), P::Tls, P::Ws(_)] | [P::Tcp(_), P::Tls, P::Sni(_), P::Ws(_)] => Self::Wss,
            [P::Udp(_), P::QuicV1] => Self::QuicV1,
            [P::Udp(_), P::WebRTCDirect, rest @ ..] if only_hashes(rest) => Self::WebRtcDirect,
            [P::Udp(_), P::QuicV1, P::WebTransport, rest @ ..] if only_hashes(rest) => {
                Self::WebTransport
            }
            _ => Self::Other,
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "/tcp",
            Self::QuicV1 => "/udp/…/quic-v1",
            Self::Ws => "/tcp/…/ws",
            Self::Wss => "/tcp/…/tls/ws",
            Self::WebRtcDirect => "/udp/…/webrtc-direct",
            Self::WebTransport => "/udp/…/quic-v1/webtransport",
            Self::Relayed => "/p2p-circuit",
            Self::Memory => "/memory",
            Self::Unix => "/unix",
            Self::Other => "(none of the known ones)",
        })
    }
}
