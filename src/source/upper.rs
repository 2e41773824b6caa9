//! Reads the part of a source after the address: transport, port, relay and pin.

use std::num::NonZeroU16;

use hickory_proto::rr::Name;
use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;

use super::{
    SourceError, name,
    parts::{Component, Parts},
    tail::{Layer, SrvPort, Tail},
};

/// What follows an address, as written.
pub(super) struct Upper<'a> {
    parts: Parts<'a>,
    pub(super) layer: Option<(Layer, Component<'a>, u16)>,
    pub(super) upper: Multiaddr,
    /// The last `/p2p-circuit`, if there is one.
    pub(super) circuit: Option<Component<'a>>,
    pub(super) peer: Option<PeerId>,
}

impl<'a> Upper<'a> {
    pub(super) fn read(mut parts: Parts<'a>) -> Result<Self, SourceError> {
        let upper = Multiaddr::empty();
        let mut this = Self { parts, layer: None, upper, circuit: None, peer: None };
        let mut first = true;
        while let Some(part) = parts.component()? {
            match (&part.protocol, this.peer.take()) {
                (Protocol::P2pCircuit, Some(relay)) => {
                    this.upper.push(Protocol::P2p(relay));
                    this.upper.push(Protocol::P2pCircuit);
                    this.circuit = Some(part);
                }
                (Protocol::P2pCircuit, None) => {
                    return Err(part.reject("the relay's id is missing: `/p2p/RELAY/p2p-circuit`"));
                }
                (_, Some(_)) => {
                    return Err(part.reject("nothing but `/p2p-circuit` can follow `/p2p/ID`"));
                }
                (Protocol::P2p(peer), None) => this.peer = Some(*peer),
                (&Protocol::Tcp(port), None) if first => {
                    this.layer = Some((Layer::Tcp, part, port));
                }
                (&Protocol::Udp(port), None) if first => {
                    this.layer = Some((Layer::Udp, part, port));
                }
                (_, None) => this.push(&part)?,
            }
            first = false;
        }
        Ok(this)
    }

    fn push(&mut self, part: &Component<'_>) -> Result<(), SourceError> {
        match &part.protocol {
            Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_) => {
                return Err(part.second_name());
            }
            Protocol::Ip4(_)
            | Protocol::Ip6(_)
            | Protocol::Ip6zone(_)
            | Protocol::Ipcidr(_)
            | Protocol::Tcp(_)
            | Protocol::Udp(_)
            | Protocol::Memory(_)
            | Protocol::Unix(_) => {
                return Err(part.reject("only one address and one port can be written, in front"));
            }
            Protocol::Wss(path) => {
                self.upper.push(Protocol::Tls);
                self.upper.push(Protocol::Ws(path.clone()));
            }
            Protocol::Sni(name) => {
                let name = name::name(name, part.end() - name.len())?.to_ascii();
                self.upper.push(Protocol::Sni(name.trim_end_matches('.').into()));
            }
            other => self.upper.push(other.clone()),
        }
        Ok(())
    }

    /// A host has one identity, whichever of its transports it was written after.
    pub(super) fn pin_all(&self, pin: &mut Option<PeerId>) -> Result<(), SourceError> {
        match (self.peer, *pin) {
            (Some(ours), Some(other)) if ours != other => {
                let component = self.parts.text().to_owned();
                Err(SourceError::SecondPeer { at: self.parts.at(), component })
            }
            (ours, other) => {
                *pin = other.or(ours);
                Ok(())
            }
        }
    }

    /// What the entries of a `dnsaddr` name must end in.
    pub(super) fn as_suffix(&self, name: &Component<'_>) -> Result<Multiaddr, SourceError> {
        relay_has_peer(self.circuit.clone(), self.peer)?;
        match self.layer {
            Some(_) => Ok(self.pinned(&self.with_port(name)?.unnamed())),
            None => Ok(self.pinned(&self.upper)),
        }
    }

    /// The address with the peer id that was written, if one was.
    pub(super) fn pinned(&self, address: &Multiaddr) -> Multiaddr {
        address.iter().chain(self.peer.map(Protocol::P2p)).collect()
    }

    /// The transport over a host whose address is known.
    pub(super) fn with_port(&self, host: &Component<'_>) -> Result<Tail<NonZeroU16>, SourceError> {
        let Some((layer, component, port)) = &self.layer else {
            return Err(SourceError::MissingTransport {
                at: self.parts.at(),
                after: host.text.to_owned(),
                suggestion: format!("{}/tcp/4001", host.text),
            });
        };
        let port = NonZeroU16::new(*port).ok_or_else(|| component.bad_port())?;
        self.check(*layer, component, &format!("{}{}", host.text, component.text))?;
        Ok(Tail { layer: *layer, port, upper: self.upper.clone() })
    }

    /// The transport over the target of an SRV record.
    pub(super) fn with_srv_port(&self, owner: &Name) -> Result<Tail<SrvPort>, SourceError> {
        let upper = self.upper.clone();
        if let Some((layer, component, port)) = &self.layer {
            let before = format!("srv:{}{}", owner.to_ascii(), component.text);
            self.check(*layer, component, &before)?;
            return Ok(Tail { layer: *layer, port: NonZeroU16::new(*port), upper });
        }
        let carrier = match upper.iter().next() {
            None => None,
            Some(first) => layer_of(&first),
        };
        match (carrier, srv_default(owner)) {
            (Some(layer), _) => Ok(Tail { layer, port: None, upper }),
            (None, Some(default)) if upper.is_empty() => Ok(default),
            // What is not known to need a layer goes on top of the owner's.
            (None, Some(mut default)) => {
                default.upper = default.upper.iter().chain(upper.iter()).collect();
                Ok(default)
            }
            (None, None) => {
                let (at, owner) = (self.parts.at(), owner.to_ascii());
                Err(SourceError::SrvTransport { at, owner })
            }
        }
    }

    /// Refuses what no transport can dial.
    fn check(&self, layer: Layer, port: &Component<'_>, before: &str) -> Result<(), SourceError> {
        let first = self.upper.iter().next();
        let carrier = first.as_ref().and_then(layer_of);
        match (layer, first, carrier) {
            // UDP alone says no protocol; `/p2p/RELAY/p2p-circuit` does not change that.
            (Layer::Udp, None | Some(Protocol::P2p(_)), _) => Err(SourceError::MissingTransport {
                at: port.end(),
                after: before.to_owned(),
                suggestion: format!("{before}/quic-v1"),
            }),
            (_, Some(first), Some(carrier)) if carrier != layer => {
                Err(port.reject(match carrier {
                    Layer::Tcp => format!("`/{}` goes over `/tcp`", first.tag()),
                    Layer::Udp => format!("`/{}` goes over `/udp`", first.tag()),
                }))
            }
            _ => Ok(()),
        }
    }
}

