//! Which peer lives at which address: what handshakes and connections prove, and the one way by which an
//! entry ends.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;
use web_time::Instant;

pub use self::table::VerifiedPeer;
pub(super) use self::{
    admission::admits,
    history::{Due, Failed},
};
use self::{
    connections::Connections,
    history::Histories,
    table::{Meeting, Table},
};
use super::{
    disqualified::Disqualified,
    effect::{Effect, Effects},
    order::Order,
    output::Output,
    own::Own,
    plan::Selected,
};
use crate::{
    candidate::{Candidate, Family},
    config::Config,
    event::{Event, Failure, Proved},
    pace::{back_off, jitter},
};

mod admission;
mod announced;
mod connections;
pub(super) mod hearsay;
mod history;
pub(super) mod judge;
pub(super) mod presence;
mod sharing;
mod standing;
mod table;

/// How many times more rarely an entry is verified if its peer is not selected.
const UNSELECTED: u32 = 10;
/// How many entries are verified at that pace. If there are more, each is verified more rarely still: the dials
/// of other behaviours may add thousands.
const PACED: usize = 256;

/// For how many re-verification intervals this node counts as joined after a peer was last seen.
pub(super) const SEEN_FOR: u32 = 2;

/// What the ledger needs to judge what happened.
pub(super) struct Context<'a> {
    pub(super) config: &'a Config,
    pub(super) order: &'a Order,
    pub(super) own: &'a Own,
    pub(super) disqualified: &'a Disqualified,
    pub(super) selected: &'a Selected,
    /// Whether a dial to a candidate is under way.
    pub(super) is_dialled: &'a dyn Fn(&Candidate) -> bool,
    /// How long a verification of a selected peer holds.
    pub(super) interval: Duration,
    /// The longest back-off of a candidate.
    pub(super) longest_pause: Duration,
    pub(super) now: Instant,
    pub(super) rng: &'a mut fastrand::Rng,
    pub(super) effects: &'a mut Effects,
}

/// Why an entry ends.
#[derive(Debug)]
enum Ending {
    /// Another peer that may join lives there.
    Replaced(PeerId),
    /// The address leads to ourselves.
    Ours,
    /// The address is shared by several peers. `again` says whether that was reported before.
    Shared { again: bool },
    /// No peer could be verified at the address, or the peer that answers may not have an entry.
    Failed(Failure),
    /// DNS no longer names the candidate.
    Departed,
}

/// What is known of candidates and peers.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    table: Table,
    histories: Histories,
    connections: Connections,
    /// The version of the order for which a connection from an unnamed host was news.
    news: Option<u64>,
    /// Peers that are connected and have lost their last entry, or whose address DNS ceased to name before
    /// they were verified.
    connected_without_entry: HashSet<PeerId>,
    /// The candidates without an entry and without a failure, those left out that are pinned to us.
    untried: BTreeSet<Candidate>,
    /// The hosts at which several peers may live.
    crowded: HashSet<IpAddr>,
}

impl Ledger {
    /// Differs whenever there are other entries, or an entry has another peer.
    pub(super) fn version(&self) -> u64 {
        self.table.version()
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn entry(&self, candidate: &Candidate) -> Option<&VerifiedPeer> {
        self.table.get(candidate)
    }

    /// All entries, in the order of their candidates.
    pub(super) fn entries(&self) -> impl Iterator<Item = &VerifiedPeer> {
        self.table.iter()
    }

    /// The candidates at which a peer is verified, in order.
    pub(super) fn candidates_of(&self, peer: &PeerId) -> impl Iterator<Item = &Candidate> {
        self.table.candidates_of(peer)
    }

    pub(super) fn has_entry(&self, peer: &PeerId) -> bool {
        self.table.count_of(peer) > 0
    }

    /// Whether a peer is verified at a candidate of a family.
    pub(super) fn is_in(&self, peer: &PeerId, family: Family) -> bool {
        self.table.is_in(peer, family)
    }

    /// The entries at an address, whatever their pins, in order.
    pub(super) fn at_address<'a>(
        &'a self,
        address: &Candidate,
    ) -> impl Iterator<Item = &'a VerifiedPeer> + use<'a> {
        self.table.at_address(address)
    }

    /// The candidates at which a peer is verified that is not passed over, in order.
    pub(super) fn eligible(&self) -> &BTreeSet<Candidate> {
        self.table.standing().eligible()
    }

    /// Of the [eligible](Self::eligible) candidates, the lowest of each peer in each family.
    pub(super) fn firsts(&self) -> &BTreeSet<Candidate> {
        self.table.standing().firsts()
    }

