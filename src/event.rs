//! What the discovery reports: [`Event`], [`Status`] and the reasons in them.

use std::{fmt, sync::Arc, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{
    candidate::Candidate,
    filter::Rejection,
    record::Dropped,
    resolver::{LookupError, Proof},
    source::Source,
};

mod log;

/// Something that the discovery learned, or that changed.
///
/// ```
/// use libp2p_dns_discovery::{Event, Status};
///
/// fn on_event(event: &Event) {
///     if let Some((peer, address)) = event.found() {
///         println!("{peer} is at {address}");
///     }
///     if let Some((peer, _)) = event.gone() {
///         println!("{peer} is gone");
///     }
///     match event {
///         Event::Status { status: Status::Isolated, .. } => println!("no peer can be reached"),
///         Event::Resolved { source, candidates, .. } => {
///             println!("{source} names {} addresses", candidates.len());
///         }
///         // Later versions may add events.
///         _ => {}
///     }
/// }
/// # use libp2p_dns_discovery::{Config, discovery::{Discovery, Output}};
/// #
/// # let (peer, now) = (libp2p_identity::PeerId::random(), web_time::Instant::now());
/// # let mut discovery = Discovery::new(Config::new(), peer, 7, now);
/// # discovery.add_source("/ip4/10.0.0.7/tcp/4001".parse()?, now);
/// # let mut told = 0;
/// # while let Some(output) = discovery.poll_output(now) {
/// #     if let Output::Event(event) = output {
/// #         on_event(&event);
/// #         told += usize::from(matches!(event, Event::Resolved { .. }));
/// #     }
/// # }
/// # assert_eq!(told, 1);
/// # Ok::<_, libp2p_dns_discovery::SourceError>(())
/// ```
///
/// While nothing changes, no event is reported, and no event is reported twice for one state.
///
/// An *entry* is a row in the [table of verified peers](crate::VerifiedPeer): a peer, and an address at
/// which it proved its identity.
///
/// Many events say whether a peer is `gone`. A peer is gone when it has no entry, and is either not connected
/// or [silent](crate::Config::with_reverify_interval) on its connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// DNS named the candidates of a source for the first time, or named others than before; or the
    /// answer became complete or incomplete; or the source was answered again after failures. If some of
    /// the source's look-ups are still under way 50 ms after the first answer, the new candidates are
    /// reported by then, as not complete.
    #[non_exhaustive]
    Resolved {
        /// The source that was looked up.
        source: Source,
        /// The candidates of the source in order, without the addresses that the filter rejected.
        candidates: Arc<[Candidate]>,
        /// Whether these are all candidates; see [`Answer::complete`](crate::Answer::complete).
        complete: bool,
        /// Why candidates are missing, if a part of the look-up failed.
        missing: Option<LookupError>,
        /// The records and queries that gave no candidate, each with the reason: at most 16 examples.
        dropped: Vec<Dropped>,
        /// How many records and queries gave no candidate in all.
        dropped_total: usize,
        /// The weakest DNSSEC proof among the answers; `None` if one of the answers has no proof,
        /// or while some answers of the look-up are still missing.
        proof: Option<Proof>,
    },
    /// The node recognised that the answers of a source are [samples](Source::sampled), or that
    /// they no longer are. Sampled answers claim to be complete and always have the same size, but each
    /// names other members, and the members that an answer leaves out still answer when they are dialled.
    ///
    /// While `sampled` is true, peers that are missing from an answer are kept.
    #[non_exhaustive]
    Sampled {
        /// The source.
        source: Source,
        /// Whether the answers are treated as samples from now on.
        sampled: bool,
    },
    /// The look-up of a source failed, or DNS said that there is nothing
    /// ([`LookupError::Nothing`]). The candidates that the source named before are kept.
    ///
    /// Reported for the first failure of each kind of [`LookupError`] in a row of failures, and again
    /// each time the number of failures in the row has doubled. If the source has never been answered with
    /// records, "there is nothing" is no longer reported once the node believes it (see [`Status::Alone`]).
    #[non_exhaustive]
    LookupFailed {
        /// The source that was looked up.
        source: Source,
        /// Why there is no answer.
        error: LookupError,
        /// How many look-ups of the source in a row have failed, this one included.
        failures: u32,
        /// When the source is looked up again.
        retry_in: Duration,
        /// How many candidates are kept that the source named before.
        kept: usize,
    },
    /// The [filter](crate::Filter) rejected an address that DNS named. Reported once for each address.
    #[non_exhaustive]
    Rejected {
        /// The address.
        address: Multiaddr,
        /// The rule that rejects the address.
        rejection: Rejection,
    },
    /// The filter rejected more addresses of one refresh than are [reported one by
    /// one](crate::Limits::with_rejections_told).
    #[non_exhaustive]
    MoreRejected {
        /// The source that names these addresses.
        source: Source,
        /// How many more addresses were rejected that were not reported before.
        more: usize,
    },
    /// The sources began to name more candidates than the [limit](crate::Limits::with_candidates), or
    /// they ceased to do so.
    #[non_exhaustive]
    Bounded {
        /// How many candidates are held.
        held: usize,
        /// How many candidates are left out: 0 when it ends.
        cut: usize,
    },
    /// A peer proved possession of its key at an address where it was not known before.
    #[non_exhaustive]
    Verified {
        /// The peer that lives at the address.
        peer: PeerId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// How the peer proved its identity.
        how: Proved,
    },
    /// Another peer than before answered at an address. The old peer's entry at this address has ended.
    #[non_exhaustive]
    Replaced {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that lived at the address before.
        old: PeerId,
        /// The peer that lives at the address now.
        new: PeerId,
        /// Whether the old peer is gone; see [`Event`].
        gone: bool,
        /// Whether the new peer is this node itself, because the address turned out to lead here.
        ours: bool,
    },
    /// DNS no longer names the address of an entry, or now pins the address to another peer, and no live
    /// connection shows that the peer still lives at the address; or the [source was
    /// removed](crate::Behaviour::remove_source) that named the address. The entry has ended.
    #[non_exhaustive]
    Departed {
        /// The peer of the entry.
        peer: PeerId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// Whether the peer is gone; see [`Event`].
        gone: bool,
    },
    /// DNS no longer names these addresses. None of them had an entry, because no peer could be verified at
    /// the address, or the address was never tried. No further event follows for these addresses. Addresses
    /// that leave together are reported in one event.
    #[non_exhaustive]
    Unnamed {
        /// The addresses, without `/p2p`, in order: at most as many as the [limit of
        /// candidates](crate::Limits::with_candidates).
        addresses: Arc<[Multiaddr]>,
    },
    /// A peer without an entry was connected until now, and its last connection has closed. The peer lost
    /// its last entry while it was connected; or it was never verified, and was connected when DNS [ceased
    /// to name](Self::Unnamed) its address.
    #[non_exhaustive]
    Gone {
        /// The peer.
        peer: PeerId,
    },
    /// No peer could be verified at an address; `reason` says why. If the address had an entry, the entry has
    /// ended. The first failure to reach the peer of an entry is not reported and does not end the entry; the
    /// second one in a row does both. If another peer answers, the entry ends immediately.
    ///
    /// The node tries the address again with back-off. It reports no further failure until a peer has been
    /// verified at the address.
    #[non_exhaustive]
    Unreachable {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer whose entry has ended; `None` if the address had no entry.
        peer: Option<PeerId>,
        /// Whether `peer` is gone; see [`Event`]. False if `peer` is `None`.
        gone: bool,
        /// What went wrong.
        reason: Failure,
    },
    /// Another peer answered at an address than the one that the address is pinned to. The peer that
    /// answered got no entry.
    #[non_exhaustive]
    PinMismatch {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that the record or the source names.
        pinned: PeerId,
        /// The peer that answered.
        obtained: PeerId,
    },
    /// A peer answers at an address and may not join
    /// ([`Config::with_allowed_peers`](crate::Config::with_allowed_peers),
    /// [`Config::with_admission`](crate::Config::with_admission)), so it got no entry; or the
    /// address is pinned to such a peer, so it is not dialled.
    ///
    /// Reported once for the peer at this address, until another peer answers there. If several
    /// addresses are pinned to the peer, one event stands for all of them that are named at the time.
    #[non_exhaustive]
    Refused {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that may not join.
        peer: PeerId,
        /// The peer whose entry at the address has ended; `None` if there was no entry. This is `peer`
        /// itself if `peer` had the entry, and is no longer allowed to join.
        old: Option<PeerId>,
        /// Whether `old` is gone; see [`Event`]. False if `old` is `None`.
        gone: bool,
    },
    /// A peer answers at an address and does not speak the [required
    /// protocol](crate::Config::with_required_protocol), so it belongs to another application. The peer
    /// got no entry. Reported once for the peer at this address, until another peer answers there.
    #[non_exhaustive]
    Stranger {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that does not speak the protocol.
        peer: PeerId,
        /// The peer whose entry at the address has ended; `None` if there was no entry. This is `peer`
        /// itself if `peer` had the entry, and no longer speaks the protocol.
        old: Option<PeerId>,
        /// Whether `old` is gone; see [`Event`]. False if `old` is `None`.
        gone: bool,
    },
    /// Another node holds this node's key, and answers at an address with this node's identity. A usual cause
    /// is one secret that is mounted into several replicas. Each replica takes the others for itself, and all
    /// other nodes take the replicas for one peer.
    ///
    /// The node finds this out by two dials at random times. If the address leads to the node itself, by
    /// an alias, a NAT or a load balancer, each dial makes a connection arrive at the node. If both dials
    /// meet the node's own identity and no connection arrives, another node has answered. A node to which
    /// peers connect every second cannot tell the two cases apart, and does not report this event.
    ///
    /// Reported once for an address, until another peer answers there or the address turns out to be this
    /// node's.
    #[non_exhaustive]
    SameKey {
        /// The address, without `/p2p`.
        address: Multiaddr,
    },
    /// Different peers keep answering at one address. The address is treated as a load balancer and
    /// assigned to no peer. Reported once for an address.
    #[non_exhaustive]
    SharedAddress {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer whose entry at the address has ended. `None` if there was no entry, or if its peer
        /// is still connected.
        peer: Option<PeerId>,
        /// Whether `peer` is gone; see [`Event`]. False if `peer` is `None`.
        gone: bool,
    },
    /// The [`Status`] changed, or DNS began or ceased to list this node.
    #[non_exhaustive]
    Status {
        /// The status from now on.
        status: Status,
        /// Whether the last answers name one of this node's addresses; `None` before the first
        /// answer.
        listed: Option<bool>,
    },
    /// DNS names other nodes, and none of them can be reached, or the application has
    /// [disqualified](crate::Behaviour::disqualify) all that can be reached. The value says since when,
    /// and for each address why the node has no connection to another node by it.
    ///
    /// Reported each time that the node becomes [`Isolated`](Status::Isolated), right after the
    /// [`Status`](Self::Status) that says so, with the first 64 reasons. While the node stays isolated,
    /// [`Behaviour::isolation`](crate::Behaviour::isolation) gives all reasons as they are now. The
    /// isolation ends with the next `Status` that is not `Isolated`.
    Isolated(Isolation),
}

