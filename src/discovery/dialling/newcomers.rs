//! Asks for dials to addresses that DNS newly names, while the cluster is small.

use web_time::Instant;

use super::scene::{Ask, Scene};
use crate::{
    candidate::{Candidate, Family},
    discovery::{dial::Purpose, view::View},
    pace::jitter,
};

/// If DNS names no more other addresses of a family than these, newcomers are looked at, so that every node
/// soon knows every other one. Kademlia keeps as many peers in a bucket, so its table holds all of them.
const FEW: usize = 20;
/// How many newcomers are looked at in an interval of the island repair: one a second by default.
const IN_AN_INTERVAL: u32 = 60;
/// After more failures in a row than this, an address is no newcomer any more. The pauses between these tries
/// add up to half a minute, in which a pod that DNS named before it listened can start.
const TRIES: u32 = 5;

/// When the next newcomer is looked at.
#[derive(Debug, Default)]
pub(super) struct Newcomers(Option<Instant>);

impl Newcomers {
    /// Asks for probes of the addresses at which nobody was verified yet, one after the other, wherever they
    /// stand in the order. Otherwise a new node would be known to the nodes that it connects to, and to the
    /// others only by the island repair. `is_busy` says that the last such probe is under way: however many
    /// addresses are silent, they take one slot.
    pub(super) fn next(
        &mut self,
        scene: &Scene<'_>,
        is_joined: bool,
        is_busy: bool,
        has_route: impl Fn(Family) -> bool,
        rng: &mut fastrand::Rng,
    ) -> Ask {
        let is_wanted = scene.view.config.limits.hinted > 0 && scene.may_probe();
        let may_look = is_joined && !is_busy && is_wanted;
        let all: Vec<_> =
            may_look.then(|| newcomers(scene, has_route)).into_iter().flatten().collect();
        let Some(soonest) = all.iter().map(|(_, at)| *at).min() else {
            self.0 = None;
            return Ask::Nothing(None);
        };
        let pause = jitter(scene.view.config.repair_interval / IN_AN_INTERVAL, rng);
        let at = soonest.max(*self.0.get_or_insert(scene.now() + pause));
        let due: Vec<_> = all.iter().filter(|(_, at)| *at <= scene.now()).collect();
        match rng.choice(due) {
            Some((candidate, _)) if at <= scene.now() => {
                scene.ask_for_probe((*candidate).clone(), Purpose::Hint)
            }
            _ => Ask::Nothing(Some(at)),
        }
    }

    /// The dial that was asked for has started.
    pub(super) fn started(&mut self) {
        self.0 = None;
    }
}

/// The newcomers, and from when on each of them may be tried.
fn newcomers<'a>(
    scene: &Scene<'a>,
    has_route: impl Fn(Family) -> bool,
) -> impl Iterator<Item = (&'a Candidate, Instant)> {
    let View { order, own, ledger, now, .. } = *scene.view;
    // A zone can name any number of addresses that are taken for ours.
    let most = |family| FEW + own.len_in(family).min(FEW);
    let is_small = move |family: &Family| order.family(*family).len() <= most(*family);
    let scene = *scene;
    let families = Family::ALL.into_iter().filter(is_small).filter(move |f| has_route(*f));
    let all = families.flat_map(move |family| order.family(family).iter());
    all.filter(move |candidate| is_newcomer(&scene, candidate))
        .map(move |c| (c, ledger.failed(c).map_or(now, |failed| failed.retry_at)))
}

