//! What the node tells.

use std::{net::SocketAddr, time::Duration};

use libp2p::{Multiaddr, Swarm, swarm::SwarmEvent};
use libp2p_dns_discovery::{Event as Discovered, Failure, Isolation, Status, publish};
use serde::Serialize;
use tokio::{sync::watch, time::Instant};

use crate::{
    NAME,
    behaviour::{Node, NodeEvent},
    clock::Clock,
    common::{
        member::MemberEvent,
        output::{Line, Output, note},
        run::causes,
        words,
    },
    recent::Recent,
    troubles::Troubles,
};

/// Something that happened. Peer ids and addresses are in full.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    Listening {
        peer: String,
        address: String,
    },
    Resolved {
        source: String,
        candidates: Vec<String>,
    },
    Sampled {
        source: String,
        sampled: bool,
    },
    Verified {
        peer: String,
        address: String,
    },
    Replaced {
        address: String,
        old: String,
        new: String,
    },
    Departed {
        peer: String,
        address: String,
    },
    Unreachable {
        address: String,
        reason: String,
    },
    Status {
        status: String,
    },
    Isolated(Isolated),
    Kad {
        peers: usize,
    },
    Provided {
        key: String,
    },
    Found {
        key: String,
        providers: Vec<String>,
    },
    Published {
        addresses: Vec<String>,
        left_out: Vec<String>,
    },
    Removed {
        addresses: Vec<String>,
    },
    PublishFailed {
        reason: String,
        failures: u32,
        retry_in: f64,
    },
    Withdrawn,
    /// Where the pages are.
    Http {
        address: SocketAddr,
    },
    /// It was asked to end, and serves those who do not know yet for so many seconds.
    Leaving {
        drain: f64,
    },
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

/// What a readiness probe is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) status: Status,
    /// Since when that is so.
    pub(crate) since: Instant,
    /// The node was asked to end.
    pub(crate) leaving: bool,
}

impl Standing {
    pub(crate) fn is_ready(self) -> bool {
        self.status.is_ready() && !self.leaving
    }
}

/// Tells what happens.
pub(crate) struct Events {
    output: Output,
    clock: Clock,
    /// The number of peers in the routing table, as last told.
    kad_peers: usize,
    /// How things stand, once that was told.
    standing: watch::Sender<Option<Standing>>,
    recent: Recent,
    troubles: Troubles,
    /// What it prints could not be written.
    unread: bool,
}

impl Events {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            output,
            clock: Clock::start(),
            kad_peers: 0,
            standing: watch::Sender::new(None),
            recent: Recent::default(),
            troubles: Troubles::default(),
            unread: false,
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// How things stand; `None` before the start.
    pub(crate) fn standing(&self) -> Option<Standing> {
        *self.standing.borrow()
    }

    /// The same, for other tasks, and as it changes.
    pub(crate) fn watch_standing(&self) -> watch::Receiver<Option<Standing>> {
        self.standing.subscribe()
    }

    /// What was told lately.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Which sources could not be looked up, and why.
    pub(crate) fn troubles(&self) -> &Troubles {
        &self.troubles
    }

    /// Tells how things are before anything has happened.
    pub(crate) fn start(&mut self, swarm: &Swarm<Node>) {
        self.tell_status(swarm.behaviour().member.discovery.status());
    }

    /// Tells that the node leaves. A probe hears of it first.
    pub(crate) fn leave(&mut self, drain: Duration) {
        self.standing.send_modify(|standing| {
            if let Some(standing) = standing {
                standing.leaving = true;
            }
        });
        self.print(Event::Leaving { drain: drain.as_secs_f64() });
    }

