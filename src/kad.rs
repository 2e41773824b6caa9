//! Keeps the routing table of `libp2p-kad` true to the verified peers.
//!
//! Hand every [`Event`] to [`update`], by one line in the event loop.
//!
//! Kademlia by itself never forgets a peer whose address now answers with another identity: it
//! drops addresses only on transport errors, and never the last address of a peer.

use std::{collections::HashSet, slice};

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_kad::{self as kad, store::RecordStore};

use crate::{
    behaviour::Behaviour,
    candidate::{Candidate, ip_of},
    event::Event,
    resolver::Resolver,
};

#[cfg(test)]
mod tests;

/// Makes the routing table follow an event. The function adds verified addresses. It removes
/// replaced, departed and unreachable addresses, and removes a peer when no address of it is left.
/// It does the same with peers that Kademlia inserted by itself, if DNS names or named their
/// address, once they are not connected.
///
/// Kademlia by itself inserts every connected peer that speaks its protocol, also a peer that this
/// crate turns away ([`Event::Refused`], [`Event::Stranger`]). If strangers speak the same
/// protocol, let Kademlia insert no peer by itself: [`kad::BucketInserts::Manual`].
///
/// Call this with every [`Event`]. Events that do not concern the table are ignored. Addresses of
/// peers that were never candidates are left alone.
pub fn update<S, R>(kad: &mut kad::Behaviour<S>, discovery: &Behaviour<R>, event: &Event)
where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    match event {
        Event::Verified { peer, address, .. } => add(kad, discovery, peer, address),
        Event::Replaced { address, old, new, .. } => {
            forget_host(kad, discovery, old, address);
            add(kad, discovery, new, address);
        }
        Event::Refused { address, peer, old: Some(old), .. }
        | Event::Stranger { address, peer, old: Some(old), .. }
            if old != peer =>
        {
            forget_host(kad, discovery, old, address);
        }
        Event::Refused { address, old: Some(peer), .. }
        | Event::Stranger { address, old: Some(peer), .. }
        | Event::Departed { peer, address, .. }
        | Event::Unreachable { peer: Some(peer), address, .. }
        | Event::SharedAddress { peer: Some(peer), address, .. } => {
            forget(kad, discovery, peer, |claimed| Candidate::new(claimed).address() == address);
        }
        // No entry ended; but Kademlia may have met a peer there by itself.
        Event::Unreachable { peer: None, address, .. } => {
            forget_unproved(kad, discovery, slice::from_ref(address));
        }
        Event::Unnamed { addresses } => forget_unnamed(kad, discovery, addresses),
        // No entry ended.
        Event::Refused { old: None, .. }
        | Event::Stranger { old: None, .. }
        | Event::SharedAddress { peer: None, .. } => {}
        Event::Gone { .. }
        | Event::PinMismatch { .. }
        | Event::Resolved { .. }
        | Event::Sampled { .. }
        | Event::LookupFailed { .. }
        | Event::Rejected { .. }
        | Event::MoreRejected { .. }
        | Event::Bounded { .. }
        | Event::SameKey { .. }
        | Event::Status { .. }
        | Event::Isolated(_) => {}
    }
    let gone = event.gone().map(|(peer, _)| peer);
    for peer in gone.into_iter().chain(turned_away(event)) {
        if discovery.addresses_of(peer).next().is_none() {
            kad.remove_peer(peer);
        }
    }
}

/// The peer that an event says may not enter. Kademlia may have inserted the peer by the connection
/// on which this was found out.
fn turned_away(event: &Event) -> Option<&PeerId> {
    match event {
        Event::Refused { peer, .. } | Event::Stranger { peer, .. } => Some(peer),
        _ => None,
    }
}

/// Adds a verified address, and removes it from all other peers in the table that claimed it: they
/// lived there once, or were said to, and the handshake says otherwise.
fn add<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    peer: &PeerId,
    address: &Multiaddr,
) where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    // What an event says may have been overtaken by the time it is read.
    if !discovery.addresses_of(peer).any(|own| own == address) {
        return;
    }
    let is_there = |claimed: &Multiaddr| Candidate::new(claimed).address() == address;
    let claims = entries(kad).into_iter().filter(|(p, claimed)| p != peer && is_there(claimed));
    for other in claims.map(|(other, _)| other).collect::<HashSet<_>>() {
        forget_host(kad, discovery, &other, address);
    }
    kad.add_address(peer, address.clone());
}

