//! Whether this machine has a route to a family of addresses.

use std::collections::HashSet;

use web_time::Instant;

use super::host_probes::Machine;

/// So many hosts without a route speak for their family: some may be on a network that this machine
/// does not reach, while others of the family are on one that it does. To try them is cheap, because
/// nothing is sent.
const HOSTS: usize = 32;

/// What is known of the route to one family.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// There is one, as far as is known. To these hosts there was none, since one was found to others.
    Open(HashSet<Machine>),
    /// There is none: the family is left alone until a refresh ends, or until this instant.
    Missing(Instant),
    /// There was none when it was last tried: one probe at a time finds out whether that has changed.
    Doubtful,
}

impl Default for Route {
    fn default() -> Self {
        Self::Open(HashSet::new())
    }
}

impl Route {
    /// There is one.
    pub(super) fn find(&mut self) {
        *self = Self::default();
    }

    /// There is none to a host. That settles it if there is none to many, to `all`, or was none before.
    pub(super) fn miss(
        &mut self,
        host: Machine,
        all: impl FnOnce(&HashSet<Machine>) -> bool,
        until: Instant,
    ) {
        if let Self::Open(missed) = self {
            missed.insert(host);
            if missed.len() < HOSTS && !all(missed) {
                return;
            }
        }
        *self = Self::Missing(until);
    }

    /// A refresh has ended: one that was missing may be tried again.
    pub(super) fn renew(&mut self) {
        if let Self::Missing(_) = self {
            *self = Self::Doubtful;
        }
    }

    /// The same, when a missing one has been left alone for long enough: static sources have no
    /// refresh.
    pub(super) fn renew_in_time(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            *self = Self::Doubtful;
        }
    }

    /// Until when it is left alone.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match self {
            Self::Missing(until) => Some(*until),
            Self::Open(_) | Self::Doubtful => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::discovery::testing::{c, epoch};

    #[test]
    fn a_missing_route_is_doubted_after_a_refresh_or_in_time() {
        let now = epoch();
        let until = now + Duration::from_secs(300);
        let mut route = Route::Missing(until);
        route.renew_in_time(now);
        assert_eq!(route.next_timeout(), Some(until));
        route.renew_in_time(until);
        assert_eq!(route, Route::Doubtful);
        route = Route::Missing(until);
        route.renew();
        assert_eq!(route, Route::Doubtful);
        route.find();
        route.renew();
        assert_eq!(route, Route::default());
    }

    #[test]
    fn many_hosts_in_a_row_settle_it_or_all_there_are() {
        let (until, mut route) = (epoch(), Route::default());
        let miss = |route: &mut Route, n| route.miss(Machine::of(&c(n)), |_| false, until);
        for _ in 0..99 {
            miss(&mut route, 0);
        }
        (1..31).for_each(|n| miss(&mut route, n));
        assert!(matches!(&route, Route::Open(missed) if missed.len() == 31));
        route.find();
        (0..31).for_each(|n| miss(&mut route, n));
        assert_ne!(route, Route::Missing(until));
        miss(&mut route, 31);
        assert_eq!(route, Route::Missing(until));
        route.find();
        route.miss(Machine::of(&c(0)), |missed| missed.len() == 1, until);
        assert_eq!(route, Route::Missing(until));
        route.renew();
        miss(&mut route, 1);
        assert_eq!(route, Route::Missing(until), "there was none before");
    }
}
