//! Where DNS answers come from: the [`Resolver`] trait, its query and its answer.
//!
//! The crate asks a resolver for one name and one record type at a time. A resolver must not cache,
//! because the discovery schedules its refreshes by the TTLs in the answers.

mod answer;
mod error;
#[cfg(feature = "hickory")]
#[cfg_attr(docsrs, doc(cfg(feature = "hickory")))]
pub mod hickory;
mod lookup;
mod nothing;
mod proof;
mod query;
pub mod zone;

pub use self::{
    answer::Answer,
    error::LookupError,
    lookup::{LookupFuture, Resolver},
    nothing::{Nothing, NothingKind},
    proof::Proof,
    query::Query,
};
