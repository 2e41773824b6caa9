//! The verified peer table: who proved to live where, how and when.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use web_time::Instant;

use crate::{candidate::Candidate, event::Proved};

/// An entry of the verified peer table: a peer that proved possession of its key at an address.
///
/// It says who answered there and when. It does not say that the peer may join anything.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedPeer {
    /// The peer.
    pub peer: PeerId,
    /// The candidate where it lives.
    pub candidate: Candidate,
    /// How it last proved it.
    pub how: Proved,
    /// When it first proved it.
    pub first_verified: Instant,
    /// When it last proved it, or was last seen connected there. A connection that stays open is
    /// seen when it is opened, and when it closes.
    pub last_verified: Instant,
    /// When its peer was last connected, by whatever address.
    pub(crate) last_connected: Option<Instant>,
    /// Failed verifications since; two withdraw the entry.
    pub(crate) failures: u32,
    /// When it is to be verified next; `None` while a connection does so.
    pub(crate) check_at: Option<Instant>,
}

impl VerifiedPeer {
    /// The address where the peer lives, without `/p2p`.
    pub fn address(&self) -> &Multiaddr {
        self.candidate.address()
    }
}

/// The table. Every change of it goes through here, so that its indices agree.
#[derive(Debug, Default)]
pub(crate) struct PeerTable {
    /// In the order of the candidates.
    entries: BTreeMap<Candidate, VerifiedPeer>,
    by_peer: HashMap<PeerId, BTreeSet<Candidate>>,
    checks: BTreeSet<(Instant, Candidate)>,
    version: u64,
}

impl PeerTable {
    /// Differs whenever it is another peer that an entry names, or another set of entries.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, candidate: &Candidate) -> Option<&VerifiedPeer> {
        self.entries.get(candidate)
    }

    /// All entries, in the order of their candidates.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.entries.values()
    }

    /// The candidates at which a peer is verified, in order.
    pub(crate) fn candidates_of(&self, peer: &PeerId) -> impl Iterator<Item = &Candidate> {
        self.by_peer.get(peer).into_iter().flatten()
    }

    /// At how many addresses a peer is verified.
    pub(crate) fn count_of(&self, peer: &PeerId) -> usize {
        self.by_peer.get(peer).map_or(0, BTreeSet::len)
    }

    /// Enters a peer, or renews its entry. The next check is due at `check_at`.
    ///
    /// A candidate holds one entry: one of another peer must have been removed before.
    pub(crate) fn enter(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        now: Instant,
        check_at: Instant,
    ) {
        let version = self.version;
        let old = self.remove(candidate);
        if old.as_ref().is_some_and(|old| old.peer == peer) {
            self.version = version;
        } else {
            self.version = version + 1;
        }
        let first_verified = old.map_or(now, |e| e.first_verified);
        self.checks.insert((check_at, candidate.clone()));
        self.by_peer.entry(peer).or_default().insert(candidate.clone());
        let entry = VerifiedPeer {
            peer,
            candidate: candidate.clone(),
            how,
            first_verified,
            last_verified: now,
            last_connected: None,
            failures: 0,
            check_at: Some(check_at),
        };
        self.entries.insert(candidate.clone(), entry);
    }

    /// Removes the entry of a candidate.
    pub(crate) fn remove(&mut self, candidate: &Candidate) -> Option<VerifiedPeer> {
        let entry = self.entries.remove(candidate)?;
        self.version += 1;
        if let Some(at) = entry.check_at {
            self.checks.remove(&(at, candidate.clone()));
        }
        if let Some(candidates) = self.by_peer.get_mut(&entry.peer) {
            candidates.remove(candidate);
            if candidates.is_empty() {
                self.by_peer.remove(&entry.peer);
            }
        }
        Some(entry)
    }

    /// Moves an entry to another candidate for the same address, which has none.
    pub(crate) fn rename(&mut self, from: &Candidate, to: &Candidate) {
        let Some(mut entry) = self.remove(from) else { return };
        entry.candidate = to.clone();
        if let Some(at) = entry.check_at {
            self.checks.insert((at, to.clone()));
        }
        self.by_peer.entry(entry.peer).or_default().insert(to.clone());
        self.entries.insert(to.clone(), entry);
    }

    /// Notes a failed verification and returns how many there are by now.
    pub(crate) fn fail(&mut self, candidate: &Candidate) -> u32 {
        self.entries.get_mut(candidate).map_or(0, |entry| {
            entry.failures += 1;
            entry.failures
        })
    }

    /// Notes that the peer is alive at the candidate.
    pub(crate) fn touch(&mut self, candidate: &Candidate, now: Instant) {
        if let Some(entry) = self.entries.get_mut(candidate) {
            entry.last_verified = now;
            entry.failures = 0;
        }
    }

    /// Notes that the peer was connected until now.
    pub(crate) fn note_connected(&mut self, candidate: &Candidate, now: Instant) {
        if let Some(entry) = self.entries.get_mut(candidate) {
            entry.last_connected = Some(now);
        }
    }

    /// Moves the next check of an entry.
    pub(crate) fn check_at(&mut self, candidate: &Candidate, at: Instant) {
        self.plan_check(candidate, Some(at));
    }

    /// Plans no check of an entry, until [`check_at`](Self::check_at) does.
    pub(crate) fn rest(&mut self, candidate: &Candidate) {
        self.plan_check(candidate, None);
    }

    fn plan_check(&mut self, candidate: &Candidate, at: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(candidate) else { return };
        if let Some(old) = std::mem::replace(&mut entry.check_at, at) {
            self.checks.remove(&(old, candidate.clone()));
        }
        if let Some(at) = at {
            self.checks.insert((at, candidate.clone()));
        }
    }

    /// The entry whose check is due first.
    pub(crate) fn next_check(&self) -> Option<(Instant, &Candidate)> {
        self.checks.first().map(|(at, candidate)| (*at, candidate))
    }
}
