//! The plan of the selection for a family: which peers take a place, and where to look for more.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use libp2p_identity::PeerId;

use crate::candidate::{Candidate, Family};

/// The candidates whose peers take a place now, and these peers.
pub(super) type Selected = BTreeMap<Candidate, PeerId>;

/// The plan of one family. Its ranges are places in the family's order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The candidates whose peers take a place, in order.
    pub(super) selected: Vec<Candidate>,
    /// Where in the order a candidate would take a place, or a better one, if it were verified.
    /// One group a place; none of the ranges is empty, and no two overlap.
    pub(super) ranges: Vec<Vec<Range<usize>>>,
    /// Where else to look, if no candidate is left to be tried there.
    pub(super) beyond: Vec<Range<usize>>,
    /// Whether a place is free, rather than taken by a peer that is not the best for it.
    pub(super) is_free: bool,
    /// How many probes may run at once before any hedging.
    pub(super) at_once: usize,
}

impl Plan {
    /// Whether a candidate of the family would take a place if it were verified. `order` is the
    /// family's.
    pub(super) fn wants(&self, order: &[Candidate], candidate: &Candidate) -> bool {
        let after_start = |r: &Range<usize>| order.get(r.start).is_some_and(|s| candidate >= s);
        let before_end = |r: &Range<usize>| order.get(r.end).is_none_or(|e| candidate < e);
        let mut ranges = self.ranges.iter().flatten().chain(&self.beyond);
        ranges.any(|range| after_start(range) && before_end(range))
    }

    /// The ranges, those first in whose group the fewest dials are under way. `dialled` are the
    /// places of these dials in the family's order.
    pub(super) fn ranges_by_need(&self, dialled: &[usize]) -> Vec<Range<usize>> {
        let mut groups: Vec<&Vec<Range<usize>>> = self.ranges.iter().collect();
        if groups.len() > 1 && !dialled.is_empty() {
            groups.sort_by_cached_key(|group| {
                let within = |place: &&usize| group.iter().any(|range| range.contains(*place));
                dialled.iter().filter(within).count()
            });
        }
        groups.into_iter().flatten().chain(&self.beyond).cloned().collect()
    }
}

/// The plans of all families.
#[derive(Debug, Default)]
pub(super) struct Plans([Arc<Plan>; Family::ALL.len()]);

impl Plans {
    pub(super) fn of(&self, family: Family) -> &Arc<Plan> {
        &self.0[family.index()]
    }

    pub(super) fn set(&mut self, family: Family, plan: Plan) {
        self.0[family.index()] = Arc::new(plan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(n: u8) -> Vec<Candidate> {
        let address = |i| format!("/ip4/10.0.0.{i}/tcp/1").parse().expect("an address");
        (0..n).map(|i| Candidate::new(&address(i))).collect()
    }

    fn plan(ranges: Vec<Vec<Range<usize>>>, beyond: Vec<Range<usize>>) -> Plan {
        Plan { ranges, beyond, ..Plan::default() }
    }

    #[test]
    fn what_is_wanted_lies_within_a_range() {
        let order = order(6);
        let plan = plan(vec![vec![1..2, 2..3]], vec![4..5, 5..6]);
        let wanted: Vec<_> = order.iter().map(|c| plan.wants(&order, c)).collect();
        assert_eq!(wanted, [false, true, true, false, true, true]);
    }

    #[test]
    fn the_place_with_the_fewest_dials_comes_first_and_what_is_beyond_last() {
        let groups = vec![vec![0..1, 1..2], vec![2..3, 5..6], vec![3..4, 4..5]];
        let plan = plan(groups, vec![6..7, 7..9]);
        let beyond = [6..7, 7..9];
        let at_first = [0..1, 1..2, 2..3, 5..6, 3..4, 4..5];
        assert_eq!(plan.ranges_by_need(&[]), [&at_first[..], &beyond].concat());
        let by_need = [3..4, 4..5, 2..3, 5..6, 0..1, 1..2];
        assert_eq!(plan.ranges_by_need(&[0, 1, 5]), [&by_need[..], &beyond].concat());
    }
}
