//! Runs the programs in `examples/` as their users do: as processes, against a real DNS server.

#[path = "../../examples/common/dns_server.rs"]
mod dns_server;

mod process;
mod setup;
mod xml;

mod cluster;
mod node;
mod trials;
mod usage;
mod whois;
