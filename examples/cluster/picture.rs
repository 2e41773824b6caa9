//! All nodes at one moment: how far the cluster is.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::Selection;

use crate::{args::Counts, lines::NodeJoined, node::Sample, wanted};

/// All nodes at one moment.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Those of the living, in the order in which they were started.
    pub(crate) samples: Vec<Sample>,
    pub(crate) counts: Counts,
    /// Nodes whose status is `Joined`.
    pub(crate) joined: usize,
    /// Components of the graph of connections and routing tables together.
    pub(crate) components: usize,
    /// How many addresses the node knows of that knows the fewest.
    pub(crate) candidates_min: usize,
    /// Entries of the smallest verified peer table.
    pub(crate) verified_min: usize,
    /// Peers in the smallest routing table.
    pub(crate) kad_peers_min: usize,
    /// Ids in any routing table that belong to no node.
    pub(crate) kad_stale: usize,
    /// Ids in any routing table or verified peer table that belong to no node.
    pub(crate) stale: usize,
    /// How many others each node is to verify.
    verified_wanted: usize,
}

impl Picture {
    pub(crate) fn new(samples: Vec<Sample>, counts: Counts, selection: Selection) -> Self {
        let peers: HashSet<_> = samples.iter().map(|s| s.peer).collect();
        let is_stale = |peer: &&PeerId| !peers.contains(*peer);
        let tables = || samples.iter().flat_map(|s| &s.routing_table);
        let verified = samples.iter().flat_map(|s| &s.verified);
        let kad_stale: BTreeSet<_> = tables().filter(is_stale).collect();
        let stale: BTreeSet<_> = tables().chain(verified).filter(is_stale).collect();
        let min = |of: fn(&Sample) -> usize| samples.iter().map(of).min().unwrap_or(0);
        Self {
            counts,
            joined: samples.iter().filter(|s| s.joined).count(),
            components: components(&samples),
            candidates_min: min(|s| s.candidates),
            verified_min: min(|s| s.verified.len()),
            kad_peers_min: min(|s| s.routing_table.len()),
            kad_stale: kad_stale.len(),
            stale: stale.len(),
            verified_wanted: wanted::selected(counts, selection),
            samples,
        }
    }

    /// All have joined, in one component.
    pub(crate) fn is_united(&self) -> bool {
        self.joined == self.counts.living && self.components == 1
    }

    /// United, with everybody verified who is to be, and enough peers in every routing table.
    pub(crate) fn is_formed(&self) -> bool {
        self.is_united()
            && self.verified_min >= self.verified_wanted
            && self.kad_peers_min >= self.kad_peers_wanted()
    }

    pub(crate) fn kad_peers_wanted(&self) -> usize {
        wanted::kad_peers(self.counts.living)
    }

    /// How many nodes have selected whoever lives at an address.
    pub(crate) fn selected_by(&self, address: &Multiaddr) -> usize {
        self.samples.iter().filter(|sample| sample.selected.contains(address)).count()
    }

    /// The nodes that are not joined, or have lost a peer since an earlier picture.
    pub(crate) fn left_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = usize> {
        let both = self.samples.iter().zip(&before.samples).enumerate();
        both.filter(|(_, (now, before))| !now.joined || now.losses > before.losses)
            .map(|(number, _)| number)
    }

    /// How many nodes told since an earlier picture that DNS gives no answer.
    pub(crate) fn noticed_since(&self, before: &Self) -> usize {
        let both = self.samples.iter().zip(&before.samples);
        both.filter(|(now, before)| now.failed_lookups > before.failed_lookups).count()
    }

    /// The nodes that joined between the other picture and this one.
    pub(crate) fn joined_since(&self, last: &Self) -> impl Iterator<Item = NodeJoined> {
        let before = |number: usize| last.samples.get(number).and_then(|s| s.joined_after);
        let fresh = self.samples.iter().enumerate();
        fresh.filter_map(move |(node, sample)| {
            let after = sample.joined_after?;
            let fresh = before(node).is_none();
            fresh.then(|| NodeJoined::new(node, sample.peer, after))
        })
    }

    /// What `share` of the nodes that joined needed at most to do so.
    pub(crate) fn join_time(&self, share: f64) -> Option<Duration> {
        let mut times: Vec<_> = self.samples.iter().filter_map(|s| s.joined_after).collect();
        times.sort_unstable();
        // The nearest rank, so that it is a time that a node really needed.
        let rank = (times.len() as f64 * share).ceil() as usize;
        times.get(rank.saturating_sub(1)).copied()
    }

    pub(crate) fn probes(&self) -> u64 {
        self.samples.iter().map(|s| s.probes).sum()
    }

    pub(crate) fn dials(&self) -> u64 {
        self.samples.iter().map(|s| s.dials).sum()
    }

    /// One line on how far the cluster is, beside the number of those that joined.
    pub(crate) fn outlook(&self) -> String {
        let (components, least) = (self.components, self.kad_peers_min);
        let wanted = self.kad_peers_wanted();
        let text = format!("components: {components}, smallest routing table: {least} of {wanted}");
        match self.stale {
            0 => text,
            stale => format!("{text}, old ids believed in: {stale}"),
        }
    }
}

fn components(samples: &[Sample]) -> usize {
    let numbers = samples.iter().enumerate();
    let numbers: HashMap<_, _> = numbers.map(|(number, s)| (s.peer, number)).collect();
    let mut union = Union::new(samples.len());
    for (number, sample) in samples.iter().enumerate() {
        for peer in sample.connected.iter().chain(&sample.routing_table) {
            if let Some(other) = numbers.get(peer) {
                union.join(number, *other);
            }
        }
    }
    union.components
}

/// A union-find over numbers.
struct Union {
    parents: Vec<usize>,
    components: usize,
}

impl Union {
    fn new(size: usize) -> Self {
        Self { parents: (0..size).collect(), components: size }
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b {
            self.parents[a] = b;
            self.components -= 1;
        }
    }

    fn root(&mut self, mut number: usize) -> usize {
        while self.parents[number] != number {
            // Halves the path, so that the next walk is shorter.
            self.parents[number] = self.parents[self.parents[number]];
            number = self.parents[number];
        }
        number
    }
}
