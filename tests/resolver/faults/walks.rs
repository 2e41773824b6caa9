//! A search list is walked once per name, for all its types.

use hickory_proto::op::ResponseCode;
use libp2p_dns_discovery::{Nothing, NothingKind};

use super::*;
use crate::scripted::{Asked, Scripted, address, bytes};

const DOMAINS: [&str; 4] = ["ns.svc.cl.", "svc.cl.", "cl.", "corp.example."];

fn searching(server: &Scripted) -> HickoryResolver {
    resolver([server.address]).with_search(DOMAINS.map(name)).with_ndots(5)
}

/// Both families at once, as a source with `/dns` looks them up.
async fn ask_both(
    resolver: &HickoryResolver,
) -> (Result<Answer, LookupError>, Result<Answer, LookupError>) {
    tokio::join!(
        ask_soon(resolver, "peers", RecordType::A),
        ask_soon(resolver, "peers", RecordType::AAAA),
    )
}

#[track_caller]
fn nothing(outcome: Result<Answer, LookupError>) -> Nothing {
    let Err(LookupError::Nothing(nothing)) = outcome else { panic!("{outcome:?}") };
    nothing
}

fn is_in(asked: &Asked, domain: &str) -> bool {
    asked.name() == name(&format!("peers.{domain}"))
}

/// A wildcard, which has addresses of both families.
fn wildcard(asked: &Asked) -> Option<Vec<u8>> {
    let mut reply = asked.reply(ResponseCode::NoError);
    reply.add_answer(match asked.record_type() {
        RecordType::AAAA => {
            let ip: IpAddr = "2001:db8::66".parse().unwrap();
            hickory_proto::rr::Record::from_rdata(asked.name(), 5, ip.into())
        }
        _ => address(&asked.name(), 66),
    });
    bytes(reply)
}

#[tokio::test]
async fn where_a_name_exists_for_one_type_it_does_for_all() {
    // In the second domain, there is an address of one family; further on, a wildcard has both.
    let server = Scripted::start(|asked| match asked.record_type() {
        _ if is_in(asked, "corp.example.") => wildcard(asked),
        RecordType::A if is_in(asked, "svc.cl.") => asked.address(1),
        _ if is_in(asked, "svc.cl.") => asked.nothing(ResponseCode::NoError),
        _ => asked.nothing(ResponseCode::NXDomain),
    });
    let server = server.await;
    let (v4, v6) = ask_both(&searching(&server)).await;
    let v4 = v4.unwrap();
    assert_eq!((&v4.name, v4.provisional), (&name("peers.svc.cl."), false));
    let v6 = nothing(v6);
    assert_eq!((v6.kind, v6.provisional), (NothingKind::NoData, false));
    assert_eq!(server.asked().len(), 4, "no more than two domains were asked");
    // So it is for a look-up alone.
    let v6 = ask_soon(&searching(&server), "peers", RecordType::AAAA).await;
    assert_eq!(nothing(v6).kind, NothingKind::NoData);
}

#[tokio::test]
async fn a_type_that_fails_where_the_name_exists_is_not_asked_for_elsewhere() {
    let server = Scripted::start(|asked| match asked.record_type() {
        _ if is_in(asked, "corp.example.") => wildcard(asked),
        RecordType::A if is_in(asked, "ns.svc.cl.") => asked.address(1),
        _ if is_in(asked, "ns.svc.cl.") => asked.header(ResponseCode::ServFail),
        _ => asked.nothing(ResponseCode::NXDomain),
    });
    let server = server.await;
    let (v4, v6) = ask_both(&searching(&server)).await;
    assert_eq!(found(v4), [1].into());
    assert!(matches!(v6, Err(LookupError::ServerFailed(_))), "{v6:?}");
}

