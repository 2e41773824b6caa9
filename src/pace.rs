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

/// About a duration: a share of it, at most `by`, less or more at random, so that what began together
/// does not go on together.
pub(crate) fn about(around: Duration, by: f64, rng: &mut fastrand::Rng) -> Duration {
    around.mul_f64(1.0 - by + rng.f64() * 2.0 * by)
}

/// About a duration: three to five quarters of it.
pub(crate) fn jitter(around: Duration, rng: &mut fastrand::Rng) -> Duration {
    about(around, 0.25, rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_duration_is_neither_a_busy_loop_nor_past_all_instants() {
        assert_eq!(sane(Duration::ZERO), Duration::from_millis(1));
        assert_eq!(sane(7 * SECOND), 7 * SECOND);
        assert!(crate::shell::now().checked_add(sane(Duration::MAX)).is_some());
    }

    #[test]
    fn a_pause_doubles_up_to_the_cap_and_half_of_it_is_random() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (failures, most) in
            [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (u32::MAX, 300)]
        {
            let most = most * SECOND;
            let pauses = [(); 99].map(|()| back_off(SECOND, 300 * SECOND, failures, &mut rng));
            assert!(pauses.iter().all(|pause| (most / 2..=most).contains(pause)), "{pauses:?}");
            let (least, longest) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
            assert!(*longest - *least > most / 4, "{least:?} to {longest:?}");
        }
        let pause = back_off(Duration::MAX / 2, Duration::MAX / 2, u32::MAX, &mut rng);
        assert!(pause >= Duration::MAX / 5, "it does not overflow: {pause:?}");
    }

    #[test]
    fn about_is_a_share_less_or_more() {
        let mut rng = fastrand::Rng::with_seed(1);
        let found = [(); 99].map(|()| about(100 * SECOND, 0.1, &mut rng));
        assert!(found.iter().all(|found| (90 * SECOND..=110 * SECOND).contains(found)));
        assert!(found.iter().any(|found| *found < 95 * SECOND));
        assert!(found.iter().any(|found| *found > 105 * SECOND));
    }
}
