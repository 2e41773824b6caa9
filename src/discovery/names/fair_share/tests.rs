use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::candidate::Family;

/// The lowest first.
fn by_order(family: &[Candidate]) -> Vec<usize> {
    (0..family.len()).collect()
}

fn candidate(v6: bool, n: u16) -> Candidate {
    let address = if v6 { format!("/ip6/fd00::{n:x}/tcp/1") } else { v4(n) };
    Candidate::new(&address.parse().unwrap())
}

fn v4(n: u16) -> String {
    format!("/ip4/10.0.{}.{}/tcp/1", n >> 8, n & 255)
}

fn held(lists: &[(Vec<Candidate>, bool)], most: usize) -> Vec<Candidate> {
    let lists: Vec<_> =
        lists.iter().map(|(c, is_static)| List { candidates: c, is_static: *is_static }).collect();
    allot(&lists, most, by_order).candidates.to_vec()
}

fn range(v6: bool, numbers: std::ops::Range<u16>) -> Vec<Candidate> {
    numbers.map(|n| candidate(v6, n)).collect()
}

/// Sorted and without duplicates, of both families.
fn list() -> impl Strategy<Value = Vec<Candidate>> {
    proptest::collection::btree_set((any::<bool>(), 0u16..40), 0..40).prop_map(|all| {
        let all: BTreeSet<_> = all.into_iter().map(|(v6, n)| candidate(v6, n)).collect();
        all.into_iter().collect()
    })
}

fn kept_of(held: &[Candidate], of: &[Candidate]) -> usize {
    of.iter().filter(|c| held.contains(c)).count()
}

proptest! {
    /// Fails if a source, or a family, is not given its share; if the room that one leaves is not
    /// given to the others; and if static sources have to share with a zone.
    #[test]
    fn everybody_has_its_share_and_no_room_is_wasted(
        lists in proptest::collection::vec((list(), any::<bool>()), 1..6),
        most in 1usize..90,
    ) {
        let held = held(&lists, most);
        let all: BTreeSet<_> = lists.iter().flat_map(|(list, _)| list).cloned().collect();
        prop_assert!(held.is_sorted() && held.iter().all(|c| all.contains(c)));
        prop_assert_eq!(held.len(), all.len().min(most));
        let mut room = most;
        for is_static in [true, false] {
            let of_kind = || lists.iter().filter(|(_, s)| *s == is_static).map(|(list, _)| list);
            let named: BTreeSet<_> = of_kind().flatten().cloned().collect();
            let together = [named.iter().cloned().collect::<Vec<_>>()];
            let sources = if is_static { together.to_vec() } else { of_kind().cloned().collect() };
            let share = room / sources.len().max(1);
            for source in &sources {
                prop_assert!(kept_of(&held, source) >= source.len().min(share));
                let families: Vec<_> = source.chunk_by(|a, b| a.family() == b.family()).collect();
                for family in &families {
                    let least = family.len().min(share / families.len());
                    prop_assert!(kept_of(&held, family) >= least);
                }
            }
            room = room.saturating_sub(named.len());
        }
    }

    #[test]
    fn the_order_of_sources_does_not_matter(
        lists in proptest::collection::vec((list(), any::<bool>()), 1..6),
        most in 1usize..90,
        seed: u64,
    ) {
        let mut shuffled = lists.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        prop_assert_eq!(held(&lists, most), held(&shuffled, most));
    }
}

/// Fails with the bound one lower, and one higher.
#[test]
fn at_the_bound_all_are_held_and_one_past_it_the_lowest() {
    let all = range(false, 0..9);
    let lists = [List { candidates: &all, is_static: false }];
    let at = allot(&lists, 9, by_order);
    assert_eq!((at.candidates.to_vec(), at.cut), (all.clone(), [0, 0, 0]));
    let past = allot(&lists, 8, by_order);
    assert_eq!((past.candidates.to_vec(), past.cut), (all[..8].to_vec(), [1, 0, 0]));
}

#[test]
fn many_low_addresses_crowd_out_nobody() {
    let low = [range(false, 0..1_000), range(true, 0..1_000)].concat();
    let written = vec![candidate(true, 5_000)];
    let small = range(false, 4_000..4_003);
    let lists = [(low.clone(), false), (small.clone(), false), (written.clone(), true)];
    let held = held(&lists, 104);
    assert_eq!(kept_of(&held, &written), 1);
    assert_eq!(kept_of(&held, &small), 3);
    assert_eq!(kept_of(&held, &low[..50]), 50, "half of the rest");
    assert_eq!(held.iter().filter(|c| c.family() == Family::V6).count(), 51, "and the other half");
}

/// They are one source together, of which the lowest are kept.
#[test]
fn static_sources_alone_may_not_pass_the_bound() {
    let lists: Vec<_> = (0..10).map(|n| (vec![candidate(false, n)], true)).collect();
    let lists = [lists, vec![(range(false, 20..30), false)]].concat();
    assert_eq!(held(&lists, 7), range(false, 0..7));
    assert_eq!(held(&lists, 12), [range(false, 0..10), range(false, 20..22)].concat());
}
