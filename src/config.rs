//! What can be configured, and the defaults with their reasons.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_swarm::StreamProtocol;

use crate::{admission::Admission, filter::Filter, pace::sane, pool::Pool, selection::Selection};

/// How the identity behind an address without a pin is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Identify {
    /// Dial with a throw-away peer id and read the real one from the `WrongPeerId` failure.
    ///
    /// Costs a second handshake when the peer is then connected to, but never opens a second
    /// connection to a peer that is connected already, and can be aborted.
    #[default]
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
/// # Bounds
///
/// Whoever writes the records, and whoever connects, can make a node hold and do no more than this:
///
/// | What | Default | Setter | Past it |
/// |---|---|---|---|
/// | records read of an answer, and kept of a refresh | 16,384 | [`with_max_records_per_answer`](Self::with_max_records_per_answer) | the lowest are kept; [`Resolved`](crate::Event::Resolved) says so in `dropped` |
/// | bytes of a `dnsaddr` text | 1,024 | [`with_max_text_length`](Self::with_max_text_length) | it is left out; `dropped` |
/// | depth of `dnsaddr` entries and CNAME chains | 4 | [`with_max_recursion_depth`](Self::with_max_recursion_depth) | it is not followed; `dropped`, or a failure of the look-up |
/// | look-ups of a refresh | 128 | [`with_max_lookups_per_refresh`](Self::with_max_lookups_per_refresh) | they are not made; `dropped` |
/// | time of a refresh | 20 s | [`with_lookup_timeout`](Self::with_lookup_timeout) | what has come counts; `missing` |
/// | refreshes of a source | one in 5 s, and in 10 ms a record | [`with_min_refresh`](Self::with_min_refresh) | it is asked later |
/// | what could not be used, one by one | 16 a refresh | | `dropped_total` counts all |
/// | candidates, and entries of the table | 16,384 | [`with_max_candidates`](Self::with_max_candidates) | fair shares are kept; [`Bounded`](crate::Event::Bounded) |
/// | rejected addresses, one by one | 64 a refresh | [`with_max_rejections_told`](Self::with_max_rejections_told) | [`MoreRejected`](crate::Event::MoreRejected) counts them |
/// | probes of a host | 4 a refresh | [`with_max_probes_per_host`](Self::with_max_probes_per_host) | they wait for the next refresh |
/// | dials at once | 16 | [`with_max_concurrent_probes`](Self::with_max_concurrent_probes) | they wait |
/// | dials in a minute | 600 | [`with_max_probes_per_minute`](Self::with_max_probes_per_minute) | they wait |
/// | time of a dial | 10 s | [`with_probe_timeout`](Self::with_probe_timeout) | the address counts as silent |
/// | entries for hints to add to | 256 | [`with_max_hinted`](Self::with_max_hinted) | the hint is ignored |
/// | peers passed over | 16,384 | [`with_max_disqualified`](Self::with_max_disqualified) | the one nearest to its end is forgiven |
/// | outputs that wait for the swarm | 1,024 | [`with_max_queued`](Self::with_max_queued) | what others' dials met is looked at later |
/// | bytes of an error's text | 256 | | the text is cut |
///
/// Connections, and what is known of them, are the swarm's to bound (`libp2p-connection-limits`).
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
    pub(crate) reverify_interval: Duration,
    pub(crate) repair_interval: Duration,
    pub(crate) retry_base: Duration,
    pub(crate) retry_cap: Duration,
    pub(crate) seed: Option<u64>,
    pub(crate) pool: Pool,
}

