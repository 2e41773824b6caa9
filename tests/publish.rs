//! A node keeps its own records current in a zone: at a server in this process, and at BIND and
//! Knot where they are installed.

#[path = "publish/failures.rs"]
mod failures;
#[path = "publish/lifecycle.rs"]
mod lifecycle;
#[path = "publish/real.rs"]
mod real;
#[path = "publish/twin.rs"]
mod twin;
#[path = "publish/world.rs"]
mod world;
