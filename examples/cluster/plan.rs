//! Who lives where, and what DNS says of it.

use std::{
    collections::HashSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use libp2p::{Multiaddr, PeerId, identity::Keypair, multiaddr::Protocol};
use libp2p_dns_discovery::{Source, resolver::zone::Zone};

use crate::{
    Args, NAME, Records, TransportKind,
    common::{output::note, run::Stop},
    dns_server::DnsServer,
    lines::{Line, Started},
};

/// The name that all nodes know.
const PEERS: &str = "peers.cluster.test.";
/// The name of the SRV records.
const SERVICE: &str = "_p2p._tcp.peers.cluster.test.";
/// How many ports are tried until one is free on all addresses.
const PORT_TRIES: usize = 20;
/// Some network in 127.0.0.0/8 that nobody else is likely to use.
const NETWORK: [u8; 2] = [127, 77];

/// Who lives where, and what DNS says of it.
pub(crate) struct Plan {
    records: Records,
    transport: TransportKind,
    one_address: bool,
    homes: Vec<Home>,
}

/// One node.
pub(crate) struct Home {
    pub(crate) key: Keypair,
    pub(crate) address: Place,
}

/// Where a node listens.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Memory(u64),
}

impl Place {
    pub(crate) fn multiaddr(self) -> Multiaddr {
        match self {
            Self::Tcp(address) => Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port())),
            Self::Memory(port) => Multiaddr::empty().with(Protocol::Memory(port)),
        }
    }
}

impl Plan {
    pub(crate) fn new(args: &Args, seed: u64) -> Result<Self, Stop> {
        let size = usize::from(args.nodes);
        let mut rng = fastrand::Rng::with_seed(seed);
        let (places, one_address) = match args.transport {
            TransportKind::Memory => ((1..=size as u64).map(Place::Memory).collect(), false),
            TransportKind::Tcp => tcp_places(size, args.one_address)?,
        };
        let records = records(args, one_address)?;
        let homes = places.into_iter().map(|address| Home { key: key(&mut rng), address });
        let mut homes: Vec<Home> = homes.collect();
        // Which number a node has must say nothing about its place in the order.
        rng.shuffle(&mut homes);
        Ok(Self { records, transport: args.transport, one_address, homes })
    }

    pub(crate) fn size(&self) -> usize {
        self.homes.len()
    }

    pub(crate) fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// All nodes' ids. Any other id is a throw-away one, or stale.
    pub(crate) fn peers(&self) -> HashSet<PeerId> {
        let keys = self.homes.iter().map(|home| home.key.public());
        keys.map(|key| key.to_peer_id()).collect()
    }

    /// Whether all nodes share one IP address.
    pub(crate) fn is_one_address(&self) -> bool {
        self.one_address
    }

    /// What every node is told.
    pub(crate) fn source(&self) -> Result<Source, Stop> {
        let text = match (self.records, self.homes.first().map(|home| home.address)) {
            (Records::A, Some(Place::Tcp(address))) => {
                format!("/dns4/{PEERS}/tcp/{}", address.port())
            }
            (Records::Srv, _) => format!("srv:{SERVICE}"),
            _ => format!("/dnsaddr/{PEERS}"),
        };
        text.parse().map_err(|error| Stop::failed("the source cannot be written", &error))
    }

    /// What DNS says.
    pub(crate) fn zone(&self) -> Zone {
        let zone = Zone::new();
        match self.records {
            Records::A => zone.set_addresses(PEERS, self.sockets().map(|address| address.ip())),
            Records::Srv => self.set_srv(&zone),
            Records::Dnsaddr => {
                zone.set_dnsaddr(PEERS, self.homes.iter().map(|home| home.address.multiaddr()));
            }
        }
        zone
    }

