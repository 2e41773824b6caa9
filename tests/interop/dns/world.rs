//! What all cells have in common.

use std::net::{Ipv4Addr, SocketAddr};

use crate::{
    servers::{Brand, Server, free_address},
    suite::Answer,
};

/// How long records may be remembered, in seconds.
pub(super) const TTL: u32 = 1;

/// What a server sends of more than one message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Past {
    /// As many as there is room for, marked as cut off.
    Part,
    Nothing,
}

pub(super) fn past(brand: Brand) -> Past {
    match brand {
        Brand::CoreDns
        | Brand::CoreDnsCache
        | Brand::CoreDnsSample
        | Brand::CoreDnsWith(_)
        | Brand::Kubernetes
        | Brand::Dnsmasq => Past::Part,
        Brand::Bind
        | Brand::Knot
        | Brand::Unbound
        | Brand::UnboundBefore(_)
        | Brand::UnboundRefusing => Past::Nothing,
    }
}

/// Whether SRV records come without the addresses of their targets. BIND adds them to no more than
/// 13 (since CVE-2024-11187), and Unbound to none.
pub(super) fn omits_glue(brand: Brand) -> bool {
    matches!(brand, Brand::Bind | Brand::Unbound)
}

/// Where the next server listens.
pub(super) fn address() -> SocketAddr {
    free_address(Ipv4Addr::LOCALHOST.into())
}

/// Runs a cell in a runtime of its own.
pub(super) fn run(cell: impl Future<Output = Result<Answer, Answer>>) -> Result<Answer, Answer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(cell)
}

/// What an error says, without the port, which is another one each time.
pub(super) fn without_address(text: &str, server: &Server) -> String {
    text.replace(&format!("{}: ", server.address()), "")
}

/// A number below a million, as it is written.
pub(super) fn thousands(n: usize) -> String {
    if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) }
}

/// That these candidates are there, in this order; says where they first differ.
#[track_caller]
pub(super) fn assert_same(found: &[String], wanted: &[String], what: &str) {
    let differ = found.iter().zip(wanted).position(|(a, b)| a != b);
    let at = differ.unwrap_or_else(|| found.len().min(wanted.len()));
    let (a, b) = (found.get(at), wanted.get(at));
    let (there, all) = (found.len(), wanted.len());
    assert!(
        found == wanted,
        "{what}: {there} candidates, not {all}; number {at} is {a:?}, not {b:?}"
    );
}
