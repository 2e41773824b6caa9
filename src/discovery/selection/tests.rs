use super::*;
use crate::{
    config::Config,
    discovery::testing::{World, all, c, number, nz, peer, secs, v6},
};

/// The selection, and all that it reads.
struct Room {
    selecting: Selecting,
    world: World,
    rng: fastrand::Rng,
}

impl Room {
    fn new(selection: Selection, n: u16) -> Self {
        let (world, rng) = (World::of(n), fastrand::Rng::with_seed(1));
        Self { selecting: Selecting::new(selection), world, rng }
    }

    fn update(&mut self) -> (bool, Vec<Effect>) {
        let mut effects = Effects::default();
        let changed = self.selecting.update(&self.world.view(), &mut self.rng, &mut effects);
        (changed, all(effects))
    }

    /// Updates, and returns after how many seconds which candidates are to be verified.
    fn rechecks(&mut self) -> Vec<(u16, u64)> {
        let (_, effects) = self.update();
        let recheck = |effect| match effect {
            Effect::Recheck { candidate, at } => {
                Some((number(&candidate), (at - self.world.now).as_secs()))
            }
            Effect::Regard(_) => None,
            other => panic!("{other:?}"),
        };
        effects.into_iter().filter_map(recheck).collect()
    }

    fn selected(&mut self) -> Vec<u16> {
        self.update();
        self.selecting.selected().keys().map(number).collect()
    }

    /// Whether the plan was made anew.
    fn replans(&mut self) -> bool {
        let before = self.plan().clone();
        self.update();
        !std::sync::Arc::ptr_eq(&before, self.plan())
    }

    fn plan(&self) -> &std::sync::Arc<Plan> {
        self.selecting.plans().of(Family::V4)
    }

    fn ranges(&self) -> Vec<(usize, usize)> {
        self.plan().ranges.iter().flatten().map(|range| (range.start, range.end)).collect()
    }

    fn interval(&self) -> Duration {
        self.selecting.interval(&self.world.order, &self.world.config)
    }
}

