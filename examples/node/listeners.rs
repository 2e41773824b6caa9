//! Where the node listens.

use std::{collections::HashSet, error::Error, io};

use libp2p::{
    Multiaddr, Swarm, TransportError, core::transport::ListenerId, multiaddr::Protocol,
    swarm::SwarmEvent,
};

use crate::{
    NAME,
    behaviour::{Node, NodeEvent},
    common::{
        output::note,
        run::{Stop, causes},
    },
};

const DEFAULT: [&str; 4] = [
    "/ip4/0.0.0.0/tcp/4001",
    "/ip4/0.0.0.0/udp/4001/quic-v1",
    "/ip6/::/tcp/4001",
    "/ip6/::/udp/4001/quic-v1",
];

/// The listeners that are open.
pub(crate) struct Listeners(HashSet<ListenerId>);

impl Listeners {
    /// Listens on all given addresses; without any, on the default ones, of which those are left
    /// out whose family this machine does not have.
    pub(crate) fn start(swarm: &mut Swarm<Node>, given: &[Multiaddr]) -> Result<Self, Stop> {
        let mut listeners = HashSet::new();
        for address in given {
            listeners.insert(listen(swarm, address).map_err(|error| refused(address, &error))?);
        }
        if given.is_empty() {
            listeners = listen_by_default(swarm)?;
        }
        Ok(Self(listeners))
    }

    /// Notes which listeners have closed; without any, nobody could reach this node any more.
    pub(crate) fn follow(&mut self, event: &SwarmEvent<NodeEvent>) -> Result<(), Stop> {
        match event {
            SwarmEvent::ListenerError { error, .. } => {
                note(NAME, &format!("a listener has a problem: {}", causes(error)));
            }
            SwarmEvent::ListenerClosed { listener_id, addresses, reason } => {
                self.0.remove(listener_id);
                let addresses: Vec<_> = addresses.iter().map(Multiaddr::to_string).collect();
                let reason = reason.as_ref().err().map_or("closed".to_owned(), |e| causes(e));
                let text = format!("no longer listening on {}: {reason}", addresses.join(", "));
                if self.0.is_empty() {
                    return Err(Stop::Failed(text));
                }
                note(NAME, &text);
            }
            _ => {}
        }
        Ok(())
    }
}

fn listen_by_default(swarm: &mut Swarm<Node>) -> Result<HashSet<ListenerId>, Stop> {
    let mut listeners = HashSet::new();
    let mut last = None;
    for address in DEFAULT {
        let address: Multiaddr = address.parse().expect("the default addresses are well-formed");
        match listen(swarm, &address) {
            Ok(listener) => {
                listeners.insert(listener);
            }
            Err(error) if is_taken(&error) => return Err(refused(&address, &error)),
            Err(error) => {
                note(NAME, &format!("not listening on {address}: {}", causes(&error)));
                last = Some(refused(&address, &error));
            }
        }
    }
    match last {
        Some(stop) if listeners.is_empty() => Err(stop),
        _ => Ok(listeners),
    }
}

fn listen(
    swarm: &mut Swarm<Node>,
    address: &Multiaddr,
) -> Result<ListenerId, TransportError<io::Error>> {
    swarm.listen_on(address.clone())
}

/// The port is there, but not for us: to go on without it would hide that.
fn is_taken(error: &TransportError<io::Error>) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if matches!(kind, Some(io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn refused(address: &Multiaddr, error: &TransportError<io::Error>) -> Stop {
    let named = |part| matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_));
    match error {
        TransportError::MultiaddrNotSupported(_) if address.iter().any(named) => Stop::Usage(
            format!("cannot listen on {address}: write an IP address instead of the name"),
        ),
        TransportError::MultiaddrNotSupported(_) => Stop::Usage(format!(
            "cannot listen on {address}: write for example `/ip4/0.0.0.0/tcp/4001` or \
             `/ip4/0.0.0.0/udp/4001/quic-v1`"
        )),
        TransportError::Other(error) => Stop::Failed(format!(
            "cannot listen on {address}: {}; name another address with `--listen`",
            causes(error)
        )),
    }
}