fn is_newcomer(scene: &Scene<'_>, candidate: &Candidate) -> bool {
    let View { own, ledger, .. } = *scene.view;
    candidate.pinned().is_none()
        && !own.is_own(candidate)
        && ledger.entry(candidate).is_none()
        && ledger.failures(candidate) <= TRIES
        && scene.dials.of(candidate).is_none()
        && scene.has_room_at_host(candidate)
        && scene.has_turn(candidate)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::{
        super::{
            budget::Quota,
            testing::{Stage, wish},
        },
        *,
    };
    use crate::{
        Config,
        discovery::testing::{World, c, peer, pinned, secs, v6},
    };

    /// What happens to one of three, and what that is called.
    type Change = (&'static str, fn(&mut Stage));

    /// A stage of so many, of whom the first takes a place.
    fn stage(count: u16) -> Stage {
        let mut stage = Stage::new(World::of(count));
        stage.select(&c(0), peer(100));
        stage.world.verify_all([0]);
        stage
    }

    fn ask(newcomers: &mut Newcomers, stage: &Stage, is_joined: bool) -> Ask {
        let mut rng = fastrand::Rng::with_seed(1);
        stage.ask(|scene| newcomers.next(scene, is_joined, false, |_| true, &mut rng))
    }

    /// Those that are looked at, if there is time enough.
    fn seen(stage: &Stage, has_route: impl Fn(Family) -> bool) -> Vec<Candidate> {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut look = || {
            let mut due = Newcomers(Some(stage.world.now));
            match stage.ask(|scene| due.next(scene, true, false, &has_route, &mut rng)) {
                Ask::Dial(wish) => Some(wish.candidate),
                _ => None,
            }
        };
        let seen: BTreeSet<_> = (0..200).filter_map(|_| look()).collect();
        seen.into_iter().collect()
    }

    fn pause(asked: &Ask, stage: &Stage) -> Option<Duration> {
        match asked {
            Ask::Nothing(at) => at.map(|at| at - stage.world.now),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_in_a_second_is_looked_at_by_a_probe_of_the_quota_for_hints() {
        let (mut newcomers, mut stage) = (Newcomers::default(), stage(3));
        let first = pause(&ask(&mut newcomers, &stage, true), &stage).expect("a look");
        assert!((Duration::from_millis(750)..Duration::from_millis(1_250)).contains(&first));
        stage.world.pass(first);
        let wish = wish(ask(&mut newcomers, &stage, true));
        assert_ne!(wish.candidate, c(0));
        assert_eq!((wish.quota, wish.is_probe), (Quota::Hint, true));
        newcomers.started();
        assert!(
            pause(&ask(&mut newcomers, &stage, true), &stage) >= Some(Duration::from_millis(750))
        );
        stage.world.verify_all([1, 2]);
        assert_eq!(pause(&ask(&mut newcomers, &stage, true), &stage), None, "all are known");
    }

    #[test]
    fn nobody_is_looked_at_while_we_are_not_joined_or_look_already_or_probes_are_not_wanted() {
        let (mut due, mut stage) = (Newcomers(Some(stage(3).world.now)), stage(3));
        assert_eq!(pause(&ask(&mut due, &stage, false), &stage), None);
        let mut rng = fastrand::Rng::with_seed(1);
        let asked = stage.ask(|scene| due.next(scene, true, true, |_| true, &mut rng));
        assert_eq!(pause(&asked, &stage), None);
        assert_ne!(seen(&stage, |_| true), []);
        stage.world.config = Config::new().with_identify(crate::Identify::Dial);
        assert_eq!(seen(&stage, |_| true), []);
    }

    #[test]
    fn only_a_small_cluster_has_newcomers_and_we_do_not_count() {
        let mut all = stage(21);
        assert_eq!(seen(&all, |_| true), []);
        all.world.listen(&c(5));
        assert_eq!(seen(&all, |_| true).len(), 19, "and one is known");
        all.world.config = Config::new().map_limits(|limits| limits.with_hinted(0));
        assert_eq!(seen(&all, |_| true), [], "hints are switched off");
    }

    #[test]
    fn one_that_does_not_listen_yet_is_tried_again_and_then_is_no_newcomer() {
        let mut stage = stage(2);
        for _ in 0..=TRIES {
            let at = pause(&ask(&mut Newcomers::default(), &stage, true), &stage).expect("a look");
            stage.world.pass(at.max(secs(1)));
            assert_eq!(seen(&stage, |_| true), [c(1)]);
            stage.world.fail(&c(1));
            let wait = pause(&ask(&mut Newcomers(Some(stage.world.now)), &stage, true), &stage);
            assert!(wait.is_none_or(|wait| wait >= Duration::from_millis(500)), "{wait:?}");
            stage.world.pass(secs(301));
        }
        assert_eq!(seen(&stage, |_| true), []);
    }

    #[test]
    fn those_are_left_alone_that_are_known_or_ours_or_out_of_reach() {
        let changes: [Change; 4] = [
            ("it is known", |stage| stage.world.verify_all([2])),
            ("it is ours", |stage| stage.world.listen(&c(2))),
            ("it is dialled", |stage| _ = stage.probe(&c(2))),
            ("its host was probed", |stage| (0..4).for_each(|_| stage.hosts.note(&c(2)))),
        ];
        assert_eq!(seen(&stage(3), |_| true), [c(1), c(2)]);
        for (what, change) in changes {
            let mut stage = stage(3);
            change(&mut stage);
            assert_eq!(seen(&stage, |_| true), [c(1)], "{what}");
        }
        let others = Stage::new(World::with(&[c(1), v6(1), pinned(2, peer(2))]));
        assert_eq!(seen(&others, |family| family == Family::V6), [v6(1)], "a pin is no newcomer");
    }
}
