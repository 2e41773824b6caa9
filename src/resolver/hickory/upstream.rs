//! Asking name servers: one after another, over UDP and, where the reply did not fit, over TCP.

use std::{
    error::Error,
    fmt,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hickory_net::{
    DnsHandle, NetError,
    runtime::TokioRuntimeProvider,
    tcp::TcpClientStream,
    udp::UdpClientStream,
    xfer::{DnsRequestSender, FirstAnswer},
};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, DnsResponse, Message, Query as Question};
use tokio::time::{Instant, timeout_at};

use super::{config::Config, reply};
use crate::resolver::error::LookupError;

/// What passes every path without being fragmented (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;
/// How long a server that stepped in for an earlier one is asked first. Then the order of the
/// configuration counts again: the servers may not know the same names.
const PREFERENCE: Duration = Duration::from_secs(60);

/// What servers are asked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) question: Question,
    /// Whether the reply shall bring its signatures (the bit `DO`, RFC 3225).
    pub(super) signed: bool,
}

impl Ask {
    fn options(&self) -> DnsRequestOptions {
        let mut options = DnsRequestOptions::default();
        options.use_edns = true;
        options.edns_payload_len = UDP_PAYLOAD;
        options.edns_set_dnssec_ok = self.signed;
        options.recursion_desired = true;
        options
    }
}

/// The servers' recent behaviour.
#[derive(Debug, Default)]
pub(super) struct Upstream {
    /// The server that stepped in for an earlier one, and until when it is asked first.
    preferred: Mutex<Option<(SocketAddr, Instant)>>,
}

impl Upstream {
    /// Asks the servers in turn until one knows, or until `deadline`.
    ///
    /// In the later rounds only those are asked again that gave no reply at all: the others would
    /// say the same.
    pub(super) async fn ask(
        &self,
        config: &Config,
        question: &Ask,
        deadline: Instant,
    ) -> Result<Message, LookupError> {
        let mut servers = self.order(&config.servers);
        let mut failure = None;
        for _ in 0..config.attempts.get() {
            let mut silent = Vec::new();
            for server in servers {
                let Some(until) = end_of_attempt(config, deadline) else {
                    break;
                };
                let error = match exchange(server, question, until).await {
                    Err(error) => error,
                    Ok(reply) => {
                        self.remember(server, &config.servers);
                        return Ok(reply);
                    }
                };
                tracing::trace!(%server, question = %question.question, %error, "no answer");
                if !matches!(error, LookupError::ServerFailed(_) | LookupError::Refused) {
                    silent.push(server);
                }
                failure = Some(more_telling(failure, error));
            }
            if silent.is_empty() {
                break;
            }
            servers = silent;
        }
        Err(failure.unwrap_or(LookupError::TimedOut))
    }

    /// The configured servers, the preferred one first.
    fn order(&self, configured: &[SocketAddr]) -> Vec<SocketAddr> {
        let preferred = self.preferred().filter(|(_, until)| Instant::now() < *until);
        let mut servers = configured.to_vec();
        if let Some((server, _)) = preferred
            && let Some(index) = servers.iter().position(|known| *known == server)
        {
            servers[..=index].rotate_right(1);
        }
        servers
    }

    fn remember(&self, server: SocketAddr, configured: &[SocketAddr]) {
        let mut preferred = self.preferred();
        match *preferred {
            _ if configured.first() == Some(&server) => *preferred = None,
            // Not prolonged, or the first server would never be tried again.
            Some((known, until)) if known == server && Instant::now() < until => {}
            _ => *preferred = Some((server, Instant::now() + PREFERENCE)),
        }
    }

