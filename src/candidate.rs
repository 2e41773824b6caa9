//! One address that an answer named, and the order in which all nodes see such addresses.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use libp2p_core::{Multiaddr, multiaddr::Protocol};
use libp2p_identity::PeerId;

/// One address that an answer named, with the peer id to which the record pinned it, if any.
///
/// The address is canonical: names in it are in lower case and without a trailing dot, an
/// IPv4-mapped IPv6 address is written as IPv4, `/wss` is `/tls/ws`, and a trailing `/p2p/ID` is
/// removed and becomes the pin, also if it is repeated. Two candidates are equal if their canonical
/// addresses and their pins are equal. The text (`Display`) is the address with the pin. Parsing
/// that text gives an equal candidate.
///
/// # Order
///
/// `Ord` is the order on which all nodes agree: by [`Family`], then by IP address as a number, then
/// by port, then by the bytes of the canonical address, and last by pin. The order depends on
/// nothing but the address and the pin: not on the order of records, TTLs, letter case or time.
///
/// Cloning is cheap, because clones share the content.
#[derive(Clone)]
pub struct Candidate(Arc<Inner>);

struct Inner {
    key: OrderKey,
    form: Form,
}

enum Form {
    /// An IP address, which the key has, and what follows it. The address is made when it is asked for.
    Joined { rest: Arc<Rest>, address: OnceLock<Multiaddr> },
    /// An address of which the first bytes are its IP address, so many, if it starts with one.
    Whole { address: Multiaddr, ip_len: usize, pinned: Option<Box<PeerId>> },
}

/// What follows the IP address of candidates, in canonical spelling. Shared by all candidates of a record,
/// or of a source.
#[derive(Debug)]
pub(crate) struct Rest {
    port: u16,
    address: Multiaddr,
    pinned: Option<PeerId>,
    /// A relay has the IP address: the candidate is of another family, and compared as a whole.
    is_relayed: bool,
}

impl Rest {
    /// Of a transport and what runs on top of it. A trailing `/p2p/ID` becomes the pin.
    pub(crate) fn new(suffix: &Multiaddr) -> Self {
        let (address, pinned) = canonical(suffix);
        let is_relayed = address.iter().any(|p| p == Protocol::P2pCircuit);
        Self { port: port_of(&address), address, pinned, is_relayed }
    }

    /// Whether a relay has the IP address.
    pub(crate) fn is_relayed(&self) -> bool {
        self.is_relayed
    }
}

/// What the order compares before it looks at the address's bytes.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Hash)]
pub(crate) struct OrderKey {
    family: Family,
    ip: u128,
    port: u16,
}

/// The kind of network that an address belongs to. Places are counted per family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// IPv4 addresses, and IPv4-mapped IPv6 addresses.
    V4,
    /// IPv6 addresses.
    V6,
    /// All other addresses: memory addresses, relayed addresses, addresses that contain a name.
    Other,
}

impl Family {
    /// All families, in order.
    pub const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Other];

    /// How many candidates of each family there are, in the order of [`ALL`](Self::ALL).
    pub(crate) fn count<'a>(candidates: impl IntoIterator<Item = &'a Candidate>) -> [usize; 3] {
        let mut counts = [0; Self::ALL.len()];
        candidates.into_iter().for_each(|c| counts[c.family().index()] += 1);
        counts
    }

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) fn index(self) -> usize {
        self as usize
    }
}

/// The transports to one host that one record names, in order of preference. More than one.
pub(crate) type Transports = Arc<[Candidate]>;

/// The transports of a group that are there: the filter or a bound may have left some of them out.
pub(crate) fn among(group: &Transports, is_there: impl Fn(&Candidate) -> bool) -> Transports {
    match group.iter().all(&is_there) {
        true => group.clone(),
        false => group.iter().filter(|c| is_there(c)).cloned().collect(),
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "v4",
            Self::V6 => "v6",
            Self::Other => "other",
        })
    }
}

impl Candidate {
    /// Makes a candidate of an address. A trailing `/p2p/ID` becomes the pin.
    pub fn new(address: &Multiaddr) -> Self {
        let (address, pinned) = canonical(address);
        Self::of_canonical(address, pinned.map(Box::new))
    }

    fn of_canonical(address: Multiaddr, pinned: Option<Box<PeerId>>) -> Self {
        let key = OrderKey::of(&address);
        // A code of one byte, and as many bytes as the IP address has.
        let ip_len = match address.iter().next() {
            Some(Protocol::Ip4(_)) if key.family == Family::V4 => 1 + 4,
            Some(Protocol::Ip6(_)) if key.family == Family::V6 => 1 + 16,
            _ => 0,
        };
        Self(Arc::new(Inner { key, form: Form::Whole { address, ip_len, pinned } }))
    }

