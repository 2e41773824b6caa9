//! What the tests start from: a DNS server, and nodes.

use std::{
    net::{Ipv4Addr, TcpListener},
    sync::{Mutex, PoisonError},
};

use libp2p_dns_discovery::resolver::zone::Zone;
use serde_json::Value;
use tokio::{net::TcpSocket, runtime::Runtime};

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
        self.name_among_dead(ports, 0);
    }

    /// Names nodes on this machine by their ports, and as many addresses at which nobody is. Each of these
    /// is on a host of its own: of one host, a node tries four addresses in a refresh.
    pub(crate) fn name_among_dead(&self, ports: impl IntoIterator<Item = u16>, dead: u8) {
        self.zone.set_addresses("host.test.", [Ipv4Addr::LOCALHOST.into()]);
        let hosts: Vec<_> = (0..dead).map(|n| format!("dead-{n}.test.")).collect();
        for (n, host) in (0..).zip(&hosts) {
            self.zone.set_addresses(host, [Ipv4Addr::new(127, 9, 0, n).into()]);
        }
        let nodes = ports.into_iter().map(|port| (port, "host.test."));
        self.zone.set_srv(SERVICE, nodes.chain(hosts.iter().map(|host| (1, &**host))));
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

/// A port that nobody listens on, and that nobody else is given: connections to it are refused. Each is
/// another one, and stays so until the tests end, whatever runs beside them.
pub(crate) fn closed_port() -> u16 {
    static HELD: Mutex<Vec<TcpSocket>> = Mutex::new(Vec::new());
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
    let port = socket.local_addr().expect("it has an address").port();
    HELD.lock().unwrap_or_else(PoisonError::into_inner).push(socket);
    port
}

/// A port for a program that is to listen on it, and cannot say on which one it does.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}
