//! What the discovery tells: [`Event`], [`Status`] and the reasons in them.

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
/// A steady state is silent: nothing is told twice while it stays as it is.
///
/// Nothing is left of a peer, and it is told `gone`, when it is verified nowhere else and not connected; or
/// still connected, but [silent](crate::Config::with_reverify_interval).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A source's candidates were learned for the first time, or changed; or whether they are all did;
    /// or it was answered again after failures. While a part of the look-up is still under way, new
    /// candidates are told 50 ms after the first answer, as not complete.
    #[non_exhaustive]
    Resolved {
        /// The source that was looked up.
        source: Source,
        /// Its candidates in order, those that the filter rejected left out.
        candidates: Arc<[Candidate]>,
        /// Whether these are all; see [`Answer::complete`](crate::Answer::complete).
        complete: bool,
        /// Why they are not all, where a part of the look-up failed.
        missing: Option<LookupError>,
        /// What the answers say that could not be used: at most 16 examples.
        dropped: Vec<Dropped>,
        /// How much could not be used in all.
        dropped_total: usize,
        /// The weakest DNSSEC proof among the answers; `None` if one of them came without, or while
        /// a part of the look-up is under way.
        proof: Option<Proof>,
    },
    /// A source is recognised as [sampled](Source::sampled): its answers claim to be complete, have
    /// always the same size, and name others each time, while those that they leave out still
    /// answer. From now on, to be left out is no reason to leave. Or this no longer holds.
    #[non_exhaustive]
    Sampled {
        /// The source.
        source: Source,
        /// Whether its answers are taken as samples from now on.
        sampled: bool,
    },
    /// A source could not be looked up. What was known of it before is kept. Told at the first failure
    /// of a kind, and with every doubling of their number; but not that there is nothing, once that
    /// makes the node [`Alone`](Status::Alone).
    #[non_exhaustive]
    LookupFailed {
        /// The source that was looked up.
        source: Source,
        /// Why there is no answer.
        error: LookupError,
        /// How often in a row it has failed, this time included.
        failures: u32,
        /// When it will be tried again.
        retry_in: Duration,
        /// How many candidates are kept that it named before.
        kept: usize,
    },
    /// DNS named an address that the filter does not let through. Told once per address.
    #[non_exhaustive]
    Rejected {
        /// The address.
        address: Multiaddr,
        /// The rule that it breaks.
        rejection: Rejection,
    },
    /// The filter does not let through more addresses than are
    /// [told one by one](crate::Limits::with_rejections_told) after a refresh.
    #[non_exhaustive]
    MoreRejected {
        /// The source that names them.
        source: Source,
        /// How many more there are that were not told before.
        more: usize,
    },
    /// The sources name more candidates than are
    /// [held](crate::Limits::with_candidates), or no longer do. Told when that begins, and when it
    /// ends.
    #[non_exhaustive]
    Bounded {
        /// How many are held.
        held: usize,
        /// How many are left out: 0 when it ends.
        cut: usize,
    },
    /// A peer proved possession of its key at an address where it was not known before.
    #[non_exhaustive]
    Verified {
        /// The peer that lives there.
        peer: PeerId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// How it was proved.
        how: Proved,
    },
    /// An address answered with another identity. The old entry is gone.
    #[non_exhaustive]
    Replaced {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that used to live there.
        old: PeerId,
        /// The peer that lives there now.
        new: PeerId,
        /// Nothing is left of the old peer: it is verified nowhere else, and not connected.
        gone: bool,
        /// The new peer is this node: the address turned out to lead here.
        ours: bool,
    },
    /// DNS no longer names an address, and no live connection contradicts; or it names it for another
    /// peer by now.
    #[non_exhaustive]
    Departed {
        /// The peer that was verified there.
        peer: PeerId,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// Nothing is left of the peer: it is verified nowhere else, and not connected.
        gone: bool,
    },
    /// DNS no longer names addresses at which nobody was verified: the last word on those that were told
    /// unreachable, and on those that were never tried. Told once for all that leave together.
    #[non_exhaustive]
    Unnamed {
        /// The addresses, without `/p2p`, in order: as many as [may be
        /// held](crate::Limits::with_candidates) at the most.
        addresses: Arc<[Multiaddr]>,
    },
    /// Nothing is left of a peer that lost its last entry while it was connected, or that was never
    /// verified and was connected when DNS [ceased to name](Self::Unnamed) its address: that connection
    /// has closed.
    #[non_exhaustive]
    Gone {
        /// The peer.
        peer: PeerId,
    },
    /// An address cannot be reached, or no longer. It is tried again with back-off; told once until
    /// it was reached again.
    #[non_exhaustive]
    Unreachable {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer whose entry is withdrawn, if there was one.
        peer: Option<PeerId>,
        /// Nothing is left of that peer: it is verified nowhere else, and not connected. False if
        /// there was no entry.
        gone: bool,
        /// What went wrong.
        reason: Failure,
    },
    /// A pinned address answered with an identity other than its pin, and was not entered.
    #[non_exhaustive]
    PinMismatch {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The identity that the record names.
        pinned: PeerId,
        /// The identity that answered.
        obtained: PeerId,
    },
    /// The identity that answers at an address may not join
    /// ([`Config::with_allowed_peers`](crate::Config::with_allowed_peers),
    /// [`Config::with_admission`](crate::Config::with_admission)), and was not entered; or the
    /// address is pinned to it, and is not dialled. Told once, until somebody else answers there; and once
    /// for all addresses that are pinned to the peer when these are named.
    #[non_exhaustive]
    Refused {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that may not join.
        peer: PeerId,
        /// The peer whose entry ended by that, if there was one: another peer, or the same one, where
        /// it may no longer join.
        old: Option<PeerId>,
        /// Nothing is left of `old`: it is verified nowhere else, and not connected. False if there
        /// was no entry.
        gone: bool,
    },
    /// The peer that answers at an address does not speak the
    /// [required protocol](crate::Config::with_required_protocol): another application lives there.
    /// It was not entered. Told once, until somebody else answers there.
    #[non_exhaustive]
    Stranger {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer that is no member.
        peer: PeerId,
        /// The peer whose entry ended by that, if there was one: another peer, or the same one, where
        /// it ceased to speak the protocol.
        old: Option<PeerId>,
        /// Nothing is left of `old`: it is verified nowhere else, and not connected. False if there
        /// was no entry.
        gone: bool,
    },
    /// Another node holds our key: our identity answers at an address that is not ours. Several
    /// replicas, say, that were given one secret. Each takes the others for itself, and everybody else
    /// takes all of them for one peer. Told once, until somebody else answers
    /// there, or it turns out to be this node after all.
    ///
    /// Told when two dials at random times met our identity while no connection arrived here: whoever
    /// meets itself, by an alias, through a NAT or a balancer, is dialled at that moment. A node to
    /// which somebody connects every second cannot tell the one from the other, and is not told.
    #[non_exhaustive]
    SameKey {
        /// The address, without `/p2p`.
        address: Multiaddr,
    },
    /// Identities alternate behind an address: it is a load balancer, and no peer's own address.
    /// Told once.
    #[non_exhaustive]
    SharedAddress {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer whose entry is withdrawn, if there was one.
        peer: Option<PeerId>,
        /// Nothing is left of that peer: it is verified nowhere else, and not connected. False if
        /// there was no entry.
        gone: bool,
    },
    /// The status changed, or whether DNS lists us did.
    #[non_exhaustive]
    Status {
        /// The status from now on.
        status: Status,
        /// Whether the last answers name one of our own addresses; `None` before the first answer.
        listed: Option<bool>,
    },
    /// Others are named and none of them can be reached, or those that can are passed over by
    /// [`Behaviour::disqualify`](crate::Behaviour::disqualify): since when, and why. Told once,
    /// right after the [`Status`](Self::Status) that says [`Isolated`](Status::Isolated), with the
    /// first 64 reasons; all of them, as they are now, are those of
    /// [`Behaviour::isolation`](crate::Behaviour::isolation). The first status that says
    /// otherwise takes it back.
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

    /// The peer that is now verified at an address, and was not there before; the address is without
    /// `/p2p`. Never this node itself.
    ///
    /// ```
    /// # use libp2p_dns_discovery::Event;
    /// # use libp2p_identity::PeerId;
    /// # use std::collections::HashSet;
    /// // The peers that there are, such as the explicit peers of gossipsub.
    /// fn follow(event: &Event, there: &mut HashSet<PeerId>) {
    ///     if let Some((peer, address)) = event.found() {
    ///         println!("{peer} at {address}");
    ///         there.insert(*peer);
    ///     }
    ///     if let Some((peer, _)) = event.gone() {
    ///         there.remove(peer);
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

    /// The peer of which nothing is left: it is verified nowhere, and not connected, or silent. With it the address,
    /// without `/p2p`, where it was verified last; `None` where that ended before its connection did.
    ///
    /// A peer that moves is found before it is gone from its old address, or in the other order: what was
    /// found counts until this names it.
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

    /// The status from now on, where it has changed, or whether DNS lists us has.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// Its name in metrics: that of the variant, in snake case.
    pub fn name(&self) -> &'static str {
        Self::NAMES[self.index()]
    }

    /// Where its name stands among all.
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
    /// Since when others are named and none of them is verified.
    pub since: Instant,
    /// First, in order, the candidates whose peers are verified, and to which [our swarm
    /// denies](Failure::Denied) every connection; then those that could not be verified, each with what went
    /// wrong the last time; then the addresses that [the filter rejected](Failure::Rejected) and that count as
    /// others.
    pub reasons: Arc<[(Candidate, Failure)]>,
    /// How many reasons there are in all: an event holds no more than 64.
    pub failed: usize,
    /// How many others are named. Those that have not failed were not tried to the end yet.
    pub others: usize,
}

