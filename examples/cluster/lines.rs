//! The lines that the program prints.

use std::{net::SocketAddr, time::Duration};

use libp2p::PeerId;
use serde::Serialize;

use crate::{common::output, picture::Picture, summary::Summary};

/// A line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    Started(Started),
    NodeJoined(NodeJoined),
    Progress(Progress),
    Stage { stage: Stage, ms: u128 },
    Summary(Summary),
}

/// What is about to happen.
#[derive(Debug, Serialize)]
pub(crate) struct Started {
    /// All that DNS names.
    pub(crate) nodes: usize,
    pub(crate) living: usize,
    pub(crate) silent: usize,
    pub(crate) dead: usize,
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
    stale: usize,
    ms: u128,
}

/// What happens to a cluster that has formed.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    DnsOutage,
    DnsBack,
    Restart,
    Restarted,
}

impl Line {
    pub(crate) fn progress(picture: &Picture, elapsed: Duration) -> Self {
        Self::Progress(Progress {
            joined: picture.joined,
            components: picture.components,
            verified_min: picture.verified_min,
            kad_peers_min: picture.kad_peers_min,
            stale: picture.stale,
            ms: elapsed.as_millis(),
        })
    }

    pub(crate) fn stage(stage: Stage, elapsed: Duration) -> Self {
        Self::Stage { stage, ms: elapsed.as_millis() }
    }
}

impl output::Line for Line {
    fn text(&self) -> Option<String> {
        match self {
            Self::Started(started) => Some(started.text()),
            Self::Stage { stage, ms } => Some(stage.text(*ms)),
            Self::Summary(summary) => Some(summary.text()),
            // People have the progress bar.
            Self::NodeJoined(_) | Self::Progress(_) => None,
        }
    }
}

impl Stage {
    fn text(self, ms: u128) -> String {
        let what = match self {
            Self::DnsOutage => "The cluster has formed. From now on, the DNS server says nothing.",
            Self::DnsBack => "The DNS server answers again, and names one node more.",
            Self::Restart => "The cluster has formed. Now all nodes come back with new keys.",
            Self::Restarted => "All nodes have come back and joined. Who believes in old ids?",
        };
        format!("After {:.1} s: {what}", ms as f64 / 1000.0)
    }
}

impl Started {
    fn text(&self) -> String {
        let Self { nodes, living, dns, source, records, select, identify, seed, .. } = self;
        let records = match records.as_str() {
            "dnsaddr" => "dnsaddr (TXT)".to_owned(),
            other => other.to_uppercase(),
        };
        let transport = match self.transport.as_str() {
            "memory" => "this process's memory".to_owned(),
            other => other.to_uppercase(),
        };
        let places = match (self.transport.as_str(), self.one_address) {
            ("memory", _) => "each at a memory address of its own",
            (_, true) => "all at 127.0.0.1, each with a port of its own",
            (_, false) => "each at an address of its own, all with the same port",
        };
        let gone = match (self.silent, self.dead) {
            (0, 0) => String::new(),
            (silent, dead) => format!(
                "\nOnly {living} of them live: those with the lowest addresses are silent ({silent}) \
                 or dead ({dead})."
            ),
        };
        format!(
            "{nodes} nodes over {transport}, {places}.{gone}\n\
             A DNS server at {dns} names them in {records} records, in another order every time.\n\
             All that a node knows is {source}.\n\
             Selection: {select}. Identities by: {identify}. Seed: {seed}."
        )
    }
}