/// Bounds on everything that DNS or a remote can make the crate hold or do.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Records of the type asked for that are read of one answer.
    pub(crate) records_per_answer: NonZeroUsize,
    /// Bytes of one TXT record, all its character-strings together.
    pub(crate) text_length: NonZeroUsize,
    /// How deep `/dnsaddr` entries and CNAME chains are followed.
    pub(crate) recursion_depth: usize,
    /// Look-ups that one refresh of one source may make.
    pub(crate) lookups_per_refresh: NonZeroUsize,
    /// Candidates held, over all sources.
    pub(crate) candidates: NonZeroUsize,
    /// Rejected addresses of one refresh that are told one by one.
    pub(crate) rejections_told: NonZeroUsize,
    /// Entries that the table may have for hints to add to it.
    pub(crate) hinted: usize,
    /// Peers that are passed over at once.
    pub(crate) disqualified: NonZeroUsize,
    /// Outputs that wait for the swarm while what its other dials met is still believed at once.
    pub(crate) queued: NonZeroUsize,
    /// Addresses of one IP address that are probed between two refreshes.
    pub(crate) probes_per_host: NonZeroUsize,
    /// Probes and verifications under way at once.
    pub(crate) concurrent_probes: NonZeroUsize,
    /// Probes and verifications started in any minute.
    pub(crate) probes_per_minute: NonZeroUsize,
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

    /// How the identity behind an address without a pin is learned. Default: [`Identify::Probe`].
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

    /// The least time between two refreshes of a source, whatever its TTL. Default: 5 s, the TTL
    /// that Kubernetes' DNS gives.
    ///
    /// Large answers are asked for more rarely: at most once in 10 ms per record.
    #[must_use]
    pub fn with_min_refresh(mut self, interval: Duration) -> Self {
        self.min_refresh = sane(interval);
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
    /// all is verified, no pause is longer than 30 s, as far as
    /// [`with_max_probes_per_host`](Self::with_max_probes_per_host) allows: of a static source, which has
    /// no refresh that renews these probes, each address is tried so often in
    /// [`with_max_refresh`](Self::with_max_refresh).
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

    /// How many records of the type asked for are read of one answer; and of one refresh, how many
    /// addresses of a family that need no look-up, how many ways to reach a host, and twice as many
    /// addresses of hosts. Default: 16,384, four times what a DNS answer over TCP can carry. The
    /// lowest are kept, whatever the selection, so that all nodes keep the same; the result counts
    /// as a part of what there is.
    #[must_use]
    pub fn with_max_records_per_answer(mut self, most: NonZeroUsize) -> Self {
        self.limits.records_per_answer = most;
        self
    }

    /// How many bytes a `dnsaddr` text may have, all character-strings of its record together.
    /// Default: 1,024, several times what the longest useful address takes. A longer one is left
    /// out, and not copied.
    #[must_use]
    pub fn with_max_text_length(mut self, bytes: NonZeroUsize) -> Self {
        self.limits.text_length = bytes;
        self
    }

    /// How many times `dnsaddr` entries may lead to further names, and how many CNAME records that
    /// come one to an answer are followed. Default: 4; 0 follows none.
    #[must_use]
    pub fn with_max_recursion_depth(mut self, most: usize) -> Self {
        self.limits.recursion_depth = most;
        self
    }

    /// How many look-ups one refresh of one source may make. Default: 128, two for each of 64 hosts.
    /// What is named past them is left out, and the result counts as a part of what there is.
    #[must_use]
    pub fn with_max_lookups_per_refresh(mut self, most: NonZeroUsize) -> Self {
        self.limits.lookups_per_refresh = most;
        self
    }

    /// How many candidates are held, over all sources. Default: 16,384, four times what a DNS answer
    /// over TCP can carry. The table of verified peers holds no more.
    ///
    /// Past the bound, static sources are whole; the others have equal shares, of which a small one
    /// leaves the rest to the large ones; and so have the families of each source. Of a share,
    /// `Lowest` keeps the lowest, and `Fingers` those nearest its targets.
    /// [`Event::Bounded`](crate::Event::Bounded) says that candidates were left out.
    #[must_use]
    pub fn with_max_candidates(mut self, most: NonZeroUsize) -> Self {
        self.limits.candidates = most;
        self
    }

    /// How many addresses that the filter rejects are told one by one after a refresh. Default: 64,
    /// enough to see what is wrong. The others are counted by
    /// [`Event::MoreRejected`](crate::Event::MoreRejected).
    #[must_use]
    pub fn with_max_rejections_told(mut self, most: NonZeroUsize) -> Self {
        self.limits.rejections_told = most;
        self
    }

    /// How many entries the table of verified peers may have for hints to add to it: addresses where
    /// connected peers seem to live. Default: 256, as many as Kademlia's table keeps of a large
    /// cluster; but there, everybody connects to the lowest. 0 turns hints off, except that they
    /// have entries verified early.
    #[must_use]
    pub fn with_max_hinted(mut self, most: usize) -> Self {
        self.limits.hinted = most;
        self
    }

    /// How many peers may be passed over at once by [`disqualify`](crate::Behaviour::disqualify).
    /// Default: 16,384, as many as there are candidates. Past it, whoever would be forgiven first is
    /// forgiven at once: a remote can make itself as many identities as it likes.
    #[must_use]
    pub fn with_max_disqualified(mut self, most: NonZeroUsize) -> Self {
        self.limits.disqualified = most;
        self
    }

    /// How many events and commands may wait for the swarm while identities that dials of *other*
    /// behaviours meet are still believed at once. Default: 1,024. Past it, they are a reason to
    /// look, and no more: a swarm that is too busy to take events learns the same by a dial of its
    /// own later. Nothing that was decided is dropped: the rest of the queue is bounded by the dials
    /// under way, the look-ups of a refresh and the entries of the table.
    #[must_use]
    pub fn with_max_queued(mut self, most: NonZeroUsize) -> Self {
        self.limits.queued = most;
        self
    }

    /// How many addresses of one host are probed between two refreshes, or in
    /// [`with_min_refresh`](Self::with_min_refresh) if that is longer: several sources, and those
    /// that fail, do not add up. Default: 4, so that records cannot turn the cluster against one
    /// host. Raise it where many nodes share an address and differ by port, or share a relay.
    ///
    /// Connections to those who have answered a probe are not counted.
    ///
    /// A host is an IP address, whatever the transports, ports and pins: also where it stands in an
    /// IPv6 address to be translated (see [`Filter`]), and as that of a relay.
    #[must_use]
    pub fn with_max_probes_per_host(mut self, most: NonZeroUsize) -> Self {
        self.limits.probes_per_host = most;
        self
    }

    /// How many dials of the discovery may be under way at once. Default: 16. A dial to a pinned
    /// address cannot be aborted; of those that are silent, as many again may be left to the swarm's
    /// own time-out while others have their turn.
    #[must_use]
    pub fn with_max_concurrent_probes(mut self, most: NonZeroUsize) -> Self {
        self.limits.concurrent_probes = most;
        self
    }

    /// How many dials of the discovery may start in any minute. Default: 600; a sixth of them may
    /// start at once.
    #[must_use]
    pub fn with_max_probes_per_minute(mut self, most: NonZeroUsize) -> Self {
        self.limits.probes_per_minute = most;
        self
    }
}

