//! The configuration of a publisher, and the defaults with their reasons.

use std::{num::NonZeroUsize, time::Duration};

use hickory_proto::rr::Name;
use libp2p_core::Multiaddr;

use crate::{
    filter::Filter,
    pace::sane,
    record,
    source::{Kind, Source, SourceError},
};

/// What a [`Publisher`](super::Publisher) publishes where, and when.
///
/// Durations are kept between a millisecond and a year.
#[derive(Debug, Clone)]
pub struct Config {
    pub(super) source: Source,
    pub(super) zone: Name,
    pub(super) owner: Name,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) filter: Filter,
    pub(super) ttl: Duration,
    pub(super) refresh_interval: Duration,
    pub(super) debounce: Duration,
    pub(super) timeout: Duration,
    pub(super) retry: (Duration, Duration),
    pub(super) max_addresses: NonZeroUsize,
    pub(super) seed: Option<u64>,
}

/// Why records cannot be published at a name.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// `/dnsaddr/NAME` would not be a valid source.
    #[error("`{name}` is not a name that records can be published at")]
    #[non_exhaustive]
    Name {
        /// The name that was given.
        name: String,
        /// What is wrong with `/dnsaddr/NAME`.
        source: SourceError,
    },
    /// The zone is not a domain name.
    #[error("`{zone}` is not the name of a zone")]
    #[non_exhaustive]
    Zone {
        /// The zone that was given.
        zone: String,
        /// What is wrong with the zone.
        source: hickory_proto::ProtoError,
    },
    /// The records would not be in the zone.
    #[error(
        "{owner} is not in the zone {zone}; name the zone that holds it, such as `{suggestion}`"
    )]
    #[non_exhaustive]
    OutsideZone {
        /// Where the records would be.
        owner: String,
        /// The zone that was given.
        zone: String,
        /// A zone that could hold the records.
        suggestion: String,
    },
}

impl Config {
    /// Publishes in a zone at `_dnsaddr.NAME`, where readers of `/dnsaddr/NAME` look. Both names
    /// are taken as absolute.
    ///
    /// # Errors
    ///
    /// If one of them is not a name, or `_dnsaddr.NAME` is not in the zone.
    pub fn new(name: &str, zone: &str) -> Result<Self, ConfigError> {
        let (source, owner) = owner(name)?;
        let zone = absolute(zone)?;
        if !zone.zone_of(&owner) {
            let suggestion = owner.base_name().to_ascii();
            let (owner, zone) = (owner.to_ascii(), zone.to_ascii());
            return Err(ConfigError::OutsideZone { owner, zone, suggestion });
        }
        Ok(Self {
            source,
            zone,
            owner,
            addresses: Vec::new(),
            filter: Filter::default(),
            ttl: Duration::from_secs(30),
            refresh_interval: Duration::from_secs(600),
            debounce: Duration::from_secs(1),
            timeout: Duration::from_secs(10),
            retry: (Duration::from_secs(1), Duration::from_secs(300)),
            max_addresses: NonZeroUsize::MIN.saturating_add(15),
            seed: None,
        })
    }

    /// The source by which other nodes find the records.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The owner name of the records: `_dnsaddr.NAME`, absolute.
    pub fn owner(&self) -> &Name {
        &self.owner
    }