    /// Of the [eligible](Self::eligible) candidates, those whose peer is not connected.
    pub(super) fn idle(&self) -> &BTreeSet<Candidate> {
        self.table.standing().idle()
    }

    /// The peers with an entry that are connected, not silent and not passed over.
    pub(super) fn live(&self) -> &BTreeSet<PeerId> {
        self.table.standing().live()
    }

    /// The entries that do not make this node count as joined, because our swarm denied every connection to
    /// their peers; each with the reason of the denial.
    pub(super) fn unmet(&self) -> &BTreeMap<Candidate, Arc<str>> {
        self.table.unmet()
    }

    /// How many entries are of peers that are connected.
    pub(super) fn met(&self) -> usize {
        self.table.standing().met()
    }

    /// How many different peers have an entry.
    pub(super) fn peer_count(&self) -> usize {
        self.table.peer_count()
    }

    /// When a peer was last seen that is not passed over, and whose entry makes this node count as joined.
    pub(super) fn last_seen(&self) -> Option<Instant> {
        self.table.standing().last_seen()
    }

    /// When a peer in a family was last verified, or last seen connected there.
    pub(super) fn last_verified(&self, family: Family) -> Option<Instant> {
        self.table.last_verified(family)
    }

    /// Follows that the application passes peers over, or no longer.
    pub(super) fn follow_peers(&mut self, peers: Vec<(PeerId, bool)>) {
        for (peer, is_passed_over) in peers {
            self.follow_peer(&peer, is_passed_over);
        }
    }

    fn follow_peer(&mut self, peer: &PeerId, is_passed_over: bool) {
        let is_connected = self.connections.is_connected(peer);
        let is_silent = is_connected && !self.connections.is_live(peer);
        self.table.note_peer(peer, is_connected, is_silent, is_passed_over);
    }

    /// The entry whose verification is due first.
    pub(super) fn next_check(&self) -> Option<(Instant, &Candidate)> {
        self.table.next_check()
    }

    /// Whether any connection leads to a candidate's host.
    pub(super) fn is_anybody_at(&self, candidate: &Candidate) -> bool {
        self.connections.is_anybody_at(candidate)
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.connections.is_connected(peer)
    }

    /// Whether a connection is the only one to its peer.
    pub(super) fn is_only_connection(&self, id: ConnectionId, peer: &PeerId) -> bool {
        self.connections.is_only(id, peer)
    }

