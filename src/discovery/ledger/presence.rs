//! What the swarm's connections show: which peers are there, and for how long that holds.

use std::{net::IpAddr, time::Duration};

use libp2p_identity::PeerId;
use libp2p_swarm::ConnectionId;

use super::{Context, Ledger, connections::Connection, judge::Judge};
use crate::{
    candidate::Candidate,
    config::Config,
    discovery::{
        dial::may_probe,
        effect::Effect,
        output::{Closing, Output},
    },
    event::{Event, Failure},
    pace::jitter,
};

/// For how many intervals it is a verification that a peer was seen on its connection: about so many, five
/// at most and three at least.
const HOLDS: u32 = 4;
const HOLDS_AT_LEAST: u32 = 3;
/// How many times in a row a peer does not reply before its connection counts for nothing.
const SILENCES: u32 = 2;
/// With fewer other addresses than these in a family, an inbound connection from elsewhere is news: the nodes
/// of a small cluster select as many.
const FEW: usize = 3;
/// For how long a reply is waited for; less where a dial is given less.
const PATIENCE: Duration = Duration::from_secs(10);

/// The ledger, while it takes note of one connection.
pub(in crate::discovery) struct Presence<'a, 'b> {
    ledger: &'a mut Ledger,
    cx: &'a mut Context<'b>,
}

impl<'a, 'b> Presence<'a, 'b> {
    pub(in crate::discovery) fn new(ledger: &'a mut Ledger, cx: &'a mut Context<'b>) -> Self {
        Self { ledger, cx }
    }

    /// A connection was opened. Entries of its peer that it proves are fresh.
    pub(in crate::discovery) fn connected(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        remote: &Candidate,
        dialled: bool,
    ) {
        self.ledger.connections.open(
            peer,
            id,
            Connection::new(remote.clone(), dialled, self.cx.now),
        );
        if !dialled && self.is_news(remote) {
            self.cx.effects.push(Effect::LookSooner);
        }
        self.follow_peer(&peer);
        let live = self.ledger.table.candidates_of(&peer);
        let live: Vec<_> = live.filter(|c| self.ledger.is_live_at(&peer, c)).cloned().collect();
        for candidate in live {
            self.ledger.table.touch(&candidate, self.cx.now);
            self.cx.effects.push(Effect::Route(candidate.family()));
        }
    }

    /// Whether an inbound connection tells that DNS may name more by now: it comes from a host that no
    /// answer named, and few others were named. A cluster that is starting grows within the TTL of the
    /// first answers. Strangers may connect, too: so that is news once for each change of what DNS names.
    fn is_news(&mut self, remote: &Candidate) -> bool {
        let (order, own) = (self.cx.order, self.cx.own);
        let (family, version) = (remote.family(), Some(order.version()));
        let is_unnamed = |ip: IpAddr| order.at_host(ip).is_empty();
        order.family(family).len() < own.len_in(family) + FEW
            && remote.ip().is_some_and(is_unnamed)
            && std::mem::replace(&mut self.ledger.news, version) != version
    }

    /// The connection to an entry's peer is open, which is a verification for a few intervals from when the
    /// peer was last seen there. After that, a peer that takes a place is asked for a reply; two that do not
    /// come, and the connection shows nothing any more, so that the address is probed where that is
    /// possible. A silent peer is asked again at each of these looks.
    pub(in crate::discovery) fn still_connected(&mut self, candidate: &Candidate) {
        let Some(entry) = self.ledger.entry(candidate) else { return };
        let (peer, last_verified, asked) = (entry.peer, entry.last_verified, entry.asked());
        if self.ledger.is_live_at(&peer, candidate) {
            self.ledger.histories.of(candidate).answers().stays(&peer);
            self.ledger.table.hold(candidate);
        }
        let (now, interval, patience) = (self.cx.now, self.cx.interval, patience(self.cx.config));
        if self.ledger.is_silent_at(&peer, candidate) {
            self.ask(candidate, &peer);
            let pause = self.ledger.plan_check(candidate, self.cx.selected, interval, self.cx.rng);
            self.ledger.table.check_at(candidate, now + pause);
        } else if !self.ledger.takes_place(candidate, self.cx.selected) {
            self.ledger.table.rest(candidate);
        } else if now < last_verified + interval * HOLDS_AT_LEAST {
            let at = last_verified + jitter(interval * HOLDS, self.cx.rng);
            self.ledger.table.check_at(candidate, at);
        } else if let Some((at, _)) = asked.filter(|(at, _)| now < *at + patience) {
            self.ledger.table.check_at(candidate, at + patience);
        } else if let Some((_, SILENCES..)) = asked {
            self.fall_silent(candidate, &peer);
        } else {
            self.ask(candidate, &peer);
            let times = asked.map_or(1, |(_, times)| times + 1);
            self.ledger.table.note_asked(candidate, Some((now, times)));
            self.ledger.table.check_at(candidate, now + patience);
        }
    }

