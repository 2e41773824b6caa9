//! What dials cost. How long a node of a real swarm takes to its first connection, beside a plain dial: each
//! way in turn, over and over, in one process, so that neighbours disturb all alike. And, on a virtual
//! clock, how long it takes to find the one living among a thousand silent. `cargo bench --bench swarms`
//! prints the table that stands in FIGURES.md; rows of the example `cluster` are left to their commands.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    future::poll_fn,
    task::Poll,
    time::{Duration, Instant},
};

use futures::StreamExt;
use libp2p::{
    Multiaddr, Swarm, SwarmBuilder, Transport,
    core::{transport::MemoryTransport, upgrade::Version},
    noise,
    swarm::{NetworkBehaviour, SwarmEvent, behaviour::toggle::Toggle},
    tcp, yamux,
};
use libp2p_dns_discovery::{Behaviour, Config, Event, Filter, Identify, resolver::zone::Zone};
use support::{Host, World, joined, nth};

/// How often each way is gone.
const ROUNDS: usize = 60;
/// How many addresses one living is looked for among, and how often.
const SILENT: u32 = 1_000;
const SEEDS: u64 = 101;
const TRANSPORTS: [(&str, &str); 3] = [
    ("memory", "/memory/0"),
    ("TCP", "/ip4/127.0.0.1/tcp/0"),
    ("QUIC", "/ip4/127.0.0.1/udp/0/quic-v1"),
];

/// From the start to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A dial of the swarm without the discovery, until it is connected.
    Plain,
    Connected(Identify),
    Verified(Identify),
}

const WAYS: [(&str, Way); 5] = [
    ("a plain dial", Way::Plain),
    ("start to connected, `Auto`", Way::Connected(Identify::Auto)),
    ("start to connected, `Probe`", Way::Connected(Identify::Probe)),
    ("start to connected, `Dial`", Way::Connected(Identify::Dial)),
    ("probe to verified", Way::Verified(Identify::Probe)),
];

#[derive(NetworkBehaviour)]
struct Node {
    discovery: Toggle<Behaviour<Zone>>,
}

fn swarm(identify: Option<Identify>) -> Swarm<Node> {
    let filter = Filter::default().with_memory(true).with_loopback(true);
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_quic()
        .with_other_transport(|key| {
            MemoryTransport::default()
                .upgrade(Version::V1)
                .authenticate(noise::Config::new(key).expect("a key"))
                .multiplex(yamux::Config::default())
        })
        .expect("a transport")
        .with_behaviour(|key| {
            let discovery = |identify| {
                let config = Config::new().with_filter(filter).with_identify(identify);
                Behaviour::new(Zone::new(), config, key.public().to_peer_id())
            };
            Node { discovery: identify.map(discovery).into() }
        })
        .expect("a behaviour")
        .build()
}

/// The next event of either swarm.
async fn next(swarms: [&mut Swarm<Node>; 2]) -> SwarmEvent<NodeEvent> {
    let mut swarms = swarms;
    poll_fn(|cx| {
        for swarm in &mut swarms {
            if let Poll::Ready(Some(event)) = swarm.poll_next_unpin(cx) {
                return Poll::Ready(event);
            }
        }
        Poll::Pending
    })
    .await
}

async fn listen(address: &str) -> (Swarm<Node>, Multiaddr) {
    let mut listener = swarm(None);
    listener.listen_on(address.parse().expect("an address")).expect("a free port");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = listener.select_next_some().await {
            return (listener, address);
        }
    }
}

