//! How nodes live and die, and what becomes of their addresses.

use std::time::Duration;

use crate::{
    network::Host,
    world::{What, World},
};

/// How long a node that crashes again and again is gone each time.
const CRASH_PAUSE: Duration = Duration::from_secs(1);
/// How long it takes until the death of a silent remote is noticed: QUIC notices after 10 s, ping
/// after 35 s.
const DEATH_NOTICED_MS: std::ops::Range<u64> = 10_000..35_000;

impl World {
    /// Adds a node, lets DNS name it and starts it.
    pub fn add_node(&mut self) -> usize {
        let index = self.nodes.len();
        self.hosts.push(Host::Node);
        self.dns.members.insert(index);
        let node = self.new_life(index, 0);
        self.nodes.push(node);
        let pause = Duration::from_millis(self.rng.u64(..1_000));
        self.after(pause, index, What::Wake);
        index
    }

    /// Pods appear: nobody is named at first. Each step is that at so many milliseconds after the start of the
    /// world, a node begins to run (`true`), or DNS begins to name it (`false`).
    pub fn appear(&mut self, mut steps: Vec<(u64, usize, bool)>) {
        self.dns.members.clear();
        steps.sort_unstable();
        for (at, node, runs) in steps {
            let at = self.start + Duration::from_millis(at);
            self.run(at.saturating_duration_since(self.now));
            if runs {
                self.restart(node);
            } else {
                self.dns.members.insert(node);
            }
        }
    }

    /// Adds an address that DNS names and where no node of its own lives.
    pub fn add_host(&mut self, host: Host) -> usize {
        let index = self.add_node();
        self.nodes[index].up = false;
        self.hosts[index] = host;
        index
    }

    /// The node comes back at its address with a new key. All its connections break.
    pub fn restart(&mut self, index: usize) {
        let life = self.nodes[index].life + 1;
        self.stop(index);
        self.nodes[index] = self.new_life(index, life);
        self.hosts[index] = Host::Node;
        self.after(Duration::from_millis(10), index, What::Wake);
        if let Some(lives) = self.crashing.get(&index) {
            let pause = lives.mul_f64(0.75 + 0.5 * self.rng.f64());
            self.after(pause, index, What::Crash);
        }
    }

    /// The node dies; connections to its address are refused.
    pub fn stop(&mut self, index: usize) {
        self.die(index);
        self.hosts[index] = Host::Refusing;
        self.break_links(index);
    }

    /// The node and its machine die without a word: nobody answers at its address, and those
    /// connected to it take a while to notice.
    pub fn silence(&mut self, index: usize) {
        self.die(index);
        self.hosts[index] = Host::Silent;
        for link in self.nodes[index].links.clone() {
            let notice = Duration::from_millis(self.rng.u64(DEATH_NOTICED_MS));
            self.after(notice, link.to, What::Dead(link.id));
        }
    }

    /// The node dies, and its address passes to another application, which speaks libp2p on the
    /// same port and knows nothing of the discovery.
    pub fn give_away(&mut self, index: usize) {
        self.stop(index);
        self.hosts[index] = Host::Stranger;
    }

    /// From now on, the node crashes again and again, and comes back with a new key each time.
    pub fn crash_loop(&mut self, index: usize, lives: Duration) {
        self.crashing.insert(index, lives);
        self.restart(index);
    }

    fn die(&mut self, index: usize) {
        if !self.nodes[index].up {
            return;
        }
        self.end_isolation(index);
        self.nodes[index].up = false;
        self.died.insert(self.nodes[index].peer, self.now);
    }

    pub(crate) fn crash(&mut self, index: usize) {
        if self.crashing.contains_key(&index) {
            self.stop(index);
            self.after(CRASH_PAUSE, index, What::Start);
        }
    }

    /// Breaks all connections to whoever lived at an address.
    fn break_links(&mut self, index: usize) {
        for link in std::mem::take(&mut self.nodes[index].links) {
            if let Some(back) = self.nodes[link.to].take_link(link.id) {
                self.disconnect(link.to, link.id, &back.peer, true);
            }
        }
    }
}
