//! What holds whenever the outputs are drained.

use std::{collections::BTreeSet, time::Duration};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use libp2p_dns_discovery::{
    Candidate, CandidateState, Failure, Family, Identify, Selection, Source, Status,
    discovery::Expect,
};

use super::node::{Dial, Node};
use crate::fuzzing::{allowed, universe::peer};

const MINUTE: Duration = Duration::from_secs(60);
/// After how long a dial may have to give its slot to another.
const PATIENCE: Duration = Duration::from_millis(1_200);
/// How often in a second it may be called in vain, beside once for each candidate.
const IDLE_WAKES: usize = 8;

impl Node {
    pub fn check(&mut self) {
        self.forget_overdue();
        self.check_wake();
        self.check_table();
        self.check_selection();
        self.check_candidates();
        self.check_status();
        self.check_gone();
        let connections = &self.connections;
        let is_connected = |peer: &PeerId| connections.iter().any(|c| c.peer == *peer);
        self.told.check(&self.core, is_connected);
        if std::mem::take(&mut self.resolved) && self.lookups.is_empty() {
            self.renewed.1 = self.now;
        }
    }

    /// A dial that is to start: where, how many there are, and how many there were.
    pub fn check_dial(&mut self, address: &Multiaddr, expect: Expect) {
        self.check_destination(address, expect);
        assert!(expect != Expect::Peer(peer(0)), "we dial ourselves at {address}");
        self.check_at_once();
        self.check_anyone(address, expect);
        let now = self.now;
        // A dial may start some microseconds early: parts of dials are counted, and times are rounded.
        self.starts.retain(|at| now - *at + Duration::from_millis(1) < MINUTE);
        self.starts.push_back(now);
        assert!(self.starts.len() <= self.setup.per_minute, "{} dials a minute", self.starts.len());
        let is_entered = self.core.peers().any(|entry| entry.address() == address);
        // Where our own identity answered, it is looked at again.
        let is_look = self.proved.contains(&(address.clone(), peer(0)));
        if !is_entered && !is_look && !self.is_met(address, expect) {
            self.check_host(address);
        }
    }

    /// By default, a dial without a peer id leads to where nobody who is connected seems to live, or is
    /// made where probes are denied.
    fn check_anyone(&self, address: &Multiaddr, expect: Expect) {
        let is_denied = self.probes_denied.is_some_and(|until| self.now <= until);
        match self.setup.identify {
            Identify::Dial => return,
            Identify::Probe => {
                assert!(expect != Expect::Anyone, "nobody is to be dialled without an id");
                return;
            }
            _ => {}
        }
        if expect != Expect::Anyone || is_denied {
            return;
        }
        let host = ip(address);
        let leads_there = |remote: &Multiaddr| host.is_some() && ip(remote) == host;
        let mut connections = self.connections.iter();
        assert!(
            !connections.any(|connection| leads_there(&connection.remote)),
            "a second connection may come of this"
        );
    }

    /// It was called, and there was nothing to do. A round of checks that are put off may come to that, but
    /// no more often than there are candidates.
    pub fn note_idle_wake(&mut self) {
        if !self.setup.usual {
            return;
        }
        let now = self.now;
        self.idle_wakes.retain(|at| now - *at < Duration::from_secs(1));
        self.idle_wakes.push_back(now);
        let most = IDLE_WAKES + self.core.candidates().count();
        assert!(
            self.idle_wakes.len() <= most,
            "{} wake-ups a second, for nothing",
            self.idle_wakes.len()
        );
    }

    /// Before one more dial: as many as the bound may be waited for, and as many again may be left to
    /// the swarm that cannot be aborted.
    fn check_at_once(&mut self) {
        self.forget_overdue();
        let (now, at_once) = (self.now, self.setup.at_once);
        let under_way = self.dials.len() - self.given_up.len();
        assert!(under_way < at_once, "{} dials at once", under_way + 1);
        let is_over = |dial: &&Dial| now - dial.started >= self.setup.probe_timeout;
        let left = self.dials.values().filter(|dial| !is_over(dial)).count();
        assert!(left < 2 * at_once, "{} dials at once with those that are left", left + 1);
    }

    /// Whether a dial connects to somebody who answered there, to be told what it speaks: that follows
    /// a probe, and is none.
    fn is_met(&self, address: &Multiaddr, expect: Expect) -> bool {
        let met = |peer| self.proved.contains(&(address.clone(), peer));
        self.setup.required && matches!(expect, Expect::Peer(peer) if met(peer))
    }

    /// What is pinned to somebody who may not join is not dialled.
    pub fn check_pins(&self, candidates: &[Candidate]) {
        let may_join = |c: &Candidate| c.pinned().is_none_or(|pinned| self.may_join(pinned));
        let any = candidates.is_empty() || candidates.iter().any(may_join);
        assert!(any || self.inputs > 1, "{candidates:?} is dialled");
    }

