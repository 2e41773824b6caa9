//! The addresses of a host that an answer names.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// Addresses of one type of a host: sorted, without duplicates. Shared by the refreshes whose answers say
/// the same.
#[derive(Debug)]
pub(super) struct List {
    pub(super) ips: Vec<IpAddr>,
    /// What the answer says that named them, by its [sum](crate::record::Sums), where nothing else of it
    /// has to be read.
    pub(super) says: Option<u64>,
    /// What of the answer says where peers are, the same for all nodes and times.
    pub(super) sum: u64,
    /// Whether the answer named more than it may carry.
    pub(super) is_cut: bool,
}

impl List {
    pub(super) fn new(ips: Vec<IpAddr>) -> Arc<Self> {
        Self::of_answer(&ips, None, usize::MAX)
    }

    /// Of the addresses of an answer, all of one type, the lowest, so many at the most.
    pub(super) fn of_answer(ips: &[IpAddr], says: Option<u64>, most: usize) -> Arc<Self> {
        // Numbers are sorted and summed up far sooner than addresses.
        let v4 = ips.iter().filter_map(|ip| match ip {
            IpAddr::V4(ip) => Some(ip.to_bits()),
            IpAddr::V6(_) => None,
        });
        let v6 = ips.iter().filter_map(|ip| match ip {
            IpAddr::V4(_) => None,
            IpAddr::V6(ip) => Some(ip.to_bits()),
        });
        let (ips, sum, is_cut) = match ips.first() {
            Some(IpAddr::V4(_)) => lowest(v4.collect(), most, |bits| Ipv4Addr::from(bits).into()),
            _ => lowest(v6.collect(), most, |bits| Ipv6Addr::from(bits).into()),
        };
        Arc::new(Self { ips, says, sum, is_cut })
    }

    /// Adds these addresses, the lowest first, to others, as many as there is room for. Returns whether all
    /// of them are there now.
    pub(super) fn added_to(&self, known: Option<&Self>, room: usize) -> (Vec<IpAddr>, bool) {
        let known: BTreeSet<_> = known.into_iter().flat_map(|known| &known.ips).copied().collect();
        let new: Vec<_> = self.ips.iter().filter(|ip| !known.contains(ip)).copied().collect();
        let fits = new.len() <= room;
        let all: BTreeSet<_> = known.into_iter().chain(new.into_iter().take(room)).collect();
        (all.into_iter().collect(), fits)
    }
}

/// The lowest of these, without duplicates, their sum, and whether there are more.
fn lowest<T: Ord + Hash + Copy>(
    mut all: Vec<T>,
    most: usize,
    ip: impl Fn(T) -> IpAddr,
) -> (Vec<IpAddr>, u64, bool) {
    all.sort_unstable();
    all.dedup();
    (all.iter().take(most).map(|bits| ip(*bits)).collect(), sum_of(&all), all.len() > most)
}

impl PartialEq for List {
    /// Whether both hold the same addresses.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.ips == other.ips
    }
}

/// The same for the same items, and nearly always another one for others.
pub(super) fn sum_of<T: Hash + ?Sized>(items: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    items.hash(&mut hasher);
    hasher.finish()
}
