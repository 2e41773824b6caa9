//! One node: a swarm in a task of its own, which shows a sample of what it knows.

use std::{
    collections::{BTreeSet, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, core::transport::ListenerId, identity::Keypair,
    swarm::SwarmEvent,
};
use libp2p_dns_discovery::{Config, Event, Source, Status, resolver::hickory::HickoryResolver};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, Interval, MissedTickBehavior},
};

use crate::{
    common::{
        member::{Member, MemberEvent},
        run::Stop,
        transport,
    },
    place::Place,
};

/// The name of the network.
const NETWORK: StreamProtocol = StreamProtocol::new("/dns-discovery-cluster/kad/1.0.0");
/// How often a node shows what it knows, at most.
const SAMPLE: Duration = Duration::from_millis(100);
/// How often a node whose routing table is too small bootstraps again.
const BOOTSTRAP: Duration = Duration::from_secs(2);
/// How often a node that comes back tries to listen where it did before, and for how long: over
/// QUIC, the address is in use until all old connections have ended.
const LISTEN_AGAIN: Duration = Duration::from_millis(50);
const LISTEN_TRIES: u32 = 300;

/// What a node knows and did.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) peer: PeerId,
    pub(crate) joined: bool,
    /// How long after its start it joined, the first time.
    pub(crate) joined_after: Option<Duration>,
    /// How many addresses DNS names.
    pub(crate) candidates: usize,
    /// Who is in the verified peer table.
    pub(crate) verified: BTreeSet<PeerId>,
    /// Where those live that it has selected.
    pub(crate) selected: BTreeSet<Multiaddr>,
    pub(crate) routing_table: BTreeSet<PeerId>,
    pub(crate) connected: BTreeSet<PeerId>,
    /// Dials with a throw-away id.
    pub(crate) probes: u64,
    /// All other dials, those of Kademlia among them.
    pub(crate) dials: u64,
    /// How often it told that DNS gives no answer, or not all of it.
    pub(crate) failed_lookups: u64,
    /// How many entries of the verified peer table it lost.
    pub(crate) losses: u64,
}

/// What all nodes have in common.
pub(crate) struct Setup {
    pub(crate) dns: SocketAddr,
    /// How long a node waits for a reply, if not as long as usual.
    pub(crate) dns_timeout: Option<Duration>,
    pub(crate) source: Source,
    pub(crate) config: Config,
    /// All ids that nodes ever have: a dial to any other is a probe.
    pub(crate) peers: HashSet<PeerId>,
    /// How many peers each routing table should hold.
    pub(crate) wanted: usize,
}

impl Setup {
    fn swarm(&self, key: &Keypair, place: Place, seed: u64) -> Result<Swarm<Member>, Stop> {
        let resolver = HickoryResolver::with_servers([self.dns])
            .map_err(|error| Stop::failed("no resolver", &error))?;
        let resolver = match self.dns_timeout {
            Some(timeout) => resolver.with_timeout(timeout),
            None => resolver,
        };
        let config = self.config.clone().with_seed(seed);
        let member = Member::new(key, NETWORK, resolver, config, [self.source.clone()]);
        match place {
            Place::Tcp(_) => transport::tcp(key.clone(), member),
            Place::Quic(_) => transport::quic(key.clone(), member),
            Place::Memory(_) => transport::memory(key.clone(), member),
        }
    }
}

/// One node.
pub(crate) struct Node {
    setup: Arc<Setup>,
    place: Place,
    seed: u64,
    swarm: Swarm<Member>,
    listener: ListenerId,
    started: Instant,
    sample: watch::Sender<Sample>,
    /// The keys with which it is to come back.
    restarts: mpsc::UnboundedReceiver<Keypair>,
}

/// What is kept of a node that runs.
pub(crate) struct Remote {
    pub(crate) sample: watch::Receiver<Sample>,
    restarts: mpsc::UnboundedSender<Keypair>,
}

impl Remote {
    /// Has the node come back with another key.
    pub(crate) fn restart(&self, key: &Keypair) {
        // Fails only if the node has ended, which is told by its task.
        let _ = self.restarts.send(key.clone());
    }
}

impl Node {
    /// A node that listens, and does nothing else before it is run.
    pub(crate) fn new(
        setup: &Arc<Setup>,
        key: &Keypair,
        place: Place,
        seed: u64,
    ) -> Result<(Self, Remote), Stop> {
        let mut swarm = setup.swarm(key, place, seed)?;
        let listener = listen(&mut swarm, place)?;
        let (sample, shown) = watch::channel(Sample::new(*swarm.local_peer_id()));
        let (restart, restarts) = mpsc::unbounded_channel();
        let (setup, started) = (Arc::clone(setup), Instant::now());
        let node = Self { setup, place, seed, swarm, listener, started, sample, restarts };
        Ok((node, Remote { sample: shown, restarts: restart }))
    }

