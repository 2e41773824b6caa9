//! Serves HTTP to few, and for a limited time: a client that is slow, or one of too many, is dropped.

use std::{
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
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_io_timeout::TimeoutStream;

/// Connections at once.
const CONNECTIONS: usize = 32;
/// How many more are told that there are too many, rather than closed without a word.
const REFUSALS: usize = 16;
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
/// How long a client may take to read that there are too many.
const REFUSED: Duration = Duration::from_secs(1);
/// The pause after the system could not give a connection: it may have run out of files.
const PAUSE: Duration = Duration::from_millis(100);

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 21\r\n\
    Cache-Control: no-store\r\n\
    Retry-After: 5\r\n\
    Connection: close\r\n\r\n\
    too many connections\n";

/// How long a connection lasts. A handler can make it last longer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lease(Arc<AtomicBool>);

impl Lease {
    pub(crate) fn extend(&self) {
        self.0.store(true, Ordering::Release);
    }

    async fn over(&self) {
        sleep(SHORT).await;
        if self.0.load(Ordering::Acquire) {
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

/// Serves for ever.
pub(crate) async fn run(listener: TcpListener, router: Router) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "no connection could be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        if let Ok(permit) = Arc::clone(&connections).try_acquire_owned() {
            tokio::spawn(serve(stream, router.clone(), permit));
        } else if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(refuse(stream, permit));
        }
    }
}

/// Serves one request: whoever keeps a connection for the next one keeps it from others.
async fn serve(stream: TcpStream, router: Router, _permit: OwnedSemaphorePermit) {
    // Costs a delay, if it fails.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(UNREAD));
    let lease = Lease::default();
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

/// Says that there are too many. What the client has sent is read, or else it would be reset before
/// it has read this.
async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let told = async {
        stream.write_all(TOO_MANY).await?;
        stream.shutdown().await?;
        (&mut stream).take(REQUEST as u64).read_to_end(&mut Vec::new()).await
    };
    // Whoever does not read it is closed all the same.
    let _ = timeout(REFUSED, told).await;
}
