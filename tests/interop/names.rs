//! The name server of a network of hosts, and what it names.

use crate::{
    net::Net,
    servers::{Brand, Server, Zone},
    suite::Answer,
};

/// In seconds. As Kubernetes has it by default.
const TTL: u32 = 5;

/// The zone in which `peers.test.` has the addresses of these hosts.
pub(crate) fn zone(net: &Net, hosts: impl IntoIterator<Item = u8>) -> Zone {
    let mut zone = Zone::new(TTL);
    zone.set_addresses("@", hosts.into_iter().map(|host| net.v4(host).into()));
    zone
}

/// Starts the server, with such a zone, where all hosts reach it.
pub(crate) fn serve(net: &Net, hosts: impl IntoIterator<Item = u8>) -> Result<Server, Answer> {
    Server::start(Brand::CoreDns, net.name_server(), &zone(net, hosts))
}
