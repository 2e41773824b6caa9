//! A DNS server on a loopback address, which serves a [`Zone`] over UDP and TCP.
//!
//! It behaves as CoreDNS does where that matters: every answer is shuffled, and one that does not
//! fit, over UDP or over TCP, is cut after the shuffle and marked as truncated.

#![allow(dead_code, reason = "each program that includes this file uses a part of it")]

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hickory_server::{
    Server,
    net::{runtime::Time, xfer::Protocol},
    proto::{
        op::{Edns, Header, HeaderCounts, Metadata, ResponseCode},
        rr::{Name, RData, Record, RecordType, rdata::SOA},
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};
use libp2p_dns_discovery::{
    Answer, LookupError, Nothing, NothingKind, Query, Resolver, resolver::zone::Zone,
};
use tokio::net::{TcpListener, UdpSocket};

/// How long an idle TCP connection is kept.
const TCP_IDLE: Duration = Duration::from_secs(5);
/// How many replies may wait to be sent on one TCP connection.
const TCP_REPLIES: usize = 32;
/// How many ports are tried until one is free for both protocols.
const PORT_TRIES: usize = 100;

/// A DNS server. It ends when it is dropped.
///
/// What it serves is changed through the [`Zone`], of which the caller keeps a clone. Several
/// servers may serve one zone, and each may be told to [misbehave](Self::set_mode).
pub(crate) struct DnsServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Owns the tasks that serve: they end with it.
    _server: Server<Handler>,
}

/// How a server treats what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It answers from the zone.
    Answer,
    /// It says nothing at all.
    Silent,
    /// It fails (`SERVFAIL`).
    ServFail,
    /// It refuses (`REFUSED`).
    Refused,
}

impl DnsServer {
    /// Serves a zone at an address, over UDP and TCP. With port 0, a port that is free for both is
    /// chosen. It must be called within a Tokio runtime. The seed decides how answers are shuffled.
    pub(crate) async fn start(address: SocketAddr, zone: Zone, seed: u64) -> io::Result<Self> {
        let (udp, tcp) = bind(address).await?;
        let address = udp.local_addr()?;
        let shared = Arc::new(Shared::new(seed));
        let mut server = Server::new(Handler { zone, shared: Arc::clone(&shared) });
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_REPLIES);
        Ok(Self { address, shared, _server: server })
    }

    /// The address it serves at.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how it treats all queries from now on.
    pub(crate) fn set_mode(&self, mode: Mode) {
        *self.shared.modes() = (mode, mode);
    }

    /// Changes how it treats queries over TCP from now on.
    pub(crate) fn set_tcp_mode(&self, mode: Mode) {
        self.shared.modes().1 = mode;
    }

    /// How many queries have come over UDP, answered or not.
    pub(crate) fn udp_queries(&self) -> u64 {
        self.shared.udp_queries.load(Ordering::Relaxed)
    }

    /// How many queries have come over TCP, answered or not.
    pub(crate) fn tcp_queries(&self) -> u64 {
        self.shared.tcp_queries.load(Ordering::Relaxed)
    }

    /// How many queries have come.
    pub(crate) fn queries(&self) -> u64 {
        self.udp_queries() + self.tcp_queries()
    }
}

/// A socket and a listener on one address, with one port for both.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let udp = UdpSocket::bind(address).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 || tries == PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// What the server and its tasks share.
struct Shared {
    /// For UDP and for TCP.
    modes: Mutex<(Mode, Mode)>,
    rng: Mutex<fastrand::Rng>,
    udp_queries: AtomicU64,
    tcp_queries: AtomicU64,
}

impl Shared {
    fn new(seed: u64) -> Self {
        Self {
            modes: Mutex::new((Mode::Answer, Mode::Answer)),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            udp_queries: AtomicU64::new(0),
            tcp_queries: AtomicU64::new(0),
        }
    }

    fn modes(&self) -> std::sync::MutexGuard<'_, (Mode, Mode)> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a query, and says how to treat it.
    fn receive(&self, protocol: Protocol) -> Mode {
        let (queries, mode) = match protocol {
            Protocol::Udp => (&self.udp_queries, self.modes().0),
            _ => (&self.tcp_queries, self.modes().1),
        };
        queries.fetch_add(1, Ordering::Relaxed);
        mode
    }

