//! The limit on open files: raised as far as the cluster needs, and kept within.

use libp2p_dns_discovery::Selection;

use crate::{TransportKind, common::run::Stop, picture::places};

/// What the process needs beside the nodes: standard streams, the runtime, the DNS server and its
/// TCP connections.
const BASE: usize = 64;
/// What a node needs beside its connections: a listener and the sockets of its look-ups.
const PER_NODE: usize = 4;
/// How many peers Kademlia may connect a node to: as many as its closest bucket holds.
const KADEMLIA: usize = 20;

/// Raises the limit to what so many nodes may need, or says how many nodes would fit.
pub(crate) fn make_room(
    nodes: usize,
    transport: TransportKind,
    selection: Selection,
) -> Result<(), Stop> {
    let need_of = |nodes| need(nodes, transport, selection);
    let need = need_of(nodes);
    let limit = rlimit::increase_nofile_limit(need as u64)
        .map_err(|error| Stop::failed("the limit on open files cannot be read", &error))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit >= need {
        return Ok(());
    }
    let fitting = (2..nodes).take_while(|nodes| need_of(*nodes) <= limit).last();
    let fit = fitting.map_or_else(String::new, |fit| format!(" `--nodes {fit}` fits;"));
    Err(Stop::Usage(format!(
        "{nodes} nodes may need {need} open files, and this process may have {limit}:{fit} \
         `--transport memory` needs fewer; `ulimit -Hn` tells the limit to be raised"
    )))
}

/// How many files so many nodes may have open at once. Both ends of a connection are in this
/// process, and two nodes may have dialled each other.
fn need(nodes: usize, transport: TransportKind, selection: Selection) -> usize {
    let others = nodes - 1;
    let peers = match (transport, selection) {
        (TransportKind::Memory, _) => 0,
        (TransportKind::Tcp, selection) => others.min(places(nodes, selection) + KADEMLIA),
    };
    BASE + nodes * (PER_NODE + 2 * peers)
}
