//! Metrics for Prometheus and others, by `prometheus-client`.
//!
//! | Name, after the prefix of the registry | Type | Labels | What |
//! |---|---|---|---|
//! | `lookups_total` | counter | `outcome`: [`LookupOutcome::name`] | questions to the resolver, by outcome |
//! | `answer_age_seconds` | gauge | `source` | time since the source was last answered with records; absent before that |
//! | `candidates` | gauge | | addresses that the sources name and the filter accepts, this node's own included |
//! | `verified` | gauge | | distinct peers in the table of verified peers |
//! | `selected` | gauge | | [places](crate::Selection) that are taken |
//! | `listed` | gauge | | 1 if DNS lists this node, else 0; absent before the first answer |
//! | `dials_total` | counter | `purpose`: [`Purpose::name`], `outcome`: [`DialOutcome::name`] | dials of the discovery, by purpose and outcome |
//! | `events_total` | counter | `event`: [`Event::name`] | events by name, such as `replaced`, `rejected`, `same_key` |
//! | `status` | gauge | `status` | 1 for the status that holds, 0 for the three others |
//! | `first_verified_seconds` | gauge | | from the start to the first verified peer; absent until then |
//!
//! A probe is a dial that expects a made-up peer id, so it always fails as a dial. If it learned which peer
//! lives at the address, its outcome here is `identified`, which is a success. For the same probe, the swarm
//! reports `OutgoingConnectionError` with `WrongPeerId`, and `libp2p-metrics` counts an error.
//!
//! If a process has several discoveries, give each of them a registry with its own prefix or label.
//!
//! ```
//! use libp2p_dns_discovery::{Behaviour, Config, resolver::zone::Zone};
//! use prometheus_client::{encoding::text::encode, registry::Registry};
//!
//! # let peer_id = libp2p_identity::PeerId::random();
//! let mut discovery = Behaviour::new(Zone::default(), Config::new(), peer_id);
//! let mut registry = Registry::default();
//! discovery.register_metrics(registry.sub_registry_with_prefix("libp2p_dns_discovery"));
//!
//! // Wherever Prometheus asks, in another task too.
//! let mut text = String::new();
//! encode(&mut text, &registry)?;
//! assert!(text.contains(r#"libp2p_dns_discovery_status{status="starting"} 1"#));
//! # Ok::<(), std::fmt::Error>(())
//! ```

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
    registry::Registry,
};
use web_time::Instant;

use crate::{
    discovery::{DialOutcome, Discovery, LookupOutcome, Purpose, Stats},
    event::{Event, Status},
    shell::now,
    source::Source,
};

/// The metrics of one discovery. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Mutex<Snapshot>>);

impl Metrics {
    /// Registers the metrics, so that the registry encodes the numbers that were
    /// [recorded](Self::record) last.
    ///
    /// [`Behaviour::register_metrics`](crate::Behaviour::register_metrics) registers and records.
    /// Use this function if you drive a [`Discovery`] yourself.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self(Arc::default());
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// Records the numbers as they are now. Call this each time that you have taken all outputs of
    /// the discovery. It copies some numbers.
    pub fn record(&self, discovery: &Discovery) {
        self.lock().record(discovery);
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        // The snapshot is never half written: nothing in `record` can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // A slow reader does not hold up the swarm.
        let snapshot = self.lock().clone();
        snapshot.families(now()).iter().try_for_each(|family| family.encode(&mut encoder))
    }
}

/// The numbers as they were recorded last.
#[derive(Debug, Clone, Default)]
struct Snapshot {
    stats: Stats,
    listed: Option<bool>,
    /// `None` before anything was recorded.
    status: Option<Status>,
    answered: Vec<(Source, Instant)>,
}