    /// The records in the order in which they are sent: aliases first, the rest shuffled.
    fn shuffle<'a>(&self, records: &'a [Record]) -> Vec<&'a Record> {
        let is_alias = |record: &&Record| record.record_type() == RecordType::CNAME;
        let (mut sent, mut rest): (Vec<_>, Vec<_>) = records.iter().partition(is_alias);
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).shuffle(&mut rest);
        sent.append(&mut rest);
        sent
    }
}

struct Handler {
    zone: Zone,
    shared: Arc<Shared>,
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        response_handle: R,
    ) -> ResponseInfo {
        let outcome = match self.shared.receive(request.protocol()) {
            Mode::Silent => Err(LookupError::TimedOut),
            Mode::ServFail => Err(LookupError::ServerFailed("told to".into())),
            Mode::Refused => Err(LookupError::Refused),
            Mode::Answer => match question(request) {
                Some(query) => self.zone.lookup(query).await,
                None => Err(LookupError::Refused),
            },
        };
        let reply = match outcome {
            Ok(answer) => Reply::of_answer(answer),
            Err(error) => match Reply::of_error(error, request) {
                Some(reply) => reply,
                None => return unsent(request),
            },
        };
        self.send(request, response_handle, &reply).await
    }
}

impl Handler {
    async fn send<R: ResponseHandler>(
        &self,
        request: &Request,
        mut response_handle: R,
        reply: &Reply,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = true;
        metadata.response_code = reply.code;
        metadata.truncation = reply.truncated;
        let edns = edns(request);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let answers = self.shared.shuffle(&reply.answers);
        let message = builder.build(metadata, answers, [], &reply.soa, &reply.additionals);
        match response_handle.send_response(message).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "the reply could not be sent");
                unsent(request)
            }
        }
    }
}

/// What a message says.
struct Reply {
    code: ResponseCode,
    answers: Vec<Record>,
    soa: Option<Record>,
    additionals: Vec<Record>,
    truncated: bool,
}

impl Reply {
    fn of_code(code: ResponseCode) -> Self {
        Self { code, answers: Vec::new(), soa: None, additionals: Vec::new(), truncated: false }
    }

    fn of_answer(answer: Answer) -> Self {
        Self {
            answers: answer.records,
            additionals: answer.additionals,
            truncated: !answer.complete,
            ..Self::of_code(ResponseCode::NoError)
        }
    }

    /// `None` where there is no reply at all.
    fn of_error(error: LookupError, request: &Request) -> Option<Self> {
        Some(match error {
            LookupError::TimedOut => return None,
            LookupError::Refused => Self::of_code(ResponseCode::Refused),
            LookupError::Nothing(nothing) => Self::of_nothing(nothing, request),
            _ => Self::of_code(ResponseCode::ServFail),
        })
    }

    fn of_nothing(nothing: Nothing, request: &Request) -> Self {
        let code = match nothing.kind {
            NothingKind::NxDomain => ResponseCode::NXDomain,
            _ => ResponseCode::NoError,
        };
        let zone = question(request).map_or_else(Name::root, |query| query.name.base_name());
        let soa = nothing.negative_ttl.map(|ttl| soa(zone, ttl));
        Self { soa, ..Self::of_code(code) }
    }
}

fn question(request: &Request) -> Option<Query> {
    let query = request.request_info().ok()?.query;
    Some(Query::new(query.original().name.clone(), query.query_type()))
}

fn soa(zone: Name, negative_ttl: Duration) -> Record {
    let seconds = u32::try_from(negative_ttl.as_secs()).unwrap_or(u32::MAX);
    let data = SOA::new(zone.clone(), zone.clone(), 1, 7200, 1800, 86400, seconds);
    Record::from_rdata(zone, seconds, RData::SOA(data))
}

/// The encoder cuts a reply over UDP to the size that the reply's own EDNS record names.
fn edns(request: &Request) -> Option<Edns> {
    request.edns.as_ref()?;
    let mut edns = Edns::new();
    edns.set_max_payload(request.max_payload());
    Some(edns)
}

fn unsent(request: &Request) -> ResponseInfo {
    let metadata = Metadata::response_from_request(&request.metadata);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
