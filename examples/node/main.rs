//! One node for a real deployment: Kademlia, identify and ping beside the discovery.
//!
//! ```text
//! cargo run --example node -- --source /dns/peers.default.svc.cluster.local/tcp/4001
//! ```

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm};
use libp2p_dns_discovery::{Config, Selection, Source};

use crate::{
    behaviour::Node,
    common::{
        cli::{self, IdentifyBy, NameServer},
        member::Member,
        output::{Output, note},
        run::{Stop, run},
        transport,
    },
    events::Events,
    http::Http,
    listeners::Listeners,
    publishing::Publishing,
    records::{Keys, Records},
    running::Running,
    signals::Signals,
};

mod behaviour;
mod clock;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod http;
mod key;
mod listeners;
mod metrics;
mod publishing;
mod recent;
mod records;
mod running;
mod signals;
mod sources;
mod troubles;

const NAME: &str = "node";
/// The protocol of the network: nodes of other applications are not taken for members.
const NETWORK: StreamProtocol = StreamProtocol::new("/dns-discovery-node/kad/1.0.0");
/// How long it may take until a connection is there.
const DIAL: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(10);
/// How long a node with a readiness probe goes on serving once it was asked to end: Kubernetes takes a
/// second or two to tell everybody that it is not to be sent anything any more, and kills after 30 s.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs one node that finds the others by DNS
///
/// It joins the Kademlia network of all nodes that run this program, and tells what it learns. Ends
/// on SIGTERM and SIGINT, and at once on the second of them.
///
/// Exit code: 0 after a signal, 1 if it cannot run, 2 on bad use.
#[derive(Debug, Parser)]
#[command(name = NAME, version)]
struct Args {
    /// Where to look for the others; may be repeated [env: DISCOVERY_SOURCES, where commas or white
    /// space stand between several]
    ///
    /// `/dns/NAME/tcp/4001` looks up A and AAAA records (`/dns4/…`, `/dns6/…`: one of them),
    /// `srv:_NAME._tcp.DOMAIN` SRV records, `/dnsaddr/NAME` TXT records; an address without a name
    /// stands for itself. A name that ends in a dot is absolute.
    #[arg(long = "source", value_name = "SOURCE")]
    sources: Vec<Source>,

    /// An address to listen on; may be repeated [default: TCP and QUIC on port 4001, v4 and v6]
    #[arg(long = "listen", value_name = "ADDRESS", value_parser = cli::listen_address)]
    listen: Vec<Multiaddr>,

    /// The name server to ask [default: those of the system]
    #[arg(long, value_name = "IP:PORT")]
    dns: Option<NameServer>,

    /// The file that holds this node's key; made if there is none [default: a new key every time]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// Whom to connect to: `auto`, `lowest:N`, `fingers` or `all`
    #[arg(long, value_name = "SELECTION", default_value_t = Selection::default())]
    select: Selection,

    /// How the identity behind an address is learned
    #[arg(long, value_enum, default_value = "auto")]
    identify: IdentifyBy,

    /// Dial loopback addresses that DNS names, to try out on one machine
    #[arg(long)]
    allow_loopback: bool,

    /// Enter nobody but this peer; may be repeated [default: everybody who proves an identity]
    #[arg(long = "allow-peer", value_name = "PEER_ID")]
    allowed: Vec<PeerId>,

    /// Enter only those who speak this network's protocol, and no other application of libp2p at an
    /// address that DNS still names
    #[arg(long)]
    members_only: bool,

    /// The protocol of the Kademlia network to join: that of peers in other languages, or of one's own
    #[arg(long, value_name = "PROTOCOL", default_value_t = NETWORK, value_parser = cli::protocol)]
    kad_protocol: StreamProtocol,

    #[command(flatten)]
    keys: Keys,

    #[command(flatten)]
    publishing: Option<Publishing>,

    /// Serve over HTTP, such as at `127.0.0.1:8080`: `/readyz` and `/livez` for probes, `/metrics`
    /// for Prometheus, `/peers` (JSON), and `/`, a page to look at
    ///
    /// There is no authentication: whoever reaches the address may read what the node knows. Nobody can
    /// change anything there. Where probes come from other machines, serve on `0.0.0.0:8080` or
    /// `[::]:8080`, and let nobody else in. Port 0 takes one that is free, and tells which.
    #[arg(long, value_name = "ADDR")]
    http: Option<http::Address>,

    /// How long to go on serving after the signal to end, while `/readyz` says no [default: 5 with
    /// `--http`, 0 without]
    ///
    /// For others to notice before the node is gone: as long as they are sent here on old word, and
    /// some seconds less than what asks the node to end waits before it kills.
    #[arg(long, value_name = "SECONDS", value_parser = cli::pause)]
    drain: Option<Duration>,

    /// Print one JSON object on each line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    run(NAME, node)
}

async fn node(args: Args) -> Result<u8, Stop> {
    let mut events = Events::new(Output::new(args.json));
    // From now on, so that a signal during the start ends cleanly too.
    let mut signals = Signals::new()?;
    let mut swarm = swarm(&args)?;
    let listeners = Listeners::start(&mut swarm, &args.listen)?;
    let records = Records::new(&args.keys, args.allow_loopback);
    let http = Http::start(args.http, &mut swarm, &mut events)?;
    events.start(&swarm);
    let mut running = Running { swarm, listeners, records, events, http };
    tokio::select! {
        stop = running.run() => return Err(stop),
        () = signals.next() => {}
    }
    let drain = args.drain.unwrap_or(if args.http.is_some() { DRAIN } else { Duration::ZERO });
    tokio::select! {
        outcome = running.leave(drain) => outcome?,
        () = signals.next() => note(NAME, "asked to end a second time, and ending at once"),
    }
    Ok(0)
}

fn swarm(args: &Args) -> Result<Swarm<Node>, Stop> {
    let sources = sources::sources(&args.sources)?;
    let key = key::key(args.key.as_deref())?;
    let resolver = cli::resolver(args.dns, None)?;
    let filter = cli::filter(args.allow_loopback);
    let mut config = Config::new()
        .with_selection(args.select)
        .with_identify(args.identify.into())
        .with_filter(filter.clone());
    if !args.allowed.is_empty() {
        config = config.with_allowed_peers(args.allowed.iter().copied());
    }
    if args.members_only {
        config = config.with_required_protocol(args.kad_protocol.clone());
    }
    let member = Member::new(&key, args.kad_protocol.clone(), resolver, config, sources);
    let peer = key.public().to_peer_id();
    let publisher = publishing::publisher(args.publishing.as_ref(), filter, peer)?;
    transport::full(key, Node { member, publisher }, DIAL, IDLE)
}
