//! Candidates in order, each with what is known of it.

use std::{collections::HashMap, mem, sync::Arc};

use super::refresh::Named;
use crate::candidate::Candidate;

/// Candidates, sorted and without duplicates, each with what is known of it.
#[derive(Debug)]
pub(super) struct Roll<T> {
    /// Announced as they are, and held by the order: one list for all of them.
    candidates: Arc<[Candidate]>,
    /// What is known of each. Nearly always, the same is known of most of them, who share it.
    known: Vec<Arc<T>>,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { candidates: Arc::default(), known: Vec::new() }
    }
}

impl<T> Roll<T> {
    pub(super) fn candidates(&self) -> &Arc<[Candidate]> {
        &self.candidates
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Candidate, &T)> {
        self.candidates.iter().zip(self.known.iter().map(|known| &**known))
    }

    /// Changes what is known of some: once for all of them who share it.
    pub(super) fn change(&mut self, whose: impl Fn(&Candidate) -> bool, change: impl Fn(&T) -> T) {
        let mut changed = HashMap::new();
        for (candidate, known) in self.candidates.iter().zip(&mut self.known) {
            if whose(candidate) {
                // The map holds what was known, too: else something new could come to be in its place.
                let made = changed.entry(Arc::as_ptr(known).addr());
                let (_, made) = made.or_insert_with(|| (known.clone(), Arc::new(change(known))));
                *known = made.clone();
            }
        }
    }

    /// Puts candidates, sorted and without duplicates, in their places. `know` says what is known of one from
    /// now on, by what was known of it before.
    pub(super) fn put(
        &mut self,
        named: Vec<Named>,
        mut know: impl FnMut(&Named, Option<&T>) -> Arc<T>,
    ) {
        let most = self.known.len() + named.len();
        let (mut candidates, mut known) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut named = named.into_iter().peekable();
        for (candidate, before) in self.candidates.iter().zip(mem::take(&mut self.known)) {
            while let Some(new) = named.next_if(|named| named.candidate < *candidate) {
                known.push(know(&new, None));
                candidates.push(new.candidate);
            }
            let again = named.next_if(|named| named.candidate == *candidate);
            known.push(again.map_or(before.clone(), |named| know(&named, Some(&before))));
            candidates.push(candidate.clone());
        }
        for new in named {
            known.push(know(&new, None));
            candidates.push(new.candidate);
        }
        known.shrink_to_fit();
        self.known = known;
        if candidates.len() > self.candidates.len() {
            self.candidates = candidates.into();
        }
    }

    /// Drops all but some.
    pub(super) fn keep(&mut self, mut which: impl FnMut(&Candidate, &T) -> bool) {
        let kept: Vec<bool> = self.iter().map(|(c, known)| which(c, known)).collect();
        if kept.iter().all(|is_kept| *is_kept) {
            return;
        }
        let is_kept = |place: &usize| kept[*place];
        let places = || (0..kept.len()).filter(is_kept);
        self.candidates = places().map(|place| self.candidates[place].clone()).collect();
        self.known = places().map(|place| self.known[place].clone()).collect();
    }
}
