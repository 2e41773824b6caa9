//! One node for a real deployment: Kademlia, identify and ping beside the discovery.
//!
//! ```text
//! cargo run --example node -- --source /dns/peers.default.svc.cluster.local/tcp/4001
//! ```

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use futures::StreamExt;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, swarm::SwarmEvent};
use libp2p_dns_discovery::{Config, Selection, Source};

use crate::{
    behaviour::{Node, NodeEvent, silent_connection},
    common::{
        cli::{self, IdentifyBy, NameServer},
        member::Member,
        output::{Output, note},
        run::{Stop, run},
        transport,
    },
    events::Events,
    listeners::Listeners,
    publishing::Publishing,
    records::{Keys, Records},
};

mod behaviour;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod key;
mod listeners;
mod publishing;
mod records;
mod signals;
mod sources;

const NAME: &str = "node";
/// The protocol of the network: nodes of other applications are not taken for members.
const NETWORK: StreamProtocol = StreamProtocol::new("/dns-discovery-node/kad/1.0.0");
/// How long it may take until a connection is there.
const DIAL: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(10);
/// How long the others may take to notice that we leave.
const FAREWELL: Duration = Duration::from_secs(1);

/// Runs one node that finds the others by DNS
///
/// It joins the Kademlia network of all nodes that run this program, and tells what it learns. Ends
/// on SIGTERM and SIGINT.
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
    let mut signal = std::pin::pin!(signals::termination()?);
    let mut swarm = swarm(&args)?;
    let mut listeners = Listeners::start(&mut swarm, &args.listen)?;
    let mut records = Records::new(&args.keys, args.allow_loopback);
    events.start(&swarm)?;
    loop {
        tokio::select! {
            () = &mut signal => break,
            () = records.due() => records.ask(&mut swarm),
            event = swarm.select_next_some() => {
                swarm.behaviour_mut().follow(&event);
                listeners.follow(&event)?;
                records.follow(&mut swarm, &event, &events)?;
                if let Some(connection) = silent_connection(&event) {
                    swarm.close_connection(connection);
                }
                events.tell(&mut swarm, &event)?;
            }
        }
    }
    publishing::withdraw(&mut swarm, &mut events).await?;
    leave(&mut swarm).await;
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

/// Closes all connections, so that the others see us leave and need not find out.
async fn leave(swarm: &mut Swarm<Node>) {
    let peers: Vec<_> = swarm.connected_peers().copied().collect();
    for peer in peers {
        // Fails only if there is no connection any more.
        let _ = swarm.disconnect_peer_id(peer);
    }
    let closed = async {
        while swarm.connected_peers().next().is_some() {
            let _: SwarmEvent<NodeEvent> = swarm.select_next_some().await;
        }
    };
    if tokio::time::timeout(FAREWELL, closed).await.is_err() {
        note(NAME, "some connections did not close in time");
    }
}
