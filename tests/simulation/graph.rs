//! What can be asked of a world: who selected whom, what hangs together, what is out of date.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{Status, discovery::Discovery};
use web_time::Instant;

use crate::{
    network::Host,
    world::{Node, World, index_of},
};

impl World {
    /// The nodes that are up.
    pub fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|index| self.nodes[*index].up)
    }

    /// The nodes that are up and stay so.
    pub fn steady(&self) -> impl Iterator<Item = usize> {
        self.living().filter(|node| !self.crashing.contains_key(node))
    }

    /// The nodes that a node has selected, living ones only.
    pub fn selected(&self, node: usize) -> Vec<usize> {
        let core = &self.nodes[node].core;
        core.selected().filter_map(|candidate| self.lives_at(core, candidate.address())).collect()
    }

    /// The living node that a core believes to live at an address.
    fn lives_at(&self, core: &Discovery, address: &Multiaddr) -> Option<usize> {
        let index = index_of(address);
        let index = match self.hosts[index] {
            // Somebody else lives there each time.
            Host::Balanced { .. } => *self.owner.get(&core.peer_at(address)?.peer)?,
            _ => index,
        };
        let Node { up, peer, .. } = &self.nodes[index];
        (*up && core.addresses_of(peer).any(|known| known == address)).then_some(index)
    }

    /// Components of the graph of selections.
    pub fn components_by_selection(&self) -> usize {
        let edges = self.living().flat_map(|n| self.selected(n).into_iter().map(move |m| (n, m)));
        self.components(edges.collect())
    }

    /// Components of the graph of connections made since `since`.
    pub fn components_by_connections(&self, since: Instant) -> usize {
        let recent = self.met.iter().filter(|(_, at)| **at >= since);
        self.components(recent.map(|(edge, _)| *edge).collect())
    }

    fn components(&self, edges: Vec<(usize, usize)>) -> usize {
        let mut root: Vec<usize> = (0..self.nodes.len()).collect();
        fn find(root: &mut [usize], mut n: usize) -> usize {
            while root[n] != n {
                root[n] = root[root[n]];
                n = root[n];
            }
            n
        }
        for (a, b) in edges {
            let (a, b) = (find(&mut root, a), find(&mut root, b));
            root[a] = b;
        }
        self.living().map(|n| find(&mut root, n)).collect::<HashSet<_>>().len()
    }

    /// How many selections name each node, the most.
    pub fn most_selected(&self) -> usize {
        let mut count = HashMap::<usize, usize>::new();
        for node in self.living() {
            for selected in self.selected(node) {
                *count.entry(selected).or_default() += 1;
            }
        }
        count.into_values().max().unwrap_or(0)
    }

    pub fn all_joined(&self) -> bool {
        self.living().all(|n| self.nodes[n].core.status() == Status::Joined)
    }

    /// How many places of living nodes are taken by an identity that is no more.
    pub fn stale_selections(&self) -> usize {
        let stale = |n: usize| self.nodes[n].core.selected().count() - self.selected(n).len();
        self.living().map(stale).sum()
    }

    /// How many entries of living nodes name an identity that is no more.
    pub fn stale_entries(&self) -> usize {
        self.stale().count()
    }

    /// For how long, at most, an entry has named an identity to which the connection broke.
    pub fn longest_lost(&self) -> Duration {
        let lost = self.stale().filter_map(|key| self.lost.get(&key));
        lost.map(|at| self.now - *at).max().unwrap_or_default()
    }

    /// For how long, at most, a place has been taken by an identity that died.
    pub fn longest_misplaced(&self) -> Duration {
        let stale = self.stale().filter(|(n, peer)| self.nodes[*n].core.is_selected(peer));
        let died = stale.filter_map(|(_, peer)| self.died.get(&peer));
        died.map(|at| self.now - *at).max().unwrap_or_default()
    }

    /// How many living nodes still believe that one of these lives anywhere.
    pub fn believers(&self, peers: &[PeerId]) -> usize {
        let knows = |n: &usize, peer| self.nodes[*n].core.addresses_of(peer).next().is_some();
        self.living().filter(|n| peers.iter().any(|peer| knows(n, peer))).count()
    }

    fn stale(&self) -> impl Iterator<Item = (usize, PeerId)> {
        let current: HashSet<PeerId> = self.living().map(|n| self.nodes[n].peer).collect();
        let entries =
            self.living().flat_map(|n| self.nodes[n].core.peers().map(move |e| (n, e.peer)));
        entries.filter(move |(_, peer)| !current.contains(peer))
    }

    /// Dials of all nodes in their present lives.
    pub fn dials(&self) -> usize {
        self.nodes.iter().map(|n| n.dials).sum()
    }

    /// Look-ups of all nodes in their present lives.
    pub fn queries(&self) -> usize {
        self.nodes.iter().map(|n| n.queries).sum()
    }
}