    fn check_destination(&self, address: &Multiaddr, expect: Expect) {
        let operators =
            self.core.sources().filter(|source| !is_looked_up(source)).map(ToString::to_string);
        let by_operator = operators.map(|text| Candidate::new(&text.parse().expect("an address")));
        let may_be_local = by_operator.into_iter().any(|c| c.address() == address);
        let forbidden = match may_be_local {
            true => allowed::never(address),
            false => allowed::not_by_dns(address).filter(|why| !self.is_configured(address, why)),
        };
        assert_eq!(forbidden, None, "{address} is dialled");
        let ends_in_peer = matches!(address.iter().last(), Some(Protocol::P2p(_)));
        assert!(!ends_in_peer, "{address} cannot be dialled");
        // Does not hold yet of who is met: `an_address_that_became_ours_is_not_connected_to`.
        let is_own = self.is_certainly_own(address) && !self.is_met(address, expect);
        assert!(!is_own, "{address} is ours, and is dialled");
    }

    /// Whether the configuration lets DNS name what it otherwise may not.
    fn is_configured(&self, address: &Multiaddr, why: &str) -> bool {
        let memory = matches!(address.iter().next(), Some(Protocol::Memory(_)));
        (self.setup.memory && memory) || (self.setup.loopback && why == "loopback")
    }

    /// Whether an address is ours by more than that others confirm it: then nobody else can live there.
    fn is_certainly_own(&self, address: &Multiaddr) -> bool {
        self.own.get(address).is_some_and(|(listeners, _)| *listeners > 0)
    }

    /// A probe of a host: there are only so many between two refreshes. While nobody is verified, the only
    /// address at an IP address, by one transport or two, is bounded by its back-off alone; but for 6to4,
    /// of which there are countless ones to a host. Our own host has no bound.
    fn check_host(&mut self, address: &Multiaddr) {
        let live = self.core.candidates().filter(is_live).map(|(candidate, _)| candidate);
        let at_ip = live.filter(|c| ip(c.address()) == ip(address)).count();
        let is_6to4 = address.to_string().starts_with("/ip6/2002:");
        let listens_there =
            self.own.iter().any(|(own, (listeners, _))| *listeners > 0 && ip(own) == ip(address));
        if listens_there || at_ip <= 2 && !is_6to4 && self.core.peers().next().is_none() {
            return;
        }
        let probes = self.probes.entry(host(address)).or_default();
        *probes += 1;
        let periods = |time: Duration| {
            let periods = time.as_millis() / self.setup.max_refresh.as_millis();
            usize::try_from(periods).unwrap_or(usize::MAX)
        };
        // Where no refresh ends for long, hosts are renewed all the same. The last one that ended may
        // have come too soon after a renewal to be another.
        let (may, surely) = self.renewed;
        let since_last = periods(self.now - surely + self.setup.min_refresh);
        // The refresh of a static source asks nothing, so that it ends unseen.
        let renewals = match self.core.sources().any(|source| !is_looked_up(source)) {
            true => (self.now - may).as_millis() / self.setup.min_refresh.as_millis() + 1,
            false => since_last.min(periods(self.now - may).saturating_add(1)) as u128,
        };
        let renewals = usize::try_from(renewals).unwrap_or(usize::MAX - 1);
        let most = self.setup.per_host.saturating_mul(1 + renewals);
        assert!(*probes <= most, "{probes} probes of {address}, of {most}");
    }

    /// What has not ended by its deadline counts no longer. Nor does a dial that cannot be aborted,
    /// where its slot was given to another or its candidate has departed.
    fn forget_overdue(&mut self) {
        let (now, timeout) = (self.now, self.setup.probe_timeout);
        let named: BTreeSet<_> = self.core.candidates().filter(is_live).map(|(c, _)| c).collect();
        let is_over = |dial: &Dial| {
            let patience =
                if dial.expect == Expect::Probe { timeout } else { timeout.min(PATIENCE) };
            now - dial.started >= patience || !dial.candidates.iter().all(|c| named.contains(c))
        };
        let over = self.dials.iter().filter(|(_, dial)| is_over(dial)).map(|(id, _)| *id);
        for id in over.collect::<Vec<_>>() {
            self.given_up.insert(id);
        }
        self.given_up.retain(|id| self.dials.contains_key(id));
    }

    /// The candidates at an address, with whatever pin.
    pub fn candidates_at(&self, address: &Multiaddr) -> Vec<Candidate> {
        let all = self.core.candidates().filter(is_live).map(|(candidate, _)| candidate);
        all.filter(|candidate| candidate.address() == address).cloned().collect()
    }

