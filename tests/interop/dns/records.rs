//! Names with many records, and the candidates that follow from them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use hickory_proto::rr::RecordType;
use libp2p_identity::PeerId;

use crate::servers::{Brand, Zone};

/// What a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    A,
    Aaaa,
    Srv,
    Dnsaddr,
}

/// What one message over TCP holds.
pub(super) const MESSAGE: usize = 65_535;
pub(super) const PORT: u16 = 4001;

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::A, Self::Aaaa, Self::Srv, Self::Dnsaddr];

    pub(super) fn column(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
            Self::Dnsaddr => "dnsaddr",
        }
    }

    pub(super) fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Srv => RecordType::SRV,
            Self::Dnsaddr => RecordType::TXT,
        }
    }

    /// Why a server has no such records.
    pub(super) fn lacks(self, brand: Brand) -> Option<&'static str> {
        match (brand, self) {
            (Brand::Kubernetes, Self::Dnsaddr) => Some("Kubernetes has no TXT records"),
            _ => None,
        }
    }

    /// The name that carries the records.
    pub(super) fn owner(self, brand: Brand, name: &str) -> String {
        match self {
            Self::A | Self::Aaaa => brand.absolute(name),
            Self::Srv => brand.absolute(&format!("_p2p._tcp.{name}")),
            Self::Dnsaddr => brand.absolute(&format!("_dnsaddr.{name}")),
        }
    }

    pub(super) fn source(self, brand: Brand, name: &str) -> String {
        let absolute = brand.absolute(name);
        match self {
            Self::A => format!("/dns4/{absolute}/tcp/{PORT}"),
            Self::Aaaa => format!("/dns6/{absolute}/tcp/{PORT}"),
            Self::Srv => format!("srv:{}", self.owner(brand, name)),
            Self::Dnsaddr => format!("/dnsaddr/{absolute}"),
        }
    }

    /// Puts the first so many members under a name.
    pub(super) fn put(self, zone: &mut Zone, name: &str, size: usize) {
        match self {
            Self::A | Self::Aaaa => zone.set_addresses(name, self.ips(size)),
            Self::Srv => self.put_service(zone, name, size),
            Self::Dnsaddr => zone.set_dnsaddr(name, self.candidates(size)),
        }
    }

    /// Puts the addresses of these members under a name, the first of which is number 0.
    pub(super) fn put_some(self, zone: &mut Zone, name: &str, members: Range<usize>) {
        zone.set_addresses(name, self.ips(members.end).skip(members.start));
    }

    /// As a headless service has it: each target has an address, and the service's name has all.
    fn put_service(self, zone: &mut Zone, name: &str, size: usize) {
        let hosts: Vec<_> = (1..=size).map(|n| format!("h{n:05}.{name}")).collect();
        for (host, ip) in hosts.iter().zip(self.ips(size)) {
            zone.set_addresses(host, [ip]);
        }
        zone.set_addresses(name, self.ips(size));
        let targets = hosts.iter().map(String::as_str);
        zone.set_srv(&format!("_p2p._tcp.{name}"), PORT, targets);
    }

    /// The candidates of so many members, in the order of all nodes: by number.
    pub(super) fn candidates(self, size: usize) -> Vec<String> {
        let candidate = |(n, ip): (usize, IpAddr)| {
            let family = if ip.is_ipv4() { "ip4" } else { "ip6" };
            let pin = match self {
                Self::Dnsaddr => format!("/p2p/{}", peer(n)),
                Self::A | Self::Aaaa | Self::Srv => String::new(),
            };
            format!("/{family}/{ip}/tcp/{PORT}{pin}")
        };
        self.ips(size).enumerate().map(candidate).collect()
    }

    fn ips(self, size: usize) -> impl Iterator<Item = IpAddr> {
        let ip = move |n: usize| {
            let n = u32::try_from(n).expect("thousands at the most");
            match self {
                Self::Aaaa => {
                    let [.., high, low] = n.to_be_bytes();
                    let last = u16::from_be_bytes([high, low]);
                    IpAddr::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last))
                }
                _ => IpAddr::from(Ipv4Addr::from(u32::from_be_bytes([10, 0, 0, 0]) + n)),
            }
        };
        (1..=size).map(ip)
    }

    /// Whether one message can hold so many records of a name.
    pub(super) fn fits(self, brand: Brand, name: &str, size: usize) -> bool {
        size <= self.capacity(brand, name, MESSAGE)
    }

    /// How many records of a name so many bytes hold: with the header, the question, EDNS, and
    /// records whose owners are compressed.
    pub(super) fn capacity(self, brand: Brand, name: &str, bytes: usize) -> usize {
        let frame = 12 + self.owner(brand, name).len() + 1 + 4 + 11;
        (bytes - frame) / (12 + self.length(brand, name))
    }

    /// Whether a server takes so many records of a name. BIND holds 64 KiB of them, with two bytes
    /// for the length of each, and does not load a zone with more.
    pub(super) fn loads(self, brand: Brand, name: &str, size: usize) -> bool {
        let is_bind = matches!(brand, Brand::Bind | Brand::Unbound);
        !is_bind || size * (2 + self.length(brand, name)) <= MESSAGE
    }

    /// As many as BIND loads, of which a message cannot hold all.
    pub(super) fn middle(self) -> usize {
        match self {
            Self::A => 5_000,
            Self::Aaaa => 3_000,
            Self::Srv => 1_800,
            Self::Dnsaddr => 670,
        }
    }

    /// How many bytes of data a record of a name has.
    fn length(self, brand: Brand, name: &str) -> usize {
        match self {
            Self::A => 4,
            Self::Aaaa => 16,
            // Targets are not compressed (RFC 2782).
            Self::Srv => 6 + brand.absolute(&format!("h00000.{name}")).len() + 1,
            Self::Dnsaddr => 1 + "dnsaddr=".len() + self.candidates(1_000)[999].len(),
        }
    }
}

/// A peer for each number: an Ed25519 key as it stands in a peer id, of which nobody has the secret.
fn peer(n: usize) -> PeerId {
    let mut id = vec![0, 36, 8, 1, 18, 32];
    id.extend([[0; 24].as_slice(), &n.to_be_bytes()].concat());
    PeerId::from_bytes(&id).expect("it is a peer id")
}
