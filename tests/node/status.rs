//! What a readiness probe and an operator are told: ready or not, and why nobody can be reached.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use hickory_proto::rr::RecordType;
use libp2p_dns_discovery::{
    Event, Failure, Isolation, LookupError, Status, discovery::Expect, hickory_proto,
};

use crate::support::{Host, World, address_record, at, ip, lowest, nth, secs};

fn is(status: Status) -> impl Fn(&World) -> bool {
    move |world| world.core.status() == status
}

/// The isolations that were told.
fn told(world: &World) -> Vec<Isolation> {
    let isolation = |event: &Event| match event {
        Event::Isolated(isolation) => Some(isolation.clone()),
        _ => None,
    };
    world.events.iter().filter_map(|(_, event)| isolation(event)).collect()
}

/// What was logged at the level of a warning, or above, while `run` ran.
fn warnings(run: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, an event that another thread is the first to meet meanwhile is turned
    // off for all threads.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    tracing::subscriber::with_default(subscriber, run);
    let bytes = log.0.lock().expect("not poisoned").clone();
    String::from_utf8(bytes).expect("UTF-8")
}

/// Fails without the call of `tell_isolation` in `Readiness::update`, and without the condition
/// `changed` there: it is repeated when DNS begins to list us.
#[test]
fn an_isolated_node_says_since_when_and_why_and_once() {
    let (mut world, _) = World::with_peers(lowest(3), 4);
    for (n, host) in [(1, Host::Refuses), (2, Host::Silent), (3, Host::Denied), (4, Host::Refuses)]
    {
        world.set(ip(n), host);
    }
    let start = world.now;
    world.until(secs(15), "isolated", is(Status::Isolated));
    let isolation = told(&world).pop().expect("told");
    assert_eq!(isolation.since, start + world.latency, "since the answer that named them");
    assert_eq!((isolation.failed, isolation.others), (4, 4));
    let addresses: Vec<_> = isolation.reasons.iter().map(|(c, _)| c.address().clone()).collect();
    assert_eq!(addresses, [1, 2, 3, 4].map(|n| at(ip(n))), "in order");
    let reasons: Vec<_> = isolation.reasons.iter().map(|(_, reason)| reason).collect();
    assert!(matches!(reasons[0], Failure::Transport(why) if &**why == "connection refused"));
    assert!(matches!(reasons[1..3], [Failure::TimedOut, Failure::Denied(_)]));
    let position = |which: fn(&Event) -> bool| world.events.iter().position(|(_, e)| which(e));
    let status = position(|e| matches!(e, Event::Status { status: Status::Isolated, .. }));
    let why = position(|e| matches!(e, Event::Isolated(_)));
    assert_eq!(status.map(|at| at + 1), why, "right after the status");

    // The reasons change, and so does whether DNS lists us; nothing is repeated.
    world.set(ip(2), Host::Refuses);
    world.run(secs(3_600));
    world.core.handle_listen_address(&at(ip(4)), world.now);
    world.run(secs(3_600));
    assert_eq!(told(&world).len(), 1);
    let now = world.core.isolation().expect("isolated");
    assert_eq!((now.since, now.failed, now.others), (isolation.since, 3, 3));
    assert!(matches!(now.reasons[1].1, Failure::Transport(_)), "as it is now");
}

/// Fails without `note_verified` forgetting since when, once somebody is verified.
#[test]
fn isolation_clears_itself_and_the_next_one_has_its_own_beginning() {
    let (mut world, peers) = World::with_peers(lowest(1), 1);
    assert!(world.core.isolation().is_none(), "not while nothing is known");
    world.set(ip(1), Host::Refuses);
    world.until(secs(15), "isolated", is(Status::Isolated));
    let first = world.core.isolation().expect("isolated").since;

    world.set(ip(1), Host::Lives(peers[0]));
    world.until(secs(31), "joined", is(Status::Joined));
    assert!(world.core.isolation().is_none());
    world.run(secs(60));

    let before = world.now;
    world.set(ip(1), Host::Refuses);
    world.until(secs(300), "isolated again", is(Status::Isolated));
    let second = world.core.isolation().expect("isolated");
    assert!(second.since > before && second.since > first);
    let since: Vec<_> = told(&world).iter().map(|isolation| isolation.since).collect();
    assert_eq!(since, [first, second.since]);
    assert_eq!((second.failed, second.others), (1, 1));
}

/// Fails without the bound on the reasons of an event.
#[test]
fn an_event_holds_the_first_reasons_and_the_accessor_all() {
    let mut world = World::new(lowest(3));
    let ips: Vec<_> = (1..=200).map(nth).collect();
    for ip in &ips {
        world.set(*ip, Host::Refuses);
    }
    world.name(&ips);
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(60), "isolated", is(Status::Isolated));
    let isolation = told(&world).pop().expect("told");
    assert_eq!((isolation.reasons.len(), isolation.others), (64, 200));
    assert!(isolation.failed > 64);
    world.run(secs(60));
    let all = world.core.isolation().expect("isolated");
    assert_eq!((all.reasons.len(), all.failed, all.others), (200, 200, 200));
}