    /// Makes a candidate of an IP address and what follows it.
    pub(crate) fn joined(ip: IpAddr, rest: Arc<Rest>) -> Self {
        if rest.is_relayed {
            let ip = Protocol::from(ip.to_canonical());
            let address = std::iter::once(ip).chain(&rest.address).collect();
            return Self::of_canonical(address, rest.pinned.map(Box::new));
        }
        let key = OrderKey::at(ip.to_canonical(), rest.port);
        Self(Arc::new(Inner { key, form: Form::Joined { rest, address: OnceLock::new() } }))
    }

    /// What follows the IP address, if it is shared with other candidates.
    pub(crate) fn rest(&self) -> Option<&Arc<Rest>> {
        match &self.0.form {
            Form::Joined { rest, .. } => Some(rest),
            Form::Whole { .. } => None,
        }
    }

    /// The canonical address, without the pin.
    pub fn address(&self) -> &Multiaddr {
        #[cfg(test)]
        crate::testing::look();
        self.0.address()
    }

    /// The peer id to which the record pinned the address.
    pub fn pinned(&self) -> Option<&PeerId> {
        #[cfg(test)]
        crate::testing::look();
        self.0.pinned()
    }

    /// The family that the address belongs to.
    pub fn family(&self) -> Family {
        #[cfg(test)]
        crate::testing::look();
        self.0.key.family
    }

    /// The IP address, unless the family is [`Family::Other`].
    pub fn ip(&self) -> Option<IpAddr> {
        #[cfg(test)]
        crate::testing::look();
        self.0.key.ip()
    }

    /// What the order compares first: family, IP address and port.
    pub(crate) fn key(&self) -> OrderKey {
        self.0.key
    }

    /// The port, or 0 if there is none.
    pub(crate) fn port(&self) -> u16 {
        self.0.key.port
    }

    /// Whether somebody else holds the same content.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether two are equal, pins left aside.
    pub(crate) fn is_at_address_of(&self, other: &Self) -> bool {
        self.0.key == other.0.key && self.0.cmp_rest(&other.0).is_eq()
    }

    /// The same address without a pin.
    pub(crate) fn without_pin(&self) -> Self {
        match self.0.pinned() {
            None => self.clone(),
            Some(_) => Self::of_canonical(self.0.address().clone(), None),
        }
    }

    /// Whether both lead to the same place. A relayed address leads to the peer at its end, so that
    /// there the pin is a part of the address.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.is_at_address_of(other) && (self.0.pinned() == other.0.pinned() || !self.is_relayed())
    }

    /// Whether the address leads through a relay.
    pub fn is_relayed(&self) -> bool {
        self.0.key.family == Family::Other
            && self.0.address().iter().any(|p| p == Protocol::P2pCircuit)
    }
}

impl Inner {
    fn address(&self) -> &Multiaddr {
        match &self.form {
            Form::Whole { address, .. } => address,
            Form::Joined { rest, address } => address.get_or_init(|| {
                self.key.ip().map(Protocol::from).into_iter().chain(&rest.address).collect()
            }),
        }
    }

    fn pinned(&self) -> Option<&PeerId> {
        match &self.form {
            Form::Whole { pinned, .. } => pinned.as_deref(),
            Form::Joined { rest, .. } => rest.pinned.as_ref(),
        }
    }

    /// The bytes that follow the IP address, and whether there is one in front of them.
    fn rest(&self) -> (bool, &[u8]) {
        match &self.form {
            Form::Whole { address, ip_len, .. } => (*ip_len > 0, &address.as_ref()[*ip_len..]),
            Form::Joined { rest, .. } => (true, rest.address.as_ref()),
        }
    }

    /// Compares the bytes of the addresses of two that have one key.
    fn cmp_rest(&self, other: &Self) -> Ordering {
        match (&self.form, &other.form) {
            (Form::Joined { rest: a, .. }, Form::Joined { rest: b, .. }) if Arc::ptr_eq(a, b) => {
                return Ordering::Equal;
            }
            _ => {}
        }
        let ((a_has_ip, a), (b_has_ip, b)) = (self.rest(), other.rest());
        match a_has_ip == b_has_ip {
            true => a.cmp(b),
            // One of them has a zone in front of its IP address.
            false => self.address().as_ref().cmp(other.address().as_ref()),
        }
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        #[cfg(test)]
        crate::testing::look();
        Arc::ptr_eq(&self.0, &other.0)
            || (self.is_at_address_of(other) && self.0.pinned() == other.0.pinned())
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        #[cfg(test)]
        crate::testing::look();
        if Arc::ptr_eq(&self.0, &other.0) {
            return Ordering::Equal;
        }
        let (a, b) = (&*self.0, &*other.0);
        a.key.cmp(&b.key).then_with(|| a.cmp_rest(b)).then_with(|| a.pinned().cmp(&b.pinned()))
    }
}

