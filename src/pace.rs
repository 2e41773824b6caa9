//! Durations that are set, and pauses after failures.

use std::time::Duration;

/// Keeps a duration between a millisecond, below which a timer is a busy loop, and a year, beyond
/// which instants may overflow.
pub(crate) fn sane(duration: Duration) -> Duration {
    duration.clamp(Duration::from_millis(1), Duration::from_secs(365 * 24 * 3600))
}

/// `base` doubled for every failure after the first, at most `cap`, of which half is random.
pub(crate) fn back_off(
    base: Duration,
    cap: Duration,
    failures: u32,
    rng: &mut fastrand::Rng,
) -> Duration {
    let doublings = failures.saturating_sub(1).min(30);
    base.saturating_mul(1 << doublings).min(cap).mul_f64(0.5 + rng.f64() * 0.5)
}
