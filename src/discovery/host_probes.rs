//! How often each host was probed since the last refresh.

use std::{collections::HashMap, net::IpAddr, num::NonZeroUsize, time::Duration};

use libp2p_core::Multiaddr;
use web_time::Instant;

use super::Discovery;
use crate::{
    candidate::{Candidate, ip_of},
    filter::embedded_v4,
};

/// Probes of each host, whatever the family, transport, port or pin that names it.
#[derive(Debug, Default)]
pub(super) struct HostProbes {
    started: HashMap<Host, usize>,
    /// Whether one of them may not be probed again before the renewal.
    is_full: bool,
    renewed: Option<Instant>,
}

impl HostProbes {
    fn note(&mut self, candidate: &Candidate, most: NonZeroUsize) {
        let started = self.started.entry(Host::of(candidate)).or_default();
        *started += 1;
        self.is_full |= *started >= most.get();
    }

    fn of(&self, candidate: &Candidate) -> usize {
        self.started.get(&Host::of(candidate)).copied().unwrap_or(0)
    }

    /// All hosts may be probed again.
    pub(super) fn renew(&mut self, now: Instant) {
        self.started.clear();
        self.is_full = false;
        self.renewed = Some(now);
    }

    fn is_older_than(&mut self, age: Duration, now: Instant) -> bool {
        *self.renewed.get_or_insert(now) + age <= now
    }
}

impl Discovery {
    pub(super) fn note_probe(&mut self, candidate: &Candidate) {
        self.host_probes.note(candidate, self.config.limits.probes_per_host);
    }

    /// Whether a host may be probed once more before the next renewal.
    pub(super) fn host_has_room(&self, candidate: &Candidate) -> bool {
        self.host_probes.of(candidate) < self.config.limits.probes_per_host.get()
    }

    /// A refresh has ended. Several sources, and one that fails in between, renew no more often than
    /// one that answers.
    pub(super) fn renew_hosts(&mut self, now: Instant) {
        if self.host_probes.is_older_than(self.config.min_refresh, now) {
            self.host_probes.renew(now);
        }
    }

    /// Static sources have no refresh that would renew.
    pub(super) fn renew_hosts_in_time(&mut self, now: Instant) {
        let longest = self.config.max_refresh;
        if self.host_probes.is_older_than(longest, now) {
            self.host_probes.renew(now);
        }
        let at = self.host_probes.renewed.map(|renewed| renewed + longest);
        self.wake_at(at.filter(|_| self.host_probes.is_full));
    }
}

/// What several addresses share that lead to one machine: the IP address, also where it is that of a
/// relay or to be translated to by a gateway; or else all of it.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Host {
    Ip(IpAddr),
    Address(Multiaddr),
}

impl Host {
    fn of(candidate: &Candidate) -> Self {
        match candidate.ip().or_else(|| ip_of(candidate.address())) {
            Some(ip) => Self::Ip(embedded_v4(ip).map_or(ip, IpAddr::V4)),
            None => Self::Address(candidate.address().clone()),
        }
    }
}
