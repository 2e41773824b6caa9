//! One message to a name server and its reply, over UDP and over TCP.
//!
//! hickory-net has both, but they are not used here. It waits on after a reply that is a bare header, gives up
//! a whole reply for one malformed record, and does not allow connected UDP sockets, so it never learns
//! that a port is closed.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::op::{DnsRequest, Message, Query as Question};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};
use web_time::Instant;

use super::{ask::UDP_PAYLOAD, wire::reply_to};
use crate::shell::{before, now};

/// A datagram is not sent a second time sooner than this: the reply may be on its way.
const RESEND: Duration = Duration::from_millis(333);

/// Sends a datagram, and waits for the reply to it.
pub(super) async fn over_udp(
    server: SocketAddr,
    request: &DnsRequest,
    until: Instant,
) -> io::Result<Message> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // Only a connected socket is told that nobody listens there.
    socket.connect(server).await?;
    let bytes = encoded(request)?;
    // A datagram that is lost must not cost the whole time-out (in Kubernetes, a race in the
    // kernel's connection tracking loses some): it is sent a second time after a third of it.
    let (question, id) = (asked(request)?, request.metadata.id);
    let start = now();
    let again = start + RESEND.max(until.saturating_duration_since(start) / 3);
    socket.send(&bytes).await?;
    if let Some(reply) = before(again.min(until), received(&socket, question, id)).await {
        return reply;
    }
    if again < until {
        socket.send(&bytes).await?;
    }
    before(until, received(&socket, question, id)).await.unwrap_or(Err(timed_out()))
}

async fn received(socket: &UdpSocket, question: &Question, id: u16) -> io::Result<Message> {
    // What is longer than was offered is cut here, and asked for over TCP.
    let mut buffer = [0; UDP_PAYLOAD as usize];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if let Some(reply) = buffer.get(..length).and_then(|bytes| reply_to(question, id, bytes)) {
            return Ok(reply);
        }
    }
}

/// Opens a connection for one message, and waits for the reply to it.
pub(super) async fn over_tcp(
    server: SocketAddr,
    request: &DnsRequest,
    until: Instant,
) -> io::Result<Message> {
    before(until, exchanged(server, request)).await.unwrap_or(Err(timed_out()))
}

async fn exchanged(server: SocketAddr, request: &DnsRequest) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let (bytes, question) = (encoded(request)?, asked(request)?);
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?.to_be_bytes();
    stream.write_all(&[&length, &bytes[..]].concat()).await?;
    loop {
        let mut reply = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut reply).await?;
        if let Some(reply) = reply_to(question, request.metadata.id, &reply) {
            return Ok(reply);
        }
    }
}

fn encoded(request: &DnsRequest) -> io::Result<Vec<u8>> {
    request.to_vec().map_err(io::Error::other)
}

fn asked(request: &DnsRequest) -> io::Result<&Question> {
    request.queries.first().ok_or(io::ErrorKind::InvalidInput.into())
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;
    use crate::resolver::hickory::ask::Ask;

    const PATIENT: Duration = Duration::from_secs(20);

    fn request() -> DnsRequest {
        let question = Question::query(Name::root(), RecordType::A);
        Ask { question, signed: false }.request(true)
    }

    async fn server() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    #[tokio::test]
    async fn a_closed_port_is_noticed_and_not_waited_for() {
        // The port was free a moment ago.
        let (socket, address) = server().await;
        drop(socket);
        let error = over_udp(address, &request(), now() + 1000 * PATIENT).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_lost_datagram_is_sent_again() {
        let (socket, address) = server().await;
        let serve = async {
            let mut buffer = [0; 512];
            socket.recv_from(&mut buffer).await.unwrap();
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let reply = Message::from_vec(&buffer[..length]).unwrap().into_response();
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
        };
        let request = request();
        let (reply, ()) = tokio::join!(over_udp(address, &request, now() + PATIENT), serve);
        assert_eq!(reply.unwrap().metadata.id, request.metadata.id);
    }

    #[tokio::test]
    async fn what_is_no_reply_is_not_the_end() {
        let (socket, address) = server().await;
        let serve = async {
            let mut buffer = [0; 512];
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let mut reply = Message::from_vec(&buffer[..length]).unwrap().into_response();
            socket.send_to(b"nonsense", from).await.unwrap();
            let good = reply.to_vec().unwrap();
            reply.metadata.id ^= 1;
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
            socket.send_to(&good, from).await.unwrap();
        };
        let request = request();
        let (reply, ()) = tokio::join!(over_udp(address, &request, now() + PATIENT), serve);
        assert_eq!(reply.unwrap().metadata.id, request.metadata.id);
    }
}
