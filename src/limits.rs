//! How much a node holds and does at most, and the defaults with their reasons.

use std::num::NonZeroUsize;

#[cfg(doc)]
use crate::{Config, Event};

/// How much a node holds and does at most, whatever DNS or a remote says. Every limit has a default
/// that suits a cluster of any size. [`Config::with_limits`] sets other limits.
///
/// ```
/// use std::num::NonZeroUsize;
/// use libp2p_dns_discovery::{Config, Limits};
///
/// let few = NonZeroUsize::new(8).expect("not zero");
/// let config = Config::new().with_limits(Limits::new().with_concurrent_probes(few));
/// // One more, and the others as they are.
/// let config = config.map_limits(|limits| limits.with_hinted(0));
/// ```
///
/// # Bounds
///
/// The author of the DNS records, or a peer that connects, can make a node hold and do no more than
/// this. The last column says what happens past the bound. `dropped` and `missing` are fields of
/// [`Resolved`](Event::Resolved).
///
/// | What | Default | Setter | Past it |
/// |---|---|---|---|
/// | records read of an answer, and kept of a refresh | 16,384 | [`with_records_per_answer`](Self::with_records_per_answer) | the lowest records are kept; `dropped` |
/// | bytes of a `dnsaddr` text | 1,024 | [`with_text_length`](Self::with_text_length) | the text is left out; `dropped` |
/// | depth of `dnsaddr` entries and CNAME chains | 4 | [`with_recursion_depth`](Self::with_recursion_depth) | the entry or record is not followed; `dropped`, or a failure of the look-up |
/// | look-ups of a refresh | 128 | [`with_lookups_per_refresh`](Self::with_lookups_per_refresh) | the other look-ups are not made; `dropped` |
/// | time of a refresh | 20 s | [`Config::with_lookup_timeout`] | the answers that have come count; `missing` |
/// | refreshes of a source | one in 5 s, and in 10 ms a record; sooner at the [start](crate::Config::with_start_refresh), and after a failure | [`Config::with_min_refresh`] | the source is looked up later |
/// | records in `dropped` | 16 a refresh | | `dropped_total` counts all |
/// | candidates, and entries of the table | 16,384 | [`with_candidates`](Self::with_candidates) | fair shares are kept; [`Bounded`](Event::Bounded) |
/// | rejected addresses that are reported one by one | 64 a refresh | [`with_rejections_told`](Self::with_rejections_told) | [`MoreRejected`](Event::MoreRejected) counts them |
/// | probes of a host | 4 a refresh; while no peer is verified, a host with one address has no bound but its back-off, and our own host never has | [`with_probes_per_host`](Self::with_probes_per_host) | other probes wait for the next refresh |
/// | dials under way | 16 | [`with_concurrent_probes`](Self::with_concurrent_probes) | other dials wait |
/// | dials in a minute | 600 | [`with_probes_per_minute`](Self::with_probes_per_minute) | other dials wait |
/// | time of a dial | 10 s | [`Config::with_probe_timeout`] | the address counts as silent |
/// | entries of the table up to which all hints are followed | 10 | [`with_hinted`](Self::with_hinted) | a hint is followed if its peer would take a place; of the other hints, one in each [repair interval](Config::with_repair_interval) |
/// | hints of a peer | 4 in a [re-verification interval](Config::with_reverify_interval) | [`with_probes_per_host`](Self::with_probes_per_host) | other hints are ignored |
/// | peers passed over | 16,384 | [`with_disqualified`](Self::with_disqualified) | the peer whose time ends first is forgiven |
/// | outputs that wait for the swarm | 1,024 | [`with_queued`](Self::with_queued) | identities that dials of other behaviours met are verified later |
/// | bytes of an error's text | 256 | | the text is cut |
///
/// What the node holds for each connection is bounded by the number of the swarm's connections
/// (`libp2p-connection-limits`).
///
/// A *hint* is an address at which a connected peer seems to live: the address of an inbound
/// connection, or a claim by `identify` or Kademlia. To follow a hint is to dial the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
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
    /// Entries of the table up to which every hint is followed.
    pub(crate) hinted: usize,
    /// Peers that are passed over at the same time.
    pub(crate) disqualified: NonZeroUsize,
    /// Outputs that may wait for the swarm while an identity that a dial of another behaviour met still
    /// gets an entry.
    pub(crate) queued: NonZeroUsize,
    /// Addresses of one IP address that are probed between two refreshes.
    pub(crate) probes_per_host: NonZeroUsize,
    /// Probes and verifications under way at the same time.
    pub(crate) concurrent_probes: NonZeroUsize,
    /// Probes and verifications started in any minute.
    pub(crate) probes_per_minute: NonZeroUsize,
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
            hinted: 10,
            disqualified: nz(16_384),
            queued: nz(1_024),
            probes_per_host: nz(4),
            concurrent_probes: nz(16),
            probes_per_minute: nz(600),
        }
    }
}