    /// Sets the addresses to publish, instead of the addresses that the swarm reports. `/p2p/ID` is
    /// added where it is missing. Default: none, so the confirmed external addresses are published,
    /// or without any, the listen addresses.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.addresses = addresses.into_iter().collect();
        self
    }

    /// Sets which of the addresses that the swarm reports are published: those that this filter accepts
    /// as named by DNS. Default: [`Filter::default`], so no loopback, link-local, memory and Unix
    /// addresses. Deny networks of which every host has its own copy, such as Docker's bridge: nodes on
    /// two hosts would [delete each other's records](super#addresses-that-several-nodes-have).
    ///
    /// Of the [configured](Self::with_addresses) addresses, the filter removes only addresses that
    /// cannot be dialled and addresses in a denied network.
    #[must_use]
    pub fn with_filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets how long resolvers may keep the records, in whole seconds. Other nodes may dial an old
    /// address for that long. Default: 30 s. A much shorter TTL costs look-ups all the time, and readers
    /// of this crate look up at most every 5 s. All nodes at one name should have the same TTL.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how often the publisher reads the zone and repairs records that are missing or wrong.
    /// Default: 10 min, a tenth more or less at random. Records are wrong only after another party
    /// changed them, and a thousand nodes cost the server two queries a second.
    #[must_use]
    pub fn with_refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = sane(interval);
        self
    }

    /// Sets how long after the first change of the addresses the zone is updated. Default: 1 s, in
    /// which all listeners of a starting node report their addresses.
    #[must_use]
    pub fn with_debounce(mut self, debounce: Duration) -> Self {
        self.debounce = sane(debounce);
        self
    }

    /// Sets how long one exchange with the name server may take. Default: 10 s, three
    /// retransmissions of a lost segment.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = sane(timeout);
        self
    }

    /// Sets the pause after a failed exchange: the first, and the longest. The pause doubles with every
    /// failure in a row, up to the longest. The publisher waits for a random time between half the
    /// pause and the whole pause. A success ends the row. Default: 1 s, and 5 min.
    #[must_use]
    pub fn with_retry(mut self, first: Duration, longest: Duration) -> Self {
        self.retry = (sane(first), sane(longest.max(first)));
        self
    }

    /// Sets how many addresses are published at most: the first in the [order](crate::Candidate).
    /// Default: 16, enough for all transports over both families. The records of all nodes at one
    /// name must fit into one answer of 64 KiB.
    #[must_use]
    pub fn with_max_addresses(mut self, most: NonZeroUsize) -> Self {
        self.max_addresses = most;
        self
    }

    /// Sets the seed of all random choices, to make a run repeatable. Default: drawn at random.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The TTL as a record carries it.
    pub(super) fn ttl_seconds(&self) -> u32 {
        // RFC 2181 section 8: 31 bits.
        u32::try_from(self.ttl.as_secs()).unwrap_or(u32::MAX).min(i32::MAX as u32)
    }
}

/// The source that reads a name, and where it looks: whatever cannot be read is not published.
fn owner(name: &str) -> Result<(Source, Name), ConfigError> {
    let bad = |source| ConfigError::Name { name: name.to_owned(), source };
    let absolute = if name.ends_with('.') { name.to_owned() } else { format!("{name}.") };
    let source: Source = format!("/dnsaddr/{absolute}").parse().map_err(bad)?;
    match source.kind() {
        Kind::Dnsaddr(dnsaddr) if dnsaddr.suffix.is_empty() => {
            Ok((source.clone(), dnsaddr.owner.clone()))
        }
        _ => Err(bad(SourceError::Empty)),
    }
}

fn absolute(zone: &str) -> Result<Name, ConfigError> {
    let name = Name::from_ascii(zone)
        .map_err(|source| ConfigError::Zone { zone: zone.to_owned(), source })?;
    Ok(record::absolute(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_absolute_and_in_lower_case() {
        let config = Config::new("Peers.Example", "EXAMPLE").unwrap();
        assert_eq!(config.owner().to_ascii(), "_dnsaddr.peers.example.");
        assert_eq!(config.zone.to_ascii(), "example.");
        assert_eq!(config.source().to_string(), "/dnsaddr/peers.example.");
        assert!(Config::new("peers.example", "_dnsaddr.peers.example").is_ok());
    }

    #[test]
    fn the_owner_must_be_in_the_zone() {
        let outside = Config::new("peers.example.", "example.org.").unwrap_err();
        let ConfigError::OutsideZone { suggestion, .. } = &outside else { panic!("{outside:?}") };
        assert_eq!(suggestion, "peers.example.");
        assert!(outside.to_string().contains("not in the zone example.org."), "{outside}");
        assert!(Config::new("peers.example", "a.peers.example").is_err());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", ".", "10.0.0.7", "peers example", "a..b", "peers.example/tcp/7", "a/b"] {
            let error = Config::new(name, "example").unwrap_err();
            assert!(matches!(error, ConfigError::Name { .. }), "{name}: {error:?}");
        }
        let error = Config::new("peers.example", "a..b").unwrap_err();
        assert!(matches!(error, ConfigError::Zone { .. }), "{error:?}");
    }

    #[test]
    fn a_ttl_has_31_bits() {
        let ttl = |seconds| {
            let config = Config::new("peers.example", "example").unwrap();
            config.with_ttl(Duration::from_secs(seconds)).ttl_seconds()
        };
        assert_eq!((ttl(0), ttl(60), ttl(u64::MAX)), (0, 60, 0x7fff_ffff));
    }
}
