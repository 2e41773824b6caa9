//! What a readiness probe and an operator are told: ready or not, and why nobody can be reached.

use hickory_proto::rr::RecordType;
use libp2p_dns_discovery::{
    Candidate, Config, Event, Failure, Identify, Isolation, LookupError, Rejection, Status,
    discovery::Expect, hickory_proto,
};

use crate::{
    logs::warnings,
    support::{Host, World, address_record, at, ip, lowest, nth, secs},
};

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
    assert!(matches!(reasons[0], Failure::Closed(why) if &**why == "connection refused"));
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
    assert!(matches!(now.reasons[1].1, Failure::Closed(_)), "as it is now");
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
        assert!(world.dials.iter().all(|(_, _, expect)| !matches!(expect, Expect::Peer(_))));
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

/// Fails without the wait for one probe time-out in `isolated_or_not_yet`: one refusal is no reason to
/// tell a cluster that is starting that it is apart.
#[test]
fn isolation_is_not_told_before_a_probe_had_its_time() {
    let (mut world, peers) = World::with_peers(lowest(3), 2);
    world.set(ip(1), Host::Refuses);
    world.set(ip(2), Host::Refuses);
    world.run(secs(10));
    assert_eq!(world.core.status(), Status::Starting);
    world.run(secs(1));
    assert_eq!(world.statuses(), [Status::Starting, Status::Isolated]);

    // Those who listen a little later are met before.
    let (mut world, _) = World::with_peers(lowest(3), 2);
    world.set(ip(1), Host::Refuses);
    world.set(ip(2), Host::Refuses);
    world.run(secs(3));
    world.set(ip(2), Host::Lives(peers[1]));
    world.until(secs(7), "joined", is(Status::Joined));
    assert_eq!(world.statuses(), [Status::Starting, Status::Joined]);
}

/// A pod that is alone, and ready, at 10.0.0.1, where it listens.
fn ready_pod(source: &str) -> World {
    let mut world = World::new(lowest(3));
    world.name(&[ip(1)]);
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.core.handle_listen_address(&quic(ip(1)), world.now);
    world.source(source);
    world.until(secs(60), "alone", is(Status::Alone));
    world
}

fn quic(ip: std::net::IpAddr) -> libp2p::Multiaddr {
    format!("/ip4/{ip}/udp/4001/quic-v1").parse().expect("an address")
}

const TCP: &str = "/dns4/peers.example./tcp/4001";
const BOTH: &str = "/dns4/peers.example./udp/4001/quic-v1|/tcp/4001";

/// Fails without `merely_refuse`, and without `bears_others`: it is logged at every step then.
#[test]
fn a_second_pod_that_does_not_start_does_not_take_the_first_one_down() {
    for source in [TCP, BOTH] {
        let log = warnings(|| {
            let mut world = ready_pod(source);
            world.set(ip(2), Host::Refuses);
            world.set(ip(3), Host::Refuses);
            // A closed port of QUIC is silent.
            world.hosts.insert(quic(ip(2)), Host::Silent);
            world.hosts.insert(quic(ip(3)), Host::Silent);
            world.name(&[1, 2].map(ip));
            world.run(secs(600));
            world.name(&[1, 2, 3].map(ip));
            world.run(secs(3_600));
            assert_eq!(world.statuses(), [Status::Alone], "{source}");
            let peer = world.live(ip(3));
            world.until(secs(31), "joined", |w| w.selected() == [peer]);
            // Once somebody was there, a refusal is a loss.
            world.set(ip(3), Host::Refuses);
            world.lose(peer);
            world.until(secs(300), "isolated", is(Status::Isolated));
        });
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines[0].contains("alone: others are named"), "{log}");
        assert!(lines[1].contains("isolated"), "{log}");
    }
}

/// Fails if every failure counts as a refusal.
#[test]
fn a_pod_that_is_alone_is_isolated_when_somebody_is_named_and_silent() {
    for host in [Host::Silent, Host::NoRoute, Host::Denied] {
        let mut world = ready_pod(TCP);
        world.name(&[1, 2].map(ip));
        world.set(ip(2), host.clone());
        world.until(secs(60), "asked", |w| w.dials_to(ip(2)) > 0);
        world.run(secs(9));
        assert_eq!(world.core.status(), Status::Alone, "{host:?}: not before a probe had its time");
        world.until(secs(3), "isolated", is(Status::Isolated));
    }
}

