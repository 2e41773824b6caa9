//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use libp2p_dns_discovery::Selection;

use crate::{
    NAME,
    common::{
        cli::{IdentifyBy, seconds},
        run::Stop,
    },
};

/// The fewest nodes that make a cluster.
const FEWEST: usize = 2;

/// Forms a cluster whose nodes know nothing but a DNS name
///
/// Starts a real DNS server (UDP and TCP; it shuffles every answer) and N nodes inside this
/// process, each with its own key and address, waits until they are one Kademlia network, and sums
/// up. Some of the nodes may be silent or dead; and once the cluster has formed, DNS may fail for a
/// while and all nodes may be restarted, in this order.
///
/// In the summary, `probes` are dials with a throw-away peer id, made to learn who lives at an
/// address, and `dials` are all others, those of Kademlia among them. `components` are those of the
/// graph of connections and routing tables together, and `kad_stale` are ids in routing tables that
/// belong to no node. `candidates_min` is the number of addresses that the node knows from DNS that
/// knows the fewest. `edges` lead from each node to those that it has selected. What comes after
/// forming is summed up in `restarted` and `stale` (ids of before the restart that anybody still
/// believes in), and in `outage_noticed` (nodes whose look-ups failed), `outage_left` (nodes that
/// were not joined at some time, or lost a peer) and `late_selected_by` (nodes that selected the one
/// that came after the outage).
///
/// Exit code: 0 if all living nodes joined in one component and, where an outage or a restart was
/// asked for, it ended as it should; 1 if not; 2 on bad use.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
pub(crate) struct Args {
    /// How many nodes DNS names
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(FEWEST as i64..=4000))]
    pub(crate) nodes: u16,

    /// Of the nodes, let the N lowest be silent: their addresses take connections, and no word ever
    /// comes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) silent: u16,

    /// Of the nodes, let the N lowest be dead (above those that are silent): nothing listens there.
    /// Over QUIC, that is as silent as silence
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) dead: u16,

    /// Once the cluster has formed, let every node come back on its address with a new key, some of
    /// them at a time, and wait until nobody believes in an old id. For this, nodes verify each
    /// other every 2 s instead of every minute (in a large cluster, as often as one process can bear)
    #[arg(long)]
    pub(crate) restart: bool,

    /// Once the cluster has formed, let the DNS server say nothing for so long; then name one more
    /// node, the lowest of the living. For this, nodes ask DNS every second or so (in a large cluster, every
    /// 25 ms for each node) and give up after 2 s, and verify each other as with `--restart`
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) dns_outage: Option<Duration>,

    /// Draw at the end who has selected whom
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Which records name the nodes [default: a; with the memory transport: dnsaddr]
    #[arg(long, value_enum)]
    pub(crate) records: Option<Records>,

    /// Whom each node connects to: `auto`, `lowest:N`, `fingers` or `all`
    #[arg(long, value_name = "SELECTION", default_value_t = Selection::default())]
    pub(crate) select: Selection,

    /// How the identity behind an address is learned
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) identify: IdentifyBy,

    /// What the nodes speak over
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: TransportKind,

    /// The seed of all keys, addresses and choices [default: random]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,

    /// When to give up waiting for the cluster to form, and for nodes that were restarted to join
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(crate) timeout: Duration,

    /// Give all nodes the address 127.0.0.1 and a port each, as is done anyway where no other
    /// loopback address can be bound (macOS)
    #[arg(long)]
    pub(crate) one_address: bool,

    /// Print one JSON object on each line; the last one has `"event":"summary"`
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which records name the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Records {
    /// Addresses; the port is known
    A,
    /// Hosts and ports
    Srv,
    /// TXT records that hold whole multiaddrs
    Dnsaddr,
}

/// What the nodes speak over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportKind {
    /// TCP on 127.0.0.0/8, the same port everywhere, as pods have it
    Tcp,
    /// QUIC on 127.0.0.0/8, likewise
    Quic,
    /// This process's memory, for clusters larger than the machine has sockets for
    Memory,
}

/// How many nodes there are of each kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) living: usize,
    pub(crate) silent: usize,
    pub(crate) dead: usize,
}

impl Counts {
    /// All that DNS names.
    pub(crate) fn named(self) -> usize {
        self.living + self.silent + self.dead
    }
}

impl Args {
    pub(crate) fn counts(&self) -> Result<Counts, Stop> {
        let [nodes, silent, dead] = [self.nodes, self.silent, self.dead].map(usize::from);
        let living = nodes.saturating_sub(silent + dead);
        if living < FEWEST {
            let enough = silent + dead + FEWEST;
            return Err(Stop::Usage(format!(
                "`--silent {silent}` and `--dead {dead}` leave {living} of {nodes} nodes living, \
                 and a cluster takes {FEWEST}: write `--nodes {enough}` or more, or let fewer be \
                 silent or dead"
            )));
        }
        Ok(Counts { living, silent, dead })
    }

    /// Whether something is to happen to the cluster after it has formed.
    pub(crate) fn is_trial(&self) -> bool {
        self.restart || self.dns_outage.is_some()
    }
}
