//! Runs the crate and its programs against software that others wrote: name servers, peers in other
//! languages, hosts with faults. `tests/interop/run` builds what it needs and starts it.
//!
//! Everything happens in network namespaces: the script starts this program in one that reaches
//! nothing else, and it makes the hosts within.

use std::process::ExitCode;

use libtest_mimic::Arguments;

use crate::suite::Suite;

#[path = "../../examples/common/dns_server.rs"]
mod dns_server;

mod cluster;
mod dns;
mod faults;
mod joining;
mod manifests;
mod names;
mod net;
mod node;
mod peers;
mod program;
mod prometheus;
mod proxy;
mod servers;
mod suite;
mod system;
mod table;
mod tools;

fn main() -> ExitCode {
    // Hundreds of look-ups at once, and the pipes of many programs.
    let _ = rlimit::increase_nofile_limit(16_384);
    let mut suite = Suite::new();
    dns::ask(&mut suite);
    peers::add(&mut suite);
    faults::add(&mut suite);
    system::add(&mut suite);
    manifests::add(&mut suite);
    prometheus::add(&mut suite);
    proxy::add(&mut suite);
    joining::add(&mut suite);
    suite.run(&Arguments::from_args())
}
