//! Whether this machine has a route to a family of addresses.

use std::collections::HashSet;

use web_time::Instant;

use super::host_probes::Machine;

/// If there is no route to this many hosts, there is none to their family. Some hosts may be on a network
/// that this machine does not reach, while other hosts of the family are on one that it does. Such dials are
/// cheap, because nothing is sent.
const HOSTS: usize = 32;

/// What is known of the route to one family.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// There is a route, as far as is known. There was none to these hosts, since a route to another host was
    /// found.
    Open(HashSet<Machine>),
    /// There is no route: the family is not dialled until a refresh ends, or until this instant.
    Missing(Instant),
    /// There was no route when the family was last tried. One probe at a time finds out whether that has
    /// changed.
    Doubtful,
}

impl Default for Route {
    fn default() -> Self {
        Self::Open(HashSet::new())
    }
}

impl Route {
    /// There is a route.
    pub(super) fn find(&mut self) {
        *self = Self::default();
    }

    /// There is no route to a host. Then there is none to the family if that was doubtful before, or if there
    /// is none to many hosts or to `all`.
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

    /// A refresh has ended: a family without a route may be tried again.
    pub(super) fn renew(&mut self) {
        if let Self::Missing(_) = self {
            *self = Self::Doubtful;
        }
    }

    /// The same, when a family without a route has not been dialled for long enough: static sources have no
    /// refresh.
    pub(super) fn renew_in_time(&mut self, now: Instant) {
        if self.next_timeout().is_some_and(|at| at <= now) {
            *self = Self::Doubtful;
        }
    }

    /// Until when the family is not dialled.
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
