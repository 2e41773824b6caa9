//! What handshakes prove: which peer lives at a candidate, and what follows for the candidate's entry.

use std::{collections::HashSet, sync::Arc, time::Duration};

use libp2p_identity::PeerId;

use super::{
    Context, Ending, Ledger,
    admission::{Membership, admits, membership},
    not_ours,
    sharing::SOON,
    told,
};
use crate::{
    candidate::Candidate,
    discovery::{
        dial::{Dial, Expect, Purpose, may_probe},
        effect::Effect,
        output::DialFailure,
    },
    event::{Event, Failure, Proved},
    pace::jitter,
};

/// How many candidates of one address are looked at, to find out whether a failure there was reported.
const PINS: usize = 16;
/// How many verifications of an entry must fail before it is withdrawn.
const FAILURES: u32 = 2;
/// When an address that led to ourselves is looked at again.
const SELF_RECHECK: Duration = Duration::from_secs(600);
/// How long a connection may outlive its remote: QUIC notices after 10 s of silence, and ping after
/// an interval of 15 s and a time-out of 20 s.
const CONNECTION_DEATH: Duration = Duration::from_secs(40);
/// How long a candidate waits that is pinned to a peer that may not join, unless the peer is judged again
/// before.
const REFUSED: Duration = Duration::from_secs(24 * 3600);

/// How a dial ended.
#[derive(Debug)]
pub(in crate::discovery) enum Outcome {
    /// In a connection to this peer.
    Connected(PeerId),
    /// Without one.
    Failed(DialFailure),
}

/// The ledger, while it judges one thing that happened.
pub(in crate::discovery) struct Judge<'a, 'b> {
    ledger: &'a mut Ledger,
    cx: &'a mut Context<'b>,
}

impl<'a, 'b> Judge<'a, 'b> {
    pub(in crate::discovery) fn new(ledger: &'a mut Ledger, cx: &'a mut Context<'b>) -> Self {
        Self { ledger, cx }
    }

    /// A dial of ours has ended.
    pub(in crate::discovery) fn judge(&mut self, dial: &Dial, outcome: Outcome) {
        let candidate = &dial.candidate;
        let took = self.cx.now.saturating_duration_since(dial.started);
        match outcome {
            Outcome::Connected(peer) => {
                self.ledger.histories.of(candidate).set_rtt(took);
                self.identify(candidate, peer, Proved::Dial, Some(dial.purpose));
            }
            Outcome::Failed(DialFailure::Identity(peer)) => {
                self.ledger.histories.of(candidate).set_rtt(took);
                let probed = dial.expect == Expect::Probe;
                let how = if probed { Proved::Probe } else { Proved::Dial };
                self.identify(candidate, peer, how, Some(dial.purpose));
                self.note_whether_ours(dial, &peer);
                if dial.purpose == Purpose::Repair && probed {
                    self.cx.effects.push(Effect::Meet(candidate.clone()));
                }
            }
            Outcome::Failed(DialFailure::Itself) => {
                let local = *self.cx.own.local();
                self.identify(candidate, local, Proved::Dial, Some(dial.purpose));
                self.note_whether_ours(dial, &local);
            }
            Outcome::Failed(DialFailure::OwnAddress) => self.find_itself(candidate),
            Outcome::Failed(DialFailure::Busy) => self.postpone(candidate),
            Outcome::Failed(DialFailure::Denied(cause)) => {
                self.deny(candidate, dial.expect, cause);
            }
            Outcome::Failed(DialFailure::Failed(failure)) => self.miss(candidate, failure),
        }
    }

    /// A dial that was not ours met an identity at an address.
    pub(in crate::discovery) fn observe(&mut self, address: &Candidate, peer: PeerId) {
        for candidate in self.ledger.concerned(address, &peer, self.cx) {
            // If a dial of ours to the candidate is under way, its own outcome will count.
            if !(self.cx.is_dialled)(&candidate) {
                self.identify(&candidate, peer, Proved::Observed, None);
            }
        }
    }

    /// A handshake proved which peer lives at a candidate. `purpose` is that of the dial; `None` if the dial
    /// was not ours.
    pub(in crate::discovery) fn identify(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        purpose: Option<Purpose>,
    ) {
        self.weigh(candidate, peer, how, purpose, true);
    }

