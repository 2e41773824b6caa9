//! A node that looks up one source, and what it tells.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use futures::StreamExt;
use libp2p::{
    Swarm, Transport,
    core::{transport::MemoryTransport, upgrade::Version},
    identity::Keypair,
    noise,
    swarm::{self, SwarmEvent},
    yamux,
};
use libp2p_dns_discovery::{
    Behaviour, Candidate, Config, Event, LookupError, Source, Status,
    resolver::hickory::HickoryResolver,
};
use tokio::time::timeout;

use crate::program::PATIENCE;

/// How long a reply may take: nobody is late, however busy the machine is.
pub(super) const REPLY_TIME: Duration = Duration::from_secs(30);
/// Long enough for many replies, one after another.
const LOOKUP_TIME: Duration = Duration::from_secs(120);

/// A node. All that it can dial is memory, so that no candidate is ever reached.
pub(super) struct Node {
    swarm: Swarm<Behaviour<HickoryResolver>>,
    source: Source,
    events: Vec<Event>,
}

/// What a look-up came to, as far as it was told.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Resolved { candidates: Vec<String>, complete: bool },
    Failed(LookupError),
}

impl Node {
    /// A node with the default configuration, but for its patience.
    pub(super) fn new(server: SocketAddr, source: &str) -> Self {
        Self::of_servers([server], source)
    }

    /// The same, with several servers.
    pub(super) fn of_servers(servers: impl IntoIterator<Item = SocketAddr>, source: &str) -> Self {
        Self::with(Config::new(), REPLY_TIME, servers, source)
    }

    pub(super) fn with(
        config: Config,
        reply_time: Duration,
        servers: impl IntoIterator<Item = SocketAddr>,
        source: &str,
    ) -> Self {
        let source: Source = source.parse().expect("it is a source");
        let key = Keypair::generate_ed25519();
        let (id, transport) = (key.public().to_peer_id(), MemoryTransport::default());
        let transport = transport
            .upgrade(Version::V1)
            .authenticate(noise::Config::new(&key).expect("it is a key"))
            .multiplex(yamux::Config::default())
            .boxed();
        let resolver = HickoryResolver::with_servers(servers)
            .expect("there is one")
            .with_timeout(reply_time)
            .with_attempts(NonZeroU32::MIN);
        let config = config.with_lookup_timeout(LOOKUP_TIME);
        let behaviour = Behaviour::with_sources(resolver, config, id, [source.clone()]);
        let config = swarm::Config::with_tokio_executor();
        let swarm = Swarm::new(transport, behaviour, id, config);
        Self { swarm, source, events: Vec::new() }
    }

    /// Asks again at once.
    pub(super) fn refresh(&mut self) {
        self.swarm.behaviour_mut().refresh();
    }

    /// The outcome that is told next.
    pub(super) async fn outcome(&mut self) -> Outcome {
        self.until("tells an outcome", |event| match event {
            Event::Resolved { candidates, complete, .. } => {
                Some(Outcome::Resolved { candidates: texts(candidates), complete: *complete })
            }
            Event::LookupFailed { error, .. } => Some(Outcome::Failed(error.clone())),
            _ => None,
        })
        .await
    }

    /// Waits until it has resolved its source to these, and no others.
    pub(super) async fn resolves(&mut self, wanted: &[String]) {
        let last = self.candidates().len();
        let what = format!("knows {} candidates, after {last}", wanted.len());
        self.until(&what, |event| match event {
            Event::Resolved { candidates, complete: true, .. } => {
                (texts(candidates) == wanted).then_some(())
            }
            _ => None,
        })
        .await;
    }

    /// Waits for the next failure.
    pub(super) async fn fails(&mut self) -> LookupError {
        self.until("fails", |event| match event {
            Event::LookupFailed { error, .. } => Some(error.clone()),
            _ => None,
        })
        .await
    }

    pub(super) async fn becomes(&mut self, wanted: Status) {
        if self.status() != wanted {
            self.until(&format!("is {wanted}"), |event| match event {
                Event::Status { status, .. } => (*status == wanted).then_some(()),
                _ => None,
            })
            .await;
        }
    }

    /// Waits until it knows more candidates than so many.
    pub(super) async fn grows(&mut self, from: usize) {
        self.until("grows", |event| match event {
            Event::Resolved { candidates, .. } => (candidates.len() > from).then_some(()),
            _ => None,
        })
        .await;
    }

    /// Runs until it tells that its candidates changed, for a time at the most.
    pub(super) async fn resolves_within(&mut self, time: Duration) {
        let changed = |event: &Event| matches!(event, Event::Resolved { .. }).then_some(());
        // Both ends are good.
        let _ = timeout(time, self.until_or_never(changed)).await;
    }

    /// Runs for a time.
    pub(super) async fn runs_for(&mut self, time: Duration) {
        let forever = self.until_or_never(|_| None::<()>);
        // It ends by the time alone.
        let _ = timeout(time, forever).await;
    }

    /// Waits for an event that gives an answer.
    async fn until<T>(&mut self, what: &str, answer: impl FnMut(&Event) -> Option<T>) -> T {
        match timeout(PATIENCE, self.until_or_never(answer)).await {
            Ok(answer) => answer,
            Err(_) => {
                let events = format!("{:?}", self.events.iter().rev().take(3).collect::<Vec<_>>());
                let events: String = events.chars().take(1_500).collect();
                panic!("the node never {what}; last events: {events}")
            }
        }
    }

    async fn until_or_never<T>(&mut self, mut answer: impl FnMut(&Event) -> Option<T>) -> T {
        loop {
            if let SwarmEvent::Behaviour(event) = self.swarm.select_next_some().await {
                let answer = answer(&event);
                self.events.push(event);
                if let Some(answer) = answer {
                    return answer;
                }
            }
        }
    }

    pub(super) fn status(&self) -> Status {
        self.swarm.behaviour().status()
    }

    /// What it knows now.
    pub(super) fn candidates(&self) -> Vec<String> {
        let known: Option<Arc<[_]>> = self.swarm.behaviour().candidates_of(&self.source);
        known.map(|known| texts(&known)).unwrap_or_default()
    }

    /// How often in a row it had failed when it last told so.
    pub(super) fn failures(&self) -> u32 {
        let failures = self.events.iter().rev().find_map(|event| match event {
            Event::LookupFailed { failures, .. } => Some(*failures),
            _ => None,
        });
        failures.unwrap_or_default()
    }

    /// All that it has told.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }
}

pub(super) fn texts(candidates: &[Candidate]) -> Vec<String> {
    candidates.iter().map(ToString::to_string).collect()
}
