//! What the outcome of a dial, or a connection, says about who lives where.

use std::time::Duration;

use libp2p_identity::PeerId;
use web_time::Instant;

use super::{
    DialFailure, Discovery, Output,
    admission::Standing,
    dials::{Dial, Expect, Purpose, Room},
};
use crate::{
    candidate::Candidate,
    event::{Event, Failure, Proved},
    pace::back_off,
};

/// How many verifications of an entry must fail before it is withdrawn.
const FAILURES: u32 = 2;
/// When an address that led to ourselves is looked at again.
const SELF_RECHECK: Duration = Duration::from_secs(600);
/// When a shared address is asked again that may have come to belong to somebody.
const SOON: Duration = Duration::from_secs(10);
/// How long a connection may outlive its remote: QUIC notices after 10 s of silence, and ping after
/// an interval of 15 s and a time-out of 20 s.
const CONNECTION_DEATH: Duration = Duration::from_secs(40);

impl Discovery {
    /// Our dial ended in a connection.
    pub(super) fn judge_connected(&mut self, dial: &Dial, peer: PeerId, now: Instant) {
        self.tracks.of(&dial.candidate).rtt = Some(now.saturating_duration_since(dial.started));
        self.identify(&dial.candidate, peer, Proved::Dial, Some(dial.purpose), now);
    }

    /// Our dial ended without a connection.
    pub(super) fn judge_failure(&mut self, dial: &Dial, failure: DialFailure, now: Instant) {
        let candidate = &dial.candidate;
        match failure {
            DialFailure::Identity(peer) => {
                let rtt = now.saturating_duration_since(dial.started);
                self.tracks.of(candidate).rtt = Some(rtt);
                let how = match dial.expect {
                    Expect::Probe => Proved::Probe,
                    Expect::Peer(_) | Expect::Anyone => Proved::Dial,
                };
                self.identify(candidate, peer, how, Some(dial.purpose), now);
                if dial.purpose == Purpose::Repair && dial.expect == Expect::Probe {
                    self.meet(candidate, now);
                }
            }
            DialFailure::OwnAddress => self.find_itself(candidate, now),
            DialFailure::Busy => self.postpone(candidate, now),
            DialFailure::Denied(cause) => self.deny(candidate, Failure::Denied(cause), now),
            DialFailure::Failed(failure) => self.miss(candidate, failure, now),
        }
    }

    /// To meet somebody means to connect, or islands would not grow together.
    pub(super) fn meet(&mut self, candidate: &Candidate, now: Instant) {
        let Some(peer) = self.table.get(candidate).map(|e| e.peer) else { return };
        let free = self.dials.room(Purpose::Repair, now) == Room::Free;
        if free && self.dials.of(candidate).is_none() && !self.connections.is_connected(&peer) {
            self.start_dial(candidate, Expect::Peer(peer), Purpose::Repair, now);
        }
    }

    /// A dial that was not ours, or a connection, met an identity at an address.
    pub(super) fn observe(&mut self, address: &Candidate, peer: PeerId, now: Instant) {
        for candidate in self.concerned(address, &peer) {
            // What is under way will tell for itself.
            if self.dials.of(&candidate).is_none() {
                self.identify(&candidate, peer, Proved::Observed, None, now);
            }
        }
    }

    /// A handshake proved who lives at a candidate; by a dial of ours, if there is a purpose.
    pub(super) fn identify(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        purpose: Option<Purpose>,
        now: Instant,
    ) {
        // Of an address that became ours while the dial was under way, too.
        if self.is_own_address(candidate) {
            return self.find_itself(candidate, now);
        }
        if peer == self.local {
            // Behind a balancer, we are one of those who alternate.
            return match self.tracks.of(candidate).see(peer, now) {
                true => self.share(candidate, now),
                false => self.find_itself(candidate, now),
            };
        }
        if candidate.pinned().is_some_and(|pinned| *pinned != peer) {
            return self.mismatch(candidate, peer, now);
        }
        let old = self.table.get(candidate).map(|e| e.peer);
        let alternates = self.tracks.of(candidate).see(peer, now);
        if alternates {
            return self.share(candidate, now);
        }
        let still_there =
            old.is_some_and(|old| old != peer && self.connections.is_live_at(&old, candidate));
        if still_there {
            return self.contradict(candidate, now);
        }
        match self.standing(&peer, candidate) {
            Standing::Member => self.enter(candidate, old, peer, how, now),
            Standing::Refused => self.turn_away(candidate, Failure::Refused(peer), now),
            Standing::Stranger => self.turn_away(candidate, Failure::Stranger(peer), now),
            Standing::Unknown => self.await_protocols(candidate, peer, purpose, now),
        }
    }

