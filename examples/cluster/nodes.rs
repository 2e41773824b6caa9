//! All nodes together.

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc};

use libp2p::PeerId;
use libp2p_dns_discovery::{Config, Filter, Selection};
use tokio::task::JoinSet;

use crate::{
    args::{Args, Counts},
    common::run::Stop,
    node::{Node, Remote, Setup},
    picture::Picture,
    plan::{Home, Plan},
    wanted::{self, Pace},
};

/// All nodes that live. They end when this is dropped.
pub(crate) struct Nodes {
    setup: Arc<Setup>,
    counts: Counts,
    selection: Selection,
    seed: u64,
    remotes: Vec<Remote>,
    tasks: JoinSet<Result<(), Stop>>,
}

impl Nodes {
    /// Starts all nodes. All of them listen before the first one looks for others.
    pub(crate) fn start(
        plan: &Plan,
        dns: SocketAddr,
        args: &Args,
        seed: u64,
    ) -> Result<Self, Stop> {
        let counts = plan.counts();
        let setup = Arc::new(Setup {
            dns,
            dns_timeout: args.dns_outage.map(|_| Pace::DNS_TIMEOUT),
            source: plan.source()?,
            config: config(plan, args),
            peers: plan.peers(),
            wanted: wanted::kad_peers(counts.living),
        });
        let (remotes, tasks) = (Vec::new(), JoinSet::new());
        let mut this = Self { setup, counts, selection: args.select, seed, remotes, tasks };
        let nodes = plan.homes().iter().map(|home| this.make(home));
        for node in nodes.collect::<Result<Vec<_>, _>>()? {
            this.tasks.spawn(node.run());
        }
        Ok(this)
    }

    /// Starts one node more.
    pub(crate) fn add(&mut self, home: &Home) -> Result<(), Stop> {
        let node = self.make(home)?;
        self.tasks.spawn(node.run());
        self.counts.living += 1;
        Ok(())
    }

    fn make(&mut self, home: &Home) -> Result<Node, Stop> {
        let seed = self.seed.wrapping_add(self.remotes.len() as u64);
        let (node, remote) = Node::new(&self.setup, &home.key, home.address, seed)?;
        self.remotes.push(remote);
        Ok(node)
    }

    /// Has a node come back as somebody else, and says as whom.
    pub(crate) fn restart(&self, number: usize, home: &Home) -> PeerId {
        self.remotes[number].restart(&home.next_key);
        home.next_key.public().to_peer_id()
    }

    /// How many there are of each kind by now.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// What is known before the first look.
    pub(crate) fn unseen(&self) -> Picture {
        Picture::new(Vec::new(), self.counts, self.selection)
    }

    /// Looks at all nodes.
    pub(crate) fn look(&self) -> Picture {
        let samples = self.remotes.iter().map(|r| r.sample.borrow().clone()).collect();
        Picture::new(samples, self.counts, self.selection)
    }

    /// Waits for a node to end, which it does not do in the ordinary course of things.
    pub(crate) async fn ended(&mut self) -> Stop {
        match self.tasks.join_next().await {
            Some(Ok(Err(stop))) => stop,
            Some(Err(error)) => Stop::failed("a node has ended", &error),
            _ => Stop::Failed("a node has ended".to_owned()),
        }
    }
}

fn config(plan: &Plan, args: &Args) -> Config {
    let filter = Filter::default().with_loopback(true).with_memory(true);
    let mut config = Config::new()
        .with_selection(args.select)
        .with_identify(args.identify.into())
        .with_filter(filter);
    let named = plan.counts().named();
    let pace = Pace::new(plan.counts(), args.select);
    if args.is_trial() {
        config = config.with_reverify_interval(pace.reverify);
    }
    // Only where it is needed: the DNS server is part of this process too.
    if args.dns_outage.is_some() {
        config = config.with_min_refresh(pace.refresh).with_max_refresh(pace.longest_refresh);
    }
    match NonZeroUsize::new(named + 1) {
        // The bound is meant for hosts that are somebody's, not for one that is everybody's.
        Some(all) if plan.is_one_address() => {
            config.map_limits(|limits| limits.with_probes_per_host(all))
        }
        _ => config,
    }
}
