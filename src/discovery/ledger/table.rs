//! The table of verified peers: which peer proved its identity at which address, how and when.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use web_time::Instant;

use super::standing::{OfPeer, Standing};
use crate::{
    candidate::{Candidate, Family},
    event::Proved,
};

/// An entry in the table of verified peers: a peer that proved possession of its key at an address.
///
/// The entry says which peer answered at the address, and when. It does not say that the peer may join
/// anything.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedPeer {
    /// The peer.
    pub peer: PeerId,
    /// The candidate at which the peer lives.
    pub candidate: Candidate,
    /// How the peer last proved its identity at the address.
    pub how: Proved,
    /// When the peer first proved its identity at the address.
    pub first_verified: Instant,
    /// When the peer last proved its identity at the address, or was last seen connected by it. A
    /// connection counts as seen when it is opened, when the peer replies on it, and when the peer
    /// closes it.
    pub last_verified: Instant,
    /// When its peer was last connected, by whatever address.
    last_connected: Option<Instant>,
    /// How many verifications have failed since; the second failure ends the entry.
    failures: u32,
    /// Whether our swarm denied the last dial to the peer, so that a probe is to verify the entry next.
    denied: bool,
    /// Whether its peer was ever connected.
    met: bool,
    /// When the peer was last asked for a reply on its connection, and how many times in a row it has been
    /// asked without a reply.
    asked: Option<(Instant, u32)>,
    /// When it is to be verified next; `None` while a connection does so.
    check_at: Option<Instant>,
}

impl VerifiedPeer {
    /// The address where the peer lives, without `/p2p`.
    pub fn address(&self) -> &Multiaddr {
        self.candidate.address()
    }

    /// When the peer was last verified there, or connected by whatever address.
    pub(in crate::discovery) fn last_seen(&self) -> Instant {
        self.last_connected.map_or(self.last_verified, |at| at.max(self.last_verified))
    }

    /// Whether our swarm denied the last dial to the peer.
    pub(in crate::discovery) fn is_denied(&self) -> bool {
        self.denied
    }

    /// When the peer was last asked for a reply, and how many times in a row it has been asked without a reply.
    pub(super) fn asked(&self) -> Option<(Instant, u32)> {
        self.asked
    }
}

/// Whether our swarm lets a peer be connected.
#[derive(Debug)]
pub(super) enum Meeting {
    /// The peer is connected.
    Connected,
    /// The peer is not connected, and our swarm has not denied it.
    Open,
    /// Our swarm denied the last connection.
    Denied(Arc<str>),
}

/// The table. Every change of it goes through here, so that its indices agree.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// In the order of the candidates.
    entries: BTreeMap<Candidate, VerifiedPeer>,
    by_peer: HashMap<PeerId, OfPeer>,
    standing: Standing,
    checks: BTreeSet<(Instant, Candidate)>,
    /// The entries that do not make this node count as joined, because our swarm denied every connection to
    /// their peers; each with the reason of the denial.
    unmet: BTreeMap<Candidate, Arc<str>>,
    /// When a peer in each family was last verified.
    last_verified: [Option<Instant>; Family::ALL.len()],
    version: u64,
}

impl Table {
    /// Differs whenever there are other entries, or an entry has another peer.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many different peers have an entry.
    pub(super) fn peer_count(&self) -> usize {
        self.by_peer.len()
    }

    pub(super) fn get(&self, candidate: &Candidate) -> Option<&VerifiedPeer> {
        self.entries.get(candidate)
    }

    /// All entries, in the order of their candidates.
    pub(super) fn iter(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.entries.values()
    }

    /// The candidates at which a peer is verified, in order.
    pub(super) fn candidates_of(&self, peer: &PeerId) -> impl Iterator<Item = &Candidate> {
        self.by_peer.get(peer).into_iter().flat_map(OfPeer::iter)
    }

    /// Whether a peer is verified in a family.
    pub(super) fn is_in(&self, peer: &PeerId, family: Family) -> bool {
        self.by_peer.get(peer).is_some_and(|of_peer| !of_peer.of(family).is_empty())
    }

