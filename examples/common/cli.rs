//! Values on command lines.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    str::FromStr,
    time::Duration,
};

use clap::ValueEnum;
use libp2p::{Multiaddr, StreamProtocol};
use libp2p_dns_discovery::{Filter, Identify, resolver::hickory::HickoryResolver};

use super::run::Stop;

/// The port of a name server that was given without one.
const DNS_PORT: u16 = 53;
/// Longer than anybody waits, and short enough to add to any clock.
const LONGEST: f64 = 1e9;

/// How the identity behind an address is learned.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum IdentifyBy {
    /// The first dials as `dial` does, all others as `probe` does
    Auto,
    /// A short dial with a throw-away peer id, then a real one
    Probe,
    /// One dial that accepts whoever lives there
    Dial,
}

impl From<IdentifyBy> for Identify {
    fn from(by: IdentifyBy) -> Self {
        match by {
            IdentifyBy::Auto => Self::Auto,
            IdentifyBy::Probe => Self::Probe,
            IdentifyBy::Dial => Self::Dial,
        }
    }
}

/// The address of a name server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NameServer(SocketAddr);

impl NameServer {
    pub(crate) fn address(self) -> SocketAddr {
        self.0
    }
}

impl FromStr for NameServer {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        if let Ok(ip) = s.parse::<IpAddr>() {
            return Ok(Self(SocketAddr::new(ip, DNS_PORT)));
        }
        match s.parse::<SocketAddr>() {
            Ok(address) if address.port() != 0 => Ok(Self(address)),
            _ => Err("a name server is an IP address and a port, such as `10.96.0.10:53` or \
                 `[fd00::10]:53`"
                .to_owned()),
        }
    }
}

/// A duration that is not zero, in seconds.
pub(crate) fn seconds(s: &str) -> Result<Duration, String> {
    let above_zero = pause(s).ok().filter(|duration| !duration.is_zero());
    above_zero
        .ok_or_else(|| "write a number of seconds above zero, such as `10` or `2.5`".to_owned())
}

/// A duration that may be zero, in seconds.
pub(crate) fn pause(s: &str) -> Result<Duration, String> {
    match s.parse::<f64>() {
        Ok(seconds) if (0.0..LONGEST).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write a number of seconds, such as `0` or `7.5`".to_owned()),
    }
}

/// An address to listen on.
pub(crate) fn listen_address(s: &str) -> Result<Multiaddr, String> {
    s.parse().map_err(|error| {
        format!(
            "not a multiaddr ({error}); write for example `/ip4/0.0.0.0/tcp/4001` or \
             `/ip4/0.0.0.0/udp/4001/quic-v1`"
        )
    })
}

/// A protocol of libp2p.
pub(crate) fn protocol(s: &str) -> Result<StreamProtocol, String> {
    StreamProtocol::try_from_owned(s.to_owned())
        .map_err(|_| "a protocol begins with a slash, such as `/my-network/kad/1.0.0`".to_owned())
}

/// The resolver over the given server, or over those of the system. `patience` is how long one
/// server may take for one reply.
pub(crate) fn resolver(
    server: Option<NameServer>,
    patience: Option<Duration>,
) -> Result<HickoryResolver, Stop> {
    let resolver = match server {
        Some(NameServer(address)) => HickoryResolver::with_servers([address]),
        None => HickoryResolver::system(),
    };
    let resolver = resolver.map_err(|error| {
        Stop::failed("no name server to ask, name one with `--dns IP:PORT`", &error)
    })?;
    Ok(match patience {
        // Twice: a datagram may be lost.
        Some(patience) => {
            resolver.with_timeout(patience).with_attempts(NonZeroU32::MIN.saturating_add(1))
        }
        None => resolver,
    })
}

/// The filter for a deployment, or for trying out on one machine.
pub(crate) fn filter(allow_loopback: bool) -> Filter {
    Filter::default().with_loopback(allow_loopback)
}
