//! The settings by which the program overrides a resolver's configuration.

use std::{num::NonZeroU32, time::Duration};

use hickory_proto::rr::Name;

use super::config::Config;

/// What the program has set, which counts more than what the system says.
#[derive(Debug, Clone, Default)]
pub(super) struct Overrides {
    pub(super) timeout: Option<Duration>,
    pub(super) attempts: Option<NonZeroU32>,
    pub(super) budget: Option<Duration>,
    pub(super) port: Option<u16>,
    pub(super) search: Option<Vec<Name>>,
    pub(super) ndots: Option<usize>,
    pub(super) check_interval: Option<Duration>,
}

impl Overrides {
    /// The configuration with what was set in place of what the system says.
    pub(super) fn apply(&self, mut config: Config) -> Config {
        config.timeout = self.timeout.unwrap_or(config.timeout);
        config.attempts = self.attempts.unwrap_or(config.attempts);
        config.budget = self.budget.unwrap_or(config.budget);
        config.ndots = self.ndots.unwrap_or(config.ndots);
        if let Some(search) = &self.search {
            config.search.clone_from(search);
        }
        if let Some(port) = self.port {
            config.servers.iter_mut().for_each(|server| server.set_port(port));
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn config() -> Config {
        Config::of_servers(["10.0.0.1:53", "[fe80::1%7]:53"].map(|s| s.parse().unwrap()).into())
    }

    #[test]
    fn what_is_not_set_stays() {
        let (before, after) = (config(), Overrides::default().apply(config()));
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }

    #[test]
    fn what_is_set_counts_more() {
        let search = vec![Name::from_ascii("a.test.").unwrap()];
        let overrides = Overrides {
            timeout: Some(Duration::from_millis(50)),
            attempts: NonZeroU32::new(7),
            budget: Some(Duration::from_secs(3)),
            port: Some(5353),
            search: Some(search.clone()),
            ndots: Some(3),
            check_interval: None,
        };
        let config = overrides.apply(config());
        let servers: [SocketAddr; 2] =
            ["10.0.0.1:5353", "[fe80::1%7]:5353"].map(|server| server.parse().unwrap());
        assert_eq!(config.servers, servers, "the scope is kept");
        assert_eq!((config.search, config.ndots), (search, 3));
        assert_eq!((config.timeout, config.attempts.get()), (Duration::from_millis(50), 7));
        assert_eq!(config.budget, Duration::from_secs(3));
    }
}
