//! Replies without a record that do not say that there is nothing.

use hickory_proto::{
    op::ResponseCode,
    rr::{RData, Record, rdata::CNAME},
};

use super::*;
use crate::scripted::{Asked, Scripted, bytes};

/// A chain of so many aliases, which leads to nothing or back to where it began.
fn chain(asked: &Asked, links: usize, is_circle: bool) -> Option<Vec<u8>> {
    let mut reply = asked.reply(ResponseCode::NoError);
    let of = |n: usize| match n {
        0 => asked.name(),
        n if n == links && is_circle => asked.name(),
        n => name(&format!("n{n}.test.")),
    };
    reply.add_answers(
        (0..links).map(|n| Record::from_rdata(of(n), 5, RData::CNAME(CNAME(of(n + 1))))),
    );
    bytes(reply)
}

#[track_caller]
fn assert_failed(outcome: Result<Answer, LookupError>) {
    assert!(matches!(outcome, Err(LookupError::ServerFailed(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_chain_without_an_end_is_a_failure() {
    let server = Scripted::start(|asked| match asked.name().to_ascii().as_str() {
        "long.test." => chain(asked, 17, false),
        "circle.test." => chain(asked, 2, true),
        "self.test." => chain(asked, 1, true),
        _ => chain(asked, 16, false),
    });
    let server = server.await;
    let resolver = resolver([server.address]);
    for endless in ["long.test.", "circle.test.", "self.test."] {
        assert_failed(ask_soon(&resolver, endless, RecordType::A).await);
    }
    let outcome = ask_soon(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Nothing(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_server_that_knows_nothing_does_not_say_that_there_is_nothing() {
    let server = Scripted::start(|asked| {
        let mut reply = asked.reply(ResponseCode::NoError);
        reply.metadata.recursion_available = asked.name() == name("asked.test.");
        reply.metadata.authoritative = asked.name() == name("own.test.");
        bytes(reply)
    });
    let server = server.await;
    let resolver = resolver([server.address]);
    assert_failed(ask_soon(&resolver, "peers.test.", RecordType::A).await);
    for known in ["asked.test.", "own.test."] {
        let outcome = ask_soon(&resolver, known, RecordType::A).await;
        assert!(matches!(outcome, Err(LookupError::Nothing(_))), "{outcome:?}");
    }
}
