//! A primary name server in this process, with one dynamic zone in memory: it verifies TSIG
//! (RFC 8945), carries updates out (RFC 2136), and answers queries over UDP and TCP. And it can be
//! told to misbehave.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        DNSClass, Name, RData, Record, RecordType, TSigner,
        rdata::{
            SOA, TXT,
            tsig::{TSIG, TsigAlgorithm, TsigError, make_tsig_record},
        },
    },
};
use hickory_server::net::runtime::{Time, TokioTime};
use libp2p_dns_discovery::hickory_proto;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

use crate::world::{KEY, SECRET, ZONE};

/// The server. It ends when it is dropped.
pub(crate) struct Twin {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

/// How the server treats what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Honest,
    /// Its clock is ahead by so many seconds.
    Ahead(i64),
    /// It signs nothing.
    Unsigned,
    /// It signs with another key of the same name.
    Forged,
    /// It signs its replies to another request.
    Replayed,
    /// It carries updates out, and then refuses.
    Refuses,
    /// It has no authority.
    Cache,
}

struct State {
    mode: Mode,
    records: Vec<Record>,
    updates: usize,
}

impl Twin {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = bind().await;
        let address = udp.local_addr().expect("it is bound");
        let state = State { mode: Mode::Honest, records: Vec::new(), updates: 0 };
        let state = Arc::new(Mutex::new(state));
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(udp, Arc::clone(&state)));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&state)));
        Self { address, state, _tasks: tasks }
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.lock().mode = mode;
    }

    /// How many updates were carried out.
    pub(crate) fn updates(&self) -> usize {
        self.lock().updates
    }

    /// Adds a record, past all checks.
    pub(crate) fn insert(&self, owner: &str, data: RData) {
        let owner = Name::from_ascii(owner).expect("a name");
        self.lock().records.push(Record::from_rdata(owner, 30, data));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port that is free for both.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = udp.local_addr().expect("it is bound");
        if let Ok(tcp) = TcpListener::bind(address).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = [0; 4_096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
        let reply = lock(&state).reply(&buffer[..length], 1_232);
        if let Some(reply) = reply {
            // Nobody may be waiting any more.
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(serve_connection(stream, Arc::clone(&state)));
    }
}

async fn serve_connection(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Ok(length) = stream.read_u16().await {
        let mut message = vec![0; length.into()];
        if stream.read_exact(&mut message).await.is_err() {
            return;
        }
        let Some(reply) = lock(&state).reply(&message, usize::from(u16::MAX)) else { return };
        let length = u16::try_from(reply.len()).expect("it was made to fit");
        let framed = [&length.to_be_bytes()[..], &reply].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

/// How a reply is signed.
enum Signature {
    None,
    /// The request's own signature does not hold: the reply tells why, and is not signed.
    Unsigned(TsigError, Name),
    By {
        signer: TSigner,
        request: TSIG,
        error: Option<TsigError>,
    },
}

impl State {
    fn reply(&mut self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        let request = Message::from_vec(bytes).ok()?;
        let mut reply = Message::new(request.id, MessageType::Response, request.op_code);
        reply.queries.clone_from(&request.queries);
        reply.metadata.authoritative = self.mode != Mode::Cache;
        let signature = self.verify(bytes, &request);
        match &signature {
            Signature::Unsigned(..) | Signature::By { error: Some(_), .. } => {
                reply.metadata.response_code = ResponseCode::NotAuth;
            }
            _ if request.op_code == OpCode::Update => {
                reply.metadata.response_code = match signature {
                    Signature::None => ResponseCode::Refused,
                    _ => self.update(&request),
                };
            }
            _ => self.answer(&request, &mut reply),
        }
        Some(self.sign(reply, signature, most))
    }

    fn now(&self) -> u64 {
        let ahead = if let Mode::Ahead(seconds) = self.mode { seconds } else { 0 };
        TokioTime::current_time().checked_add_signed(ahead).expect("not at the end of time")
    }

    /// RFC 8945 section 5.2.
    fn verify(&self, bytes: &[u8], request: &Message) -> Signature {
        let Some(tsig) = request.signature() else { return Signature::None };
        let signer = signer(SECRET);
        if tsig.name != *signer.signer_name() || tsig.data.algorithm != *signer.algorithm() {
            return Signature::Unsigned(TsigError::BadKey, tsig.name.clone());
        }
        let Ok((_, _, valid)) = signer.verify_message_byte(bytes, None, true) else {
            return Signature::Unsigned(TsigError::BadSig, tsig.name.clone());
        };
        let error = (!valid.contains(&self.now())).then_some(TsigError::BadTime);
        Signature::By { signer, request: tsig.data.clone(), error }
    }

    /// RFC 2136 section 3.4, as far as single records of known types go.
    fn update(&mut self, request: &Message) -> ResponseCode {
        let zone = Name::from_ascii(ZONE).expect("a name");
        if request.queries.iter().any(|zone_asked| *zone_asked.name() != zone) {
            return ResponseCode::NotAuth;
        }
        if request.authorities.iter().any(|record| !zone.zone_of(&record.name)) {
            return ResponseCode::NotZone;
        }
        self.updates += 1;
        for change in &request.authorities {
            let same = |record: &Record| record.name == change.name && record.data == change.data;
            match change.dns_class {
                DNSClass::NONE => self.records.retain(|record| !same(record)),
                DNSClass::IN => {
                    if !self.records.iter().any(same) {
                        self.records.push(change.clone());
                    }
                    self.records
                        .iter_mut()
                        .filter(|record| record.name == change.name)
                        .for_each(|record| record.ttl = change.ttl);
                }
                _ => return ResponseCode::FormErr,
            }
        }
        match self.mode {
            Mode::Refuses => ResponseCode::Refused,
            _ => ResponseCode::NoError,
        }
    }

    fn answer(&self, request: &Message, reply: &mut Message) {
        let Some(query) = request.queries.first() else { return };
        let here = self.records.iter().filter(|record| record.name == *query.name());
        let asked = here.clone().filter(|record| {
            [query.query_type(), RecordType::CNAME].contains(&record.record_type())
        });
        reply.add_answers(asked.cloned());
        if here.count() == 0 {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        if reply.answers.is_empty() {
            let zone = Name::from_ascii(ZONE).expect("a name");
            let soa = SOA::new(zone.clone(), zone.clone(), 1, 60, 60, 3_600, 1);
            reply.add_authority(Record::from_rdata(zone, 1, RData::SOA(soa)));
        }
    }

    fn sign(&self, mut reply: Message, signature: Signature, most: usize) -> Vec<u8> {
        let mut unsigned = reply.to_vec().expect("it can be encoded");
        // What the signature takes.
        if unsigned.len() + 256 > most {
            reply.answers.clear();
            reply.metadata.truncation = true;
            unsigned = reply.to_vec().expect("it can be encoded");
        }
        let record = match signature {
            Signature::None => return unsigned,
            Signature::By { .. } if self.mode == Mode::Unsigned => return unsigned,
            Signature::Unsigned(error, name) => {
                let algorithm = TsigAlgorithm::HmacSha256;
                let (time, id) = (self.now(), reply.id);
                let tsig = TSIG::new(algorithm, time, 300, Vec::new(), id, Some(error), Vec::new());
                make_tsig_record(name, tsig)
            }
            Signature::By { signer, request, error } => {
                self.signature(&unsigned, reply.id, signer, request, error)
            }
        };
        reply.set_signature(Box::new(record));
        reply.to_vec().expect("it can be encoded")
    }

    fn signature(
        &self,
        unsigned: &[u8],
        id: u16,
        signer: TSigner,
        mut request: TSIG,
        error: Option<TsigError>,
    ) -> Record<TSIG> {
        let signer = if self.mode == Mode::Forged { self::signer(b"another") } else { signer };
        if self.mode == Mode::Replayed {
            request.mac[0] ^= 1;
        }
        // RFC 8945 section 5.2.3: on BADTIME the request's time, and ours in "other data".
        let (time, other) = match error {
            Some(TsigError::BadTime) => (request.time, self.now().to_be_bytes()[2..].to_vec()),
            _ => (self.now(), Vec::new()),
        };
        let algorithm = signer.algorithm().clone();
        let stub = TSIG::new(algorithm, time, 300, Vec::new(), id, error, other);
        let signed = signer.encode_response_tbs(&request.mac, unsigned, &stub);
        let mac = signer.sign(&signed.expect("it can be encoded")).expect("it can be signed");
        make_tsig_record(signer.signer_name().clone(), stub.set_mac(mac))
    }
}

fn signer(secret: &[u8]) -> TSigner {
    let name = Name::from_ascii(KEY).expect("a name");
    TSigner::new(secret.to_vec(), TsigAlgorithm::HmacSha256, name, 300).expect("it is supported")
}

/// A TXT record's content.
pub(crate) fn txt(text: &str) -> RData {
    RData::TXT(TXT::from_bytes(text.as_bytes().chunks(255).collect()))
}
