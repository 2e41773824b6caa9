//! Lets a libp2p swarm bootstrap itself from DNS.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub use hickory_proto;

pub use crate::{
    candidate::{Candidate, Family},
    resolver::{Answer, LookupError, LookupFuture, Nothing, NothingKind, Proof, Query, Resolver},
};

mod candidate;
pub mod resolver;