    /// A peer that proved its identity by an earlier handshake has now said which protocols it speaks.
    pub(in crate::discovery) fn identify_again(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        purpose: Purpose,
    ) {
        self.weigh(candidate, peer, how, Some(purpose), false);
    }

    /// Weighs what a handshake proved.
    ///
    /// The order of the guards matters. First, an address of ours belongs to no other peer, whatever
    /// answered there before. Then, the zone vouches for a pin, so another peer at a pinned address is an
    /// impostor, also if identities alternate there. Every other answer counts as one of several that may
    /// alternate, also the answer of a peer that may not join. The answer proves nothing while the address
    /// is shared, nor while the entry's peer is connected by a dial to this address. Only after these
    /// guards does it matter whether the peer may enter.
    fn weigh(
        &mut self,
        candidate: &Candidate,
        peer: PeerId,
        how: Proved,
        purpose: Option<Purpose>,
        is_handshake: bool,
    ) {
        // The address may have become ours while the dial was under way.
        if self.cx.own.is_certain(candidate) {
            return self.find_itself(candidate);
        }
        let ours = peer == *self.cx.own.local();
        if !ours && self.cx.own.is_twin(candidate) {
            self.cx.effects.push(Effect::NotOurs(candidate.clone()));
        }
        if !ours && candidate.pinned().is_some_and(|pinned| *pinned != peer) {
            return self.mismatch(candidate, peer);
        }
        // Behind a balancer, we are one of those who alternate.
        let answers = self.ledger.histories.of(candidate).answers();
        let is_shared = if is_handshake { answers.note(peer) } else { answers.is_shared() };
        if is_shared {
            return self.share(candidate);
        }
        if ours && self.cx.own.is_twin(candidate) {
            return self.turn_away(candidate, Failure::SameKey);
        }
        if ours {
            return self.find_itself(candidate);
        }
        let old = self.ledger.table.get(candidate).map(|e| e.peer).filter(|old| *old != peer);
        if old.is_some_and(|old| self.ledger.connections.is_dialled_at(&old, candidate)) {
            return self.contradict(candidate);
        }
        match membership(
            &peer,
            candidate,
            self.cx.config,
            &self.ledger.connections,
            &self.ledger.table,
        ) {
            Membership::Member => self.ledger.enter(candidate, peer, how, self.cx),
            Membership::Refused => self.turn_away(candidate, Failure::Refused(peer)),
            Membership::Stranger => self.turn_away(candidate, Failure::Stranger(peer)),
            Membership::Unknown => self.await_protocols(candidate, peer, purpose),
        }
    }

    /// An address was reported to be one of this node's addresses. Another peer may have an entry there.
    ///
    /// If this node listens on the address, or the operator wrote it, the other peer's entry ends at once. If
    /// the address was only confirmed as an external one, the report may be wrong: behaviours confirm what
    /// remotes say. Then the entry stays for now, and the address is dialled at once. If this node itself
    /// answers, the entry ends. A connection to the other peer at that address does not replace this dial.
    pub(in crate::discovery) fn note_own_address(&mut self, address: &Candidate) {
        let held = self.ledger.table.at_address(address).map(|entry| entry.candidate.clone());
        for candidate in held.collect::<Vec<_>>() {
            if !self.cx.own.is_only_confirmed(&candidate) {
                self.find_itself(&candidate);
                continue;
            }
            self.ledger.histories.of(&candidate).contradict(self.cx.now);
            self.ledger.table.check_at(&candidate, self.cx.now);
            self.cx.effects.push(Effect::Theirs(candidate));
        }
    }

    /// The order has changed.
    pub(in crate::discovery) fn follow_order(
        &mut self,
        added: &[Candidate],
        departed: &[Candidate],
    ) {
        // Both are sorted, so that nothing is searched for.
        let local = Some(self.cx.own.local());
        let others = added.iter().filter(|c| c.pinned() != local);
        self.ledger.untried.append(&mut others.cloned().collect());
        self.refuse_pinned(added);
        let unnamed: Vec<_> = departed.iter().filter(|c| !self.depart(c)).collect();
        self.tell_unnamed(&unnamed);
        self.follow_hosts();
    }

