//! The behaviour in real swarms, over the memory transport or loopback addresses.

mod support;

mod balancer;
mod behaviour;
mod composition;
mod drawbacks;
mod first_dials;
mod kad;
mod liveness;
mod members;
mod names;
mod namespace;
mod route;
mod same_key;
mod vanished;