/// A non-zero constant.
const fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a constant that is not zero")
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            records_per_answer: nz(16_384),
            text_length: nz(1_024),
            recursion_depth: 4,
            lookups_per_refresh: nz(128),
            candidates: nz(16_384),
            rejections_told: nz(64),
            hinted: 256,
            disqualified: nz(16_384),
            queued: nz(1_024),
            probes_per_host: nz(4),
            concurrent_probes: nz(16),
            probes_per_minute: nz(600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit's setter, its field and its documented default.
    type Bound =
        (&'static str, fn(Config, NonZeroUsize) -> Config, fn(&Limits) -> usize, &'static str);

    const BOUNDS: [Bound; 12] = [
        (
            "records_per_answer",
            Config::with_max_records_per_answer,
            |l| l.records_per_answer.get(),
            "16,384",
        ),
        ("text_length", Config::with_max_text_length, |l| l.text_length.get(), "1,024"),
        ("recursion_depth", |c, n| c.with_max_recursion_depth(n.get()), |l| l.recursion_depth, "4"),
        (
            "lookups_per_refresh",
            Config::with_max_lookups_per_refresh,
            |l| l.lookups_per_refresh.get(),
            "128",
        ),
        ("candidates", Config::with_max_candidates, |l| l.candidates.get(), "16,384"),
        ("rejections_told", Config::with_max_rejections_told, |l| l.rejections_told.get(), "64"),
        ("hinted", |c, n| c.with_max_hinted(n.get()), |l| l.hinted, "256"),
        ("disqualified", Config::with_max_disqualified, |l| l.disqualified.get(), "16,384"),
        ("queued", Config::with_max_queued, |l| l.queued.get(), "1,024"),
        ("probes_per_host", Config::with_max_probes_per_host, |l| l.probes_per_host.get(), "4"),
        (
            "concurrent_probes",
            Config::with_max_concurrent_probes,
            |l| l.concurrent_probes.get(),
            "16",
        ),
        (
            "probes_per_minute",
            Config::with_max_probes_per_minute,
            |l| l.probes_per_minute.get(),
            "600",
        ),
    ];

    /// Fails if a default is another than the docs say, in the table or at the setter; and if a setter
    /// sets something else.
    #[test]
    fn the_bounds_are_those_of_the_docs() {
        let source = include_str!("config.rs");
        for (name, set, get, default) in BOUNDS {
            let link = format!("`with_max_{name}`](Self::with_max_{name})");
            let row = source.lines().find(|line| line.starts_with("/// |") && line.contains(&link));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            let of_row = row.split('|').nth(2).expect("a default").trim();
            assert!(of_row.split(' ').any(|word| word == default), "{row}");
            let docs = source.split(&format!("fn with_max_{name}(")).next().expect("the docs");
            let at_setter = docs.rsplit("Default: ").next().expect("a default");
            let word = at_setter.split([' ', ';', '.', '\n']).next().expect("a number");
            assert_eq!(word.trim_end_matches(','), default, "{name}");
            let number = default.replace(',', "").parse::<usize>().expect("a number");
            assert_eq!(get(&Limits::default()), number, "{name}");
            assert_eq!(get(&set(Config::new(), nz(7)).limits), 7, "{name}");
        }
    }
}
