//! The records that a server is given, and how they are written in a zone file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    net::IpAddr,
};

/// What all names end in.
pub(super) const ORIGIN: &str = "peers.test.";
/// How long it may be remembered that there is nothing.
const NEGATIVE_TTL: u32 = 1;

/// Records under [`ORIGIN`]. Names are relative to it; `@` is the origin itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    pub(super) ttl: u32,
    pub(super) records: BTreeMap<String, BTreeSet<Data>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Data {
    Address(IpAddr),
    Srv(u16, String),
    Text(String),
}

impl Zone {
    /// An empty zone whose records may be remembered for so many seconds.
    pub(crate) fn new(ttl: u32) -> Self {
        Self { ttl, records: BTreeMap::new() }
    }

    /// Says what the addresses of a name are; none: there is no such name.
    pub(crate) fn set_addresses(&mut self, name: &str, ips: impl IntoIterator<Item = IpAddr>) {
        self.set(name, ips.into_iter().map(Data::Address));
    }

    /// Says what the targets of a service are. All have this port, as in a headless service.
    pub(crate) fn set_srv<'a>(
        &mut self,
        name: &str,
        port: u16,
        targets: impl IntoIterator<Item = &'a str>,
    ) {
        self.set(name, targets.into_iter().map(|target| Data::Srv(port, target.to_owned())));
    }

    /// Says what the entries of `/dnsaddr/NAME` are.
    pub(crate) fn set_dnsaddr(
        &mut self,
        name: &str,
        addresses: impl IntoIterator<Item = impl fmt::Display>,
    ) {
        let owner = if name == "@" { "_dnsaddr".to_owned() } else { format!("_dnsaddr.{name}") };
        let texts = addresses.into_iter().map(|address| Data::Text(format!("dnsaddr={address}")));
        self.set(&owner, texts);
    }

    fn set(&mut self, name: &str, data: impl Iterator<Item = Data>) {
        let data: BTreeSet<_> = data.collect();
        match data.is_empty() {
            true => self.records.remove(name),
            false => self.records.insert(name.to_owned(), data),
        };
    }

    /// The zone file. The serial stands in an address too, by which it is asked for.
    pub(super) fn file(&self, serial: u16) -> String {
        let ttl = self.ttl;
        let mut file = format!(
            "$ORIGIN {ORIGIN}\n$TTL {ttl}\n\
             @ SOA ns root {serial} 60 60 3600 {NEGATIVE_TTL}\n@ NS ns\nns A 127.0.0.1\n\
             {MARK} A {}\n",
            mark(serial)
        );
        for (name, data) in self.all() {
            // Nothing that can fail: it is a string.
            let _ = writeln!(file, "{name} {data}");
        }
        file
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Data)> {
        self.records.iter().flat_map(|(name, all)| all.iter().map(move |data| (&**name, data)))
    }
}

/// Where the serial stands.
pub(super) const MARK: &str = "mark";

pub(super) fn mark(serial: u16) -> IpAddr {
    let [high, low] = serial.to_be_bytes();
    IpAddr::from([10, 255, high, low])
}

/// A name with the origin.
pub(super) fn absolute(name: &str) -> String {
    if name == "@" { ORIGIN.to_owned() } else { format!("{name}.{ORIGIN}") }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V4(ip)) => write!(f, "A {ip}"),
            Self::Address(IpAddr::V6(ip)) => write!(f, "AAAA {ip}"),
            Self::Srv(port, target) => write!(f, "SRV 0 0 {port} {target}"),
            Self::Text(text) => write!(f, "TXT \"{text}\""),
        }
    }
}