    /// The entries at an address, whatever their pins.
    pub(super) fn at_address<'a>(
        &'a self,
        address: &Candidate,
    ) -> impl Iterator<Item = &'a VerifiedPeer> + use<'a> {
        let (address, other) = (address.clone(), address.clone());
        let there = self.entries.range(address.without_pin()..);
        let there = there.take_while(move |(c, _)| c.is_at_address_of(&address));
        there.filter(move |(c, _)| c.is_same_place(&other)).map(|(_, entry)| entry)
    }

    /// The entries that do not make this node count as joined, and why.
    pub(super) fn unmet(&self) -> &BTreeMap<Candidate, Arc<str>> {
        &self.unmet
    }

    /// How the entries stand.
    pub(super) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// When a peer in a family was last verified, whether its entry is still there or not.
    pub(super) fn last_verified(&self, family: Family) -> Option<Instant> {
        self.last_verified[family.index()]
    }

    /// Notes whether a peer is passed over, connected or silent, if it has entries.
    pub(super) fn note_peer(
        &mut self,
        peer: &PeerId,
        is_connected: bool,
        is_silent: bool,
        is_passed_over: bool,
    ) {
        let Some(of_peer) = self.by_peer.get_mut(peer) else { return };
        if (of_peer.is_connected, of_peer.is_passed_over) != (is_connected, is_passed_over) {
            let seen = |c: &Candidate| self.entries.get(c).map(|entry| met_at(entry, &self.unmet));
            let entries: Vec<_> = of_peer.iter().filter_map(|c| Some((c, seen(c)?))).collect();
            entries.iter().for_each(|(c, seen)| self.standing.remove(c, *seen, of_peer));
            let entries: Vec<_> = entries.into_iter().map(|(c, at)| (c.clone(), at)).collect();
            (of_peer.is_connected, of_peer.is_passed_over) = (is_connected, is_passed_over);
            entries.iter().for_each(|(c, seen)| self.standing.add(c, *seen, of_peer));
        }
        of_peer.is_silent = is_silent;
        self.standing.note_live(peer, of_peer.is_live());
    }

    /// At how many addresses a peer is verified.
    pub(super) fn count_of(&self, peer: &PeerId) -> usize {
        self.by_peer.get(peer).map_or(0, OfPeer::len)
    }

    /// Enters a peer, or renews its entry. The next check is due at `check_at`.
    ///
    /// A candidate has one entry at the most: the caller has removed an entry of another peer before. If our
    /// swarm denied every connection to the peer, the entry does not make this node count as joined.
    pub(super) fn enter(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        meeting: Meeting,
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
        let was_met = old.as_ref().is_some_and(|old| old.met);
        let met = was_met || matches!(meeting, Meeting::Connected);
        let first_verified = old.map_or(now, |e| e.first_verified);
        let denied = match meeting {
            Meeting::Denied(why) if !met => Some(why),
            _ => None,
        };
        let seen = denied.is_none().then_some(now);
        self.unmet.extend(denied.map(|why| (candidate.clone(), why)));
        self.checks.insert((check_at, candidate.clone()));
        let of_peer = self.by_peer.entry(peer).or_default();
        of_peer.of_mut(candidate.family()).insert(candidate.clone());
        self.standing.add(candidate, seen, of_peer);
        self.last_verified[candidate.family().index()] = Some(now);
        let entry = VerifiedPeer {
            peer,
            candidate: candidate.clone(),
            how,
            first_verified,
            last_verified: now,
            last_connected: None,
            failures: 0,
            denied: false,
            met,
            asked: None,
            check_at: Some(check_at),
        };
        self.entries.insert(candidate.clone(), entry);
    }

    /// Removes the entry of a candidate.
    pub(super) fn remove(&mut self, candidate: &Candidate) -> Option<VerifiedPeer> {
        let entry = self.entries.remove(candidate)?;
        let seen = met_at(&entry, &self.unmet);
        self.unmet.remove(candidate);
        self.version += 1;
        if let Some(at) = entry.check_at {
            self.checks.remove(&(at, candidate.clone()));
        }
        if let Some(of_peer) = self.by_peer.get_mut(&entry.peer) {
            self.standing.remove(candidate, seen, of_peer);
            of_peer.of_mut(candidate.family()).remove(candidate);
            if of_peer.len() == 0 {
                self.by_peer.remove(&entry.peer);
                self.standing.note_live(&entry.peer, false);
            }
        }
        Some(entry)
    }

    /// Moves an entry to another candidate for the same address, which has none.
    pub(super) fn rename(&mut self, from: &Candidate, to: &Candidate) {
        let unmet = self.unmet.get(from).cloned();
        let Some(mut entry) = self.remove(from) else { return };
        entry.candidate = to.clone();
        if let Some(at) = entry.check_at {
            self.checks.insert((at, to.clone()));
        }
        let of_peer = self.by_peer.entry(entry.peer).or_default();
        of_peer.of_mut(to.family()).insert(to.clone());
        self.standing.add(to, unmet.is_none().then(|| entry.last_seen()), of_peer);
        self.unmet.extend(unmet.map(|why| (to.clone(), why)));
        self.entries.insert(to.clone(), entry);
    }

    /// Notes a failed verification and returns how many there are by now.
    pub(super) fn fail(&mut self, candidate: &Candidate) -> u32 {
        self.entries.get_mut(candidate).map_or(0, |entry| {
            entry.failures += 1;
            entry.failures
        })
    }

    /// Notes that the peer is alive at the candidate, by a connection.
    pub(super) fn touch(&mut self, candidate: &Candidate, now: Instant) {
        self.see(candidate, |entry| {
            entry.last_verified = now;
            entry.asked = None;
            entry.failures = 0;
        });
        if self.entries.contains_key(candidate) {
            self.last_verified[candidate.family().index()] = Some(now);
        }
    }

    /// Notes that a connection showed the peer of an entry.
    fn see(&mut self, candidate: &Candidate, note: impl FnOnce(&mut VerifiedPeer)) {
        let Some(entry) = self.entries.get_mut(candidate) else { return };
        let before = met_at(entry, &self.unmet);
        self.unmet.remove(candidate);
        entry.met = true;
        note(entry);
        self.standing.see(candidate, before, entry.last_seen());
    }

    /// Notes that the peer was asked for a reply, and how many times in a row by now; `None` if the peer is no
    /// longer asked.
    pub(super) fn note_asked(&mut self, candidate: &Candidate, asked: Option<(Instant, u32)>) {
        if let Some(entry) = self.entries.get_mut(candidate) {
            entry.asked = asked;
        }
    }

    /// Notes that the verification of an entry holds: earlier failures no longer count.
    pub(super) fn hold(&mut self, candidate: &Candidate) {
        if let Some(entry) = self.entries.get_mut(candidate) {
            entry.failures = 0;
        }
    }

    /// Notes that the peer was connected until now.
    pub(super) fn note_connected(&mut self, candidate: &Candidate, now: Instant) {
        self.see(candidate, |entry| entry.last_connected = Some(now));
    }

    /// Notes that our swarm denied the last dial to an entry. `connection` is the reason if the dial was to
    /// be a connection. `is_next_a_probe` says whether the entry is to be probed next.
    pub(super) fn note_denied(
        &mut self,
        candidate: &Candidate,
        connection: Option<Arc<str>>,
        is_next_a_probe: bool,
    ) {
        let Some(entry) = self.entries.get_mut(candidate) else { return };
        entry.denied = is_next_a_probe;
        if let Some(why) = connection.filter(|_| !entry.met)
            && self.unmet.insert(candidate.clone(), why).is_none()
        {
            self.standing.see_no_more(candidate, entry.last_seen());
        }
    }

    /// Moves the next check of an entry.
    pub(super) fn check_at(&mut self, candidate: &Candidate, at: Instant) {
        self.plan_check(candidate, Some(at));
    }

    /// Whether a peer is verified at the same address by another candidate, with a pin or without.
    pub(super) fn is_there_otherwise(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        let mut known = self.at_address(candidate);
        known.any(|other| other.candidate != *candidate && other.peer == *peer)
    }

    /// Plans no check of an entry, until [`check_at`](Self::check_at) does, and waits for no reply.
    pub(super) fn rest(&mut self, candidate: &Candidate) {
        self.note_asked(candidate, None);
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
    pub(super) fn next_check(&self) -> Option<(Instant, &Candidate)> {
        self.checks.first().map(|(at, candidate)| (*at, candidate))
    }
}

