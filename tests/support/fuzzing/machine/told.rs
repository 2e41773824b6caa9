//! What the events say, taken at their word.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{Candidate, Event, Failure, Source, Status, discovery::Discovery};

use super::checks::is_live;
use crate::fuzzing::universe::peer;

/// Who lives where, and who is gone, as a program knows it that heard every event.
#[derive(Default)]
pub struct Told {
    at: BTreeMap<Multiaddr, BTreeSet<PeerId>>,
    /// Who was told verified, and not gone since.
    known: BTreeSet<PeerId>,
    /// Who was told gone, or not gone, since the outputs were drained.
    pub gone: BTreeMap<PeerId, bool>,
    status: Option<(Status, Option<bool>)>,
    /// Whether the status before was the first that says isolated.
    isolated: bool,
    sampled: BTreeSet<String>,
    /// Whether an address was told to be named no more.
    was_unnamed: bool,
    /// Who was last told turned away from an address, and why, if nothing else was told of it since.
    turned_away: BTreeMap<Multiaddr, (PeerId, &'static str, Vec<Candidate>)>,
    /// Where our own identity answered.
    ours: BTreeSet<Multiaddr>,
    /// Who was told replaced, or to share, where another pin, or none, may keep its entry. Does not hold of them yet:
    /// `one_address_with_and_without_a_pin_is_lost_once_to_another_peer`.
    early: BTreeSet<(Multiaddr, PeerId)>,
}

impl Told {
    pub fn take(&mut self, core: &Discovery, event: Event) {
        let isolated = std::mem::take(&mut self.isolated);
        assert!(!isolated || matches!(event, Event::Isolated(_)), "not why, but {event:?}");
        if let Event::Unreachable { address, reason: Failure::Unidentified(_), .. } = &event {
            self.turned_away.remove(address);
        }
        match event {
            Event::Verified { peer, address, .. } => self.verified(address, peer),
            Event::Replaced { address, old, new, gone, .. } => {
                assert_ne!(old, new, "{address}");
                let here =
                    core.candidates().filter(is_live).filter(|(c, _)| *c.address() == address);
                if here.count() > 1 {
                    self.early.insert((address.clone(), old));
                }
                self.lost(&address, old, gone);
                if new != peer(0) {
                    self.at.entry(address).or_default().insert(new);
                    self.known.insert(new);
                }
            }
            Event::Departed { peer, address, gone, .. } => self.lost(&address, peer, gone),
            Event::Refused { address, peer, old, gone, .. } => {
                self.turned_away(core, address, peer, "refused", old, gone);
            }
            Event::Stranger { address, peer, old, gone, .. } => {
                self.turned_away(core, address, peer, "a stranger", old, gone);
            }
            // It may never have been verified.
            Event::Gone { peer, .. } if self.was_unnamed && !self.known.contains(&peer) => {}
            Event::Gone { peer, .. } => self.end(peer, true),
            Event::Unnamed { addresses, .. } => {
                self.was_unnamed = true;
                assert!(!addresses.is_empty());
            }
            Event::Unreachable { address, peer: Some(peer), gone, .. }
            | Event::SharedAddress { address, peer: Some(peer), gone, .. } => {
                self.lost(&address, peer, gone);
            }
            Event::SharedAddress { address, peer: None, gone, .. }
            | Event::Unreachable { address, peer: None, gone, reason: Failure::Shared, .. } => {
                assert!(!gone, "who is gone from {address}?");
                // Whoever is connected lives on, though not there.
                self.forget(core, &address);
            }
            Event::Unreachable { peer: None, gone, .. } => assert!(!gone),
            Event::Status { status, listed, .. } => {
                let old = self.status.replace((status, listed));
                assert_ne!(old, Some((status, listed)), "told twice");
                self.isolated = status == Status::Isolated
                    && old.is_none_or(|(status, _)| status != Status::Isolated);
            }
            Event::Isolated(isolation) => {
                assert!(isolated, "isolated, without the status that says so");
                let reasons = isolation.reasons.len();
                assert!(reasons <= 64 && reasons <= isolation.failed);
                assert!(isolation.failed <= isolation.others && isolation.others > 0);
            }
            Event::Sampled { source, sampled, .. } => self.sampled(&source, sampled),
            _ => {}
        }
    }

    fn verified(&mut self, address: Multiaddr, peer: PeerId) {
        self.turned_away.remove(&address);
        let text = format!("{peer} at {address} is told verified twice");
        let is_early = self.early.contains(&(address.clone(), peer));
        assert!(self.at.entry(address).or_default().insert(peer) || is_early, "{text}");
        self.known.insert(peer);
    }

