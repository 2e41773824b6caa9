//! Which servers to ask, and how: given, or read from the system and followed as it changes.

use std::{
    collections::HashSet,
    error::Error,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::{op::Query as Question, rr::Name};
use hickory_resolver::{
    Hosts,
    config::{ConnectionConfig, ResolverConfig, ResolverOpts},
};
use tokio::time::Instant;

use super::origin::{Origin, Snapshot};
use crate::resolver::{answer::Answer, query::Query};

/// glibc's bounds on what `resolv.conf` may ask for (`RES_MAXRETRANS`, `RES_MAXRETRY`,
/// `RES_MAXNDOTS`).
const MAX_TIMEOUT: u64 = 30;
const MAX_ATTEMPTS: u32 = 5;
const MAX_NDOTS: usize = 15;
/// Bounds the deadline of a look-up, so that it can be computed.
const MAX_BUDGET: Duration = Duration::from_secs(3600);

/// What one look-up goes by.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: NonZeroU32,
    hosts: Arc<Hosts>,
}

impl Config {
    /// The servers, and the defaults of `resolv.conf`.
    pub(super) fn of_servers(servers: Vec<SocketAddr>) -> Self {
        Self::of_system(servers, Vec::new(), &ResolverOpts::default(), Arc::default())
    }

    fn of_system(
        servers: Vec<SocketAddr>,
        search: Vec<Name>,
        options: &ResolverOpts,
        hosts: Arc<Hosts>,
    ) -> Self {
        let seconds = Duration::from_secs;
        let attempts = u32::try_from(options.attempts).unwrap_or(MAX_ATTEMPTS).min(MAX_ATTEMPTS);
        Self {
            servers,
            search,
            ndots: options.ndots.min(MAX_NDOTS),
            timeout: options.timeout.clamp(seconds(1), seconds(MAX_TIMEOUT)),
            attempts: NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN),
            hosts,
        }
    }

    pub(super) fn parse(
        (config, options): (ResolverConfig, ResolverOpts),
        hosts: Hosts,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (domain, mut search, servers) = config.into_parts();
        // `domain` is the host's own and counts only without a search list (resolv.conf(5)).
        if search.is_empty() {
            search.extend(domain);
        }
        let port = |connections: &[ConnectionConfig]| {
            connections.first().map_or(53, |connection| connection.port)
        };
        let servers = servers.iter().map(|s| SocketAddr::new(s.ip, port(&s.connections)));
        let servers = Vec::from_iter(servers);
        if servers.is_empty() {
            return Err("the configuration names no server".into());
        }
        Ok(Self::of_system(servers, search, &options, Arc::new(hosts)))
    }

    /// How long a look-up may take: every server has been silent in every attempt by then.
    pub(super) fn budget(&self) -> Duration {
        let servers = u32::try_from(self.servers.len()).unwrap_or(u32::MAX);
        self.timeout.saturating_mul(servers.saturating_mul(self.attempts.get())).min(MAX_BUDGET)
    }

    /// What the hosts file says, which comes before any server. The name is looked up as it is
    /// written, without the search list.
    pub(super) fn answer_of_hosts(&self, query: &Query) -> Option<Answer> {
        let mut name = query.name.clone();
        name.set_fqdn(true);
        let question = Question::query(name.clone(), query.record_type);
        let found = self.hosts.lookup_static_host(&question)?;
        Some(Answer::new(name, found.answers().to_vec()))
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

    pub(super) fn set_port(&mut self, port: u16) {
        self.servers.iter_mut().for_each(|server| server.set_port(port));
    }
}

/// The system's configuration, read again when it changes.
#[derive(Debug)]
pub(super) struct Followed {
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    good: Config,
    seen: Snapshot,
    checked: Option<Instant>,
    /// Said once for each time that the configuration breaks, not at every look-up.
    complained: bool,
}

impl Followed {
    pub(super) fn new(origin: Origin) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let seen = origin.read();
        let good = origin.parse(&seen)?;
        let state = State { good, seen, checked: None, complained: false };
        Ok(Self { origin, state: Mutex::new(state) })
    }

    /// The configuration as it is now, or the last good one. Checked at most every `interval`.
    pub(super) fn current(&self, interval: Duration) -> Config {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.checked.is_none_or(|checked| now.duration_since(checked) >= interval) {
            state.checked = Some(now);
            self.refresh(&mut state);
        }
        state.good.clone()
    }

    fn refresh(&self, state: &mut State) {
        let found = self.origin.read();
        if !self.origin.may_have_changed(&state.seen, &found) {
            return;
        }
        match self.origin.parse(&found) {
            Ok(config) => {
                if config.servers != state.good.servers || state.complained {
                    tracing::info!(servers = ?config.servers, "the DNS configuration has changed");
                }
                state.good = config;
                state.complained = false;
            }
            Err(error) if !state.complained => {
                tracing::warn!(%error, "the DNS configuration cannot be read; the last good one stays");
                state.complained = true;
            }
            Err(_) => {}
        }
        state.seen = found;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::from_ascii(name).unwrap()
    }

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
    fn the_budget_covers_every_attempt_and_does_not_overflow() {
        let mut config = config(&[], 1);
        assert_eq!(config.budget(), Duration::from_secs(10));
        config.attempts = NonZeroU32::MAX;
        config.timeout = Duration::MAX;
        assert_eq!(config.budget(), MAX_BUDGET);
    }
}