/// Removes the addresses of a peer on a host where another one was proved to live; or an identity
/// that is no more would live on by its QUIC or loopback address. A peer that is itself verified on
/// that host is a neighbour, and loses the one address only.
fn forget_host<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    peer: &PeerId,
    address: &Multiaddr,
) where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    let host = ip_of(address);
    let neighbour = discovery.addresses_of(peer).any(|own| host.is_some() && ip_of(own) == host);
    forget(kad, discovery, peer, |claimed| {
        let same_host = host.is_some() && ip_of(claimed) == host;
        Candidate::new(claimed).address() == address || (same_host && !neighbour)
    });
}

/// Removes the peers that Kademlia took in by itself at addresses that DNS no longer names: such a peer would
/// live on by its loopback address. One is left that is also said to live at an address that DNS names.
fn forget_unnamed<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    addresses: &[Multiaddr],
) where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    let peers = forget_unproved(kad, discovery, addresses);
    if peers.is_empty() {
        return;
    }
    let named: HashSet<_> = discovery.candidates().map(|(c, _)| c.address().clone()).collect();
    let claims = entries(kad);
    let is_named =
        |(_, claimed): &&(PeerId, Multiaddr)| named.contains(Candidate::new(claimed).address());
    let left: HashSet<_> = claims.iter().filter(is_named).map(|(peer, _)| *peer).collect();
    for peer in peers.difference(&left) {
        if discovery.addresses_of(peer).next().is_none() {
            kad.remove_peer(peer);
        }
    }
}

/// Removes addresses from the peers that Kademlia took in there by itself, and are not connected. Returns
/// these peers.
fn forget_unproved<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    addresses: &[Multiaddr],
) -> HashSet<PeerId>
where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    let addresses: HashSet<&Multiaddr> = addresses.iter().collect();
    let is_lost = |claimed: &Multiaddr| addresses.contains(Candidate::new(claimed).address());
    let claims = entries(kad).into_iter().filter(|(_, claimed)| is_lost(claimed));
    let claimants: HashSet<_> = claims.map(|(peer, _)| peer).collect();
    let connected = connected(kad);
    let peers: HashSet<_> = claimants.difference(&connected).copied().collect();
    peers.iter().for_each(|peer| forget(kad, discovery, peer, is_lost));
    peers
}

/// Removes those of a peer's addresses that `lost` picks, and that are not verified.
fn forget<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    peer: &PeerId,
    lost: impl Fn(&Multiaddr) -> bool,
) where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    let verified: HashSet<&Multiaddr> = discovery.addresses_of(peer).collect();
    for (_, claimed) in entries(kad).iter().filter(|(p, claimed)| p == peer && lost(claimed)) {
        if !verified.contains(Candidate::new(claimed).address()) {
            kad.remove_address(peer, claimed);
        }
    }
}

/// The peers in the table that are connected, as far as Kademlia knows.
fn connected<S>(kad: &mut kad::Behaviour<S>) -> HashSet<PeerId>
where
    S: RecordStore + Send + 'static,
{
    let mut peers = HashSet::new();
    for bucket in kad.kbuckets() {
        let connected = bucket.iter().filter(|entry| entry.status == kad::NodeStatus::Connected);
        peers.extend(connected.map(|entry| *entry.node.key.preimage()));
    }
    peers
}

fn entries<S>(kad: &mut kad::Behaviour<S>) -> Vec<(PeerId, Multiaddr)>
where
    S: RecordStore + Send + 'static,
{
    let mut entries = Vec::new();
    for bucket in kad.kbuckets() {
        for entry in bucket.iter() {
            let peer = entry.node.key.preimage();
            entries.extend(entry.node.value.iter().map(|address| (*peer, address.clone())));
        }
    }
    entries
}
