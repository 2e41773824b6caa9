//! A name server on a loopback address that replies what a script says, byte for byte.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::SOA},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use crate::dns_server;

/// What was asked: the query itself, and over what.
pub struct Asked {
    pub query: Message,
    pub over_tcp: bool,
}

impl Asked {
    pub fn name(&self) -> Name {
        self.query.queries[0].name.clone()
    }

    pub fn record_type(&self) -> RecordType {
        self.query.queries[0].query_type
    }

    /// A reply without records.
    pub fn reply(&self, code: ResponseCode) -> Message {
        let mut reply = self.query.clone().into_response();
        reply.edns = None;
        reply.metadata.recursion_available = true;
        reply.metadata.response_code = code;
        reply
    }

    /// The header alone.
    pub fn header(&self, code: ResponseCode) -> Option<Vec<u8>> {
        let mut reply = self.reply(code);
        reply.queries.clear();
        bytes(reply)
    }

    /// "There is nothing", with an SOA record.
    pub fn nothing(&self, code: ResponseCode) -> Option<Vec<u8>> {
        let zone = Name::from_ascii("test.").unwrap();
        let soa = SOA::new(zone.clone(), zone.clone(), 1, 1, 1, 1, 5);
        let mut reply = self.reply(code);
        reply.add_authority(Record::from_rdata(zone, 5, RData::SOA(soa)));
        bytes(reply)
    }

    /// One address at the name asked for.
    pub fn address(&self, last: u8) -> Option<Vec<u8>> {
        let mut reply = self.reply(ResponseCode::NoError);
        reply.add_answer(address(&self.name(), last));
        bytes(reply)
    }
}

pub fn address(name: &Name, last: u8) -> Record {
    let ip = Ipv4Addr::new(10, 0, 0, last);
    Record::from_rdata(name.clone(), 5, RData::A(ip.into()))
}

pub fn bytes(message: Message) -> Option<Vec<u8>> {
    Some(message.to_vec().unwrap())
}

type Script = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

/// The server. It ends when it is dropped.
pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(Name, RecordType)>>>,
    _tasks: JoinSet<()>,
}

impl Scripted {
    /// Replies what the script says, or nothing.
    pub async fn start(script: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let (udp, tcp) = dns_server::bind((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let address = udp.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let heard = Arc::clone(&asked);
        let script: Arc<Script> = Arc::new(move |asked| {
            heard.lock().unwrap().push((asked.name(), asked.record_type()));
            script(asked)
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&script)));
        tasks.spawn(serve_tcp(tcp, script));
        Self { address, asked, _tasks: tasks }
    }

    /// What was asked, in order, with repetitions.
    pub fn asked(&self) -> Vec<(Name, RecordType)> {
        self.asked.lock().unwrap().clone()
    }

    /// How often this was asked.
    pub fn count(&self, name: &str, record_type: RecordType) -> usize {
        let question = (Name::from_ascii(name).unwrap(), record_type);
        self.asked().into_iter().filter(|asked| *asked == question).count()
    }
}

async fn serve_udp(socket: UdpSocket, script: Arc<Script>) {
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let query = Message::from_vec(&buffer[..length]).unwrap();
        if let Some(reply) = script(&Asked { query, over_tcp: false }) {
            socket.send_to(&reply, from).await.unwrap();
        }
    }
}

async fn serve_tcp(listener: TcpListener, script: Arc<Script>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(serve_stream(stream, Arc::clone(&script)));
    }
}

async fn serve_stream(mut stream: TcpStream, script: Arc<Script>) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; length.into()];
        stream.read_exact(&mut query).await.unwrap();
        let query = Message::from_vec(&query).unwrap();
        if let Some(reply) = script(&Asked { query, over_tcp: true }) {
            let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, &reply[..]].concat()).await.unwrap();
        }
    }
}
