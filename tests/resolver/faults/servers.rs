//! Several servers, some of them silent: who is asked, for how long, and who is believed.

use std::{
    num::{NonZeroU32, NonZeroUsize},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hickory_proto::op::{Message, ResponseCode};
use tokio::{net::UdpSocket, task::yield_now};

use super::*;
use crate::scripted::Scripted;

const INSTANT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn two_dead_servers_leave_time_for_the_third() {
    let dead = [Scripted::start(|_| None).await, Scripted::start(|_| None).await];
    let third = Scripted::start(|asked| asked.address(3)).await;
    let servers = [dead[0].address, dead[1].address, third.address];
    // As a system with `timeout:15`; the time of a look-up is shortened, and what it allows is not.
    let resolver = resolver(servers).with_timeout(Duration::from_secs(15));
    let resolver = resolver.with_budget(Duration::from_secs(3));
    assert_eq!(found(ask_soon(&resolver, "peers.test.", RecordType::A).await), [3].into());
}

#[tokio::test]
async fn nothing_from_a_server_that_stepped_in_is_not_believed() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let first = Scripted::start(move |asked| match up.load(Ordering::Relaxed) {
        true => asked.address(1),
        false => None,
    });
    let (first, second) =
        (first.await, Scripted::start(|asked| asked.nothing(ResponseCode::NXDomain)).await);
    let resolver = resolver([first.address, second.address]).with_timeout(INSTANT);
    for _ in 0..2 {
        let outcome = ask_soon(&resolver, "peers.test.", RecordType::A).await;
        assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    }
    is_up.store(true, Ordering::Relaxed);
    // It is asked last, and known to know better.
    assert_eq!(found(ask_soon(&resolver, "peers.test.", RecordType::A).await), [1].into());
    is_up.store(false, Ordering::Relaxed);
    let other = resolver.with_attempts(NonZeroU32::MIN);
    let outcome = ask_soon(&other, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
}

#[tokio::test]
async fn nothing_makes_no_server_the_preferred_one() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let first = Scripted::start(move |asked| match up.load(Ordering::Relaxed) {
        true => asked.address(1),
        false => asked.header(ResponseCode::ServFail),
    });
    let (first, second) =
        (first.await, Scripted::start(|asked| asked.nothing(ResponseCode::NXDomain)).await);
    let resolver = resolver([first.address, second.address]);
    let outcome = ask_soon(&resolver, "peers.test.", RecordType::A).await;
    assert!(matches!(outcome, Err(LookupError::Nothing(_))), "{outcome:?}");
    is_up.store(true, Ordering::Relaxed);
    assert_eq!(found(ask_soon(&resolver, "peers.test.", RecordType::A).await), [1].into());
}

/// A server that replies to what has come only once no more comes: it tells how many queries were under
/// way at once, and in which order they came.
async fn serve_slowly(socket: UdpSocket, count: usize) -> (usize, Vec<Name>) {
    let (mut names, mut waiting, mut most) = (Vec::new(), Vec::new(), 0);
    let mut buffer = [0; 512];
    while names.len() < count || !waiting.is_empty() {
        // All clients are on this thread: what they send, they have sent by then.
        for _ in 0..500 {
            yield_now().await;
            while let Ok((length, from)) = socket.try_recv_from(&mut buffer) {
                let query = Message::from_vec(&buffer[..length]).unwrap();
                names.push(query.queries[0].name.clone());
                waiting.push((query, from));
            }
        }
        most = most.max(waiting.len());
        if !waiting.is_empty() {
            let (query, from) = waiting.remove(0);
            let mut reply = query.into_response();
            reply.metadata.response_code = ResponseCode::NXDomain;
            socket.send_to(&reply.to_vec().unwrap(), from).await.unwrap();
        }
    }
    (most, names)
}

#[tokio::test]
async fn many_look_ups_have_few_queries_under_way_and_come_in_order() {
    for (at_once, most) in [(None, 16), (NonZeroUsize::new(3), 3)] {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let mut resolver = resolver([socket.local_addr().unwrap()]).with_timeout(PATIENT);
        if let Some(at_once) = at_once {
            resolver = resolver.with_queries_at_once(at_once);
        }
        let hosts = Vec::from_iter((0..120).map(|n| name(&format!("host{n}.test."))));
        let lookups =
            hosts.iter().map(|host| resolver.lookup(Query::new(host.clone(), RecordType::A)));
        let lookups = futures::future::join_all(lookups);
        let (outcomes, served) = tokio::join!(lookups, serve_slowly(socket, hosts.len()));
        let nothing = |outcome: &Result<_, _>| matches!(outcome, Err(LookupError::Nothing(_)));
        assert!(outcomes.iter().all(nothing));
        assert_eq!(served, (most, hosts));
    }
}

#[tokio::test]
async fn of_many_look_ups_on_a_silent_server_none_starves() {
    let server = Scripted::start(|_| None).await;
    let resolver = resolver([server.address]).with_budget(Duration::from_secs(3));
    let hosts = Vec::from_iter((0..120).map(|n| format!("host{n}.test.")));
    let lookups = hosts.iter().map(|host| ask(&resolver, host, RecordType::A));
    futures::future::join_all(lookups).await;
    for host in hosts {
        assert_ne!(server.count(&host, RecordType::A), 0, "{host}");
    }
}
