#![cfg_attr(all(feature = "hickory", feature = "kad"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "hickory", feature = "kad")),
    doc = "Lets a libp2p swarm bootstrap itself from DNS."
)]
#![deny(missing_docs, missing_debug_implementations, unreachable_pub)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub use hickory_proto;
pub use ipnet;

pub use crate::{
    behaviour::Behaviour,
    candidate::{Candidate, Family},
    config::{Config, Identify},
    discovery::CandidateState,
    event::{Event, Failure, Isolation, Proved, Status},
    filter::{Filter, Rejection, TransportKind},
    handler::{Handler, KeepAlive, Speaks},
    limits::Limits,
    peers::VerifiedPeer,
    record::Dropped,
    resolver::{Answer, LookupError, LookupFuture, Nothing, NothingKind, Proof, Query, Resolver},
    selection::{Selection, SelectionError},
    source::{Source, SourceError},
};

#[cfg(any(doc, doctest))]
#[doc = include_str!("../THREATS.md")]
pub mod threats {}

mod admission;
mod behaviour;
mod candidate;
mod config;
pub mod discovery;
mod event;
mod filter;
mod handler;
#[cfg(feature = "kad")]
#[cfg_attr(docsrs, doc(cfg(feature = "kad")))]
pub mod kad;
mod limits;
mod own_addresses;
mod pace;
mod peers;
mod pool;
#[cfg(feature = "publish")]
#[cfg_attr(docsrs, doc(cfg(feature = "publish")))]
pub mod publish;
mod record;
pub mod resolver;
mod selection;
mod shell;
mod source;
