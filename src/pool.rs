//! Candidates that several discoveries in one process share.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p_core::Multiaddr;

use crate::candidate::{Candidate, Rest};

/// How many candidates there may be before unused ones are dropped.
const MIN_SWEEP: usize = 1_024;

/// Hands out one candidate for each pair of an IP address and its rest (the transport and all that follows),
/// however often it is named, and by however many discoveries. Most of an answer is what the last one said, so
/// most of its candidates need not be made anew. A thousand nodes in one process that see one cluster hold its
/// addresses once.
///
/// The pool also holds candidates that are no longer in use: at most as many as are in use, or [`MIN_SWEEP`].
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    /// The rests, by their text after the IP address.
    rests: HashMap<Multiaddr, Arc<Rest>>,
    /// The candidates, by their IP address and by the place in memory of their rest: a host may have thousands
    /// of ports. A candidate holds its rest, so that no other rest comes to be at the same place.
    candidates: HashMap<(u128, usize), Candidate>,
    sweep_at: usize,
}

/// The pool while it is in use.
#[derive(Debug)]
pub(crate) struct Open<'a>(MutexGuard<'a, Shelf>);

impl fmt::Debug for Pool {
    /// The content is left out: a configuration that is printed should be short enough to read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(crate) fn open(&self) -> Open<'_> {
        // No panic leaves the shelf half changed.
        Open(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Open<'_> {
    /// The rest of addresses that consist of an IP address and `suffix`.
    pub(crate) fn rest(&mut self, suffix: &Multiaddr) -> Arc<Rest> {
        match self.0.rests.get(suffix) {
            Some(rest) => rest.clone(),
            None => {
                let rest = Arc::new(Rest::new(suffix));
                self.0.rests.insert(suffix.clone(), rest.clone());
                rest
            }
        }
    }

    /// The candidate of an IP address and a rest.
    pub(crate) fn get(&mut self, ip: IpAddr, rest: &Arc<Rest>) -> Candidate {
        #[cfg(test)]
        crate::testing::look();
        // A relayed candidate does not hold its rest, which might be dropped.
        if rest.is_relayed() {
            return Candidate::joined(ip, rest.clone());
        }
        let bits = match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().to_bits(),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let there = self.0.candidates.entry((bits, Arc::as_ptr(rest).addr()));
        let candidate = there.or_insert_with(|| Candidate::joined(ip, rest.clone())).clone();
        self.0.sweep_if_due();
        candidate
    }

    /// Makes room for this number of candidates, most of which the pool may hold already.
    pub(crate) fn reserve(&mut self, candidates: usize) {
        let known = self.0.candidates.len();
        self.0.candidates.reserve(candidates.saturating_sub(known));
    }
}

impl Shelf {
    /// Drops the candidates that no discovery holds, each time that there are twice as many as were left the
    /// last time.
    fn sweep_if_due(&mut self) {
        if self.candidates.len().max(self.rests.len()) < self.sweep_at.max(MIN_SWEEP) {
            return;
        }
        self.candidates.retain(|_, candidate| candidate.is_shared());
        self.rests.retain(|_, rest| Arc::strong_count(rest) > 1);
        self.sweep_at = self.candidates.len().max(self.rests.len()) * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::looks;

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    fn get(pool: &Pool, ip: IpAddr, suffix: &str) -> Candidate {
        let mut pool = pool.open();
        let rest = pool.rest(&suffix.parse().unwrap());
        pool.get(ip, &rest)
    }

    #[test]
    fn one_candidate_is_handed_out_for_one_address() {
        let pool = Pool::default();
        let first = get(&pool, ip(1), "/tcp/4001");
        let second = get(&pool.clone(), ip(1), "/tcp/4001");
        assert!(first.is_shared() && first == second);
        let IpAddr::V4(v4) = ip(1) else { panic!() };
        assert_eq!(get(&pool, v4.to_ipv6_mapped().into(), "/tcp/4001"), first);
        assert_eq!(pool.open().0.candidates.len(), 1);
        assert_eq!(first.to_string(), "/ip4/0.0.0.1/tcp/4001");
        assert_ne!(first, get(&pool, ip(1), "/tcp/4002"));
        assert_ne!(first, get(&pool, ip(2), "/tcp/4001"));
    }

    /// Fails if what is known of a host is gone through one by one.
    #[test]
    fn one_of_thousands_of_ports_is_found_at_once() {
        let pool = Pool::default();
        let ports: Vec<_> = (1..=4_000).map(|port| format!("/tcp/{port}")).collect();
        let held: Vec<_> = ports.iter().map(|port| get(&pool, ip(1), port)).collect();
        let looks = looks(|| {
            for (port, candidate) in ports.iter().zip(&held) {
                assert_eq!(*candidate, get(&pool, ip(1), port));
            }
        });
        assert!(looks < 4_000 * 20, "{looks}");
    }

    #[test]
    fn what_nobody_holds_is_dropped() {
        let pool = Pool::default();
        let held: Vec<_> = (0..10).map(|n| get(&pool, ip(n), "/tcp/1")).collect();
        for n in 10..100_000 {
            get(&pool, ip(n), &format!("/tcp/{}", n % 65_535 + 1));
            let open = pool.open();
            assert!(open.0.candidates.len() <= MIN_SWEEP && open.0.rests.len() <= MIN_SWEEP);
        }
        for (n, candidate) in (0..).zip(&held) {
            assert_eq!(*candidate, get(&pool, ip(n), "/tcp/1"));
        }
    }
}
