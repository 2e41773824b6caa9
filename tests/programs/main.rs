//! Runs the programs in `examples/` as their users do: as processes, against a real DNS server.

#[path = "../../examples/common/dns_server.rs"]
mod dns_server;

mod browser;
mod http;
mod process;
mod setup;
mod xml;

mod cluster;
mod looks;
mod node;
mod pages;
mod symptoms;
mod trials;
mod usage;
mod whois;

mod manifests;
mod watching;
