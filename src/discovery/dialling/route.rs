//! Whether this machine has a route to a family of addresses.

use web_time::Instant;

/// What is known of the route to one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Route {
    /// Nothing speaks against it.
    #[default]
    Open,
    /// A dial found none: the family is left alone until a refresh ends, or until this instant.
    Missing(Instant),
    /// There was none when it was last tried: one probe at a time finds out whether that has changed.
    Doubtful,
}

impl Route {
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
    pub(super) fn next_timeout(self) -> Option<Instant> {
        match self {
            Self::Missing(until) => Some(until),
            Self::Open | Self::Doubtful => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_missing_route_is_doubted_after_a_refresh_or_in_time() {
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        let until = now + Duration::from_secs(300);
        let mut route = Route::Missing(until);
        route.renew_in_time(now);
        assert_eq!(route.next_timeout(), Some(until));
        route.renew_in_time(until);
        assert_eq!(route, Route::Doubtful);
        route = Route::Missing(until);
        route.renew();
        assert_eq!(route, Route::Doubtful);
        route = Route::Open;
        route.renew();
        assert_eq!(route, Route::Open);
    }
}
