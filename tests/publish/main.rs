//! A node keeps its own records current in a zone: at a server in this process, and at BIND and
//! Knot where they are installed.

mod failures;
mod lifecycle;
mod nodes;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../programs/process.rs"]
mod process;
mod real;
mod twin;
mod updaters;
mod world;