/// Fails without `is_of_ours`: its own AAAA record, where it does not listen, is somebody else then.
#[test]
fn a_lone_pod_is_judged_in_the_families_in_which_it_listens() {
    let v6: std::net::IpAddr = "fd00::1".parse().expect("an address");
    let pod = |listens: &[std::net::IpAddr]| {
        let mut world = World::new(lowest(3));
        for (record_type, ip) in [(RecordType::A, ip(1)), (RecordType::AAAA, v6)] {
            let record = address_record("peers.example.", ip, 30);
            world.zone.insert(("peers.example.".into(), record_type), Ok(vec![record]));
        }
        for ip in listens {
            world.core.handle_listen_address(&at(*ip), world.now);
        }
        world.source("/dns/peers.example./tcp/4001");
        world.run(secs(600));
        world
    };
    assert_eq!(pod(&[ip(1)]).statuses(), [Status::Alone]);
    assert_eq!(pod(&[v6]).core.status(), Status::Alone);
    assert_eq!(pod(&[ip(1), v6]).core.status(), Status::Alone);
    let listening_elsewhere = pod(&[ip(9)]);
    assert_eq!(listening_elsewhere.core.status(), Status::Isolated);
    assert_eq!(pod(&[]).core.status(), Status::Isolated, "listening nowhere");
}

/// Fails without `only_static`: a fallback that is not there makes the first pod wait for it.
#[test]
fn a_static_address_is_somebody_only_where_there_is_no_other_source() {
    for (beside_dns, expected) in [(true, Status::Alone), (false, Status::Isolated)] {
        let mut world = World::new(lowest(3));
        world.source("/ip4/10.9.9.9/tcp/4001");
        if beside_dns {
            world.source(TCP);
        }
        world.run(secs(600));
        assert_eq!(world.core.status(), expected);
    }
}

/// What an operator sees of three processes on one machine without `--allow-loopback`, and of a zone
/// without pins under `?pinned`: three ready singletons. Fails without `rejected_others`.
#[test]
fn a_node_all_of_whose_others_are_rejected_is_isolated_and_says_why_once() {
    let loopback = |n| [127, 0, 0, n].into();
    for (source, ips, rejection) in [
        (TCP, [1, 2, 3].map(loopback), Rejection::Loopback),
        ("/dns4/peers.example./tcp/4001?pinned", [1, 2, 3].map(ip), Rejection::Unpinned),
    ] {
        let log = warnings(|| {
            let mut world = World::new(lowest(3));
            world.name(&ips);
            world.core.handle_listen_address(&at(ips[0]), world.now);
            world.source(source);
            world.run(secs(3_600));
            assert_eq!(world.statuses(), [Status::Starting, Status::Isolated]);
            let isolation = told(&world).pop().expect("told");
            let reason = Failure::Rejected(rejection.clone());
            let expected = ips[1..].iter().map(|ip| (at(*ip), reason.clone()));
            let reasons =
                isolation.reasons.iter().map(|(c, why)| (c.address().clone(), why.clone()));
            assert!(reasons.eq(expected), "{:?}", isolation.reasons);
            assert_eq!((isolation.failed, isolation.others), (2, 2));
            assert!(world.dials.is_empty());
        });
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(
            lines[0].contains("isolated") && lines[0].contains(&rejection.to_string()),
            "{log}"
        );
    }
}

/// Debian's hosts file gives a machine 127.0.1.1, and some zones name link-local addresses beside the
/// one that others reach. Fails without `names_us` in `rejected_others`.
#[test]
fn a_lone_node_that_is_named_by_addresses_of_no_use_too_stays_alone() {
    for own in [[127, 0, 1, 1], [169, 254, 7, 7]] {
        let mut world = World::new(lowest(3));
        world.name(&[ip(1), own.into()]);
        world.core.handle_listen_address(&at(ip(1)), world.now);
        world.source(TCP);
        world.run(secs(3_600));
        assert_eq!(world.statuses(), [Status::Alone]);
        // Of whatever is not pinned, nothing says that it is ours.
        world.source("/dns4/peers.example./tcp/4002?pinned");
        world.until(secs(15), "isolated", is(Status::Isolated));
    }
}

/// One process on a machine, whose only address is rejected, is nobody else.
#[test]
fn an_address_of_our_own_that_is_rejected_is_nobody_else() {
    let mut world = World::new(lowest(3));
    world.name(&[[127, 0, 0, 1].into()]);
    world.core.handle_listen_address(&at([127, 0, 0, 1].into()), world.now);
    world.source(TCP);
    world.run(secs(600));
    assert_eq!(world.statuses(), [Status::Alone]);
}

