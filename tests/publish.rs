//! A node keeps its own records current in a zone: at a server in this process, and at BIND and
//! Knot where they are installed.

#[path = "publish/failures.rs"]
mod failures;
#[path = "publish/lifecycle.rs"]
mod lifecycle;
#[path = "publish/nodes.rs"]
mod nodes;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "programs/process.rs"]
mod process;
#[path = "publish/real.rs"]
mod real;
#[path = "publish/twin.rs"]
mod twin;
#[path = "publish/updaters.rs"]
mod updaters;
#[path = "publish/world.rs"]
mod world;
