//! How many dials may run side by side: fewer while this node is late in handling those that it has begun.

use std::{num::NonZeroUsize, time::Duration};

use web_time::Instant;

/// By how much a wake-up must be late to tell that we do not keep up. A handshake takes some ten turns
/// of the processor, each of which is as late: two of these make a time-out of ten seconds.
const LATE: Duration = Duration::from_millis(500);
/// In what time one dial more may run at once, if we were not later than that.
const STEP: Duration = Duration::from_secs(1);
/// In what time it is one more at the latest: a machine may have slept for hours.
const LONGEST_STEP: Duration = Duration::from_secs(10);

/// A node that wakes late lacks processor time. Every handshake that runs beside the others makes all of them
/// slower, until they time out and have to be made again. So a wake-up that is half a second late halves the
/// number of dials that may run side by side, one that is a second late divides it by three, one and a half
/// seconds by four, and so on; one dial is always allowed. Then one more dial may run each time that as much
/// time has passed as the wake-up was late (1 to 10 s), until the next late wake-up.
///
/// No remote can cause this: however many addresses are silent or slow, we wake in time.
#[derive(Debug)]
pub(super) struct Congestion {
    most: NonZeroUsize,
    cut: Option<Cut>,
}

/// What followed from the last late wake-up that counted.
#[derive(Debug, Clone, Copy)]
struct Cut {
    at: Instant,
    /// How many dials could run at once then.
    left: NonZeroUsize,
    /// In what time it is one more.
    step: Duration,
}

impl Congestion {
    /// At most so many dials run at once.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        Self { most, cut: None }
    }

    /// We woke so much later than we meant to. What comes of one lack of processor time within a second
    /// counts once.
    pub(super) fn note(&mut self, late: Duration, now: Instant) {
        let is_new = self.cut.is_none_or(|cut| cut.at + STEP <= now);
        if late < LATE || !is_new {
            return;
        }
        let times = 1 + late.div_duration_f64(LATE) as usize;
        let left = NonZeroUsize::new(self.at_once(now).get() / times).unwrap_or(NonZeroUsize::MIN);
        self.cut = Some(Cut { at: now, left, step: late.clamp(STEP, LONGEST_STEP) });
    }

    /// How many dials may run at once.
    pub(super) fn at_once(&self, now: Instant) -> NonZeroUsize {
        let left = self.cut.map(|cut| cut.left.saturating_add(cut.steps(now) as usize));
        left.unwrap_or(self.most).min(self.most)
    }

    /// When one more may run, if that is fewer than usual.
    pub(super) fn more_at(&self, now: Instant) -> Option<Instant> {
        let cut = self.cut.filter(|_| self.at_once(now) < self.most)?;
        Some(cut.at + cut.step * (cut.steps(now) + 1))
    }
}

impl Cut {
    /// How many more may run at once than then.
    fn steps(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.at).div_duration_f64(self.step) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{epoch, nz, secs};

    fn sixteen() -> (Congestion, Instant) {
        (Congestion::new(nz(16)), epoch())
    }

    #[test]
    fn in_time_all_may_run_at_once() {
        let (mut congestion, now) = sixteen();
        congestion.note(LATE - Duration::from_millis(1), now);
        assert_eq!(congestion.at_once(now).get(), 16);
        assert_eq!(congestion.more_at(now), None);
    }

    #[test]
    fn as_many_times_fewer_run_as_we_are_late_and_as_much_later_it_is_one_more() {
        let (mut congestion, now) = sixteen();
        congestion.note(7 * LATE, now);
        let at_once = [0, 3, 4, 7].map(|s| congestion.at_once(now + secs(s)).get());
        assert_eq!(at_once, [2, 2, 3, 4]);
        let (mut congestion, now) = sixteen();
        congestion.note(secs(3_600), now);
        assert_eq!([0, 150].map(|s| congestion.at_once(now + secs(s)).get()), [1, 16]);
    }

    #[test]
    fn half_as_many_run_after_each_second_in_which_we_are_late_and_one_at_least() {
        let (mut congestion, mut now) = sixteen();
        let mut at_once = Vec::new();
        for _ in 0..6 {
            congestion.note(LATE, now);
            congestion.note(9 * LATE, now + STEP / 2);
            at_once.push(congestion.at_once(now).get());
            now += STEP;
        }
        assert_eq!(at_once, [8, 4, 2, 1, 1, 1]);
    }

    #[test]
    fn one_more_runs_with_every_second_without_a_late_wake_up() {
        let (mut congestion, now) = sixteen();
        congestion.note(LATE, now);
        let at_once = [0, 1, 7, 8, 9, 999].map(|s| congestion.at_once(now + secs(s)).get());
        assert_eq!(at_once, [8, 9, 15, 16, 16, 16]);
    }

    #[test]
    fn it_is_told_when_one_more_may_start() {
        let (mut congestion, now) = sixteen();
        congestion.note(LATE, now);
        assert_eq!(congestion.more_at(now), Some(now + secs(1)));
        assert_eq!(congestion.more_at(now + LATE * 3), Some(now + secs(2)));
        assert_eq!(congestion.more_at(now + secs(8)), None);
    }
}
