//! The nodes: each a swarm in a task of its own, which shows a sample of what it knows.

use std::{
    collections::{BTreeSet, HashSet},
    net::SocketAddr,
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use libp2p::{PeerId, Swarm, swarm::SwarmEvent};
use libp2p_dns_discovery::{
    Config, Event, Filter, Selection, Status, resolver::hickory::HickoryResolver,
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    Args,
    common::{
        member::{Member, MemberEvent},
        run::Stop,
        transport,
    },
    picture::{self, Picture},
    plan::{Home, Place, Plan},
};

/// The name of the network.
const NETWORK: &str = "/dns-discovery-cluster/kad/1.0.0";
/// How often a node shows what it knows, at most.
const SAMPLE: Duration = Duration::from_millis(100);
/// How often a node whose routing table is too small bootstraps again.
const BOOTSTRAP: Duration = Duration::from_secs(2);

/// What a node knows and did.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) peer: PeerId,
    pub(crate) joined: bool,
    /// How long after its start it joined, the first time.
    pub(crate) joined_after: Option<Duration>,
    /// Entries of the verified peer table.
    pub(crate) verified: usize,
    pub(crate) routing_table: BTreeSet<PeerId>,
    pub(crate) connected: BTreeSet<PeerId>,
    /// Dials with a throw-away id.
    pub(crate) probes: u64,
    /// All other dials, those of Kademlia among them.
    pub(crate) dials: u64,
}

/// All nodes. They end when this is dropped.
pub(crate) struct Nodes {
    samples: Vec<watch::Receiver<Sample>>,
    peers: Arc<HashSet<PeerId>>,
    selection: Selection,
    tasks: JoinSet<()>,
}

impl Nodes {
    /// Starts all nodes. All of them listen before the first one looks for others.
    pub(crate) fn start(
        plan: &Plan,
        dns: SocketAddr,
        args: &Args,
        seed: u64,
    ) -> Result<Self, Stop> {
        let peers = Arc::new(plan.peers());
        let mut nodes = Vec::with_capacity(plan.size());
        for (number, home) in plan.homes().iter().enumerate() {
            let seed = seed.wrapping_add(number as u64);
            let swarm = swarm(home, plan, dns, args, seed)?;
            nodes.push(Node::new(swarm, Arc::clone(&peers)));
        }
        let samples = nodes.iter().map(|node| node.sample.subscribe()).collect();
        let mut tasks = JoinSet::new();
        for node in nodes {
            tasks.spawn(node.run());
        }
        Ok(Self { samples, peers, selection: args.select, tasks })
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// Looks at all nodes.
    pub(crate) fn look(&self) -> Picture {
        let samples = self.samples.iter().map(|s| s.borrow().clone()).collect();
        Picture::new(samples, &self.peers, self.selection)
    }

    /// Waits for a node to end, which it does not do in the ordinary course of things.
    pub(crate) async fn ended(&mut self) -> Stop {
        match self.tasks.join_next().await {
            Some(Err(error)) => Stop::failed("a node has ended", &error),
            _ => Stop::Failed("a node has ended".to_owned()),
        }
    }
}

fn swarm(
    home: &Home,
    plan: &Plan,
    dns: SocketAddr,
    args: &Args,
    seed: u64,
) -> Result<Swarm<Member>, Stop> {
    let resolver = HickoryResolver::with_servers([dns])
        .map_err(|error| Stop::failed("no resolver", &error))?;
    let config = config(plan, args, seed);
    let member = Member::new(&home.key, NETWORK, resolver, config, [plan.source()?]);
    let key = home.key.clone();
    let mut swarm = match home.address {
        Place::Tcp(_) => transport::tcp(key, member)?,
        Place::Memory(_) => transport::memory(key, member)?,
    };
    let address = home.address.multiaddr();
    match swarm.listen_on(address.clone()) {
        Ok(_) => Ok(swarm),
        Err(error) => Err(Stop::failed(&format!("cannot listen on {address}"), &error)),
    }
}

fn config(plan: &Plan, args: &Args, seed: u64) -> Config {
    let filter = Filter::default().with_loopback(true).with_memory(true);
    let config = Config::new()
        .with_selection(args.select)
        .with_identify(args.identify.into())
        .with_filter(filter)
        .with_seed(seed);
    match NonZeroUsize::new(plan.size()) {
        // The bound is meant for hosts that are somebody's, not for one that is everybody's.
        Some(all) if plan.is_one_address() => config.with_max_probes_per_host(all),
        _ => config,
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// One node.
struct Node {
    swarm: Swarm<Member>,
    started: Instant,
    sample: watch::Sender<Sample>,
    /// All nodes' ids: a dial to any other is a probe.
    peers: Arc<HashSet<PeerId>>,
    /// How many peers the routing table should hold.
    wanted: usize,
}

impl Node {
    fn new(swarm: Swarm<Member>, peers: Arc<HashSet<PeerId>>) -> Self {
        let (sample, _) = watch::channel(Sample {
            peer: *swarm.local_peer_id(),
            joined: false,
            joined_after: None,
            verified: 0,
            routing_table: BTreeSet::new(),
            connected: BTreeSet::new(),
            probes: 0,
            dials: 0,
        });
        Self {
            swarm,
            started: Instant::now(),
            sample,
            wanted: picture::kad_peers_wanted(peers.len()),
            peers,
        }
    }

    async fn run(mut self) {
        self.started = Instant::now();
        let mut samples = every(SAMPLE);
        let mut bootstraps = every(BOOTSTRAP);
        let mut changed = true;
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => {
                    self.handle(&event);
                    changed = true;
                }
                _ = samples.tick(), if changed => {
                    self.show();
                    changed = false;
                }
                _ = bootstraps.tick() => self.bootstrap_again(),
            }
        }
    }

    fn handle(&mut self, event: &SwarmEvent<MemberEvent>) {
        self.swarm.behaviour_mut().follow(event);
        match event {
            SwarmEvent::Behaviour(MemberEvent::Discovery(Event::Status { status, .. })) => {
                let joined = *status == Status::Joined;
                let after = self.started.elapsed();
                self.sample.send_modify(|sample| {
                    sample.joined = joined;
                    if joined {
                        sample.joined_after.get_or_insert(after);
                    }
                });
            }
            SwarmEvent::Dialing { peer_id, .. } => {
                let probe = peer_id.is_some_and(|peer| !self.peers.contains(&peer));
                self.sample.send_modify(|sample| match probe {
                    true => sample.probes += 1,
                    false => sample.dials += 1,
                });
            }
            _ => {}
        }
    }

    /// Kademlia bootstraps by itself when it hears of somebody new. Where that was before the
    /// others had joined, it found few, and would look again in five minutes only.
    fn bootstrap_again(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        let idle = kad.iter_queries().next().is_none();
        if idle && self.sample.borrow().routing_table.len() < self.wanted {
            // Fails only if the routing table is empty: then there is nobody to ask yet.
            let _ = kad.bootstrap();
        }
    }

    fn show(&mut self) {
        let verified = self.swarm.behaviour().discovery.peers().count();
        let routing_table = self.swarm.behaviour_mut().routing_table();
        let connected = self.swarm.connected_peers().copied().collect();
        self.sample.send_modify(|sample| {
            sample.verified = verified;
            sample.routing_table = routing_table;
            sample.connected = connected;
        });
    }
}
