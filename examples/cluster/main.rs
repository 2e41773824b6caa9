//! The main job in one command: nodes that know one DNS name become one Kademlia network.
//!
//! ```text
//! cargo run --example cluster -- --nodes 50 --records srv --select lowest:3
//! ```
//!
//! Starts a DNS server and the nodes inside this process, and watches until all of them have
//! joined, form one component, and have filled their routing tables.

use std::{
    collections::hash_map::RandomState, hash::BuildHasher, process::ExitCode, time::Duration,
};

use clap::{Parser, ValueEnum};
use libp2p_dns_discovery::Selection;
use tokio::time::Instant;

use crate::{
    common::{
        cli::{IdentifyBy, seconds},
        output::{Output, Progress},
        run::{Stop, run},
    },
    dns_server::DnsServer,
    lines::{Line, Summary},
    nodes::Nodes,
    picture::Picture,
    plan::Plan,
};

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/dns_server.rs"]
mod dns_server;
mod lines;
mod nodes;
mod open_files;
mod picture;
mod plan;

const NAME: &str = "cluster";
/// How often the nodes are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How many looks make one line of progress.
const LOOKS_PER_LINE: u32 = 5;

/// Forms a cluster whose nodes know nothing but a DNS name
///
/// Starts a real DNS server (UDP and TCP; it shuffles every answer) and N nodes inside this
/// process, each with its own key and address, waits until they are one Kademlia network, and sums
/// up.
///
/// In the summary, `probes` are dials with a throw-away peer id, made to learn who lives at an
/// address, and `dials` are all others, those of Kademlia among them. `components` are those of the
/// graph of connections and routing tables together, and `kad_stale` are ids in routing tables that
/// belong to no node.
///
/// Exit code: 0 if all nodes joined in one component, 1 if not, 2 on bad use.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// How many nodes to start
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=4000))]
    nodes: u16,

    /// Which records name the nodes [default: a; with the memory transport: dnsaddr]
    #[arg(long, value_enum)]
    records: Option<Records>,

    /// Whom each node connects to: `auto`, `lowest:N`, `fingers` or `all`
    #[arg(long, value_name = "SELECTION", default_value_t = Selection::default())]
    select: Selection,

    /// How the identity behind an address is learned
    #[arg(long, value_enum, default_value = "probe")]
    identify: IdentifyBy,

    /// What the nodes speak over
    #[arg(long, value_enum, default_value = "tcp")]
    transport: TransportKind,

    /// The seed of all keys, addresses and choices [default: random]
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    seed: Option<u64>,

    /// When to give up
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    timeout: Duration,

    /// Give all nodes the address 127.0.0.1 and a port each, as is done anyway where no other
    /// loopback address can be bound (macOS)
    #[arg(long)]
    one_address: bool,

    /// Print one JSON object on each line; the last one has `"event":"summary"`
    #[arg(long)]
    json: bool,
}

/// Which records name the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Records {
    /// Addresses; the port is known
    A,
    /// Hosts and ports
    Srv,
    /// TXT records that hold whole multiaddrs
    Dnsaddr,
}

/// What the nodes speak over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TransportKind {
    /// TCP on 127.0.0.0/8, the same port everywhere, as pods have it
    Tcp,
    /// This process's memory, for clusters larger than the machine has sockets for
    Memory,
}

fn main() -> ExitCode {
    run(NAME, cluster)
}

async fn cluster(args: Args) -> Result<u8, Stop> {
    let output = Output::new(args.json);
    let seed = args.seed.unwrap_or_else(random_seed);
    // Before anything is bound.
    open_files::make_room(args.nodes.into(), args.transport, args.select)?;
    let plan = Plan::new(&args, seed)?;
    let zone = plan.zone();
    let address = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    let server = DnsServer::start(address, zone, seed)
        .await
        .map_err(|error| Stop::failed("the DNS server cannot start", &error))?;
    output.print(&plan.started(&server, &args, seed))?;

    let started = Instant::now();
    let mut nodes = Nodes::start(&plan, server.address(), &args, seed)?;
    let picture = watch(&mut nodes, args.timeout, started, output).await?;
    let summary = Summary::new(&picture, &server, started.elapsed());
    let united = picture.is_united();
    output.print(&Line::Summary(summary))?;
    Ok(if united { 0 } else { 1 })
}

/// Watches until the cluster is formed, the time is over, or somebody interrupts.
async fn watch(
    nodes: &mut Nodes,
    timeout: Duration,
    started: Instant,
    output: Output,
) -> Result<Picture, Stop> {
    let progress = Progress::new(nodes.len(), "joined");
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    let mut ticks = tokio::time::interval(LOOK);
    let mut last = Picture::default();
    for look in 0_u32.. {
        let over = tokio::select! {
            _ = ticks.tick() => started.elapsed() >= timeout,
            _ = &mut interrupted => true,
            stop = nodes.ended() => return Err(stop),
        };
        let picture = nodes.look();
        progress.show(picture.joined, picture.nodes, picture.outlook());
        let finished = over || picture.is_formed();
        tell(&picture, &last, look, finished, started, output)?;
        if finished {
            return Ok(picture);
        }
        last = picture;
    }
    Ok(last)
}

/// Prints who has joined since the last look, and now and then how far the cluster is.
fn tell(
    picture: &Picture,
    last: &Picture,
    look: u32,
    finished: bool,
    started: Instant,
    output: Output,
) -> Result<(), Stop> {
    for joined in picture.joined_since(last) {
        output.print(&Line::NodeJoined(joined))?;
    }
    if look.is_multiple_of(LOOKS_PER_LINE) || finished {
        output.print(&Line::progress(picture, started.elapsed()))?;
    }
    Ok(())
}

/// Not a secret: it makes runs differ.
fn random_seed() -> u64 {
    RandomState::new().hash_one(NAME) >> 32
}
