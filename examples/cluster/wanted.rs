//! What a cluster of a size should come to.

use std::{collections::BTreeSet, time::Duration};

use libp2p_dns_discovery::Selection;

use crate::args::Counts;

/// How many peers a bucket of Kademlia holds.
const BUCKET: usize = 20;
/// Up to how many candidates `auto` is `lowest:3`: the crate's default.
const AUTO_LIMIT: usize = 64;

/// How many peers a routing table should hold: half of what fits into a bucket, or of the others.
pub(crate) fn kad_peers(nodes: usize) -> usize {
    nodes.saturating_sub(1).min(BUCKET).div_ceil(2)
}

/// How many peers a node selects in a cluster in which everybody is up.
pub(crate) fn places(nodes: usize, selection: Selection) -> usize {
    let others = nodes.saturating_sub(1);
    let places = match effective(nodes, selection) {
        Selection::Lowest(n) => n.get(),
        Selection::Auto => 3,
        // The successors at distance 1, 2, 4, …
        Selection::Fingers => others.checked_ilog2().map_or(0, |log| log as usize + 1),
        _ => others,
    };
    others.min(places)
}

/// How many peers each node selects at least, where the lowest do not answer.
pub(crate) fn selected(counts: Counts, selection: Selection) -> usize {
    let (living, named) = (counts.living, counts.named());
    match effective(named, selection) {
        Selection::Fingers => {
            let gone = named - living;
            (gone..named).map(|own| fingers(own, gone, named)).min().unwrap_or(0)
        }
        _ => places(named, selection).min(living - 1),
    }
}

/// How many different peers the fingers of a node end at. Those that point to the lowest, which do
/// not answer, all end at the first that does.
fn fingers(own: usize, gone: usize, named: usize) -> usize {
    let targets = (0..usize::BITS).map(|i| 1 << i).take_while(|distance| *distance < named);
    let ends = targets.map(|distance| match (own + distance) % named {
        at if at >= gone => at,
        _ if own == gone => gone + 1,
        _ => gone,
    });
    ends.filter(|at| *at != own).collect::<BTreeSet<_>>().len()
}

/// How many of the others select the lowest one that lives: all, or with `fingers` its predecessor
/// on the ring at least.
pub(crate) fn lowest_selected_by(counts: Counts, selection: Selection) -> usize {
    match effective(counts.named(), selection) {
        Selection::Fingers => 1,
        _ => counts.living - 1,
    }
}

/// The selection, and what `auto` amounts to.
pub(crate) fn selection_in_force(named: usize, selection: Selection) -> String {
    match (selection, effective(named, selection)) {
        (Selection::Auto, Selection::Auto) => "auto (lowest:3)".to_owned(),
        (Selection::Auto, effective) => format!("auto ({effective})"),
        (selection, _) => selection.to_string(),
    }
}

fn effective(named: usize, selection: Selection) -> Selection {
    match selection {
        Selection::Auto if named > AUTO_LIMIT => Selection::Fingers,
        selection => selection,
    }
}

/// How fast a cluster notices what happens to it, where nobody is to wait for minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long a verification of a selected peer holds.
    pub(crate) reverify: Duration,
    /// The least time between two look-ups, and the TTL of all records.
    pub(crate) refresh: Duration,
    /// The most time between two look-ups.
    pub(crate) longest_refresh: Duration,
}

impl Pace {
    /// How long the DNS server has for a reply in one attempt; there are two.
    pub(crate) const DNS_TIMEOUT: Duration = Duration::from_secs(1);
    /// How long an address has to answer: the crate's default.
    const PROBE_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long a connection may outlive its remote, which is believed in meanwhile: the crate's
    /// constant, after what QUIC and ping take to notice.
    const CONNECTION_DEATH: Duration = Duration::from_secs(40);
    /// How much more rarely peers that are not selected are verified: the crate's constant.
    const UNSELECTED: u32 = 10;
    /// How many peers a node enters at most that it did not look for: the crate's constant.
    const ENTRIES: usize = 256;
    /// How many verifications all nodes together may make in a second. Both sides of each are in this
    /// process, and one takes some 6 ms of a core without optimisation. With more than that, all are
    /// late, nodes that come back above all.
    const PER_SECOND: f64 = if cfg!(debug_assertions) { 100.0 } else { 400.0 };

    pub(crate) fn new(counts: Counts, selection: Selection) -> Self {
        let named = u32::try_from(counts.named()).unwrap_or(u32::MAX);
        // What all nodes verify within one interval, and how long this process needs for that.
        let unselected = counts.living.min(Self::ENTRIES) as f64 / f64::from(Self::UNSELECTED);
        let of_one = places(counts.named(), selection) as f64 + unselected;
        let needed = Duration::from_secs_f64(counts.living as f64 * of_one / Self::PER_SECOND);
        // At most so often that all together ask 40 times a second: this is one process, and answers
        // that name many have to be fetched over TCP.
        let refresh = Duration::from_secs(1).max(Duration::from_millis(25) * named);
        Self { reverify: Duration::from_secs(2).max(needed), refresh, longest_refresh: refresh * 5 }
    }

    /// After how long nobody believes in an identity that is no more: a verification that is a
    /// quarter late and fails, one more right after it, and connections that die slowly.
    pub(crate) fn disbelief(self) -> Duration {
        let check = self.reverify * Self::UNSELECTED;
        check + check / 4 + 2 * Self::PROBE_TIMEOUT + Self::CONNECTION_DEATH
    }

    /// After how long whoever is new in DNS is selected: two look-ups, of which the first may still
    /// wait for a silent server, and a probe behind others.
    pub(crate) fn notice(self) -> Duration {
        2 * (self.longest_refresh + 2 * Self::DNS_TIMEOUT + Self::PROBE_TIMEOUT)
    }
}
