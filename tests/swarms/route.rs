//! What real swarms report of a family without a route, and what that costs.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hickory_proto::rr::RecordType;
use libp2p::{
    Swarm, SwarmBuilder, dns,
    identity::Keypair,
    noise,
    swarm::{DialError, SwarmEvent},
    tcp, tls, yamux,
};
use libp2p_dns_discovery::{
    Behaviour, Event, Failure, Query, Status, hickory_proto,
    resolver::{LookupFuture, Resolver, zone::Zone},
};

use crate::{
    namespace,
    support::{drive, quick},
};

/// How many pods there are.
const PODS: u8 = 100;
/// After so many refreshes, enough hosts without a route were met to speak for their family.
const FIRST: usize = 5;

/// A zone that counts how often it is asked for IPv6 addresses.
#[derive(Clone)]
struct Counting(Zone, Arc<AtomicUsize>);

impl Resolver for Counting {
    fn lookup(&self, query: Query) -> LookupFuture {
        if query.record_type == RecordType::AAAA {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        self.0.lookup(query)
    }
}

impl Counting {
    fn refreshes(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

/// A zone in which so many pods have an address of either family. Nobody listens there.
fn dual_stack(pods: u8) -> Counting {
    let zone = Zone::new();
    let v4 = (1..=pods).map(|n| IpAddr::from(Ipv4Addr::new(127, 0, 0, n)));
    let v6 = (1..=pods).map(|n| IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into())));
    zone.set_addresses("peers.example.", v4.chain(v6));
    Counting(zone, Arc::default())
}

type Node = Swarm<Behaviour<Counting>>;

fn behaviour(zone: &Counting, source: &str, key: &Keypair) -> Behaviour<Counting> {
    let source = source.parse().expect("a source");
    // Each counts for itself.
    let zone = Counting(zone.0.clone(), Arc::default());
    Behaviour::with_sources(zone, quick(), key.public().to_peer_id(), [source])
}

/// Swarms as programs build them: each with transports of another kind, and so with errors that are
/// wrapped in another way.
async fn built(zone: &Counting) -> Vec<(&'static str, Node)> {
    const TCP: &str = "/dns/peers.example./tcp/4001";
    let tcp = tcp::Config::default;
    let yamux = yamux::Config::default;
    let builder = || SwarmBuilder::with_new_identity().with_tokio();
    let dns = || (dns::ResolverConfig::default(), dns::ResolverOpts::default());
    macro_rules! build {
        ($builder:expr, $source:expr) => {
            $builder.with_behaviour(|key| behaviour(zone, $source, key)).expect("valid").build()
        };
    }
    let noise = builder().with_tcp(tcp(), noise::Config::new, yamux).expect("valid");
    let tls = builder().with_tcp(tcp(), tls::Config::new, yamux).expect("valid");
    let both = (tls::Config::new, noise::Config::new);
    let quic = builder().with_tcp(tcp(), both, yamux).expect("valid").with_quic();
    let named = builder().with_tcp(tcp(), noise::Config::new, yamux).expect("valid").with_quic();
    let named = named.with_dns_config(dns().0, dns().1);
    let web = builder().with_tcp(tcp(), noise::Config::new, yamux).expect("valid").with_quic();
    let web = web.with_dns_config(dns().0, dns().1).with_websocket(noise::Config::new, yamux);
    let web_again = builder().with_tcp(tcp(), noise::Config::new, yamux).expect("valid");
    let web_again = web_again.with_websocket(noise::Config::new, yamux);
    vec![
        ("tcp, noise", build!(noise, TCP)),
        ("tcp, tls", build!(tls, TCP)),
        ("tcp, tls or noise, quic", build!(quic, TCP)),
        ("tcp, quic, dns", build!(named, TCP)),
        ("tcp, quic, dns, websocket", build!(web.await.expect("valid"), TCP)),
        ("websocket", build!(web_again.await.expect("valid"), "/dns/peers.example./tcp/4001/ws")),
    ]
}

/// The IPv6 dials of this event that failed.
fn failed_v6<E>(event: &SwarmEvent<E>) -> usize {
    match event {
        SwarmEvent::OutgoingConnectionError { error: DialError::Transport(errors), .. } => {
            errors.iter().filter(|(address, _)| address.to_string().starts_with("/ip6")).count()
        }
        _ => 0,
    }
}

#[tokio::test]
async fn a_family_without_a_route_is_known_as_such_and_costs_one_dial_a_refresh() {
    const NAME: &str =
        "route::a_family_without_a_route_is_known_as_such_and_costs_one_dial_a_refresh";
    if !namespace::is_inside(NAME) {
        return;
    }
    let (names, mut swarms): (Vec<_>, Vec<_>) = built(&dual_stack(PODS)).await.into_iter().unzip();
    // All, and those of the first refreshes.
    let mut dials = vec![(0, 0); swarms.len()];
    let refreshes = |swarm: &Node| swarm.behaviour().resolver().refreshes();
    drive(&mut swarms, "fifteen refreshes", |swarms, event| {
        let Some((index, event)) = event else { return false };
        dials[index].0 += failed_v6(&event);
        if refreshes(&swarms[index]) <= FIRST {
            dials[index].1 = dials[index].0;
        }
        if let SwarmEvent::Behaviour(Event::Unreachable { address, reason, .. }) = event {
            let is_known = match address.to_string().starts_with("/ip6") {
                true => matches!(reason, Failure::NoRoute(_)),
                false => matches!(reason, Failure::Closed(_)),
            };
            assert!(is_known, "{}: {address}: {reason:?}", names[index]);
        }
        swarms.iter().all(|swarm| refreshes(swarm) >= FIRST + 10)
    })
    .await;
    for ((name, swarm), (all, first)) in names.iter().zip(&swarms).zip(dials) {
        let (dials, refreshes) = (all - first, refreshes(swarm) - FIRST);
        println!("{name}: {dials} IPv6 dials in {refreshes} refreshes");
        assert!(first > 0 && dials <= refreshes + 1, "{name}: {dials} in {refreshes}");
    }
}

/// QUIC swallows the errors of its socket.
#[tokio::test]
async fn over_quic_an_address_without_a_route_is_one_that_does_not_answer() {
    const NAME: &str = "route::over_quic_an_address_without_a_route_is_one_that_does_not_answer";
    if !namespace::is_inside(NAME) {
        return;
    }
    // Each has all the time that it needs: so few take no room from each other.
    let zone = dual_stack(2);
    let swarm = SwarmBuilder::with_new_identity().with_tokio().with_quic();
    let source = "/dns6/peers.example./udp/4001/quic-v1";
    let swarm = swarm.with_behaviour(|key| behaviour(&zone, source, key)).expect("valid").build();
    drive(&mut [swarm], "told", |swarms, event| {
        assert_ne!(swarms[0].behaviour().status(), Status::Joined);
        let Some((_, SwarmEvent::Behaviour(Event::Unreachable { reason, .. }))) = event else {
            return false;
        };
        assert_eq!(reason, Failure::TimedOut);
        true
    })
    .await;
}
