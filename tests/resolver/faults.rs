//! The resolver over hickory, against servers that misbehave as real ones do.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hickory_proto::rr::{Name, RecordType};
use libp2p_dns_discovery::{
    Answer, LookupError, Query, Resolver, resolver::hickory::HickoryResolver,
};
use tokio::time::timeout;

use crate::scripted;

mod chains;
mod replies;
mod servers;
#[cfg(target_os = "linux")]
mod system;
mod walks;

/// More than a whole look-up takes.
const PATIENT: Duration = Duration::from_secs(40);
/// Long enough for a server that answers, on a busy machine.
const SOON: Duration = Duration::from_secs(4);

fn resolver(servers: impl IntoIterator<Item = SocketAddr>) -> HickoryResolver {
    HickoryResolver::with_servers(servers).unwrap()
}

fn name(name: &str) -> Name {
    Name::from_ascii(name).unwrap()
}

async fn ask(
    resolver: &HickoryResolver,
    asked: &str,
    record_type: RecordType,
) -> Result<Answer, LookupError> {
    let lookup = resolver.lookup(Query::new(name(asked), record_type));
    timeout(PATIENT, lookup).await.expect("every look-up ends")
}

/// The same for a look-up that waits for nobody.
async fn ask_soon(
    resolver: &HickoryResolver,
    asked: &str,
    record_type: RecordType,
) -> Result<Answer, LookupError> {
    let lookup = resolver.lookup(Query::new(name(asked), record_type));
    timeout(SOON, lookup).await.expect("it waits for nobody")
}

/// The last parts of the addresses of an answer.
fn found(outcome: Result<Answer, LookupError>) -> BTreeSet<u8> {
    let answer = outcome.unwrap();
    let last = answer.records.iter().filter_map(|record| match record.data.ip_addr()? {
        IpAddr::V4(ip) => Some(ip.octets()[3]),
        IpAddr::V6(ip) => Some(ip.octets()[15]),
    });
    last.collect()
}

/// A closed port at one address that is open at no other time in the test.
async fn closed_port() -> SocketAddr {
    let socket = tokio::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.local_addr().unwrap()
}

#[tokio::test]
async fn a_closed_port_costs_no_time() {
    let second = scripted::Scripted::start(|asked| asked.address(2)).await;
    let both = resolver([closed_port().await, second.address]).with_timeout(PATIENT);
    assert_eq!(found(ask_soon(&both, "peers.test.", RecordType::A).await), [2].into());
    let alone = resolver([closed_port().await]).with_timeout(PATIENT);
    let outcome = ask_soon(&alone, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Failed(_))), "{outcome:?}");
}