    /// Tells of what is of interest, and whether the routing table has grown or shrunk.
    pub(crate) fn tell(&mut self, swarm: &mut Swarm<Node>, event: &SwarmEvent<NodeEvent>) {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => self.print(Event::Listening {
                peer: swarm.local_peer_id().to_string(),
                address: address.to_string(),
            }),
            SwarmEvent::Behaviour(NodeEvent::Member(MemberEvent::Discovery(event))) => {
                self.tell_discovered(event);
            }
            SwarmEvent::Behaviour(NodeEvent::Publisher(event)) => {
                translate_published(event).into_iter().for_each(|event| self.print(event));
            }
            _ => {}
        }
        let peers = swarm.behaviour_mut().member.known();
        if std::mem::replace(&mut self.kad_peers, peers) != peers {
            self.print(Event::Kad { peers });
        }
    }

    fn tell_discovered(&mut self, event: &Discovered) {
        self.troubles.follow(event);
        if let Discovered::Status { status, .. } = event {
            return self.tell_status(*status);
        }
        if let Discovered::Isolated(isolation) = event {
            return self.tell_isolation(isolation);
        }
        if let Discovered::LookupFailed { source, error, failures: 1, .. } = event {
            self.note(&words::unresolved(source, error));
        }
        for lack in words::lacking(event) {
            self.note(&lack);
        }
        translate(event).into_iter().for_each(|event| self.print(event));
    }

    /// The discovery also tells when DNS begins or ceases to list this node, which is not told here.
    fn tell_status(&mut self, status: Status) {
        let before = self.standing();
        if before.is_some_and(|before| before.status == status) {
            return;
        }
        let leaving = before.is_some_and(|before| before.leaving);
        // A probe that comes after the line has to be told the same.
        self.standing.send_replace(Some(Standing { status, since: Instant::now(), leaving }));
        let status = status.to_string();
        self.print(Event::Status { status });
    }

    fn tell_isolation(&mut self, isolation: &Isolation) {
        let since = self.clock.ms(isolation.since.into()) as f64 / 1000.0;
        let reasons = isolation.reasons.iter().map(|(candidate, failure)| Reason {
            address: candidate.to_string(),
            reason: words::failed(failure),
        });
        self.print(Event::Isolated(Isolated {
            since,
            failed: isolation.failed,
            others: isolation.others,
            reasons: reasons.collect(),
        }));
    }

    /// Tells people something beside the events.
    fn note(&mut self, text: &str) {
        note(NAME, text);
        self.recent.add(self.clock.ms(Instant::now()), text);
    }

    /// Prints an event. A node is there for the others: it goes on where nobody reads what it prints.
    pub(crate) fn print(&mut self, event: Event) {
        let ms = self.clock.ms(Instant::now());
        self.recent.add(ms, &event.brief());
        let printed = self.output.print(&Stamped { event, ms });
        if let Err(stop) = printed
            && !std::mem::replace(&mut self.unread, true)
        {
            self.note(&format!("{stop}; the node goes on"));
        }
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
        let seconds = self.ms as f64 / 1000.0;
        Some(format!("{seconds:9.3} s  {}", self.event.text()))
    }
}

impl Event {
    /// What happened, in words, without lists that can be long.
    fn brief(&self) -> String {
        match self {
            Self::Resolved { source, candidates } if !candidates.is_empty() => {
                format!("{source} names {} candidates", candidates.len())
            }
            _ => self.text(),
        }
    }

    /// What happened, in words.
    fn text(&self) -> String {
        match self {
            Self::Listening { peer, address } => format!("listening on {address}/p2p/{peer}"),
            Self::Resolved { source, candidates } if candidates.is_empty() => {
                format!("{source} names nobody")
            }
            Self::Resolved { source, candidates } => {
                format!("{source} names {}", candidates.join(", "))
            }
            Self::Sampled { source, sampled: true } => {
                format!("{source} names a few at random, and not all")
            }
            Self::Sampled { source, sampled: false } => format!("{source} names all again"),
            Self::Verified { peer, address } => format!("{peer} lives at {address}"),
            Self::Replaced { address, old, new } => {
                format!("{new} now lives at {address}, in place of {old}")
            }
            Self::Departed { peer, address } => format!("{peer} has left {address}"),
            Self::Unreachable { address, reason } => format!("{address} is out: {reason}"),
            Self::Status { status } => format!("status: {status}"),
            Self::Isolated(isolated) => isolated.text(),
            Self::Kad { peers: 1 } => "1 peer in the routing table".to_owned(),
            Self::Kad { peers } => format!("{peers} peers in the routing table"),
            Self::Provided { key } => format!("told the network that this node provides {key}"),
            Self::Found { key, providers } => {
                format!("{key} is provided by {}", providers.join(", "))
            }
            Self::Published { addresses, left_out } => {
                let left_out = match &left_out[..] {
                    [] => String::new(),
                    left_out => format!("; left out: {}", left_out.join(", ")),
                };
                format!("published {}{left_out}", addresses.join(", "))
            }
            Self::Removed { addresses } => format!("removed {}", addresses.join(", ")),
            Self::PublishFailed { reason, retry_in, .. } => {
                format!("not published, next try in {retry_in:.1} s: {reason}")
            }
            Self::Withdrawn => "withdrawn".to_owned(),
            Self::Http { address } => format!("pages at http://{address}/"),
            Self::Leaving { drain } => format!("leaving in {drain} s"),
        }
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