/// The addresses where another node was told to hold our key.
fn twins(world: &World) -> Vec<libp2p::Multiaddr> {
    let address = |event: &Event| match event {
        Event::SameKey { address, .. } => Some(address.clone()),
        _ => None,
    };
    world.events.iter().filter_map(|(_, event)| address(event)).collect()
}

/// Three replicas that were given one secret, as the first of them sees it; it listens at 10.0.0.1.
fn replicas(seed: u64, config: Config) -> World {
    let mut world = World::seeded(config, seed);
    world.name(&[1, 2, 3].map(ip));
    world.core.handle_listen_address(&at(ip(1)), world.now);
    world.set(ip(2), Host::Twin);
    world.set(ip(3), Host::Twin);
    world.source(TCP);
    world
}

/// Fails without `note_whether_ours`: each of them is alone, and ready.
#[test]
fn replicas_with_one_key_are_told_so_and_are_not_ready() {
    for identify in [Identify::Probe, Identify::Dial] {
        let log = warnings(|| {
            let mut world = replicas(1, lowest(3).with_identify(identify));
            world.until(secs(30), "both", |w| twins(w).len() == 2);
            world.until(secs(1), "isolated", is(Status::Isolated));
            let reason = |(c, why): &(_, Failure)| (Candidate::address(c).clone(), why.clone());
            let reasons = told(&world).pop().expect("told").reasons;
            let last = reasons.iter().map(reason).next_back();
            assert_eq!(last, Some((at(ip(3)), Failure::SameKey)));
            world.run(secs(3_600));
            assert_eq!(world.statuses(), [Status::Starting, Status::Isolated]);
            assert_eq!(twins(&world).len(), 2, "told once each");
            // It gets a key of its own.
            let peer = world.live(ip(2));
            world.until(secs(31), "joined", |w| w.selected() == [peer]);
            world.set(ip(2), Host::Twin);
            world.lose(peer);
            world.until(secs(600), "told again", |w| twins(w).len() == 3);
        });
        let said = |what| log.lines().filter(|line| line.contains(what)).count();
        assert_eq!(said("another node holds our key address="), 3, "{log}");
    }
}

/// The others hold the key as well, look at us at times of their own, and start when we do.
#[test]
fn replicas_that_dial_each_other_at_once_are_told_within_half_a_minute() {
    let mut late = 0;
    for seed in 0..100 {
        let mut world = replicas(seed, lowest(3));
        let mut rng = fastrand::Rng::with_seed(seed);
        let end = world.now + secs(30);
        let mut dials = [world.now; 2];
        while twins(&world).is_empty() && world.now < end {
            let next = dials.iter_mut().min().expect("two");
            let pause = std::time::Duration::from_millis(1_000 + rng.u64(..5_000));
            world.run_until(*next, |_| false);
            *next += pause;
            world.arrive();
        }
        world.run(secs(1));
        late += usize::from(twins(&world).is_empty());
    }
    assert!(late <= 1, "{late} of 100 not within 30 s");
}

/// By an alias, through a NAT, or through a balancer: each makes a connection arrive, if a little
/// later than the dial ends. Fails without `LATENESS`.
#[test]
fn a_node_that_meets_itself_is_alone_and_never_told_that_somebody_holds_its_key() {
    for seed in 0..100 {
        let mut world = World::seeded(lowest(3), seed);
        world.name(&[1, 2].map(ip));
        world.core.handle_listen_address(&at(ip(1)), world.now);
        world.set(ip(2), Host::Lives(world.local));
        world.late_arrivals = std::time::Duration::from_millis(seed * 9);
        world.source(TCP);
        world.run(secs(3_600));
        assert_eq!(twins(&world), []);
        assert_eq!(world.core.status(), Status::Alone);
        assert!(!world.statuses().contains(&Status::Isolated));
        let dials = world.dials_to(ip(2));
        assert!(dials < 20, "{dials} dials to itself in an hour");
    }
}

/// Where somebody connects all the time, nothing can be told: that is documented.
#[test]
fn a_busy_node_takes_a_holder_of_its_key_for_itself() {
    let mut world = replicas(1, lowest(3));
    for _ in 0..600 {
        world.run(std::time::Duration::from_millis(500));
        world.arrive();
    }
    assert_eq!(twins(&world), []);
    assert_eq!(world.core.status(), Status::Alone);
}
