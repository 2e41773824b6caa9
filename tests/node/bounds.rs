//! Every bound: what happens at it and one past it, that what is cut is told, and that its setter has
//! an effect. The defaults are held against the docs beside them, in `src/limits.rs`.

mod answers;
mod filter;
mod holdings;
mod work;

use libp2p_dns_discovery::Event;

use crate::support::{World, nz};

/// Of the last answer that was told: how many candidates, whether all, and what was dropped.
fn resolved(world: &World) -> (usize, bool, Vec<String>) {
    let told = world.events.iter().rev().find_map(|(_, event)| match event {
        Event::Resolved { candidates, complete, dropped, .. } => {
            Some((candidates.len(), *complete, dropped.iter().map(ToString::to_string).collect()))
        }
        _ => None,
    });
    told.expect("an answer")
}