    fn set_srv(&self, zone: &Zone) {
        let mut targets = Vec::new();
        for (number, address) in self.sockets().enumerate() {
            let target = format!("node-{number}.{PEERS}");
            zone.set_addresses(target.as_str(), [address.ip()]);
            targets.push((address.port(), target));
        }
        let targets = targets.iter().map(|(port, name)| (*port, name.as_str()));
        zone.set_srv(SERVICE, targets);
    }

    fn sockets(&self) -> impl Iterator<Item = SocketAddr> {
        self.homes.iter().filter_map(|home| match home.address {
            Place::Tcp(address) => Some(address),
            Place::Memory(_) => None,
        })
    }

    /// The first line to print.
    pub(crate) fn started(&self, server: &DnsServer, args: &Args, seed: u64) -> Line {
        Line::Started(Started {
            nodes: self.size(),
            dns: server.address(),
            source: self.source().map(|s| s.to_string()).unwrap_or_default(),
            transport: value_name(self.transport),
            records: value_name(self.records),
            select: args.select.to_string(),
            identify: value_name(args.identify),
            one_address: self.one_address,
            seed,
        })
    }
}

fn value_name(value: impl clap::ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

/// The records that can name the nodes where they are.
fn records(args: &Args, one_address: bool) -> Result<Records, Stop> {
    match (args.transport, args.records) {
        (TransportKind::Memory, None | Some(Records::Dnsaddr)) => Ok(Records::Dnsaddr),
        (TransportKind::Memory, Some(_)) => Err(Stop::Usage(
            "`--transport memory` goes with `--records dnsaddr` only: neither A nor SRV records can \
             name a memory address"
                .to_owned(),
        )),
        (TransportKind::Tcp, None | Some(Records::A)) if one_address => Ok(Records::Srv),
        (TransportKind::Tcp, records) => Ok(records.unwrap_or(Records::A)),
    }
}

/// A key that follows from the seed. Good enough for nodes that live for seconds.
fn key(rng: &mut fastrand::Rng) -> Keypair {
    let mut secret = [0; 32];
    rng.fill(&mut secret);
    Keypair::ed25519_from_bytes(secret).expect("any 32 bytes are an ed25519 secret")
}

/// An address for each node with the same port everywhere; or, where this machine has only one
/// loopback address, a port for each. Says which of them it is.
fn tcp_places(size: usize, one_address: bool) -> Result<(Vec<Place>, bool), Stop> {
    let one_address = one_address || !binds_anywhere();
    let sockets = if one_address {
        note(NAME, "all nodes share 127.0.0.1 and differ by port, so that SRV records name them");
        ports(size)
    } else {
        addresses(size)
    };
    let sockets =
        sockets.map_err(|error| Stop::failed("no free addresses on this machine", &error))?;
    Ok((sockets.into_iter().map(Place::Tcp).collect(), one_address))
}

/// macOS and others configure 127.0.0.1 alone.
fn binds_anywhere() -> bool {
    TcpListener::bind((Ipv4Addr::new(NETWORK[0], NETWORK[1], 0, 1), 0)).is_ok()
}

/// Ports that are free now, each bound until all are known so that none is given twice.
fn ports(size: usize) -> io::Result<Vec<SocketAddr>> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listeners = (0..size).map(bind).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}

/// Addresses on which one port is free.
fn addresses(size: usize) -> io::Result<Vec<SocketAddr>> {
    let mut tries = 0;
    loop {
        let port = TcpListener::bind((address(0), 0))?.local_addr()?.port();
        let sockets: Vec<_> = (0..size).map(|i| SocketAddr::new(address(i), port)).collect();
        let free = sockets.iter().map(TcpListener::bind).collect::<io::Result<Vec<_>>>();
        match free {
            Ok(_) => return Ok(sockets),
            Err(error) if tries == PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// Without 0 and 255 at the end, which some take for a network's own address and for everybody's.
fn address(number: usize) -> IpAddr {
    let [a, b] = NETWORK;
    let c = u8::try_from(number / 254).unwrap_or(u8::MAX);
    let d = (number % 254) as u8 + 1;
    Ipv4Addr::new(a, b, c, d).into()
}
