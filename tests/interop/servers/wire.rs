//! Single questions to a server, and its replies as they are.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::time::Instant;

use crate::program::{PATIENCE, Program};

/// What the crate offers to take over UDP.
pub(crate) const UDP_PAYLOAD: u16 = 1232;
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);
const REPLY_TIME: Duration = Duration::from_secs(30);
const SHORT_REPLY_TIME: Duration = Duration::from_secs(1);

/// Asks until the reply is one that is wanted. Panics if the server ends, or takes too long.
pub(super) fn wait_for(
    what: &str,
    server: &Program,
    ask: impl Fn() -> io::Result<Message>,
    wanted: impl Fn(&Message) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::new();
    while !server.has_ended() && Instant::now() < deadline {
        match ask() {
            Ok(reply) if wanted(&reply) => return,
            Ok(reply) => last = brief(&reply),
            // It may not listen yet.
            Err(error) => last = error.to_string(),
        }
        thread::park_timeout(PAUSE);
    }
    panic!("a server does not {what}; its last reply: {last}; stderr: {}", server.stderr());
}

fn brief(reply: &Message) -> String {
    let Message { queries, metadata, answers, .. } = reply;
    let (answered, code) = (answers.len(), metadata.response_code);
    let (first, cut) = (answers.first(), metadata.truncation);
    format!("to {queries:?}: {code}, {answered} answers, cut: {cut}, such as {first:?}")
}

/// What a server says over UDP, to one who takes no more than the crate does.
pub(crate) fn ask_over_udp(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
) -> io::Result<Message> {
    over_udp(server, name, record_type, REPLY_TIME)
}

/// The same, of one who may not answer yet.
pub(super) fn try_over_udp(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
) -> io::Result<Message> {
    over_udp(server, name, record_type, SHORT_REPLY_TIME)
}

fn over_udp(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
    patience: Duration,
) -> io::Result<Message> {
    let any: IpAddr = match server.is_ipv4() {
        true => Ipv4Addr::UNSPECIFIED.into(),
        false => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Connected, it is told where nobody listens.
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(&question(name, record_type)?)?;
    let mut buffer = [0; 4 * UDP_PAYLOAD as usize];
    let length = socket.recv(&mut buffer)?;
    read(&buffer[..length])
}

/// What a server says over TCP.
pub(crate) fn ask_over_tcp(
    server: SocketAddr,
    name: &str,
    record_type: RecordType,
) -> io::Result<Message> {
    let question = question(name, record_type)?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&server, REPLY_TIME)?;
    stream.set_read_timeout(Some(REPLY_TIME))?;
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut reply)?;
    read(&reply)
}

fn question(name: &str, record_type: RecordType) -> io::Result<Vec<u8>> {
    let name = Name::from_ascii(name).map_err(io::Error::other)?;
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name, record_type));
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD);
    message.set_edns(edns);
    message.to_vec().map_err(io::Error::other)
}

fn read(bytes: &[u8]) -> io::Result<Message> {
    Message::from_vec(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

pub(super) fn has_address(reply: &Message, ip: IpAddr) -> bool {
    reply.answers.iter().any(|record| record.data.ip_addr() == Some(ip))
}

/// Whether it has all of so many answers; or is cut, where they are too many for a message.
pub(super) fn has_so_many(reply: &Message, count: usize) -> bool {
    let cut = reply.metadata.truncation;
    !has_failed(reply)
        && (cut && reply.answers.len() < count || !cut && reply.answers.len() == count)
}

pub(super) fn has_failed(reply: &Message) -> bool {
    matches!(reply.metadata.response_code, ResponseCode::ServFail | ResponseCode::Refused)
}
