//! Provider records: what this node provides, and whom it looks for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use clap::Args;
use libp2p::{
    PeerId, Swarm,
    kad::{self, GetProvidersOk, QueryId, QueryResult, RecordKey},
    multihash::Multihash,
    swarm::SwarmEvent,
};
use sha2::{Digest, Sha256};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    behaviour::{Node, NodeEvent},
    common::{member::MemberEvent, run::Stop},
    events::{Event, Events},
};

/// How often is asked for what is not there yet, and for whoever else provides it.
const PACE: Duration = Duration::from_secs(1);
/// The code of SHA-256 in the table of multihashes.
const SHA2_256: u64 = 0x12;

/// Keys are texts; the network knows them by the multihash of their SHA-256, so that `ipfs add
/// --raw-leaves` and this program agree.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Say in the network that this node provides KEY; may be repeated
    #[arg(long, value_name = "KEY")]
    provide: Vec<String>,

    /// Look for those who provide KEY, for as long as this node runs; may be repeated
    #[arg(long, value_name = "KEY")]
    find: Vec<String>,
}

/// What is to be provided and found, and the queries under way for it.
pub(crate) struct Records {
    /// What no other peer has taken yet.
    provide: BTreeSet<String>,
    find: BTreeMap<String, BTreeSet<PeerId>>,
    queries: HashMap<QueryId, Query>,
    pace: Interval,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Query {
    Provide(String),
    Find(String),
}

impl Records {
    pub(crate) fn new(keys: &Keys) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            provide: keys.provide.iter().cloned().collect(),
            find: keys.find.iter().map(|key| (key.clone(), BTreeSet::new())).collect(),
            queries: HashMap::new(),
            pace,
        }
    }

    /// Waits until it is time for [`ask`](Self::ask): for ever, if there is nothing to do.
    pub(crate) async fn due(&mut self) {
        if self.provide.is_empty() && self.find.is_empty() {
            std::future::pending::<()>().await;
        }
        self.pace.tick().await;
    }

    /// Starts the queries that are not under way. Without anybody in the routing table they would
    /// fail.
    pub(crate) fn ask(&mut self, swarm: &mut Swarm<Node>) {
        let member = &mut swarm.behaviour_mut().member;
        if member.routing_table().is_empty() {
            return;
        }
        let provide = self.provide.iter().cloned().map(Query::Provide);
        let find = self.find.keys().cloned().map(Query::Find);
        for query in provide.chain(find).collect::<Vec<_>>() {
            if self.queries.values().any(|under_way| *under_way == query) {
                continue;
            }
            let id = match &query {
                // Fails where the store is full, which one record a key cannot do.
                Query::Provide(text) => member.kad.start_providing(key(text)).ok(),
                Query::Find(text) => Some(member.kad.get_providers(key(text))),
            };
            self.queries.extend(id.map(|id| (id, query)));
        }
    }

    /// Tells what the queries came to.
    pub(crate) fn follow(
        &mut self,
        event: &SwarmEvent<NodeEvent>,
        events: &Events,
    ) -> Result<(), Stop> {
        let SwarmEvent::Behaviour(NodeEvent::Member(MemberEvent::Kad(
            kad::Event::OutboundQueryProgressed { id, result, stats, step },
        ))) = event
        else {
            return Ok(());
        };
        let query = if step.last { self.queries.remove(id) } else { self.queries.get(id).cloned() };
        match (query, result) {
            // The record is sent to the closest; nobody acknowledges it.
            (Some(Query::Provide(key)), QueryResult::StartProviding(Ok(_)))
                if stats.num_successes() > 0 =>
            {
                self.provide.remove(&key);
                events.print(Event::Provided { key })
            }
            (
                Some(Query::Find(key)),
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
            ) => self.found(key, providers, events),
            _ => Ok(()),
        }
    }

    fn found<'a>(
        &mut self,
        key: String,
        providers: impl IntoIterator<Item = &'a PeerId>,
        events: &Events,
    ) -> Result<(), Stop> {
        let known = self.find.entry(key.clone()).or_default();
        let before = known.len();
        known.extend(providers);
        if known.len() == before {
            return Ok(());
        }
        let providers = known.iter().map(PeerId::to_string).collect();
        events.print(Event::Found { key, providers })
    }
}

/// The key of a record, as other implementations make it of a CID.
fn key(text: &str) -> RecordKey {
    let digest = Sha256::digest(text);
    let hash = Multihash::<32>::wrap(SHA2_256, &digest).expect("32 bytes fit");
    RecordKey::new(&hash.to_bytes())
}
