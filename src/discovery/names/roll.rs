//! Candidates in order, each with what is known of it.

use std::{collections::HashMap, iter, sync::Arc};

use super::refresh::Named;
use crate::candidate::Candidate;

/// Candidates, sorted and without duplicates, each with what is known of it.
#[derive(Debug)]
pub(super) struct Roll<T> {
    /// Announced as they are, and held by the order: one list for all of them.
    candidates: Arc<[Candidate]>,
    /// Of most rolls one run, since the same is known of all.
    known: Runs<T>,
}

impl<T> Default for Roll<T> {
    fn default() -> Self {
        Self { candidates: Arc::default(), known: Runs(Vec::new()) }
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
        self.known.0.iter().flat_map(|(len, known)| iter::repeat_n(known, *len))
    }

    /// Changes what is known of some: once for all of them who share it.
    pub(super) fn change(&mut self, whose: impl Fn(&Candidate) -> bool, change: impl Fn(&T) -> T) {
        let (mut changed, mut runs) = (HashMap::new(), Runs(Vec::new()));
        for (candidate, known) in self.candidates.iter().zip(self.known()) {
            if !whose(candidate) {
                runs.push(known);
                continue;
            }
            let made = changed.entry(Arc::as_ptr(known).addr());
            runs.push(made.or_insert_with(|| Arc::new(change(known))));
        }
        self.known = runs;
    }

    /// Puts candidates, sorted and without duplicates, in their places. `know` adds what is known of one from
    /// now on, by what was known of it before.
    pub(super) fn put(
        &mut self,
        named: Vec<Named>,
        mut know: impl FnMut(&Named, Option<&T>, &mut Runs<T>),
    ) {
        let most = self.candidates.len() + named.len();
        let (mut candidates, mut runs) = (Vec::with_capacity(most), Runs(Vec::new()));
        let mut named = named.into_iter().peekable();
        for (candidate, before) in self.candidates.iter().zip(self.known()) {
            while let Some(new) = named.next_if(|named| named.candidate < *candidate) {
                know(&new, None, &mut runs);
                candidates.push(new.candidate);
            }
            match named.next_if(|named| named.candidate == *candidate) {
                Some(again) => know(&again, Some(before), &mut runs),
                None => runs.push(before),
            }
            candidates.push(candidate.clone());
        }
        for new in named {
            know(&new, None, &mut runs);
            candidates.push(new.candidate);
        }
        runs.0.shrink_to_fit();
        self.known = runs;
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
        let mut runs = Runs(Vec::new());
        let known = self.known().zip(&kept).filter(|(_, is_kept)| **is_kept);
        known.for_each(|(known, _)| runs.push(known));
        self.known = runs;
        let candidates = self.candidates.iter().zip(&kept).filter(|(_, is_kept)| **is_kept);
        self.candidates = candidates.map(|(candidate, _)| candidate.clone()).collect();
    }
}

/// Runs of candidates of which the same is known: how many candidates, and what is known of them.
#[derive(Debug)]
pub(super) struct Runs<T>(Vec<(usize, Arc<T>)>);

impl<T> Runs<T> {
    /// Adds what is known of the next candidate.
    pub(super) fn push(&mut self, known: &Arc<T>) {
        match self.0.last_mut() {
            Some((len, last)) if Arc::ptr_eq(last, known) => *len += 1,
            _ => self.0.push((1, known.clone())),
        }
    }
}
