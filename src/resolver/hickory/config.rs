//! The configuration of one look-up: which servers to ask, with which time-outs, and for which names.

use std::{collections::HashSet, net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use hickory_proto::rr::Name;
use web_time::Instant;

use super::hosts::{Found, HostsFile};
use crate::resolver::query::Query;

/// glibc's bounds on what `resolv.conf` may ask for (`RES_MAXRETRANS`, `RES_MAXRETRY`,
/// `RES_MAXNDOTS`).
const MAX_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_ATTEMPTS: u32 = 5;
const MAX_NDOTS: usize = 15;
/// As long as the discovery waits for a refresh, unless it is told otherwise.
const BUDGET: Duration = Duration::from_secs(20);
/// Bounds the deadline of a look-up, so that it can be computed.
const MAX_BUDGET: Duration = Duration::from_secs(3600);
/// As long as each name of a search list is asked for, even if it is a long one: a server that is a
/// little slow must not lose all of them.
const LEAST_SHARE: Duration = Duration::from_secs(1);

/// What one look-up goes by.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: NonZeroU32,
    /// How long one look-up may take.
    pub(super) budget: Duration,
    /// Whether servers are asked over TCP only (`use-vc`).
    pub(super) tcp_only: bool,
    pub(super) hosts: Arc<HostsFile>,
}

impl Config {
    /// The servers, and the defaults of `resolv.conf`.
    pub(super) fn of_servers(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: NonZeroU32::MIN.saturating_add(1),
            budget: BUDGET,
            tcp_only: false,
            hosts: Arc::default(),
        }
    }

    /// Takes what a system asks for, within the bounds of glibc.
    pub(super) fn with_options(mut self, ndots: usize, timeout: Duration, attempts: u32) -> Self {
        self.ndots = ndots.min(MAX_NDOTS);
        self.timeout = timeout.clamp(Duration::from_secs(1), MAX_TIMEOUT);
        self.attempts = NonZeroU32::new(attempts.min(MAX_ATTEMPTS)).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// When a look-up is over that begins now.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        now + self.budget.min(MAX_BUDGET)
    }

    /// When to give up a name, `left` of which are still to be asked for in this look-up. By then, every
    /// server has been silent in every attempt, or the name's share of the time is over.
    pub(super) fn end_of_name(&self, now: Instant, deadline: Instant, left: usize) -> Instant {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        let all = self.timeout.saturating_mul(servers.saturating_mul(self.attempts.get()));
        let share = share(deadline.saturating_duration_since(now), left).max(LEAST_SHARE);
        now.checked_add(all.min(share)).map_or(deadline, |end| end.min(deadline))
    }

    /// When the attempt that begins now is over, if `left` of its kind are to be made until `deadline`;
    /// `None` if there is no time for it.
    pub(super) fn end_of_attempt(
        &self,
        now: Instant,
        deadline: Instant,
        left: usize,
    ) -> Option<Instant> {
        let share = share(deadline.saturating_duration_since(now), left);
        (!share.is_zero()).then(|| now + self.timeout.min(share))
    }

    /// What the hosts file says, which comes before any server.
    pub(super) fn find_in_hosts(&self, query: &Query) -> Option<Found> {
        self.hosts.find(query)
    }

    /// The absolute names to ask for, in order (resolv.conf(5), `search` and `ndots`).
    pub(super) fn candidates(&self, name: &Name) -> Vec<Name> {
        let mut absolute = name.clone();
        absolute.set_fqdn(true);
        if name.is_fqdn() {
            return vec![absolute];
        }
        let dots = name.iter().len().saturating_sub(1);
        // A name that would become too long does not exist.
        let searched =
            self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
        let mut names = Vec::from_iter(searched);
        let place = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, absolute);
        let mut seen = HashSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }
}

fn share(time: Duration, left: usize) -> Duration {
    time / u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{shell, testing::name};

    fn config(search: &[&str], ndots: usize) -> Config {
        let server = SocketAddr::from(([127, 0, 0, 1], 53));
        let mut config = Config::of_servers(vec![server]);
        config.search = search.iter().map(|domain| name(domain)).collect();
        config.ndots = ndots;
        config
    }

    #[track_caller]
    fn assert_candidates(config: &Config, asked: &str, expected: &[&str]) {
        let found = config.candidates(&name(asked));
        assert_eq!(Vec::from_iter(found.iter().map(Name::to_ascii)), expected);
    }

    #[test]
    fn the_search_list_comes_first_for_names_with_few_dots() {
        let config = config(&["ns.svc.test", "svc.test."], 2);
        assert_candidates(&config, "a", &["a.ns.svc.test.", "a.svc.test.", "a."]);
        assert_candidates(&config, "a.b", &["a.b.ns.svc.test.", "a.b.svc.test.", "a.b."]);
        assert_candidates(&config, "a.b.c", &["a.b.c.", "a.b.c.ns.svc.test.", "a.b.c.svc.test."]);
        assert_candidates(&config, "a.b.", &["a.b."]);
    }

    #[test]
    fn no_name_is_asked_for_twice_nor_too_long_a_one() {
        assert_candidates(&config(&["x.test", "X.test", "."], 1), "a", &["a.x.test.", "a."]);
        let long = ["l".repeat(60).as_str(); 4].join(".");
        assert_candidates(&config(&["x".repeat(60).as_str()], 9), &long, &[&format!("{long}.")]);
        assert_candidates(&config(&[], 5), "a", &["a."]);
    }

    #[test]
    fn a_name_has_every_attempt_or_its_share_of_the_time() {
        let (mut config, now) = (config(&[], 1), shell::now());
        let second = Duration::from_secs(1);
        assert_eq!(config.deadline(now), now + 20 * second);
        let end = |config: &Config, left| config.end_of_name(now, now + 20 * second, left);
        assert_eq!(end(&config, 1), now + 10 * second);
        assert_eq!(end(&config, 4), now + 5 * second);
        assert_eq!(end(&config, 400), now + LEAST_SHARE);
        assert_eq!(config.end_of_name(now, now + LEAST_SHARE / 2, 4), now + LEAST_SHARE / 2);
        config.timeout = Duration::MAX;
        config.budget = Duration::MAX;
        assert_eq!(end(&config, 1), now + 20 * second);
        assert_eq!(config.deadline(now), now + MAX_BUDGET);
    }

    #[test]
    fn an_attempt_has_its_time_out_or_its_share_of_what_is_left() {
        let mut config = config(&[], 1);
        let second = Duration::from_secs(1);
        let now = shell::now();
        let end = |config: &Config, left| config.end_of_attempt(now, now + 9 * second, left);
        assert_eq!(end(&config, 1), Some(now + 5 * second));
        assert_eq!(end(&config, 3), Some(now + 3 * second));
        assert_eq!(config.end_of_attempt(now, now, 1), None);
        assert_eq!(config.end_of_attempt(now + second, now, 1), None);
        config.timeout = Duration::MAX;
        assert_eq!(end(&config, 1), Some(now + 9 * second));
    }

    #[test]
    fn what_a_system_asks_for_is_bounded() {
        let read = |ndots, seconds, attempts| {
            let config = config(&[], 1);
            let config = config.with_options(ndots, Duration::from_secs(seconds), attempts);
            (config.ndots, config.timeout.as_secs(), config.attempts.get())
        };
        assert_eq!(read(0, 0, 0), (0, 1, 1));
        assert_eq!(read(3, 7, 4), (3, 7, 4));
        assert_eq!(read(usize::MAX, u64::MAX, u32::MAX), (15, 30, 5));
    }
}
