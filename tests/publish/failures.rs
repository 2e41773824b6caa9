//! What a server can do wrong, and what an operator can.

use std::time::Duration;

use futures::FutureExt;
use hickory_proto::rr::{Name, RData, rdata::CNAME};
use libp2p::PeerId;
use libp2p_dns_discovery::{
    hickory_proto,
    publish::{Config, Event, TsigUpdater, UpdateError, Updater},
};
use tokio::io::AsyncReadExt;

use crate::{
    lifecycle::change_elsewhere,
    twin::{Mode, Twin, txt},
    world::{HERE, OWNER, ZONE, config, entry, good_key, next, node, published, set, texts},
};

fn configured() -> Config {
    config().with_addresses([HERE.parse().unwrap()])
}

/// The first failure at a server in this mode. The zone must not be changed by it.
async fn failure(twin: &Twin, mode: Mode) -> UpdateError {
    twin.set_mode(mode);
    let mut node = node(twin.address, good_key(), configured());
    match next(&mut node).await {
        Event::Failed { error, failures: 1, .. } => error,
        event => panic!("{event:?}"),
    }
}

#[tokio::test]
async fn clocks_that_differ_are_told_with_the_difference() {
    let twin = Twin::start().await;
    for (ahead, told) in
        [(3_600, "the server's is 3600 s ahead"), (-900, "the server's is 900 s behind")]
    {
        let error = failure(&twin, Mode::Ahead(ahead)).await;
        let UpdateError::BadTime { server_ahead: Some(seconds), .. } = error else {
            panic!("{error:?}")
        };
        assert!((seconds - ahead).abs() <= 1, "{seconds}");
        // The second may have turned between the two readings of the clock.
        assert!(error.to_string().contains(told) || seconds != ahead, "{error}");
    }
    assert_eq!(twin.updates(), 0);
    twin.set_mode(Mode::Ahead(200));
    published(&mut node(twin.address, good_key(), configured()), &[HERE]).await;
}

#[tokio::test]
async fn a_reply_that_is_not_signed_for_us_is_not_believed() {
    let twin = Twin::start().await;
    for mode in [Mode::Unsigned, Mode::Forged, Mode::Replayed] {
        let error = failure(&twin, mode).await;
        assert!(matches!(error, UpdateError::Unverified(_)), "{mode:?}: {error:?}");
        assert_eq!(twin.updates(), 0);
    }
    // Nor is that of an update.
    let mut node = node(twin.address, good_key(), config());
    node.add_external_address(HERE.parse().unwrap());
    twin.set_mode(Mode::Honest);
    published(&mut node, &[HERE]).await;
    twin.set_mode(Mode::Forged);
    node.behaviour_mut().withdraw();
    let event = next(&mut node).await;
    assert!(matches!(event, Event::Failed { .. }), "{event:?}");
    twin.set_mode(Mode::Honest);
    assert!(matches!(next(&mut node).await, Event::Withdrawn));
    assert_eq!(texts(twin.address).await, set([]));
}

#[tokio::test]
async fn a_server_without_authority_is_not_asked_to_update() {
    let twin = Twin::start().await;
    let error = failure(&twin, Mode::Cache).await;
    assert!(matches!(error, UpdateError::NotAuth { .. }), "{error:?}");
    assert_eq!(twin.updates(), 0);
    twin.set_mode(Mode::Honest);
    let error = change_elsewhere(twin.address, "example.", OWNER).await;
    assert!(matches!(error, UpdateError::NotAuth { .. }), "{error:?}");
    let error = change_elsewhere(twin.address, ZONE, "peers.test.").await;
    assert!(error.to_string().contains("not in the zone"), "{error}");
}

#[tokio::test]
async fn a_refusal_names_the_key_and_what_it_must_be_allowed() {
    let twin = Twin::start().await;
    let error = failure(&twin, Mode::Refuses).await;
    assert!(matches!(error, UpdateError::Refused { .. }), "{error:?}");
    for told in ["REFUSED", "node.key.", OWNER, "update-policy"] {
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[tokio::test]
async fn beside_an_alias_nothing_is_published() {
    let twin = Twin::start().await;
    twin.insert(OWNER, RData::CNAME(CNAME(Name::from_ascii("else.example.").unwrap())));
    let error = failure(&twin, Mode::Honest).await;
    assert!(matches!(error, UpdateError::Alias { .. }), "{error:?}");
    assert_eq!(twin.updates(), 0);
}

#[tokio::test]
async fn a_name_that_no_answer_can_carry_is_not_filled_further() {
    let twin = Twin::start().await;
    for port in 0..700 {
        let address = format!("/ip4/10.0.0.9/tcp/{}", 10_000 + port);
        twin.insert(OWNER, txt(&entry(&address, &PeerId::random())));
    }
    let error = failure(&twin, Mode::Honest).await;
    assert!(matches!(error, UpdateError::Full { .. }), "{error:?}");
    assert_eq!(twin.updates(), 0);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_the_cause() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let event = next(&mut node(address, good_key(), configured())).await;
    let Event::Failed { error: UpdateError::Failed(error), .. } = event else {
        panic!("{event:?}")
    };
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    assert_eq!(kind, Some(std::io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_time_out_and_no_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hour = Duration::from_secs(3_600);
    let config = configured().with_timeout(Duration::from_millis(500)).with_retry(hour, hour);
    let mut node = node(listener.local_addr().unwrap(), good_key(), config);
    let event = next(&mut node).await;
    assert!(matches!(event, Event::Failed { error: UpdateError::TimedOut, .. }), "{event:?}");
    let (mut connection, _) = listener.accept().await.unwrap();
    let mut sent = Vec::new();
    let closed = connection.read_to_end(&mut sent);
    let closed = tokio::time::timeout(Duration::from_secs(60), closed).await;
    assert!(closed.is_ok(), "the abandoned connection is still open");
}

#[test]
fn outside_of_a_runtime_an_exchange_fails_and_does_not_panic() {
    let updater = TsigUpdater::new(([127, 0, 0, 1], 53).into(), good_key());
    let read = updater.read(Name::from_ascii(OWNER).unwrap());
    let outcome = read.now_or_never().expect("there is nothing to wait for");
    let Err(UpdateError::Failed(error)) = outcome else { panic!("{outcome:?}") };
    assert!(error.to_string().contains("runtime"), "{error}");
}