    /// Told once until somebody else answers there, for each candidate with this address.
    fn turned_away(
        &mut self,
        core: &Discovery,
        address: Multiaddr,
        peer: PeerId,
        why: &'static str,
        old: Option<PeerId>,
        gone: bool,
    ) {
        match old {
            Some(old) => self.lost(&address, old, gone),
            None => assert!(!gone, "who is gone from {address}?"),
        }
        let here = core.candidates().filter(is_live).map(|(candidate, _)| candidate);
        let here: Vec<_> = here.filter(|c| *c.address() == address).cloned().collect();
        // With another pin, it is another candidate.
        // A pin alone may be refused while a dial is under way that meets somebody else.
        let is_pinned = here.iter().any(|candidate| candidate.pinned() == Some(&peer));
        if why == "refused" && core.candidates().any(|(c, _)| c.pinned() == Some(&peer)) {
            // It is told once of all addresses that are pinned to the peer. What else is told of it at
            // one of them later is news.
            self.turned_away.retain(|_, (other, before, _)| *other != peer || *before == why);
        }
        let was_ours = self.ours.contains(&address);
        let is_single = here.len() == 1 && old.is_none() && !is_pinned && !was_ours;
        let now = (peer, why, here);
        let before = self.turned_away.insert(address.clone(), now.clone());
        let told_twice = is_single && before == Some(now);
        assert!(!told_twice, "{peer} at {address} is told {why} twice");
    }

    /// Somebody answered at an address.
    pub fn answered(&mut self, address: &Multiaddr, peer: PeerId) {
        if self.turned_away.get(address).is_some_and(|(last, ..)| *last != peer) {
            self.turned_away.remove(address);
        }
        // What was told before may be heard later.
        if peer == crate::fuzzing::universe::peer(0) {
            self.ours.insert(address.clone());
        }
    }

    /// What was told of candidates that are named no longer may be told again.
    fn forget_departed(&mut self, core: &Discovery) {
        let named: BTreeSet<_> = core.candidates().filter(is_live).map(|(c, _)| c).collect();
        self.turned_away.retain(|_, (_, _, here)| here.iter().all(|c| named.contains(c)));
    }

    fn lost(&mut self, address: &Multiaddr, peer: PeerId, gone: bool) {
        let was_there = self.at.get_mut(address).is_some_and(|at| at.remove(&peer));
        let is_early = self.early.contains(&(address.clone(), peer));
        assert!(was_there || is_early, "{peer} leaves {address}, where it was never told");
        self.end(peer, gone);
    }

    fn end(&mut self, peer: PeerId, gone: bool) {
        // The last word counts: one entry after another may go.
        self.gone.insert(peer, gone);
        assert!(!gone || self.known.remove(&peer), "{peer} is told gone twice");
    }

    fn forget(&mut self, core: &Discovery, address: &Multiaddr) {
        let Some(at) = self.at.get_mut(address) else { return };
        // With another pin, an entry may have ended, or begun, since: that is told next.
        let here = core.candidates().filter(is_live).filter(|(c, _)| c.address() == address);
        if here.count() > 1 {
            self.early.extend(at.iter().map(|peer| (address.clone(), *peer)));
        }
        at.retain(|peer| core.addresses_of(peer).any(|a| a == address));
    }

    fn sampled(&mut self, source: &Source, sampled: bool) {
        let text = source.to_string();
        let changed = if sampled { self.sampled.insert(text) } else { self.sampled.remove(&text) };
        assert!(changed, "{source} is told sampled ({sampled}) twice");
    }

    pub fn forget_source(&mut self, source: &Source) {
        self.sampled.remove(&source.to_string());
    }

    /// Whether the events say what the discovery says.
    pub fn check(&mut self, core: &Discovery, is_connected: impl Fn(&PeerId) -> bool) {
        self.forget_departed(core);
        let status = self.status.unwrap_or((Status::Starting, None));
        assert_eq!((core.status(), core.is_listed()), status);
        let held = core.peers().map(|e| (e.address(), e.peer));
        let told = self.at.iter().flat_map(|(address, at)| at.iter().map(move |p| (address, *p)));
        let is_early = |(address, peer): &(&Multiaddr, PeerId)| {
            self.early.contains(&((*address).clone(), *peer))
        };
        let held: BTreeSet<_> = held.filter(|pair| !is_early(pair)).collect();
        let told = told.filter(|pair| !is_early(pair));
        assert_eq!(held, told.collect(), "held and told");
        for peer in &self.known {
            let left = core.addresses_of(peer).next().is_some() || is_connected(peer);
            assert!(left, "nothing is left of {peer}, and nobody was told");
        }
    }
}
