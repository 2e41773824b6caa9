//! The limit on open files: raised as far as the cluster needs, and kept within.

use libp2p_dns_discovery::Selection;

use crate::{
    args::{Counts, TransportKind},
    common::run::Stop,
    wanted,
};

/// What the process needs beside the nodes: standard streams, the runtime, the DNS server and its
/// TCP connections.
const BASE: usize = 64;
/// What a node needs beside its connections: a listener and the sockets of its look-ups.
const PER_NODE: usize = 4;
/// How many peers Kademlia may connect a node to: as many as its closest bucket holds.
const KADEMLIA: usize = 20;
/// How many dials to silent addresses a node may have under way: the crate's default.
const PROBES: usize = 16;

/// Raises the limit to what so many nodes may need, or says how many nodes would fit.
pub(crate) fn make_room(
    counts: Counts,
    transport: TransportKind,
    selection: Selection,
) -> Result<(), Stop> {
    let need_of = |living| need(Counts { living, ..counts }, transport, selection);
    let need = need_of(counts.living);
    let limit = rlimit::increase_nofile_limit(need as u64)
        .map_err(|error| Stop::failed("the limit on open files cannot be read", &error))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit >= need {
        return Ok(());
    }
    let fitting = (2..counts.living).take_while(|living| need_of(*living) <= limit).last();
    let fitting = fitting.map(|living| Counts { living, ..counts }.named());
    let fit = fitting.map_or_else(String::new, |fit| format!(" `--nodes {fit}` fits;"));
    let nodes = counts.named();
    Err(Stop::Usage(format!(
        "{nodes} nodes may need {need} open files, and this process may have {limit}:{fit} \
         `--transport memory` needs fewer; `ulimit -Hn` tells the limit to be raised"
    )))
}

/// How many files so many nodes may have open at once. Both ends of a connection are in this
/// process, and two nodes may have dialled each other.
fn need(counts: Counts, transport: TransportKind, selection: Selection) -> usize {
    let others = counts.living - 1;
    let per_node = match transport {
        // One socket of a node carries all of its connections.
        TransportKind::Memory | TransportKind::Quic => 0,
        TransportKind::Tcp => {
            let places = wanted::places(counts.named(), selection);
            2 * others.min(places + KADEMLIA) + counts.silent.min(PROBES)
        }
    };
    BASE + counts.silent + counts.dead + counts.living * (PER_NODE + per_node)
}
