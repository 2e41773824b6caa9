//! The resolver over hickory, against name servers on loopback addresses.

#[path = "../../examples/common/dns_server.rs"]
mod dns_server;

mod dnssec;
mod faults;
mod hickory;
mod scripted;
