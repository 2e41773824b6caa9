//! What the tests start from: a DNS server, and nodes.

use std::net::{Ipv4Addr, TcpListener};

use libp2p_dns_discovery::resolver::zone::Zone;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{dns_server::DnsServer, process::Process};

const SERVICE: &str = "_p2p._tcp.peers.test.";
pub(crate) const SOURCE: &str = "srv:_p2p._tcp.peers.test.";

/// A DNS server on this machine, and what it serves.
pub(crate) struct Dns {
    pub(crate) zone: Zone,
    pub(crate) server: DnsServer,
    _runtime: Runtime,
}

impl Dns {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let zone = Zone::new();
        let address = (Ipv4Addr::LOCALHOST, 0).into();
        let start = DnsServer::start(address, zone.clone(), 7);
        let server = runtime.block_on(start).expect("the DNS server starts");
        Self { zone, server, _runtime: runtime }
    }

    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Names nodes on this machine by their ports.
    pub(crate) fn name(&self, ports: impl IntoIterator<Item = u16>) {
        self.zone.set_addresses("host.test.", [Ipv4Addr::LOCALHOST.into()]);
        let targets = ports.into_iter().map(|port| (port, "host.test."));
        self.zone.set_srv(SERVICE, targets);
    }
}

/// A node that listens on a port of this machine.
pub(crate) struct Node {
    pub(crate) process: Process,
    pub(crate) peer: String,
    pub(crate) port: u16,
}

impl Node {
    /// Starts a node on a free port.
    pub(crate) fn start(dns: &Dns, more: &[&str]) -> Self {
        Self::start_at(0, dns, more)
    }

    pub(crate) fn start_at(port: u16, dns: &Dns, more: &[&str]) -> Self {
        let (dns, listen) = (dns.address(), format!("/ip4/127.0.0.1/tcp/{port}"));
        let mut args = vec!["--source", SOURCE, "--dns", &dns, "--json"];
        args.extend(["--allow-loopback", "--listen", &listen]);
        args.extend(more);
        Self::of(Process::start("node", &args, &[]))
    }

    /// Waits until the node listens.
    pub(crate) fn of(mut process: Process) -> Self {
        let listening = process.wait_for(|line| line["event"] == "listening");
        let address = text(&listening["address"]);
        let port = address.rsplit('/').next().and_then(|port| port.parse().ok());
        Self {
            peer: text(&listening["peer"]),
            port: port.expect("the address ends in a port"),
            process,
        }
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// A port that nobody listens on.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}
