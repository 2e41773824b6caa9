//! Asks a node over HTTP.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::{
    process::{PATIENCE, Process},
    setup::{Dns, Node},
};

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// One a line, in lower case.
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// A node with pages.
pub(crate) struct Site {
    pub(crate) node: Node,
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) fn start(dns: &Dns, more: &[&str]) -> Self {
        Self::of(Node::start(dns, &[&["--http", "127.0.0.1:0"], more].concat()))
    }

    /// A node with these arguments alone.
    pub(crate) fn bare(args: &[&str]) -> Self {
        Self::of(Node::of(Process::start("node", args, &[])))
    }

    fn of(mut node: Node) -> Self {
        let address = address(&mut node.process);
        Self { node, address }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        get(self.address, path).expect("it answers")
    }

    pub(crate) fn peers(&self) -> Value {
        serde_json::from_str(&self.get("/peers").body).expect("JSON")
    }

    /// Asks until an answer is wanted.
    pub(crate) fn until(&self, path: &str, wanted: impl Fn(&Reply) -> bool) -> Reply {
        until(|| Some(self.get(path)).filter(&wanted)).expect("an answer that is wanted")
    }
}

/// Where a node says that its pages are.
pub(crate) fn address(process: &mut Process) -> SocketAddr {
    let told = process.wait_for(|line| line["event"] == "http");
    let address = told["address"].as_str().and_then(|address| address.parse().ok());
    address.unwrap_or_else(|| panic!("no address: {told}"))
}

/// Tries until something is there, for as long as anything may take.
pub(crate) fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Some(found);
        }
        // Only not to take the time of those who are waited for.
        std::thread::park_timeout(Duration::from_millis(20));
    }
    None
}

/// Sends a request; `None` if there is no connection. What comes back ends with the connection.
pub(crate) fn ask(address: SocketAddr, path: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a duration that is not zero");
    // Of HTTP/1.0, so that the body comes as it is.
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
    Some(stream)
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Option<Reply> {
    let mut bytes = Vec::new();
    ask(address, path)?.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n")?;
    let code = first.split(' ').nth(1).and_then(|code| code.parse().ok())?;
    Some(Reply { code, headers: headers.to_lowercase(), body: body.to_owned() })
}
