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
    discovery::{CandidateState, VerifiedPeer},
    event::{Event, Failure, Isolation, Proved, Status},
    filter::{Filter, Rejection, TransportKind},
    limits::Limits,
    record::Dropped,
    resolver::{Answer, LookupError, LookupFuture, Nothing, NothingKind, Proof, Query, Resolver},
    selection::{Selection, SelectionError},
    source::{Source, SourceError},
};

// Types that `NetworkBehaviour` has to name, and nobody else.
#[doc(hidden)]
pub use crate::handler::{FromHandler, Handler, SignOfLife, ToHandler};

#[cfg(any(doc, doctest))]
#[doc = include_str!("../THREATS.md")]
pub mod threats {}

#[cfg(all(any(doc, doctest), feature = "hickory", feature = "kad"))]
pub mod migration {
    //! How to change a program that finds its peers in another way: the steps, and what is different at run
    //! time.

    #[doc = include_str!("../docs/migration-mdns.md")]
    pub mod from_mdns {}

    #[doc = include_str!("../docs/migration-bootnodes.md")]
    pub mod from_bootnodes {}

    #[doc = include_str!("../docs/migration-lookup-loop.md")]
    pub mod from_a_lookup_loop {}
}

// What tests share with benches names the crate from outside.
#[cfg(test)]
extern crate self as libp2p_dns_discovery;

mod admission;
mod alias;
mod behaviour;
mod candidate;
mod config;
pub mod discovery;
mod dnsaddr;
mod event;
mod filter;
mod handler;
#[cfg(feature = "kad")]
#[cfg_attr(docsrs, doc(cfg(feature = "kad")))]
pub mod kad;
mod limits;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
mod name;
mod own_addresses;
mod pace;
mod pool;
#[cfg(feature = "publish")]
#[cfg_attr(docsrs, doc(cfg(feature = "publish")))]
pub mod publish;
mod record;
pub mod resolver;
mod selection;
mod shell;
mod source;
#[cfg(test)]
mod testing;
pub mod websocket;

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    /// The lines of one item that declare what can grow: an enum, a variant with named fields, a
    /// struct whose fields are public.
    fn growing(item: &[&str]) -> Vec<usize> {
        let is_head = |line: &&str| !line.starts_with(' ') && line.ends_with(" {");
        let Some(head) = item.iter().rposition(is_head) else { return Vec::new() };
        let is_enum = item[head].starts_with("pub enum ");
        let has_public_field = || item[head..].iter().any(|line| line.starts_with("    pub "));
        let is_record = item[head].starts_with("pub struct ") && has_public_field();
        let is_variant = |line: &str| {
            let name = line.strip_prefix("    ").filter(|_| is_enum && line.ends_with(" {"));
            name.is_some_and(|name| name.starts_with(char::is_uppercase))
        };
        let grows = |n: &usize| (is_enum || is_record) && *n == head || is_variant(item[*n]);
        (head..item.len()).filter(grows).collect()
    }

    /// What is added to an enum, a variant or a struct breaks whoever names all that there is: nobody
    /// can. Fails if an attribute is missing.
    #[test]
    fn what_is_public_can_grow() {
        let mut found = 0;
        for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            for item in text.split("\n}\n") {
                let lines: Vec<_> = item.lines().collect();
                for n in growing(&lines) {
                    let attribute = lines[n - 1].trim();
                    assert_eq!(attribute, "#[non_exhaustive]", "{}: {}", path.display(), lines[n]);
                    found += 1;
                }
            }
        }
        assert!(found > 60, "{found}");
    }
}
