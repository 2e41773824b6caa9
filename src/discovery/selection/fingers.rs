//! The successors at distance 1, 2, 4, … on the ring of a family's candidates.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Range,
};

use libp2p_identity::PeerId;

use crate::{
    candidate::{Candidate, Family},
    discovery::{
        order::{Order, within},
        plan::Plan,
        view::View,
    },
};

/// The holders of one family's fingers, so that a finger changes only when it must.
#[derive(Debug, Default)]
pub(super) struct Fingers(Vec<Option<Candidate>>);

impl Fingers {
    /// Finds the holders anew, those that have them first, and where to look for better ones.
    pub(super) fn plan(&mut self, family: Family, view: &View<'_>) -> Plan {
        let ring = Ring::new(family, view);
        let mut fingers = Vec::new();
        let (mut ranges, mut beyond) = (Vec::new(), Vec::new());
        for (i, distance) in ring.distances().enumerate() {
            let old = self.0.get(i).and_then(Option::as_ref);
            let start = ring.start_of(distance);
            let holder = ring.holder(start, old);
            if let Some(end) = ring.end_of_search(start, holder) {
                // First up to the target of the next finger, which is looked for from there.
                let next = ring.start_of(2 * distance);
                ranges.push(ring.pieces(start, end.min(next)));
                beyond.extend(ring.pieces(next.min(end), end));
            }
            fingers.push(holder.map(|at| ring.candidate(at).clone()));
        }
        let mut taken = HashSet::new();
        let mut selected: Vec<_> = fingers.iter().flatten().cloned().collect();
        selected.retain(|c| view.ledger.entry(c).is_some_and(|e| taken.insert(e.peer)));
        selected.iter_mut().for_each(|c| *c = view.best_transport(c).clone());
        selected.sort_unstable();
        // One for each finger that may yet be better held.
        let (is_free, at_once) = (selected.is_empty(), ranges.len().max(1));
        self.0 = fingers;
        Plan { selected, ranges, beyond, is_free, at_once }
    }
}

/// Of each of `len` candidates in order: how many are nearer in front of a finger's target. `own` is
/// our own place among them, if they list us, which comes before all others.
pub(super) fn ranks(len: usize, own: Option<usize>, local: &PeerId) -> Vec<usize> {
    let first = first_of(len, own, local);
    let mut places: Vec<usize> = (0..len).collect();
    places.sort_by_cached_key(|&place| {
        let distance = (place + len - first) % len + 1;
        // The targets are the powers of two.
        let gap = distance - (1 << distance.ilog2());
        (own != Some(place), gap, distance)
    });
    let mut ranks = vec![0; len];
    for (rank, place) in places.into_iter().enumerate() {
        ranks[place] = rank;
    }
    ranks
}

/// Which of `len` candidates is at distance 1 from us: the one after us; or, where they do not list
/// us, one that depends on nothing but who we are.
fn first_of(len: usize, own: Option<usize>, local: &PeerId) -> usize {
    own.map_or_else(|| place_of(local, len), |own| (own + 1) % len)
}

/// The candidates of a family in a circle, seen from our own place in it.
struct Ring<'a> {
    all: &'a Order,
    order: &'a [Candidate],
    /// The candidate at distance 1.
    first: usize,
    /// How many candidates there are besides ourselves.
    others: usize,
    /// The candidates at which an other is verified, and may be selected.
    verified: &'a BTreeSet<Candidate>,
}

impl<'a> Ring<'a> {
    fn new(family: Family, view: &View<'a>) -> Self {
        let order = view.order.family(family);
        let own = view.own.first_in(family).and_then(|own| order.binary_search(own).ok());
        let others = order.len() - usize::from(own.is_some());
        let verified = view.ledger.eligible();
        let mut first = first_of(order.len(), own, view.own.local());
        // A place that a hash gives may be amid the transports to a host.
        let transports = view.order.transports(&order[first]);
        while own.is_none() && first > 0 && transports.contains(&order[first - 1]) {
            first -= 1;
        }
        Self { all: view.order, order, first, others, verified }
    }

    /// 1, 2, 4, …, as far as the ring goes.
    fn distances(&self) -> impl Iterator<Item = usize> {
        let others = self.others;
        (0..usize::BITS).map(|i| 1 << i).take_while(move |distance| *distance <= others)
    }

    /// Where the search for a finger at a distance starts: where its host is first named. The fallbacks
    /// to the transport that is the target may sort before it.
    fn start_of(&self, distance: usize) -> usize {
        if distance > self.others {
            return self.others + 1;
        }
        let transports = self.all.transports(self.candidate(self.at(distance)));
        let is_other = |before: &usize| !transports.contains(self.candidate(self.at(*before)));
        (1..distance).rev().find(is_other).map_or(1, |before| before + 1)
    }

