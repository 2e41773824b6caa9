//! What the node tells.

use libp2p::{Multiaddr, Swarm, swarm::SwarmEvent};
use libp2p_dns_discovery::{Event as Discovered, Failure, Isolation, Status, publish};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    NAME,
    behaviour::{Node, NodeEvent},
    common::{
        member::MemberEvent,
        output::{Line, Output, note},
        run::{Stop, causes},
        words,
    },
};

/// Something that happened. Peer ids and addresses are in full.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Listening { peer: String, address: String },
    Resolved { source: String, candidates: Vec<String> },
    Sampled { source: String, sampled: bool },
    Verified { peer: String, address: String },
    Replaced { address: String, old: String, new: String },
    Departed { peer: String, address: String },
    Unreachable { address: String, reason: String },
    Status { status: String },
    Isolated(Isolated),
    Kad { peers: usize },
    Provided { key: String },
    Found { key: String, providers: Vec<String> },
    Published { addresses: Vec<String>, left_out: Vec<String> },
    Removed { addresses: Vec<String> },
    PublishFailed { reason: String, failures: u32, retry_in: f64 },
    Withdrawn,
}

/// Since when, in seconds since the start, and why nobody can be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Isolated {
    since: f64,
    /// How many of the others cannot be reached; the reasons are those of the first of them.
    failed: usize,
    others: usize,
    reasons: Vec<Reason>,
}

/// Why an address is of no use.
#[derive(Debug, Serialize)]
struct Reason {
    address: String,
    reason: String,
}

/// An event and when it happened.
#[derive(Debug, Serialize)]
struct Stamped {
    #[serde(flatten)]
    event: Event,
    /// Milliseconds since the start.
    ms: u64,
}

/// Tells what happens.
pub(crate) struct Events {
    output: Output,
    started: Instant,
    /// The number of peers in the routing table, as last told.
    kad_peers: usize,
    /// The status, as last told.
    status: Option<Status>,
}

impl Events {
    pub(crate) fn new(output: Output) -> Self {
        Self { output, started: Instant::now(), kad_peers: 0, status: None }
    }

    /// Tells how things are before anything has happened.
    pub(crate) fn start(&mut self, swarm: &Swarm<Node>) -> Result<(), Stop> {
        self.tell_status(swarm.behaviour().member.discovery.status())
    }

    /// Tells of what is of interest, and whether the routing table has grown or shrunk.
    pub(crate) fn tell(
        &mut self,
        swarm: &mut Swarm<Node>,
        event: &SwarmEvent<NodeEvent>,
    ) -> Result<(), Stop> {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.print(Event::Listening {
                peer: swarm.local_peer_id().to_string(),
                address: address.to_string(),
            })?,
            SwarmEvent::Behaviour(NodeEvent::Member(MemberEvent::Discovery(event))) => {
                self.tell_discovered(event)?;
            }
            SwarmEvent::Behaviour(NodeEvent::Publisher(event)) => {
                translate_published(event).map_or(Ok(()), |event| self.print(event))?;
            }
            _ => {}
        }
        let peers = swarm.behaviour_mut().member.routing_table().len();
        if std::mem::replace(&mut self.kad_peers, peers) != peers {
            self.print(Event::Kad { peers })?;
        }
        Ok(())
    }

    fn tell_discovered(&mut self, event: &Discovered) -> Result<(), Stop> {
        if let Discovered::Status { status, .. } = event {
            return self.tell_status(*status);
        }
        if let Discovered::Isolated(isolation) = event {
            return self.tell_isolation(isolation);
        }
        if let Discovered::LookupFailed { source, error, failures: 1, .. } = event {
            note(NAME, &words::unresolved(source, error));
        }
        for lack in words::lacking(event) {
            note(NAME, &lack);
        }
        translate(event).map_or(Ok(()), |event| self.print(event))
    }

    /// The discovery also tells when DNS begins or ceases to list this node, which is not told here.
    fn tell_status(&mut self, status: Status) -> Result<(), Stop> {
        if self.status.replace(status) == Some(status) {
            return Ok(());
        }
        let status = status.to_string();
        self.print(Event::Status { status })
    }

    fn tell_isolation(&self, isolation: &Isolation) -> Result<(), Stop> {
        let since = isolation.since.saturating_duration_since(self.started.into_std());
        let reasons = isolation.reasons.iter().map(|(candidate, reason)| Reason {
            address: candidate.to_string(),
            reason: match reason {
                Failure::Rejected(rejection) => words::rejected(rejection),
                _ => reason.to_string(),
            },
        });
        self.print(Event::Isolated(Isolated {
            since: since.as_secs_f64(),
            failed: isolation.failed,
            others: isolation.others,
            reasons: reasons.collect(),
        }))
    }

    pub(crate) fn print(&self, event: Event) -> Result<(), Stop> {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.output.print(&Stamped { event, ms })
    }
}

