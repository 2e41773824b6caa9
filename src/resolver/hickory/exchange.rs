//! The exchange with one name server: over UDP and, where the reply did not fit, over TCP.

use std::{error::Error, fmt, net::SocketAddr};

use hickory_net::{
    DnsHandle, NetError,
    runtime::TokioRuntimeProvider,
    tcp::TcpClientStream,
    udp::UdpClientStream,
    xfer::{DnsRequestSender, FirstAnswer},
};
use hickory_proto::op::DnsResponse;
use web_time::Instant;

use super::{ask::Ask, reply};
use crate::{
    resolver::error::LookupError,
    shell::{before, now},
};

/// Asks one server: over UDP first, unless it is to be TCP only.
pub(super) async fn exchange(
    server: SocketAddr,
    ask: &Ask,
    tcp_only: bool,
    until: Instant,
) -> Result<DnsResponse, LookupError> {
    let check = |reply| reply::check(server, ask, reply);
    let cut = match tcp_only {
        true => None,
        false => match bounded(until, over_udp(server, ask, until)).await {
            Ok(reply) if reply.metadata.truncation => Some(reply),
            Ok(reply) => return check(reply),
            // A reply longer than what was offered is cut by the socket and cannot be decoded.
            Err(NetError::Proto(_)) => None,
            Err(error) => return Err(failed(server, error)),
        },
    };
    let whole = match bounded(until, over_tcp(server, ask, until)).await {
        Ok(reply) => check(reply),
        Err(error) => Err(failed(server, error)),
    };
    // A part of the members is better than none, and a response code is whole: it stands in the
    // header, which is never cut.
    whole.or_else(|error| cut.and_then(|reply| check(reply).ok()).ok_or(error))
}

async fn over_udp(server: SocketAddr, ask: &Ask, until: Instant) -> Result<DnsResponse, NetError> {
    let timeout = until.saturating_duration_since(now());
    let mut request = ask.request();
    // A datagram that is lost must not cost the whole time-out (in Kubernetes, a race in the
    // kernel's connection tracking loses some): it is sent a second time after a third of it.
    // hickory-net 0.26 counts the first time among the retries.
    request.options_mut().retry_interval = timeout / 3;
    let mut stream = UdpClientStream::builder(server, TokioRuntimeProvider::new())
        .with_timeout(Some(timeout))
        .with_max_retries(2)
        .with_os_port_selection(true)
        .build();
    stream.send_message(request).first_answer().await
}

async fn over_tcp(server: SocketAddr, ask: &Ask, until: Instant) -> Result<DnsResponse, NetError> {
    let timeout = until.saturating_duration_since(now());
    // The provider owns the task that drives the connection, and ends it when it is dropped.
    let provider = TokioRuntimeProvider::new();
    let exchange = TcpClientStream::exchange(server, None, timeout, None, provider.clone()).await?;
    let reply = exchange.send(ask.request()).first_answer().await;
    drop(provider);
    reply
}

async fn bounded<T>(
    until: Instant,
    future: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    before(until, future).await.unwrap_or(Err(NetError::Timeout))
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
    use std::{net::IpAddr, time::Duration};

    use hickory_proto::{
        op::{Message, Query as Question},
        rr::{Name, RData, Record, RecordType},
    };
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, UdpSocket},
    };

    use super::*;

    const LOOPBACK: (IpAddr, u16) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn ask() -> Ask {
        Ask { question: Question::query(Name::root(), RecordType::A), signed: false }
    }

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// The reply to a message, with an address that says how it came.
    fn reply(message: &[u8], ip: IpAddr, is_cut: bool) -> Vec<u8> {
        let mut reply = Message::from_vec(message).unwrap().into_response();
        reply.metadata.truncation = is_cut;
        reply.add_answer(Record::from_rdata(Name::root(), 1, RData::from(ip)));
        reply.to_vec().unwrap()
    }

    /// Replies to one message over TCP.
    async fn reply_over_tcp(listener: &TcpListener, ip: IpAddr) {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u16().await.unwrap();
        let mut message = vec![0; length.into()];
        stream.read_exact(&mut message).await.unwrap();
        let reply = reply(&message, ip, false);
        let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length, &reply[..]].concat()).await.unwrap();
    }

    /// Replies to one message over UDP.
    async fn reply_over_udp(socket: &UdpSocket, ip: IpAddr, is_cut: bool) {
        let mut message = [0; 512];
        let (length, from) = socket.recv_from(&mut message).await.unwrap();
        socket.send_to(&reply(&message[..length], ip, is_cut), from).await.unwrap();
    }

    async fn exchanged(server: SocketAddr, tcp_only: bool) -> Result<Vec<IpAddr>, LookupError> {
        let until = now() + Duration::from_secs(20);
        let reply = exchange(server, &ask(), tcp_only, until).await?;
        Ok(reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    /// A server that replies over UDP, cut or not, and over TCP.
    async fn both(tcp_only: bool, is_cut: bool) -> Vec<IpAddr> {
        let listener = TcpListener::bind(LOOPBACK).await.unwrap();
        let server = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(server).await.unwrap();
        let serve = async {
            tokio::join!(reply_over_udp(&socket, ip(1), is_cut), reply_over_tcp(&listener, ip(2)))
        };
        tokio::select! {
            found = exchanged(server, tcp_only) => found.unwrap(),
            _ = serve => unreachable!("what was replied is taken first"),
        }
    }

    #[tokio::test]
    async fn udp_is_enough_unless_the_reply_was_cut() {
        assert_eq!(both(false, false).await, [ip(1)]);
    }

    #[tokio::test]
    async fn tcp_only_asks_nothing_over_udp() {
        assert_eq!(both(true, false).await, [ip(2)]);
    }

    #[tokio::test]
    async fn a_cut_reply_stays_where_tcp_fails() {
        let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
        let server = socket.local_addr().unwrap();
        // Nobody listens there over TCP.
        let (found, ()) =
            tokio::join!(exchanged(server, false), reply_over_udp(&socket, ip(1), true));
        assert_eq!(found.unwrap(), [ip(1)]);
    }

    #[tokio::test]
    async fn a_server_that_is_silent_times_out() {
        let socket = UdpSocket::bind(LOOPBACK).await.unwrap();
        let server = socket.local_addr().unwrap();
        let outcome = exchange(server, &ask(), false, now()).await;
        assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    }

    #[test]
    fn the_io_error_is_the_last_source() {
        let io = std::io::Error::from(std::io::ErrorKind::NetworkUnreachable);
        let LookupError::Failed(error) = failed(([10, 0, 0, 1], 53).into(), NetError::from(io))
        else {
            panic!()
        };
        let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::NetworkUnreachable));
    }
}