    fn at(&self, distance: usize) -> usize {
        (self.first + distance - 1) % self.order.len()
    }

    fn distance_of(&self, index: usize) -> usize {
        (index + self.order.len() - self.first) % self.order.len() + 1
    }

    fn candidate(&self, index: usize) -> &Candidate {
        &self.order[index]
    }

    /// Which place holds the finger at a distance: the one that held it, unless its target has clearly moved; or
    /// else the first verified one from the target on. The successor is always the nearest one: it
    /// is what holds the ring together.
    fn holder(&self, distance: usize, old: Option<&Candidate>) -> Option<usize> {
        if let Some(index) = old.and_then(|old| self.order.binary_search(old).ok())
            && distance > 1
            && self.verified.contains(self.candidate(index))
            && self.is_near(distance, self.distance_of(index))
        {
            return Some(index);
        }
        let target = self.at(distance);
        let mut round =
            within(self.verified, &self.order[target..]).chain(within(self.verified, self.order));
        self.order.binary_search(round.next()?).ok()
    }

    /// Whether a distance is still that of a finger: three quarters of it to one and a half.
    fn is_near(&self, wanted: usize, actual: usize) -> bool {
        (wanted - wanted / 4..=wanted + wanted / 2).contains(&actual)
    }

    /// Up to which distance, exclusive, a better holder of a finger could be: that of its holder,
    /// unless that one is near enough; or all the way round.
    fn end_of_search(&self, distance: usize, holder: Option<usize>) -> Option<usize> {
        let end = match holder.map(|holder| self.distance_of(holder)) {
            None => self.others + 1,
            Some(actual) if distance > 1 && self.is_near(distance, actual) => return None,
            // It was met after a whole round.
            Some(actual) if actual < distance => self.others + 1,
            Some(actual) => actual,
        };
        (end > distance).then_some(end)
    }

    /// The places in the order from one distance to another, exclusive.
    fn pieces(&self, from: usize, to: usize) -> Vec<Range<usize>> {
        if from >= to {
            return Vec::new();
        }
        let (start, len) = (self.at(from), self.order.len());
        let end = start + (to - from);
        if end <= len {
            return std::iter::once(start..end).collect();
        }
        vec![start..len, 0..end - len]
    }
}

