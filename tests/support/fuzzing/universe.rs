//! The peers and addresses that the targets know.

use std::{sync::OnceLock, time::Instant};

use libp2p::{Multiaddr, PeerId};

/// How many peers there are, ourselves (the first) among them.
pub const PEERS: usize = 7;

/// Addresses at which somebody may answer, those that the filter forbids among them.
pub const ADDRESSES: [&str; 24] = [
    "/ip4/10.0.0.1/tcp/4001",
    "/ip4/10.0.0.2/tcp/4001",
    "/ip4/10.0.0.3/tcp/4001",
    "/ip4/10.0.0.4/tcp/4001",
    "/ip4/10.0.0.5/tcp/4001",
    "/ip4/10.0.0.1/udp/4001/quic-v1",
    "/ip4/10.0.0.2/udp/4001/quic-v1",
    "/ip4/10.0.0.1/tcp/4002",
    "/ip4/10.0.0.1/tcp/4003",
    "/ip4/10.0.0.1/tcp/4004",
    "/ip4/10.0.0.1/tcp/4005",
    "/ip4/10.0.0.1/tcp/443/tls/ws",
    "/ip6/fd00::1/tcp/4001",
    "/ip6/fd00::2/tcp/4001",
    "/ip6/fd00::3/udp/4001/quic-v1",
    "/ip6/::ffff:10.0.0.3/tcp/4001",
    "/ip6/64:ff9b::7f00:1/tcp/4001",
    "/ip4/127.0.0.1/tcp/4001",
    "/ip4/169.254.169.254/tcp/4001",
    "/ip4/0.0.0.0/tcp/4001",
    "/ip4/224.0.0.1/tcp/4001",
    "/ip4/10.0.0.6/tcp/0",
    "/memory/7",
    "/memory/8",
];

/// The instant at which everything starts. One for the whole process, so that what is printed of
/// two runs can be compared.
pub fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
    *EPOCH.get_or_init(Instant::now)
}

/// The n-th peer; the first is ourselves.
pub fn peer(n: usize) -> PeerId {
    // A multihash by the identity function: any few bytes are one.
    let byte = u8::try_from(n).expect("there are few peers");
    PeerId::from_bytes(&[0, 4, b'p', b'e', b'r', byte]).expect("a peer id")
}

pub fn address(text: &str) -> Multiaddr {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