#[tokio::test]
async fn an_earlier_domain_that_is_silent_for_one_family_does_not_delay_the_other() {
    let server = Scripted::start(|asked| match asked.record_type() {
        RecordType::AAAA => None,
        _ if is_in(asked, "cl.") => asked.address(1),
        _ => asked.nothing(ResponseCode::NXDomain),
    });
    let server = server.await;
    let resolver = searching(&server);
    let v6 = tokio::spawn(resolver.lookup(Query::new(name("peers"), RecordType::AAAA)));
    tokio::task::yield_now().await;
    assert_eq!(found(ask_soon(&resolver, "peers", RecordType::A).await), [1].into());
    v6.abort();
}

#[tokio::test]
async fn a_later_domain_that_fails_leaves_nothing_provisional_and_no_failure() {
    for code in [Some(ResponseCode::ServFail), Some(ResponseCode::Refused), None] {
        let server = Scripted::start(move |asked| match is_in(asked, "corp.example.") {
            true => code.and_then(|code| asked.header(code)),
            false => asked.nothing(ResponseCode::NXDomain),
        });
        let server = server.await;
        let resolver = searching(&server).with_timeout(Duration::from_millis(500));
        let (v4, v6) = ask_both(&resolver).await;
        for nothing in [nothing(v4), nothing(v6)] {
            assert_eq!((nothing.kind, nothing.provisional), (NothingKind::NxDomain, true));
        }
    }
}

#[tokio::test]
async fn what_is_behind_a_domain_that_fails_is_found_and_provisional() {
    for is_silent in [false, true] {
        let server = Scripted::start(move |asked| match asked.record_type() {
            _ if is_in(asked, "ns.svc.cl.") && is_silent => None,
            _ if is_in(asked, "ns.svc.cl.") => asked.header(ResponseCode::ServFail),
            RecordType::A if is_in(asked, "corp.example.") => asked.address(1),
            _ if is_in(asked, "corp.example.") => asked.nothing(ResponseCode::NoError),
            _ => asked.nothing(ResponseCode::NXDomain),
        });
        let server = server.await;
        let resolver = searching(&server).with_timeout(Duration::from_millis(500));
        let (v4, v6) = ask_both(&resolver).await;
        assert!(v4.as_ref().unwrap().provisional, "{v4:?}");
        assert_eq!(found(v4), [1].into());
        let v6 = nothing(v6);
        assert_eq!((v6.kind, v6.provisional), (NothingKind::NoData, true));
    }
}

#[tokio::test]
async fn a_denial_of_one_type_does_not_hide_the_other() {
    // As some load balancers do (RFC 4074 section 4.2).
    let server = Scripted::start(|asked| match asked.record_type() {
        _ if is_in(asked, "corp.example.") => wildcard(asked),
        RecordType::A if is_in(asked, "svc.cl.") => asked.address(1),
        _ => asked.nothing(ResponseCode::NXDomain),
    });
    let server = server.await;
    let resolver = searching(&server);
    let (v6, v4) = tokio::join!(
        ask_soon(&resolver, "peers", RecordType::AAAA),
        ask_soon(&resolver, "peers", RecordType::A),
    );
    assert_eq!(found(v4), [1].into());
    assert_eq!(nothing(v6).kind, NothingKind::NoData);
}

#[tokio::test]
async fn a_look_up_that_is_dropped_does_not_stop_the_others() {
    let server = Scripted::start(|asked| match asked.record_type() {
        RecordType::AAAA => None,
        _ if is_in(asked, "cl.") => asked.address(1),
        _ => asked.header(ResponseCode::ServFail),
    });
    let server = server.await;
    let resolver = searching(&server);
    let v4 = ask_soon(&resolver, "peers", RecordType::A);
    let v6 = resolver.lookup(Query::new(name("peers"), RecordType::AAAA));
    // The other one is waited on by the first, until it is given up.
    let dropped = tokio::time::timeout(Duration::from_millis(100), v6);
    let (v4, v6) = tokio::join!(v4, dropped);
    assert!(v6.is_err());
    assert_eq!(found(v4), [1].into());
}