/// A place between 0 and `len`, by the hash that a peer id is.
fn place_of(peer: &PeerId, len: usize) -> usize {
    let bytes = peer.to_bytes();
    let word = bytes.iter().rev().take(8).fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
    usize::try_from(word % len as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{World, c, number, peer, secs};

    /// Who is selected. The holders of the fingers are remembered.
    fn selected(fingers: &mut Fingers, world: &World) -> Vec<u16> {
        fingers.plan(Family::V4, &world.view()).selected.iter().map(number).collect()
    }

    /// A world of so many, of which one is ours and all others are verified.
    fn verified(n: u16, own: u16) -> World {
        let mut world = World::of(n);
        world.listen(&c(own));
        world.verify_all((0..n).filter(|number| *number != own));
        world
    }

    fn places(ranges: &[Range<usize>]) -> Vec<usize> {
        ranges.iter().cloned().flatten().collect()
    }

    #[test]
    fn fingers_are_the_successors_at_powers_of_two_round_the_ring() {
        let of = |own| selected(&mut Fingers::default(), &verified(16, own));
        assert_eq!(of(3), [4, 5, 7, 11]);
        assert_eq!(of(14), [0, 2, 6, 15]);
    }

    #[test]
    fn one_that_is_not_listed_has_the_place_of_its_hash() {
        let mut world = World::of(16);
        world.verify_all(0..16);
        assert_eq!(selected(&mut Fingers::default(), &world), [0, 1, 3, 7, 15]);
        assert_eq!(first_of(16, None, &peer(21)), 5);
    }

    #[test]
    fn the_dead_and_the_disqualified_are_walked_past() {
        let mut world = World::of(16);
        world.listen(&c(0));
        world.verify_all([2, 5, 6, 9]);
        world.disqualify(peer(2), secs(9));
        // Of 1, 2 and 4: the first one from there on; of 8: the one after it.
        assert_eq!(selected(&mut Fingers::default(), &world), [5, 9]);
    }

    #[test]
    fn one_peer_holds_several_fingers_and_takes_one_place() {
        let mut world = World::of(16);
        world.listen(&c(0));
        for n in [1, 2, 4] {
            world.verify(&c(n), peer(7));
        }
        world.verify_all([8]);
        assert_eq!(selected(&mut Fingers::default(), &world), [1, 8]);
    }

    #[test]
    fn a_finger_stays_until_its_target_has_clearly_moved_and_the_successor_is_always_the_nearest() {
        let (mut world, mut fingers) = (World::of(0), Fingers::default());
        let every_fourth: Vec<_> = (0..24).map(|n| c(4 * n)).collect();
        world.name(&[&every_fourth], &[]);
        world.listen(&c(0));
        world.verify_all((1..24).map(|n| 4 * n));
        assert_eq!(selected(&mut fingers, &world), [4, 8, 16, 32, 64]);
        // With four more before it, what is at distance 8 comes to be at 12: one and a half.
        let near = [1, 2, 3, 5, 6].map(c);
        world.name(&[&every_fourth, &near[..4]], &[]);
        world.verify_all([1]);
        assert_eq!(selected(&mut fingers, &world), [1, 4, 32, 64]);
        world.name(&[&every_fourth, &near], &[]);
        assert_eq!(selected(&mut fingers, &world), [1, 4, 12, 64]);
    }

    #[test]
    fn a_finger_whose_holder_is_lost_goes_to_the_next_one() {
        let (mut world, mut fingers) = (verified(16, 0), Fingers::default());
        assert_eq!(selected(&mut fingers, &world), [1, 2, 4, 8]);
        world.fail(&c(8));
        assert_eq!(selected(&mut fingers, &world), [1, 2, 4, 8], "one failure withdraws nobody");
        world.fail(&c(8));
        assert_eq!(selected(&mut fingers, &world), [1, 2, 4, 9]);
        world.verify_all([8]);
        assert_eq!(selected(&mut fingers, &world), [1, 2, 4, 9], "it is near enough");
    }

    #[test]
    fn nobody_is_looked_for_where_all_fingers_are_well_held() {
        let plan = Fingers::default().plan(Family::V4, &verified(16, 3).view());
        assert!(plan.ranges.iter().flatten().chain(&plan.beyond).next().is_none());
        assert!(!plan.is_free);
    }

    #[test]
    fn with_nobody_verified_each_finger_is_looked_for_up_to_the_next_and_then_beyond() {
        let mut world = World::of(8);
        world.listen(&c(6));
        let plan = Fingers::default().plan(Family::V4, &world.view());
        let groups: Vec<_> = plan.ranges.iter().map(|group| places(group)).collect();
        assert_eq!(groups, [vec![7], vec![0, 1], vec![2, 3, 4, 5]]);
        assert_eq!(places(&plan.beyond), [0, 1, 2, 3, 4, 5, 2, 3, 4, 5]);
        assert_eq!((plan.is_free, plan.at_once), (true, 3));
    }

    #[test]
    fn a_better_holder_is_looked_for_between_the_target_and_the_present_one() {
        let mut world = World::of(9);
        world.listen(&c(0));
        world.verify_all([6]);
        let plan = Fingers::default().plan(Family::V4, &world.view());
        let groups: Vec<_> = plan.ranges.iter().map(|group| places(group)).collect();
        // The sixth is near enough to the targets at distance 4 and 8.
        assert_eq!(groups, [vec![1], vec![2, 3]]);
        assert_eq!(places(&plan.beyond), [2, 3, 4, 5, 4, 5]);
        assert_eq!((plan.is_free, plan.at_once), (false, 2), "two of the four are well held");
    }

    #[test]
    fn a_holder_that_was_met_after_a_whole_round_leaves_all_to_be_looked_at() {
        let mut world = World::of(11);
        world.listen(&c(0));
        world.verify_all([3]);
        let plan = Fingers::default().plan(Family::V4, &world.view());
        // The third is near enough to the targets at distance 2 and 4, and not to that at 8.
        let groups: Vec<_> = plan.ranges.iter().map(|group| places(group)).collect();
        assert_eq!(groups, [vec![1], vec![8, 9, 10]]);
    }

    #[test]
    fn those_rank_first_that_are_nearest_behind_a_target_and_we_before_all() {
        assert_eq!(ranks(8, Some(0), &peer(0)), [0, 1, 2, 4, 3, 5, 6, 7]);
        // Not listed: 3 is at distance 1, 4 at 2, 6 at 4.
        assert_eq!(ranks(8, None, &peer(3)), [6, 7, 3, 0, 1, 4, 2, 5]);
    }
}
