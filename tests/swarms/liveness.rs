//! Remotes that freeze or are cut off, and remotes that only seem to, in swarms without `ping` whose
//! application closes nothing.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use futures::{StreamExt, future::join_all};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, connection_limits,
    connection_limits::ConnectionLimits,
    core::upgrade::Version,
    dns,
    identity::Keypair,
    noise, relay,
    swarm::{self, NetworkBehaviour, SwarmEvent, dial_opts::DialOpts, dummy},
    tcp, yamux,
};
use libp2p_dns_discovery::{Behaviour, Config, Event, Identify, Status, resolver::zone::Zone};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    namespace,
    support::{LIMIT, SOURCE, drive, listening, quick},
};

/// Says to a test that it is the remote, and where it is to listen.
const LISTEN: &str = "LISTEN_AS_THE_REMOTE";
const HOUR: Duration = Duration::from_secs(3_600);
/// How long a reply is waited for, and a dial: with two of each, a slow machine has time.
const PATIENCE: Duration = Duration::from_secs(3);

type Node = Swarm<Behaviour<Zone>>;

fn config() -> Config {
    quick().with_probe_timeout(PATIENCE)
}

/// A swarm in which no connection is ever closed: none is idle, and QUIC notices no silence.
async fn swarm<B: NetworkBehaviour>(
    version: Version,
    behaviour: impl FnOnce(&Keypair) -> B,
) -> Swarm<B> {
    let builder = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_quic_config(|mut config| {
            config.max_idle_timeout = HOUR.as_millis().try_into().expect("short");
            config.keep_alive_interval = HOUR;
            config.handshake_timeout = PATIENCE;
            config
        })
        .with_dns_config(dns::ResolverConfig::default(), dns::ResolverOpts::default())
        .with_websocket(noise::Config::new, yamux::Config::default)
        .await
        .expect("a transport");
    let lasting = |config: swarm::Config| {
        let config = config.with_substream_upgrade_protocol_override(version);
        config.with_idle_connection_timeout(HOUR)
    };
    let swarm = builder.with_behaviour(|key| behaviour(key)).expect("a behaviour");
    swarm.with_swarm_config(lasting).build()
}

async fn node(zone: &Zone, config: Config, version: Version) -> Node {
    swarm(version, |key| {
        let source = SOURCE.parse().expect("a source");
        Behaviour::with_sources(zone.clone(), config, key.public().to_peer_id(), [source])
    })
    .await
}

/// The process of a remote. It ends with this.
struct Remote {
    process: Child,
    /// What keeps it alive.
    stdin: Option<ChildStdin>,
    at: Multiaddr,
    peer: PeerId,
}

impl Remote {
    /// Starts one that listens at an address. `on` is the command that runs it where it is to live.
    fn start(on: &mut Command, listen: &str, prepare: impl FnOnce(&Child)) -> Self {
        on.env(LISTEN, listen).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = on.spawn().expect("it starts");
        prepare(&process);
        let mut stdin = process.stdin.take();
        // Whoever waits for a place to live has one.
        let go = stdin.as_mut().map(|stdin| std::io::Write::write_all(stdin, b"\n"));
        assert!(go.is_some_and(|written| written.is_ok()));
        let lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let said = lines.map_while(Result::ok).find_map(|line| {
            let (at, peer) = line.split_once("listens at ")?.1.split_once(" as ")?;
            Some((at.parse().expect("an address"), peer.parse().expect("a peer")))
        });
        let (at, peer) = said.expect("it says where it listens");
        Self { process, stdin, at, peer }
    }

