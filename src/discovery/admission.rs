//! Between proof and table: an identity that was proved may still have to be one that may join, and
//! one that speaks what members speak.

use std::{collections::HashSet, time::Duration};

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

use super::{
    Discovery,
    dials::{Dial, Expect, Purpose, Room},
};
use crate::{
    candidate::Candidate,
    event::{Event, Failure, Proved},
};

/// How long a candidate waits that is pinned to a peer that may not join, unless that is judged again
/// before.
const REFUSED: Duration = Duration::from_secs(24 * 3600);

/// What is known of a peer that proved its identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may enter the table.
    Member,
    /// It may not join.
    Refused,
    /// It does not speak what members speak.
    Stranger,
    /// It has not said yet what it speaks.
    Unknown,
}

impl Discovery {
    /// Replaces the allow list; `None` admits everybody. Whoever is in the table and may no longer
    /// join leaves it at once, and those who were refused are looked at again.
    pub fn set_allowed_peers(&mut self, allowed: Option<HashSet<PeerId>>, now: Instant) {
        self.config.admission.allowed = allowed;
        self.readmit(now);
    }

    /// Judges again who may join, because what
    /// [`Config::with_admission`](crate::Config::with_admission) goes by has changed.
    pub fn readmit(&mut self, now: Instant) {
        let refused = self
            .table
            .iter()
            .filter(|e| !self.admits(&e.peer, &e.candidate))
            .map(|e| (e.candidate.clone(), e.peer));
        for (candidate, peer) in refused.collect::<Vec<_>>() {
            self.turn_away(&candidate, Failure::Refused(peer), now);
        }
        let admission = &self.config.admission;
        let admitted = |candidate: &Candidate, failure: &Failure| match failure {
            Failure::Refused(peer) => admission.admits(peer, candidate.address()),
            _ => false,
        };
        self.tracks.retry_those(admitted, now);
        self.refuse_pinned(&self.order.iter().cloned().collect::<Vec<_>>(), now);
        self.dirty = true;
    }

    /// Turns those away that are pinned to peers that may not join. Nothing that a dial could tell
    /// would change that, so that they wait until it is judged again.
    pub(super) fn refuse_pinned(&mut self, candidates: &[Candidate], now: Instant) {
        for candidate in candidates {
            let Some(pinned) = candidate.pinned() else { continue };
            let refused = Failure::Refused(*pinned);
            let failed = self.tracks.get(candidate).and_then(|t| t.failed.as_ref());
            if self.is_own(candidate)
                || self.dials.of(candidate).is_some()
                || self.admits(pinned, candidate)
                || failed.is_some_and(|failed| failed.reason == refused)
            {
                continue;
            }
            self.turn_away(candidate, refused.clone(), now);
            self.tracks.postpone(candidate, refused, now, REFUSED);
        }
    }

    /// Takes note of whether the remote of a connection speaks the
    /// [required protocol](crate::Config::with_required_protocol). Without one, nothing follows.
    pub fn handle_protocols(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        speaks: bool,
        now: Instant,
    ) {
        if self.config.required_protocol.is_none() || !self.connections.note(peer, id, speaks) {
            return;
        }
        self.dirty = true;
        for dial in self.dials.end_waiting_for(peer) {
            self.identify(&dial.candidate, *peer, Proved::Dial, Some(dial.purpose), now);
        }
        self.follow_protocols(peer, now);
    }

    /// What a connected peer is known to speak has changed, perhaps.
    pub(super) fn follow_protocols(&mut self, peer: &PeerId, now: Instant) {
        let turned_away = |failure: &Failure| match failure {
            Failure::Stranger(p) | Failure::Unidentified(p) => p == peer,
            _ => false,
        };
        match self.connections.speaks(peer) {
            Some(true) => self.tracks.retry_where(turned_away, now),
            Some(false) => {
                let entered: Vec<_> = self.table.candidates_of(peer).cloned().collect();
                self.dirty |= !entered.is_empty();
                for candidate in entered {
                    self.turn_away(&candidate, Failure::Stranger(*peer), now);
                }
            }
            None => {}
        }
    }

    pub(super) fn admits(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.config.admission.admits(peer, candidate.address())
    }

    pub(super) fn standing(&self, peer: &PeerId, candidate: &Candidate) -> Standing {
        if !self.admits(peer, candidate) {
            return Standing::Refused;
        }
        match self.connections.speaks(peer) {
            _ if self.config.required_protocol.is_none() => Standing::Member,
            Some(true) => Standing::Member,
            Some(false) => Standing::Stranger,
            // It said so when it was entered.
            None if self.table.count_of(peer) > 0 => Standing::Member,
            None => Standing::Unknown,
        }
    }

