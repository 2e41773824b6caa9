//! Who has selected whom, by address.

use std::collections::HashMap;

use libp2p::{Multiaddr, PeerId};

use crate::{picture::Picture, place::Place, plan::Plan};

/// A directed graph over all that DNS names, in order.
#[derive(Debug)]
pub(crate) struct Graph {
    pub(crate) dots: Vec<Dot>,
    /// From each node to those that it has selected.
    pub(crate) edges: Vec<(usize, usize)>,
}

/// A place that DNS names.
#[derive(Debug)]
pub(crate) struct Dot {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// How many have selected whoever lives there.
    pub(crate) in_degree: usize,
}

/// Who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Living(PeerId),
    Silent,
    Dead,
}

impl Graph {
    pub(crate) fn new(plan: &Plan, picture: &Picture) -> Self {
        let living: Vec<Place> =
            plan.homes().iter().chain(plan.late()).map(|h| h.address).collect();
        let living = living.into_iter().zip(&picture.samples);
        let dot = |place, kind| Dot { place, kind, in_degree: 0 };
        let mut dots: Vec<_> =
            living.clone().map(|(place, sample)| dot(place, Kind::Living(sample.peer))).collect();
        dots.extend(plan.silent().iter().map(|place| dot(*place, Kind::Silent)));
        dots.extend(plan.dead().iter().map(|place| dot(*place, Kind::Dead)));
        dots.sort_unstable_by_key(|dot| dot.place);
        let numbers: HashMap<Multiaddr, usize> =
            dots.iter().enumerate().map(|(number, dot)| (dot.place.multiaddr(), number)).collect();
        let mut edges = Vec::new();
        for (place, sample) in living {
            let from = numbers[&place.multiaddr()];
            edges.extend(sample.selected.iter().filter_map(|to| Some((from, *numbers.get(to)?))));
        }
        for (_, to) in &edges {
            dots[*to].in_degree += 1;
        }
        Self { dots, edges }
    }

    pub(crate) fn largest_in_degree(&self) -> usize {
        self.dots.iter().map(|dot| dot.in_degree).max().unwrap_or(0)
    }
}
