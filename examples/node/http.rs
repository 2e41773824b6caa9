//! What the node tells over HTTP: whether it is ready, whether it lives, whom it knows, and a page to
//! look at. Whoever looks costs the swarm's task nothing but a copy, four times a second at most.

use std::{io, net::SocketAddr, str::FromStr};

use libp2p::{Swarm, swarm::SwarmEvent};

use self::desk::Desk;
use crate::{
    behaviour::{Node, NodeEvent},
    common::run::Stop,
    events::{Event, Events},
    metrics::Metrics,
};

mod desk;
mod page;
mod parts;
mod patch;
mod peers;
mod reasons;
mod routes;
mod rows;
mod server;
mod snapshot;
mod stream;

/// Where to serve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse().map(Self).map_err(|_| {
            "write an IP address and a port, such as `127.0.0.1:8080` for this machine, or \
             `0.0.0.0:8080` or `[::]:8080` for everybody"
                .to_owned()
        })
    }
}

/// The pages, or none if nobody asked for them.
pub(crate) struct Http(Option<Served>);

struct Served {
    desk: Desk,
    metrics: Metrics,
}

impl Http {
    /// Serves from now on, and tells where.
    pub(crate) fn start(
        address: Option<Address>,
        swarm: &mut Swarm<Node>,
        events: &mut Events,
    ) -> Result<Self, Stop> {
        let Some(Address(address)) = address else { return Ok(Self(None)) };
        let listener = server::bind(address).map_err(|error| refused(address, &error))?;
        let address = listener.local_addr().map_err(|error| refused(address, &error))?;
        let (desk, viewer) = desk::new(swarm, events);
        let metrics = Metrics::new(swarm);
        tokio::spawn(server::run(listener, routes::router(viewer, metrics.registry())));
        events.print(Event::Http { address });
        Ok(Self(Some(Served { desk, metrics })))
    }

    /// Waits until somebody looks; for ever, if there are no pages.
    pub(crate) async fn due(&self) {
        match &self.0 {
            Some(served) => served.desk.due().await,
            None => std::future::pending().await,
        }
    }

    /// Shows how things are.
    pub(crate) fn show(&mut self, swarm: &Swarm<Node>, events: &Events) {
        if let Some(served) = &mut self.0 {
            served.desk.serve(swarm, events);
        }
    }

    /// Notes that something has happened.
    pub(crate) fn follow(&mut self, event: &SwarmEvent<NodeEvent>, events: &Events) {
        if let Some(served) = &mut self.0 {
            served.metrics.record(event);
            served.desk.note_change(events);
        }
    }

    /// Notes that this node leaves.
    pub(crate) fn leave(&mut self, events: &Events) {
        if let Some(served) = &mut self.0 {
            served.desk.note_change(events);
        }
    }
}

fn refused(address: SocketAddr, error: &io::Error) -> Stop {
    let what = format!("cannot serve HTTP on {address}: {error}");
    Stop::Failed(match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{what}; name another port with `--http`, or port 0 for one that is free")
        }
        _ => format!("{what}; name an address of this machine with `--http`, such as 127.0.0.1:0"),
    })
}