    /// Has a peer say what it speaks.
    pub(super) fn await_protocols(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        purpose: Option<Purpose>,
        now: Instant,
    ) {
        self.end_disproved(candidate, peer);
        // What others met is looked at ourselves, with what room there is.
        let Some(purpose) = purpose else { return self.hint(candidate, now) };
        if self.connections.is_connected(&peer) {
            return self.wait_for(candidate.clone(), peer, purpose, now);
        }
        self.acquaintances.insert(candidate.clone(), (peer, purpose));
        self.dirty = true;
    }

    /// Whoever was entered there is there no longer, whatever becomes of who answered instead.
    fn end_disproved(&mut self, candidate: &Candidate, obtained: PeerId) {
        if self.table.get(candidate).is_none_or(|e| e.peer == obtained) {
            return;
        }
        let Some(old) = self.end_entry(candidate) else { return };
        let (address, gone) = (candidate.address().clone(), self.note_gone(&old));
        let reason = Failure::Unidentified(obtained);
        let track = self.tracks.of(candidate);
        track.told_failure = Some(reason.clone());
        track.reported = true;
        self.tell(Event::Unreachable { address, peer: Some(old), gone, reason });
    }

    /// Removes the entry of a candidate; returns its peer, unless that is verified there by another
    /// candidate: then it is not lost yet.
    fn end_entry(&mut self, candidate: &Candidate) -> Option<PeerId> {
        let entry = self.table.remove(candidate);
        if self.selected.remove(candidate) {
            self.hasten();
        }
        entry.map(|e| e.peer).filter(|old| !self.is_verified_there(candidate, old))
    }

    /// Connects to those who proved who they are and are to say what they speak. They go before new
    /// probes, which would take the room of a small budget again and again, and nobody would be asked.
    pub(super) fn connect_acquaintances(&mut self, now: Instant) {
        while let Some((candidate, (peer, purpose))) = self.acquaintances.pop_first() {
            let is_other = self.order.contains(&candidate) && !self.is_own(&candidate);
            if !is_other || self.dials.of(&candidate).is_some() {
                continue;
            }
            if self.connections.speaks(&peer).is_some() {
                self.identify(&candidate, peer, Proved::Probe, Some(purpose), now);
                continue;
            }
            if self.connections.is_connected(&peer) {
                self.wait_for(candidate, peer, purpose, now);
                continue;
            }
            match self.dials.room(Purpose::Check, now) {
                Room::Free => self.start_dial(&candidate, Expect::Peer(peer), purpose, now),
                room => {
                    self.acquaintances.insert(candidate, (peer, purpose));
                    if let Room::Until(at) = room {
                        self.wake_at(Some(at));
                    }
                    return;
                }
            }
        }
    }

    fn wait_for(&mut self, candidate: Candidate, peer: PeerId, purpose: Purpose, now: Instant) {
        self.dials.wait_for(Dial {
            candidate,
            expect: Expect::Peer(peer),
            purpose,
            started: now,
            deadline: now + self.config.probe_timeout,
            is_spared: false,
            waits_for: Some(peer),
        });
    }

    /// Ends the waiting for what a peer speaks: it is no longer connected.
    pub(super) fn note_unidentified(&mut self, peer: &PeerId, now: Instant) {
        for dial in self.dials.end_waiting_for(peer) {
            self.turn_away(&dial.candidate, Failure::Unidentified(*peer), now);
        }
    }

    /// Whoever answers at a candidate may not enter the table. Whoever was entered there is no longer
    /// there either.
    pub(super) fn turn_away(&mut self, candidate: &Candidate, failure: Failure, now: Instant) {
        let old = self.end_entry(candidate);
        self.no_longer_itself(candidate);
        self.punish(candidate, failure.clone(), now);
        let told = self.was_told(candidate, &failure);
        let track = self.tracks.of(candidate);
        track.told_failure = Some(failure.clone());
        track.reported = true;
        if told && old.is_none() {
            return;
        }
        let gone = old.is_some_and(|old| self.note_gone(&old));
        let address = candidate.address().clone();
        self.tell(match failure {
            Failure::Refused(peer) => Event::Refused { address, peer, old, gone },
            Failure::Stranger(peer) => Event::Stranger { address, peer, old, gone },
            reason => Event::Unreachable { address, peer: old, gone, reason },
        });
    }

    /// Whether that was the last that was told of the address: with a pin or without, it is one.
    fn was_told(&self, candidate: &Candidate, failure: &Failure) -> bool {
        let told = |c: &Candidate| self.tracks.get(c).and_then(|track| track.told_failure.as_ref());
        self.order.at_address(candidate).any(|c| told(c) == Some(failure))
    }

    /// Whoever answers there, or does not, it is not us.
    pub(super) fn no_longer_itself(&mut self, candidate: &Candidate) {
        if self.tracks.of(candidate).itself.take().is_some() {
            self.note_own_changed();
        }
    }
}
