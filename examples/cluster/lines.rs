//! The lines that the program prints.

use std::{fmt::Write, net::SocketAddr, time::Duration};

use libp2p::PeerId;
use serde::Serialize;

use crate::{common::output, dns_server::DnsServer, picture::Picture};

/// A line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    Started(Started),
    NodeJoined(NodeJoined),
    Progress(Progress),
    Summary(Summary),
}

/// What is about to happen.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) nodes: usize,
    pub(crate) dns: SocketAddr,
    pub(crate) source: String,
    pub(crate) transport: String,
    pub(crate) records: String,
    pub(crate) select: String,
    pub(crate) identify: String,
    /// Whether all nodes share 127.0.0.1 and differ by port.
    pub(crate) one_address: bool,
    pub(crate) seed: u64,
}

/// A node has joined for the first time.
#[derive(Debug, Serialize)]
pub(crate) struct NodeJoined {
    node: usize,
    peer: String,
    ms: u128,
}

impl NodeJoined {
    pub(crate) fn new(node: usize, peer: PeerId, after: Duration) -> Self {
        Self { node, peer: peer.to_string(), ms: after.as_millis() }
    }
}

/// How far the cluster is.
#[derive(Debug, Serialize)]
pub(crate) struct Progress {
    joined: usize,
    components: usize,
    verified_min: usize,
    kad_peers_min: usize,
    ms: u128,
}

/// The end.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    nodes: usize,
    joined: usize,
    components: usize,
    verified_min: usize,
    kad_peers_min: usize,
    kad_stale: usize,
    dns_queries: u64,
    probes: u64,
    dials: u64,
    join_ms_p50: Option<u128>,
    join_ms_p99: Option<u128>,
    elapsed_ms: u128,
    /// Whether all tables have filled up too before the time was over.
    formed: bool,
    #[serde(skip)]
    kad_peers_wanted: usize,
}

impl Summary {
    pub(crate) fn new(picture: &Picture, server: &DnsServer, elapsed: Duration) -> Self {
        let join_ms = |share| picture.join_time(share).map(|time| time.as_millis());
        Self {
            nodes: picture.nodes,
            joined: picture.joined,
            components: picture.components,
            verified_min: picture.verified_min,
            kad_peers_min: picture.kad_peers_min,
            kad_stale: picture.kad_stale,
            dns_queries: server.queries(),
            probes: picture.probes(),
            dials: picture.dials(),
            join_ms_p50: join_ms(0.5),
            join_ms_p99: join_ms(0.99),
            elapsed_ms: elapsed.as_millis(),
            formed: picture.is_formed(),
            kad_peers_wanted: picture.kad_peers_wanted(),
        }
    }

    fn verdict(&self) -> String {
        let seconds = self.elapsed_ms as f64 / 1000.0;
        let Self { nodes, joined, components, .. } = self;
        if joined < nodes {
            format!("Only {joined} of {nodes} nodes joined within {seconds:.1} s.")
        } else if *components > 1 {
            format!("All {nodes} nodes joined, but in {components} components.")
        } else if !self.formed {
            format!(
                "All {nodes} nodes joined in one component, but not every routing table has filled \
                 up within {seconds:.1} s."
            )
        } else {
            format!("{nodes} nodes that knew one DNS name are one network after {seconds:.1} s.")
        }
    }

    fn text(&self) -> String {
        let mut text = format!("\n{}\n", self.verdict());
        let mut row = |what: &str, figure: String| {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {what:<34}{figure}");
        };
        let ms = |time: Option<u128>| time.map_or("-".to_owned(), |ms| ms.to_string());
        row("joined", format!("{} of {}", self.joined, self.nodes));
        row("components", self.components.to_string());
        row("fewest verified peers", self.verified_min.to_string());
        let (least, wanted) = (self.kad_peers_min, self.kad_peers_wanted);
        row("smallest routing table", format!("{least} (wanted: {wanted})"));
        row("stale ids in routing tables", self.kad_stale.to_string());
        row("DNS queries", self.dns_queries.to_string());
        row("probes (dials to throw-away ids)", self.probes.to_string());
        row("other dials (Kademlia's too)", self.dials.to_string());
        row("joined after, median", format!("{} ms", ms(self.join_ms_p50)));
        row("joined after, 99 %", format!("{} ms", ms(self.join_ms_p99)));
        text
    }
}

impl Line {
    pub(crate) fn progress(picture: &Picture, elapsed: Duration) -> Self {
        Self::Progress(Progress {
            joined: picture.joined,
            components: picture.components,
            verified_min: picture.verified_min,
            kad_peers_min: picture.kad_peers_min,
            ms: elapsed.as_millis(),
        })
    }
}

impl output::Line for Line {
    fn text(&self) -> Option<String> {
        match self {
            Self::Started(started) => Some(started.text()),
            Self::Summary(summary) => Some(summary.text()),
            // People have the progress bar.
            Self::NodeJoined(_) | Self::Progress(_) => None,
        }
    }
}

impl Started {
    fn text(&self) -> String {
        let Self { nodes, dns, source, transport, records, select, identify, seed, .. } = self;
        let records = match records.as_str() {
            "dnsaddr" => "dnsaddr (TXT)".to_owned(),
            other => other.to_uppercase(),
        };
        let transport = match transport.as_str() {
            "tcp" => "TCP",
            _ => "this process's memory",
        };
        let places = match (self.transport.as_str(), self.one_address) {
            ("memory", _) => "each at a memory address of its own",
            (_, true) => "all at 127.0.0.1, each with a port of its own",
            (_, false) => "each at an address of its own, all with the same port",
        };
        format!(
            "{nodes} nodes over {transport}, {places}.\n\
             A DNS server at {dns} names them in {records} records, in another order every time.\n\
             All that a node knows is {source}.\n\
             Selection: {select}. Identities by: {identify}. Seed: {seed}."
        )
    }
}