impl Limits {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many records of the type asked for are read of one answer. The same number bounds
    /// three quantities of one refresh: the addresses of a family that the records carry themselves, the
    /// pairs of a host and its transports that the records name, and (times two) the addresses of hosts.
    /// Default: 16,384, four times what a DNS answer over TCP can carry.
    ///
    /// Past the bound, the lowest are kept, whatever the selection is, so that all nodes keep the same
    /// ones. The result then counts as incomplete.
    #[must_use]
    pub fn with_records_per_answer(mut self, most: NonZeroUsize) -> Self {
        self.records_per_answer = most;
        self
    }

    /// Sets how many bytes a `dnsaddr` text may have, all character-strings of its record together.
    /// Default: 1,024, several times what the longest useful address takes. A longer text is left
    /// out.
    #[must_use]
    pub fn with_text_length(mut self, bytes: NonZeroUsize) -> Self {
        self.text_length = bytes;
        self
    }

    /// Sets how many `dnsaddr` records in a row may lead from one name to the next. The same number
    /// bounds a chain of CNAME records that come in separate answers. Default: 4; 0 follows none.
    #[must_use]
    pub fn with_recursion_depth(mut self, most: usize) -> Self {
        self.recursion_depth = most;
        self
    }

    /// Sets how many look-ups one refresh of one source may make. Default: 128, two for each of 64
    /// hosts. Names past this limit are left out, and the result counts as incomplete.
    #[must_use]
    pub fn with_lookups_per_refresh(mut self, most: NonZeroUsize) -> Self {
        self.lookups_per_refresh = most;
        self
    }

    /// Sets how many candidates are held, over all sources. Default: 16,384, four times what a DNS
    /// answer over TCP can carry. The table of verified peers holds no more entries than this.
    ///
    /// If the sources name more candidates, those of static sources are all kept. The other sources
    /// have equal shares of the rest, and what a small source leaves of its share goes to the larger
    /// ones. The families of each source divide its share in the same way. Within a share, `Lowest`
    /// keeps the lowest candidates, and `Fingers` keeps the candidates nearest to its targets.
    /// [`Event::Bounded`] says how many candidates were left out.
    #[must_use]
    pub fn with_candidates(mut self, most: NonZeroUsize) -> Self {
        self.candidates = most;
        self
    }

    /// Sets how many addresses that the filter rejects are reported one by one after a refresh.
    /// Default: 64, enough to see what is wrong. [`Event::MoreRejected`] counts the others.
    #[must_use]
    pub fn with_rejections_told(mut self, most: NonZeroUsize) -> Self {
        self.rejections_told = most;
        self
    }

    /// Sets the number of entries in the table of verified peers up to which the node follows every
    /// [hint](Self#bounds). Dials under way count as entries. With more entries, the node follows a hint
    /// if the peer would take a [place](crate::Selection) at that address. Of all other hints, it follows one
    /// in each [repair interval](Config::with_repair_interval). Without this limit, the lowest nodes of a large
    /// cluster, to which all others connect, would dial all of them. Default: 10, half a bucket of Kademlia's,
    /// and as many as there are fingers in a cluster of a thousand.
    ///
    /// With 0, the node follows a hint only if the peer would take a place. Whatever the number is, a hint that
    /// contradicts an entry makes the node verify the entry immediately, at most once in a
    /// [re-verification interval](Config::with_reverify_interval).
    ///
    /// The number has a second effect unless it is 0. If DNS names no more than 20 other addresses of a
    /// family, the node probes each of these addresses that has no pin and no entry, one after another,
    /// at most sixty in a repair interval. So all nodes of a small cluster soon know each other.
    #[must_use]
    pub fn with_hinted(mut self, most: usize) -> Self {
        self.hinted = most;
        self
    }

    /// Sets how many peers can be [disqualified](crate::Behaviour::disqualify) at the same time.
    /// Default: 16,384, as many as there are candidates. If the application disqualifies one more, the peer
    /// whose time would end first is no longer disqualified. Without a limit, a remote that makes ever new
    /// identities could fill the memory.
    #[must_use]
    pub fn with_disqualified(mut self, most: NonZeroUsize) -> Self {
        self.disqualified = most;
        self
    }

    /// Sets the length of the queue of events and commands for the swarm up to which the node makes
    /// entries of identities that dials of *other* behaviours met. Default: 1,024. While the queue is
    /// longer, such an identity is only a reason to dial the address later, so a swarm that is too busy
    /// to take events learns the same by its own dial. No event and no command is dropped. The dials
    /// under way, the look-ups of a refresh and the entries of the table bound the rest of the queue.
    #[must_use]
    pub fn with_queued(mut self, most: NonZeroUsize) -> Self {
        self.queued = most;
        self
    }

