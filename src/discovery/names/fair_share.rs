//! Which candidates are held if the sources name more than the limit.

use std::sync::Arc;

use crate::candidate::{Candidate, Family};

/// The candidates that are held, and how many are not.
#[derive(Debug)]
pub(super) struct Allotted {
    /// Sorted, without duplicates.
    pub(super) candidates: Arc<[Candidate]>,
    /// Of each family.
    pub(super) cut: [usize; Family::ALL.len()],
}

/// What one source names, sorted and without duplicates.
#[derive(Debug, Clone)]
pub(super) struct List<'a> {
    pub(super) candidates: &'a [Candidate],
    /// Whether the operator wrote it down, rather than a zone.
    pub(super) is_static: bool,
}

/// The candidates of all lists, sorted and without duplicates, `most` of them at the most.
///
/// Static sources are whole, all of them together, as far as the bound goes. The other sources share
/// the room that is left equally: a small source leaves what it does not need to the larger ones. The
/// families of each source share its part likewise. What several sources name counts for all of them.
/// `rank` is given all candidates of a family, and says which of them are kept first.
///
/// Depends on what the lists say, not on their order.
pub(super) fn allot(
    lists: &[List<'_>],
    most: usize,
    rank: impl Fn(&[Candidate]) -> Vec<usize>,
) -> Allotted {
    let mut all = lists.iter().map(|list| list.candidates).collect::<Vec<_>>().concat();
    all.sort();
    all.dedup();
    if all.len() <= most {
        return Allotted { candidates: all.into(), cut: Default::default() };
    }
    let named = Family::count(&all);
    let ranks: Vec<usize> = all.chunk_by(|a, b| a.family() == b.family()).flat_map(rank).collect();
    let mut room = Room { is_kept: vec![false; all.len()], left: most };
    let (written, by_dns): (Vec<_>, Vec<_>) = lists.iter().partition(|list| list.is_static);
    let of_operator = written.iter().flat_map(|list| list.candidates);
    room.share(&[Share::of(of_operator, &all, &ranks)]);
    let mut sources: Vec<_> =
        by_dns.iter().map(|list| Share::of(list.candidates, &all, &ranks)).collect();
    sources.sort();
    room.share(&sources);
    let mut is_kept = room.is_kept.into_iter();
    all.retain(|_| is_kept.next().unwrap_or(false));
    let held = Family::count(&all);
    let cut = Family::ALL.map(|family| named[family.index()] - held[family.index()]);
    Allotted { candidates: all.into(), cut }
}

/// The candidates that want a share of the room. Small shares sort first. Two that are equal want the same
/// candidates.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Share {
    len: usize,
    /// For each family: the places of its candidates among all, in the order in which they are to be kept.
    families: Vec<(usize, Vec<usize>)>,
}

impl Share {
    fn of<'a>(
        candidates: impl IntoIterator<Item = &'a Candidate>,
        all: &[Candidate],
        ranks: &[usize],
    ) -> Self {
        let found = candidates.into_iter().filter_map(|c| all.binary_search(c).ok());
        let mut places: Vec<_> = found.collect();
        places.sort_unstable();
        places.dedup();
        let by_family = places.chunk_by_mut(|a, b| all[*a].family() == all[*b].family());
        let mut families: Vec<_> = by_family
            .map(|family| {
                family.sort_unstable_by_key(|place| ranks[*place]);
                (family.len(), family.to_vec())
            })
            .collect();
        families.sort();
        Self { len: places.len(), families }
    }
}

/// The candidates that are kept so far, and for how many more there is room.
#[derive(Debug)]
struct Room {
    is_kept: Vec<bool>,
    left: usize,
}

impl Room {
    /// Shares the room among sources. If a source leaves a part of its share, because another source names
    /// the same candidates, the rest is shared again.
    fn share(&mut self, sources: &[Share]) {
        while self.left > 0 {
            let wants = |source: &&Share| source.families.iter().any(|(_, f)| self.is_wanted_by(f));
            let hungry: Vec<_> = sources.iter().filter(wants).collect();
            if hungry.is_empty() {
                return;
            }
            for (i, source) in hungry.iter().enumerate() {
                let share = part(self.left, hungry.len() - i);
                self.left -= self.share_among_families(&source.families, share);
            }
        }
    }

    /// Shares a source's part among its families; returns how much they took.
    fn share_among_families(&mut self, families: &[(usize, Vec<usize>)], share: usize) -> usize {
        let mut left = share;
        while left > 0 {
            let wants = |(_, family): &&(usize, Vec<usize>)| self.is_wanted_by(family);
            let hungry: Vec<_> = families.iter().filter(wants).collect();
            if hungry.is_empty() {
                break;
            }
            for (i, (_, family)) in hungry.iter().enumerate() {
                left -= self.take(family, part(left, hungry.len() - i));
            }
        }
        share - left
    }

    fn is_wanted_by(&self, family: &[usize]) -> bool {
        family.iter().any(|place| !self.is_kept[*place])
    }

    /// Keeps so many more of a family, and returns how many there were.
    fn take(&mut self, family: &[usize], most: usize) -> usize {
        let mut taken = 0;
        for place in family {
            if taken == most {
                break;
            }
            taken += usize::from(!std::mem::replace(&mut self.is_kept[*place], true));
        }
        taken
    }
}

/// An equal part of the room. If there is less than one for each, those that come first have one each.
fn part(room: usize, among: usize) -> usize {
    (room / among).max(1).min(room)
}

#[cfg(test)]
mod tests;
