//! The exchange with one name server: over UDP and, if the reply did not fit, over TCP.

use std::{error::Error, fmt, io, net::SocketAddr};

use hickory_proto::op::{DnsResponse, Message, ResponseCode};
use web_time::Instant;

use super::{
    ask::Ask,
    edns::Edns,
    reply,
    transport::{over_tcp, over_udp},
    wire,
};
use crate::{resolver::error::LookupError, shell::now};

/// Asks one server: over UDP first, unless it is to be TCP only, and with EDNS, unless it is known
/// not to know that.
pub(super) async fn exchange(
    server: SocketAddr,
    ask: &Ask,
    tcp_only: bool,
    edns: &Edns,
    until: Instant,
) -> Result<DnsResponse, LookupError> {
    let with_edns = ask.signed || edns.is_known_to(server, now());
    let mut attempt = Attempt { server, ask, tcp_only, with_edns, until };
    let mut reply = attempt.reply().await?;
    if with_edns && !ask.signed && denies_edns(&reply) {
        attempt.with_edns = false;
        reply = attempt.reply().await?;
        if !denies_edns(&reply) {
            edns.unknown_to(server, now());
        }
    }
    reply::check(server, ask, &reply)?;
    wire::response(reply).map_err(LookupError::failed)
}

/// Whether the server does not understand what it was asked, and may do so without EDNS (RFC 6891
/// section 7). One that sends EDNS itself means something else.
fn denies_edns(reply: &Message) -> bool {
    let code = reply.metadata.response_code;
    reply.edns.is_none() && matches!(code, ResponseCode::FormErr | ResponseCode::NotImp)
}

/// How a server is asked.
struct Attempt<'a> {
    server: SocketAddr,
    ask: &'a Ask,
    tcp_only: bool,
    with_edns: bool,
    until: Instant,
}

impl Attempt<'_> {
    async fn reply(&self) -> Result<Message, LookupError> {
        let request = self.ask.request(self.with_edns);
        let cut = match self.tcp_only {
            true => None,
            false => match over_udp(self.server, &request, self.until).await {
                Ok(reply) if reply.metadata.truncation => Some(reply),
                outcome => return outcome.map_err(|error| failed(self.server, error)),
            },
        };
        let whole = over_tcp(self.server, &request, self.until).await;
        let is_good = |reply: &Message| reply::check(self.server, self.ask, reply).is_ok();
        match cut {
            // A part of the members is better than none, and a response code is whole: it stands in
            // the header, which is never cut.
            Some(cut) if !whole.as_ref().is_ok_and(is_good) && is_good(&cut) => Ok(cut),
            _ => whole.map_err(|error| failed(self.server, error)),
        }
    }
}

/// The message could not be exchanged with this server.
#[derive(Debug)]
struct ExchangeFailed {
    server: SocketAddr,
    error: io::Error,
}

impl fmt::Display for ExchangeFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no exchange with name server {}", self.server)
    }
}

impl Error for ExchangeFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

fn failed(server: SocketAddr, error: io::Error) -> LookupError {
    match error.kind() {
        io::ErrorKind::TimedOut => LookupError::TimedOut,
        _ => LookupError::failed(ExchangeFailed { server, error }),
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
        let reply = exchange(server, &ask(), tcp_only, &Edns::default(), until).await?;
        Ok(reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect())
    }

    /// On a port that is free for both: other programs of this machine may hold one of the two.
    async fn listening() -> (TcpListener, UdpSocket) {
        loop {
            let listener = TcpListener::bind(LOOPBACK).await.unwrap();
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()).await {
                return (listener, socket);
            }
        }
    }

    /// A server that replies over UDP, cut or not, and over TCP.
    async fn both(tcp_only: bool, is_cut: bool) -> Vec<IpAddr> {
        let (listener, socket) = listening().await;
        let server = listener.local_addr().unwrap();
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
        let outcome = exchange(server, &ask(), false, &Edns::default(), now()).await;
        assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    }

    #[test]
    fn the_io_error_is_the_last_source() {
        let io = std::io::Error::from(std::io::ErrorKind::NetworkUnreachable);
        let LookupError::Failed(error) = failed(([10, 0, 0, 1], 53).into(), io) else { panic!() };
        let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        assert_eq!(source.map(std::io::Error::kind), Some(std::io::ErrorKind::NetworkUnreachable));
    }
}
