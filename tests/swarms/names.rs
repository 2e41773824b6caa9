//! A WebSocket behind a proxy that goes by names, and answers 404 for every other.

use std::{
    io::{self, Cursor, Read},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use futures_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};
use libp2p::{
    Multiaddr, PeerId, Swarm, Transport,
    core::{muxing::StreamMuxerBox, transport::Boxed},
    identity::Keypair,
    swarm::{self, NetworkBehaviour, SwarmEvent, dummy},
    tcp, websocket,
};
use libp2p_dns_discovery::{
    Behaviour, Event, Failure, Source, resolver::zone::Zone, websocket::HostHeader,
};

use crate::support::{drive, listening, quick, secured};

const NAME: &str = "front.example";

/// A stream of which the beginning was read already.
struct Replayed<S> {
    head: Cursor<Vec<u8>>,
    rest: S,
}

impl<S: AsyncRead + Unpin> AsyncRead for Replayed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self.head.read(into)? {
            0 => Pin::new(&mut self.rest).poll_read(cx, into),
            n => Poll::Ready(Ok(n)),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replayed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.rest).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.rest).poll_close(cx)
    }
}

/// Lets a request through if it is for [`NAME`].
async fn check<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<Replayed<S>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).await?;
        head.extend(byte);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    if host(&text) == Some(NAME) {
        return Ok(Replayed { head: Cursor::new(head), rest: stream });
    }
    stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await?;
    stream.close().await?;
    Err(io::Error::other("404"))
}

/// The name that a request is for: that of its target, if it has one, and of its header otherwise
/// (RFC 9112 section 3.2.2).
fn host(request: &str) -> Option<&str> {
    let target = request.split(' ').nth(1)?;
    let of_target = target.split_once("://").map(|(_, rest)| rest);
    let of_header = || request.lines().find_map(|line| line.strip_prefix("Host: "));
    of_target.or_else(of_header)?.split(['/', ':']).next()
}

/// A node behind the proxy, with TLS or without.
async fn node(tls: Option<TlsAcceptor>) -> (Swarm<dummy::Behaviour>, u16) {
    let key = Keypair::generate_ed25519();
    let tcp = tcp::tokio::Transport::default();
    let transport = match tls {
        None => {
            secured(websocket::Config::new(tcp.and_then(|stream, _| Box::pin(check(stream)))), &key)
        }
        Some(tls) => {
            let front = tcp.and_then(move |stream, _| {
                Box::pin(async move { check(tls.accept(stream).await?).await })
            });
            secured(websocket::Config::new(front), &key)
        }
    };
    let mut swarm = over(transport, &key, dummy::Behaviour);
    swarm.listen_on("/ip4/127.0.0.1/tcp/0/ws".parse().expect("valid")).expect("a free port");
    let at = listening(std::slice::from_mut(&mut swarm)).await.remove(0);
    let port = at.iter().find_map(|part| match part {
        libp2p::multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    (swarm, port.expect("a port"))
}

fn over<B: NetworkBehaviour>(
    transport: Boxed<(PeerId, StreamMuxerBox)>,
    key: &Keypair,
    behaviour: B,
) -> Swarm<B> {
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(10));
    Swarm::new(transport, behaviour, key.public().to_peer_id(), config)
}

/// What a node learns that looks for the peers at [`NAME`]: who answers, or why nobody does.
async fn learn(source: &str, transport: Boxed<(PeerId, StreamMuxerBox)>, key: &Keypair) -> Learnt {
    let zone = Zone::new();
    zone.set_addresses("front.example.", [[127, 0, 0, 1].into()]);
    let local = key.public().to_peer_id();
    let source: Source = source.parse().expect("a source");
    let discovery = Behaviour::with_sources(zone, quick(), local, [source]);
    let mut learnt = None;
    drive(&mut [over(transport, key, discovery)], "an answer", |_, event| {
        let Some((_, SwarmEvent::Behaviour(event))) = event else { return learnt.is_some() };
        if let Some((peer, at)) = event.found() {
            learnt = Some(Ok((*peer, at.clone())));
        } else if let Event::Unreachable { reason, .. } = event {
            learnt = Some(Err(reason));
        }
        learnt.is_some()
    })
    .await;
    learnt.expect("it is there")
}

type Learnt = Result<(PeerId, Multiaddr), Failure>;

fn is_404(learnt: &Learnt) -> bool {
    matches!(learnt, Err(Failure::Transport(text)) if text.contains("404"))
}

/// Runs a node in the background, and returns its id and port.
async fn start(tls: Option<TlsAcceptor>) -> (PeerId, u16) {
    use futures::StreamExt;
    let (mut swarm, port) = node(tls).await;
    let peer = *swarm.local_peer_id();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    (peer, port)
}

#[tokio::test]
async fn the_name_that_tls_goes_by_is_in_the_host_header() {
    let signed = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let certificate = signed.cert.der().to_vec();
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.clone())],
            PrivateKeyDer::try_from(signed.key_pair.serialize_der()).expect("a key"),
        )
        .expect("a server");
    let (peer, port) = start(Some(TlsAcceptor::from(Arc::new(server)))).await;
    let websocket = || {
        let mut tls = websocket::tls::Config::builder();
        tls.add_trust(&websocket::tls::Certificate::new(certificate.clone())).expect("trust");
        let mut websocket = websocket::Config::new(tcp::tokio::Transport::default());
        websocket.set_tls_config(tls.finish());
        websocket
    };
    let source = format!("/dns4/front.example./tcp/{port}/tls/ws");
    let key = Keypair::generate_ed25519();
    let plain = learn(&source, secured(websocket(), &key), &key).await;
    assert!(is_404(&plain), "`HostHeader` is of no more use: {plain:?}");
    let named = learn(&source, secured(HostHeader::new(websocket()), &key), &key).await;
    let at = format!("/ip4/127.0.0.1/tcp/{port}/tls/sni/front.example/ws");
    assert_eq!(named.expect("a peer"), (peer, at.parse().expect("valid")));
}

/// Without TLS, no part of an address says the name but the path: RFC 9112 section 3.2.2.
#[tokio::test]
async fn without_tls_the_path_may_be_a_whole_url() {
    let (peer, port) = start(None).await;
    let key = Keypair::generate_ed25519();
    let websocket = || websocket::Config::new(tcp::tokio::Transport::default());
    let source = format!("/dns4/front.example./tcp/{port}/ws");
    assert!(is_404(&learn(&source, secured(websocket(), &key), &key).await));
    let source =
        format!("/dns4/front.example./tcp/{port}/x-parity-ws/http%3A%2F%2Ffront.example%2F");
    let learnt = learn(&source, secured(websocket(), &key), &key).await;
    assert_eq!(learnt.expect("a peer").0, peer);
}
