//! Provider records: what this node provides, and whom it looks for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use clap::Args;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    kad::{self, GetProvidersOk, QueryId, QueryResult, RecordKey},
    multiaddr::Protocol,
    multihash::Multihash,
    swarm::SwarmEvent,
};
use sha2::{Digest, Sha256};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::{
    NAME,
    behaviour::{Node, NodeEvent},
    common::{member::MemberEvent, output::note, run::causes},
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
    /// What was not sent to any other peer yet.
    provide: BTreeSet<String>,
    find: BTreeMap<String, BTreeSet<PeerId>>,
    queries: HashMap<QueryId, Query>,
    pace: Interval,
    /// Whether records have to say where this node is.
    provides: bool,
    /// Whether the others are on this machine.
    loopback: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Query {
    Provide(String),
    Find(String),
}

impl Records {
    pub(crate) fn new(keys: &Keys, loopback: bool) -> Self {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            provide: keys.provide.iter().cloned().collect(),
            find: keys.find.iter().map(|key| (key.clone(), BTreeSet::new())).collect(),
            queries: HashMap::new(),
            pace,
            provides: !keys.provide.is_empty(),
            loopback,
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
                Query::Provide(text) => match member.kad.start_providing(key(text)) {
                    Ok(id) => id,
                    Err(error) => {
                        note(NAME, &format!("{text} cannot be provided: {}", causes(&error)));
                        self.provide.remove(text);
                        continue;
                    }
                },
                Query::Find(text) => member.kad.get_providers(key(text)),
            };
            self.queries.insert(id, query);
        }
    }

    /// Tells what the queries came to, and has records say where this node is.
    pub(crate) fn follow(
        &mut self,
        swarm: &mut Swarm<Node>,
        event: &SwarmEvent<NodeEvent>,
        events: &mut Events,
    ) {
        match event {
            // Kademlia names the external addresses in records; others drop those without any.
            // Members of a deployment reach each other where they listen.
            SwarmEvent::NewListenAddr { address, .. }
                if self.provides && self.reaches_others(address) =>
            {
                swarm.add_external_address(address.clone());
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if self.provides => {
                swarm.remove_external_address(address);
            }
            SwarmEvent::Behaviour(NodeEvent::Member(MemberEvent::Kad(event))) => {
                self.follow_queries(event, events);
            }
            _ => {}
        }
    }

    fn reaches_others(&self, address: &Multiaddr) -> bool {
        let ip = match address.iter().next() {
            Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
            Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
            _ => return false,
        };
        let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
        !link_local && (self.loopback || !ip.is_loopback())
    }

    fn follow_queries(&mut self, event: &kad::Event, events: &mut Events) {
        let kad::Event::OutboundQueryProgressed { id, result, stats, step } = event else {
            return;
        };
        let query = if step.last { self.queries.remove(id) } else { self.queries.get(id).cloned() };
        match (query, result) {
            // The record goes to the closest of those who answered. It may not have left yet, and
            // nobody acknowledges it.
            (Some(Query::Provide(key)), QueryResult::StartProviding(Ok(_)))
                if stats.num_successes() > 0 =>
            {
                self.provide.remove(&key);
                events.print(Event::Provided { key });
            }
            (
                Some(Query::Find(key)),
                QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })),
            ) => self.found(key, providers, events),
            _ => {}
        }
    }

    fn found<'a>(
        &mut self,
        key: String,
        providers: impl IntoIterator<Item = &'a PeerId>,
        events: &mut Events,
    ) {
        let known = self.find.entry(key.clone()).or_default();
        let before = known.len();
        known.extend(providers);
        if known.len() == before {
            return;
        }
        let providers = known.iter().map(PeerId::to_string).collect();
        events.print(Event::Found { key, providers });
    }
}

/// The key of a record, as other implementations make it of a CID.
fn key(text: &str) -> RecordKey {
    let digest = Sha256::digest(text);
    let hash = Multihash::<32>::wrap(SHA2_256, &digest).expect("32 bytes fit");
    RecordKey::new(&hash.to_bytes())
}