/// Where the node stands with respect to the others.
///
/// [`Alone`](Self::Alone) and [`Isolated`](Self::Isolated) go by those who are named in the families
/// of IP in which this node listens; if it listens in none, by all. Static addresses count as named
/// only where there is no other source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Nothing is known yet, or others were named a moment ago, or it is being found out whether
    /// [another node holds our key](Event::SameKey).
    Starting,
    /// DNS names nobody but us: an answer that lists only us, or NXDOMAIN or NODATA three times in
    /// a row, over [ten seconds](crate::Config::with_alone_after), with nothing known before. A failure
    /// to get an answer is no such word. Two kinds count as "nothing" once they have lasted: of a record
    /// type that the server has never answered, beside another type of the name that it does answer; and
    /// of a domain of the search list, after one that has denied the name.
    ///
    /// It stays while all that were named since merely refuse connections and none was ever verified:
    /// a second pod that does not start must not take the first one down. Over QUIC alone, a closed
    /// port is silent, and no refusal.
    Alone,
    /// Others are named, and none of them can be reached. A node that
    /// starts, or is alone, is not told so before one
    /// [probe time-out](crate::Config::with_probe_timeout) has passed since others were first named,
    /// unless another node holds its key.
    ///
    /// Addresses that the filter rejects are others, too: where they carry no pin and have to, and
    /// where their source names no address of ours that the filter lets through. A host may name
    /// itself by its loopback and link-local addresses beside the one that others reach. So is an
    /// address where [another node holds our key](Event::SameKey).
    Isolated,
    /// A verified other is connected, and not [silent](crate::Config::with_reverify_interval); or was
    /// verified, or connected, within two re-verification intervals. Where our swarm denied a dial to the
    /// peer, its answer to a probe does not count, unless the peer counted until then.
    Joined,
}

