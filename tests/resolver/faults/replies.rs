//! What servers reply that is not as the RFCs have it.

use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::op::{Message, ResponseCode};

use super::*;
use crate::scripted::{Scripted, address};

/// A reply whose last record, an A record, has a length that is less than an address has.
fn spoilt(reply: &Message) -> Vec<u8> {
    let mut bytes = reply.to_vec().unwrap();
    let at = bytes.len() - 5;
    bytes[at] = 3;
    bytes.pop();
    bytes
}

#[tokio::test]
async fn a_server_that_does_not_know_edns_is_asked_without_it_and_remembered() {
    for code in [ResponseCode::FormErr, ResponseCode::NotImp] {
        for is_bare in [false, true] {
            let server = Scripted::start(move |asked| match asked.query.edns {
                Some(_) if is_bare => asked.header(code),
                Some(_) => Some(asked.reply(code).to_vec().unwrap()),
                None => asked.address(1),
            });
            let server = server.await;
            let resolver = resolver([server.address]);
            assert_eq!(found(ask_soon(&resolver, "peers.test.", RecordType::A).await), [1].into());
            assert_eq!(server.asked().len(), 2, "{code}");
            // A clone knows it too.
            let again = ask_soon(&resolver.clone(), "peers.test.", RecordType::A).await;
            assert_eq!(found(again), [1].into());
            assert_eq!(server.asked().len(), 3, "{code}");
        }
    }
}

#[tokio::test]
async fn what_fails_without_edns_too_is_a_failure() {
    let server = Scripted::start(|asked| asked.header(ResponseCode::NotImp)).await;
    let resolver = resolver([server.address]);
    let outcome = ask_soon(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_bare_header_leads_to_the_next_server_at_once() {
    for code in [ResponseCode::Refused, ResponseCode::ServFail, ResponseCode::FormErr] {
        let first = Scripted::start(move |asked| asked.header(code)).await;
        let second = Scripted::start(|asked| asked.address(2)).await;
        let resolver = resolver([first.address, second.address]).with_timeout(PATIENT);
        let answer = ask_soon(&resolver, "peers.test.", RecordType::A).await;
        assert_eq!(found(answer), [2].into(), "{code}");
    }
}

#[tokio::test]
async fn one_malformed_additional_record_does_not_lose_the_answers() {
    let over_tcp = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = over_tcp.clone();
    let server = Scripted::start(move |asked| {
        counted.fetch_add(asked.over_tcp.into(), Ordering::Relaxed);
        let mut reply = asked.reply(ResponseCode::NoError);
        reply.add_answers([1, 2].map(|last| address(&asked.name(), last)));
        reply.add_additional(address(&asked.name(), 9));
        Some(spoilt(&reply))
    });
    let server = server.await;
    let answer = ask_soon(&resolver([server.address]), "peers.test.", RecordType::A).await.unwrap();
    assert!(answer.complete);
    assert_eq!(found(Ok(answer)), [1, 2].into());
    assert_eq!(over_tcp.load(Ordering::Relaxed), 0, "it is whole");
}

#[tokio::test]
async fn a_malformed_answer_is_missing_and_its_absence_says_nothing() {
    let server = Scripted::start(|asked| {
        let mut reply = asked.reply(ResponseCode::NoError);
        if asked.name() == name("both.test.") {
            reply.add_answer(address(&asked.name(), 1));
        }
        reply.add_answer(address(&asked.name(), 9));
        Some(spoilt(&reply))
    });
    let server = server.await;
    let resolver = resolver([server.address]);
    let answer = ask_soon(&resolver, "both.test.", RecordType::A).await.unwrap();
    assert!(!answer.complete);
    assert_eq!(found(Ok(answer)), [1].into());
    let outcome = ask_soon(&resolver, "one.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
}