    /// Sets how many probes one host may get between two refreshes, or in the
    /// [shortest refresh interval](Config::with_min_refresh) if that is longer. Several sources that name the
    /// host, and refreshes that fail, do not allow more probes. Default: 4, so that records cannot turn the
    /// cluster against one host. Raise the limit if many nodes share an IP address and differ by port, or share
    /// a relay.
    ///
    /// This limit counts each dial to an address that has no entry, also a dial that is no probe.
    /// Exempt are a dial to a peer that has just answered a probe, the few dials to an address where our own
    /// identity answered ([`Event::SameKey`]), and all dials to an IP address at which this node listens:
    /// several nodes of one machine may start one after another.
    ///
    /// A host is an IP address, with all its transports, ports and pins. A relay's IP address is a host,
    /// too: all peers behind the relay count for it. An IPv6 address that a gateway translates to an IPv4
    /// address (see [`Filter`](crate::Filter)) counts for that IPv4 address.
    #[must_use]
    pub fn with_probes_per_host(mut self, most: NonZeroUsize) -> Self {
        self.probes_per_host = most;
        self
    }

    /// Sets how many dials of the discovery may be under way at the same time. Default: 16.
    ///
    /// These dials are divided among five purposes. Half are for free [places](crate::Selection), a
    /// quarter to verify entries, an eighth to connect to peers that have to say which protocols they
    /// speak, a sixteenth for random candidates outside the selection, and a sixteenth for
    /// [hints](Self#bounds); each purpose has at least one. A purpose may use what another one leaves
    /// idle, except the last quarter of the other's part, or its last dial. If the number is less than
    /// five, the purposes take turns.
    ///
    /// The node can abort a probe, but no dial that expects a certain peer, as a dial to a
    /// [pinned](crate::Candidate::pinned) address does. If such a dial is silent while other addresses
    /// wait for a place, the node gives its slot to one of them, and the swarm goes on with the silent
    /// dial until that times out. So up to twice as many dials as this number may be under way in the
    /// swarm.
    #[must_use]
    pub fn with_concurrent_probes(mut self, most: NonZeroUsize) -> Self {
        self.concurrent_probes = most;
        self
    }

    /// Sets how many dials of the discovery may start in any minute. Default: 600. A sixth of them may start
    /// in the same moment, and the rest is spread evenly over the minute. All are divided among the purposes
    /// as the [dials under way](Self::with_concurrent_probes) are.
    #[must_use]
    pub fn with_probes_per_minute(mut self, most: NonZeroUsize) -> Self {
        self.probes_per_minute = most;
        self
    }
}

/// A non-zero constant.
pub(crate) const fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("a constant that is not zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit's setter, its field and its documented default.
    type Bound =
        (&'static str, fn(Limits, NonZeroUsize) -> Limits, fn(&Limits) -> usize, &'static str);

    const BOUNDS: [Bound; 12] = [
        (
            "records_per_answer",
            Limits::with_records_per_answer,
            |l| l.records_per_answer.get(),
            "16,384",
        ),
        ("text_length", Limits::with_text_length, |l| l.text_length.get(), "1,024"),
        ("recursion_depth", |l, n| l.with_recursion_depth(n.get()), |l| l.recursion_depth, "4"),
        (
            "lookups_per_refresh",
            Limits::with_lookups_per_refresh,
            |l| l.lookups_per_refresh.get(),
            "128",
        ),
        ("candidates", Limits::with_candidates, |l| l.candidates.get(), "16,384"),
        ("rejections_told", Limits::with_rejections_told, |l| l.rejections_told.get(), "64"),
        ("hinted", |l, n| l.with_hinted(n.get()), |l| l.hinted, "10"),
        ("disqualified", Limits::with_disqualified, |l| l.disqualified.get(), "16,384"),
        ("queued", Limits::with_queued, |l| l.queued.get(), "1,024"),
        ("probes_per_host", Limits::with_probes_per_host, |l| l.probes_per_host.get(), "4"),
        ("concurrent_probes", Limits::with_concurrent_probes, |l| l.concurrent_probes.get(), "16"),
        ("probes_per_minute", Limits::with_probes_per_minute, |l| l.probes_per_minute.get(), "600"),
    ];

    /// Fails if a default is another than the docs say, in the table or at the setter; and if a setter
    /// sets something else.
    #[test]
    fn the_bounds_are_those_of_the_docs() {
        let source = include_str!("limits.rs");
        for (name, set, get, default) in BOUNDS {
            let link = format!("`with_{name}`](Self::with_{name})");
            let row = source.lines().find(|line| line.starts_with("/// |") && line.contains(&link));
            let row = row.unwrap_or_else(|| panic!("no row for {name}"));
            let of_row = row.split('|').nth(2).expect("a default").trim();
            assert!(of_row.split(' ').any(|word| word == default), "{row}");
            let docs = source.split(&format!("fn with_{name}(")).next().expect("the docs");
            let at_setter = docs.rsplit("Default: ").next().expect("a default");
            let word = at_setter.split([' ', ';', '.', '\n']).next().expect("a number");
            assert_eq!(word.trim_end_matches(','), default, "{name}");
            let number = default.replace(',', "").parse::<usize>().expect("a number");
            assert_eq!(get(&Limits::default()), number, "{name}");
            assert_eq!(get(&set(Limits::new(), nz(7))), 7, "{name}");
        }
    }
}