/// Reads the transports of one host, and the peer id that pins them all.
pub(super) fn tails<'a, P: PartialEq>(
    written: impl Iterator<Item = Parts<'a>>,
    tail: impl Fn(&Upper<'a>) -> Result<Tail<P>, SourceError>,
) -> Result<(Vec<Tail<P>>, Option<PeerId>), SourceError> {
    let mut tails = Vec::new();
    let mut pin = None;
    let mut relayed = None;
    for parts in written {
        let upper = Upper::read(parts)?;
        upper.pin_all(&mut pin)?;
        let tail = tail(&upper)?;
        relayed = relayed.or(upper.circuit);
        if !tails.contains(&tail) {
            tails.push(tail);
        }
    }
    relay_has_peer(relayed, pin)?;
    Ok((tails, pin))
}

/// A relayed address must say which peer the relay shall reach.
pub(super) fn relay_has_peer(
    circuit: Option<Component<'_>>,
    peer: Option<PeerId>,
) -> Result<(), SourceError> {
    match circuit {
        Some(circuit) if peer.is_none() => {
            Err(circuit.reject("the peer's id is missing: `/p2p-circuit/p2p/ID`"))
        }
        _ => Ok(()),
    }
}

/// The transport that an SRV record's owner name implies.
pub(super) fn srv_default(owner: &Name) -> Option<Tail<SrvPort>> {
    owner.iter().find_map(|label| match label {
        b"_tcp" => Some(Tail { layer: Layer::Tcp, port: None, upper: Multiaddr::empty() }),
        b"_udp" => Some(Tail { layer: Layer::Udp, port: None, upper: Protocol::QuicV1.into() }),
        _ => None,
    })
}

/// Whether these are the transports that need not be written.
pub(super) fn is_srv_default(owner: &Name, tails: &[Tail<SrvPort>]) -> bool {
    matches!(tails, [tail] if srv_default(owner).as_ref() == Some(tail))
}

/// The layer that a protocol runs over, where there is only one.
fn layer_of(protocol: &Protocol<'_>) -> Option<Layer> {
    match protocol {
        Protocol::Tls | Protocol::Ws(_) => Some(Layer::Tcp),
        Protocol::QuicV1 | Protocol::Quic | Protocol::WebRTCDirect => Some(Layer::Udp),
        _ => None,
    }
}
