//! All candidates of all sources in order, and what is known of each.

use std::{collections::HashMap, net::IpAddr, ops::Range, sync::Arc, time::Duration};

use libp2p_identity::PeerId;

use super::Discovery;
use crate::{
    candidate::{Candidate, Family},
    event::Failure,
    filter::Rejection,
};

/// What is known of a candidate.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CandidateState {
    /// Not tried yet, or its outcome is not known yet.
    Unknown,
    /// A peer is verified there.
    #[non_exhaustive]
    Verified {
        /// The peer.
        peer: PeerId,
        /// How long its last handshake took, where we dialled ourselves.
        rtt: Option<Duration>,
    },
    /// It leads to ourselves.
    Itself,
    /// It could not be verified the last time.
    Unreachable(Failure),
    /// The filter does not let it through.
    Rejected(Rejection),
}

/// The candidates of all sources, sorted and without duplicates.
#[derive(Debug, Default)]
pub(super) struct Order {
    sorted: Arc<[Candidate]>,
    preferred: HashMap<Candidate, Candidate>,
    /// The transports to one host, of each of them, where a source names several.
    alternatives: HashMap<Candidate, Arc<[Candidate]>>,
}

impl Order {
    /// Of candidates that are sorted and without duplicates, each with what is to be tried before it.
    /// A preference for one that is not among them, because the filter did not let it through, is
    /// none; nor is one that contradicts an earlier one, or each would wait for the other to fail.
    pub(super) fn new(
        sorted: Arc<[Candidate]>,
        preferences: impl Iterator<Item = (Candidate, Candidate)>,
    ) -> Self {
        let mut preferred = HashMap::new();
        for (candidate, better) in preferences {
            let is_known = sorted.binary_search(&better).is_ok();
            if is_known && !leads_to(&preferred, &better, &candidate) {
                preferred.entry(candidate).or_insert(better);
            }
        }
        let alternatives = alternatives(&preferred);
        Self { sorted, preferred, alternatives }
    }

    /// The candidates that another order does not have.
    pub(super) fn without(&self, other: &Self) -> Vec<Candidate> {
        let mut others = other.iter().peekable();
        let is_left = |candidate: &&Candidate| {
            while others.next_if(|other| other < candidate).is_some() {}
            others.peek() != Some(candidate)
        };
        self.iter().filter(is_left).cloned().collect()
    }

    /// The transports to the candidate's host that its source names, itself among them; none if
    /// there is but one.
    pub(super) fn alternatives(&self, candidate: &Candidate) -> &[Candidate] {
        self.alternatives.get(candidate).map_or(&[], |group| group)
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Candidate> {
        self.sorted.iter()
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.sorted.binary_search(candidate).is_ok()
    }

    /// The candidates of one family.
    pub(super) fn family(&self, family: Family) -> &[Candidate] {
        &self.sorted[range_of(&self.sorted, family)]
    }

    /// The candidates that lead to the same place, whatever their pins.
    pub(super) fn at_address(&self, wanted: &Candidate) -> impl Iterator<Item = &Candidate> {
        let (wanted, lowest) = (wanted.clone(), wanted.without_pin());
        // A candidate without a pin sorts before the same address with one.
        let start = self.sorted.partition_point(|c| *c < lowest);
        self.sorted[start..]
            .iter()
            .take_while(move |c| c.address() == lowest.address())
            .filter(move |c| c.is_same_place(&wanted))
    }

    /// The candidates at an IP address.
    pub(super) fn at_host(&self, ip: IpAddr) -> &[Candidate] {
        let start = self.sorted.partition_point(|c| c.is_before_host(ip));
        let len = self.sorted[start..].partition_point(|c| c.ip() == Some(ip));
        &self.sorted[start..start + len]
    }

    /// The same host's next better transport.
    pub(super) fn preferred_to(&self, candidate: &Candidate) -> Option<&Candidate> {
        self.preferred.get(candidate)
    }
}

/// Where those of one family are: the order sorts by family first.
fn range_of(sorted: &[Candidate], family: Family) -> Range<usize> {
    let start = sorted.partition_point(|c| c.family() < family);
    start..sorted.partition_point(|c| c.family() <= family)
}

/// How far a chain of preferences is followed.
const LONGEST_CHAIN: usize = 64;

/// Whether one is preferred to another that is preferred to … the last.
fn leads_to(
    preferred: &HashMap<Candidate, Candidate>,
    first: &Candidate,
    last: &Candidate,
) -> bool {
    let mut better = Some(first);
    // No chain is longer than a source has transports, unless sources build on one another.
    for _ in 0..LONGEST_CHAIN {
        match better {
            Some(found) if found == last => return true,
            Some(found) => better = preferred.get(found),
            None => return false,
        }
    }
    true
}

/// Groups candidates that lead to each other by preference.
fn alternatives(preferred: &HashMap<Candidate, Candidate>) -> HashMap<Candidate, Arc<[Candidate]>> {
    let mut groups: HashMap<&Candidate, Vec<Candidate>> = HashMap::new();
    for candidate in preferred.keys() {
        let mut best = candidate;
        // A chain is as long as a source has transports; but two sources may contradict each other,
        // and then it is a circle.
        for _ in 0..LONGEST_CHAIN {
            match preferred.get(best) {
                Some(better) => best = better,
                None => break,
            }
        }
        groups.entry(best).or_insert_with(|| vec![best.clone()]).push(candidate.clone());
    }
    let mut alternatives = HashMap::new();
    for group in groups.into_values() {
        let group: Arc<[Candidate]> = group.into();
        alternatives.extend(group.iter().map(|c| (c.clone(), group.clone())));
    }
    alternatives
}

impl Discovery {
    /// The candidates at an address that it concerns if a peer lives there. A zone may pin one address
    /// to thousands: of those that are pinned to others, and have no entry, a few.
    pub(super) fn concerned(&self, address: &Candidate, peer: &PeerId) -> Vec<Candidate> {
        let concerned = |c: &&Candidate| {
            c.pinned().is_none_or(|pinned| pinned == peer) || self.table.get(c).is_some()
        };
        let (concerned, others): (Vec<_>, Vec<_>) =
            self.order.at_address(address).partition(concerned);
        let others = others.into_iter().take(self.config.limits.probes_per_host.get());
        concerned.into_iter().chain(others).cloned().collect()
    }

    /// What each source names of a family, those left out that name nothing of it.
    pub(super) fn lists_of(&self, family: Family) -> Vec<(Arc<[Candidate]>, Range<usize>)> {
        let part = |told: Arc<[Candidate]>| {
            let range = range_of(&told, family);
            (told, range)
        };
        let told = self.sources.values().filter_map(|source| source.told.clone());
        told.map(part).filter(|(_, range)| !range.is_empty()).collect()
    }

    pub(super) fn state_of(&self, candidate: &Candidate) -> CandidateState {
        let track = self.tracks.get(candidate);
        if self.is_own(candidate) {
            return CandidateState::Itself;
        }
        if let Some(entry) = self.table.get(candidate) {
            return CandidateState::Verified { peer: entry.peer, rtt: track.and_then(|t| t.rtt) };
        }
        // One that was only postponed has not failed.
        match track.filter(|t| t.failures > 0).and_then(|t| t.failed.as_ref()) {
            Some(failed) => CandidateState::Unreachable(failed.reason.clone()),
            None => CandidateState::Unknown,
        }
    }
}