impl Event {
    /// The names of all events.
    pub const NAMES: &'static [&'static str] = &[
        "resolved",
        "sampled",
        "lookup_failed",
        "rejected",
        "more_rejected",
        "bounded",
        "verified",
        "replaced",
        "departed",
        "unnamed",
        "gone",
        "unreachable",
        "pin_mismatch",
        "refused",
        "stranger",
        "same_key",
        "shared_address",
        "status",
        "isolated",
    ];

    /// The peer that this event says is newly verified at an address, and the address, without `/p2p`.
    /// The peer is never this node itself.
    ///
    /// ```
    /// # use libp2p_dns_discovery::Event;
    /// # use libp2p_identity::PeerId;
    /// # use std::collections::HashSet;
    /// // The peers that are present, such as the explicit peers of gossipsub.
    /// fn follow(event: &Event, present: &mut HashSet<PeerId>) {
    ///     if let Some((peer, address)) = event.found() {
    ///         println!("{peer} at {address}");
    ///         present.insert(*peer);
    ///     }
    ///     if let Some((peer, _)) = event.gone() {
    ///         present.remove(peer);
    ///     }
    /// }
    /// ```
    pub fn found(&self) -> Option<(&PeerId, &Multiaddr)> {
        match self {
            Self::Verified { peer, address, .. }
            | Self::Replaced { new: peer, address, ours: false, .. } => Some((peer, address)),
            _ => None,
        }
    }

    /// The peer that this event says is [gone](Event), and the address of its last entry, without `/p2p`. The
    /// method returns `None` if no peer is gone. The address is `None` for [`Event::Gone`]: the peer's last
    /// entry ended while the peer was connected, or the peer never had an entry.
    ///
    /// To follow which peers are present, add each peer that an event has [found](Self::found), and remove
    /// each peer that this method names. A peer that moves is then right, too, whether its new address is
    /// found before or after its old one is lost. This method may name a peer that was never found.
    pub fn gone(&self) -> Option<(&PeerId, Option<&Multiaddr>)> {
        match self {
            Self::Gone { peer } => Some((peer, None)),
            Self::Replaced { old: peer, address, gone: true, .. }
            | Self::Refused { old: Some(peer), address, gone: true, .. }
            | Self::Stranger { old: Some(peer), address, gone: true, .. }
            | Self::Departed { peer, address, gone: true }
            | Self::Unreachable { peer: Some(peer), address, gone: true, .. }
            | Self::SharedAddress { peer: Some(peer), address, gone: true } => {
                Some((peer, Some(address)))
            }
            _ => None,
        }
    }

    /// The status from now on, if this is an [`Event::Status`].
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The name of the event in metrics: that of the variant, in snake case.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// The place of the event's name in [`NAMES`](Self::NAMES).
    pub(crate) fn index(&self) -> usize {
        match self {
            Self::Resolved { .. } => 0,
            Self::Sampled { .. } => 1,
            Self::LookupFailed { .. } => 2,
            Self::Rejected { .. } => 3,
            Self::MoreRejected { .. } => 4,
            Self::Bounded { .. } => 5,
            Self::Verified { .. } => 6,
            Self::Replaced { .. } => 7,
            Self::Departed { .. } => 8,
            Self::Unnamed { .. } => 9,
            Self::Gone { .. } => 10,
            Self::Unreachable { .. } => 11,
            Self::PinMismatch { .. } => 12,
            Self::Refused { .. } => 13,
            Self::Stranger { .. } => 14,
            Self::SameKey { .. } => 15,
            Self::SharedAddress { .. } => 16,
            Self::Status { .. } => 17,
            Self::Isolated(_) => 18,
        }
    }
}