impl Status {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Starting, Self::Alone, Self::Isolated, Self::Joined];

    /// Whether a readiness probe should pass: true for [`Alone`](Self::Alone), or the first node
    /// of a deployment would wait for ever for others that wait for it, and for
    /// [`Joined`](Self::Joined).
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

/// How a peer proved that it lives at an address. Each is a completed handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proved {
    /// By a probe: a dial with a throw-away peer id.
    Probe,
    /// By a dial that expected this peer, or none.
    Dial,
    /// By a dial of another behaviour or of the application to the same address.
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
    /// Nothing answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// This machine has no route to the address. Over QUIC, which swallows the errors of its socket,
    /// that looks like [`TimedOut`](Self::TimedOut).
    #[error("no route to the address ({0})")]
    NoRoute(Arc<str>),
    /// The host refused the connection: it is there, and nothing listens at the address, or not yet.
    /// Over QUIC, that looks like [`TimedOut`](Self::TimedOut).
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
    /// Another identity than the pinned one answers.
    #[error("{0} answers, which is not the pinned peer")]
    PinMismatch(PeerId),
    /// The identity that answers, or that the address is pinned to, may not join.
    #[error("{0} may not join")]
    Refused(PeerId),
    /// The peer that answers does not speak the required protocol.
    #[error("{0} answers, which does not speak the required protocol")]
    Stranger(PeerId),
    /// The peer that answers has not said yet, or not in time, what it speaks.
    #[error(
        "{0} answers, and has not said which protocols it speaks; `identify` has to be in both \
         swarms"
    )]
    Unidentified(PeerId),
    /// Another node holds our key, and answers with our identity.
    #[error("another node holds our key there; each node needs one of its own")]
    SameKey,
    /// Identities alternate there.
    #[error("identities alternate behind the address")]
    Shared,
    /// The filter does not let the address through, or it names no peer and has to. It is not dialled.
    #[error(transparent)]
    Rejected(Rejection),
}
