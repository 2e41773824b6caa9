//! Who lives where, and what DNS says of it.

use std::collections::HashSet;

use libp2p::{PeerId, identity::Keypair};
use libp2p_dns_discovery::{Source, resolver::zone::Zone};

use crate::{
    args::{Args, Counts, Records, TransportKind},
    common::run::Stop,
    dns_server::DnsServer,
    lines::{Line, Started},
    place::{Held, Place, places},
};

/// The name that all nodes know.
const PEERS: &str = "peers.cluster.test.";

/// Who lives where, and what DNS says of it.
pub(crate) struct Plan {
    records: Records,
    transport: TransportKind,
    one_address: bool,
    counts: Counts,
    homes: Vec<Home>,
    silent: Vec<Place>,
    dead: Vec<Place>,
    late: Option<Home>,
}

/// One node.
pub(crate) struct Home {
    pub(crate) address: Place,
    pub(crate) key: Keypair,
    /// The one that it has after a restart.
    pub(crate) next_key: Keypair,
}

impl Home {
    fn new(address: Place, rng: &mut fastrand::Rng) -> Self {
        Self { address, key: key(rng), next_key: key(rng) }
    }
}

impl Plan {
    pub(crate) fn new(args: &Args, counts: Counts, seed: u64) -> Result<Self, Stop> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let extra = usize::from(args.dns_outage.is_some());
        let size = counts.named() + extra;
        let (mut silent, one_address) = places(args.transport, size, args.one_address)?;
        let records = records(args, one_address)?;
        // In order, so that those that come first are the lowest.
        let mut dead = silent.split_off(counts.silent);
        let mut late = dead.split_off(counts.dead);
        let living = late.split_off(extra);
        let mut homes: Vec<_> = living.into_iter().map(|at| Home::new(at, &mut rng)).collect();
        // Which number a node has must say nothing about its place in the order.
        rng.shuffle(&mut homes);
        let late = late.pop().map(|at| Home::new(at, &mut rng));
        let transport = args.transport;
        Ok(Self { records, transport, one_address, counts, homes, silent, dead, late })
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// The nodes that are there from the beginning.
    pub(crate) fn homes(&self) -> &[Home] {
        &self.homes
    }

    /// The node that comes later.
    pub(crate) fn late(&self) -> Option<&Home> {
        self.late.as_ref()
    }

    pub(crate) fn silent(&self) -> &[Place] {
        &self.silent
    }

    pub(crate) fn dead(&self) -> &[Place] {
        &self.dead
    }

    /// Holds the addresses of all that do not live, until what is returned is dropped.
    pub(crate) fn hold(&self) -> Result<Vec<Held>, Stop> {
        let silent = self.silent.iter().map(|place| Held::silent(*place));
        silent.chain(self.dead.iter().map(|place| Held::dead(*place))).collect()
    }

    /// All ids that nodes ever have. Any other id is a throw-away one.
    pub(crate) fn peers(&self) -> HashSet<PeerId> {
        let homes = self.homes.iter().chain(&self.late);
        let keys = homes.flat_map(|home| [home.key.public(), home.next_key.public()]);
        keys.map(|key| key.to_peer_id()).collect()
    }

    /// Whether all nodes share one IP address.
    pub(crate) fn is_one_address(&self) -> bool {
        self.one_address
    }

    /// What every node is told.
    pub(crate) fn source(&self) -> Result<Source, Stop> {
        let port = self.homes.iter().find_map(|home| home.address.socket()).map(|s| s.port());
        let text = match (self.records, self.transport, port) {
            (Records::A, TransportKind::Quic, Some(port)) => {
                format!("/dns4/{PEERS}/udp/{port}/quic-v1")
            }
            (Records::A, _, Some(port)) => format!("/dns4/{PEERS}/tcp/{port}"),
            (Records::Srv, ..) => format!("srv:{}", self.service()),
            _ => format!("/dnsaddr/{PEERS}"),
        };
        text.parse().map_err(|error| Stop::failed("the source cannot be written", &error))
    }

    /// The name of the SRV records.
    fn service(&self) -> String {
        let protocol = if self.transport == TransportKind::Quic { "_udp" } else { "_tcp" };
        format!("_p2p.{protocol}.{PEERS}")
    }

    /// Has DNS name all that are there from the beginning, and the one that comes late if it is to.
    pub(crate) fn publish(&self, zone: &Zone, late: bool) {
        let homes = self.homes.iter().chain(self.late.iter().filter(|_| late));
        let living = homes.map(|home| home.address);
        let named: Vec<_> = living.chain(self.silent.clone()).chain(self.dead.clone()).collect();
        let sockets = named.iter().filter_map(|place| place.socket());
        match self.records {
            Records::A => zone.set_addresses(PEERS, sockets.map(|socket| socket.ip())),
            Records::Srv => {
                let targets = sockets.enumerate().map(|(number, socket)| {
                    let target = format!("node-{number}.{PEERS}");
                    zone.set_addresses(target.as_str(), [socket.ip()]);
                    (socket.port(), target)
                });
                let targets: Vec<_> = targets.collect();
                let targets = targets.iter().map(|(port, name)| (*port, name.as_str()));
                zone.set_srv(self.service().as_str(), targets);
            }
            Records::Dnsaddr => zone.set_dnsaddr(PEERS, named.iter().map(|p| p.multiaddr())),
        }
    }

    /// The first line to print.
    pub(crate) fn started(&self, server: &DnsServer, args: &Args, seed: u64) -> Line {
        let Counts { living, silent, dead } = self.counts;
        Line::Started(Started {
            nodes: self.counts.named(),
            living,
            silent,
            dead,
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
        (_, None | Some(Records::A)) if one_address => Ok(Records::Srv),
        (_, records) => Ok(records.unwrap_or(Records::A)),
    }
}

/// A key that follows from the seed. Good enough for nodes that live for seconds.
fn key(rng: &mut fastrand::Rng) -> Keypair {
    let mut secret = [0; 32];
    rng.fill(&mut secret);
    Keypair::ed25519_from_bytes(secret).expect("any 32 bytes are an ed25519 secret")
}