    /// Whether a connection leads to a candidate where its peer is verified, and the peer is silent on it.
    pub(super) fn is_silent_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.leads_to(peer, candidate) && !self.is_live_at(peer, candidate)
    }

    /// Whether a connection leads to a candidate, silent or not.
    fn leads_to(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.connections.leads_to(peer, candidate, self.is_crowded(candidate))
    }

    /// Whether a live connection, on which the peer is not silent, shows that it lives at a candidate.
    pub(super) fn is_live_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.connections.is_live_at(peer, candidate, self.is_crowded(candidate))
    }

    /// Whether a peer is connected that was dialled at a candidate.
    pub(super) fn is_dialled_at(&self, peer: &PeerId, candidate: &Candidate) -> bool {
        self.connections.is_dialled_at(peer, candidate)
    }

    /// Whether several peers may live at a candidate's host, each at a port of its own.
    fn is_crowded(&self, candidate: &Candidate) -> bool {
        candidate.ip().is_some_and(|ip| self.crowded.contains(&ip))
    }

    /// Whether a connected peer speaks the required protocol, once it has said so.
    pub(super) fn speaks(&self, peer: &PeerId) -> Option<bool> {
        self.connections.speaks(peer)
    }

    /// Whether another identity answers at a candidate, although the peer of its entry is connected.
    pub(super) fn is_contradicted(&self, candidate: &Candidate) -> bool {
        self.histories.get(candidate).is_some_and(|history| history.contradicted().is_some())
    }

    /// How often in a row a candidate could not be verified.
    pub(super) fn failures(&self, candidate: &Candidate) -> u32 {
        self.histories.get(candidate).map_or(0, |history| history.failures())
    }

    /// Why a candidate waits, and until when.
    pub(super) fn failed(&self, candidate: &Candidate) -> Option<&Failed> {
        self.histories.failed(candidate)
    }

    /// How long the last handshake at a candidate took.
    pub(super) fn rtt(&self, candidate: &Candidate) -> Option<Duration> {
        self.histories.get(candidate)?.rtt()
    }

    /// The candidates of which nothing is known yet, in order.
    pub(super) fn untried(&self) -> &BTreeSet<Candidate> {
        &self.untried
    }

    /// Finds the candidates whose back-off has passed by now, as many as one step handles. Returns whether
    /// there are more.
    pub(super) fn ripen(&mut self, now: Instant) -> bool {
        self.histories.ripen(now)
    }

    /// The candidates whose back-off has passed, as of the last [`ripen`](Self::ripen).
    pub(super) fn due(&self) -> &Due {
        self.histories.due()
    }

    /// The candidates that failed the last time, in order.
    pub(super) fn failing(&self) -> &BTreeSet<Candidate> {
        self.histories.failing()
    }

    /// The candidates whose back-off goes on, the one that may be tried first in front.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &(Instant, Candidate)> {
        self.histories.waiting()
    }

    /// The candidates that failed, and not because their host refused the connection, in order.
    pub(super) fn broken(&self) -> impl Iterator<Item = &Candidate> {
        self.histories.broken()
    }

    /// Whether the peer that is verified at a candidate takes a place there.
    pub(super) fn takes_place(&self, candidate: &Candidate, selected: &Selected) -> bool {
        self.entry(candidate).is_some_and(|entry| selected.get(candidate) == Some(&entry.peer))
    }

    /// After what pause an entry is to be verified next. If its peer is selected, that is an interval. If the
    /// peer is not selected, or is connected by another address, it is far longer, and the more so the more
    /// entries there are.
    pub(super) fn plan_check(
        &self,
        candidate: &Candidate,
        selected: &Selected,
        interval: Duration,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        let entry = self.table.get(candidate);
        let connected_elsewhere =
            |e: &VerifiedPeer| self.is_connected(&e.peer) && !self.leads_to(&e.peer, candidate);
        let often =
            self.takes_place(candidate, selected) && !entry.is_some_and(connected_elsewhere);
        let rarely = || {
            let share = self.table.len().max(PACED) as f64 / PACED as f64;
            (interval * UNSELECTED).mul_f64(share)
        };
        jitter(if often { interval } else { rarely() }, rng)
    }

    /// A peer said on a connection whether it speaks the required protocol. Says whether that is
    /// news.
    pub(super) fn note_protocols(&mut self, id: ConnectionId, peer: &PeerId, speaks: bool) -> bool {
        self.connections.note(peer, id, speaks)
    }

    /// Verifies an entry at an instant.
    pub(super) fn recheck(&mut self, candidate: &Candidate, at: Instant) {
        self.table.check_at(candidate, at);
    }

    /// Lets all candidates that failed be tried by an instant.
    pub(super) fn retry_all_by(&mut self, at: Instant) {
        self.histories.retry_all_by(at);
    }

    /// A peer that may join proved that it lives at a candidate.
    fn enter(&mut self, candidate: &Candidate, peer: PeerId, how: Proved, cx: &mut Context<'_>) {
        let old = self.table.get(candidate).map(|e| e.peer);
        let renewed = old == Some(peer);
        let known = self.table.is_there_otherwise(&peer, candidate);
        let is_news = !renewed && (old.is_some() || !known);
        let address = candidate.address().clone();
        if is_news {
            let address = address.clone();
            cx.effects.push(Effect::Output(Output::Announce { peer, address }));
        }
        let told = !renewed && self.end(candidate, Ending::Replaced(peer), cx);
        let pause = self.plan_check(candidate, cx.selected, cx.interval, cx.rng);
        let meeting = self.meeting(candidate, &peer);
        self.table.enter(candidate, peer, how, meeting, cx.now, cx.now + pause);
        self.follow_peer(&peer, cx.disqualified.contains(&peer, cx.now));
        self.histories.succeed(candidate);
        self.untried.remove(candidate);
        self.connected_without_entry.remove(&peer);
        not_ours(candidate, cx);
        if cx.own.is_only_confirmed(candidate) {
            cx.effects.push(Effect::Theirs(candidate.clone()));
        }
        cx.effects.push(Effect::Route(candidate.family()));
        cx.effects.push(Effect::Regard(peer));
        if is_news && !told {
            cx.effects.tell(Event::Verified { peer, address, how });
        }
    }

    /// Whether our swarm lets a peer be connected that answers at a candidate. If the peer is connected, an
    /// earlier denial no longer counts.
    fn meeting(&mut self, candidate: &Candidate, peer: &PeerId) -> Meeting {
        let history = self.histories.of(candidate);
        if self.connections.is_connected(peer) {
            history.note_denied(None);
            return Meeting::Connected;
        }
        history.denied().cloned().map_or(Meeting::Open, Meeting::Denied)
    }

    /// Ends the entry of a candidate, if there is one. This is the only way by which an entry is removed. The
    /// end is reported, unless the peer is verified at the same address by another candidate, with a pin or
    /// without. If the peer took a place, DNS is asked sooner, unless it was DNS that no longer names the
    /// candidate. Returns whether the end was reported.
    fn end(&mut self, candidate: &Candidate, ending: Ending, cx: &mut Context<'_>) -> bool {
        if matches!(ending, Ending::Failed(_) | Ending::Shared { .. }) {
            not_ours(candidate, cx);
        }
        let Some(VerifiedPeer { peer, .. }) = self.table.remove(candidate) else { return false };
        self.note_tried(candidate, cx.own);
        cx.effects.push(Effect::Ended(candidate.clone()));
        cx.effects.push(Effect::Regard(peer));
        let took_place = cx.selected.get(candidate) == Some(&peer);
        if took_place && !matches!(ending, Ending::Departed) {
            cx.effects.push(Effect::LookSooner);
        }
        if self.table.is_there_otherwise(&peer, candidate) {
            return false;
        }
        // A silent connection does not count.
        let connected = self.connections.is_live(&peer);
        let is_left = self.has_entry(&peer);
        // The end of the peer's last connection will be reported.
        if connected && !is_left {
            self.connected_without_entry.insert(peer);
        }
        let (gone, address) = (!connected && !is_left, candidate.address().clone());
        cx.effects.tell(match ending {
            Ending::Replaced(new) => Event::Replaced { address, old: peer, new, gone, ours: false },
            Ending::Ours => {
                Event::Replaced { address, old: peer, new: *cx.own.local(), gone, ours: true }
            }
            Ending::Departed => Event::Departed { peer, address, gone },
            Ending::Failed(failure) => told(candidate, failure, Some(peer), gone),
            Ending::Shared { again } => {
                // A connected peer lives, though not at this address. It is not named, so that no behaviour
                // drops it.
                let peer = (!connected).then_some(peer);
                match again {
                    false => Event::SharedAddress { address, peer, gone },
                    true => told(candidate, Failure::Shared, peer, gone),
                }
            }
        });
        true
    }

    /// The candidates at an address that are concerned if this peer lives there. A zone may pin one address to
    /// thousands of peers: of the candidates that are pinned to other peers and have no entry, only a few are
    /// taken.
    fn concerned(&self, address: &Candidate, peer: &PeerId, cx: &Context<'_>) -> Vec<Candidate> {
        let there = cx.order.at_address(address);
        let unpinned = there.first().filter(|c| c.pinned().is_none());
        let pinned = cx.order.pinned_at(address, peer);
        let entered = self.table.at_address(address).map(|entry| &entry.candidate);
        let concerned: BTreeSet<_> = unpinned.into_iter().chain(pinned).chain(entered).collect();
        let others = there.iter().filter(|c| !concerned.contains(c));
        let others: Vec<_> = others.take(cx.config.limits.probes_per_host.get()).collect();
        concerned.into_iter().chain(others).cloned().collect()
    }

    /// Counts a failure, after which the candidate may be tried again with back-off.
    fn punish(&mut self, candidate: &Candidate, failure: Failure, cx: &mut Context<'_>) {
        let failures = self.failures(candidate) + 1;
        let pause = back_off(cx.config.retry_base, cx.longest_pause, failures, cx.rng);
        self.fail(candidate, failure, pause, cx);
    }

    fn fail(&mut self, candidate: &Candidate, failure: Failure, pause: Duration, cx: &Context<'_>) {
        self.histories.fail(candidate, failure, cx.now, pause);
        self.note_tried(candidate, cx.own);
    }

    /// Keeps the set of untried candidates after an entry or a failure came or went.
    fn note_tried(&mut self, candidate: &Candidate, own: &Own) {
        if candidate.pinned() == Some(own.local())
            || self.table.get(candidate).is_some()
            || self.failed(candidate).is_some()
        {
            self.untried.remove(candidate);
        } else {
            self.untried.insert(candidate.clone());
        }
    }
}

/// Notes that a candidate that once led to us no longer does: another peer answers there, or none.
fn not_ours(candidate: &Candidate, cx: &mut Context<'_>) {
    if cx.own.was_found(candidate) {
        cx.effects.push(Effect::NotOurs(candidate.clone()));
    }
}

/// The event for an address where no peer could be verified. `old` is the peer whose entry ended by that.
fn told(candidate: &Candidate, failure: Failure, old: Option<PeerId>, gone: bool) -> Event {
    let address = candidate.address().clone();
    match failure {
        Failure::Refused(peer) => Event::Refused { address, peer, old, gone },
        Failure::Stranger(peer) => Event::Stranger { address, peer, old, gone },
        // An entry there had ended already when our identity answered for the first time.
        Failure::SameKey => Event::SameKey { address },
        reason => Event::Unreachable { address, peer: old, gone, reason },
    }
}

#[cfg(test)]
mod tests;