/// When the peer of an entry was last seen; `None` if the entry does not make this node count as joined.
fn met_at(entry: &VerifiedPeer, unmet: &BTreeMap<Candidate, Arc<str>>) -> Option<Instant> {
    (!unmet.contains_key(&entry.candidate)).then(|| entry.last_seen())
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::discovery::testing::{epoch, secs};

    fn c(n: u8) -> Candidate {
        Candidate::new(&format!("/ip4/10.0.0.{n}/tcp/1").parse().expect("an address"))
    }

    fn pinned(n: u8, peer: PeerId) -> Candidate {
        Candidate::new(&format!("{}/p2p/{peer}", c(n)).parse().expect("an address"))
    }

    #[test]
    fn the_version_tells_another_peer_and_no_renewal() {
        let (mut table, now, peer) = (Table::default(), epoch(), PeerId::random());
        table.enter(&c(1), peer, Proved::Probe, Meeting::Connected, now, now);
        let version = table.version();
        table.enter(&c(1), peer, Proved::Dial, Meeting::Connected, now + secs(1), now);
        assert_eq!(table.version(), version);
        let entry = table.get(&c(1)).expect("an entry");
        assert_eq!((entry.first_verified, entry.last_verified), (now, now + secs(1)));
        table.remove(&c(1));
        assert_ne!(table.version(), version);
        assert_eq!(table.count_of(&peer), 0);
    }

    #[test]
    fn checks_come_in_the_order_of_their_time_and_rest() {
        let (mut table, now) = (Table::default(), epoch());
        for n in 1..=3 {
            table.enter(
                &c(n),
                PeerId::random(),
                Proved::Probe,
                Meeting::Connected,
                now,
                now + secs(n.into()),
            );
        }
        table.check_at(&c(1), now + secs(9));
        table.rest(&c(2));
        assert_eq!(table.next_check(), Some((now + secs(3), &c(3))));
        table.remove(&c(3));
        assert_eq!(table.next_check(), Some((now + secs(9), &c(1))));
    }

    #[test]
    fn an_entry_moves_to_the_pin_of_its_address_with_all_that_is_known() {
        let (mut table, now, peer) = (Table::default(), epoch(), PeerId::random());
        table.enter(&c(1), peer, Proved::Probe, Meeting::Connected, now, now + secs(1));
        table.rename(&c(1), &pinned(1, peer));
        assert!(table.get(&c(1)).is_none());
        assert_eq!(table.candidates_of(&peer).collect::<Vec<_>>(), [&pinned(1, peer)]);
        assert_eq!(table.next_check(), Some((now + secs(1), &pinned(1, peer))));
    }

    #[test]
    fn a_peer_may_be_verified_at_one_address_by_two_candidates() {
        let (mut table, now, peer) = (Table::default(), epoch(), PeerId::random());
        table.enter(&c(1), peer, Proved::Probe, Meeting::Connected, now, now);
        assert!(!table.is_there_otherwise(&peer, &c(1)));
        table.enter(&pinned(1, peer), peer, Proved::Probe, Meeting::Connected, now, now);
        assert!(table.is_there_otherwise(&peer, &c(1)));
    }

    #[test]
    fn two_failures_count_until_the_peer_is_seen() {
        let (mut table, now) = (Table::default(), epoch());
        table.enter(&c(1), PeerId::random(), Proved::Probe, Meeting::Connected, now, now);
        assert_eq!((table.fail(&c(1)), table.fail(&c(1))), (1, 2));
        table.touch(&c(1), now + secs(5));
        assert_eq!(table.fail(&c(1)), 1);
        table.note_connected(&c(1), now + secs(7));
        assert_eq!(table.get(&c(1)).map(VerifiedPeer::last_seen), Some(now + secs(7)));
    }
}
