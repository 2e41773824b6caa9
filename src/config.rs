//! The configuration, and the defaults with their reasons.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::StreamProtocol;

pub(crate) use crate::limits::Limits;
use crate::{
    admission::Admission, filter::Filter, limits::nz, pace::sane, pool::Pool, selection::Selection,
};

/// How the node learns which peer lives at an address without a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Identify {
    /// Dial without a peer id where that costs nothing, and probe everywhere else.
    ///
    /// For each free [place](Selection), the node dials one address that was never tried as with
    /// [`Dial`](Self::Dial), and keeps the connection, so a place costs one handshake. It does not do
    /// so if a connected peer seems to live at the address, or once a dial for the same family has been
    /// silent for [a stagger](Config::with_stagger). All other dials are [probes](Self::Probe): a
    /// second address for the same place, a retry, an address outside the selection.
    ///
    /// If a behaviour of the swarm denies a probe, the node makes no probes for 5 min (the
    /// [longest refresh interval](Config::with_max_refresh)), and dials without a peer id instead. It probes
    /// again sooner if such a dial is denied, too, because the made-up peer id was then not the reason.
    #[default]
    Auto,
    /// Dial with a throw-away peer id, and read the real one from the `WrongPeerId` failure.
    ///
    /// A probe costs a second handshake if the peer is connected to afterwards. It never opens a
    /// second connection to a connected peer, and it can be aborted.
    Probe,
    /// Dial without a peer id, and keep the connection.
    ///
    /// Such a dial saves the second handshake, and works where a behaviour denies unknown peer ids
    /// (`libp2p-allow-block-list` in allow mode). But if the peer is connected already, the dial opens a
    /// second connection to it; and the dial cannot be aborted. If a behaviour denies the connection,
    /// the swarm tells all behaviours that a dial to the real peer failed.
    Dial,
}