    /// Reports the addresses of which nothing more will be reported: DNS no longer names them, and no peer
    /// was verified there. A peer that is connected there nevertheless is reported as gone when its last
    /// connection closes.
    fn tell_unnamed(&mut self, candidates: &[&Candidate]) {
        let order = self.cx.order;
        let is_named = |c: &Candidate| !order.at_address(c).is_empty();
        let unnamed: Vec<_> = candidates.iter().filter(|c| !is_named(c)).collect();
        let mut addresses: Vec<_> = unnamed.iter().map(|c| c.address().clone()).collect();
        addresses.dedup();
        if addresses.is_empty() {
            return;
        }
        // Where others of a host are named, a connection from there may be theirs.
        let left = unnamed.iter().filter_map(|c| c.ip()).filter(|ip| order.at_host(*ip).is_empty());
        let (at, hosts) = (addresses.iter().collect(), left.collect());
        let Ledger { connections, table, connected_without_entry, .. } = &mut *self.ledger;
        let peers = connections.at_any_of(&at, &hosts).into_iter();
        connected_without_entry.extend(peers.filter(|peer| table.count_of(peer) == 0));
        self.cx.effects.tell(Event::Unnamed { addresses: addresses.into() });
    }

    /// Finds the hosts at which several peers live by now. While one peer lived at a host, a connection to that
    /// peer counted for every port of the host. Now it counts only for the port that it leads to, so the
    /// other entries there are verified at once.
    fn follow_hosts(&mut self) {
        let before = std::mem::replace(&mut self.ledger.crowded, self.cx.order.crowded());
        let ledger = &self.ledger;
        let is_in_doubt = |c: &&Candidate| {
            let peer = ledger.table.get(c).map(|entry| &entry.peer);
            peer.is_some_and(|peer| ledger.is_connected(peer) && !ledger.is_live_at(peer, c))
        };
        let hosts = ledger.crowded.difference(&before).flat_map(|ip| self.cx.order.at_host(*ip));
        for candidate in hosts.filter(is_in_doubt).cloned().collect::<Vec<_>>() {
            self.ledger.table.check_at(&candidate, self.cx.now);
        }
    }

    /// Judges again who may join, because what admission goes by has changed.
    pub(in crate::discovery) fn readmit(&mut self) {
        let refused =
            self.ledger.table.iter().filter(|e| !admits(self.cx.config, &e.peer, &e.candidate));
        for (candidate, peer) in refused.map(|e| (e.candidate.clone(), e.peer)).collect::<Vec<_>>()
        {
            self.turn_away(&candidate, Failure::Refused(peer));
        }
        let config = self.cx.config;
        let admitted = |candidate: &Candidate, failure: &Failure| match failure {
            Failure::Refused(peer) => admits(config, peer, candidate),
            _ => false,
        };
        self.ledger.histories.retry_where(admitted, self.cx.now);
        let pinned = self.cx.order.iter().filter(|c| c.pinned().is_some());
        self.refuse_pinned(&pinned.cloned().collect::<Vec<_>>());
    }

    /// The address leads to ourselves.
    fn find_itself(&mut self, candidate: &Candidate) {
        self.ledger.histories.succeed(candidate);
        if self.cx.own.is_own_address(candidate) {
            not_ours(candidate, self.cx);
        } else {
            self.cx.effects.push(Effect::Ours(candidate.clone()));
            // The address may belong to another node one day.
            self.ledger.histories.postpone(candidate, Failure::Aborted, self.cx.now, SELF_RECHECK);
        }
        self.ledger.note_tried(candidate, self.cx.own);
        self.ledger.end(candidate, Ending::Ours, self.cx);
    }

    /// A dial met our own identity. When the dial began tells more: whether it was this node that answered, or
    /// another one with the same key.
    fn note_whether_ours(&mut self, dial: &Dial, peer: &PeerId) {
        if peer == self.cx.own.local() {
            let (candidate, started) = (dial.candidate.clone(), dial.started);
            self.cx.effects.push(Effect::MetOurselves { candidate, started });
        }
    }

    /// Another identity answered at the address of a peer that is connected there. Either that peer is dead and
    /// its connection does not show it yet, or both peers live behind one address. If the connection outlasts
    /// [`CONNECTION_DEATH`], both live there, and the address is shared.
    fn contradict(&mut self, candidate: &Candidate) {
        let history = self.ledger.histories.of(candidate);
        let since = history.contradict(self.cx.now);
        if self.cx.now.saturating_duration_since(since) >= CONNECTION_DEATH {
            history.answers().share_for_sure();
            return self.share(candidate);
        }
        self.ledger.table.check_at(candidate, since + CONNECTION_DEATH);
    }

