//! Publishing this node's own addresses, and withdrawing them.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use clap::Args;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    swarm::{SwarmEvent, behaviour::toggle::Toggle},
};
use libp2p_dns_discovery::{
    Filter,
    publish::{self, Config, Publisher, TsigKey, TsigUpdater},
};

use crate::{
    behaviour::{Node, NodeEvent},
    common::{
        cli::{self, NameServer},
        run::{Stop, causes},
    },
    key::warn_if_open_to_others,
};

/// More than any key takes, with comments around it: whatever is larger is no key.
const LARGEST: u64 = 4 * 1_024;

/// Where and how to publish. Each flag is optional, but not without the others.
#[derive(Debug, Args)]
#[group(requires_all = ["publish", "publish_zone", "publish_server", "publish_key"])]
pub(crate) struct Publishing {
    /// Publish this node's own addresses, where `/dnsaddr/NAME` finds them, and withdraw them at
    /// the end
    #[arg(long, value_name = "NAME", required = false)]
    publish: String,

    /// The zone that `_dnsaddr.NAME` is in
    #[arg(long, value_name = "ZONE", required = false)]
    publish_zone: String,

    /// The zone's primary name server, which takes dynamic updates (RFC 2136)
    #[arg(long, value_name = "IP:PORT", required = false)]
    publish_server: NameServer,

    /// The file that holds the key for updates, as `tsig-keygen` or `keymgr -t` print it, or in one line, as
    /// `nsupdate -y` takes it: `hmac-sha256:KEYNAME:SECRET`
    #[arg(long, value_name = "FILE", required = false)]
    publish_key: PathBuf,

    /// An address to publish; may be repeated [default: the external ones, or else those listened
    /// on]
    #[arg(long, value_name = "ADDRESS", value_parser = cli::listen_address)]
    publish_address: Vec<Multiaddr>,
}

/// What publishes, if that is asked for.
pub(crate) fn publisher(
    publishing: Option<&Publishing>,
    filter: Filter,
    peer: PeerId,
) -> Result<Toggle<Publisher<TsigUpdater>>, Stop> {
    let Some(publishing) = publishing else { return Ok(None.into()) };
    let config = Config::new(&publishing.publish, &publishing.publish_zone)
        .map_err(|error| Stop::Usage(format!("`--publish`: {}", causes(&error))))?
        .with_addresses(publishing.publish_address.clone())
        .with_filter(filter);
    let updater =
        TsigUpdater::new(publishing.publish_server.address(), key(&publishing.publish_key)?);
    Ok(Some(Publisher::new(updater, config, peer)).into())
}

fn key(path: &Path) -> Result<TsigKey, Stop> {
    let unusable = |what: String| Stop::Usage(format!("the key file `{}` {what}", path.display()));
    let mut text = String::new();
    let read = File::open(path).and_then(|file| {
        (&file).take(LARGEST).read_to_string(&mut text)?;
        warn_if_open_to_others(&file, path);
        Ok(())
    });
    read.map_err(|error| unusable(format!("cannot be read ({error})")))?;
    text.parse().map_err(|error| unusable(format!("holds no key for updates: {}", causes(&error))))
}

/// Begins to withdraw what was published, so that nobody looks for this node any more. Says whether there is
/// anything to withdraw.
pub(crate) fn withdraw(swarm: &mut Swarm<Node>) -> bool {
    swarm.behaviour_mut().publisher.as_mut().map(Publisher::withdraw).is_some()
}

/// Whether that is done.
pub(crate) fn is_withdrawn(event: &SwarmEvent<NodeEvent>) -> bool {
    matches!(event, SwarmEvent::Behaviour(NodeEvent::Publisher(publish::Event::Withdrawn)))
}
