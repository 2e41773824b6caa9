//! Asks name servers one after another, until one of them answers.

use std::{
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hickory_proto::op::DnsResponse;
use web_time::Instant;

use super::{
    ask::Ask,
    config::Config,
    edns::Edns,
    exchange::exchange,
    queue::{Queue, after_others},
    reply::is_nothing,
    silence::Silences,
    turns::{Turns, is_silence},
};
use crate::{resolver::error::LookupError, shell::now};

/// How long a server that stepped in for an earlier one is asked first. Then the order of the
/// configuration counts again: the servers may not know the same names.
const PREFERENCE: Duration = Duration::from_secs(60);

/// The servers' recent behaviour.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// The server that stepped in for an earlier one, and until when it is asked first.
    preferred: Mutex<Option<(SocketAddr, Instant)>>,
    silences: Silences,
    edns: Edns,
}

impl Upstream {
    /// Asks the servers in turn until one knows, or until `deadline`.
    pub(super) async fn ask(
        &self,
        config: &Config,
        queue: &Queue,
        ask: &Ask,
        deadline: Instant,
    ) -> Result<DnsResponse, LookupError> {
        let mut turns = Turns::new(self.order(&config.servers, now()), config.attempts);
        let mut doubted = None;
        while let Some(server) = turns.next() {
            let Some(_turn) = queue.turn(deadline).await else {
                break;
            };
            // Those that came at the same time are seen to wait.
            after_others().await;
            let began = now();
            let left = queue.rounds().max(1 + turns.left());
            let Some(until) = config.end_of_attempt(began, deadline, left) else {
                break;
            };
            let outcome = exchange(server, ask, config.tcp_only, &self.edns, until).await;
            self.note(server, &outcome, began, now());
            match outcome {
                Ok(reply) if !is_nothing(ask, &reply) => {
                    self.prefer(server, &config.servers, now());
                    return Ok(reply);
                }
                Ok(reply) if !self.is_doubtful(server, &config.servers) => return Ok(reply),
                Ok(reply) => doubted = Some((server, reply)),
                Err(error) => {
                    tracing::trace!(%server, question = %ask.question, %error, "no answer");
                    turns.failed(server, error);
                }
            }
        }
        // Those that it stepped in for may have missed often enough meanwhile.
        match doubted {
            Some((server, reply)) if !self.is_doubtful(server, &config.servers) => Ok(reply),
            _ => Err(turns.into_failure()),
        }
    }

    /// The configured servers: the preferred one first, the silent ones last.
    fn order(&self, configured: &[SocketAddr], now: Instant) -> Vec<SocketAddr> {
        let preferred = self.preferred().filter(|(_, until)| now < *until);
        let mut servers = configured.to_vec();
        if let Some((server, _)) = preferred
            && let Some(index) = servers.iter().position(|known| *known == server)
        {
            servers[..=index].rotate_right(1);
        }
        servers.sort_by_key(|server| self.silences.is_last(*server, now));
        servers
    }

    /// Takes note of whether a server replied.
    fn note(
        &self,
        server: SocketAddr,
        outcome: &Result<DnsResponse, LookupError>,
        began: Instant,
        now: Instant,
    ) {
        match outcome {
            Err(error) if is_silence(error) => self.silences.missed(server, began, now),
            _ => self.silences.ended(server),
        }
    }

    /// Whether a server that says "there is nothing" says it in place of one that may know better.
    fn is_doubtful(&self, server: SocketAddr, configured: &[SocketAddr]) -> bool {
        let mut before = configured.iter().take_while(|known| **known != server);
        before.any(|earlier| self.silences.is_awaited(*earlier))
    }

    /// Takes note that a server gave an answer. One that merely says that there is nothing may not be
    /// the one to know.
    fn prefer(&self, server: SocketAddr, configured: &[SocketAddr], now: Instant) {
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
        upstream.prefer(third, &servers(), start);
        assert_eq!(upstream.order(&servers(), start), [third, first, second]);
        upstream.prefer(third, &servers(), start + PREFERENCE / 2);
        let end = start + PREFERENCE;
        assert_eq!(upstream.order(&servers(), end), servers());
        upstream.prefer(third, &servers(), end);
        assert_eq!(upstream.order(&servers(), end), [third, first, second]);
        upstream.prefer(first, &servers(), end);
        assert_eq!(upstream.order(&servers(), end), servers());
    }

    #[test]
    fn a_preferred_server_that_is_no_longer_configured_is_not_asked() {
        let [first, second, third] = servers();
        let upstream = Upstream::default();
        upstream.prefer(third, &servers(), now());
        assert_eq!(upstream.order(&[first, second], now()), [first, second]);
    }

    #[test]
    fn a_silent_server_goes_last_and_is_waited_for_by_those_after_it() {
        let [first, second, third] = servers();
        let (upstream, start) = (Upstream::default(), now());
        let silent = Err(LookupError::TimedOut);
        upstream.note(second, &silent, start, start);
        assert_eq!(upstream.order(&servers(), start), [first, third, second]);
        assert!(upstream.is_doubtful(third, &servers()));
        assert!(!upstream.is_doubtful(first, &servers()), "it stepped in for nobody");
        upstream.note(second, &Err(LookupError::Refused), start, start);
        assert_eq!(upstream.order(&servers(), start), servers());
        assert!(!upstream.is_doubtful(third, &servers()));
    }
}
