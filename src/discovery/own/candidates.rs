//! Which candidates of an order are ours.

use std::collections::BTreeSet;

use crate::{
    candidate::{Candidate, Family},
    discovery::order::Order,
};

/// The candidates of an order that are ours.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ours {
    /// The candidates that are ours by their own address or pin.
    by_address: BTreeSet<Candidate>,
    /// These, and the candidates that led to us when they were dialled.
    by_themselves: BTreeSet<Candidate>,
    /// These, and the other transports to their hosts.
    all: [BTreeSet<Candidate>; Family::ALL.len()],
}

/// What makes a candidate ours.
pub(super) struct Signs<'a> {
    pub(super) is_own_address: &'a dyn Fn(&Candidate) -> bool,
    /// Whether it led to us when it was last dialled.
    pub(super) was_found: &'a dyn Fn(&Candidate) -> bool,
    /// Whether another node holds our key there.
    pub(super) is_twin: &'a dyn Fn(&Candidate) -> bool,
}

impl Ours {
    /// Finds all candidates that are ours.
    pub(super) fn new(order: &Order, signs: &Signs<'_>) -> Self {
        let mut ours = Self::default();
        order.iter().for_each(|c| _ = ours.note(c, signs));
        if !ours.by_themselves.is_empty() {
            let fallbacks = order.groups().map(|(candidate, _)| candidate);
            let signed = ours.by_themselves.clone();
            fallbacks.chain(&signed).for_each(|c| _ = ours.judge(c, order, signs));
        }
        ours
    }

    /// Judges again the candidates of which something has changed. Returns whether other candidates are ours
    /// now.
    pub(super) fn update<'a>(
        &mut self,
        changed: impl IntoIterator<Item = &'a Candidate>,
        order: &'a Order,
        signs: &Signs<'_>,
    ) -> bool {
        let mut is_news = false;
        for candidate in changed {
            is_news |= self.note(candidate, signs);
            // The transports of a group belong to one host.
            let host = candidate.ip().filter(|_| order.groups().next().is_some());
            let fallbacks = host.map_or(&[][..], |ip| order.at_host(ip)).iter();
            for candidate in fallbacks.chain([candidate]) {
                is_news |= self.judge(candidate, order, signs);
            }
        }
        is_news
    }

    /// Notes whether a candidate is ours by itself; says whether that is news.
    fn note(&mut self, candidate: &Candidate, signs: &Signs<'_>) -> bool {
        let by_address = (signs.is_own_address)(candidate);
        let by_itself = by_address || (signs.was_found)(candidate);
        put(&mut self.by_address, candidate, by_address)
            | put(&mut self.by_themselves, candidate, by_itself)
    }

    /// Judges whether a candidate is ours, also by its other transports; says whether that is news.
    fn judge(&mut self, candidate: &Candidate, order: &Order, signs: &Signs<'_>) -> bool {
        let leads_here = |c: &Candidate| self.by_themselves.contains(c);
        let is_ours = self.by_address.contains(candidate)
            || ((leads_here(candidate) || order.transports(candidate).iter().any(leads_here))
                && !(signs.is_twin)(candidate));
        put(&mut self.all[candidate.family().index()], candidate, is_ours)
    }

    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.all[candidate.family().index()].contains(candidate)
    }

    pub(super) fn of(&self, family: Family) -> &BTreeSet<Candidate> {
        &self.all[family.index()]
    }

    /// See [`Own::is_own_undialled`](super::Own::is_own_undialled).
    pub(super) fn contains_undialled(&self, candidate: &Candidate, order: &Order) -> bool {
        let leads_here = |c: &Candidate| c != candidate && self.by_themselves.contains(c);
        self.contains(candidate)
            && (self.by_address.contains(candidate)
                || order.transports(candidate).iter().any(leads_here))
    }
}

/// Puts a candidate into a set, or takes it out; says whether that changed anything.
fn put(set: &mut BTreeSet<Candidate>, candidate: &Candidate, is_in: bool) -> bool {
    match is_in {
        true => !set.contains(candidate) && set.insert(candidate.clone()),
        false => !set.is_empty() && set.remove(candidate),
    }
}
