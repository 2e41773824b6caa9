use hickory_proto::rr::{Name, RData, Record};

use super::*;
use crate::discovery::testing::{epoch, secs};

mod recalls;
mod repeats;

const DNS: &str = "/dns4/peers.example./tcp/4001";

/// The lowest first.
fn by_order(family: &[Candidate], _named: usize) -> Vec<usize> {
    (0..family.len()).collect()
}

/// The names alone, with what the others would know of candidates.
struct World {
    names: Names,
    config: Config,
    rng: fastrand::Rng,
    now: Instant,
    known: Liveness,
    ours: Vec<Candidate>,
}

impl World {
    fn new(sources: &[&str]) -> Self {
        Self::at(sources, epoch())
    }

    fn at(sources: &[&str], now: Instant) -> Self {
        let mut names = Names::default();
        for source in sources {
            assert!(names.add(source.parse().expect("a source"), now));
        }
        let (config, rng) = (Config::new(), fastrand::Rng::with_seed(1));
        Self { names, config, rng, now, known: Liveness::default(), ours: Vec::new() }
    }

    fn poll(&mut self) -> Vec<Effect> {
        let mut effects = Effects::default();
        let known = self.known;
        self.names.poll(&mut Context {
            config: &self.config,
            now: self.now,
            is_ours: &|candidate| self.ours.contains(candidate),
            ours: self.ours.len() as u64,
            has_others: false,
            liveness: &|_| known,
            rank: &by_order,
            rng: &mut self.rng,
            effects: &mut effects,
        });
        std::iter::from_fn(|| effects.pop()).collect()
    }

    /// Polls, answers every look-up by these addresses, and polls again.
    fn answer(&mut self, ips: &[u8]) -> Vec<Effect> {
        self.reply(&answer(ips))
    }

    /// Polls, answers every look-up, and polls again.
    fn reply(&mut self, answer: &Answer) -> Vec<Effect> {
        for effect in self.poll() {
            if let Effect::Output(Output::Lookup { id, .. }) = effect {
                assert!(self.names.handle_lookup(id, Ok(answer.clone())));
            }
        }
        self.poll()
    }

    fn next(&self) -> Instant {
        self.names.next_timeout(&self.config).expect("a next refresh")
    }
}

fn answer(ips: &[u8]) -> Answer {
    let name = Name::from_ascii("peers.example.").expect("a name");
    let record = |n: &u8| {
        let ip = std::net::Ipv4Addr::new(10, 0, 0, *n);
        Record::from_rdata(name.clone(), 30, RData::A(ip.into()))
    };
    Answer::new(name.clone(), ips.iter().map(record).collect())
}

fn count(effects: &[Effect], which: impl Fn(&Event) -> bool) -> usize {
    let is = |effect: &&Effect| matches!(effect, Effect::Output(Output::Event(e)) if which(e));
    effects.iter().filter(is).count()
}

fn resolved(event: &Event) -> bool {
    matches!(event, Event::Resolved { .. })
}

#[test]
fn an_answer_is_announced_when_it_changes_and_asked_for_again_at_its_ttl() {
    let mut world = World::new(&[DNS]);
    let before = world.names.version();
    assert_eq!(count(&world.answer(&[1, 2]), resolved), 1);
    let version = world.names.version();
    assert_ne!(version, before);
    world.now = world.next();
    assert_eq!(count(&world.answer(&[2, 1]), resolved), 0, "the same, shuffled");
    assert_eq!(world.names.version(), version);
    assert!((secs(30)..=secs(36)).contains(&(world.next() - world.now)));
}

/// To make the candidates of a large answer and to merge them in one call would hold the swarm's task.
#[test]
fn a_large_answer_is_made_in_one_call_and_taken_in_the_next() {
    let mut world = World::new(&[DNS]);
    let mut all = answer(&[1]);
    let record = |n: u32| {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n);
        Record::from_rdata(all.name.clone(), 30, RData::A(ip.into()))
    };
    all.records = (0..refresh::AT_ONCE as u32).map(record).collect();
    assert_eq!(count(&world.reply(&all), resolved), 0);
    world.names.force(world.now);
    let effects = world.poll();
    assert_eq!(count(&effects, resolved), 1);
    let asks = |effects: &[Effect]| {
        effects.iter().any(|e| matches!(e, Effect::Output(Output::Lookup { .. })))
    };
    assert!(!asks(&effects) && asks(&world.poll()), "it is asked again once the answer is taken");
}

/// Pods that start together are named one after another. Fails without `StartUp::end`.
#[test]
fn the_first_answer_that_names_others_is_looked_at_once_more() {
    let mut world = World::new(&[DNS]);
    for pause in [secs(5), secs(30), secs(30)] {
        world.answer(&[1, 2]);
        let next = world.next() - world.now;
        assert!((pause..=pause.mul_f64(1.2)).contains(&next), "{next:?}");
        world.now = world.next();
    }
}

/// A thousand nodes that name each other would hold three lists each of what all of them name.
#[test]
fn members_and_what_is_announced_and_held_are_one_list_until_an_answer_says_otherwise() {
    let mut world = World::new(&[DNS]);
    let source = DNS.parse().expect("a source");
    let list = |world: &mut World| {
        let announced = world.names.announced(&source).cloned().expect("an answer");
        let (held, lists) = world.names.allot(&world.config, &by_order);
        assert!(Arc::ptr_eq(&held, &announced) && Arc::ptr_eq(&lists[0], &announced));
        let members = world.names.all().map(|source| source.members().list());
        assert!(members.into_iter().all(|members| Arc::ptr_eq(members, &announced)));
        announced
    };
    world.answer(&[1, 2, 3]);
    let before = list(&mut world);
    for (ips, is_same) in [(&[3, 1, 2][..], true), (&[1, 3], true), (&[4, 1, 3], false)] {
        world.now = world.next();
        world.answer(ips);
        assert_eq!(Arc::ptr_eq(&list(&mut world), &before), is_same, "{ips:?}");
    }
}