/// Configuration of the discovery. Every value has a default that suits a cluster of any size.
///
/// ```
/// use std::time::Duration;
///
/// use libp2p_dns_discovery::{Config, Filter, Selection};
///
/// let config = Config::new()
///     .with_selection(Selection::All)
///     .with_filter(Filter::default().with_denied_networks(["172.17.0.0/16".parse()?]))
///     .with_min_refresh(Duration::from_secs(30));
/// # let peer = libp2p_identity::PeerId::random();
/// # let zone = libp2p_dns_discovery::resolver::zone::Zone::new();
/// # let discovery = libp2p_dns_discovery::Behaviour::new(zone, config, peer);
/// # assert_eq!(discovery.selection(), Selection::All);
/// # Ok::<_, libp2p_dns_discovery::ipnet::AddrParseError>(())
/// ```
///
/// A duration below a millisecond is taken as a millisecond, and a duration above a year as a year. An
/// interval of a year turns off what is done at that interval.
///
/// [`Limits`] bounds how much DNS or a remote can make a node hold and do.
///
/// Nodes in one process whose configurations are clones of one another share the memory of
/// candidates that they have in common. A thousand such nodes take little more memory for the
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

    /// Sets which candidates are verified and connected to. Default: [`Selection::Auto`].
    #[must_use]
    pub fn with_selection(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Sets the number of candidates of a family up to which [`Selection::Auto`] acts as `Lowest(3)` in
    /// that family. Above it, `Auto` acts as `Fingers`. Default: 64.
    #[must_use]
    pub fn with_auto_limit(mut self, limit: NonZeroUsize) -> Self {
        self.auto_limit = limit;
        self
    }

    /// Sets how the node learns which peer lives at an address without a pin. Default:
    /// [`Identify::Auto`].
    #[must_use]
    pub fn with_identify(mut self, identify: Identify) -> Self {
        self.identify = identify;
        self
    }

    /// Sets which addresses may be dialled. Default: [`Filter::default`].
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the only peers that may join: only they get an entry in the
    /// [table of verified peers](crate::VerifiedPeer). Default: every peer that proves its identity.
    ///
    /// If a peer that is not on the list answers at an address, the node reports
    /// [`Event::Refused`](crate::Event::Refused), gives the peer no [place](Selection) and does not
    /// announce it to other behaviours. The node does not dial an address that is pinned to such a peer.
    ///
    /// [`Behaviour::set_allowed_peers`](crate::Behaviour::set_allowed_peers) changes the list at run
    /// time. A peer that is no longer on the list then loses its entries, and keeps its connections.
    ///
    /// The list denies no connections: a peer that is not on it can still connect to the swarm. Use
    /// `libp2p-allow-block-list` or a pre-shared key (`libp2p-pnet`) to keep such peers out.
    #[must_use]
    pub fn with_allowed_peers(mut self, peers: impl IntoIterator<Item = PeerId>) -> Self {
        self.admission.allowed = Some(peers.into_iter().collect());
        self
    }

    /// Sets a function by which the application decides which peers may join. The function gets the
    /// peer, and the address at which the peer proved its identity. If it returns false, the peer gets
    /// no entry, as if it were not on a [list of allowed peers](Self::with_allowed_peers). If such a
    /// list is set too, a peer must be on the list and pass the function. Default: every peer may join.
    ///
    /// The function is called inside the swarm's task, at least each time that a peer proves its
    /// identity, and must not block. Call [`Behaviour::readmit`](crate::Behaviour::readmit) when the
    /// facts on which the function decides have changed.
    #[must_use]
    pub fn with_admission(
        mut self,
        admits: impl Fn(&PeerId, &Multiaddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.admission.check = Some(Arc::new(admits));
        self
    }

    /// Sets a protocol that members speak. Default: none, so each peer that proves its identity is
    /// a member.
    ///
    /// Addresses are reused, and another application that speaks libp2p may listen at an address
    /// that DNS still names. With a required protocol, a peer gets an entry only after it has said by
    /// `identify` that it speaks the protocol. If another peer had the entry at that address, its entry
    /// ends as soon as the new identity answers. A peer that does not speak the protocol is reported
    /// as [`Event::Stranger`](crate::Event::Stranger), and its address is tried again with
    /// back-off.
    ///
    /// All nodes need `libp2p-identify`. The node connects to each peer that is to get an entry, and
    /// waits up to [the probe time-out](Self::with_probe_timeout) for the peer to say which protocols it
    /// speaks. Choose a protocol that members announce at all times: a Kademlia node in client mode does
    /// not announce Kademlia's protocol.
    #[must_use]
    pub fn with_required_protocol(mut self, protocol: StreamProtocol) -> Self {
        self.required_protocol = Some(protocol);
        self
    }

    /// Sets how much a node holds and does at most. Default: [`Limits::default`].
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

    /// Sets addresses that lead to this node and that the swarm does not know, such as the address of a
    /// load balancer or a forwarded port. The node never dials these addresses. Listen addresses and
    /// confirmed external addresses need not be given. Default: none.
    #[must_use]
    pub fn with_own_addresses(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.own_addresses = addresses.into_iter().collect();
        self
    }

    /// Sets whether idle connections to verified peers are kept alive. Default: no.
    ///
    /// A connection stays open only if both sides keep it alive, so set this on all nodes. Without this
    /// option, an idle connection closes after the swarm's idle time-out. From then on, a short dial
    /// verifies the selected peer again in each [re-verification interval](Self::with_reverify_interval).
    #[must_use]
    pub fn with_keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Sets how long all look-ups of one refresh of one source may take together. Default: 20 s,
    /// the time in which a stub resolver with the usual settings (5 s, two attempts) has asked two
    /// servers.
    #[must_use]
    pub fn with_lookup_timeout(mut self, timeout: Duration) -> Self {
        self.lookup_timeout = sane(timeout);
        self
    }

    /// Sets how long a dial may take before its address counts as unreachable. Default: 10 s, the
    /// swarm's own limit for TCP.
    #[must_use]
    pub fn with_probe_timeout(mut self, timeout: Duration) -> Self {
        self.probe_timeout = sane(timeout);
        self
    }

    /// Sets how long a dial may be silent before the next address is dialled beside it. In each family, the
    /// node starts as many dials together as [places](Selection) are free. A dial that fails is followed by
    /// another one immediately, and a dial that is silent is followed by another one after this time.
    /// Default: 250 ms, the Connection Attempt Delay of [RFC 8305 section 5].
    ///
    /// [RFC 8305 section 5]: https://www.rfc-editor.org/rfc/rfc8305#section-5
    #[must_use]
    pub fn with_stagger(mut self, stagger: Duration) -> Self {
        self.stagger = sane(stagger);
        self
    }

    /// Sets the least time from an answer for a source until the source is looked up again, whatever the
    /// TTL of the answer is. Default: 5 s, the TTL that Kubernetes' DNS gives.
    ///
    /// Two kinds of look-ups come sooner: those at the [start](Self::with_start_refresh), and
    /// retries after a failure. The first retry comes after at most a second, and later ones with
    /// back-off up to a minute (a fifth of the [longest refresh interval](Self::with_max_refresh)). Large
    /// answers make look-ups rarer: an answer of 1,000 records is asked for at most every 10 s (10 ms per
    /// record).
    #[must_use]
    pub fn with_min_refresh(mut self, interval: Duration) -> Self {
        self.min_refresh = sane(interval);
        self
    }

    /// Sets how soon a source is looked up again while no other node is known and the answers name no address
    /// to try, as at the start of a deployment. This is the first pause of a growing series. Default: 500 ms,
    /// which gives pauses of about 0.5 s, 1 s, 2 s, 2 s, …
    ///
    /// Pods of one deployment appear within seconds. At first, DNS names no pod at all or only this
    /// one, and such an answer is out of date long before its TTL is over. The pause doubles twice, and
    /// then stays the same until half a minute has passed since the first look-up. After that, it
    /// doubles until it reaches the pause that the TTL gives. If an answer adds an address, such as this
    /// node's own, the series starts again.
    ///
    /// The first answer that names another node may still lack pods that start at the same time. If it
    /// has fewer than 64 records, the source is looked up once more after
    /// [`with_min_refresh`](Self::with_min_refresh). A year turns all of this off.
    #[must_use]
    pub fn with_start_refresh(mut self, pause: Duration) -> Self {
        self.start_refresh = sane(pause);
        self
    }

    /// Sets for how long DNS must say "there is nothing" before the node becomes
    /// [`Alone`](crate::Status::Alone) for this reason. DNS must say it at least three times in a row, however
    /// short the time is. Default: 10 s.
    #[must_use]
    pub fn with_alone_after(mut self, duration: Duration) -> Self {
        self.alone_after = sane(duration);
        self
    }

    /// Sets the most time between two look-ups of a source, whatever the TTL is. Default: 5 min.
    #[must_use]
    pub fn with_max_refresh(mut self, interval: Duration) -> Self {
        self.max_refresh = sane(interval);
        self
    }

    /// Sets how long the verification of a selected peer holds while the peer is not connected. Then
    /// the node dials the peer again. Default: 60 s. Where the selection is `Lowest`, the interval is at
    /// least 50 ms for each candidate, so a large cluster makes it longer. A peer that has an
    /// [entry](crate::VerifiedPeer) and is not selected is verified at a tenth of this pace, or more
    /// rarely if there are many such peers.
    ///
    /// While a selected peer is connected, its verification holds for three to five intervals. Then the
    /// node asks the peer for a sign of life: it opens a substream on the connection. The peer need not
    /// speak the protocol of the substream, since a refusal is a sign of life, too. The node waits for
    /// 10 s (or for the [probe time-out](Self::with_probe_timeout) if that is less), and asks once more
    /// if nothing has come. If the peer is silent again, the node probes the peer's address. The entry
    /// ends if two probes in a row fail. Where an address cannot be probed (behind a relay, or with
    /// [`Identify::Dial`]), the entry stays, but the silent peer no longer makes the node
    /// [`Joined`](crate::Status::Joined). The node does not close the connection.
    ///
    /// Each such substream restarts the idle time-outs of both swarms. If both time-outs are longer than
    /// five intervals, a connection to a selected peer is never idle for long enough to be closed.
    #[must_use]
    pub fn with_reverify_interval(mut self, interval: Duration) -> Self {
        self.reverify_interval = sane(interval);
        self
    }

    /// Sets how often the node picks a random candidate outside its selection, and connects to the peer at
    /// that address. Default: 60 s.
    ///
    /// Nodes that see different answers, or reach different addresses, may form groups that select no peer of
    /// one another. If the random peer belongs to another group, this connection joins the two groups. The
    /// discovery does not keep the connection alive: what the two nodes tell each other meanwhile, by Kademlia
    /// for example, has to keep the groups together.
    #[must_use]
    pub fn with_repair_interval(mut self, interval: Duration) -> Self {
        self.repair_interval = sane(interval);
        self
    }

    /// Sets the back-off of an address that cannot be reached: the first pause, and the longest. The pause
    /// doubles with every failure in a row, up to the longest. The node waits for a random time between half
    /// the pause and the whole pause. When a peer is verified at the address, the back-off starts anew.
    /// Default: 1 s, and 5 min.
    ///
    /// While no peer is verified and other nodes are named, the longest pause is 30 s for every 48
    /// candidates or part of them (three for each of [`Limits::with_concurrent_probes`]).
    /// [`Limits::with_probes_per_host`] still holds. That limit starts anew with each refresh of a
    /// source. A static source has no refresh, so for its addresses the limit starts anew after each
    /// [longest refresh interval](Self::with_max_refresh).
    #[must_use]
    pub fn with_retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry_base = sane(first);
        self.retry_cap = sane(longest.max(first));
        self
    }

    /// Sets the seed of all random choices, to make a run repeatable. Default: drawn at random.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}