/// Since when a node is isolated, and why.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Isolation {
    /// Since when DNS names other nodes while none of them is connected or was verified lately.
    pub since: Instant,
    /// The addresses by which this node is connected to no other node, each with the reason. First come
    /// those of verified peers to which [our swarm denies](Failure::Denied) every connection, in order.
    /// Then come the candidates that could not be verified, each with its last failure. Last come
    /// addresses that [the filter rejected](Failure::Rejected) and that count as other nodes.
    pub reasons: Arc<[(Candidate, Failure)]>,
    /// How many reasons there are in all. The event has at most 64 of them.
    pub failed: usize,
    /// How many addresses of other nodes are named. An address without a reason has not been tried, or
    /// its dial is still under way.
    pub others: usize,
}

/// Where the node stands with respect to the other nodes.
///
/// [`Alone`](Self::Alone) and [`Isolated`](Self::Isolated) follow from the candidates of the IP
/// families in which this node listens, or from all candidates if the node listens in no IP family.
/// Addresses that only static sources name count as other nodes only if there is no other kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// DNS has not said yet whether there are other nodes. Or DNS named others only a moment ago, and none
    /// is verified yet. Or the node is finding out whether [another node holds its key](Event::SameKey).
    Starting,
    /// DNS names no other node. Either an answer lists only this node, or DNS said "there is nothing"
    /// (NXDOMAIN or NODATA) three times in a row, over [ten seconds](crate::Config::with_alone_after),
    /// while no node was known.
    ///
    /// A failed look-up does not count as "there is nothing", with two exceptions if the failure lasts.
    /// The first is a record type that the server never answers, although it answers the other type for
    /// the same name. The second is a domain of the search list, if a domain before it has denied the
    /// name.
    ///
    /// If DNS names other nodes later, the node stays `Alone` while each node that it dials refuses the
    /// connection. So a second pod that does not start does not make the first pod unready. A closed QUIC port
    /// does not refuse: it is silent, and the node becomes `Isolated`. To avoid that, let the nodes listen on
    /// TCP, too, and name both transports in one source, as in `/dns/NAME/udp/4001/quic-v1|/tcp/4001`.
    Alone,
    /// DNS names other nodes, and none of them can be reached. A node that is `Starting` or `Alone`
    /// becomes `Isolated` only when one [probe time-out](crate::Config::with_probe_timeout) has passed
    /// since DNS first named other nodes; or immediately, if another node holds its key.
    ///
    /// These addresses count as other nodes, too:
    ///
    /// - An address without a pin, if the source demands pins. The node does not dial it.
    /// - An address that the filter rejects. The node does not dial it. If the same source also names an
    ///   accepted address of this node, the rejected addresses do not count: they are probably the loopback
    ///   and link-local addresses of this node's host.
    /// - An address at which another node answers [with this node's key](Event::SameKey).
    Isolated,
    /// A verified peer is connected and not [silent](crate::Config::with_reverify_interval), or a peer
    /// was verified or connected within the last two re-verification intervals. If our swarm denied a
    /// connection to a peer, the peer's answers to probes do not make the node `Joined`. They keep it
    /// `Joined` if the peer counted before.
    Joined,
}