#[test]
fn a_failure_keeps_what_is_known_and_says_so() {
    let mut world = World::new(&[DNS]);
    world.answer(&[1, 2]);
    world.now = world.next();
    for effect in world.poll() {
        if let Effect::Output(Output::Lookup { id, .. }) = effect {
            world.names.handle_lookup(id, Err(LookupError::TimedOut));
        }
    }
    let effects = world.poll();
    assert_eq!(count(&effects, |e| matches!(e, Event::LookupFailed { .. })), 1);
    assert_eq!(world.names.allot(&world.config, &by_order).0.len(), 2);
}

#[test]
fn a_lookup_that_was_not_asked_for_is_nothing() {
    let mut world = World::new(&[DNS]);
    world.poll();
    assert!(!world.names.handle_lookup(LookupId(77), Err(LookupError::TimedOut)));
}

#[test]
fn a_selected_peer_that_an_answer_leaves_out_is_verified_at_once() {
    let mut world = World::new(&[DNS]);
    world.known = Liveness { verified: Some(world.now), selected: true, ..Liveness::default() };
    world.answer(&[1, 2]);
    world.now = world.next();
    let effects = world.answer(&[1]);
    let rechecks = effects.iter().filter(|e| matches!(e, Effect::Recheck { .. })).count();
    assert_eq!(rechecks, 1);
}

#[test]
fn a_source_that_is_removed_takes_its_look_ups_along() {
    let mut world = World::new(&[DNS]);
    world.poll();
    let source = DNS.parse().expect("a source");
    assert_eq!(world.names.remove(&source).map(|ids| ids.len()), Some(1));
    assert_eq!(world.names.remove(&source), None);
}

/// Else each of two transports would wait for the other to fail.
#[test]
fn the_first_source_that_names_a_candidate_says_which_transport_goes_first() {
    let quic_first = "/dns4/peers.example./udp/1/quic-v1|/tcp/1";
    let tcp_first = "/dns4/peers.example./tcp/1|/udp/1/quic-v1";
    for (sources, first) in [([quic_first, tcp_first], "udp"), ([tcp_first, quic_first], "tcp")] {
        let mut world = World::new(&sources);
        world.answer(&[1]);
        let groups: Vec<_> = world.names.transports().collect();
        assert_eq!(groups.len(), 2, "each candidate once");
        assert!(groups.iter().all(|(_, group)| group[0].to_string().contains(first)));
    }
}

/// The first source names QUIC before TCP, and its own bound cuts QUIC; the second one has them the
/// other way round. Each would wait for the other for ever.
#[test]
fn a_transport_that_is_cut_is_decided_about_by_the_source_that_still_names_it() {
    let quic_first = "/dns4/peers.example./udp/1/quic-v1|/tcp/1";
    let tcp_first = "/dns4/peers.example./tcp/1|/udp/1/quic-v1";
    let mut world = World::new(&[quic_first, tcp_first]);
    world.config.limits.candidates = std::num::NonZeroUsize::new(1).expect("one");
    world.answer(&[1]);
    world.config.limits.candidates = std::num::NonZeroUsize::new(9).expect("nine");
    world.now = world.next() + secs(9);
    world.names.remove(&tcp_first.parse().expect("a source"));
    assert!(world.names.add(tcp_first.parse().expect("a source"), world.now));
    for effect in world.poll() {
        if let Effect::Output(Output::Lookup { id, .. }) = effect {
            // The refresh of the first source fails, so that it stays as it is.
            let _ = world.names.handle_lookup(id, Err(LookupError::TimedOut));
        }
    }
    let waits: Vec<_> = world.names.transports().filter(|(_, group)| group.len() > 1).collect();
    let first = |c: &Candidate| waits.iter().find(|(of, _)| *of == c).map(|(_, group)| &group[0]);
    for (candidate, group) in &waits {
        let better = &group[0];
        assert!(better == *candidate || first(better).is_none_or(|first| first == better));
    }
}

#[test]
fn what_is_past_the_bound_is_told_when_it_begins_and_when_it_ends() {
    let mut world = World::new(&[DNS, "/ip4/10.0.0.9/tcp/1"]);
    world.config.limits.candidates = std::num::NonZeroUsize::new(2).expect("two");
    world.answer(&[1, 2]);
    let mut effects = Effects::default();
    let (held, _) = world.names.allot(&world.config, &by_order);
    assert_eq!(held.len(), 2);
    for _ in 0..2 {
        world.names.announce_cut(held.len(), &mut effects);
    }
    let told = std::iter::from_fn(|| effects.pop()).count();
    assert_eq!((told, world.names.is_cut()), (1, true));
    world.names.remove(&DNS.parse().expect("a source"));
    world.names.allot(&world.config, &by_order);
    world.names.announce_cut(1, &mut effects);
    assert!(!world.names.is_cut());
}

/// Half of the pods of a deployment would join 30 s late, at the TTL of an answer that names nobody
/// else yet. Fails without `next_look`.
#[test]
fn an_answer_that_names_only_us_is_asked_for_again_at_the_start_up_pace() {
    let mut world = World::new(&[DNS]);
    world.ours = vec![Candidate::new(&"/ip4/10.0.0.1/tcp/4001".parse().expect("valid"))];
    let start = world.now;
    for looks in 1..=4 {
        world.answer(&[1]);
        assert!(world.next() - start < secs(2 * looks), "{looks}");
        world.now = world.next();
    }
    world.answer(&[1, 2]);
    assert!(world.next() - world.now >= secs(5), "somebody to try");
}
