//! When a source is looked up again, and when a candidate is tried again.

use std::time::Duration;

use super::sources::NOTHINGS;
use crate::{config::Config, pace::back_off};

/// When to look up again.
#[derive(Debug)]
pub(super) struct Schedule;

impl Schedule {
    /// The least time between two look-ups that so many records answer.
    pub(super) fn least(config: &Config, records: usize) -> Duration {
        let by_size = Duration::from_millis(10) * u32::try_from(records).unwrap_or(u32::MAX);
        by_size.max(config.min_refresh)
    }

    /// After an answer: at its TTL, but at least the configured minimum and a hundredth of a second
    /// for each record, and at most the configured maximum; later by up to a fifth, so that nodes
    /// that started together do not ask together.
    pub(super) fn after_answer(
        config: &Config,
        ttl: Duration,
        records: usize,
        jitter: f64,
    ) -> Duration {
        let least = ttl.max(Self::least(config, records)).min(config.max_refresh);
        let jitter = jitter * 0.2;
        if least.mul_f64(1.2) <= config.max_refresh {
            least.mul_f64(1.0 + jitter)
        } else {
            // At the maximum, nodes would meet again if it were not earlier instead.
            config.max_refresh.mul_f64(1.0 - jitter).max(least.min(config.max_refresh.mul_f64(0.8)))
        }
    }

    /// After nothing: at its negative TTL, within the same bounds; and, when that was said often
    /// enough to be believed, with back-off up to a minute by default.
    pub(super) fn after_nothing(
        config: &Config,
        ttl: Option<Duration>,
        failures: u32,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        let by_ttl = Self::after_answer(config, ttl.unwrap_or_default(), 0, rng.f64());
        let doublings = failures.saturating_sub(NOTHINGS).saturating_add(1);
        by_ttl.max(back_off(config.min_refresh, config.max_refresh / 5, doublings, rng))
    }

    /// After a failure: doubling from one second, between half and the whole of it at random.
    pub(super) fn after_failure(
        config: &Config,
        failures: u32,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        back_off(Duration::from_secs(1), config.max_refresh / 5, failures, rng)
    }
}
