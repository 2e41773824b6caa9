//! An [`Updater`] over `hickory-net`: TCP, signed by TSIG.

use std::{net::SocketAddr, time::Duration};

use futures::{FutureExt, StreamExt};
use hickory_net::{
    BufDnsStreamHandle, DnsStreamHandle, NetError,
    runtime::{RuntimeProvider, Time, TokioRuntimeProvider, TokioTime},
    tcp::TcpClientStream,
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, SerialMessage},
    rr::{DNSClass, Name, RData, Record, RecordType, TSigVerifier, rdata::TXT},
};
use tokio::runtime::Handle;

use super::{
    key::TsigKey,
    reply::{self, Request},
    updater::{ExchangeFuture, Update, UpdateError, Updater},
};

/// How long hickory waits for a reply. The publisher has its own time-out and drops an exchange that takes
/// longer, so this one only must not come first.
const PATIENCE: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads and updates a zone at its primary server, over TCP, with every request signed and every
/// reply verified ([RFC 2136], [RFC 8945]).
///
/// Reads are signed too, because a forged answer would make the publisher change the wrong records. A
/// wrong key is noticed by the first read, before anything is changed. The system's clock must be right
/// within 300 s.
///
/// The updater needs a Tokio runtime with I/O and time enabled. Each exchange opens its own connection.
///
/// [RFC 2136]: https://www.rfc-editor.org/rfc/rfc2136
/// [RFC 8945]: https://www.rfc-editor.org/rfc/rfc8945
#[derive(Debug, Clone)]
pub struct TsigUpdater {
    server: SocketAddr,
    key: TsigKey,
}

/// An exchange was polled outside of a Tokio runtime.
#[derive(Debug, thiserror::Error)]
#[error("the updater needs a Tokio runtime")]
struct NoRuntime;

/// The server closed the connection instead of replying.
#[derive(Debug, thiserror::Error)]
#[error("the name server closed the connection without a reply")]
struct Closed;

impl TsigUpdater {
    /// Makes an updater for the zone's primary server, with the key that signs.
    pub fn new(server: SocketAddr, key: TsigKey) -> Self {
        Self { server, key }
    }

    async fn exchange(self, message: Message, owner: Name) -> Result<Message, UpdateError> {
        // Without a runtime, the socket would panic.
        Handle::try_current().map_err(|_| UpdateError::failed(NoRuntime))?;
        let (bytes, verifier, request) = self.sign(message, owner)?;
        let reply = send(self.server, bytes).await.map_err(failed)?;
        request.read(&reply, verifier)
    }

    fn sign(
        &self,
        mut message: Message,
        owner: Name,
    ) -> Result<(Vec<u8>, TSigVerifier, Request), UpdateError> {
        let now = TokioTime::current_time();
        let verifier = message.finalize(&self.key.signer(), now).map_err(UpdateError::failed)?;
        let verifier = verifier.expect("what TSIG signs has a verifier");
        let bytes = message.to_vec().map_err(UpdateError::failed)?;
        let key = self.key.name().clone();
        let request = Request { id: message.id, op_code: message.op_code, owner, key, time: now };
        Ok((bytes, verifier, request))
    }
}

impl Updater for TsigUpdater {
    fn read(&self, owner: Name) -> ExchangeFuture<Vec<TXT>> {
        let mut message = Message::query();
        message.metadata.recursion_desired = false;
        message.add_query(Query::query(owner.clone(), RecordType::TXT));
        let updater = self.clone();
        async move {
            let reply = updater.exchange(message, owner.clone()).await?;
            reply::records(reply, &owner)
        }
        .boxed()
    }

    fn update(&self, update: Update) -> ExchangeFuture<()> {
        let owner = update.owner.clone();
        let exchange = self.clone().exchange(message(update), owner);
        async move { exchange.await.map(|_| ()) }.boxed()
    }
}

/// RFC 2136 section 2: the zone stands where questions do, the changes where authorities do.
fn message(update: Update) -> Message {
    let mut message = Message::new(Message::query().id, MessageType::Query, OpCode::Update);
    message.add_query(Query::query(update.zone, RecordType::SOA));
    for txt in update.delete {
        // Section 2.5.4: one record of a set, by class NONE and TTL 0.
        let mut record = Record::from_rdata(update.owner.clone(), 0, RData::TXT(txt));
        record.dns_class = DNSClass::NONE;
        message.add_authority(record);
    }
    for txt in update.add {
        message.add_authority(Record::from_rdata(
            update.owner.clone(),
            update.ttl,
            RData::TXT(txt),
        ));
    }
    message
}

/// Sends one message, and returns the first message that comes back.
async fn send(server: SocketAddr, message: Vec<u8>) -> Result<Vec<u8>, NetError> {
    let provider = TokioRuntimeProvider::new();
    let (stream, mut handle): (_, BufDnsStreamHandle) = TcpClientStream::<
        <TokioRuntimeProvider as RuntimeProvider>::Tcp,
    >::new(
        server, None, Some(PATIENCE), provider
    );
    let mut stream = stream.await?;
    handle.send(SerialMessage::new(message, server))?;
    match stream.next().await {
        Some(reply) => Ok(reply?.into_parts().0),
        None => Err(NetError::from(std::io::Error::other(Closed))),
    }
}

fn failed(error: NetError) -> UpdateError {
    match error {
        NetError::Timeout => UpdateError::TimedOut,
        // `NetError::Io` does not name the I/O error as its source.
        NetError::Io(error) => UpdateError::Failed(error),
        error => UpdateError::failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    fn updater() -> TsigUpdater {
        let key = TsigKey::new(name("peers."), crate::publish::Algorithm::default(), b"secret");
        TsigUpdater::new(([127, 0, 0, 1], 0).into(), key.unwrap())
    }

    #[test]
    fn an_update_deletes_single_records_and_adds_with_the_ttl() {
        let txt = |text: &str| TXT::new(vec![text.to_owned()]);
        let mut update = Update::new(name("example."), name("_dnsaddr.example."));
        (update.delete, update.add) = (vec![txt("a")], vec![txt("b")]);
        let message = message(update);
        assert_eq!(message.metadata.op_code, OpCode::Update);
        assert_eq!(message.queries, [Query::query(name("example."), RecordType::SOA)]);
        let changes: Vec<_> =
            message.authorities.iter().map(|r| (r.dns_class, r.ttl, r.data.clone())).collect();
        let expected =
            [(DNSClass::NONE, 0, RData::TXT(txt("a"))), (DNSClass::IN, 30, RData::TXT(txt("b")))];
        assert_eq!(changes, expected);
    }

    #[test]
    fn what_is_sent_is_signed_and_a_reply_must_be_to_it() {
        let update = message(Update::new(name("example."), name("_dnsaddr.example.")));
        let (bytes, _, request) = updater().sign(update, name("_dnsaddr.example.")).unwrap();
        let sent = Message::from_vec(&bytes).unwrap();
        assert_eq!(sent.signature().map(|tsig| tsig.name.to_ascii()).as_deref(), Some("peers."));
        assert_eq!((request.id, request.op_code), (sent.metadata.id, OpCode::Update));
    }

    #[test]
    fn outside_of_a_runtime_an_exchange_fails_and_does_not_panic() {
        let outcome = updater().read(name("example.")).now_or_never().expect("nothing to wait for");
        let Err(UpdateError::Failed(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.is::<NoRuntime>());
    }

    #[test]
    fn the_io_error_is_the_cause() {
        assert!(matches!(failed(NetError::Timeout), UpdateError::TimedOut));
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let UpdateError::Failed(error) = failed(NetError::from(io)) else { panic!() };
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
    }
}