    /// Asks the peer of an entry for a reply.
    fn ask(&mut self, candidate: &Candidate, peer: &PeerId) {
        let patience = patience(self.cx.config);
        let is_crowded = self.ledger.is_crowded(candidate);
        let concerns =
            |connection: &Connection| concerns(connection, candidate, is_crowded, self.cx.config);
        let asked = self.ledger.connections.ask(peer, concerns, patience, self.cx.now);
        for connection in asked {
            let ask = Output::Ask { connection, peer: *peer, patience };
            self.cx.effects.push(Effect::Output(ask));
        }
    }

    /// The peer of an entry has not replied, time and again. It was there until now, perhaps; whether it is
    /// has to be found out, here and at its other addresses.
    fn fall_silent(&mut self, candidate: &Candidate, peer: &PeerId) {
        let is_crowded = self.ledger.is_crowded(candidate);
        let concerns =
            |connection: &Connection| concerns(connection, candidate, is_crowded, self.cx.config);
        self.ledger.connections.fall_silent(peer, concerns);
        self.follow_peer(peer);
        let doubtful = |c: &&Candidate| !self.ledger.is_live_at(peer, c);
        let candidates: Vec<_> =
            self.ledger.table.candidates_of(peer).filter(doubtful).cloned().collect();
        for candidate in &candidates {
            self.ledger.table.note_asked(candidate, None);
            self.ledger.table.note_connected(candidate, self.cx.now);
            self.ledger.table.check_at(candidate, self.cx.now);
        }
    }

    /// The remote of a connection has replied. Says whether anything may follow from it.
    pub(in crate::discovery) fn replied(&mut self, id: ConnectionId, peer: &PeerId) -> bool {
        let Some(connection) = self.ledger.connections.reply(peer, id) else { return false };
        let connection = connection.clone();
        self.follow_peer(peer);
        let shows =
            |c: &&Candidate| concerns(&connection, c, self.ledger.is_crowded(c), self.cx.config);
        let candidates: Vec<_> =
            self.ledger.table.candidates_of(peer).filter(shows).cloned().collect();
        for candidate in &candidates {
            self.ledger.table.touch(candidate, self.cx.now);
            if self.ledger.is_contradicted(candidate) {
                // Who else answers there is looked into when that was planned.
            } else if self.ledger.takes_place(candidate, self.cx.selected) {
                let at = self.cx.now + jitter(self.cx.interval * HOLDS, self.cx.rng);
                self.ledger.table.check_at(candidate, at);
            } else {
                self.ledger.table.rest(candidate);
            }
        }
        !candidates.is_empty()
    }

    /// A connection closed. Says whether anything may follow from it.
    pub(in crate::discovery) fn closed(
        &mut self,
        id: ConnectionId,
        peer: &PeerId,
        how: Closing,
    ) -> bool {
        let closed = self.ledger.connections.close(peer, id);
        self.follow_peer(peer);
        match closed {
            Some((connection, true)) => {
                let concerns = self.ledger.has_entry(peer)
                    || self.ledger.connected_without_entry.contains(peer);
                self.last_closed(peer, &connection, how);
                concerns
            }
            Some((connection, false)) => self.one_closed(peer, &connection, how),
            None => false,
        }
    }