    fn check_wake(&self) {
        match self.core.poll_timeout() {
            Some(at) => assert!(at > self.now, "a timeout that has passed is a busy loop"),
            None => {
                assert!(!self.core.sources().any(is_looked_up), "nothing is planned");
                let is_isolated = self.core.status() == Status::Isolated;
                // To a peer that may not join, time makes no difference.
                let is_other = |(c, state): (&Candidate, CandidateState)| match state {
                    CandidateState::Itself | CandidateState::Rejected(_) => false,
                    CandidateState::Unreachable(Failure::Refused(peer)) => {
                        c.pinned() != Some(&peer)
                    }
                    _ => true,
                };
                let is_other_named = self.core.candidates().any(is_other);
                assert!(!is_isolated || !is_other_named, "nobody is looked for");
                let waited_for = self.dials.keys().find(|id| !self.given_up.contains(id));
                assert_eq!(waited_for, None, "no deadline");
            }
        }
    }

    fn check_table(&self) {
        for entry in self.core.peers() {
            let (address, peer) = (entry.address().clone(), entry.peer);
            let proved = self.proved.contains(&(address.clone(), peer));
            assert!(proved, "{peer} never answered at {address}");
            let pinned = entry.candidate.pinned();
            assert!(pinned.is_none_or(|pinned| *pinned == peer), "{}: {peer}", entry.candidate);
            assert_ne!(peer, crate::fuzzing::universe::peer(0), "{address}");
            assert!(!self.is_certainly_own(&address), "{address} is ours, and has an entry");
            assert!(self.may_join(&peer), "{peer} may not join, and has an entry");
            let is_member = !self.setup.required || self.members.contains(&peer);
            assert!(is_member, "{peer} has an entry, and never said what it speaks");
            assert!(entry.first_verified <= entry.last_verified && entry.last_verified <= self.now);
            assert!(self.core.addresses_of(&peer).any(|a| *a == address));
            let text = entry.candidate.to_string();
            assert!(self.core.peer_at(&text.parse().expect("an address")).is_some(), "{text}");
        }
    }

    fn check_selection(&self) {
        let mut places = BTreeSet::new();
        for candidate in self.core.selected() {
            let entry = self.core.peers().find(|entry| entry.candidate == *candidate);
            let peer = entry.unwrap_or_else(|| panic!("{candidate} is not verified")).peer;
            assert!(places.insert((candidate.family(), peer)), "{peer} has two places");
            assert!(!self.is_disqualified(&peer), "{peer} is disqualified");
            assert!(self.core.is_selected(&peer));
        }
        if let Selection::Lowest(n) = self.core.selection() {
            for family in Family::ALL {
                let of_family = places.iter().filter(|(of, _)| *of == family);
                assert!(of_family.count() <= n.get());
            }
        }
    }

    fn check_candidates(&self) {
        let all: Vec<_> = self.core.candidates().filter(is_live).collect();
        assert!(all.len() <= self.setup.candidates, "{} candidates", all.len());
        assert!(all.is_sorted_by(|(a, _), (b, _)| a < b));
        let entries = self.core.peers().filter(|e| all.iter().any(|(c, _)| **c == e.candidate));
        assert_eq!(entries.count(), self.core.peers().count(), "an entry is no candidate");
    }

    fn check_status(&self) {
        let isolation = self.core.isolation();
        assert_eq!(isolation.is_some(), self.core.status() == Status::Isolated);
        match self.core.status() {
            Status::Joined => {
                let counts = self.core.peers().any(|entry| !self.is_disqualified(&entry.peer));
                assert!(counts, "joined with nobody");
            }
            Status::Isolated => assert!(
                self.core.candidates().any(|(_, state)| !matches!(state, CandidateState::Itself)),
                "isolated from nobody"
            ),
            _ => {}
        }
    }

    /// Who is told gone is gone, and who is not is not. If more happened since, it may have changed.
    fn check_gone(&mut self) {
        let told = std::mem::take(&mut self.told.gone);
        if self.inputs > 1 {
            return;
        }
        for (peer, gone) in told {
            let left = self.core.addresses_of(&peer).next().is_some() || self.is_connected(&peer);
            if self.may_be_silent(&peer) {
                continue;
            }
            assert_eq!(left, !gone, "{peer} is told gone: {gone}");
        }
    }
}

/// Whether a source asks DNS.
fn is_looked_up(source: &Source) -> bool {
    let text = source.to_string();
    text.starts_with("/dns") || text.starts_with("srv:")
}

/// Whether the filter lets a candidate through.
pub fn is_live((_, state): &(&Candidate, CandidateState)) -> bool {
    !matches!(state, CandidateState::Rejected(_))
}

/// What several addresses have in common that lead to one machine, or through one relay.
pub fn host(address: &Multiaddr) -> Multiaddr {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Multiaddr::from(ip),
        Some(Protocol::Ip6(ip)) => allowed::destination(ip.into()).into(),
        _ => address.clone(),
    }
}

fn ip(address: &Multiaddr) -> Option<Protocol<'_>> {
    address.iter().find(|p| matches!(p, Protocol::Ip4(_) | Protocol::Ip6(_)))
}
