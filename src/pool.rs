//! Candidates that several discoveries in one process share.

use std::{
    cmp::Ordering,
    collections::HashMap,
    fmt, iter,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p_core::{Multiaddr, multiaddr::Protocol};

use crate::candidate::Candidate;

/// How many candidates there may be before those that nobody holds are dropped.
const MIN_SWEEP: usize = 1_024;

/// Hands out one candidate for each IP address and what follows it, however often and by however
/// many discoveries it is named. Most of an answer is what the last one said, so that most of its
/// candidates need not be made at all; and a thousand nodes in one process that see one cluster hold
/// its addresses once.
///
/// What it holds beyond what is in use is bounded by as much again, and [`MIN_SWEEP`].
#[derive(Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    /// Of each IP address, in the order of what follows it: a host may have thousands of ports.
    by_ip: HashMap<IpAddr, Vec<(Multiaddr, Candidate)>>,
    len: usize,
    sweep_at: usize,
}

/// The pool while it is in use.
#[derive(Debug)]
pub(crate) struct Open<'a>(MutexGuard<'a, Shelf>);

impl fmt::Debug for Pool {
    /// Not what is in it: a configuration is printed to be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    pub(crate) fn open(&self) -> Open<'_> {
        // Nothing in it is left half done by a panic.
        Open(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Open<'_> {
    /// The candidate of an address that starts with `ip` and ends with `suffix`.
    pub(crate) fn get(&mut self, ip: IpAddr, suffix: &Multiaddr) -> Candidate {
        let there = self.0.by_ip.entry(ip).or_default();
        let place = match there.binary_search_by(|(known, _)| compare(known, suffix)) {
            Ok(place) => return there[place].1.clone(),
            Err(place) => place,
        };
        let address: Multiaddr = iter::once(Protocol::from(ip)).chain(suffix).collect();
        let candidate = Candidate::new(&address);
        there.insert(place, (suffix.clone(), candidate.clone()));
        self.0.len += 1;
        self.0.sweep_if_due();
        candidate
    }
}

fn compare(one: &Multiaddr, other: &Multiaddr) -> Ordering {
    #[cfg(test)]
    crate::testing::look();
    one.as_ref().cmp(other.as_ref())
}

impl Shelf {
    /// Drops what nobody else holds, each time that there is twice as much as was left the last time.
    fn sweep_if_due(&mut self) {
        if self.len < self.sweep_at.max(MIN_SWEEP) {
            return;
        }
        self.by_ip.retain(|_, there| {
            there.retain(|(_, candidate)| candidate.is_shared());
            !there.is_empty()
        });
        self.len = self.by_ip.values().map(Vec::len).sum();
        self.sweep_at = self.len * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::looks;

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn one_candidate_is_handed_out_for_one_address() {
        let pool = Pool::default();
        let suffix: Multiaddr = "/tcp/4001".parse().unwrap();
        let first = pool.open().get(ip(1), &suffix);
        let second = pool.clone().open().get(ip(1), &suffix);
        assert!(first.is_shared() && first == second);
        assert_eq!(pool.open().0.len, 1);
        assert_eq!(first.to_string(), "/ip4/0.0.0.1/tcp/4001");
        assert_ne!(first, pool.open().get(ip(1), &"/tcp/4002".parse().unwrap()));
        assert_ne!(first, pool.open().get(ip(2), &suffix));
    }

    /// Fails if what is known of a host is gone through one by one.
    #[test]
    fn one_of_thousands_of_ports_is_found_at_once() {
        let pool = Pool::default();
        let ports: Vec<Multiaddr> =
            (1..=4_000).map(|port| format!("/tcp/{port}").parse().unwrap()).collect();
        let held: Vec<_> = ports.iter().map(|port| pool.open().get(ip(1), port)).collect();
        let looks = looks(|| {
            for (port, candidate) in ports.iter().zip(&held) {
                assert_eq!(*candidate, pool.open().get(ip(1), port));
            }
        });
        assert!(looks < 4_000 * 20, "{looks}");
    }

    #[test]
    fn what_nobody_holds_is_dropped() {
        let pool = Pool::default();
        let suffix: Multiaddr = "/tcp/4001".parse().unwrap();
        let held: Vec<_> = (0..10).map(|n| pool.open().get(ip(n), &suffix)).collect();
        for n in 10..100_000 {
            pool.open().get(ip(n), &suffix);
            assert!(pool.open().0.len <= MIN_SWEEP);
        }
        for (n, candidate) in (0..).zip(&held) {
            assert_eq!(*candidate, pool.open().get(ip(n), &suffix));
        }
    }
}
