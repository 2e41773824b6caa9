//! Keeps the routing table of `libp2p-kad` true to the verified peers.
//!
//! Hand every [`Event`] to [`update`], by one line in the event loop. `update` adds verified peers to the
//! routing table, and removes peers that are no longer at their addresses.
//!
//! Kademlia by itself never forgets a peer whose address now answers with another identity: Kademlia
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

/// Makes the routing table follow an event. Call this with every [`Event`]; those that do not concern the
/// table are ignored.
///
/// The function adds the address of a verified peer, and removes this address from all other peers of the
/// table. If a peer has departed or cannot be reached at an address, the function removes this address of the
/// peer. If another peer has replaced it at the address, the function also removes the old peer's other
/// addresses on that host, unless the old peer is verified at one of these. The function removes a peer that is
/// gone or turned away ([`Event::Refused`], [`Event::Stranger`]) and is verified nowhere.
///
/// Kademlia by itself inserts every connected peer that speaks its protocol. Such a peer may never have been
/// verified. If the address of such a peer is a candidate that cannot be reached, the function removes the
/// address. If DNS ceases to name the address, and names no other address of the peer, the function removes the
/// peer. Neither happens while the peer is connected. Addresses that never were candidates are left alone.
///
/// Kademlia inserts a peer that this crate turns away, too, and may do so again after its removal. If
/// strangers speak the same protocol, let Kademlia insert no peer by itself: [`kad::BucketInserts::Manual`].
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
        // No entry ended. But Kademlia may have inserted a peer with this address by itself.
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

/// The peer that may not have an entry, by this event. Kademlia may have inserted the peer when the connection
/// was opened on which this was found out.
fn turned_away(event: &Event) -> Option<&PeerId> {
    match event {
        Event::Refused { peer, .. } | Event::Stranger { peer, .. } => Some(peer),
        _ => None,
    }
}

/// Adds the address at which a peer was verified. If Kademlia's table has the same address for another peer,
/// it is removed from that peer: the other peer lived there once, or only claimed to, and the handshake
/// proved who lives there now.
fn add<S, R>(
    kad: &mut kad::Behaviour<S>,
    discovery: &Behaviour<R>,
    peer: &PeerId,
    address: &Multiaddr,
) where
    S: RecordStore + Send + 'static,
    R: Resolver,
{
    // Since the event was reported, the entry may have ended again.
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

/// Another peer was proved to live at `address`: removes all addresses of `peer` on that host from Kademlia's
/// table. If only `address` were removed, and that over TCP, an identity that no longer exists would stay in
/// the table by its QUIC address. If `peer` is itself verified on that host, both peers live there, and only
/// `address` is removed.
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

/// Removes the peers that Kademlia inserted by itself at addresses that DNS no longer names. Not only these
/// addresses are removed, but the whole peer, which would otherwise stay in the table by its loopback address.
/// A peer stays if the table also has an address for it that DNS names.
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

/// Removes these addresses from all peers of the table that are not connected, unless the peer is verified
/// there. Returns the peers that had one of the addresses and are not connected.
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

/// Removes the addresses of a peer for which `lost` is true, except addresses at which the peer is verified.
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
