//! When a source is looked up again.

use std::time::Duration;

use crate::{config::Config, pace::back_off};

/// How often in a row a name must be said not to exist before we believe to be the first.
pub(super) const NOTHINGS: u32 = 3;

/// A hundredth of a second for each record of an answer.
pub(super) fn by_size(records: usize) -> Duration {
    Duration::from_millis(10) * u32::try_from(records).unwrap_or(u32::MAX)
}

/// When to look up again.
#[derive(Debug)]
pub(super) struct Schedule;

impl Schedule {
    /// The least time between two look-ups that so many records answer.
    pub(super) fn least(config: &Config, records: usize) -> Duration {
        by_size(records).max(config.min_refresh)
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
            // At the maximum, the jitter makes the look-up earlier instead of later, or all nodes would ask
            // together.
            config.max_refresh.mul_f64(1.0 - jitter).max(least.min(config.max_refresh.mul_f64(0.8)))
        }
    }

    /// After "there is nothing": at the negative TTL, within the same bounds. Once this was said often enough
    /// to be believed, with back-off up to a minute by default.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::secs;

    #[test]
    fn an_answer_is_asked_for_again_at_its_ttl_within_the_bounds() {
        let config = Config::new();
        let after = |ttl, records| Schedule::after_answer(&config, secs(ttl), records, 0.0);
        assert_eq!(after(30, 1), secs(30));
        assert_eq!(after(0, 1), secs(5), "not sooner than the minimum");
        assert_eq!(after(30, 4_000), secs(40), "not sooner than its records allow");
        assert!(after(9_999, 1) <= secs(300));
    }

    #[test]
    fn nodes_are_spread_over_a_fifth_of_the_ttl_and_never_beyond_the_maximum() {
        let config = Config::new();
        for jitter in [0.0, 0.3, 0.9] {
            let after = Schedule::after_answer(&config, secs(30), 1, jitter);
            assert_eq!(after, secs(30).mul_f64(1.0 + jitter * 0.2));
            let longest = Schedule::after_answer(&config, secs(3_600), 1, jitter);
            assert!((secs(240)..=secs(300)).contains(&longest), "{longest:?}");
        }
    }

    #[test]
    fn failures_back_off_up_to_a_fifth_of_the_maximum() {
        let (config, mut rng) = (Config::new(), fastrand::Rng::with_seed(1));
        for failures in 1..40 {
            let after = Schedule::after_failure(&config, failures, &mut rng);
            let longest = secs(1 << failures.min(6)).min(secs(60));
            assert!((longest / 4..=longest).contains(&after), "{failures}: {after:?}");
        }
    }

    #[test]
    fn nothing_is_asked_again_at_its_ttl_until_it_is_believed() {
        let (config, mut rng) = (Config::new(), fastrand::Rng::with_seed(1));
        for failures in 1..=NOTHINGS {
            let after = Schedule::after_nothing(&config, None, failures, &mut rng);
            assert!((secs(5)..=secs(6)).contains(&after), "{after:?}");
        }
        let after = Schedule::after_nothing(&config, None, 9, &mut rng);
        assert!((secs(30)..=secs(60)).contains(&after), "{after:?}");
    }
}
