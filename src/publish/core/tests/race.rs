//! A name that several publishers fill up at the same time: each found room for itself alone.

use super::*;

/// The most that a message holds: no answer carries a name with more.
const MOST: usize = 65_535;

/// Publishers of one name.
struct Race {
    zone: Vec<TXT>,
    worlds: Vec<World>,
}

impl Race {
    /// So many publishers that begin at once, at a name with room for so many bytes.
    fn new(publishers: u64, room: usize) -> Self {
        let other = PeerId::random();
        let mut zone: Vec<_> =
            (0..1_000).map(|port| named(&format!("/ip4/10.0.0.9/tcp/{port}"), &other)).collect();
        while bytes(&zone) > MOST - room {
            zone.pop();
        }
        let start = |seed| {
            let mut world = World::seeded(config(), seed);
            world.latency = Duration::from_millis(100);
            world.listen(u16::try_from(seed).unwrap());
            world
        };
        Self { zone, worlds: (1..=publishers).map(start).collect() }
    }

    fn run(&mut self, step: Duration, time: Duration) {
        for _ in 0..time.as_millis() / step.as_millis() {
            for world in &mut self.worlds {
                world.full = bytes(&self.zone) > MOST;
                std::mem::swap(&mut world.zone, &mut self.zone);
                world.run(step);
                std::mem::swap(&mut world.zone, &mut self.zone);
            }
        }
    }

    fn named(&self) -> usize {
        let is_named = |(port, world): (u16, &World)| self.zone.contains(&world.record(port));
        (1..).zip(&self.worlds).filter(|world| is_named(*world)).count()
    }

    fn is_readable(&self) -> bool {
        bytes(&self.zone) <= MOST
    }
}

fn bytes(zone: &[TXT]) -> usize {
    zone.iter().map(record::size).sum()
}

/// Fails on the code that waits for room which nobody makes: there, the name stays as it is for ever.
#[test]
fn what_filled_the_name_up_is_taken_back() {
    let mut race = Race::new(30, 2_000);
    race.run(Duration::from_millis(50), S(5));
    assert_eq!((race.named(), race.is_readable()), (30, false));
    race.run(S(1), S(3_600));
    assert!(race.is_readable());
    let most = 2_000 / record::size(&race.worlds[0].record(1)) + 1;
    assert!((1..=most).contains(&race.named()), "{} of {most}", race.named());
    let seen = race.worlds.iter().filter(|world| !world.core.published().is_empty()).count();
    assert_eq!(seen, race.named(), "each knows whether it is published");
    race.worlds.iter_mut().for_each(|world| world.updates.clear());
    race.run(S(10), S(24 * 3_600));
    let updates: usize = race.worlds.iter().map(|world| world.updates.len()).sum();
    assert_eq!((race.is_readable(), updates), (true, 0), "it stays so");
}

#[test]
fn a_start_at_a_full_name_changes_nothing() {
    let mut world = World::new(config());
    world.full = true;
    world.listen(1);
    world.run(S(3_600));
    assert!(world.updates.is_empty());
}

#[test]
fn what_a_read_has_shown_stays_although_others_fill_the_name_up() {
    let mut world = World::published();
    // The next read shows it.
    world.run(S(661));
    world.full = true;
    world.run(S(3_600));
    assert_eq!((world.zone.len(), world.updates.len()), (1, 0));
    assert_eq!(world.core.published().len(), 1);
}

/// A server that fails once at the first look after an update has a bad moment, and is not full.
#[test]
fn what_was_added_stays_where_the_server_fails_once() {
    let mut world = World::published();
    world.fails = Some(UpdateError::Server { code: hickory_proto::op::ResponseCode::ServFail });
    while !world.told().iter().any(|told| told.starts_with("failed 1")) {
        world.run(S(1));
    }
    world.fails = None;
    world.run(S(600));
    assert_eq!((world.zone.len(), world.updates.len()), (1, 0));
}

#[test]
fn what_cannot_be_taken_back_is_tried_again() {
    let mut world = World::published();
    world.full = true;
    world.run(S(661));
    let tried = world.updates.len();
    assert_eq!(tried, 1);
    assert!(world.zone.is_empty() && world.core.published().is_empty());
    let mut world = World::published();
    world.fails = Some(UpdateError::Full { owner: String::new() });
    world.run(S(1_500));
    assert_eq!(world.zone.len(), 1);
    let tried = world.updates.len();
    assert!(tried > 1);
    world.withdraw();
    world.fails = None;
    world.run(S(10));
    assert!(world.zone.is_empty());
}
