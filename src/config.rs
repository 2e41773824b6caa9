//! What can be configured, and the defaults with their reasons.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::StreamProtocol;

pub(crate) use crate::limits::Limits;
use crate::{
    admission::Admission, filter::Filter, limits::nz, pace::sane, pool::Pool, selection::Selection,
};

/// How the identity behind an address without a pin is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Identify {
    /// Dial without a peer id where that costs nothing, and probe elsewhere.
    ///
    /// For each place that is wanted, one address that was never tried is dialled as
    /// [`Dial`](Self::Dial) does, and the connection is kept: a place costs one handshake. That is so
    /// where nobody who is connected seems to live there, and as long as no such dial has been silent for
    /// [a stagger](Config::with_stagger). Everything else is a [`Probe`](Self::Probe): a second address
    /// for the same place, a retry, an address outside the selection. Where a behaviour denies probes,
    /// dials without a peer id take their place; one probe in [`Config::with_max_refresh`] finds out
    /// whether it still does.
    #[default]
    Auto,
    /// Dial with a throw-away peer id and read the real one from the `WrongPeerId` failure.
    ///
    /// Costs a second handshake when the peer is then connected to, but never opens a second
    /// connection to a peer that is connected already, and can be aborted.
    Probe,
    /// Dial without a peer id and keep the connection.
    ///
    /// Saves the second handshake, and works where a behaviour denies ids that it does not know
    /// (`libp2p-allow-block-list` in allow mode). But it opens a second connection to a peer that
    /// is connected already, cannot be aborted, and, where a behaviour denies the connection, every
    /// behaviour in the swarm is told that a dial to the real peer failed.
    Dial,
}

/// Configuration of the discovery. Every value has a default that suits a cluster of any size.
///
/// Durations are kept between a millisecond and a year; where one is the pace of something, a year
/// turns it off.
///
/// How much DNS or a remote can make a node hold and do is bounded by [`Limits`].
///
/// Nodes in one process whose configurations are clones of one another share what they know of
/// addresses, as far as they know the same: a thousand of them take little more memory for the
/// addresses of a cluster than one.
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) selection: Selection,
    pub(crate) auto_limit: NonZeroUsize,
    pub(crate) identify: Identify,
    pub(crate) filter: Filter,
    pub(crate) admission: Admission,
    pub(crate) required_protocol: Option<StreamProtocol>,
    pub(crate) limits: Limits,
    pub(crate) own_addresses: Vec<Multiaddr>,
    pub(crate) keep_alive: bool,
    pub(crate) lookup_timeout: Duration,
    pub(crate) probe_timeout: Duration,
    pub(crate) stagger: Duration,
    pub(crate) min_refresh: Duration,
    pub(crate) max_refresh: Duration,
    pub(crate) start_refresh: Duration,
    pub(crate) alone_after: Duration,
    pub(crate) reverify_interval: Duration,
    pub(crate) repair_interval: Duration,
    pub(crate) retry_base: Duration,
    pub(crate) retry_cap: Duration,
    pub(crate) seed: Option<u64>,
    pub(crate) pool: Pool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            auto_limit: nz(64),
            identify: Identify::default(),
            filter: Filter::default(),
            admission: Admission::default(),
            required_protocol: None,
            limits: Limits::default(),
            own_addresses: Vec::new(),
            keep_alive: false,
            lookup_timeout: Duration::from_secs(20),
            probe_timeout: Duration::from_secs(10),
            stagger: Duration::from_millis(250),
            min_refresh: Duration::from_secs(5),
            max_refresh: Duration::from_secs(300),
            start_refresh: Duration::from_millis(500),
            alone_after: Duration::from_secs(10),
            reverify_interval: Duration::from_secs(60),
            repair_interval: Duration::from_secs(60),
            retry_base: Duration::from_secs(1),
            retry_cap: Duration::from_secs(300),
            seed: None,
            pool: Pool::default(),
        }
    }
}

impl Config {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which candidates are verified and connected to. Default: [`Selection::Auto`].
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Up to how many candidates of a family [`Selection::Auto`] is `Lowest(3)`. Default: 64.
    #[must_use]
    pub fn with_auto_limit(mut self, limit: NonZeroUsize) -> Self {
        self.auto_limit = limit;
        self
    }

    /// How the identity behind an address without a pin is learned. Default: [`Identify::Auto`].
    #[must_use]
    pub fn with_identify(mut self, identify: Identify) -> Self {
        self.identify = identify;
        self
    }

