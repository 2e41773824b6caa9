//! How many dials there may be at once and in a minute, and how the purposes of dials share them.
//!
//! Slots (dials at once) and tokens (dials that may start) are shared by one rule: a purpose may take
//! whatever is free, except the part that the other purposes keep for themselves.

use std::{num::NonZeroUsize, time::Duration};

use web_time::Instant;

/// What the dials of one quota are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quota {
    /// To fill a place.
    Place,
    /// To verify an entry, or to look again where our own identity answered.
    Check,
    /// To hear what a peer speaks that has proved its identity.
    Introduction,
    /// To meet a peer outside the selection.
    Repair,
    /// To find out whether a connected peer lives where it seems to. Remotes can ask for these.
    Hint,
}

impl Quota {
    const ALL: [Self; 5] = [Self::Place, Self::Check, Self::Introduction, Self::Repair, Self::Hint];

    /// How many sixteenths of all slots, and of all tokens, are for this quota.
    fn sixteenths(self) -> f64 {
        match self {
            Self::Place => 8.0,
            Self::Check => 4.0,
            Self::Introduction => 2.0,
            Self::Repair | Self::Hint => 1.0,
        }
    }
}

/// One number for each quota.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct PerQuota([f64; Quota::ALL.len()]);

impl PerQuota {
    pub(super) fn of(&self, quota: Quota) -> f64 {
        self.0[quota as usize]
    }

    pub(super) fn add(&mut self, quota: Quota, number: f64) {
        self.0[quota as usize] += number;
    }

    pub(super) fn sum(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// Whether a dial may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// Only when one of those under way has ended.
    Full,
    /// Not before this instant.
    Until(Instant),
}

/// What a purpose may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What its own quota has.
    Own,
    /// Also what the other quotas do not use, except the part that they keep.
    Borrowed,
}

/// How much there is of what the quotas share: slots, or tokens.
#[derive(Debug, Clone, Copy)]
struct Shared(f64);

impl Shared {
    /// Whether there is less than one for each purpose. Then no purpose keeps any, and they take turns.
    fn is_scarce(self) -> bool {
        self.0 < Quota::ALL.len() as f64
    }

    /// What a purpose may use before it borrows.
    fn quota(self, quota: Quota) -> f64 {
        (self.0 * quota.sixteenths() / 16.0).max(1.0)
    }

    /// What a purpose never lends: the last quarter of its quota, one at least.
    fn kept(self, quota: Quota) -> f64 {
        if self.is_scarce() { 0.0 } else { (self.quota(quota) / 4.0).max(1.0) }
    }

    /// What the others keep of it and do not use.
    fn kept_from(self, quota: Quota, used: &PerQuota) -> f64 {
        let others = Quota::ALL.into_iter().filter(|other| *other != quota);
        others.map(|other| (self.kept(other) - used.of(other)).max(0.0)).sum()
    }

    /// Whether one more is within what a purpose may reach by its own quota.
    fn is_within(self, quota: Quota, used: &PerQuota, reach: Reach) -> bool {
        reach == Reach::Borrowed
            || self.is_scarce()
            || used.of(quota) + 1.0 <= self.quota(quota) + SLACK
    }
}

/// A tolerance for rounding errors of numbers that are added up and decay.
const SLACK: f64 = 1e-6;

/// The slots: how many dials there may be at once.
#[derive(Debug)]
pub(super) struct Slots(Shared);

impl Slots {
    pub(super) fn new(all: NonZeroUsize) -> Self {
        Self(Shared(all.get() as f64))
    }

    /// How many there are.
    pub(super) fn all(&self) -> f64 {
        self.0.0
    }

    pub(super) fn is_scarce(&self) -> bool {
        self.0.is_scarce()
    }

    /// Whether one of them is free for a purpose.
    pub(super) fn is_free(&self, quota: Quota, used: &PerQuota, reach: Reach) -> bool {
        let free = self.0.0 - used.sum() - self.0.kept_from(quota, used);
        free >= 1.0 && self.0.is_within(quota, used, reach)
    }

    /// How many a purpose may have while the others have none.
    pub(super) fn most(&self, quota: Quota) -> f64 {
        (self.0.0 - self.0.kept_from(quota, &PerQuota::default())).floor()
    }

    /// How many a purpose never lends.
    pub(super) fn kept(&self, quota: Quota) -> f64 {
        self.0.kept(quota).floor()
    }
}

/// The tokens: a token bucket that lets at most `per_minute` dials start in any minute.
///
/// A full bucket holds a sixth of `per_minute`, and dials may take all of these in one moment. The other five
/// sixths flow in evenly over each minute. So a full bucket and a minute's inflow are together no more than
/// `per_minute`.
#[derive(Debug)]
pub(super) struct Tokens {
    capacity: Shared,
    per_second: f64,
    left: f64,
    /// What each purpose has taken, less its share of what has flowed in since.
    used: PerQuota,
    filled: Instant,
}

impl Tokens {
    pub(super) fn new(per_minute: NonZeroUsize, now: Instant) -> Self {
        let per_minute = per_minute.get() as f64;
        let capacity = (per_minute / 6.0).max(1.0);
        let per_second = (per_minute - capacity).max(1.0) / 60.0;
        let (left, used) = (capacity, PerQuota::default());
        Self { capacity: Shared(capacity), per_second, left, used, filled: now }
    }

    pub(super) fn is_scarce(&self) -> bool {
        self.capacity.is_scarce()
    }

