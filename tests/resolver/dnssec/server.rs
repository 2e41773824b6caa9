//! A DNS server on a loopback address that serves zones, or what a forger makes of them.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use hickory_server::{
    Server as Hickory,
    net::runtime::Time,
    proto::{
        op::{Edns, Header, HeaderCounts, Metadata, ResponseCode},
        rr::{LowerName, Name, Record, RecordType},
    },
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::{Catalog, MessageResponseBuilder},
};

use super::zones::{Handler, Zone};
use crate::dns_server;

/// What is replied instead of what the zones say.
#[derive(Clone, Default)]
pub struct Forgery {
    pub code: Option<ResponseCode>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
    pub silent: bool,
}

/// Replies of its own to some questions: by name and type, whatever the zones say.
pub type Forger = Arc<dyn Fn(&Name, RecordType) -> Option<Forgery> + Send + Sync>;

/// A server. It ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    _server: Hickory<Served>,
}

#[derive(Default)]
struct Shared {
    zones: Mutex<HashMap<LowerName, Arc<Handler>>>,
    forger: Mutex<Option<Forger>>,
    asked: Mutex<Vec<Asked>>,
}

/// A question that came.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub name: Name,
    pub record_type: RecordType,
    pub signed: bool,
}

struct Served(Arc<Shared>);

impl Server {
    pub async fn start(zones: impl IntoIterator<Item = Zone>) -> Self {
        let sockets = dns_server::bind((Ipv4Addr::LOCALHOST, 0).into()).await;
        let (udp, tcp) = sockets.expect("a port that is free for both");
        let address = udp.local_addr().expect("bound");
        let shared = Arc::<Shared>::default();
        let mut server = Hickory::new(Served(Arc::clone(&shared)));
        server.register_socket(udp);
        server.register_listener(tcp, Duration::from_secs(5), 32);
        let server = Self { address, shared, _server: server };
        for zone in zones {
            server.serve(zone);
        }
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves a zone, in place of what was served of that name.
    pub fn serve(&self, zone: Zone) {
        lock(&self.shared.zones).insert(zone.origin(), zone.into_handler());
    }

    pub fn forge(
        &self,
        forger: impl Fn(&Name, RecordType) -> Option<Forgery> + Send + Sync + 'static,
    ) {
        *lock(&self.shared.forger) = Some(Arc::new(forger));
    }

    /// What was asked, in order, repetitions left out.
    pub fn asked(&self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for question in lock(&self.shared.asked).iter() {
            if !asked.contains(question) {
                asked.push(question.clone());
            }
        }
        asked
    }

    /// How many messages came.
    pub fn messages(&self) -> usize {
        lock(&self.shared.asked).len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}

#[async_trait::async_trait]
impl RequestHandler for Served {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        response_handle: R,
    ) -> ResponseInfo {
        let query = request.request_info().expect("one question").query;
        let (name, record_type) = (query.original().name.clone(), query.query_type());
        let signed = request.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok);
        lock(&self.0.asked).push(Asked { name: name.clone(), record_type, signed });
        let forger = lock(&self.0.forger).clone();
        match forger.and_then(|forger| forger(&name, record_type)) {
            Some(forgery) => send(request, response_handle, &forgery).await,
            None => {
                self.0
                    .catalog(&name, record_type)
                    .handle_request::<R, T>(request, response_handle)
                    .await
            }
        }
    }
}

impl Shared {
    /// The zones that may be asked. A delegation is known to the zone above (RFC 4035 section 3.1.4.1),
    /// which the catalog does not see to.
    fn catalog(&self, name: &Name, record_type: RecordType) -> Catalog {
        let zones = lock(&self.zones);
        let has_above = zones.keys().any(|zone| zone.zone_of(&name.base_name().into()));
        let mut catalog = Catalog::new();
        for (origin, handler) in zones.iter() {
            if record_type != RecordType::DS || **origin != *name || !has_above {
                catalog.upsert(origin.clone(), vec![handler.clone()]);
            }
        }
        catalog
    }
}

async fn send<R: ResponseHandler>(
    request: &Request,
    mut response_handle: R,
    forgery: &Forgery,
) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.authoritative = true;
    metadata.response_code = forgery.code.unwrap_or(ResponseCode::NoError);
    let header = Header { metadata, counts: HeaderCounts::default() };
    if forgery.silent {
        return ResponseInfo::from(header);
    }
    let mut edns = Edns::new();
    edns.set_max_payload(request.max_payload());
    edns.set_dnssec_ok(true);
    let mut builder = MessageResponseBuilder::from_message_request(request);
    builder.edns(&edns);
    let Forgery { answers, authorities, additionals, .. } = forgery;
    let message = builder.build(metadata, answers, authorities, [], additionals);
    let sent = response_handle.send_response(message).await;
    sent.unwrap_or_else(|_| ResponseInfo::from(header))
}
