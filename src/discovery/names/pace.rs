//! How soon a name is looked up again while its answers name no address to try, and after the first one that
//! does.

use std::{mem, time::Duration};

use web_time::Instant;

use super::schedule::by_size;
use crate::pace::jitter;

/// For how long such a name is asked again and again: pods appear within seconds of one another.
const EAGER: Duration = Duration::from_secs(30);
/// How often the first pause is doubled meanwhile: up to 2 s by default.
const DOUBLINGS: u32 = 2;
/// An answer with this many records is asked for at its TTL, even if it names no address to try: then nearly
/// all of its addresses are rejected.
const MOST_RECORDS: usize = 64;

/// The start-up pace of one source: how soon it is looked up again while no other node is known and the last
/// answer names no address to try. The answer's TTL is not waited for then, since the DNS of a cluster has
/// newer answers before that.
#[derive(Debug, Default)]
pub(super) struct StartUp {
    /// Since when answers name no address to try, and the pause that came last.
    running: Option<(Instant, Duration)>,
    /// Whether the last answer named an address to try.
    has_met: bool,
}

impl StartUp {
    /// The pause until the next look, after a look that names an address to try, or while another node is
    /// known. The first answer that names an address is looked at once more after the `least` pause: pods
    /// that start together are named one after another, and the first answer may lack the last of them.
    pub(super) fn end(&mut self, records: usize, usual: Duration, least: Duration) -> Duration {
        self.running = None;
        let is_first = records > 0 && !mem::replace(&mut self.has_met, true);
        if is_first && records < MOST_RECORDS { least.min(usual) } else { usual }
    }

    /// The pause until the next look, after a look that names no address to try. `changed` says that it is
    /// another answer than the last one: then the pace begins again. `usual` is the pause that its TTL
    /// asks for, and is not exceeded.
    pub(super) fn next(
        &mut self,
        changed: bool,
        records: usize,
        usual: Duration,
        first: Duration,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        self.has_met = false;
        if records >= MOST_RECORDS {
            self.running = None;
            return usual;
        }
        let (since, pause) = match self.running.filter(|_| !changed) {
            None => (now, first),
            Some((since, last)) if now.saturating_duration_since(since) < EAGER => {
                (since, last.saturating_mul(2).min(first.saturating_mul(1 << DOUBLINGS)))
            }
            Some((since, last)) => (since, last.saturating_mul(2)),
        };
        // The usual pace goes on from here, which is some minutes at the most.
        self.running = Some((since, pause.min(usual)));
        if pause >= usual {
            return usual;
        }
        jitter(pause, rng).max(by_size(records)).min(usual)
    }
}

/// Tells a look from a repetition of the last one.
#[derive(Debug, Default)]
pub(super) struct Looks(Option<(Instant, Duration, u64)>);

impl Looks {
    /// Whether a reply is a look of its own. A reply from a cache is the same look as the one before: it
    /// says the same, and its TTL fell by the time that passed. TTLs are whole seconds. `sum` differs if the
    /// reply says something else.
    pub(super) fn is_new(&mut self, ttl: Option<Duration>, sum: u64, now: Instant) -> bool {
        let Some(ttl) = ttl else { return true };
        let is_new = self.0.is_none_or(|(at, before, sum_before)| {
            let passed = now.saturating_duration_since(at);
            let is_cached = ttl <= before && ttl + passed <= before + Duration::from_secs(1);
            sum != sum_before || !is_cached
        });
        if is_new {
            self.0 = Some((now, ttl, sum));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::testing::{epoch, secs};

    const FIRST: Duration = Duration::from_millis(500);

    struct World {
        start_up: StartUp,
        now: Instant,
        rng: fastrand::Rng,
    }

    impl World {
        fn new() -> Self {
            let rng = fastrand::Rng::with_seed(1);
            Self { start_up: StartUp::default(), now: epoch(), rng }
        }

        /// Waits for the next look; returns for how long.
        fn wait(&mut self, changed: bool, records: usize) -> Duration {
            let pause =
                self.start_up.next(changed, records, secs(30), FIRST, self.now, &mut self.rng);
            self.now += pause;
            pause
        }
    }

    fn is_about(pause: Duration, wanted: Duration) -> bool {
        (wanted.mul_f64(0.75)..=wanted.mul_f64(1.25)).contains(&pause)
    }

    #[test]
    fn half_a_second_one_and_two_for_half_a_minute_then_doubling_up_to_the_usual() {
        let mut world = World::new();
        let start = world.now;
        assert!(is_about(world.wait(false, 1), FIRST));
        assert!(is_about(world.wait(false, 1), secs(1)));
        while world.now - start < EAGER {
            assert!(is_about(world.wait(false, 1), secs(2)));
        }
        for seconds in [4, 8, 16] {
            assert!(is_about(world.wait(false, 1), secs(seconds)));
        }
        for _ in 0..100 {
            assert_eq!(world.wait(false, 1), secs(30), "the usual, which is random by itself");
        }
    }

    #[test]
    fn another_answer_begins_it_again() {
        let mut world = World::new();
        for _ in 0..40 {
            world.wait(false, 1);
        }
        assert!(is_about(world.wait(true, 1), FIRST));
        assert!(is_about(world.wait(false, 1), secs(1)));
        world.start_up.end(2, secs(30), secs(5));
        assert!(is_about(world.wait(false, 1), FIRST));
    }

    #[test]
    fn the_first_answer_that_names_an_address_is_looked_at_once_more() {
        let mut world = World::new();
        let end = |world: &mut World, records| world.start_up.end(records, secs(30), secs(5));
        assert_eq!(end(&mut world, 0), secs(30), "nothing was named yet");
        assert_eq!(end(&mut world, 2), secs(5));
        assert_eq!(end(&mut world, 3), secs(30));
        world.wait(true, 1);
        assert_eq!(world.start_up.end(2, secs(3), secs(5)), secs(3), "never later than usual");
        world.wait(true, 1);
        assert_eq!(world.start_up.end(64, secs(30), secs(5)), secs(30), "a large answer");
    }

    #[test]
    fn large_answers_are_asked_for_at_their_ttl() {
        let mut world = World::new();
        assert!(world.wait(false, 63) >= Duration::from_millis(630));
        assert_eq!(world.wait(false, 64), secs(30));
    }

    #[test]
    fn a_reply_from_a_cache_is_the_same_look() {
        let (mut looks, now) = (Looks::default(), epoch());
        let mut at = |seconds, ttl| looks.is_new(Some(secs(ttl)), 0, now + secs(seconds));
        assert!(at(0, 30));
        assert!(!at(0, 30) && !at(5, 25) && !at(29, 1));
        assert!(at(30, 30) && !at(40, 20), "the cache has asked again");
        assert!(looks.is_new(Some(secs(10)), 1, now + secs(50)), "it says something else");
    }

    #[test]
    fn replies_with_a_constant_ttl_are_looks_of_their_own() {
        let (mut looks, now) = (Looks::default(), epoch());
        for second in 0..9 {
            assert!(looks.is_new(Some(secs(30)), 0, now + secs(2 * second)));
        }
        assert!(looks.is_new(None, 0, now) && looks.is_new(None, 0, now), "no TTL says nothing");
    }
}