    /// Whether there is a token for a purpose.
    pub(super) fn room(&mut self, quota: Quota, reach: Reach, now: Instant) -> Room {
        self.fill(now);
        if !self.capacity.is_within(quota, &self.used, reach) {
            return Room::Full;
        }
        let lacking = 1.0 + self.capacity.kept_from(quota, &self.used) - self.left;
        if lacking <= SLACK {
            return Room::Free;
        }
        // Rounded up, or the wake-up would come a hair too early and find no token.
        let wait = lacking / self.inflow(quota) + 0.001;
        Room::Until(self.filled + Duration::from_secs_f64(wait))
    }

    pub(super) fn take(&mut self, quota: Quota) {
        self.left -= 1.0;
        self.used.add(quota, 1.0);
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + elapsed * self.per_second).min(self.capacity.0);
        for quota in Quota::ALL {
            let share = elapsed * self.share(quota);
            self.used.0[quota as usize] = (self.used.of(quota) - share).max(0.0);
        }
        self.filled = self.filled.max(now);
    }

    /// How many tokens flow in for a purpose in a second.
    fn share(&self, quota: Quota) -> f64 {
        self.per_second * quota.sixteenths() / 16.0
    }

    /// How many tokens flow in for a purpose in a second, including those that other purposes have no use
    /// for. A purpose that has taken tokens lately first gets back what it keeps.
    fn inflow(&self, quota: Quota) -> f64 {
        if self.is_scarce() {
            return self.per_second;
        }
        let others = Quota::ALL.into_iter().filter(|o| *o != quota && self.used.of(*o) > 0.0);
        self.per_second - others.map(|other| self.share(other)).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{epoch, nz, secs};

    /// How many slots each purpose takes, in this order, of so many.
    fn taken<const N: usize>(all: usize, order: [Quota; N], reach: Reach) -> [usize; N] {
        let (slots, mut used) = (Slots::new(nz(all)), PerQuota::default());
        order.map(|quota| {
            let mut taken = 0;
            while slots.is_free(quota, &used, reach) {
                used.add(quota, 1.0);
                taken += 1;
            }
            taken
        })
    }

    use Quota::{Check, Hint, Introduction, Place, Repair};

    #[test]
    fn each_purpose_has_its_quota() {
        let order = [Hint, Repair, Introduction, Check, Place];
        assert_eq!(taken(16, order, Reach::Own), [1, 1, 2, 4, 8]);
        assert_eq!(taken(64, order, Reach::Own), [4, 4, 8, 16, 32]);
    }

    #[test]
    fn what_is_idle_is_borrowed_but_for_the_last_quarter_of_each_quota() {
        let order = [Hint, Place, Check, Introduction, Repair];
        assert_eq!(taken(16, order, Reach::Borrowed), [11, 2, 1, 1, 1]);
        let order = [Place, Hint, Check, Introduction, Repair];
        assert_eq!(taken(16, order, Reach::Borrowed), [12, 1, 1, 1, 1]);
        assert_eq!(taken(64, order, Reach::Borrowed), [64 - 8, 1, 4, 2, 1]);
        assert_eq!(taken(5, order, Reach::Borrowed), [1; 5]);
    }

    #[test]
    fn with_fewer_slots_than_purposes_nobody_keeps_any() {
        for (quota, all) in [(Place, 1), (Hint, 4)] {
            assert_eq!(taken(all, [quota, Check], Reach::Own), [all, 0]);
            assert!(Slots::new(nz(all)).is_scarce());
        }
        assert!(!Slots::new(nz(5)).is_scarce());
    }

    /// How many tokens each purpose gets in a minute if all of them want more than there are, in
    /// this order.
    fn in_a_minute<const N: usize>(per_minute: usize, order: [Quota; N]) -> [usize; N] {
        let (start, mut now) = (epoch(), epoch());
        let mut tokens = Tokens::new(nz(per_minute), now);
        let mut taken = [0; N];
        while now <= start + secs(60) {
            let mut wake = None;
            for reach in [Reach::Own, Reach::Borrowed] {
                for (quota, taken) in order.into_iter().zip(&mut taken) {
                    while tokens.room(quota, reach, now) == Room::Free {
                        tokens.take(quota);
                        *taken += 1;
                    }
                    if let Room::Until(at) = tokens.room(quota, reach, now) {
                        wake = [wake, Some(at)].into_iter().flatten().min();
                    }
                }
            }
            now = wake.expect("more is wanted");
        }
        taken
    }

    #[test]
    fn a_minute_has_no_more_dials_than_the_budget_whoever_asks() {
        for per_minute in [1, 12, 60, 600] {
            for quota in Quota::ALL {
                let [taken] = in_a_minute(per_minute, [quota]);
                let kept = Shared(per_minute as f64 / 6.0).kept_from(quota, &PerQuota::default());
                let least = per_minute as f64 * 0.95 - 2.0 - kept;
                assert!(taken <= per_minute && taken as f64 >= least, "{quota:?}: {taken}");
            }
        }
    }

    #[test]
    fn what_a_remote_asks_for_leaves_the_others_their_quotas() {
        let [hints, places] = in_a_minute(600, [Hint, Place]);
        assert!(hints + places <= 600 && places >= 270, "{hints} {places}");
        let all = [Hint, Repair, Introduction, Check, Place];
        let taken = in_a_minute(600, all);
        for (quota, taken) in all.into_iter().zip(taken) {
            let least = 0.9 * 600.0 * quota.sixteenths() / 16.0;
            assert!(taken as f64 >= least, "{quota:?}: {taken} of {least}");
        }
    }

    #[test]
    fn a_purpose_that_asks_late_finds_what_it_keeps() {
        let now = epoch();
        let mut tokens = Tokens::new(nz(600), now);
        while tokens.room(Place, Reach::Borrowed, now) == Room::Free {
            tokens.take(Place);
        }
        for quota in [Check, Introduction, Repair, Hint] {
            assert_eq!(tokens.room(quota, Reach::Own, now), Room::Free);
            tokens.take(quota);
        }
    }
}
