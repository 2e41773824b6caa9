//! Candidates in order, each with what is known of it.

use std::{collections::HashMap, iter, sync::Arc};

use super::refresh::Named;
use crate::candidate::Candidate;

/// Candidates, sorted and without duplicates, each with what is known of it.
#[derive(Debug)]
pub(super) struct Roll<T> {
    /// Announced as they are, and held by the order: one list for all of them.
    candidates: Arc<[Candidate]>,
    /// What is known of them: of so many, one after the other. Nearly always, the same is known of all.
    known: Vec<(usize, Arc<T>)>,
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
        self.candidates.iter().zip(self.known().map(|known| &**known))
    }

    /// What is known of each.
    fn known(&self) -> impl Iterator<Item = &Arc<T>> {
        self.known.iter().flat_map(|(len, known)| iter::repeat_n(known, *len))
    }

    /// Changes what is known of some: once for all of them who share it.
    pub(super) fn change(&mut self, whose: impl Fn(&Candidate) -> bool, change: impl Fn(&T) -> T) {
        let mut changed = HashMap::new();
        let known = self.candidates.iter().zip(self.known()).map(|(candidate, known)| {
            if !whose(candidate) {
                return known.clone();
            }
            // The map holds what was known, too: else something new could come to be in its place.
            let made = changed.entry(Arc::as_ptr(known).addr());
            made.or_insert_with(|| (known.clone(), Arc::new(change(known)))).1.clone()
        });
        self.known = together(known);
    }

    /// Puts candidates, sorted and without duplicates, in their places. `know` says what is known of one from
    /// now on, by what was known of it before.
    pub(super) fn put(
        &mut self,
        named: Vec<Named>,
        mut know: impl FnMut(&Named, Option<&T>) -> Arc<T>,
    ) {
        let most = self.candidates.len() + named.len();
        let (mut candidates, mut known) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let mut named = named.into_iter().peekable();
        for (candidate, before) in self.candidates.iter().zip(self.known()) {
            while let Some(new) = named.next_if(|named| named.candidate < *candidate) {
                known.push(know(&new, None));
                candidates.push(new.candidate);
            }
            let again = named.next_if(|named| named.candidate == *candidate);
            known.push(again.map_or_else(|| before.clone(), |named| know(&named, Some(before))));
            candidates.push(candidate.clone());
        }
        for new in named {
            known.push(know(&new, None));
            candidates.push(new.candidate);
        }
        self.known = together(known.into_iter());
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
        let known = self.known().zip(&kept).filter(|(_, is_kept)| **is_kept);
        self.known = together(known.map(|(known, _)| known.clone()));
        let candidates = self.candidates.iter().zip(&kept).filter(|(_, is_kept)| **is_kept);
        self.candidates = candidates.map(|(candidate, _)| candidate.clone()).collect();
    }
}

/// Puts together what neighbours share.
fn together<T>(all: impl Iterator<Item = Arc<T>>) -> Vec<(usize, Arc<T>)> {
    let mut runs: Vec<(usize, Arc<T>)> = Vec::new();
    for known in all {
        match runs.last_mut() {
            Some((len, last)) if Arc::ptr_eq(last, &known) => *len += 1,
            _ => runs.push((1, known)),
        }
    }
    runs.shrink_to_fit();
    runs
}
