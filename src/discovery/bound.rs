//! Which candidates are held where the sources name more than the bound.

use std::sync::Arc;

use super::{Discovery, plan::place_of};
use crate::{candidate::Candidate, event::Event, selection::Selection};

/// Candidates that are held, and how many are not.
#[derive(Debug)]
pub(super) struct Held {
    /// Sorted, without duplicates.
    pub(super) candidates: Arc<[Candidate]>,
    pub(super) cut: usize,
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
/// Static sources are whole, all of them together, as far as the bound goes. The room that is left is shared by the others
/// equally, a small one leaving what it does not need to the larger ones; and the share of each source
/// by its families likewise. What several sources name counts for all of them. `rank` says which
/// candidates of a family, which it is given whole, are kept first.
///
/// Depends on what the lists say, not on their order.
pub(super) fn hold(
    lists: &[List<'_>],
    most: usize,
    rank: impl Fn(&[Candidate]) -> Vec<usize>,
) -> Held {
    let mut all = lists.iter().map(|list| list.candidates).collect::<Vec<_>>().concat();
    all.sort();
    all.dedup();
    let cut = all.len().saturating_sub(most);
    if cut == 0 {
        return Held { candidates: all.into(), cut };
    }
    let ranks: Vec<usize> = all.chunk_by(|a, b| a.family() == b.family()).flat_map(rank).collect();
    let mut kept = Kept { is_kept: vec![false; all.len()], room: most };
    let (written, by_dns): (Vec<_>, Vec<_>) = lists.iter().partition(|list| list.is_static);
    let of_operator = written.iter().flat_map(|list| list.candidates);
    kept.fill(&[Share::of(of_operator, &all, &ranks)]);
    let mut sources: Vec<_> =
        by_dns.iter().map(|list| Share::of(list.candidates, &all, &ranks)).collect();
    sources.sort();
    kept.fill(&sources);
    let mut is_kept = kept.is_kept.into_iter();
    all.retain(|_| is_kept.next().unwrap_or(false));
    Held { candidates: all.into(), cut }
}

/// What wants a share of the room. Small ones sort first; two that are equal want the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Share {
    len: usize,
    /// By family: the places of its candidates among all, those first that are to be kept first.
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

/// What is kept so far.
#[derive(Debug)]
struct Kept {
    is_kept: Vec<bool>,
    room: usize,
}

impl Kept {
    /// Shares the room among sources; again, while one leaves a part of it because another had named
    /// the same.
    fn fill(&mut self, sources: &[Share]) {
        while self.room > 0 {
            let wants = |source: &&Share| source.families.iter().any(|(_, f)| self.wants(f));
            let hungry: Vec<_> = sources.iter().filter(wants).collect();
            if hungry.is_empty() {
                return;
            }
            for (i, source) in hungry.iter().enumerate() {
                let share = part(self.room, hungry.len() - i);
                self.room -= self.fill_families(&source.families, share);
            }
        }
    }

    /// Shares room among the families of a source; returns how much they took.
    fn fill_families(&mut self, families: &[(usize, Vec<usize>)], share: usize) -> usize {
        let mut room = share;
        while room > 0 {
            let wants = |(_, family): &&(usize, Vec<usize>)| self.wants(family);
            let hungry: Vec<_> = families.iter().filter(wants).collect();
            if hungry.is_empty() {
                break;
            }
            for (i, (_, family)) in hungry.iter().enumerate() {
                room -= self.take(family, part(room, hungry.len() - i));
            }
        }
        share - room
    }

    fn wants(&self, family: &[usize]) -> bool {
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

/// An equal part of the room; where there is not enough for all, those that come first have one each.
fn part(room: usize, among: usize) -> usize {
    (room / among).max(1).min(room)
}

/// The lowest first.
pub(super) fn by_order(family: &[Candidate]) -> Vec<usize> {
    (0..family.len()).collect()
}

/// Those first that are nearest in front of a finger's target, where `first` is at distance 1 from us
/// on the ring and `own` is our own place in it, if it lists us, which comes before all others.
pub(super) fn by_fingers(len: usize, first: usize, own: Option<usize>) -> Vec<usize> {
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

impl Discovery {
    /// What is held of the candidates that sources named last.
    pub(super) fn hold<'a>(&self, told: &'a [(Arc<[Candidate]>, bool)]) -> Held {
        let most = self.config.limits.candidates.get();
        if let [(only, _)] = told
            && only.len() <= most
        {
            return Held { candidates: only.clone(), cut: 0 };
        }
        let list = |(all, is_static): &'a (Arc<[Candidate]>, bool)| List {
            candidates: all,
            is_static: *is_static,
        };
        let lists: Vec<_> = told.iter().map(list).collect();
        hold(&lists, most, |family| self.rank(family))
    }

    /// Tells that candidates are left out, when that begins, and when it ends.
    pub(super) fn tell_bounded(&mut self) {
        let cut = self.order_cut + self.sources.values().map(|source| source.cut).sum::<usize>();
        if (cut > 0) != self.told_bounded {
            self.told_bounded = cut > 0;
            let held = self.order.len();
            let most = self.config.limits.candidates.get();
            match cut {
                0 => tracing::info!(held, most, "all candidates are held again"),
                _ => tracing::warn!(held, cut, most, "more candidates than are held"),
            }
            self.tell(Event::Bounded { held, cut });
        }
    }

    /// Which of a family's candidates the selection in force would miss last.
    pub(super) fn rank(&self, family: &[Candidate]) -> Vec<usize> {
        let is_large = family.len() > self.config.auto_limit.get();
        let fingers = match self.config.selection {
            Selection::Fingers => true,
            Selection::Auto => is_large,
            Selection::Lowest(_) | Selection::All => false,
        };
        if !fingers {
            return by_order(family);
        }
        let len = family.len();
        match family.iter().position(|c| self.is_found_own(c)) {
            Some(own) => by_fingers(len, (own + 1) % len, Some(own)),
            None => by_fingers(len, place_of(&self.local, len), None),
        }
    }
}

#[cfg(test)]
mod tests;
