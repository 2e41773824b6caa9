//! Which candidates' peers take a place, and where to look for more.

use std::time::Duration;

use self::fingers::{Fingers, ranks};
use super::{
    effect::{Effect, Effects},
    order::{Order, within},
    own::Own,
    plan::{Plan, Plans, Selected},
    view::View,
};
use crate::{
    candidate::{Candidate, Family},
    config::Config,
    selection::{LOWEST, Selection},
};

mod fingers;

/// The selection in force, applied to each family.
#[derive(Debug)]
pub(super) struct Selecting {
    selection: Selection,
    version: u64,
    fingers: [Fingers; Family::ALL.len()],
    plans: Plans,
    selected: Selected,
    made_from: Option<MadeFrom>,
}

/// The versions of what the plans follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MadeFrom {
    selection: u64,
    order: u64,
    own: u64,
    ledger: u64,
    disqualified: u64,
}

impl Selecting {
    pub(super) fn new(selection: Selection) -> Self {
        Self {
            selection,
            version: 0,
            fingers: Default::default(),
            plans: Plans::default(),
            selected: Selected::new(),
            made_from: None,
        }
    }

    pub(super) fn set(&mut self, selection: Selection) {
        self.selection = selection;
        self.version += 1;
    }

    pub(super) fn selection(&self) -> Selection {
        self.selection
    }

    /// Differs whenever another selection is in force.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// The candidates whose peers take a place, and these peers, as of the last update.
    pub(super) fn selected(&self) -> &Selected {
        &self.selected
    }

    /// The entry of a candidate has ended: its peer takes no place any more.
    pub(super) fn forget(&mut self, candidate: &Candidate) {
        self.selected.remove(candidate);
    }

    /// Makes the plans anew if something that they follow from has changed. A newly selected peer is
    /// connected to at once; a displaced one is verified more rarely from now on, and its connection
    /// is left alone. Says whether other peers take the places.
    pub(super) fn update(
        &mut self,
        view: &View<'_>,
        rng: &mut fastrand::Rng,
        effects: &mut Effects,
    ) -> bool {
        let made_from = MadeFrom {
            selection: self.version,
            order: view.order.version(),
            own: view.own.version(),
            ledger: view.ledger.version(),
            disqualified: view.disqualified.version(),
        };
        if self.made_from.replace(made_from) == Some(made_from) {
            return false;
        }
        for family in Family::ALL {
            let plan = self.plan(family, view);
            self.plans.set(family, plan);
        }
        let plans = Family::ALL.into_iter().flat_map(|family| &self.plans.of(family).selected);
        let entries = plans.filter_map(|c| Some((c.clone(), view.ledger.entry(c)?.peer)));
        let selected: Selected = entries.collect();
        if selected == self.selected {
            return false;
        }
        let before = std::mem::replace(&mut self.selected, selected);
        self.recheck(&before, view, rng, effects);
        true
    }

    /// Plans the verifications of those that were selected, or no longer are.
    fn recheck(
        &self,
        before: &Selected,
        view: &View<'_>,
        rng: &mut fastrand::Rng,
        effects: &mut Effects,
    ) {
        let mut plan = |candidate: &Candidate, at_once: bool| {
            let pause = view.ledger.plan_check(candidate, &self.selected, view.interval, rng);
            let at = if at_once { view.now } else { view.now + pause };
            effects.push(Effect::Recheck { candidate: candidate.clone(), at });
        };
        for (candidate, peer) in &self.selected {
            if before.get(candidate) != Some(peer) {
                let by_fallback = view.is_by_fallback(peer, candidate);
                plan(candidate, by_fallback || !view.ledger.is_connected(peer));
            }
        }
        for candidate in before.keys().filter(|c| !self.selected.contains_key(*c)) {
            plan(candidate, false);
        }
        let (ours, theirs) = (self.selected.iter(), before.iter());
        let changed = ours.filter(|(c, peer)| before.get(*c) != Some(*peer));
        let changed =
            changed.chain(theirs.filter(|(c, peer)| self.selected.get(*c) != Some(*peer)));
        changed.for_each(|(_, peer)| effects.push(Effect::Regard(*peer)));
    }

    fn plan(&mut self, family: Family, view: &View<'_>) -> Plan {
        if view.order.family(family).is_empty() {
            return Plan::default();
        }
        match Rule::of(self.selection, view.order.named(family), view.config) {
            Rule::Fingers => self.fingers[family.index()].plan(family, view),
            Rule::Lowest(places) => plan_lowest(family, places, view),
            Rule::All => plan_lowest(family, usize::MAX, view),
        }
    }

    /// How long a verification of a selected peer holds: the configured interval, or, with `Lowest`, 50 ms
    /// times the number of candidates if that is longer. All nodes select the same lowest peers. The product
    /// keeps the dials to each of these at twenty a second, however large the cluster is.
    pub(super) fn interval(&self, order: &Order, config: &Config) -> Duration {
        let crowd = Family::ALL.into_iter().filter_map(|family| {
            let named = order.named(family);
            match Rule::of(self.selection, named, config) {
                Rule::Lowest(_) => Some(named),
                Rule::Fingers | Rule::All => None,
            }
        });
        let most = u32::try_from(crowd.max().unwrap_or(0)).unwrap_or(u32::MAX);
        config.reverify_interval.max(Duration::from_millis(50) * most)
    }

    /// Of each candidate of one family's list, sorted: which one the selection in force would miss
    /// last (0), second to last (1), and so on; where the family has `named` candidates, these or more.
    pub(super) fn rank(
        &self,
        list: &[Candidate],
        named: usize,
        own: &Own,
        config: &Config,
    ) -> Vec<usize> {
        let len = list.len();
        match Rule::of(self.selection, named.max(len), config) {
            Rule::Lowest(_) | Rule::All => (0..len).collect(),
            Rule::Fingers => ranks(len, list.iter().position(|c| own.leads_here(c)), own.local()),
        }
    }
}

/// What the selection in force is for one family.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// The lowest, so many places.
    Lowest(usize),
    Fingers,
    All,
}

impl Rule {
    /// For a family of which so many candidates are named: `Auto` follows their number, which all nodes
    /// with the same answer see alike, however many of them each one holds.
    fn of(selection: Selection, named: usize, config: &Config) -> Self {
        match selection {
            Selection::Auto if named > config.auto_limit.get() => Self::Fingers,
            Selection::Auto => Self::Lowest(LOWEST.get()),
            Selection::Lowest(n) => Self::Lowest(n.get()),
            Selection::Fingers => Self::Fingers,
            Selection::All => Self::All,
        }
    }
}

fn plan_lowest(family: Family, places: usize, view: &View<'_>) -> Plan {
    let order = view.order.family(family);
    let verified = within(view.ledger.firsts(), order);
    let best = verified.take(places).map(|c| view.best_transport(c).clone());
    let mut selected: Vec<_> = best.collect();
    selected.sort_unstable();
    let free = places - selected.len();
    let end = match selected.last() {
        Some(last) if free == 0 => order.partition_point(|c| c < last),
        _ => order.len(),
    };
    let below = 0..end;
    let ranges = if below.is_empty() { Vec::new() } else { vec![Vec::from([below])] };
    // With all places taken, what is still to be tried is lower than one of those who took them,
    // and is tried one by one.
    let at_once = free.max(1);
    Plan { selected, ranges, beyond: Vec::new(), is_free: free > 0, at_once }
}

#[cfg(test)]
mod tests;
