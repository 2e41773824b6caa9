//! The main job in one command: nodes that know one DNS name become one Kademlia network.
//!
//! ```text
//! cargo run --example cluster -- --nodes 50 --records srv --select lowest:3
//! ```
//!
//! Starts a DNS server and the nodes inside this process, and watches until all of them have
//! joined, form one component, and have filled their routing tables. The hard cases can be replayed
//! too: addresses where nobody answers, an outage of DNS, a restart of everybody.

use std::{
    collections::hash_map::RandomState, hash::BuildHasher, net::Ipv4Addr, process::ExitCode,
};

use libp2p_dns_discovery::resolver::zone::Zone;

use crate::{
    apart::Apart,
    args::Args,
    common::{
        output::Output,
        run::{Stop, run},
    },
    dns_server::DnsServer,
    drawing::Drawing,
    graph::Graph,
    lines::Line,
    nodes::Nodes,
    picture::Picture,
    place::Held,
    plan::Plan,
    summary::Summary,
    trials::{Stand, Trials},
    watch::Watch,
};

mod apart;
mod args;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/dns_server.rs"]
mod dns_server;
mod drawing;
mod graph;
mod lines;
mod node;
mod nodes;
mod open_files;
mod picture;
mod place;
mod plan;
mod summary;
mod svg;
mod trials;
mod wanted;
mod watch;

const NAME: &str = "cluster";
/// The TTL of all records where nobody is to wait for long, in seconds.
const SHORT_TTL: u32 = 1;

fn main() -> ExitCode {
    run(NAME, cluster)
}

async fn cluster(args: Args) -> Result<u8, Stop> {
    let output = Output::new(args.json);
    let seed = args.seed.unwrap_or_else(random_seed);
    let counts = args.counts()?;
    let drawing = args.svg.as_deref().map(Drawing::open).transpose()?;
    // Before anything is bound.
    open_files::make_room(counts, args.transport, args.select)?;
    let plan = Plan::new(&args, counts, seed)?;
    let _held = plan.hold()?;
    let reserved = plan.late().map(|home| Held::dead(home.address)).transpose()?;
    let zone = zone(&plan, &args);
    let address = (Ipv4Addr::LOCALHOST, 0).into();
    let apart = Apart::new().map_err(|error| Stop::failed("no runtime", &error))?;
    let server = apart
        .run(DnsServer::start(address, zone.clone(), seed))
        .await
        .map_err(|error| Stop::failed("the DNS server cannot start", &error))?;
    output.print(&plan.started(&server, &args, seed))?;

    let nodes = Nodes::start(&plan, server.address(), &args, seed)?;
    let mut watch = Watch::new(nodes, output);
    let mut trials = Trials::default();
    if watch.until(args.timeout, Picture::is_formed).await? {
        let stand = Stand { plan: &plan, args: &args, server: &server, zone: &zone, reserved };
        trials = stand.run(&mut watch).await?;
    }
    let graph = Graph::new(&plan, watch.picture());
    if let Some(drawing) = drawing {
        drawing.write(&svg::draw(&graph, args.select))?;
    }
    let summary = Summary::new(watch.picture(), &graph, &trials, &args, &server, watch.elapsed());
    let passed = summary.passed();
    watch.print(&Line::Summary(summary))?;
    Ok(if passed { 0 } else { 1 })
}

/// What DNS says at first.
fn zone(plan: &Plan, args: &Args) -> Zone {
    let zone = Zone::new();
    if args.dns_outage.is_some() {
        zone.set_ttl(SHORT_TTL);
    }
    plan.publish(&zone, false);
    zone
}

/// Not a secret: it makes runs differ.
fn random_seed() -> u64 {
    RandomState::new().hash_one(NAME) >> 32
}
