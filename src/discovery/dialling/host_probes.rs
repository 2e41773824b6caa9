//! How often each host was probed since the last refresh.

use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize, time::Duration};

use libp2p_core::Multiaddr;
use web_time::Instant;

use crate::{
    candidate::{Candidate, ip_of},
    filter::embedded_v4,
};

/// Probes of each host, whatever the family, transport, port or pin that names it.
#[derive(Debug)]
pub(super) struct HostProbes {
    started: HashMap<Machine, usize>,
    most: NonZeroUsize,
    /// Whether there is a host that may not be probed again before the renewal.
    is_full: bool,
    renewed: Option<Instant>,
}

impl HostProbes {
    /// At most so many probes of each host between two refreshes.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { started: HashMap::new(), most, is_full: false, renewed: None }
    }

    pub(super) fn note(&mut self, candidate: &Candidate) {
        let started = self.started.entry(Machine::of(candidate)).or_default();
        *started += 1;
        self.is_full |= *started >= self.most.get();
    }

    /// Whether a host may be probed once more before the next renewal.
    pub(super) fn has_room(&self, candidate: &Candidate) -> bool {
        let started = self.is_full.then(|| self.started.get(&Machine::of(candidate))).flatten();
        started.is_none_or(|started| *started < self.most.get())
    }

    /// All hosts may be probed again.
    pub(super) fn renew(&mut self, now: Instant) {
        self.started.clear();
        self.is_full = false;
        self.renewed = Some(now);
    }

    /// Lets all hosts be probed again, if the last renewal is at least `age` ago.
    pub(super) fn renew_after(&mut self, age: Duration, now: Instant) {
        if *self.renewed.get_or_insert(now) + age <= now {
            self.renew(now);
        }
    }

    /// When to renew at the latest, if a host may not be probed before.
    pub(super) fn next_timeout(&self, age: Duration) -> Option<Instant> {
        self.renewed.filter(|_| self.is_full).map(|renewed| renewed + age)
    }
}

/// What addresses have in common that lead to one machine: the IP address. The IP address of a relayed
/// address is the relay's; that of an IPv6 address that a gateway translates is the IPv4 address in it. An
/// address without an IP address has nothing in common with others.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Machine {
    Ip(IpAddr),
    Address(Multiaddr),
}

impl Machine {
    pub(super) fn of(candidate: &Candidate) -> Self {
        match candidate.ip().or_else(|| ip_of(candidate.address())) {
            Some(ip) => Self::Ip(embedded_v4(ip).map_or(ip, IpAddr::V4)),
            None => Self::Address(candidate.address().clone()),
        }
    }
}

/// Whether one machine may have countless addresses like this one: in 6to4 (RFC 3056 section 2), 80 bits of the
/// address are free.
pub(super) fn has_many_spellings(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.segments()[0] == 0x2002)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::epoch;

    fn c(address: &str) -> Candidate {
        Candidate::new(&address.parse().expect("an address"))
    }

    fn two() -> HostProbes {
        HostProbes::new(NonZeroUsize::new(2).expect("two"))
    }

    #[test]
    fn a_host_is_one_whatever_its_ports_and_spellings() {
        let mut probes = two();
        probes.note(&c("/ip4/10.0.0.1/tcp/1"));
        assert!(probes.has_room(&c("/ip4/10.0.0.1/udp/9/quic-v1")));
        probes.note(&c("/ip6/64:ff9b::a00:1/tcp/2"));
        assert!(!probes.has_room(&c("/ip4/10.0.0.1/udp/9/quic-v1")));
        assert!(probes.has_room(&c("/ip4/10.0.0.2/tcp/1")) && probes.has_room(&c("/memory/1")));
    }

    #[test]
    fn a_refresh_renews_no_more_often_than_refreshes_come() {
        let (mut probes, now) = (two(), epoch());
        let (host, minute) = (c("/ip4/10.0.0.1/tcp/1"), Duration::from_secs(60));
        probes.renew(now);
        assert_eq!(probes.next_timeout(minute), None, "nothing to wait for");
        probes.note(&host);
        probes.note(&host);
        assert_eq!(probes.next_timeout(minute), Some(now + minute));
        probes.renew_after(minute, now + minute / 2);
        assert!(!probes.has_room(&host));
        probes.renew_after(minute, now + minute);
        assert!(probes.has_room(&host));
    }
}