/// How long it takes from the start to the end of this way.
async fn time(way: Way, listener: &mut Swarm<Node>, address: &Multiaddr) -> Duration {
    let identify = match way {
        Way::Plain => None,
        Way::Connected(identify) | Way::Verified(identify) => Some(identify),
    };
    let mut dialer = swarm(identify);
    let local = *dialer.local_peer_id();
    #[expect(clippy::disallowed_methods, reason = "this is what is measured")]
    let started = Instant::now();
    match dialer.behaviour_mut().discovery.as_mut() {
        None => dialer.dial(address.clone()).expect("it dials"),
        Some(discovery) => {
            let source = address.to_string().parse().expect("a source");
            assert!(discovery.add_source(source));
        }
    }
    let took = loop {
        match next([&mut dialer, listener]).await {
            SwarmEvent::ConnectionEstablished { peer_id, endpoint, .. }
                if peer_id != local && endpoint.is_dialer() && !matches!(way, Way::Verified(_)) =>
            {
                break started.elapsed();
            }
            SwarmEvent::Behaviour(NodeEvent::Discovery(Event::Verified { .. }))
                if matches!(way, Way::Verified(_)) =>
            {
                break started.elapsed();
            }
            _ => {}
        }
    };
    drop(dialer);
    // The listener learns of the end before the next one begins.
    while listener.network_info().num_peers() > 0 {
        listener.select_next_some().await;
    }
    took
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The median of the times that each way takes, over one transport.
async fn measure(listen_at: &str) -> [Duration; WAYS.len()] {
    let (mut listener, address) = listen(listen_at).await;
    let mut times = WAYS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((_, way), times) in WAYS.iter().zip(&mut times) {
            times.push(time(*way, &mut listener, &address).await);
        }
    }
    times.map(median)
}

/// How long a node takes to join that is named a thousand addresses, all silent but for one at random.
fn among_silent(identify: Identify) -> Duration {
    let join = |seed: u64| {
        let config = Config::new().with_identify(identify);
        let mut world = World::seeded(config, seed);
        world.elsewhere = Host::Silent;
        let ips: Vec<_> = (1..=SILENT).map(nth).collect();
        world.name(&ips);
        world.live(ips[fastrand::Rng::with_seed(seed).usize(..ips.len())]);
        world.source("/dns4/peers.example./tcp/4001");
        world.until(Duration::from_secs(7_200), "joined", joined);
        world.now - world.start
    };
    median((0..SEEDS).map(join).collect())
}

/// A line of the table: what, what it was before, what it is now, and what is wanted.
fn line([what, before, now, wanted]: [&str; 4]) {
    println!("| {what} | {before} | {now} | {wanted} |");
}

#[tokio::main]
async fn main() {
    let mut medians = Vec::new();
    for (_, at) in TRANSPORTS {
        medians.push(measure(at).await);
    }
    println!("| | {} |", TRANSPORTS.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---|".repeat(TRANSPORTS.len()));
    let ratio = |of: &[Duration; WAYS.len()], n: usize| of[n].as_secs_f64() / of[0].as_secs_f64();
    for (n, (name, _)) in WAYS.iter().enumerate() {
        let cell = |of: &[Duration; WAYS.len()]| {
            format!("{:.2} ms, {:.2}", of[n].as_secs_f64() * 1e3, ratio(of, n))
        };
        println!("| {name} | {} |", medians.iter().map(cell).collect::<Vec<_>>().join(" | "));
    }
    println!();
    let ratios = |way: Way| {
        let n = WAYS.iter().position(|(_, other)| *other == way).expect("it is measured");
        let ratios = medians.iter().map(|of| format!("{:.2}", ratio(of, n)));
        ratios.collect::<Vec<_>>().join(", ")
    };
    let seconds = |identify| format!("{:.0} s", among_silent(identify).as_secs_f64());
    line(["", "Before", "Now", "Wanted"]);
    line(["---"; 4]);
    line([
        "Start until connected, by default: memory, TCP, QUIC",
        "2.05, 2.11, 1.69",
        &ratios(Way::Connected(Identify::Auto)),
        "1.10",
    ]);
    line([
        "Probe until verified: memory, TCP, QUIC",
        "1.03, 1.05, 0.96",
        &ratios(Way::Verified(Identify::Probe)),
        "1.05",
    ]);
    line([
        "One living among 1,000 silent, median until joined: `Auto`, `Probe`, `Dial`",
        "–, 63 s, 411 s",
        &[Identify::Auto, Identify::Probe, Identify::Dial].map(seconds).join(", "),
        "63 s by default",
    ]);
}