    /// The program that is this test, as the remote.
    fn program() -> Command {
        let mut this = Command::new(env::current_exe().expect("this program"));
        this.args(["--exact", "liveness::remote", "--ignored", "--nocapture"]);
        this
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        sh(r#"kill -s "$0" "$1""#, &[signal, &id]);
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // Fails only if it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn sh(script: &str, args: &[&str]) {
    let status = Command::new("sh").args(["-euc", script]).args(args).status();
    assert!(status.is_ok_and(|status| status.success()), "{script}");
}

/// Not a test: the remote of others, in a process of its own.
#[tokio::test]
#[ignore = "other tests run it"]
async fn remote() {
    let Ok(listen) = env::var(LISTEN) else { return };
    std::thread::spawn(|| {
        // When nobody holds the other end any more, nobody needs the remote.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let mut swarm = swarm(Version::V1, |_| dummy::Behaviour).await;
    swarm.listen_on(listen.parse().expect("an address")).expect("a free port");
    let peer = *swarm.local_peer_id();
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            println!("listens at {address} as {peer}");
        }
    }
}

/// Lets time pass, and asserts that nobody is lost meanwhile.
async fn stays_for(node: &mut Node, duration: Duration) {
    let end = Instant::now() + duration;
    while let Ok(event) = timeout_at(end, node.select_next_some()).await {
        match event {
            SwarmEvent::Behaviour(Event::Status { status, .. }) => assert!(status.is_ready()),
            SwarmEvent::Behaviour(event) => assert!(
                !matches!(event, Event::Unreachable { .. } | Event::Departed { .. }),
                "{event:?}"
            ),
            SwarmEvent::ConnectionClosed { .. } => panic!("{event:?}"),
            _ => {}
        }
    }
}

/// Waits until a node is joined, or until it tells that a peer is gone. Its connection is open all the while.
async fn until(node: &mut Node, done: impl Fn(&Node, &Event) -> bool) -> Duration {
    let started = Instant::now();
    let told = async {
        loop {
            match node.select_next_some().await {
                SwarmEvent::Behaviour(event) if done(node, &event) => break,
                event @ SwarmEvent::ConnectionClosed { .. } => panic!("{event:?}"),
                _ => {}
            }
        }
    };
    assert!(timeout(LIMIT, told).await.is_ok(), "not told in time");
    started.elapsed()
}

/// A node is connected to a remote that `stop` stops, and tells so; and meets it again after `go_on`.
async fn is_told_gone(remote: &Remote, version: Version, stop: impl Fn(), go_on: impl Fn()) {
    let zone = Zone::new();
    zone.set_dnsaddr("peers.example.", [remote.at.to_string()]);
    let mut node = node(&zone, config(), version).await;
    let is_joined = |node: &Node, _: &Event| node.behaviour().status() == Status::Joined;
    until(&mut node, is_joined).await;
    // It answers, time and again.
    stays_for(&mut node, Duration::from_secs(4)).await;
    stop();
    let is_gone = |_: &Node, event: &Event| {
        let Event::Unreachable { peer: Some(peer), gone, .. } = event else { return false };
        assert_eq!((*peer, *gone), (remote.peer, true));
        true
    };
    let took = until(&mut node, is_gone).await;
    println!("{}, {version:?}: told after {took:?}", remote.at);
    assert_eq!(node.behaviour().peers().count(), 0);
    go_on();
    until(&mut node, is_joined).await;
    assert!(node.is_connected(&remote.peer));
}

/// Fails without the substream; with `V1Lazy`, if the protocol is offered once.
#[tokio::test]
async fn a_frozen_peer_is_told_over_every_transport() {
    let cases = [
        ("/ip4/127.0.0.1/tcp/0", Version::V1),
        ("/ip4/127.0.0.1/tcp/0", Version::V1Lazy),
        ("/ip4/127.0.0.1/udp/0/quic-v1", Version::V1),
        ("/ip4/127.0.0.1/tcp/0/ws", Version::V1),
    ];
    let told = cases.map(|(listen, version)| async move {
        let remote = Remote::start(&mut Remote::program(), listen, |_| {});
        is_told_gone(&remote, version, || remote.signal("STOP"), || remote.signal("CONT")).await;
    });
    join_all(told).await;
}

/// Nothing that is sent to it arrives, and nothing says so.
#[tokio::test]
async fn a_peer_that_is_cut_off_is_told_over_every_transport() {
    if !namespace::is_inside("liveness::a_peer_that_is_cut_off_is_told_over_every_transport") {
        return;
    }
    let cases = ["tcp/4001", "udp/4001/quic-v1", "tcp/4001/ws"];
    let told = cases.into_iter().enumerate().map(|(n, transport)| async move {
        let n = n.to_string();
        let ours = |script| sh(script, &[&n]);
        // A namespace of its own, to which a wire leads. It goes on when the wire is there.
        let mut on = Command::new("unshare");
        let script = r#"read -r _; ip link set lo up; ip addr add "10.9.$0.2/24" dev wire;
            ip link set wire up; exec "$@""#;
        on.args(["--net", "sh", "-euc", script, &n]);
        on.arg(Remote::program().get_program()).args(Remote::program().get_args());
        let remote = Remote::start(&mut on, &format!("/ip4/10.9.{n}.2/{transport}"), |process| {
            let id = process.id().to_string();
            // Until it has entered its namespace, it has ours.
            let script = r#"
                until [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/$$/ns/net)" ]; do :; done
                ip link add "wire$0" type veth peer name wire netns "$1"
                ip addr add "10.9.$0.1/24" dev "wire$0"; ip link set "wire$0" up"#;
            sh(script, &[&n, &id]);
        });
        let lose = || {
            ours(r#"ip neigh replace "10.9.$0.2" lladdr 02:00:00:00:00:99 dev "wire$0" nud permanent"#);
        };
        let mend = || ours(r#"ip neigh del "10.9.$0.2" dev "wire$0""#);
        is_told_gone(&remote, Version::V1, lose, mend).await;
    });
    join_all(told).await;
}

/// For longer than it takes to tell who is gone.
const LONG: Duration = Duration::from_secs(2 + 2 * 3 + 2 * 3 + 2);

/// A node whose only peer has connected to it, and was met at its address before that was closed. Fails
/// without the replies.
#[tokio::test]
async fn a_peer_that_answers_and_cannot_be_dialled_stays() {
    let zone = Zone::new();
    let mut node = node(&zone, config(), Version::V1).await;
    let mut remote = swarm(Version::V1, |_| dummy::Behaviour).await;
    node.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("valid")).expect("a free port");
    let listener = remote.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("valid"));
    let listener = listener.expect("a free port");
    let [ours] = &listening(std::slice::from_mut(&mut node)).await[..] else { panic!() };
    let [theirs] = &listening(std::slice::from_mut(&mut remote)).await[..] else { panic!() };
    let local = *node.local_peer_id();
    remote.dial(DialOpts::peer_id(local).addresses(vec![ours.clone()]).build()).expect("a dial");
    let closed = tokio::sync::Notify::new();
    let live = async {
        loop {
            tokio::select! {
                _ = remote.select_next_some() => {}
                () = closed.notified() => assert!(remote.remove_listener(listener)),
            }
        }
    };
    let watch = async {
        let connected = |event: &_| matches!(event, SwarmEvent::ConnectionEstablished { .. });
        while !connected(&node.select_next_some().await) {}
        zone.set_dnsaddr("peers.example.", [theirs.to_string()]);
        until(&mut node, |node, _| node.behaviour().peers().count() == 1).await;
        closed.notify_one();
        stays_for(&mut node, LONG).await;
        assert_eq!(node.network_info().connection_counters().num_established(), 1);
        assert_eq!(node.behaviour().status(), Status::Joined);
    };
    tokio::select! {
        () = live => unreachable!("it has no end"),
        () = watch => {}
    }
}

/// So does one that lets nobody else in, and one that must not be probed. Fails without the replies.
#[tokio::test]
async fn a_peer_that_is_full_or_must_not_be_probed_stays_on_its_one_connection() {
    let stays = [Identify::Auto, Identify::Dial].map(|identify| async move {
        let zone = Zone::new();
        let config = config().with_identify(identify);
        let mut node = node(&zone, config, Version::V1).await;
        let mut remote = swarm(Version::V1, |_| {
            let limits = ConnectionLimits::default();
            let limits = limits.with_max_established(Some(1)).with_max_pending_incoming(Some(1));
            connection_limits::Behaviour::new(limits)
        })
        .await;
        remote.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("valid")).expect("a free port");
        let mut remote = [remote];
        zone.set_dnsaddr("peers.example.", listening(&mut remote).await);
        let watch = async {
            until(&mut node, |node, _| node.behaviour().status() == Status::Joined).await;
            stays_for(&mut node, LONG).await;
            assert_eq!(node.behaviour().peers().count(), 1);
        };
        // It is met by one connection, and never again.
        let mut met = 0;
        tokio::select! {
            () = drive(&mut remote, "the end", |_, event| {
                met += usize::from(matches!(event, Some((_, SwarmEvent::IncomingConnection { .. }))));
                false
            }) => unreachable!("it has no end"),
            () = watch => {}
        }
        assert_eq!(met, 1, "{identify:?}");
    });
    join_all(stays).await;
}

/// A node that reaches others through a relay.
#[derive(NetworkBehaviour)]
struct Relayed<B: NetworkBehaviour> {
    relay: relay::client::Behaviour,
    inner: B,
}

fn relayed<B: NetworkBehaviour>(inner: impl FnOnce(&Keypair) -> B) -> Swarm<Relayed<B>> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .expect("a transport")
        .with_behaviour(|key, relay| Relayed { relay, inner: inner(key) })
        .expect("a behaviour")
        .with_swarm_config(|config| config.with_idle_connection_timeout(HOUR))
        .build()
}

