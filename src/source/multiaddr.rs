//! Reads the forms of a source that are multiaddrs.

use std::iter;

use libp2p_core::{Multiaddr, multiaddr::Protocol};

use super::{
    SourceError,
    kind::{Dnsaddr, Families, Host, Kind},
    name,
    parts::{Component, Parts},
    upper::{Upper, relay_has_peer, tails},
};
use crate::candidate::Candidate;

/// Reads the forms that start with `/`, which are also those of a `dnsaddr` record's entry.
pub(crate) fn address(text: &str) -> Result<Kind, SourceError> {
    let (mut first, more) = Parts::alternatives(text, 0);
    let Some(head) = first.component()? else {
        return Err(SourceError::Empty);
    };
    match &head.protocol {
        Protocol::Dns(name) => host(Families::Both, name, &head, first, more),
        Protocol::Dns4(name) => host(Families::V4, name, &head, first, more),
        Protocol::Dns6(name) => host(Families::V6, name, &head, first, more),
        Protocol::Dnsaddr(name) => dnsaddr(name, &head, first, more),
        _ => fixed(head, first, more),
    }
}

fn host<'a>(
    families: Families,
    name: &str,
    head: &Component<'_>,
    first: Parts<'a>,
    more: impl Iterator<Item = Parts<'a>>,
) -> Result<Kind, SourceError> {
    let name = name::name(name, head.end() - name.len())?;
    let (tails, pin) = tails(iter::once(first).chain(more), |upper| upper.with_port(head))?;
    Ok(Kind::Host(Host { name, families, tails, pin }))
}

fn dnsaddr<'a>(
    name: &str,
    head: &Component<'_>,
    first: Parts<'a>,
    mut more: impl Iterator<Item = Parts<'a>>,
) -> Result<Kind, SourceError> {
    let at = head.end() - name.len();
    let name = name::name(name, at)?;
    let owner = name::dnsaddr_owner(&name, at)?;
    let suffix = Upper::read(first)?.as_suffix(head)?;
    if let Some(other) = more.next() {
        return Err(other.reject("the records say the transports: write a source for each end"));
    }
    Ok(Kind::Dnsaddr(Dnsaddr { owner, suffix }))
}

/// Reads an address without a name.
fn fixed<'a>(
    head: Component<'_>,
    mut first: Parts<'a>,
    mut more: impl Iterator<Item = Parts<'a>>,
) -> Result<Kind, SourceError> {
    if let Some(other) = more.next() {
        return Err(other.reject("an address without a name is one candidate: write a source each"));
    }
    let mut address = Multiaddr::from(head.protocol.clone());
    let mut last = head.clone();
    if let Protocol::Ip6zone(_) = head.protocol {
        last = zoned(&head, &mut first)?;
        address.push(last.protocol.clone());
    }
    let upper = Upper::read(first)?;
    relay_has_peer(upper.circuit.clone(), upper.peer)?;
    let on_top = match last.protocol {
        Protocol::Ip4(_) | Protocol::Ip6(_) => upper.pinned(&upper.with_port(&last)?.unnamed()),
        Protocol::Memory(0) => return Err(last.bad_port()),
        Protocol::Memory(_)
        | Protocol::Unix(_)
        | Protocol::Onion(..)
        | Protocol::Onion3(_)
        | Protocol::Garlic32(_)
        | Protocol::Garlic64(_) => match upper.layer {
            None => upper.pinned(&upper.upper),
            Some(_) => return Err(first.reject("no transport goes on top of this address")),
        },
        _ => return Err(head.reject("an address starts with `/dns`, `/ip4`, `/ip6` or the like")),
    };
    Ok(Kind::Static(Candidate::new(&address.iter().chain(on_top.iter()).collect())))
}

/// Reads the address that a zone belongs to.
fn zoned<'a>(zone: &Component<'_>, parts: &mut Parts<'a>) -> Result<Component<'a>, SourceError> {
    match parts.component()? {
        Some(ip @ Component { protocol: Protocol::Ip6(_), .. }) => Ok(ip),
        _ => Err(zone.reject("a zone belongs to an address: `/ip6zone/eth0/ip6/fe80::1`")),
    }
}
