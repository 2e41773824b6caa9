//! Asking name servers: one after another, until one knows.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hickory_proto::op::DnsResponse;
use web_time::Instant;

use super::{ask::Ask, config::Config, edns::Edns, exchange::exchange, turns::Turns};
use crate::{resolver::error::LookupError, shell::now};

/// How long a server that stepped in for an earlier one is asked first. Then the order of the
/// configuration counts again: the servers may not know the same names.
const PREFERENCE: Duration = Duration::from_secs(60);

/// The servers' recent behaviour.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// The server that stepped in for an earlier one, and until when it is asked first.
    preferred: Mutex<Option<(SocketAddr, Instant)>>,
    edns: Edns,
}

impl Upstream {
    /// Asks the servers in turn until one knows, or until `deadline`.
    pub(super) async fn ask(
        &self,
        config: &Config,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<DnsResponse, LookupError> {
        let mut turns = Turns::new(self.order(&config.servers, now()), config.attempts);
        while let Some(server) = turns.next() {
            let Some(until) = config.end_of_attempt(now(), deadline) else {
                break;
            };
            match exchange(server, ask, config.tcp_only, &self.edns, until).await {
                Ok(reply) => {
                    self.remember(server, &config.servers, now());
                    return Ok(reply);
                }
                Err(error) => {
                    tracing::trace!(%server, question = %ask.question, %error, "no answer");
                    turns.failed(server, error);
                }
            }
        }
        Err(turns.into_failure())
    }

    /// The configured servers, the preferred one first.
    fn order(&self, configured: &[SocketAddr], now: Instant) -> Vec<SocketAddr> {
        let preferred = self.preferred().filter(|(_, until)| now < *until);
        let mut servers = configured.to_vec();
        if let Some((server, _)) = preferred
            && let Some(index) = servers.iter().position(|known| *known == server)
        {
            servers[..=index].rotate_right(1);
        }
        servers
    }

    /// Takes note that a server knew.
    fn remember(&self, server: SocketAddr, configured: &[SocketAddr], now: Instant) {
        let mut preferred = self.preferred();
        match *preferred {
            _ if configured.first() == Some(&server) => *preferred = None,
            // Not prolonged, or the first server would never be tried again.
            Some((known, until)) if known == server && now < until => {}
            _ => *preferred = Some((server, now + PREFERENCE)),
        }
    }

    fn preferred(&self) -> MutexGuard<'_, Option<(SocketAddr, Instant)>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> [SocketAddr; 3] {
        [1, 2, 3].map(|last| SocketAddr::from(([10, 0, 0, last], 53)))
    }

    #[test]
    fn the_server_that_stepped_in_is_asked_first_for_a_while() {
        let [first, second, third] = servers();
        let (upstream, start) = (Upstream::default(), now());
        assert_eq!(upstream.order(&servers(), start), servers());
        upstream.remember(third, &servers(), start);
        assert_eq!(upstream.order(&servers(), start), [third, first, second]);
        upstream.remember(third, &servers(), start + PREFERENCE / 2);
        let end = start + PREFERENCE;
        assert_eq!(upstream.order(&servers(), end), servers());
        upstream.remember(third, &servers(), end);
        assert_eq!(upstream.order(&servers(), end), [third, first, second]);
        upstream.remember(first, &servers(), end);
        assert_eq!(upstream.order(&servers(), end), servers());
    }

    #[test]
    fn a_preferred_server_that_is_no_longer_configured_is_not_asked() {
        let [first, second, third] = servers();
        let upstream = Upstream::default();
        upstream.remember(third, &servers(), now());
        assert_eq!(upstream.order(&[first, second], now()), [first, second]);
    }
}
