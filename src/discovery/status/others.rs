//! The other nodes that DNS names, on which the status depends.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    candidate::{Candidate, Family},
    discovery::{order::Order, own::Own, view::View},
    event::Failure,
    filter::Rejection,
};

/// The other nodes that the sources name, as far as the status depends on them. They are counted anew when one
/// of the versions in `made_from` differs.
#[derive(Debug, Default)]
pub(in crate::discovery) struct Others {
    /// The versions of what was heard of the sources, of our addresses and of the order.
    made_from: Option<(u64, u64, u64)>,
    only_static: BTreeSet<Candidate>,
    rejected: BTreeMap<Candidate, Rejection>,
    len: usize,
}

/// What the sources say of some of the nodes that they name.
#[derive(Debug, Default)]
pub(in crate::discovery) struct Named {
    /// The candidates that only static sources name, if there are sources of other kinds, too.
    pub(in crate::discovery) only_static: BTreeSet<Candidate>,
    /// The addresses that the filter rejects, and that count as other nodes nevertheless.
    pub(in crate::discovery) rejected: BTreeMap<Candidate, Rejection>,
}

impl Others {
    /// Counts the other nodes anew, if anything has changed.
    pub(super) fn follow(
        &mut self,
        heard: u64,
        order: &Order,
        own: &Own,
        named: impl FnOnce() -> Named,
    ) {
        let made_from = Some((heard, own.version(), order.version()));
        if self.made_from == made_from {
            return;
        }
        self.made_from = made_from;
        Named { only_static: self.only_static, rejected: self.rejected } = named();
        // One source may reject what another one accepts.
        self.rejected.retain(|c, _| own.is_of_ours(c.family()) && !order.contains(c));
        let named = |family| order.family(family).len() - own.len_in(family);
        let families = Family::ALL.into_iter().filter(|family| own.is_of_ours(*family));
        let fixed = self.only_static.iter().filter(|c| order.contains(c) && !own.is_own(c));
        let fixed = fixed.filter(|c| own.is_of_ours(c.family()));
        self.len = families.map(named).sum::<usize>() - fixed.count() + self.rejected.len();
    }

    /// How many other nodes there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The addresses among them that are rejected, in order.
    pub(super) fn rejected(&self) -> impl ExactSizeIterator<Item = (&Candidate, &Rejection)> {
        self.rejected.iter()
    }

    /// Whether all other nodes that were tried refuse connections, and no peer is verified. These may be pods
    /// that do not start.
    pub(super) fn merely_refuse(&self, view: &View<'_>) -> bool {
        let View { own, ledger, .. } = view;
        let counts = |c: &Candidate| {
            own.is_of_ours(c.family()) && !own.is_own(c) && !self.only_static.contains(c)
        };
        self.rejected.is_empty()
            && ledger.len() == 0
            && !ledger.broken().any(|c| counts(c) && !host_refuses(c, view))
    }
}

/// Whether the host of a candidate refuses connections by another of its transports. Then the host is there,
/// and a silent QUIC port of it is closed: over QUIC, a closed port is as silent as a host that is not there.
fn host_refuses(candidate: &Candidate, view: &View<'_>) -> bool {
    let refuses = |failure: &Failure| matches!(failure, Failure::Closed(_));
    let mut transports = view.order.transports(candidate).iter();
    transports.any(|c| view.ledger.failed(c).is_some_and(|failed| refuses(&failed.reason)))
}

#[cfg(test)]
mod tests {
    use libp2p_identity::PeerId;

    use super::*;

    fn c(address: &str) -> Candidate {
        Candidate::new(&address.parse().expect("an address"))
    }

    const OURS: &str = "/ip4/10.0.0.1/tcp/1";
    const OTHER: &str = "/ip4/10.0.0.2/tcp/1";
    const SIXTH: &str = "/ip6/fd00::1/tcp/1";

    /// How many others there are among [`OURS`], [`OTHER`] and [`SIXTH`], where we listen.
    fn count(listens: &[&str], only_static: &[&str]) -> usize {
        let sorted: BTreeSet<_> = [OURS, OTHER, SIXTH].map(c).into();
        let sorted: Vec<_> = sorted.into_iter().collect();
        let order = Order::new(1, sorted.into(), std::iter::empty(), Vec::new());
        let mut own = Own::new(PeerId::random(), &[]);
        listens.iter().for_each(|address| own.listen(&c(address)));
        own.follow(&order);
        let mut others = Others::default();
        others.follow(1, &order, &own, || {
            let only_static = only_static.iter().map(|address| c(address)).collect();
            Named { only_static, ..Named::default() }
        });
        others.len()
    }

    #[test]
    fn those_count_who_are_named_in_a_family_of_ours() {
        assert_eq!(count(&[], &[]), 3, "we listen nowhere");
        assert_eq!(count(&[OURS], &[]), 1);
        assert_eq!(count(&[SIXTH], &[]), 0);
        assert_eq!(count(&[OURS, SIXTH], &[]), 1);
        assert_eq!(count(&["/memory/7"], &[]), 3, "nor in any family of an IP");
    }

    #[test]
    fn what_static_sources_alone_name_is_nobody_and_is_taken_off_once() {
        assert_eq!(count(&[OURS], &[OTHER]), 0);
        assert_eq!(count(&[OURS], &[OURS]), 1, "ours are none anyway");
        assert_eq!(count(&[OURS], &[SIXTH]), 1, "nor are those of another family");
        assert_eq!(count(&[OURS], &["/ip4/10.0.0.9/tcp/1"]), 1, "nor one that is left out");
    }

    #[test]
    fn they_are_counted_anew_when_something_has_changed() {
        let order = Order::new(1, [c(OTHER)].into(), std::iter::empty(), Vec::new());
        let mut own = Own::new(PeerId::random(), &[]);
        own.follow(&order);
        let mut others = Others::default();
        others.follow(1, &order, &own, Named::default);
        others.follow(1, &order, &own, || panic!("nothing has changed"));
        own.listen(&c(OTHER));
        own.follow(&order);
        others.follow(1, &order, &own, Named::default);
        assert_eq!(others.len(), 0);
        others.follow(2, &order, &own, || Named {
            rejected: [(c("/ip4/127.0.0.1/tcp/1"), Rejection::Loopback)].into(),
            ..Named::default()
        });
        assert_eq!(others.len(), 1);
    }

    #[test]
    fn what_is_rejected_counts_in_a_family_of_ours_unless_another_source_names_it() {
        let order = Order::new(1, [c(OTHER)].into(), std::iter::empty(), Vec::new());
        let mut own = Own::new(PeerId::random(), &[]);
        own.listen(&c(OURS));
        own.follow(&order);
        let mut others = Others::default();
        let local = c("/ip4/127.0.0.1/tcp/1");
        let rejected = [local.clone(), c(OTHER), c(SIXTH)].map(|c| (c, Rejection::Unpinned));
        others.follow(1, &order, &own, || Named { rejected: rejected.into(), ..Named::default() });
        assert_eq!(others.len(), 2);
        assert!(others.rejected().map(|(candidate, _)| candidate).eq([&local]));
    }
}