    /// Another identity answered at the address of a peer that is connected there. Either that
    /// peer died and its connection has yet to notice, or both live behind one address: time tells.
    fn contradict(&mut self, candidate: &Candidate, now: Instant) {
        let since = *self.tracks.of(candidate).contradicted.get_or_insert(now);
        if now.saturating_duration_since(since) >= CONNECTION_DEATH {
            self.tracks.of(candidate).share();
            return self.share(candidate, now);
        }
        self.table.check_at(candidate, since + CONNECTION_DEATH);
    }

    fn enter(
        &mut self,
        candidate: &Candidate,
        old: Option<PeerId>,
        peer: PeerId,
        how: Proved,
        now: Instant,
    ) {
        if old.is_some_and(|old| old != peer) {
            self.table.remove(candidate);
        }
        let known = self.is_verified_there(candidate, &peer);
        let next = self.next_check(candidate, now);
        self.table.enter(candidate, peer, how, now, next);
        // It may have been ours before.
        if self.tracks.of(candidate).itself.is_some() {
            self.note_own_changed();
        }
        self.tracks.succeed(candidate);
        self.lingering.remove(&peer);
        self.walker(candidate.family()).note_route();
        let replaced = old.is_some_and(|old| old != peer);
        if replaced || (old.is_none() && !known) {
            self.tell_entered(candidate, old, peer, how);
        }
    }

    fn tell_entered(
        &mut self,
        candidate: &Candidate,
        old: Option<PeerId>,
        peer: PeerId,
        how: Proved,
    ) {
        let address = candidate.address().clone();
        self.outputs.push_back(Output::Announce { peer, address: address.clone() });
        // The selection sees a new peer there, and has it connected.
        self.selected.remove(candidate);
        match old {
            // Its other entry there will be lost in its turn, and that is when it is told.
            Some(old) if !self.is_verified_there(candidate, &old) => {
                let gone = self.note_gone(&old);
                self.tell(Event::Replaced { address, old, new: peer, gone });
            }
            Some(_) | None => self.tell(Event::Verified { peer, address, how }),
        }
    }

    /// Whether a peer is verified at the same address by another candidate, with a pin or without.
    pub(super) fn is_verified_there(&self, candidate: &Candidate, peer: &PeerId) -> bool {
        let mut known = self.table.candidates_of(peer);
        known.any(|other| other != candidate && other.is_same_place(candidate))
    }

    /// The address leads to ourselves.
    pub(super) fn find_itself(&mut self, candidate: &Candidate, now: Instant) {
        self.tracks.succeed(candidate);
        self.note_own_changed();
        if !self.is_own_address(candidate) {
            self.tracks.of(candidate).itself = Some(now);
            // It may pass to somebody else one day.
            self.tracks.postpone(candidate, Failure::Aborted, now, SELF_RECHECK);
        }
        if let Some(entry) = self.table.remove(candidate) {
            self.selected.remove(candidate);
            if self.is_verified_there(candidate, &entry.peer) {
                return;
            }
            let address = candidate.address().clone();
            let (old, new, gone) = (entry.peer, self.local, self.note_gone(&entry.peer));
            self.tell(Event::Replaced { address, old, new, gone });
        }
    }

    /// A pinned address answered with another identity.
    fn mismatch(&mut self, candidate: &Candidate, obtained: PeerId, now: Instant) {
        let Some(pinned) = candidate.pinned().copied() else { return };
        let failure = Failure::PinMismatch(obtained);
        let told = self.tracks.of(candidate).told_failure.replace(failure.clone());
        if told.as_ref() != Some(&failure) {
            let address = candidate.address().clone();
            self.tell(Event::PinMismatch { address, pinned, obtained });
        }
        self.no_longer_itself(candidate);
        if self.connections.is_live_at(&pinned, candidate) {
            return self.contradict(candidate, now);
        }
        // The pinned peer is proved to be gone from there: no second opinion is needed.
        let entry = self.table.remove(candidate);
        self.punish(candidate, failure.clone(), now);
        self.tracks.of(candidate).reported = true;
        if let Some(entry) = entry {
            self.withdrawn(candidate, Some(entry.peer), failure);
        }
    }