    /// A pinned address answered with another identity.
    fn mismatch(&mut self, candidate: &Candidate, obtained: PeerId) {
        let Some(pinned) = candidate.pinned().copied() else { return };
        let failure = Failure::PinMismatch(obtained);
        if self.ledger.histories.of(candidate).announced().turned_away(&failure) {
            let address = candidate.address().clone();
            self.cx.effects.tell(Event::PinMismatch { address, pinned, obtained });
        }
        if self.ledger.connections.is_dialled_at(&pinned, candidate) {
            not_ours(candidate, self.cx);
            return self.contradict(candidate);
        }
        // The pinned peer is proved to be gone from there: no second opinion is needed.
        self.ledger.punish(candidate, failure.clone(), self.cx);
        self.ledger.end(candidate, Ending::Failed(failure), self.cx);
    }

    /// Identities alternate at the address. It is tried again at the pace of the longest back-off, or
    /// sooner while the same peer answers.
    fn share(&mut self, candidate: &Candidate) {
        let history = self.ledger.histories.of(candidate);
        let soon = history.answers().asks_soon();
        let again = !history.announced().shared();
        history.settle();
        let pause = if soon { SOON.min(self.cx.longest_pause) } else { self.cx.longest_pause };
        self.ledger.fail(candidate, Failure::Shared, pause, self.cx);
        if !self.ledger.end(candidate, Ending::Shared { again }, self.cx) && !again {
            let address = candidate.address().clone();
            self.cx.effects.tell(Event::SharedAddress { address, peer: None, gone: false });
        }
    }

    /// A dial was not started, because the peer is connected or another behaviour dials it: the candidate is
    /// tried again shortly.
    fn postpone(&mut self, candidate: &Candidate) {
        let pause = jitter(self.cx.config.retry_base, self.cx.rng);
        if self.ledger.table.get(candidate).is_some() {
            return self.ledger.table.check_at(candidate, self.cx.now + pause);
        }
        self.ledger.histories.postpone(candidate, Failure::Aborted, self.cx.now, pause);
        self.ledger.note_tried(candidate, self.cx.own);
    }

    /// A behaviour of this swarm denied a dial. That says nothing about the address. The behaviour may deny
    /// connections only, so an entry whose connection was denied is verified by a probe next.
    fn deny(&mut self, candidate: &Candidate, expect: Expect, why: Arc<str>) {
        let connection = (expect != Expect::Probe).then(|| why.clone());
        if connection.is_some() {
            self.ledger.histories.of(candidate).note_denied(connection.clone());
        }
        if self.ledger.table.get(candidate).is_some() {
            let is_next_a_probe = connection.is_some() && may_probe(self.cx.config, candidate);
            self.ledger.table.note_denied(candidate, connection, is_next_a_probe);
            let pause = match is_next_a_probe {
                true => jitter(self.cx.config.retry_base, self.cx.rng),
                false => {
                    let Context { selected, interval, rng, .. } = &mut *self.cx;
                    self.ledger.plan_check(candidate, selected, *interval, rng)
                }
            };
            return self.ledger.table.check_at(candidate, self.cx.now + pause);
        }
        let failure = Failure::Denied(why);
        let news = self.ledger.histories.of(candidate).announced().unreachable();
        self.ledger.punish(candidate, failure.clone(), self.cx);
        if news {
            self.cx.effects.tell(told(candidate, failure, None, false));
        }
    }

    /// The address could not be reached.
    fn miss(&mut self, candidate: &Candidate, failure: Failure) {
        match failure {
            Failure::NoRoute(_) => self.cx.effects.push(Effect::NoRoute(candidate.clone())),
            // The refusal came from the host, so there is a route to it.
            Failure::Closed(_) => self.cx.effects.push(Effect::Route(candidate.family())),
            _ => {}
        }
        if self.ledger.table.get(candidate).is_some()
            && self.ledger.table.fail(candidate) < FAILURES
        {
            let soon = self.cx.now + jitter(self.cx.config.retry_base, self.cx.rng);
            not_ours(candidate, self.cx);
            return self.ledger.table.check_at(candidate, soon);
        }
        let history = self.ledger.histories.of(candidate);
        history.answers().fails();
        let news = history.announced().unreachable();
        self.ledger.punish(candidate, failure.clone(), self.cx);
        if !self.ledger.end(candidate, Ending::Failed(failure.clone()), self.cx) && news {
            self.cx.effects.tell(told(candidate, failure, None, false));
        }
    }

