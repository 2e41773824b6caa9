//! The targets that are fuzzed by `fuzz/` and, with random inputs, by `tests/fuzzing.rs`: functions
//! over text or bytes that panic where something does not hold. Nothing but the crate's public
//! contract is asserted.

#![allow(dead_code, reason = "each program that includes this uses its own part of it")]

mod allowed;
mod input;
mod machine;
mod records;
mod source;
mod universe;

#[allow(unused_imports, reason = "the same")]
pub use self::{
    machine::{machine, reached},
    records::records,
    source::source,
};