    /// Identities alternate at the address. It is tried again at the pace of the longest back-off, or
    /// sooner while it may be all that there is, or may have come to belong to somebody.
    fn share(&mut self, candidate: &Candidate, now: Instant) {
        let entry = self.table.remove(candidate);
        self.selected.remove(candidate);
        let longest = self.longest_pause();
        let pause = match self.tracks.of(candidate).asks_soon() {
            true => SOON.min(longest),
            false => longest,
        };
        self.tracks.fail(candidate, Failure::Shared, now, pause);
        let track = self.tracks.of(candidate);
        track.reported = true;
        track.contradicted = None;
        let was_ours = track.itself.take().is_some();
        let told = std::mem::replace(&mut track.reported_shared, true);
        if was_ours {
            self.note_own_changed();
        }
        if told && entry.is_none() {
            return;
        }
        // A peer that is connected lives, though not there: nobody is to be told to drop it.
        let peer = entry.map(|e| e.peer);
        let gone = peer.is_some_and(|p| self.note_gone(&p));
        let peer = peer.filter(|p| !self.connections.is_connected(p));
        let address = candidate.address().clone();
        match told {
            false => self.tell(Event::SharedAddress { address, peer, gone }),
            true => self.tell(Event::Unreachable { address, peer, gone, reason: Failure::Shared }),
        }
    }

    /// The peer is connected or being dialled by somebody else: ask again shortly.
    pub(super) fn postpone(&mut self, candidate: &Candidate, now: Instant) {
        let pause = self.jitter(self.config.retry_base);
        if self.table.get(candidate).is_some() {
            self.table.check_at(candidate, now + pause);
        } else {
            self.tracks.postpone(candidate, Failure::Aborted, now, pause);
        }
    }

    /// A behaviour of ours is in the way. That says nothing about the address.
    fn deny(&mut self, candidate: &Candidate, failure: Failure, now: Instant) {
        if self.table.get(candidate).is_some() {
            let next = self.next_check(candidate, now);
            return self.table.check_at(candidate, next);
        }
        self.punish(candidate, failure.clone(), now);
        self.report(candidate, None, failure);
    }

    /// The address could not be reached.
    fn miss(&mut self, candidate: &Candidate, failure: Failure, now: Instant) {
        if let Failure::NoRoute(_) = failure {
            self.walker(candidate.family()).note_no_route();
        }
        self.no_longer_itself(candidate);
        if self.table.get(candidate).is_none() {
            self.punish(candidate, failure.clone(), now);
            return self.report(candidate, None, failure);
        }
        if self.table.fail(candidate) < FAILURES {
            let soon = now + self.jitter(self.config.retry_base);
            return self.table.check_at(candidate, soon);
        }
        let entry = self.table.remove(candidate);
        self.punish(candidate, failure.clone(), now);
        self.withdrawn(candidate, entry.map(|e| e.peer), failure);
    }

    fn withdrawn(&mut self, candidate: &Candidate, peer: Option<PeerId>, failure: Failure) {
        self.walker(candidate.family()).start_over();
        if self.selected.remove(candidate) {
            self.hasten();
        }
        let peer = peer.filter(|peer| !self.is_verified_there(candidate, peer));
        self.report(candidate, peer, failure);
    }

    /// Tells that an address cannot be reached, once until it was reached again; but always when
    /// an entry is withdrawn.
    fn report(&mut self, candidate: &Candidate, peer: Option<PeerId>, reason: Failure) {
        let track = self.tracks.of(candidate);
        if std::mem::replace(&mut track.reported, true) && peer.is_none() {
            return;
        }
        let gone = peer.is_some_and(|p| self.note_gone(&p));
        let address = candidate.address().clone();
        self.tell(Event::Unreachable { address, peer, gone, reason });
    }

    /// Whether nothing is left of a peer that lost an entry. If it is only still connected, the end
    /// of its last connection will be told.
    pub(super) fn note_gone(&mut self, peer: &PeerId) -> bool {
        if self.table.count_of(peer) > 0 {
            return false;
        }
        let connected = self.connections.is_connected(peer);
        if connected {
            self.lingering.insert(*peer);
        }
        !connected
    }

    pub(super) fn punish(&mut self, candidate: &Candidate, failure: Failure, now: Instant) {
        let failures = self.tracks.get(candidate).map_or(0, |t| t.failures) + 1;
        let pause = self.pause(failures);
        self.tracks.fail(candidate, failure, now, pause);
    }

    fn pause(&mut self, failures: u32) -> Duration {
        let cap = self.longest_pause();
        back_off(self.config.retry_base, cap, failures, &mut self.rng)
    }

    fn longest_pause(&self) -> Duration {
        match self.deserted {
            Some(_) => self.deserted_retry(),
            None => self.config.retry_cap,
        }
    }
}