/// Those who were not tried to the end have no reason, or an event would blame thousands. Fails if
/// they are given one (`Readiness::isolation`).
#[test]
fn those_not_tried_yet_are_counted_and_blamed_for_nothing() {
    let mut world = World::new(lowest(3));
    let ips: Vec<_> = (1..=5_000).map(nth).collect();
    for ip in &ips {
        world.set(*ip, Host::Silent);
    }
    world.name(&ips);
    world.source("/dns4/peers.example./tcp/4001");
    world.until(secs(60), "isolated", is(Status::Isolated));
    let isolation = told(&world).pop().expect("told");
    assert_eq!(isolation.others, 5_000);
    assert!((1..1_000).contains(&isolation.failed), "{} failed", isolation.failed);
}

/// Fails without the level of a warning in `tell_isolation`.
#[test]
fn isolation_is_logged_once() {
    let log = warnings(|| {
        let (mut world, _) = World::with_peers(lowest(3), 2);
        world.set(ip(1), Host::Refuses);
        world.set(ip(2), Host::Silent);
        world.run(secs(3_600));
        assert_eq!(world.core.status(), Status::Isolated);
    });
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines.len(), 1, "{log}");
    for part in ["isolated", "failed=2", "others=2", "10.0.0.1", "connection refused"] {
        assert!(lines[0].contains(part), "{log}");
    }
}

/// The first node of a deployment: its entry appears only after it is ready. Fails without
/// `first_of_all` in `take_failure`: there are warnings then; and without `believed` there: every
/// doubling of the failures is told then.
#[test]
fn the_first_node_is_ready_before_dns_names_it_and_makes_no_noise_for_days() {
    let log = warnings(|| {
        let mut world = World::new(lowest(3));
        world.fail(LookupError::nx_domain(None));
        world.source("/dns4/peers.example./tcp/4001");
        world.until(secs(60), "alone", is(Status::Alone));
        assert!(world.core.status().is_ready());
        assert!(world.core.isolation().is_none());
        let (events, queries) = (world.events.len(), world.queries.len());
        world.run(secs(2 * 86_400));
        assert_eq!(world.events.len(), events, "{:?}", &world.events[events..]);
        let queries = world.queries.len() - queries;
        // Half a minute at least from one look-up to the next, but for the first few.
        assert!(queries < 2 * 86_400 / 30 + 10, "{queries} look-ups");
        assert!(world.dials.is_empty());

        // Ready, it is named, and stays quiet and alone.
        let only_us = vec![address_record("peers.example.", ip(1), 300)];
        world.zone.insert(("peers.example.".into(), RecordType::A), Ok(only_us));
        world.set(ip(1), Host::Lives(world.local));
        world.run(secs(120));
        let events = world.events.len();
        world.run(secs(2 * 86_400));
        assert_eq!(world.core.status(), Status::Alone);
        assert_eq!(world.events.len(), events, "{:?}", &world.events[events..]);
        assert!(world.dials.iter().all(|(_, _, expect)| *expect == Expect::Probe));
    });
    assert_eq!(log, "");
}

/// What is not there is worth a warning where there was something: then it is a failure. Fails
/// without the condition in `take_failure` that nothing was announced of the source.
#[test]
fn a_name_that_ceases_to_exist_is_told_and_logged() {
    let log = warnings(|| {
        let (mut world, peers) = World::with_peers(lowest(1), 1);
        world.until(secs(5), "joined", is(Status::Joined));
        world.fail(LookupError::nx_domain(None));
        world.run(secs(600));
        assert_eq!(world.selected(), peers, "what is known is kept");
        assert!(world.count(|e| matches!(e, Event::LookupFailed { .. })) > 2);
    });
    assert!(log.contains("look-up failed"), "{log}");
}

/// A server that is down says nothing about whether we are the first. Fails without `note_failure`
/// telling "nothing" from a failure to get an answer.
#[test]
fn without_an_answer_nobody_is_ready_however_long_it_takes() {
    for (deaf, error) in [
        (true, LookupError::TimedOut),
        (false, LookupError::TimedOut),
        (false, LookupError::Refused),
        (false, LookupError::ServerFailed("SERVFAIL".into())),
    ] {
        let mut world = World::new(lowest(3));
        world.deaf = deaf;
        world.fail(error);
        world.source("/dns4/peers.example./tcp/4001");
        for _ in 0..1_000 {
            world.run(secs(30));
            assert!(!world.core.status().is_ready());
        }
        assert_eq!(world.core.status(), Status::Starting);
        assert!(world.core.isolation().is_none(), "nobody is named");
        // The server is back, and says three times that there is nothing.
        world.deaf = false;
        world.fail(LookupError::nx_domain(None));
        world.until(secs(600), "alone", is(Status::Alone));
    }
}

/// A peer that the application passes over makes nobody joined, connected or not, however often it
/// is verified meanwhile; but it has not failed. Fails without `is_disqualified` in `is_joined`.
#[test]
fn who_has_only_a_peer_that_is_passed_over_is_isolated_all_the_while() {
    for idle in [None, Some(secs(10))] {
        let (mut world, peers) = World::with_peers(lowest(1), 1);
        world.idle = idle;
        world.until(secs(5), "joined", is(Status::Joined));
        world.run(secs(600));
        world.core.disqualify(peers[0], world.now + secs(7_200));
        world.until(secs(200), "isolated", is(Status::Isolated));
        let isolation = world.core.isolation().expect("isolated");
        assert_eq!((isolation.failed, isolation.others), (0, 1));
        world.run(secs(3_600));
        world.lose(peers[0]);
        world.run(secs(3_300));
        assert_eq!(world.statuses(), [Status::Starting, Status::Joined, Status::Isolated]);
        assert_eq!(told(&world).len(), 1);
        world.until(secs(700), "joined again", is(Status::Joined));
    }
}
