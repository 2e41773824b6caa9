//! WebSockets to hosts behind a proxy that serves several names: [`HostHeader`].

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use libp2p_core::{
    Multiaddr, Transport,
    multiaddr::Protocol,
    transport::{DialOpts, ListenerId, TransportError, TransportEvent},
};

/// A transport that wraps the WebSocket transport of `libp2p-websocket`, and has it write the host's name into
/// the HTTP header `Host`.
///
/// A proxy that serves several names, such as the ingress of a cluster, chooses the host behind it by the
/// header `Host` ([RFC 9110 section 7.2]). `libp2p-websocket` 0.46 writes the IP address into it, whatever
/// name TLS is checked against, and the proxy answers 404. With this transport around it, a dial to
/// `/ip4/…/tcp/443/tls/sni/NAME/ws` writes NAME and the port into it. A [source](crate::Source) with `/tls/ws`
/// gives such addresses. All other addresses are dialled as they are, and the addresses that the swarm sees do
/// not change.
///
/// ```
/// use libp2p::{SwarmBuilder, Transport, core::upgrade::Version, noise, tcp, websocket, yamux};
/// use libp2p_dns_discovery::websocket::HostHeader;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let builder = SwarmBuilder::with_new_identity().with_tokio().with_other_transport(|key| {
///     let websocket = websocket::Config::new(tcp::tokio::Transport::default());
///     Ok(HostHeader::new(websocket)
///         .upgrade(Version::V1Lazy)
///         .authenticate(noise::Config::new(key)?)
///         .multiplex(yamux::Config::default()))
/// })?;
/// # let _ = builder;
/// # Ok(())
/// # }
/// ```
///
/// Wrap a WebSocket transport over TCP, as above. Over `libp2p-dns`, NAME would be looked up again before each
/// dial.
///
/// [RFC 9110 section 7.2]: https://www.rfc-editor.org/rfc/rfc9110#section-7.2
#[derive(Clone)]
pub struct HostHeader<T>(T);

impl<T> HostHeader<T> {
    /// Wraps a transport: `libp2p_websocket::Config` over TCP.
    pub fn new(websocket: T) -> Self {
        Self(websocket)
    }
}

impl<T> fmt::Debug for HostHeader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostHeader").finish_non_exhaustive()
    }
}

impl<T: Transport + Unpin> Transport for HostHeader<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.0.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.0.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        opts: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        let Some(named) = with_host(&address) else { return self.0.dial(address, opts) };
        self.0.dial(named, opts).map_err(|error| match error {
            TransportError::MultiaddrNotSupported(_) => {
                TransportError::MultiaddrNotSupported(address)
            }
            other => other,
        })
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.0).poll(cx)
    }
}

/// The address with `/dns/NAME/tcp/PORT` in front; `None` if TLS is checked against no name.
///
/// An address may then have two pairs of a host and a port. `libp2p-websocket` takes the header from the first
/// pair, and `libp2p-tcp` dials the last one, "ignoring any prefix of possibly outer protocols".
fn with_host(address: &Multiaddr) -> Option<Multiaddr> {
    let parts = Vec::from_iter(address);
    let [Protocol::Ip4(_) | Protocol::Ip6(_), port @ Protocol::Tcp(_), rest @ ..] = &parts[..]
    else {
        return None;
    };
    let [Protocol::Tls, Protocol::Sni(name), Protocol::Ws(_), ..] = rest else { return None };
    let host = [Protocol::Dns(name.clone()), port.clone()];
    Some(host.into_iter().chain(address).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_tls_goes_by_is_put_in_front() {
        let named = |text: &str| with_host(&text.parse().unwrap()).map(|named| named.to_string());
        let peer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";
        for address in [
            "/ip4/10.0.0.7/tcp/443/tls/sni/a.example/ws".to_owned(),
            format!("/ip4/10.0.0.7/tcp/443/tls/sni/a.example/x-parity-ws/%2Fp2p/p2p/{peer}"),
            "/ip6/fd00::7/tcp/443/tls/sni/a.example/ws".to_owned(),
        ] {
            assert_eq!(named(&address), Some(format!("/dns/a.example/tcp/443{address}")));
        }
        for address in [
            "/ip4/10.0.0.7/tcp/443/tls/ws",
            "/ip4/10.0.0.7/tcp/80/ws",
            "/ip4/10.0.0.7/tcp/4001",
            "/ip4/10.0.0.7/udp/4001/quic-v1",
            "/dns/a.example/tcp/443/tls/sni/a.example/ws",
            "/memory/7",
        ] {
            assert_eq!(named(address), None, "{address}");
        }
    }
}