impl Snapshot {
    fn record(&mut self, discovery: &Discovery) {
        let stats = discovery.stats();
        let before = std::mem::replace(&mut self.stats, stats);
        self.listed = discovery.is_listed();
        self.status = Some(discovery.status());
        // Most polls have nothing to do with DNS.
        if !stats.has_same_answers(&before) {
            self.answered = discovery.answered().map(|(s, at)| (s.clone(), at)).collect();
        }
    }

    fn families(&self, now: Instant) -> [Family; 10] {
        let stats = &self.stats;
        let lookups = LookupOutcome::ALL
            .iter()
            .map(|outcome| (labels([("outcome", outcome.name())]), stats.lookups(*outcome) as f64));
        let ages = self.answered.iter().map(|(source, at)| {
            let age = now.saturating_duration_since(*at);
            (labels([("source", &source.to_string())]), age.as_secs_f64())
        });
        let dials = Purpose::ALL.iter().flat_map(|purpose| {
            DialOutcome::ALL.iter().map(|outcome| {
                let labels = labels([("purpose", purpose.name()), ("outcome", outcome.name())]);
                (labels, stats.dials(*purpose, *outcome) as f64)
            })
        });
        let events =
            Event::NAMES.iter().map(|name| (labels([("event", name)]), stats.events(name) as f64));
        let status = self.status.into_iter().flat_map(|status| {
            Status::ALL.iter().map(move |one| {
                (labels([("status", &one.to_string())]), f64::from(u8::from(*one == status)))
            })
        });
        let listed = self.listed.map(|listed| f64::from(u8::from(listed)));
        let first_verified = stats.first_verified().map(|after| after.as_secs_f64());
        [
            counters("lookups", "Questions to the resolver, by outcome", lookups),
            Family {
                samples: ages.collect(),
                ..gauge(
                    "answer_age_seconds",
                    "Time since a source was last answered with records",
                    None,
                )
            },
            gauge(
                "candidates",
                "Addresses that DNS names and the filter lets through",
                Some(stats.candidates() as f64),
            ),
            gauge(
                "verified",
                "Different peers in the verified peer table",
                Some(stats.peers() as f64),
            ),
            gauge("selected", "Places that are taken", Some(stats.selected() as f64)),
            gauge("listed", "Whether DNS lists this node", listed),
            counters("dials", "Dials of the discovery, by purpose and outcome", dials),
            counters("events", "Events, by name", events),
            Family {
                samples: status.collect(),
                ..gauge("status", "1 for the status that holds", None)
            },
            gauge(
                "first_verified_seconds",
                "From the start to the first verified peer",
                first_verified,
            ),
        ]
    }
}

type Labels = Vec<(&'static str, String)>;

/// Samples under one name.
struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricType,
    samples: Vec<(Labels, f64)>,
}

impl Family {
    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(self.name, self.help, None, self.kind)?;
        self.samples.iter().try_for_each(|(labels, value)| match &labels[..] {
            [] => self.encode_value(&mut metric, *value),
            _ => self.encode_value(&mut metric.encode_family(labels)?, *value),
        })
    }

    fn encode_value(&self, metric: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
        match self.kind {
            MetricType::Counter => {
                metric.encode_counter::<NoLabelSet, u64, u64>(&(value as u64), None)
            }
            _ => metric.encode_gauge(&value),
        }
    }
}

fn counters(
    name: &'static str,
    help: &'static str,
    samples: impl IntoIterator<Item = (Labels, f64)>,
) -> Family {
    Family { name, help, kind: MetricType::Counter, samples: samples.into_iter().collect() }
}

/// One value without labels, if there is one.
fn gauge(name: &'static str, help: &'static str, value: Option<f64>) -> Family {
    let samples = value.into_iter().map(|value| (Labels::new(), value)).collect();
    Family { name, help, kind: MetricType::Gauge, samples }
}

fn labels<const N: usize>(labels: [(&'static str, &str); N]) -> Labels {
    labels.into_iter().map(|(key, value)| (key, value.to_owned())).collect()
}

#[cfg(test)]
mod tests;
