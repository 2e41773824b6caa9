//! Serves HTTP to few, and for a limited time: a client that is slow, or the oldest of too many, is dropped.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::AbortHandle,
    time::sleep,
};
use tokio_io_timeout::TimeoutStream;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// Connections that the system takes before this program does.
const BACKLOG: u32 = 128;
/// What the system keeps for a connection that reads slowly, in bytes. By itself it would take
/// megabytes.
const SEND_BUFFER: u32 = 128 * 1024;
/// What is kept of a request, in bytes.
const REQUEST: usize = 16 * 1024;
/// How long a request may take to arrive.
const REQUESTED: Duration = Duration::from_secs(5);
/// How long a client may read nothing while there is something to read.
const UNREAD: Duration = Duration::from_secs(10);
/// How long a connection lasts.
const SHORT: Duration = Duration::from_secs(30);
/// How long one with a stream of events lasts; browsers open another one.
const LONG: Duration = Duration::from_secs(600);
/// The pause after the system could not give a connection: it may have run out of files.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a connection lasts. A handler can make it last longer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lease(Arc<AtomicBool>);

impl Lease {
    pub(crate) fn extend(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_long(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    async fn over(&self) {
        sleep(SHORT).await;
        if self.is_long() {
            sleep(LONG).await;
        }
    }
}

/// Listens on an address; needs a Tokio runtime.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library has it: a port whose last connections time out is free.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves for ever. When all connections are taken, the oldest is dropped that follows no events, and not
/// the new one: else whoever opens many, and says nothing, would keep probes out.
pub(crate) async fn run(listener: TcpListener, router: Router) {
    let mut connections: VecDeque<(Lease, AbortHandle)> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "no connection could be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        connections.retain(|(_, task)| !task.is_finished());
        if connections.len() >= CONNECTIONS {
            let oldest = connections.iter().position(|(lease, _)| !lease.is_long());
            // There are fewer streams of events than connections.
            if let Some((_, task)) = oldest.and_then(|oldest| connections.remove(oldest)) {
                task.abort();
            }
        }
        let lease = Lease::default();
        let task = tokio::spawn(serve(stream, router.clone(), lease.clone()));
        connections.push_back((lease, task.abort_handle()));
    }
}

/// Serves one request: whoever keeps a connection for the next one keeps it from others.
async fn serve(stream: TcpStream, router: Router, lease: Lease) {
    // Costs a delay, if it fails.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(UNREAD));
    let router = router.layer(Extension(lease.clone()));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUESTED)
        .max_buf_size(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    tokio::select! {
        outcome = connection => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection over HTTP failed");
            }
        }
        () = lease.over() => tracing::debug!("a connection over HTTP took too long"),
    }
}
