//! What a zone says of a node, from its start to its end: the same at every server.

use std::{net::SocketAddr, time::Duration};

use hickory_proto::rr::{Name, rdata::TXT};
use libp2p::PeerId;
use libp2p_dns_discovery::{
    hickory_proto,
    publish::{Event, TsigUpdater, Update, UpdateError, Updater},
};

use crate::{
    twin::Twin,
    world::{
        HERE, OWNER, SECRET, THERE, ZONE, add, config, entry, good_key, key, next, node, pinned,
        published, set, texts,
    },
};

#[tokio::test]
async fn at_the_twin() {
    let twin = Twin::start().await;
    all(twin.address).await;
}

/// Everything that a server must show.
pub(crate) async fn all(server: SocketAddr) {
    a_life(server).await;
    a_long_record(server).await;
    wrong_keys(server).await;
    nothing_twice(server).await;
}

async fn a_life(server: SocketAddr) {
    let (tenant, other) = (PeerId::random(), PeerId::random());
    let foreign = ["v=spf1 -all", &entry(THERE, &other), "dnsaddr=/dnsaddr/a.peers.example"];
    add(server, &foreign).await;
    add(server, &[&entry(HERE, &tenant)]).await;

    let mut node = node(server, good_key(), config());
    node.add_external_address(HERE.parse().unwrap());
    match next(&mut node).await {
        Event::Removed { addresses, .. } => assert_eq!(addresses, [pinned(HERE, &tenant)]),
        event => panic!("{event:?}"),
    }
    published(&mut node, &[HERE]).await;
    let local = *node.local_peer_id();
    let [spf, there, fan] = foreign;
    assert_eq!(texts(server).await, set([spf, there, fan, &entry(HERE, &local)]));

    let moved = "/ip4/10.0.0.9/udp/4001/quic-v1";
    node.remove_external_address(&HERE.parse().unwrap());
    node.add_external_address(moved.parse().unwrap());
    published(&mut node, &[moved]).await;
    assert_eq!(texts(server).await, set([spf, there, fan, &entry(moved, &local)]));

    node.behaviour_mut().withdraw();
    assert!(matches!(next(&mut node).await, Event::Withdrawn));
    assert_eq!(texts(server).await, set([spf, there, fan]));
    change(server, |update| update.delete = foreign.map(record).to_vec()).await.unwrap();
    assert_eq!(texts(server).await, set([]));
}

async fn a_long_record(server: SocketAddr) {
    let long = format!("/ip4/10.0.0.7/tcp/443/tls/sni/{}.example/ws", "a".repeat(300));
    let mut node = node(server, good_key(), config().with_addresses([long.parse().unwrap()]));
    published(&mut node, &[&long]).await;
    assert_eq!(texts(server).await, set([&entry(&long, node.local_peer_id())]));
    node.behaviour_mut().withdraw();
    assert!(matches!(next(&mut node).await, Event::Withdrawn));
    assert_eq!(texts(server).await, set([]));
}

async fn wrong_keys(server: SocketAddr) {
    let failure = async |key| {
        let config = config().with_addresses([HERE.parse().unwrap()]);
        match next(&mut node(server, key, config)).await {
            Event::Failed { error, failures: 1, .. } => error,
            event => panic!("{event:?}"),
        }
    };
    let error = failure(key("node.key.", b"another secret")).await;
    assert!(matches!(error, UpdateError::BadSig { .. }), "{error:?}");
    assert!(error.to_string().contains("secret differs"), "{error}");
    let error = failure(key("other.key.", SECRET)).await;
    assert!(matches!(error, UpdateError::BadKey { .. }), "{error:?}");
    assert!(error.to_string().contains("`other.key.`"), "{error}");
    assert_eq!(texts(server).await, set([]));
}

/// What is there already, and what is gone already, is no failure.
async fn nothing_twice(server: SocketAddr) {
    for _ in 0..2 {
        change(server, |update| update.add = vec![record("once")]).await.unwrap();
        assert_eq!(texts(server).await, set(["once"]));
    }
    for _ in 0..2 {
        change(server, |update| update.delete = vec![record("once")]).await.unwrap();
        assert_eq!(texts(server).await, set([]));
    }
}

/// An update that a server must not carry out.
pub(crate) async fn change_elsewhere(server: SocketAddr, zone: &str, owner: &str) -> UpdateError {
    let name = |text| Name::from_ascii(text).unwrap();
    let mut update = Update::new(name(zone), name(owner));
    update.add = vec![record("elsewhere")];
    let update = TsigUpdater::new(server, good_key()).update(update);
    let outcome = tokio::time::timeout(Duration::from_secs(60), update).await;
    outcome.expect("it replies").expect_err("it is not allowed")
}

pub(crate) async fn change(
    server: SocketAddr,
    what: impl FnOnce(&mut Update),
) -> Result<(), UpdateError> {
    let mut update = Update::new(Name::from_ascii(ZONE).unwrap(), Name::from_ascii(OWNER).unwrap());
    what(&mut update);
    TsigUpdater::new(server, good_key()).update(update).await
}

fn record(text: &str) -> TXT {
    TXT::from_bytes(vec![text.as_bytes()])
}