impl Status {
    /// All statuses.
    pub const ALL: &'static [Self] = &[Self::Starting, Self::Alone, Self::Isolated, Self::Joined];

    /// Whether a readiness probe should pass: true for [`Alone`](Self::Alone) and
    /// [`Joined`](Self::Joined).
    ///
    /// `Alone` has to be ready: the first node of a deployment would otherwise wait forever for
    /// other nodes, which wait for it.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Alone | Self::Joined)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Alone => "alone",
            Self::Isolated => "isolated",
            Self::Joined => "joined",
        })
    }
}

/// How a peer proved that it lives at an address. Each way is a completed handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proved {
    /// By a probe: a dial with a throw-away peer id.
    Probe,
    /// By any other dial of the discovery: one that expected this peer, no peer in particular, or another
    /// peer, instead of which this one answered.
    Dial,
    /// By a dial to the same address that another behaviour or the application made.
    Observed,
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Probe => "probe",
            Self::Dial => "dial",
            Self::Observed => "observed",
        })
    }
}

/// Why an address could not be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No answer came in time.
    #[error("no answer in time")]
    TimedOut,
    /// This machine has no route to the address. QUIC hides the errors of its socket, so over QUIC
    /// this failure looks like [`TimedOut`](Self::TimedOut).
    #[error("no route to the address ({0})")]
    NoRoute(Arc<str>),
    /// The host is up and refused the connection: no process listens at the address, or not yet.
    /// Over QUIC, this failure looks like [`TimedOut`](Self::TimedOut).
    #[error("{0}")]
    Closed(Arc<str>),
    /// The transport broke the connection, or the handshake failed.
    #[error("{0}")]
    Transport(Arc<str>),
    /// A behaviour of this swarm does not allow the connection.
    #[error("denied by a behaviour of this swarm ({0})")]
    Denied(Arc<str>),
    /// No transport of this swarm can dial the address.
    #[error("no transport of this swarm supports the address")]
    Unsupported,
    /// The dial was aborted.
    #[error("the dial was aborted")]
    Aborted,
    /// Another peer than the pinned one answers.
    #[error("{0} answers, which is not the pinned peer")]
    PinMismatch(PeerId),
    /// The peer that answers, or to which the address is pinned, may not join.
    #[error("{0} may not join")]
    Refused(PeerId),
    /// The peer that answers does not speak the required protocol.
    #[error("{0} answers, which does not speak the required protocol")]
    Stranger(PeerId),
    /// The peer that answers has not said in time which protocols it speaks.
    #[error(
        "{0} answers, and has not said which protocols it speaks; `identify` has to be in both \
         swarms"
    )]
    Unidentified(PeerId),
    /// Another node holds our key, and answers with our identity.
    #[error("another node holds our key there; each node needs one of its own")]
    SameKey,
    /// Different peers keep answering at the address.
    #[error("identities alternate behind the address")]
    Shared,
    /// The filter rejects the address, or the address has no pin although its source demands one.
    /// The address is not dialled.
    #[error(transparent)]
    Rejected(Rejection),
}
