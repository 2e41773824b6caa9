//! That nothing is stuck: after whatever happened, whoever can be reached is reached.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{
    Candidate, CandidateState, Identify, LookupError, Source, discovery::Closing,
};

use super::{
    checks::{host, is_live},
    node::Node,
    world::{Denies, Host},
};
use crate::fuzzing::universe::{PEERS, address, peer};

/// The longest that may take: an address that was often shared is believed after some two hundred
/// answers in a row.
const LIMIT: Duration = Duration::from_secs(6 * 3_600);
/// As many steps are more than that.
const STEPS: usize = 20_000;

impl Node {
    /// Everybody dies, and DNS with them; one peer comes up at one address.
    pub fn rescue(&mut self) {
        if !self.setup.usual {
            return;
        }
        self.allow(None);
        self.judge(u8::MAX);
        self.world.strangers.clear();
        self.world.denies = Denies::Nobody;
        while !self.connections.is_empty() {
            self.close(0, Closing::Lost);
        }
        self.drain();
        self.world.failure = Some(LookupError::TimedOut);
        let dead = if self.log.len().is_multiple_of(2) { Host::Refuses } else { Host::Silent };
        self.world.hosts.iter_mut().for_each(|(_, host)| *host = dead);
        let (peer, at) = self.named_one().unwrap_or_else(|| self.newcomer());
        self.world.settle(&at, Host::Lives(peer));
        self.drain();
        if !self.is_named(&at, &peer) {
            // With all room taken, it is left out: fingers keep others first.
            let held = self.core.candidates().filter(is_live).count();
            assert_eq!(held, self.setup.candidates, "{at} is left out");
            return;
        }
        // Does not hold yet: of a host in two families, one is never asked.
        if self.is_in_two_families(&at) {
            return;
        }
        let start = self.now;
        let end = start + LIMIT;
        for _ in 0..STEPS {
            let is_found = self.core.addresses_of(&peer).any(|a| *a == at);
            // The last answer may have come after its last connection closed.
            let has_left = !self.is_named(&at, &peer);
            if is_found || (has_left && self.now > start) {
                return;
            }
            let goes_on = self.step() && self.now < end;
            if self.is_taken_for_ours(&at) {
                return;
            }
            let states = || self.core.candidates().collect::<Vec<_>>();
            assert!(
                goes_on,
                "nobody looks for {peer} at {at}: {:?}, ours {:?}",
                states(),
                self.own
            );
        }
        panic!("{peer} at {at} was not found in {STEPS} steps");
    }

    /// One of those that are named already, every second time.
    fn named_one(&self) -> Option<(PeerId, Multiaddr)> {
        let survivor = peer(PEERS);
        let may_live = |pin: Option<&PeerId>| {
            pin.is_none_or(|pin| *pin != peer(0) && !self.is_disqualified(pin))
        };
        let candidates = self.core.candidates().filter(|(candidate, state)| {
            let usable = match state {
                CandidateState::Itself | CandidateState::Rejected(_) => false,
                // Nobody is asked where a disqualified peer was last.
                CandidateState::Verified { peer, .. } => !self.is_disqualified(peer),
                _ => true,
            };
            usable && may_live(candidate.pinned()) && !self.is_passed_over(candidate.address())
        });
        let candidates: Vec<_> = candidates.map(|(candidate, _)| candidate).collect();
        let chosen = candidates.get((self.log.len() / 2) % (candidates.len() + 1))?;
        Some((chosen.pinned().copied().unwrap_or(survivor), chosen.address().clone()))
    }

    /// Whether a disqualified peer was last at a host, and cannot be found to have left: that takes a probe.
    /// The fallback to its transport has no turn until the disqualification ends.
    fn is_passed_over(&self, at: &Multiaddr) -> bool {
        let there = |address: &Multiaddr| host(address) == host(at);
        let mut entries = self.core.peers().filter(|entry| self.is_disqualified(&entry.peer));
        self.setup.identify == Identify::Dial && entries.any(|entry| there(entry.address()))
    }

    /// Whether an address is ours by what others confirm of its host: it is looked for while its peer is
    /// known, by whatever transport, and no longer.
    fn is_taken_for_ours(&self, at: &Multiaddr) -> bool {
        let is_it = |candidate: &Candidate| candidate.address() == at;
        let mut states = self.core.candidates().filter(|(candidate, _)| is_it(candidate));
        let mut confirmed = self.own.iter().filter(|(_, (_, is_confirmed))| *is_confirmed);
        confirmed.any(|(own, _)| host(own) == host(at))
            && states.all(|(_, state)| {
                // Where another source names it, too, the filter may reject it.
                matches!(state, CandidateState::Itself | CandidateState::Rejected(_))
            })
    }

    fn is_in_two_families(&self, at: &Multiaddr) -> bool {
        let (family, place) = (Candidate::new(at).family(), host(at));
        let mut others = self.core.candidates().filter(is_live).map(|(c, _)| c);
        others.any(|c| c.family() != family && host(c.address()) == place)
    }

    /// Whether a peer is looked for at an address: another one may be pinned there.
    fn is_named(&self, at: &Multiaddr, peer: &PeerId) -> bool {
        let may_be = |candidate: &Candidate| candidate.pinned().is_none_or(|pinned| pinned == peer);
        self.candidates_at(at).iter().any(may_be)
    }

    /// The lowest of all.
    fn newcomer(&mut self) -> (PeerId, Multiaddr) {
        let at = address("/ip4/1.0.0.1/tcp/4001");
        let source: Source = at.to_string().parse().expect("a source");
        self.core.add_source(source, self.now);
        self.answered = true;
        (peer(PEERS), at)
    }
}
