//! The addresses that a source names and the filter rejects.

use std::collections::{BTreeMap, BTreeSet};

use crate::{candidate::Candidate, filter::Rejection};

/// The addresses of the last answer that the filter rejected (`now`), and the rejected addresses that the
/// application was told of (`announced`).
#[derive(Debug, Default)]
pub(super) struct Rejections {
    now: BTreeMap<Candidate, Rejection>,
    announced: BTreeSet<Candidate>,
}

impl Rejections {
    /// The rejected addresses, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Candidate, &Rejection)> {
        self.now.iter()
    }

    /// The first rejected address that is this candidate or comes after it in order.
    pub(super) fn first_from(&self, from: &Candidate) -> Option<&Candidate> {
        self.now.range(from..).next().map(|(candidate, _)| candidate)
    }

    /// Replaces the rejected addresses by those of a new answer; of more than `most`, the lowest stay. Returns
    /// those that no event has told of yet, and counts them as told.
    pub(super) fn replace(
        &mut self,
        mut rejected: BTreeMap<Candidate, Rejection>,
        most: usize,
    ) -> Vec<(Candidate, Rejection)> {
        // The announced addresses are forgotten only when they are too many. Were they forgotten with each
        // answer, a zone that alternates between two answers would be reported for ever.
        if self.announced.len() > most {
            self.announced.clear();
        }
        let new = rejected.iter().filter(|(c, _)| !self.announced.contains(*c));
        let new: Vec<_> = new.map(|(c, r)| (c.clone(), r.clone())).collect();
        self.announced.extend(new.iter().map(|(c, _)| c.clone()));
        while rejected.len() > most {
            rejected.pop_last();
        }
        self.now = rejected;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(numbers: std::ops::Range<u8>) -> BTreeMap<Candidate, Rejection> {
        let address = |n| format!("/ip4/127.0.0.{n}/tcp/1").parse().expect("an address");
        numbers.map(|n| (Candidate::new(&address(n)), Rejection::Unpinned)).collect()
    }

    #[test]
    fn each_address_is_announced_once() {
        let mut rejections = Rejections::default();
        assert_eq!(rejections.replace(rejected(0..2), 10).len(), 2);
        assert_eq!(rejections.replace(rejected(1..4), 10).len(), 2);
        assert!(rejections.replace(rejected(0..4), 10).is_empty());
    }

    #[test]
    fn the_lowest_are_held_and_the_last_answer_counts() {
        let mut rejections = Rejections::default();
        rejections.replace(rejected(0..9), 3);
        assert!(rejections.iter().map(|(c, _)| c).eq(rejected(0..3).keys()));
        rejections.replace(rejected(5..6), 3);
        assert_eq!(rejections.iter().count(), 1);
    }
}
