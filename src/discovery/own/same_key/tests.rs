use super::*;
use crate::discovery::testing::epoch;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn c(n: u16) -> Candidate {
    Candidate::new(&format!("/ip4/10.0.0.1/tcp/{n}").parse().expect("an address"))
}

/// The looks at one node's addresses, on a virtual clock.
struct Looks {
    same_key: SameKey,
    now: Instant,
    rng: fastrand::Rng,
}

impl Looks {
    fn new() -> Self {
        let rng = fastrand::Rng::with_seed(1);
        Self { same_key: SameKey::default(), now: epoch(), rng }
    }

    /// A dial of 10 ms meets us; somebody dials us so long after its start.
    fn meet(&mut self, candidate: &Candidate, arrival: Option<u64>) -> bool {
        let started = self.now;
        let arrival = arrival.map(|after| started + millis(after));
        self.now += millis(10);
        let mut ours = false;
        if let Some(at) = arrival.filter(|at| *at <= self.now) {
            ours |= self.same_key.arrive(at, &mut self.rng).is_some_and(|ours| !ours.is_empty());
        }
        ours |= self.same_key.meet(candidate, started, self.now, &mut self.rng);
        if let Some(at) = arrival.filter(|at| *at > self.now) {
            self.now = at;
            ours |= self.same_key.arrive(at, &mut self.rng).is_some_and(|ours| !ours.is_empty());
        }
        ours
    }

    /// The next twin, when all that may arrive has arrived.
    fn twin(&mut self) -> Option<Candidate> {
        self.now += LATENESS;
        self.same_key.next_twin(self.now, &mut self.rng)
    }

    fn wait_for_look(&mut self) -> Candidate {
        let (at, candidate) = self.same_key.next_look().expect("a look");
        let candidate = candidate.clone();
        assert!(at > self.now && at <= self.now + PAUSE * 6);
        self.now = at;
        candidate
    }
}

#[test]
fn two_looks_at_which_nobody_arrives_tell() {
    let mut looks = Looks::new();
    looks.meet(&c(1), None);
    assert!(looks.same_key.is_in_doubt());
    assert_eq!(looks.twin(), None);
    assert!(looks.same_key.is_in_doubt() && !looks.same_key.has_twin());
    assert_eq!(looks.wait_for_look(), c(1));
    looks.meet(&c(1), None);
    assert_eq!(looks.same_key.next_twin(looks.now, &mut looks.rng), None, "one may still arrive");
    assert_eq!(looks.same_key.next_timeout(), Some(looks.now + LATENESS));
    assert_eq!(looks.twin(), Some(c(1)));
    assert!(looks.same_key.is_twin(&c(1)) && !looks.same_key.is_in_doubt());
    assert_eq!(looks.same_key.next_look(), None);
}

#[test]
fn whoever_arrives_from_the_start_to_a_second_after_the_end_may_be_ourselves() {
    for (after, counts) in [(0, false), (10, false), (1_010, false), (1_011, true)] {
        let mut looks = Looks::new();
        looks.meet(&c(1), Some(after));
        let doubt = looks.twin().is_none() && looks.same_key.met[&c(1)].alone > 0;
        assert_eq!(doubt, counts, "after {after} ms");
    }
    // Before the start, it was somebody else.
    let mut looks = Looks::new();
    looks.same_key.arrive(looks.now, &mut looks.rng);
    looks.now += millis(1);
    looks.meet(&c(1), None);
    assert!(looks.twin().is_none() && looks.same_key.is_in_doubt());
}

#[test]
fn a_look_at_which_somebody_arrived_by_chance_delays_and_excuses_nobody() {
    let mut looks = Looks::new();
    for arrival in [Some(5), None, Some(5), Some(400)] {
        looks.meet(&c(1), arrival);
        assert_eq!(looks.twin(), None);
        looks.wait_for_look();
    }
    looks.meet(&c(1), None);
    assert_eq!(looks.twin(), Some(c(1)));
}

#[test]
fn an_address_of_ours_is_looked_at_a_few_times_and_then_left_alone() {
    let mut looks = Looks::new();
    for _ in 1..ENOUGH_OURS {
        assert!(!looks.meet(&c(1), Some(1)) && !looks.same_key.is_in_doubt());
        looks.wait_for_look();
    }
    looks.meet(&c(1), Some(1));
    assert_eq!(looks.same_key.next_look(), None);
    looks.now += millis(600_000);
    looks.meet(&c(1), Some(1));
    assert_eq!((looks.same_key.next_look(), looks.same_key.next_timeout()), (None, None));
}

#[test]
fn a_twin_stays_one_until_it_is_forgotten_or_somebody_arrives_again_and_again() {
    let mut looks = Looks::new();
    let twin = |looks: &mut Looks| {
        looks.meet(&c(1), None);
        looks.twin();
        looks.meet(&c(1), None);
        assert_eq!(looks.twin(), Some(c(1)));
    };
    twin(&mut looks);
    looks.meet(&c(1), None);
    assert_eq!(looks.twin(), None, "it is known");
    for _ in 1..ENOUGH_OURS_AFTER_ALL {
        assert!(!looks.meet(&c(1), Some(1)) && looks.same_key.is_twin(&c(1)));
    }
    assert_eq!(looks.same_key.next_look(), None, "it has a back-off of its own");
    assert!(looks.meet(&c(1), Some(1)), "it is ourselves");
    assert!(!looks.same_key.has_twin());
    twin(&mut looks);
    looks.same_key.forget(&c(1));
    assert!(!looks.same_key.has_twin());
}

#[test]
fn looks_that_meet_nobody_end() {
    let mut looks = Looks::new();
    looks.meet(&c(1), None);
    looks.twin();
    for _ in 0..ENOUGH_IN_VAIN {
        let (at, _) = looks.same_key.next_look().expect("another look");
        looks.now = at;
        looks.same_key.looked(&c(1), millis(10_000), at, &mut looks.rng);
        assert!(looks.same_key.is_in_doubt());
    }
    let (at, _) = looks.same_key.next_look().expect("the last");
    looks.same_key.looked(&c(1), millis(10_000), at, &mut looks.rng);
    assert!(looks.same_key.next_look().is_none() && !looks.same_key.is_in_doubt());
}

#[test]
fn a_few_are_looked_at_at_once() {
    let mut looks = Looks::new();
    for n in 0..100 {
        looks.meet(&c(n), None);
    }
    assert_eq!(looks.same_key.awaiting.len(), MOST);
    // One that is told already is known all the same.
    let mut looks = Looks::new();
    looks.meet(&c(1), Some(1));
    for n in 2..100 {
        looks.meet(&c(n), Some(1));
    }
    assert_eq!(looks.same_key.due.len(), MOST);
    looks.meet(&c(1), None);
    assert!(looks.same_key.is_in_doubt());
}
