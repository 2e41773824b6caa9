//! The addresses of a host that an answer names.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::record::Sums;

/// Addresses of one type of a host: sorted, without duplicates.
#[derive(Debug)]
pub(super) struct List {
    ips: Ips,
    /// The [key](Sums::key) of all addresses that the answer named.
    pub(super) sum: u64,
    /// Whether the answer named more than it may carry.
    pub(super) is_cut: bool,
}

/// Addresses as numbers, which are sorted and summed up far sooner, and take less room.
#[derive(Debug, Hash)]
enum Ips {
    V4(Box<[u32]>),
    V6(Box<[u128]>),
}

impl Ips {
    fn len(&self) -> usize {
        match self {
            Self::V4(ips) => ips.len(),
            Self::V6(ips) => ips.len(),
        }
    }

    /// The lowest of them, of which there are more.
    fn lowest(&self, most: usize) -> Self {
        match self {
            Self::V4(ips) => Self::V4(ips[..most].into()),
            Self::V6(ips) => Self::V6(ips[..most].into()),
        }
    }
}

impl List {
    /// Of the addresses of an answer, all of one type, the lowest, so many at the most.
    pub(super) fn of_answer(ips: &[IpAddr], sums: &Sums, most: usize) -> Self {
        let all = sorted(ips);
        let (sum, is_cut) = (sums.key(&all), all.len() > most);
        let ips = if is_cut { all.lowest(most) } else { all };
        Self { ips, sum, is_cut }
    }

    pub(super) fn len(&self) -> usize {
        self.ips.len()
    }

    /// The addresses, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpAddr> {
        let (v4, v6): (&[u32], &[u128]) = match &self.ips {
            Ips::V4(ips) => (ips, &[]),
            Ips::V6(ips) => (&[], ips),
        };
        let v4 = v4.iter().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(*bits)));
        v4.chain(v6.iter().map(|bits| IpAddr::V6(Ipv6Addr::from_bits(*bits))))
    }

    /// Adds these addresses, the lowest first, to others, as many as there is room for. Returns whether all
    /// of them are there now.
    pub(super) fn added_to(&self, known: Option<&Self>, room: usize) -> (Self, bool) {
        let mut all: BTreeSet<_> = known.into_iter().flat_map(Self::iter).collect();
        let new: Vec<_> = self.iter().filter(|ip| !all.contains(ip)).collect();
        let fits = new.len() <= room;
        all.extend(new.into_iter().take(room));
        let ips = sorted(&all.into_iter().collect::<Vec<_>>());
        (Self { ips, sum: 0, is_cut: false }, fits)
    }
}

/// Addresses of one type, sorted, without duplicates.
fn sorted(ips: &[IpAddr]) -> Ips {
    fn sorted<T: Ord>(mut all: Vec<T>) -> Box<[T]> {
        all.sort_unstable();
        all.dedup();
        all.into()
    }
    let v6 = ips.iter().filter_map(|ip| match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(ip.to_bits()),
    });
    let v4 = ips.iter().filter_map(|ip| match ip {
        IpAddr::V4(ip) => Some(ip.to_bits()),
        IpAddr::V6(_) => None,
    });
    match ips.first() {
        Some(IpAddr::V4(_)) => Ips::V4(sorted(v4.collect())),
        _ => Ips::V6(sorted(v6.collect())),
    }
}