    /// Which addresses may be dialled. Default: [`Filter::default`].
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Who may enter the table: nobody but these. Default: everybody who proves an identity.
    ///
    /// A peer that may not is told as [`Event::Refused`](crate::Event::Refused), takes no place and
    /// is not announced to anybody; an address that is pinned to it is not even dialled. It can be
    /// changed while in use, by [`Behaviour::set_allowed_peers`](crate::Behaviour::set_allowed_peers).
    ///
    /// This says whom the discovery connects to, not who may connect to the swarm: that is for
    /// `libp2p-allow-block-list`, or a pre-shared key (`libp2p-pnet`).
    #[must_use]
    pub fn with_allowed_peers(mut self, peers: impl IntoIterator<Item = PeerId>) -> Self {
        self.admission.allowed = Some(peers.into_iter().collect());
        self
    }

    /// Who may enter the table, by the application's own judgement of the peer and the address where
    /// it proved its identity; beside [`with_allowed_peers`](Self::with_allowed_peers), if that is
    /// set too. Default: everybody.
    ///
    /// It is asked inside the swarm's task, whenever an identity is proved or an entry is renewed,
    /// and must not block. Call [`Behaviour::readmit`](crate::Behaviour::readmit) when what it
    /// decides by has changed.
    #[must_use]
    pub fn with_admission(
        mut self,
        admits: impl Fn(&PeerId, &Multiaddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.admission.check = Some(Arc::new(admits));
        self
    }

    /// A protocol that members speak. Default: none, whoever proves an identity is a member.
    ///
    /// Addresses are reused, and some other application that speaks libp2p may listen at one that
    /// DNS still names. With this, a peer enters the table only once it has said by `identify` that
    /// it speaks the protocol; whoever lived at its address before leaves the table as soon as another
    /// identity answers there. One that does not speak it is told as
    /// [`Event::Stranger`](crate::Event::Stranger), and its address is tried again with back-off.
    ///
    /// It takes `libp2p-identify` in this swarm and in theirs, and a connection to everybody who is
    /// to be entered. Whoever says nothing is waited for as long as a dial may take
    /// ([`with_probe_timeout`](Self::with_probe_timeout)), and holds the slot of one meanwhile. Choose a protocol that members announce at all times: a Kademlia node in client
    /// mode does not announce Kademlia's.
    #[must_use]
    pub fn with_required_protocol(mut self, protocol: StreamProtocol) -> Self {
        self.required_protocol = Some(protocol);
        self
    }

    /// How much a node holds and does at most. Default: [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Changes some of the limits, and leaves the others as they are.
    ///
    /// ```
    /// # use std::num::NonZeroUsize;
    /// # use libp2p_dns_discovery::Config;
    /// # let eight = NonZeroUsize::new(8).expect("not zero");
    /// let config = Config::new().map_limits(|limits| limits.with_concurrent_probes(eight));
    /// ```
    #[must_use]
    pub fn map_limits(mut self, change: impl FnOnce(Limits) -> Limits) -> Self {
        self.limits = change(self.limits);
        self
    }

    /// Addresses of this node that the swarm does not know of, such as those of a load balancer or
    /// of a port that is forwarded to it; they are never dialled. Listen addresses and confirmed
    /// external addresses need not be given. Default: none.
    #[must_use]
    pub fn with_own_addresses(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.own_addresses = addresses.into_iter().collect();
        self
    }

    /// Whether connections to verified peers are kept alive while idle. Default: no.
    ///
    /// A connection is kept only if both sides say so, so that it takes this setting on all nodes;
    /// without it, an idle connection closes after the swarm's idle timeout, and its peer stays
    /// verified by a short dial every [`with_reverify_interval`](Self::with_reverify_interval).
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How long all look-ups of one refresh of one source may take together. Default: 20 s, the
    /// time in which a stub resolver with the usual settings (5 s, two attempts) has asked two
    /// servers.
    #[must_use]
    pub fn with_lookup_timeout(mut self, timeout: Duration) -> Self {
        self.lookup_timeout = sane(timeout);
        self
    }

    /// How long a dial may take before its address counts as unreachable. Default: 10 s, the
    /// swarm's own limit for TCP.
    #[must_use]
    pub fn with_probe_timeout(mut self, timeout: Duration) -> Self {
        self.probe_timeout = sane(timeout);
        self
    }

    /// How long to wait for running probes before more are started beside them: one for each place
    /// that is free. Default: 250 ms, the Connection Attempt Delay of [RFC 8305 section 5].
    ///
    /// [RFC 8305 section 5]: https://www.rfc-editor.org/rfc/rfc8305#section-5
    #[must_use]
    pub fn with_stagger(mut self, stagger: Duration) -> Self {
        self.stagger = sane(stagger);
        self
    }

    /// The least time from an answer of a source to its next refresh, whatever the TTL. Default: 5 s,
    /// the TTL that Kubernetes' DNS gives. Sooner come looks at the
    /// [start](Self::with_start_refresh), and those after a failure: after a second at most, then
    /// with back-off up to a fifth of [`with_max_refresh`](Self::with_max_refresh).
    ///
    /// Large answers are asked for more rarely: at most once in 10 ms per record.
    #[must_use]
    pub fn with_min_refresh(mut self, interval: Duration) -> Self {
        self.min_refresh = sane(interval);
        self
    }

    /// The pause between the first two looks at a source while nobody else is known and its answers
    /// offer nobody to try. Default: 500 ms.
    ///
    /// Pods of one deployment appear within seconds, each with a name that names nobody yet, or only
    /// itself, and the TTL of such an answer says little. The pause is doubled twice, and then
    /// stays until half a minute has passed since the first look. After that it is doubled until it
    /// is that of the TTL. It begins again
    /// when the answer changes. A year turns this off.
    #[must_use]
    pub fn with_start_refresh(mut self, pause: Duration) -> Self {
        self.start_refresh = sane(pause);
        self
    }

    /// For how long a name must be said not to exist, in three looks at least, before the node believes
    /// that it is [`Alone`](crate::Status::Alone). Default: 10 s.
    #[must_use]
    pub fn with_alone_after(mut self, duration: Duration) -> Self {
        self.alone_after = sane(duration);
        self
    }

    /// The most time between two refreshes of a source, whatever its TTL. Default: 5 min.
    #[must_use]
    pub fn with_max_refresh(mut self, interval: Duration) -> Self {
        self.max_refresh = sane(interval);
        self
    }

    /// How long a verification of a selected peer holds while the peer is not connected. Default:
    /// 60 s. With `Lowest`, large clusters make it longer: 50 ms per candidate. Entries that are
    /// not selected are verified at a tenth of this pace.
    ///
    /// While the peer is connected, a verification holds for three to five intervals. Then the peer is asked
    /// for a sign of life: by a substream on that connection, with a protocol that it does not have to
    /// speak, since a refusal says as much. When it has been silent twice, each time for 10 s, or the
    /// [time of a probe](Self::with_probe_timeout) if that is less, its address is probed, and the entry is
    /// withdrawn if that fails, as any other. Where an address cannot be probed (behind a relay, or by
    /// [`Identify::Dial`]), the entry stays, and the silent peer no longer makes the node
    /// [`Joined`](crate::Status::Joined). The connection is left alone.
    ///
    /// Each such substream begins the idle time-outs of both swarms anew: where both are longer than three
    /// intervals, a connection to a selected peer is never idle for long enough to be closed.
    #[must_use]
    pub fn with_reverify_interval(mut self, interval: Duration) -> Self {
        self.reverify_interval = sane(interval);
        self
    }

    /// How often a random candidate outside the selection is met, so that groups that see different
    /// answers or reach different addresses find each other. Default: 60 s.
    #[must_use]
    pub fn with_repair_interval(mut self, interval: Duration) -> Self {
        self.repair_interval = sane(interval);
        self
    }

    /// The back-off of an address that cannot be reached: the first pause, and the longest. Default:
    /// 1 s, doubled with every failure up to 5 min; half of each pause is random. While nobody at
    /// all is verified, no pause is longer than 30 s, or 30 s for every 48 candidates (three for each
    /// of [`Limits::with_concurrent_probes`]), as far as
    /// [`Limits::with_probes_per_host`] allows: of a static source, which has no refresh that renews
    /// these probes, each address is tried so often in [`with_max_refresh`](Self::with_max_refresh).
    #[must_use]
    pub fn with_retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry_base = sane(first);
        self.retry_cap = sane(longest.max(first));
        self
    }

    /// The seed of all random choices, to make a run repeatable. Default: drawn at random.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
