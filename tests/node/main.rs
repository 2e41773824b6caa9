//! One node of the core in a world that each test makes up. Each module holds one part of what a node
//! does: `cargo test --test node walk::` runs those of one.

#[path = "../support/mod.rs"]
mod support;

mod admission;
mod bounds;
mod budget;
mod chaos;
mod core;
mod dials;
mod endurance;
mod fairness;
mod fingers;
mod hints;
mod liveness;
mod logs;
mod neighbours;
mod own;
mod pace;
mod parts;
mod pins;
mod questions;
mod quiet;
mod sampled;
mod stats;
mod status;
mod transports;
mod walk;