    /// The peer that answers at a candidate may not enter the table. A peer that was entered there
    /// is no longer there either.
    pub(in crate::discovery) fn turn_away(&mut self, candidate: &Candidate, failure: Failure) {
        // Candidates with different pins may have one address, which is reported once. A zone may pin thousands
        // of peers to one address, so only a few of these candidates are looked at.
        let is_told = |c: &Candidate| {
            self.ledger.histories.get(c).is_some_and(|history| history.is_turned_away(&failure))
        };
        let mut at_address = self.cx.order.at_address(candidate).iter().take(PINS);
        let news = !is_told(candidate) && !at_address.any(is_told);
        self.ledger.histories.of(candidate).announced().turned_away(&failure);
        let entered = self.ledger.table.get(candidate).map(|entry| entry.peer);
        if entered.is_some_and(|peer| failure == Failure::Stranger(peer)) {
            // A member ceased to speak the protocol. It may do so again at every moment.
            let pause = jitter(self.cx.interval, self.cx.rng);
            self.ledger.fail(candidate, failure.clone(), pause, self.cx);
        } else {
            self.ledger.punish(candidate, failure.clone(), self.cx);
        }
        if !self.ledger.end(candidate, Ending::Failed(failure.clone()), self.cx) && news {
            self.cx.effects.tell(told(candidate, failure, None, false));
        }
    }

    /// Turns those away that are pinned to peers that may not join. Nothing that a dial could tell
    /// would change that, so that they wait until it is judged again. Each such peer is told once,
    /// however many of the addresses are pinned to it.
    fn refuse_pinned(&mut self, candidates: &[Candidate]) {
        let mut told = HashSet::new();
        for candidate in candidates {
            let Some(pinned) = candidate.pinned() else { continue };
            let refused = Failure::Refused(*pinned);
            if self.cx.own.is_own(candidate)
                || (self.cx.is_dialled)(candidate)
                || admits(self.cx.config, pinned, candidate)
                || self.ledger.failed(candidate).is_some_and(|failed| failed.reason == refused)
            {
                continue;
            }
            if !told.insert(pinned) {
                self.ledger.histories.of(candidate).announced().turned_away(&refused);
            }
            self.turn_away(candidate, refused.clone());
            self.ledger.histories.bar(candidate, refused, self.cx.now + REFUSED);
        }
    }

    /// Has a peer say what it speaks. Another peer that was entered there is there no longer, whatever
    /// becomes of the one that answered instead.
    fn await_protocols(&mut self, candidate: &Candidate, peer: PeerId, purpose: Option<Purpose>) {
        if self.ledger.table.get(candidate).is_some_and(|e| e.peer != peer) {
            let reason = Failure::Unidentified(peer);
            if self.ledger.end(candidate, Ending::Failed(reason.clone()), self.cx) {
                self.ledger.histories.of(candidate).announced().turned_away(&reason);
            }
        }
        let candidate = candidate.clone();
        self.cx.effects.push(match purpose {
            Some(purpose) => Effect::Introduce { candidate, peer, purpose },
            // What others met is looked at ourselves, with what room there is.
            None => Effect::Hint(candidate),
        });
    }

    /// DNS no longer names a candidate. An entry is kept where its address is now pinned to the peer
    /// that is verified there. Says whether there was an entry.
    fn depart(&mut self, candidate: &Candidate) -> bool {
        let peer = self.ledger.table.get(candidate).map(|e| e.peer);
        let pinned = peer.and_then(|peer| self.cx.order.pinned_at(candidate, &peer));
        let pinned = pinned.filter(|c| self.ledger.table.get(c).is_none()).cloned();
        if let Some(pinned) = pinned {
            self.ledger.table.rename(candidate, &pinned);
            if let Some(peer) = peer {
                let is_passed_over = self.cx.disqualified.contains(&peer, self.cx.now);
                self.ledger.follow_peer(&peer, is_passed_over);
            }
            self.ledger.untried.remove(&pinned);
        } else {
            self.ledger.end(candidate, Ending::Departed, self.cx);
        }
        self.ledger.untried.remove(candidate);
        self.ledger.histories.forget(candidate);
        peer.is_some()
    }
}
