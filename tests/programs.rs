//! Runs the programs in `examples/` as their users do: as processes, against a real DNS server.

#[path = "../examples/common/dns_server.rs"]
mod dns_server;

#[path = "programs/process.rs"]
mod process;
#[path = "programs/setup.rs"]
mod setup;
#[path = "programs/xml.rs"]
mod xml;

#[path = "programs/cluster.rs"]
mod cluster;
#[path = "programs/node.rs"]
mod node;
#[path = "programs/trials.rs"]
mod trials;
#[path = "programs/usage.rs"]
mod usage;
#[path = "programs/whois.rs"]
mod whois;
