//! Runs nodes on a real Kubernetes, from the manifests in `examples/kubernetes`. `tests/kubernetes/run`
//! builds the cluster, starts it, and starts this program within its namespaces.
//!
//! What is measured comes from the lines that nodes print, with the time at which containerd took each;
//! from DNS, asked all the time; and from the API server. All are on the clock of this one machine.

use std::process::ExitCode;

use libtest_mimic::Arguments;

use crate::suite::Suite;

#[expect(dead_code, reason = "cells of the other suite have notes, and some cannot be had")]
#[path = "../interop/suite.rs"]
mod suite;
#[path = "../interop/table.rs"]
mod table;

mod change;
mod cluster;
mod lines;
mod names;
mod ready;
mod rows;
mod space;
mod truth;

fn main() -> ExitCode {
    let mut suite = Suite::new();
    rows::add(&mut suite);
    suite.run(&Arguments::from_args())
}
