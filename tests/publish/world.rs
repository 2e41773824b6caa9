//! What the tests share: the names, and a node that publishes.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use futures::StreamExt;
use hickory_proto::rr::{Name, RData, RecordType, rdata::TXT};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder,
    core::{Transport, muxing::StreamMuxerBox, transport::dummy::DummyTransport},
    swarm::SwarmEvent,
};
use libp2p_dns_discovery::{
    LookupError, Query, Resolver, hickory_proto,
    publish::{Algorithm, Config, Event, Publisher, TsigKey, TsigUpdater, Update, Updater},
    resolver::hickory::HickoryResolver,
};

pub(crate) const ZONE: &str = "peers.example.";
pub(crate) const OWNER: &str = "_dnsaddr.peers.example.";
pub(crate) const KEY: &str = "node.key.";
pub(crate) const SECRET: &[u8] = b"a secret that only this test knows";

pub(crate) const HERE: &str = "/ip4/10.0.0.7/tcp/4001";
pub(crate) const THERE: &str = "/ip4/10.0.0.8/tcp/4001";

/// Far longer than anything takes: a slow machine is no failure.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn key(name: &str, secret: &[u8]) -> TsigKey {
    let name = Name::from_ascii(name).expect("a name");
    TsigKey::new(name, Algorithm::HmacSha256, secret).expect("a secret")
}

pub(crate) fn good_key() -> TsigKey {
    key(KEY, SECRET)
}

/// Publishes what it is told at once.
pub(crate) fn config() -> Config {
    Config::new(ZONE, ZONE)
        .expect("the zone holds its own name")
        .with_debounce(Duration::from_millis(1))
        .with_retry(Duration::from_millis(50), Duration::from_millis(200))
}

/// A node that neither listens nor dials.
pub(crate) fn node(
    server: SocketAddr,
    key: TsigKey,
    config: Config,
) -> Swarm<Publisher<TsigUpdater>> {
    node_with(TsigUpdater::new(server, key), config)
}

/// The same, with a given way to the name server.
pub(crate) fn node_with<U: Updater>(updater: U, config: Config) -> Swarm<Publisher<U>> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_other_transport(|_| DummyTransport::<(PeerId, StreamMuxerBox)>::new().boxed())
        .expect("a transport")
        .with_behaviour(|key| Publisher::new(updater, config, key.public().to_peer_id()))
        .expect("a behaviour")
        .build()
}

/// What the node tells next.
pub(crate) async fn next<U: Updater>(node: &mut Swarm<Publisher<U>>) -> Event {
    let event = async {
        loop {
            if let SwarmEvent::Behaviour(event) = node.select_next_some().await {
                return event;
            }
        }
    };
    tokio::time::timeout(LIMIT, event).await.expect("the node tells nothing")
}

/// Drives the node until it tells of these addresses.
pub(crate) async fn published<U: Updater>(node: &mut Swarm<Publisher<U>>, wanted: &[&str]) {
    match next(node).await {
        Event::Published { addresses, .. } => {
            let local = *node.local_peer_id();
            let wanted: Vec<_> = wanted.iter().map(|text| pinned(text, &local)).collect();
            assert_eq!(addresses, wanted);
        }
        event => panic!("{event:?}"),
    }
}

pub(crate) fn pinned(address: &str, peer: &PeerId) -> Multiaddr {
    address.parse::<Multiaddr>().expect("an address").with_p2p(*peer).expect("no other id")
}

pub(crate) fn entry(address: &str, peer: &PeerId) -> String {
    format!("dnsaddr={}", pinned(address, peer))
}

/// The texts that a zone has at the name, as anybody reads them.
pub(crate) async fn texts(server: SocketAddr) -> BTreeSet<String> {
    let resolver = HickoryResolver::with_servers([server]).expect("a server");
    let owner = Name::from_ascii(OWNER).expect("a name");
    let records = match resolver.lookup(Query::new(owner, RecordType::TXT)).await {
        Ok(answer) => answer.records,
        Err(LookupError::Nothing(_)) => Vec::new(),
        Err(error) => panic!("{error:?}"),
    };
    let text = |txt: &TXT| String::from_utf8(txt.txt_data.concat()).expect("UTF-8");
    let texts = records.iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(text(txt)),
        _ => None,
    });
    texts.collect()
}

/// An operator adds texts.
pub(crate) async fn add(server: SocketAddr, texts: &[&str]) {
    let name = |text| Name::from_ascii(text).expect("a name");
    let mut update = Update::new(name(ZONE), name(OWNER));
    update.add =
        texts.iter().map(|text| TXT::from_bytes(text.as_bytes().chunks(255).collect())).collect();
    TsigUpdater::new(server, good_key()).update(update).await.expect("it is allowed");
}

pub(crate) fn set<const N: usize>(texts: [&str; N]) -> BTreeSet<String> {
    texts.map(str::to_owned).into()
}