/// Nobody can probe it. Fails without the replies: the node would be isolated.
#[tokio::test]
async fn a_peer_behind_a_relay_stays() {
    let mut relay = swarm(Version::V1, |key| {
        relay::Behaviour::new(key.public().to_peer_id(), relay::Config::default())
    })
    .await;
    relay.listen_on("/ip4/127.0.0.1/tcp/0".parse().expect("valid")).expect("a free port");
    let mut relay = [relay];
    let [at] = &listening(&mut relay).await[..] else { panic!() };
    relay[0].add_external_address(at.clone());
    let circuit: Multiaddr =
        format!("{at}/p2p/{}/p2p-circuit", relay[0].local_peer_id()).parse().expect("an address");
    let mut remote = relayed(|_| dummy::Behaviour);
    remote.listen_on(circuit.clone()).expect("a reservation");
    let peer = *remote.local_peer_id();
    let zone = Zone::new();
    let mut node = relayed(|key| {
        let source = SOURCE.parse().expect("a source");
        let local = key.public().to_peer_id();
        Behaviour::with_sources(zone.clone(), config(), local, [source])
    });
    let (mut remote, mut listens) = ([remote], false);
    let watch = async {
        drive(&mut remote, "a reservation", |_, event| {
            listens |= matches!(event, Some((_, SwarmEvent::NewListenAddr { .. })));
            listens
        })
        .await;
        zone.set_dnsaddr("peers.example.", [format!("{circuit}/p2p/{peer}")]);
        let status = |node: &Swarm<Relayed<Behaviour<Zone>>>| node.behaviour().inner.status();
        let end = tokio::select! {
            () = drive(&mut remote, "the end", |_, _| false) => unreachable!("it has no end"),
            end = async {
                while status(&node) != Status::Joined {
                    node.select_next_some().await;
                }
                let end = Instant::now() + LONG;
                while let Ok(event) = timeout_at(end, node.select_next_some()).await {
                    assert_eq!(status(&node), Status::Joined, "{event:?}");
                }
                end
            } => end,
        };
        assert!(end <= Instant::now() && node.is_connected(&peer));
        assert_eq!(node.behaviour().inner.addresses_of(&peer).count(), 1);
    };
    tokio::select! {
        () = drive(&mut relay, "the end", |_, _| false) => unreachable!("it has no end"),
        watched = timeout(LIMIT, watch) => assert!(watched.is_ok(), "never joined"),
    }
}