    pub(crate) async fn run(mut self) -> Result<(), Stop> {
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
                Some(key) = self.restarts.recv() => self.come_back(&key).await?,
            }
        }
    }

    fn handle(&mut self, event: &SwarmEvent<MemberEvent>) {
        self.swarm.behaviour_mut().follow(event);
        match event {
            SwarmEvent::Behaviour(MemberEvent::Discovery(event)) => self.note(event),
            SwarmEvent::Dialing { peer_id, .. } => {
                let probe = peer_id.is_some_and(|peer| !self.setup.peers.contains(&peer));
                self.sample.send_modify(|sample| match probe {
                    true => sample.probes += 1,
                    false => sample.dials += 1,
                });
            }
            _ => {}
        }
    }

    fn note(&self, event: &Event) {
        match event {
            Event::Status { status, .. } => {
                let joined = *status == Status::Joined;
                let after = self.started.elapsed();
                self.sample.send_modify(|sample| {
                    sample.joined = joined;
                    if joined {
                        sample.joined_after.get_or_insert(after);
                    }
                });
            }
            Event::Resolved { candidates, missing, .. } => self.sample.send_modify(|sample| {
                sample.candidates = candidates.len();
                // DNS fell silent in the middle of a refresh.
                sample.failed_lookups += u64::from(missing.is_some());
            }),
            Event::LookupFailed { .. } => self.sample.send_modify(|s| s.failed_lookups += 1),
            Event::Departed { .. } | Event::Unreachable { peer: Some(_), .. } => {
                self.sample.send_modify(|sample| sample.losses += 1);
            }
            _ => {}
        }
    }

    /// Kademlia bootstraps by itself when it hears of somebody new. Where that was before the
    /// others had joined, it found few, and would look again in five minutes only.
    fn bootstrap_again(&mut self) {
        let kad = &mut self.swarm.behaviour_mut().kad;
        let idle = kad.iter_queries().next().is_none();
        if idle && self.sample.borrow().routing_table.len() < self.setup.wanted {
            // Fails only if the routing table is empty: then there is nobody to ask yet.
            let _ = kad.bootstrap();
        }
    }

    fn show(&mut self) {
        let discovery = &self.swarm.behaviour().discovery;
        let verified = discovery.peers().map(|entry| entry.peer).collect();
        let selected = discovery.selected().map(|c| c.address().clone()).collect();
        let routing_table = self.swarm.behaviour_mut().routing_table();
        let connected = self.swarm.connected_peers().copied().collect();
        self.sample.send_modify(|sample| {
            sample.verified = verified;
            sample.selected = selected;
            sample.routing_table = routing_table;
            sample.connected = connected;
        });
    }

    /// Ends, and starts anew with another key at the same address.
    async fn come_back(&mut self, key: &Keypair) -> Result<(), Stop> {
        // Other choices than the last time.
        self.seed = self.seed.rotate_left(1);
        // A memory address is not free just because the swarm that listened there is gone.
        self.swarm.remove_listener(self.listener);
        // The old swarm and its connections end here.
        self.swarm = self.setup.swarm(key, self.place, self.seed)?;
        let peer = *self.swarm.local_peer_id();
        self.sample.send_modify(|old| *old = old.after_restart(peer));
        for tries in 1.. {
            match listen(&mut self.swarm, self.place) {
                Ok(listener) => {
                    self.listener = listener;
                    break;
                }
                Err(stop) if tries == LISTEN_TRIES => return Err(stop),
                // Nothing tells when the system has freed the old listener's address.
                Err(_) => tokio::time::sleep(LISTEN_AGAIN).await,
            }
        }
        Ok(())
    }
}

impl Sample {
    fn new(peer: PeerId) -> Self {
        Self {
            peer,
            joined: false,
            joined_after: None,
            candidates: 0,
            verified: BTreeSet::new(),
            selected: BTreeSet::new(),
            routing_table: BTreeSet::new(),
            connected: BTreeSet::new(),
            probes: 0,
            dials: 0,
            failed_lookups: 0,
            losses: 0,
        }
    }

    /// Nothing is known any more; what was done is still counted.
    fn after_restart(&self, peer: PeerId) -> Self {
        Self {
            joined_after: self.joined_after,
            probes: self.probes,
            dials: self.dials,
            failed_lookups: self.failed_lookups,
            losses: self.losses,
            ..Self::new(peer)
        }
    }
}

fn listen(swarm: &mut Swarm<Member>, place: Place) -> Result<ListenerId, Stop> {
    let address = place.multiaddr();
    match swarm.listen_on(address.clone()) {
        Ok(listener) => Ok(listener),
        Err(error) => Err(Stop::failed(&format!("cannot listen on {address}"), &error)),
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