/// What the discovery tells, as far as it is of interest.
fn translate(event: &Discovered) -> Option<Event> {
    Some(match event {
        Discovered::Resolved { source, candidates, .. } => Event::Resolved {
            source: source.to_string(),
            candidates: candidates.iter().map(ToString::to_string).collect(),
        },
        Discovered::Sampled { source, sampled, .. } => {
            Event::Sampled { source: source.to_string(), sampled: *sampled }
        }
        Discovered::Verified { peer, address, .. } => {
            Event::Verified { peer: peer.to_string(), address: address.to_string() }
        }
        Discovered::Replaced { address, old, new, .. } => Event::Replaced {
            address: address.to_string(),
            old: old.to_string(),
            new: new.to_string(),
        },
        Discovered::Departed { peer, address, .. } => {
            Event::Departed { peer: peer.to_string(), address: address.to_string() }
        }
        _ => translate_failure(event)?,
    })
}

/// The ways in which a candidate can be of no use.
fn translate_failure(event: &Discovered) -> Option<Event> {
    let (address, reason) = match event {
        Discovered::Unreachable { address, reason, .. } => (address, reason.to_string()),
        Discovered::Rejected { address, rejection, .. } => (address, words::rejected(rejection)),
        Discovered::PinMismatch { address, obtained, .. } => {
            (address, Failure::PinMismatch(*obtained).to_string())
        }
        Discovered::Refused { address, peer, .. } => (address, Failure::Refused(*peer).to_string()),
        Discovered::Stranger { address, peer, .. } => {
            (address, Failure::Stranger(*peer).to_string())
        }
        Discovered::SameKey { address, .. } => (address, Failure::SameKey.to_string()),
        Discovered::SharedAddress { address, .. } => (address, Failure::Shared.to_string()),
        _ => return None,
    };
    let address = address.to_string();
    Some(Event::Unreachable { address, reason })
}

/// What the publisher tells.
fn translate_published(event: &publish::Event) -> Option<Event> {
    let texts = |addresses: &[Multiaddr]| addresses.iter().map(ToString::to_string).collect();
    Some(match event {
        publish::Event::Published { addresses, left_out, .. } => {
            Event::Published { addresses: texts(addresses), left_out: texts(left_out) }
        }
        publish::Event::Removed { addresses, .. } => Event::Removed { addresses: texts(addresses) },
        publish::Event::Failed { error, failures, retry_in, .. } => Event::PublishFailed {
            reason: causes(error),
            failures: *failures,
            retry_in: retry_in.as_secs_f64(),
        },
        publish::Event::Withdrawn => Event::Withdrawn,
        _ => return None,
    })
}

impl Line for Stamped {
    fn text(&self) -> Option<String> {
        let what = match &self.event {
            Event::Listening { peer, address } => format!("listening on {address}/p2p/{peer}"),
            Event::Resolved { source, candidates } if candidates.is_empty() => {
                format!("{source} names nobody")
            }
            Event::Resolved { source, candidates } => {
                format!("{source} names {}", candidates.join(", "))
            }
            Event::Sampled { source, sampled: true } => {
                format!("{source} names a few at random, and not all")
            }
            Event::Sampled { source, sampled: false } => format!("{source} names all again"),
            Event::Verified { peer, address } => format!("{peer} lives at {address}"),
            Event::Replaced { address, old, new } => {
                format!("{new} now lives at {address}, in place of {old}")
            }
            Event::Departed { peer, address } => format!("{peer} has left {address}"),
            Event::Unreachable { address, reason } => format!("{address} is out: {reason}"),
            Event::Status { status } => format!("status: {status}"),
            Event::Isolated(isolated) => isolated.text(),
            Event::Kad { peers: 1 } => "1 peer in the routing table".to_owned(),
            Event::Kad { peers } => format!("{peers} peers in the routing table"),
            Event::Provided { key } => format!("told the network that this node provides {key}"),
            Event::Found { key, providers } => {
                format!("{key} is provided by {}", providers.join(", "))
            }
            Event::Published { addresses, left_out } => {
                let left_out = match &left_out[..] {
                    [] => String::new(),
                    left_out => format!("; left out: {}", left_out.join(", ")),
                };
                format!("published {}{left_out}", addresses.join(", "))
            }
            Event::Removed { addresses } => format!("removed {}", addresses.join(", ")),
            Event::PublishFailed { reason, retry_in, .. } => {
                format!("not published, next try in {retry_in:.1} s: {reason}")
            }
            Event::Withdrawn => "withdrawn".to_owned(),
        };
        let seconds = self.ms as f64 / 1000.0;
        Some(format!("{seconds:9.3} s  {what}"))
    }
}

impl Isolated {
    /// Each address was told when it was found to be out, so that one is enough here.
    fn text(&self) -> String {
        let text = format!("isolated: {} of {} others cannot be reached", self.failed, self.others);
        match self.reasons.first() {
            Some(Reason { address, reason }) => format!("{text}, such as {address}: {reason}"),
            None => text,
        }
    }
}