impl Hash for Candidate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[cfg(test)]
        crate::testing::look();
        self.0.key.hash(state);
        self.0.rest().hash(state);
        self.0.pinned().hash(state);
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.address())?;
        match self.0.pinned() {
            Some(peer) => write!(f, "/p2p/{peer}"),
            None => Ok(()),
        }
    }
}

/// The text, as `Multiaddr` has it.
impl fmt::Debug for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl OrderKey {
    fn of(address: &Multiaddr) -> Self {
        let relayed = address.iter().any(|p| p == Protocol::P2pCircuit);
        let port = port_of(address);
        match ip_of(address) {
            Some(ip) if !relayed => Self::at(ip, port),
            _ => Self { family: Family::Other, ip: 0, port },
        }
    }

    fn at(ip: IpAddr, port: u16) -> Self {
        match ip {
            IpAddr::V4(ip) => Self { family: Family::V4, ip: u32::from(ip).into(), port },
            IpAddr::V6(ip) => Self { family: Family::V6, ip: ip.into(), port },
        }
    }

    fn ip(self) -> Option<IpAddr> {
        match self.family {
            Family::V4 => u32::try_from(self.ip).ok().map(|ip| IpAddr::V4(ip.into())),
            Family::V6 => Some(IpAddr::V6(self.ip.into())),
            Family::Other => None,
        }
    }
}

/// The port of the first transport that has one, or 0.
fn port_of(address: &Multiaddr) -> u16 {
    let port = address.iter().find_map(|p| match p {
        Protocol::Tcp(port) | Protocol::Udp(port) => Some(port),
        _ => None,
    });
    port.unwrap_or(0)
}

/// The IP address that an address starts with.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        // A zone is part of a link-local address: `/ip6zone/eth0/ip6/fe80::1/…`.
        Protocol::Ip6zone(_) => address.iter().nth(1).and_then(|p| match p {
            Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
            _ => None,
        }),
        _ => None,
    }
}

/// The canonical spelling of an address, and the peer id that it ended in.
fn canonical(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    if address.iter().all(|part| is_canonical(&part)) {
        return (address.clone(), None);
    }
    let mut parts: Vec<_> = address.iter().collect();
    let pinned = match parts.last() {
        Some(Protocol::P2p(peer)) => Some(*peer),
        _ => None,
    };
    // The same id twice says the same. A different one in front stays, and makes the address one
    // that nobody can dial, which is for the filter to say.
    while matches!(parts.last(), Some(Protocol::P2p(peer)) if Some(*peer) == pinned) {
        parts.pop();
    }
    let mut out = Multiaddr::empty();
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        match part {
            // IPv4 has no zones. Left in front, the zone would hide the IP address from the order
            // and from the filter, while transports read the address from its end and dial it.
            Protocol::Ip6zone(_) if is_mapped(parts.peek()) => {}
            Protocol::Ip6(ip) => out.push(ip.to_canonical().into()),
            Protocol::Dns(name) => out.push(Protocol::Dns(canonical_name(&name).into())),
            Protocol::Dns4(name) => out.push(Protocol::Dns4(canonical_name(&name).into())),
            Protocol::Dns6(name) => out.push(Protocol::Dns6(canonical_name(&name).into())),
            Protocol::Dnsaddr(name) => out.push(Protocol::Dnsaddr(canonical_name(&name).into())),
            Protocol::Sni(name) => out.push(Protocol::Sni(canonical_name(&name).into())),
            // `/wss` is `/tls/ws` (WebSockets in the multiaddr registry).
            Protocol::Wss(path) => {
                out.push(Protocol::Tls);
                out.push(Protocol::Ws(path));
            }
            other => out.push(other),
        }
    }
    (out, pinned)
}

/// Whether a part is spelled as it is in a candidate, wherever it stands; nearly all are.
fn is_canonical(part: &Protocol<'_>) -> bool {
    match part {
        Protocol::Ip6zone(_) | Protocol::P2p(_) | Protocol::Ws(_) | Protocol::Wss(_) => false,
        Protocol::Ip6(ip) => ip.to_ipv4_mapped().is_none(),
        Protocol::Dns(name)
        | Protocol::Dns4(name)
        | Protocol::Dns6(name)
        | Protocol::Dnsaddr(name)
        | Protocol::Sni(name) => {
            !name.ends_with('.') && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        }
        _ => true,
    }
}

fn is_mapped(part: Option<&Protocol<'_>>) -> bool {
    matches!(part, Some(Protocol::Ip6(ip)) if ip.to_ipv4_mapped().is_some())
}

fn canonical_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