    fn follow_peer(&mut self, peer: &PeerId) {
        let is_passed_over = self.cx.disqualified.contains(peer, self.cx.now);
        self.ledger.follow_peer(peer, is_passed_over);
    }

    /// One of several connections to a peer closed. Where that one led, the peer is verified by a
    /// dial from now on: at once unless it was there until the end.
    fn one_closed(&mut self, peer: &PeerId, connection: &Connection, how: Closing) -> bool {
        let is_at = |c: &Candidate| connection.is_at(c, self.ledger.is_crowded(c));
        let led_to = |c: &&Candidate| is_at(c) && !self.ledger.is_live_at(peer, c);
        let candidates: Vec<_> =
            self.ledger.table.candidates_of(peer).filter(led_to).cloned().collect();
        let follows = self.follow_protocols(peer);
        for candidate in &candidates {
            let pause = if how == Closing::Orderly {
                self.ledger.table.touch(candidate, self.cx.now);
                self.ledger.plan_check(candidate, self.cx.selected, self.cx.interval, self.cx.rng)
            } else {
                jitter(self.cx.config.retry_base, self.cx.rng)
            };
            self.ledger.table.check_at(candidate, self.cx.now + pause);
        }
        follows || !candidates.is_empty()
    }

    /// The last connection to a peer closed.
    fn last_closed(&mut self, peer: &PeerId, connection: &Connection, how: Closing) {
        if self.ledger.connected_without_entry.remove(peer) {
            self.cx.effects.tell(Event::Gone { peer: *peer });
        }
        let long_lived = connection.is_long_lived(self.cx.now);
        let candidates: Vec<_> = self.ledger.table.candidates_of(peer).cloned().collect();
        for candidate in &candidates {
            let was_there = connection.is_at(candidate, self.ledger.is_crowded(candidate));
            if was_there && how == Closing::Orderly {
                self.ledger.table.touch(candidate, self.cx.now);
            }
            if was_there && long_lived {
                self.ledger.histories.of(candidate).answers().stays(peer);
            }
            self.ledger.table.note_connected(candidate, self.cx.now);
            // At once unless the peer was there until the end, and within an interval otherwise, so that
            // no identity is believed in for long that is no more.
            let is_doubtful = how != Closing::Orderly && long_lived;
            let at_once = is_doubtful || self.ledger.is_contradicted(candidate);
            let pause = jitter(
                if at_once { self.cx.config.retry_base } else { self.cx.interval },
                self.cx.rng,
            );
            self.ledger.table.check_at(candidate, self.cx.now + pause);
            if how == Closing::Lost && self.cx.selected.get(candidate) == Some(peer) {
                self.cx.effects.push(Effect::LookSooner);
            }
        }
    }

    /// What a connected peer is known to speak has changed, perhaps. Says whether anything follows: entries
    /// ended, or candidates may be tried again.
    pub(in crate::discovery) fn follow_protocols(&mut self, peer: &PeerId) -> bool {
        match self.ledger.connections.speaks(peer) {
            Some(true) => {
                let (pause, now) = (self.cx.interval, self.cx.now);
                return self.ledger.histories.retry_turned_away(peer, pause, now);
            }
            Some(false) => {
                let entered: Vec<_> = self.ledger.table.candidates_of(peer).cloned().collect();
                for candidate in &entered {
                    Judge::new(self.ledger, self.cx).turn_away(candidate, Failure::Stranger(*peer));
                }
                return !entered.is_empty();
            }
            None => {}
        }
        false
    }
}

/// For how long a reply is waited for.
fn patience(config: &Config) -> Duration {
    PATIENCE.min(config.probe_timeout)
}

/// Whether a reply on a connection shows that its remote lives at a candidate. If the address
/// cannot be probed, any sign of life is enough.
fn concerns(
    connection: &Connection,
    candidate: &Candidate,
    is_crowded: bool,
    config: &Config,
) -> bool {
    connection.is_at(candidate, is_crowded) || !may_probe(config, candidate)
}