    fn preferred(&self) -> MutexGuard<'_, Option<(SocketAddr, Instant)>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of two failures, the one that says more: that a server replied is worth more than that none did.
pub(super) fn more_telling(known: Option<LookupError>, new: LookupError) -> LookupError {
    fn weight(error: &LookupError) -> u8 {
        match error {
            LookupError::ServerFailed(_) => 3,
            LookupError::Refused => 2,
            LookupError::TimedOut => 1,
            _ => 0,
        }
    }
    match known {
        Some(known) if weight(&known) >= weight(&new) => known,
        _ => new,
    }
}

/// When the attempt that begins now is over; `None` if the whole look-up is.
fn end_of_attempt(config: &Config, deadline: Instant) -> Option<Instant> {
    let now = Instant::now();
    let until = now.checked_add(config.timeout).map_or(deadline, |until| until.min(deadline));
    (now < deadline).then_some(until)
}

/// Asks one server, over UDP first.
async fn exchange(server: SocketAddr, ask: &Ask, until: Instant) -> Result<Message, LookupError> {
    let check = |message| reply::check(server, ask, message);
    let cut = match bounded(until, over_udp(server, ask, until)).await {
        Ok(message) if message.metadata.truncation => Some(message),
        Ok(message) => return check(message),
        // A reply longer than what was offered is cut by the socket and cannot be decoded.
        Err(NetError::Proto(_)) => None,
        Err(error) => return Err(failed(server, error)),
    };
    let whole = match bounded(until, over_tcp(server, ask, until)).await {
        Ok(message) => check(message),
        Err(error) => Err(failed(server, error)),
    };
    // A part of the members is better than none, and a response code is whole: it stands in the
    // header, which is never cut.
    whole.or_else(|error| cut.and_then(|message| check(message).ok()).ok_or(error))
}

async fn over_udp(server: SocketAddr, ask: &Ask, until: Instant) -> Result<Message, NetError> {
    let timeout = until.saturating_duration_since(Instant::now());
    let mut options = ask.options();
    // A datagram that is lost must not cost the whole time-out (in Kubernetes, a race in the
    // kernel's connection tracking loses some): it is sent a second time.
    options.retry_interval = timeout / 3;
    let mut stream = UdpClientStream::builder(server, TokioRuntimeProvider::new())
        .with_timeout(Some(timeout))
        .with_max_retries(2)
        .with_os_port_selection(true)
        .build();
    let request = DnsRequest::from_query(ask.question.clone(), options);
    stream.send_message(request).first_answer().await.map(DnsResponse::into_message)
}

async fn over_tcp(server: SocketAddr, ask: &Ask, until: Instant) -> Result<Message, NetError> {
    let timeout = until.saturating_duration_since(Instant::now());
    // The provider owns the task that drives the connection, and ends it when it is dropped.
    let provider = TokioRuntimeProvider::new();
    let exchange = TcpClientStream::exchange(server, None, timeout, None, provider.clone()).await?;
    let request = DnsRequest::from_query(ask.question.clone(), ask.options());
    let reply = exchange.send(request).first_answer().await;
    drop(provider);
    reply.map(DnsResponse::into_message)
}

async fn bounded<T>(
    until: Instant,
    future: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    timeout_at(until, future).await.unwrap_or(Err(NetError::Timeout))
}

/// The message could not be exchanged with this server.
#[derive(Debug)]
struct ExchangeFailed {
    server: SocketAddr,
    error: NetError,
}

impl fmt::Display for ExchangeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no exchange with name server {}", self.server)
    }
}

impl Error for ExchangeFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.error {
            // `NetError` does not name the I/O error as its source.
            NetError::Io(error) => &**error,
            error => error,
        })
    }
}

fn failed(server: SocketAddr, error: NetError) -> LookupError {
    match error {
        NetError::Timeout => LookupError::TimedOut,
        error => LookupError::failed(ExchangeFailed { server, error }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> [SocketAddr; 3] {
        [1, 2, 3].map(|last| SocketAddr::from(([10, 0, 0, last], 53)))
    }

    #[test]
    fn a_reply_says_more_than_silence() {
        let io = || LookupError::failed("no route");
        let failed = || LookupError::ServerFailed("SERVFAIL".into());
        let more = |a: LookupError, b: LookupError| more_telling(Some(a), b);
        assert!(matches!(more_telling(None, io()), LookupError::Failed(_)));
        assert!(matches!(more(io(), LookupError::TimedOut), LookupError::TimedOut));
        assert!(matches!(more(LookupError::TimedOut, io()), LookupError::TimedOut));
        assert!(matches!(more(LookupError::Refused, LookupError::TimedOut), LookupError::Refused));
        assert!(matches!(more(LookupError::Refused, failed()), LookupError::ServerFailed(_)));
        assert!(matches!(more(failed(), LookupError::Refused), LookupError::ServerFailed(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_that_stepped_in_is_asked_first_for_a_while() {
        let [first, second, third] = servers();
        let upstream = Upstream::default();
        assert_eq!(upstream.order(&servers()), servers());
        upstream.remember(third, &servers());
        assert_eq!(upstream.order(&servers()), [third, first, second]);
        tokio::time::advance(PREFERENCE / 2).await;
        upstream.remember(third, &servers());
        tokio::time::advance(PREFERENCE / 2).await;
        assert_eq!(upstream.order(&servers()), servers());
        upstream.remember(third, &servers());
        assert_eq!(upstream.order(&servers()), [third, first, second]);
        upstream.remember(first, &servers());
        assert_eq!(upstream.order(&servers()), servers());
    }

    #[tokio::test]
    async fn a_preferred_server_that_is_no_longer_configured_is_not_asked() {
        let [first, second, third] = servers();
        let upstream = Upstream::default();
        upstream.remember(third, &servers());
        assert_eq!(upstream.order(&[first, second]), [first, second]);
    }

    #[test]
    fn the_io_error_is_the_last_source() {
        let io = std::io::Error::from(std::io::ErrorKind::NetworkUnreachable);
        let LookupError::Failed(error) = failed(servers()[0], NetError::from(io)) else { panic!() };
        let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::NetworkUnreachable));
    }
}
