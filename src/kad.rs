//! Keeps the routing table of `libp2p-kad` true to what was verified.
//!
//! One line in the event loop: hand every [`Event`] to [`update`].
//!
//! Kademlia by itself never forgets a peer whose address now answers with another identity: it
//! drops addresses only on transport errors, and never the last one.

use std::net::IpAddr;

use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;
use libp2p_kad::{Behaviour, store::RecordStore};

use crate::{
    candidate::{Candidate, ip_of},
    event::Event,
};

/// Makes the routing table follow an event: adds a verified address, removes a replaced, departed
/// or unreachable one, and the peer when nothing is left of it.
///
/// Call it with every [`Event`]; those that do not concern the table are ignored.
pub fn update<S>(kad: &mut Behaviour<S>, event: &Event)
where
    S: RecordStore + Send + 'static,
{
    match event {
        Event::Verified { peer, address, .. } => add(kad, peer, address),
        Event::Replaced { address, old, new, gone } => {
            forget(kad, old, address, *gone);
            add(kad, new, address);
        }
        Event::Departed { peer, address, gone } => forget(kad, peer, address, *gone),
        Event::Unreachable { peer: Some(peer), address, gone, .. }
        | Event::SharedAddress { peer: Some(peer), address, gone } => {
            forget(kad, peer, address, *gone);
        }
        _ => {}
    }
}

/// Adds a verified address, and takes it from everybody else who claimed it: they lived there once,
/// or somebody said so, and the handshake says otherwise. Their other addresses on that host go with
/// it, or an identity that is no more would live on by its QUIC or loopback address.
fn add<S>(kad: &mut Behaviour<S>, peer: &PeerId, address: &Multiaddr)
where
    S: RecordStore + Send + 'static,
{
    let disproved: Vec<PeerId> = entries(kad)
        .into_iter()
        .filter(|(other, claimed)| other != peer && Candidate::new(claimed).address() == address)
        .map(|(other, _)| other)
        .collect();
    for other in disproved {
        forget(kad, &other, address, false);
    }
    kad.add_address(peer, address.clone());
}

/// Removes every address of a peer on the host of `address`; the peer itself if it is gone.
fn forget<S>(kad: &mut Behaviour<S>, peer: &PeerId, address: &Multiaddr, gone: bool)
where
    S: RecordStore + Send + 'static,
{
    if gone {
        kad.remove_peer(peer);
        return;
    }
    let host = ip_of(address);
    let lost = entries(kad)
        .into_iter()
        .filter(|(p, a)| p == peer && is_on_host(a, host, address))
        .collect::<Vec<_>>();
    for (peer, address) in lost {
        kad.remove_address(&peer, &address);
    }
}

fn is_on_host(claimed: &Multiaddr, host: Option<IpAddr>, address: &Multiaddr) -> bool {
    match host {
        Some(host) => ip_of(claimed) == Some(host),
        None => Candidate::new(claimed).address() == address,
    }
}

fn entries<S>(kad: &mut Behaviour<S>) -> Vec<(PeerId, Multiaddr)>
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