/// What happens to a room, and what that is called.
type Change = (&'static str, fn(&mut Room));

fn lowest(n: usize) -> Selection {
    Selection::Lowest(nz(n))
}

#[test]
fn the_lowest_verified_take_the_places_and_better_ones_are_looked_for_below_them() {
    let mut room = Room::new(lowest(3), 9);
    room.update();
    assert_eq!((room.plan().is_free, room.plan().at_once), (true, 3));
    room.world.verify_all([8, 6]);
    assert_eq!(room.selected(), [6, 8]);
    assert_eq!((room.plan().is_free, room.plan().at_once), (true, 1));
    assert_eq!(room.ranges(), [(0, 9)]);
    room.world.verify_all([4, 2]);
    assert_eq!(room.selected(), [2, 4, 6]);
    assert_eq!((room.plan().is_free, room.plan().at_once), (false, 1));
    assert_eq!(room.ranges(), [(0, 6)]);
}

#[test]
fn nobody_is_looked_for_when_the_very_lowest_have_the_places() {
    let mut room = Room::new(lowest(1), 9);
    room.world.verify_all([0, 1]);
    assert_eq!(room.selected(), [0]);
    assert!(room.plan().ranges.is_empty());
}

#[test]
fn one_peer_takes_one_place_however_many_addresses_name_it() {
    let mut room = Room::new(lowest(2), 9);
    for n in [1, 2] {
        room.world.verify(&c(n), peer(1));
    }
    room.world.verify(&c(5), peer(5));
    assert_eq!(room.selected(), [1, 5]);
}

#[test]
fn a_disqualified_peer_takes_no_place_until_its_time_has_come() {
    let mut room = Room::new(lowest(1), 9);
    room.world.verify_all([1, 2]);
    room.world.disqualify(peer(1), secs(30));
    assert_eq!(room.selected(), [2]);
    room.world.pass(secs(30));
    let now = room.world.now;
    room.world.ledger.follow_peers(room.world.disqualified.changed(now));
    assert_eq!(room.selected(), [1]);
}

#[test]
fn each_family_has_places_of_its_own() {
    let mut room = Room::new(lowest(1), 0);
    room.world.name(&[&[c(1), c(2), v6(1), v6(2)]], &[]);
    for (n, candidate) in [c(1), c(2), v6(1), v6(2)].iter().enumerate() {
        room.world.verify(candidate, peer(n as u64 + 1));
    }
    room.update();
    assert_eq!(room.selecting.selected().keys().collect::<Vec<_>>(), [&c(1), &v6(1)]);
}

#[test]
fn all_selects_whoever_is_verified_and_has_a_free_place_always() {
    let mut room = Room::new(Selection::All, 9);
    room.world.verify_all(1..9);
    assert_eq!(room.selected(), Vec::from_iter(1..9));
    assert!(room.plan().is_free);
}

#[test]
fn auto_is_three_lowest_up_to_the_limit_and_fingers_past_it() {
    for (n, selected) in [(8, vec![0, 1, 2]), (9, vec![0, 1, 3, 7])] {
        let mut room = Room::new(Selection::Auto, n);
        room.world.config = Config::new().with_auto_limit(nz(8));
        room.world.verify_all(0..n);
        assert_eq!(room.selected(), selected, "of {n}");
    }
}

#[test]
fn the_plans_are_not_made_anew_when_nothing_changed() {
    let mut room = Room::new(lowest(2), 9);
    room.world.verify_all([1]);
    assert!(room.replans());
    room.world.pass(secs(3600));
    assert!(!room.replans(), "time alone changes nothing");
    room.world.verify_all([1]);
    room.world.fail(&c(5));
    room.world.connect(1, &c(1));
    assert!(!room.replans(), "no other peer is verified");
}

#[test]
fn the_plans_are_made_anew_when_anything_changed_that_they_follow_from() {
    let changes: [Change; 5] = [
        ("an entry", |room| room.world.verify_all([2])),
        ("the order", |room| room.world.name(&[&[c(1), c(2)]], &[])),
        ("an address of ours", |room| room.world.listen(&c(3))),
        ("who is passed over", |room| room.world.disqualify(peer(1), secs(9))),
        ("the selection", |room| room.selecting.set(Selection::All)),
    ];
    for (what, change) in changes {
        let mut room = Room::new(lowest(2), 9);
        room.world.verify_all([1]);
        room.update();
        change(&mut room);
        assert!(room.replans(), "{what}");
        assert!(!room.replans(), "{what}, once");
    }
}

#[test]
fn a_newly_selected_peer_is_verified_at_once_and_a_displaced_one_far_later() {
    let mut room = Room::new(lowest(2), 9);
    room.world.verify_all([5, 7]);
    assert_eq!(room.rechecks(), [(5, 0), (7, 0)]);
    room.world.verify_all([3]);
    let rechecks = room.rechecks();
    let &[(3, 0), (7, later)] = &rechecks[..] else { panic!("{rechecks:?}") };
    assert!((450..750).contains(&later), "about ten intervals: {later} s");
}

#[test]
fn another_peer_at_a_selected_candidate_is_verified_at_once() {
    let mut room = Room::new(lowest(2), 9);
    room.world.verify_all([5, 7]);
    room.update();
    room.world.verify(&c(5), peer(50));
    assert_eq!(room.rechecks(), [(5, 0)]);
    assert_eq!(room.selecting.selected()[&c(5)], peer(50));
}

#[test]
fn a_newly_selected_peer_that_is_connected_has_an_interval() {
    let mut room = Room::new(lowest(2), 9);
    room.world.verify_all([5, 7]);
    room.world.connect(5, &c(5));
    room.world.connect(7, &c(8));
    let rechecks = room.rechecks();
    let &[(5, here), (7, elsewhere)] = &rechecks[..] else { panic!("{rechecks:?}") };
    assert!((45..75).contains(&here), "{here} s");
    assert!((450..750).contains(&elsewhere), "{elsewhere} s");
}

#[test]
fn an_update_says_whether_other_peers_take_the_places() {
    let mut room = Room::new(lowest(1), 9);
    assert!(!room.update().0);
    room.world.verify_all([2]);
    assert!(room.update().0);
    room.world.verify_all([5]);
    assert!(!room.update().0, "a higher one takes none");
    room.world.verify(&c(2), peer(20));
    assert!(room.update().0);
}

#[test]
fn the_interval_grows_with_a_cluster_whose_lowest_everybody_selects() {
    let cases = [
        (lowest(3), 1_200, 60),
        (lowest(3), 2_000, 100),
        (Selection::Auto, 2_000, 60),
        (Selection::Fingers, 2_000, 60),
        (Selection::All, 2_000, 60),
    ];
    for (selection, n, seconds) in cases {
        let room = Room::new(selection, n);
        assert_eq!(room.interval(), secs(seconds), "{selection} of {n}");
    }
    let mut room = Room::new(lowest(3), 0);
    room.world.name(&[&[c(1)], &(0..2_000).map(v6).collect::<Vec<_>>()], &[]);
    assert_eq!(room.interval(), secs(100), "the largest family counts");
}

#[test]
fn the_lowest_are_missed_last_or_those_nearest_to_the_targets_of_fingers() {
    let mut room = Room::new(lowest(3), 8);
    room.world.listen(&c(0));
    let list: Vec<_> = (0..8).map(c).collect();
    let rank = |room: &Room| room.selecting.rank(&list, 8, &room.world.own, &room.world.config);
    assert_eq!(rank(&room), [0, 1, 2, 3, 4, 5, 6, 7]);
    room.selecting.set(Selection::Fingers);
    assert_eq!(rank(&room), [0, 1, 2, 4, 3, 5, 6, 7]);
    room.selecting.set(Selection::Auto);
    for (named, third) in [(64, 3), (65, 4)] {
        let rank = room.selecting.rank(&list, named, &room.world.own, &room.world.config);
        assert_eq!(rank[3], third, "{named}, of whom others are left out");
    }
}
