//! Addresses on this machine: finding free ones, and holding those where nobody lives.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
};

use libp2p::{
    Multiaddr, Transport,
    core::transport::{ListenerId, MemoryTransport},
    multiaddr::Protocol,
};
use tokio::net::TcpSocket;

use crate::{
    NAME,
    args::TransportKind,
    common::{output::note, run::Stop},
};

/// How many ports are tried until one is free on all addresses.
const PORT_TRIES: usize = 20;
/// Some network in 127.0.0.0/8 that nobody else is likely to use.
const NETWORK: [u8; 2] = [127, 77];
/// How many connections a silent address takes before it does not even take connections.
const BACKLOG: u32 = 1024;

/// Where a node listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    Quic(SocketAddr),
    Memory(u64),
}

impl Place {
    pub(crate) fn multiaddr(self) -> Multiaddr {
        let ip = |socket: SocketAddr| Multiaddr::from(socket.ip());
        match self {
            Self::Tcp(socket) => ip(socket).with(Protocol::Tcp(socket.port())),
            Self::Quic(socket) => {
                ip(socket).with(Protocol::Udp(socket.port())).with(Protocol::QuicV1)
            }
            Self::Memory(port) => Multiaddr::empty().with(Protocol::Memory(port)),
        }
    }

    /// `None` in memory.
    pub(crate) fn socket(self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) | Self::Quic(socket) => Some(socket),
            Self::Memory(_) => None,
        }
    }
}

/// Free places in order, and whether all of them share one IP address.
///
/// They have the same port everywhere, and an address each; or, where this machine has only one
/// loopback address, a port each. Says which of them it is.
pub(crate) fn places(
    transport: TransportKind,
    size: usize,
    one_address: bool,
) -> Result<(Vec<Place>, bool), Stop> {
    let place = match transport {
        TransportKind::Tcp => Place::Tcp,
        TransportKind::Quic => Place::Quic,
        TransportKind::Memory => {
            return Ok(((1..=size as u64).map(Place::Memory).collect(), false));
        }
    };
    let one_address = one_address || !binds_anywhere();
    let sockets = if one_address {
        note(NAME, "all nodes share 127.0.0.1 and differ by port, so that SRV records name them");
        ports(size, place)
    } else {
        addresses(size, place)
    };
    let sockets =
        sockets.map_err(|error| Stop::failed("no free addresses on this machine", &error))?;
    Ok((sockets.into_iter().map(place).collect(), one_address))
}

/// macOS and others configure 127.0.0.1 alone.
fn binds_anywhere() -> bool {
    TcpListener::bind((Ipv4Addr::new(NETWORK[0], NETWORK[1], 0, 1), 0)).is_ok()
}

/// Ports that are free now, each bound until all are known so that none is given twice.
fn ports(size: usize, place: fn(SocketAddr) -> Place) -> io::Result<Vec<SocketAddr>> {
    let any = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0);
    let bound = (0..size).map(|_| Socket::bind(place(any))).collect::<io::Result<Vec<_>>>()?;
    let mut sockets = bound.iter().map(Socket::address).collect::<io::Result<Vec<_>>>()?;
    sockets.sort_unstable();
    Ok(sockets)
}

/// Addresses on which one port is free.
fn addresses(size: usize, place: fn(SocketAddr) -> Place) -> io::Result<Vec<SocketAddr>> {
    let mut tries = 0;
    loop {
        let port = Socket::bind(place(SocketAddr::new(address(0), 0)))?.address()?.port();
        let sockets: Vec<_> = (0..size).map(|i| SocketAddr::new(address(i), port)).collect();
        let bind = |socket: &SocketAddr| Socket::bind(place(*socket));
        match sockets.iter().map(bind).collect::<io::Result<Vec<_>>>() {
            Ok(_) => return Ok(sockets),
            Err(error) if tries == PORT_TRIES => return Err(error),
            Err(_) => tries += 1,
        }
    }
}

/// Without 0 and 255 at the end, which some take for a network's own address and for everybody's.
fn address(number: usize) -> IpAddr {
    let [a, b] = NETWORK;
    let c = u8::try_from(number / 254).unwrap_or(u8::MAX);
    let d = (number % 254) as u8 + 1;
    Ipv4Addr::new(a, b, c, d).into()
}

/// A socket that is bound, and of which nothing is read.
enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
}

impl Socket {
    fn bind(place: Place) -> io::Result<Self> {
        match place {
            Place::Tcp(socket) => TcpListener::bind(socket).map(Self::Tcp),
            Place::Quic(socket) => UdpSocket::bind(socket).map(Self::Udp),
            Place::Memory(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            Self::Udp(socket) => socket.local_addr(),
        }
    }
}

/// Keeps an address as it is until this is dropped.
pub(crate) struct Held {
    /// Whatever holds it: it is never used again.
    _holder: Box<dyn std::any::Any>,
}

impl Held {
    /// An address where connections are taken and nothing is said: the kernel, or the channel, takes
    /// as many as it has room for, and nobody fetches them.
    pub(crate) fn silent(place: Place) -> Result<Self, Stop> {
        match place {
            Place::Tcp(address) => {
                let listen = |socket: TcpSocket| socket.listen(BACKLOG);
                Self::of(place, sharing(address).and_then(listen))
            }
            Place::Quic(address) => Self::of(place, UdpSocket::bind(address)),
            Place::Memory(_) => {
                let mut transport = MemoryTransport::new();
                let listening = transport.listen_on(ListenerId::next(), place.multiaddr());
                Self::of(place, listening.map(|()| transport).map_err(io::Error::other))
            }
        }
    }

    /// An address where connections are refused. A TCP socket that is bound and does not listen
    /// keeps everybody else from listening there; over UDP, the same would be silence.
    pub(crate) fn dead(place: Place) -> Result<Self, Stop> {
        match place {
            Place::Tcp(address) => Self::of(place, sharing(address)),
            Place::Quic(_) | Place::Memory(_) => Self::of(place, Ok(())),
        }
    }

    fn of<T: 'static>(place: Place, holder: io::Result<T>) -> Result<Self, Stop> {
        match holder {
            Ok(holder) => Ok(Self { _holder: Box::new(holder) }),
            Err(error) => {
                let address = place.multiaddr();
                Err(Stop::failed(&format!("{address} cannot be held"), &error))
            }
        }
    }
}

/// A TCP socket that is bound, and leaves its port to others: a node that dials from the port at
/// which it listens binds it at all addresses of this machine, those that are held among them.
fn sharing(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}
