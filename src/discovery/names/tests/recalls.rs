//! A source that recalls what the last refresh was answered does all that one does which reads every answer.

use std::mem;

use hickory_proto::rr::{
    RecordType,
    rdata::{CNAME, SRV, TXT},
};
use proptest::prelude::*;

use super::*;
use crate::resolver::{Proof, Query};

const SOURCES: [&str; 6] = [
    "srv:_p2p._tcp.peers.example.",
    "/dns/peers.example./tcp/1",
    "/dnsaddr/peers.example.",
    "srv:_p2p._tcp.peers.example.?sampled",
    "/dns/peers.example./tcp/1?secure",
    "/dnsaddr/peers.example./tcp/1",
];

/// What a name server has, and how it fares.
#[derive(Debug, Clone)]
struct Zone {
    hosts: Vec<u8>,
    /// The hosts whose addresses come along with SRV records.
    glued: Vec<u8>,
    /// The hosts that have an IPv6 address, too.
    dual: Vec<u8>,
    ttl: u32,
    complete: bool,
    /// What ends otherwise than by an answer, and how.
    fails: Option<(RecordType, LookupError)>,
    /// Whether a record of another name comes along.
    has_stranger: bool,
    /// The hosts that the last of the nested `dnsaddr` names leads to.
    nested: Vec<u8>,
    /// How many of these names there are, each within the one before. The third leads back to the first.
    depth: u8,
    /// Whether addresses are behind a CNAME record: 1 along with it, 2 in another answer.
    aliased: u8,
    /// Whether an answer without records says that there is nothing.
    is_blank: bool,
    proof: Option<Proof>,
    /// The host that has no address.
    lost: u8,
    provisional: bool,
}

fn zone() -> impl Strategy<Value = Zone> {
    let hosts = || prop::collection::btree_set(1..5_u8, 0..4).prop_map(Vec::from_iter);
    let error = prop::sample::select(vec![
        LookupError::Refused,
        LookupError::TimedOut,
        LookupError::no_data(None),
        LookupError::nx_domain(Some(secs(5))),
    ]);
    let of_type = prop::sample::select(vec![
        RecordType::A,
        RecordType::AAAA,
        RecordType::SRV,
        RecordType::TXT,
    ]);
    let fails = prop::option::weighted(0.2, (of_type, error));
    let ttl = prop::sample::select(vec![5_u32, 30]);
    let rare = || prop::bool::weighted(0.1);
    let aliased = prop_oneof![6 => Just(0), 1 => Just(1_u8), 1 => Just(2)];
    let proof = prop_oneof![
        4 => Just(Some(Proof::Secure)), 1 => Just(None), 1 => Just(Some(Proof::Insecure))
    ];
    let lost = prop_oneof![4 => Just(0_u8), 1 => 1..5_u8];
    let more = (hosts(), 0..5_u8, aliased, rare(), proof, lost, rare());
    (hosts(), hosts(), hosts(), ttl, rare(), fails, rare(), more).prop_map(
        |(hosts, glued, dual, ttl, is_part, fails, has_stranger, more)| {
            let complete = !is_part;
            let (nested, depth, aliased, is_blank, proof, lost, provisional) = more;
            Zone {
                hosts,
                glued,
                dual,
                ttl,
                complete,
                fails,
                has_stranger,
                nested,
                depth,
                aliased,
                is_blank,
                proof,
                lost,
                provisional,
            }
        },
    )
}

impl Zone {
    /// The reply to a question. `age` is for how long a cache has had it, and `turned` whether the records come
    /// in another order.
    fn reply(&self, query: &Query, age: u32, turned: bool) -> Result<Answer, LookupError> {
        if let Some((_, error)) = self.fails.as_ref().filter(|(of, _)| *of == query.record_type) {
            return Err(error.clone());
        }
        let ttl = self.ttl - age % self.ttl;
        let record = |owner: &Name, data| Record::from_rdata(owner.clone(), ttl, data);
        let pod = |n: u8| Name::from_ascii(format!("pod-{n}.peers.example.")).expect("a name");
        let v4 = |n: u8| RData::A(std::net::Ipv4Addr::new(10, 0, 0, n).into());
        let v6 =
            |n: u8| RData::AAAA(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n.into()).into());
        let srv = |n: u8| RData::SRV(SRV::new(0, 0, 1, pod(n)));
        let txt = |n: u8| {
            let value = match self.glued.contains(&n) {
                true => format!("dnsaddr=/ip4/10.0.0.{n}/tcp/1"),
                false => format!("dnsaddr=/dns4/pod-{n}.peers.example./tcp/1"),
            };
            RData::TXT(TXT::new(vec![value]))
        };
        let label =
            |at: usize| query.name.iter().nth(at).map(|l| String::from_utf8_lossy(l).into_owned());
        let label = |at| label(at).unwrap_or_default();
        let number = |text: &str, prefix: &str| -> Option<u8> {
            text.strip_prefix(prefix).map(|n| n.parse().expect("a number"))
        };
        // The number of a pod, if the question is for its addresses; and of a nested name.
        let pod_asked = number(&label(0), "pod-");
        let nested = number(&label(1), "sub-");
        let is_alias = label(0) == "alias" || label(1) == "alias";
        let named: Vec<u8> = match (pod_asked, nested) {
            (Some(number), _) => [number].into_iter().filter(|n| *n != self.lost).collect(),
            (_, Some(at)) if at < self.depth => Vec::new(),
            (_, Some(_)) => self.nested.clone(),
            _ => self.hosts.clone(),
        };
        let is_dual = |n: &&u8| self.dual.contains(*n);
        let mut records: Vec<_> = match query.record_type {
            RecordType::A => named.iter().map(|n| record(&query.name, v4(*n))).collect(),
            RecordType::AAAA => {
                named.iter().filter(is_dual).map(|n| record(&query.name, v6(*n))).collect()
            }
            RecordType::SRV => named.iter().map(|n| record(&query.name, srv(*n))).collect(),
            _ => named.iter().map(|n| record(&query.name, txt(*n))).collect(),
        };
        let leads_to = |to: &str| {
            record(&query.name, RData::TXT(TXT::new(vec![format!("dnsaddr=/dnsaddr/{to}")])))
        };
        if query.record_type == RecordType::TXT && self.depth > 0 {
            let at = nested.unwrap_or(0);
            if at < self.depth {
                records.push(leads_to(&format!("sub-{}.peers.example.", at + 1)));
            } else if self.depth == 3 {
                records.push(leads_to("peers.example."));
            }
        }
        if records.is_empty() && !self.is_blank {
            let nothing = LookupError::no_data(Some(secs(ttl.into())));
            let LookupError::Nothing(nothing) = nothing else { unreachable!() };
            let nothing = match self.proof {
                Some(proof) => nothing.with_proof(proof),
                None => nothing,
            };
            return Err(LookupError::Nothing(nothing));
        }
        let mut name = query.name.clone();
        let is_address = matches!(query.record_type, RecordType::A | RecordType::AAAA);
        if is_address && self.aliased > 0 && !is_alias {
            name = Name::from_ascii("alias.")
                .expect("a name")
                .append_domain(&query.name)
                .expect("a name");
            let to = CNAME(name.clone());
            if self.aliased == 2 {
                records.clear();
            }
            records.iter_mut().for_each(|record| record.name = name.clone());
            records.push(record(&query.name, RData::CNAME(to)));
        }
        if self.has_stranger {
            records.push(record(&pod(9), v4(9)));
        }
        if turned {
            records.reverse();
        }
        let mut answer = Answer::new(name, records)
            .with_complete(self.complete)
            .with_provisional(self.provisional);
        answer.proof = self.proof;
        if query.record_type == RecordType::SRV {
            let glued = self.hosts.iter().filter(|n| self.glued.contains(n));
            answer.additionals = glued
                .flat_map(|n| {
                    let dual = self.dual.contains(n).then(|| record(&pod(*n), v6(*n)));
                    [Some(record(&pod(*n), v4(*n))), dual].into_iter().flatten()
                })
                .collect();
        }
        Ok(answer)
    }
}

/// A refresh: the zone if it has changed, for how long a cache has had it, whether its records come in another
/// order, which of the look-ups are answered, what is done meanwhile, and whether late answers come first.
type Round = (Option<Zone>, bool, bool, u32, u8, bool);

fn round() -> impl Strategy<Value = Round> {
    let answered = prop_oneof![4 => Just(u32::MAX), 1 => any::<u32>()];
    let act = prop_oneof![4 => Just(0_u8), 1 => Just(1), 1 => Just(2)];
    (
        prop::option::weighted(0.3, zone()),
        any::<bool>(),
        any::<bool>(),
        answered,
        act,
        any::<bool>(),
    )
}

/// The look-ups that are out.
type Out = Vec<(LookupId, Query)>;

/// What a source does in a round, as text.
fn act(world: &mut World, zone: &Zone, since: Instant, round: &Round) -> String {
    act_on(world, zone, since, round, &mut Vec::new())
}

/// The same. Look-ups that get no answer stay out.
fn act_on(world: &mut World, zone: &Zone, since: Instant, round: &Round, out: &mut Out) -> String {
    let (_, is_cached, turned, answered, deed, is_late) = round;
    let age = if *is_cached { (world.now - since).as_secs() as u32 } else { 0 };
    let reply = |query: &Query| zone.reply(query, age, *turned);
    let (mut told, mut asked, mut polls, mut is_first) = (Vec::new(), 0, 0, true);
    let late = if *is_late { mem::take(out) } else { Out::new() };
    for (id, query) in late {
        world.names.handle_lookup(id, reply(&query));
    }
    loop {
        let mut look_ups = Vec::new();
        for effect in world.poll() {
            match effect {
                Effect::Output(Output::Lookup { id, query, .. }) => look_ups.push((id, query)),
                Effect::Output(Output::CancelLookup { id }) => out.retain(|(of, _)| *of != id),
                other => told.push(format!("{other:?}")),
            }
        }
        polls += 1;
        assert!(asked < 2_000 && polls < 500, "it asks or wakes without end");
        if look_ups.is_empty() && world.names.next_timeout(&world.config) > Some(world.now) {
            if !mem::take(&mut is_first) {
                break;
            }
            match deed {
                1 => world.names.force(world.now),
                2 => world.names.look_sooner(&world.config),
                _ => {}
            }
        }
        // The order in which questions are asked is not promised.
        look_ups.sort_by_key(|(_, query)| query.to_string());
        for (id, query) in look_ups {
            let text = query.to_string();
            let place = text.bytes().fold(0_u32, |sum, byte| sum * 31 % 65_521 + u32::from(byte));
            told.push(format!("asks {text}"));
            asked += 1;
            match answered >> (place % 32) & 1 == 1 {
                true => _ = world.names.handle_lookup(id, reply(&query)),
                false => out.push((id, query)),
            }
        }
        out.sort_by_key(|(_, query)| query.to_string());
    }
    told.sort();
    let source = world.names.all().next().expect("a source");
    let members: Vec<_> = source.members().candidates().map(|c| c.to_string()).collect();
    let rejected: Vec<_> = source.rejections().iter().collect();
    let is_sampled = source.members().is_sampled();
    let state = (members, rejected, source.is_settled(), is_sampled, source.failures());
    // While it waits for answers, only a source that has read some wakes to use what it has named so far.
    let next = (!source.is_under_way()).then(|| world.next() - world.now);
    format!("{told:#?}\n{state:?}\nnext in {next:?}")
}

/// How many candidates, records of an answer and look-ups there may be.
fn bounds() -> impl Strategy<Value = [usize; 3]> {
    let most = || prop_oneof![3 => Just(999_usize), 1 => 1..8_usize];
    [most(), most(), most()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_source_that_recalls_does_what_one_does_that_reads_all(
        source in 0..SOURCES.len(),
        first in zone(),
        rounds in prop::collection::vec(round(), 1..24),
        [candidates, records, look_ups] in bounds(),
        is_one_ours in any::<bool>(),
    ) {
        let now = epoch();
        let mut worlds = [(); 2].map(|()| World::at(&SOURCES[source..=source], now));
        for world in &mut worlds {
            let limits = &mut world.config.limits;
            let most = |n| std::num::NonZeroUsize::new(n).expect("some");
            limits.candidates = most(candidates);
            limits.records_per_answer = most(records);
            limits.lookups_per_refresh = most(look_ups);
            if is_one_ours {
                world.ours = vec![Candidate::new(&"/ip4/10.0.0.1/tcp/1".parse().expect("valid"))];
            }
        }
        // Where a bound cuts off what CNAME records lead to, the first that come are followed.
        let tamed = |zone: &Zone| Zone { aliased: zone.aliased.min(1 + u8::from(look_ups > 99)), ..zone.clone() };
        let (mut zone, mut since) = (tamed(&first), worlds[0].now);
        let mut outs = [Out::new(), Out::new()];
        for round in &rounds {
            if let Some(changed) = &round.0 {
                (zone, since) = (tamed(changed), worlds[0].now);
            }
            let [recalls, reads] = &mut worlds;
            let [a, b] = &mut outs;
            let one = act_on(recalls, &zone, since, round, a);
            let other = act_on(reads, &zone, since, round, b);
            prop_assert_eq!(one, other);
            recalls.now = recalls.next().min(reads.next()).max(recalls.now);
            reads.now = recalls.now;
            for source in reads.names.sources.values_mut() {
                source.known_mut().forget_script();
            }
        }
    }
}

fn quiet() -> Zone {
    Zone {
        hosts: vec![1, 2, 3],
        glued: vec![1, 2, 3],
        dual: Vec::new(),
        ttl: 30,
        complete: true,
        fails: None,
        has_stranger: false,
        nested: Vec::new(),
        depth: 0,
        aliased: 0,
        is_blank: false,
        proof: Some(Proof::Secure),
        lost: 0,
        provisional: false,
    }
}

/// Fails if a sample that is not asked, since it was answered lately, counts as answered in part.
#[test]
fn a_source_stays_settled_while_its_samples_take_turns() {
    let mut world = World::new(&SOURCES[..1]);
    let since = world.now;
    for round in 0..40 {
        act(&mut world, &quiet(), since, &(None, false, false, u32::MAX, 0, false));
        let source = world.names.sources.values_mut().next().expect("a source");
        assert!(source.is_settled(), "{round}");
        source.known_mut().forget_script();
        world.now = world.next();
    }
}

/// A world of one source whose first refresh was answered in whole, at the time of its second.
fn once_answered(source: &str, zone: &Zone) -> World {
    let mut world = World::new(&[source]);
    let since = world.now;
    act(&mut world, zone, since, &(None, false, false, u32::MAX, 0, false));
    world.now = world.next();
    world
}

/// The look-ups that are asked for now, by their questions.
fn asked(effects: &[Effect]) -> Vec<(LookupId, Query)> {
    let look_up = |effect: &Effect| match effect {
        Effect::Output(Output::Lookup { id, query, .. }) => Some((*id, query.clone())),
        _ => None,
    };
    effects.iter().filter_map(look_up).collect()
}

fn failed(event: &Event) -> bool {
    matches!(event, Event::LookupFailed { .. })
}

const DUAL: &str = "/dns/peers.example./tcp/1";

/// Fails if what is asked for meanwhile forgets what the refresh was answered.
#[test]
fn a_refresh_that_is_recalled_keeps_its_answers_if_another_one_is_asked_for() {
    let mut world = once_answered(DUAL, &quiet());
    for (id, query) in asked(&world.poll()) {
        if query.record_type == RecordType::A {
            world.names.handle_lookup(id, quiet().reply(&query, 0, false));
        }
    }
    world.poll();
    world.names.force(world.now);
    world.now += secs(3);
    let effects = world.poll();
    assert_eq!(count(&effects, failed), 0, "A was answered");
    let again = asked(&world.poll());
    assert_eq!(asked(&effects).len() + again.len(), 1, "A, and AAAA is out still");
}

/// An answer that is too large to be kept.
fn large(query: &Query) -> Result<Answer, LookupError> {
    let ip = |n: u32| std::net::Ipv4Addr::from_bits(0x0a00_0000 + n);
    let record = |n| Record::from_rdata(query.name.clone(), 30, RData::A(ip(n).into()));
    match query.record_type {
        RecordType::A => Ok(Answer::new(query.name.clone(), (1..9_000).map(record).collect())),
        _ => Err(LookupError::no_data(Some(secs(30)))),
    }
}

fn large_world() -> World {
    let mut world = World::new(&[DUAL]);
    for (id, query) in asked(&world.poll()) {
        world.names.handle_lookup(id, large(&query));
    }
    let is_at_work = |names: &Names, config: &Config| {
        names.all().any(SourceState::is_under_way) || names.next_timeout(config).is_none()
    };
    while is_at_work(&world.names, &world.config) {
        world.poll();
    }
    world.now = world.next();
    world
}

/// Fails if a large answer that was recalled is gone when it is to be read.
#[test]
fn a_large_answer_is_used_though_the_other_type_is_silent() {
    let mut world = large_world();
    for (id, query) in asked(&world.poll()) {
        if query.record_type == RecordType::A {
            world.names.handle_lookup(id, large(&query));
        }
    }
    world.poll();
    world.now += secs(20);
    let mut failures = 0;
    for _ in 0..99 {
        failures += count(&world.poll(), failed);
    }
    assert_eq!(failures, 0, "A was answered");
}

/// Fails if a large answer is asked twice, since it was recalled, or came after the recall had ended.
#[test]
fn a_large_answer_is_asked_once_though_the_other_type_fails() {
    for a_first in [true, false] {
        let mut world = large_world();
        let mut all = asked(&world.poll());
        all.sort_by_key(|(_, query)| (query.record_type == RecordType::A) != a_first);
        assert_eq!(all.len(), 2);
        for (id, query) in all {
            let reply = match query.record_type {
                RecordType::A => large(&query),
                _ => Err(LookupError::Refused),
            };
            world.names.handle_lookup(id, reply);
        }
        for _ in 0..20 {
            assert_eq!(asked(&world.poll()), [], "{a_first}");
        }
    }
}

/// Fails if what is read after a recall is used at once, since an answer came long before that said the same.
#[test]
fn what_is_read_after_a_recall_waits_for_the_other_answers() {
    let zone = |nested: Vec<u8>, glued| Zone { nested, glued, hosts: vec![], depth: 1, ..quiet() };
    let mut world = once_answered("/dnsaddr/peers.example.", &zone(vec![3], vec![3]));
    let changed = zone(vec![1, 2], vec![1]);
    let [(root, query)] = &asked(&world.poll())[..] else { panic!("the name itself") };
    world.names.handle_lookup(*root, changed.reply(query, 0, false));
    let [(sub, query)] = &asked(&world.poll())[..] else { panic!("the nested name") };
    world.now += secs(1);
    world.names.handle_lookup(*sub, changed.reply(query, 0, false));
    let effects = world.poll();
    assert_eq!((asked(&effects).len(), count(&effects, resolved)), (1, 0));
    world.now += secs(1);
    assert_eq!(count(&world.poll(), resolved), 1);
}

/// Fails if all that was recalled is read at once when the recall ends.
#[test]
fn what_was_recalled_is_read_in_slices() {
    const NESTED: usize = 8;
    let reply = |query: &Query, changed: bool| {
        let entry = |value| {
            let data = RData::TXT(TXT::new(vec![format!("dnsaddr={value}")]));
            Record::from_rdata(query.name.clone(), 30, data)
        };
        let label = query.name.iter().nth(1).unwrap_or_default();
        let at = std::str::from_utf8(label).ok().and_then(|l| l.strip_prefix("sub-"));
        let records = match at.map(|at| at.parse::<usize>().expect("a number")) {
            None => (0..NESTED).map(|n| entry(format!("/dnsaddr/sub-{n}.example."))).collect(),
            Some(at) => {
                let port = 1 + usize::from(changed && at == NESTED - 1);
                (0..200).map(|n| entry(format!("/ip4/10.0.{at}.{n}/tcp/{port}"))).collect()
            }
        };
        Ok(Answer::new(query.name.clone(), records))
    };
    let mut world = World::new(&["/dnsaddr/peers.example."]);
    for changed in [false, true] {
        let mut last = Vec::new();
        for _ in 0..9 {
            let mut all = asked(&world.poll());
            all.sort_by_key(|(_, query)| query.to_string());
            if all.len() == NESTED {
                last = all.split_off(NESTED - 1);
            }
            for (id, query) in all {
                world.names.handle_lookup(id, reply(&query, changed));
            }
        }
        let [(id, query)] = &last[..] else { panic!("the last nested name") };
        world.names.handle_lookup(*id, reply(query, changed));
        let told: Vec<_> = (0..9).map(|_| count(&world.poll(), resolved)).collect();
        assert_eq!(told.iter().sum::<usize>(), 1, "{told:?}");
        // What was read as it came is made in one call, and taken in the next.
        let calls = told.iter().position(|told| *told == 1).expect("it is told");
        assert!(if changed { calls > 3 } else { calls == 1 }, "{told:?}");
        world.now = world.next();
    }
}

/// Fails if a refresh that is recalled asks for what the answers no longer lead to.
#[test]
fn what_a_changed_answer_led_to_is_not_asked() {
    let deep = |nested: Vec<u8>| Zone { nested, glued: vec![], hosts: vec![], depth: 1, ..quiet() };
    let mut world = once_answered("/dnsaddr/peers.example.", &deep(vec![1, 2, 3, 4]));
    let zone = deep(vec![5, 6, 7, 8]);
    let round = (None, false, false, u32::MAX, 0, false);
    let since = world.now;
    let told = act(&mut world, &zone, since, &round);
    assert_eq!(told.matches("asks ").count(), 2 + 4, "{told}");
}

/// Fails if a name that a nested one leads back to is no longer the source's own.
#[test]
fn a_source_that_leads_back_to_itself_is_refreshed_each_time() {
    let zone = Zone { nested: vec![1], depth: 3, glued: vec![1], ..quiet() };
    for forgets in [false, true] {
        let mut world = World::new(&["/dnsaddr/peers.example."]);
        let since = world.now;
        for round in 0..3 {
            let told = act(&mut world, &zone, since, &(None, false, false, u32::MAX, 0, false));
            assert!(told.contains("Refreshed"), "{forgets} {round} {told}");
            world.now = world.next();
            if forgets {
                world.names.sources.values_mut().for_each(|s| s.known_mut().forget_script());
            }
        }
    }
}

/// Fails if nothing is recalled: then the test above compares a source with itself.
#[test]
fn each_of_the_sources_recalls() {
    for source in &SOURCES[..5] {
        let mut world = World::new(&[*source]);
        let since = world.now;
        act(&mut world, &quiet(), since, &(None, false, false, u32::MAX, 0, false));
        let state = world.names.sources.values_mut().next().expect("a source");
        assert!(state.known_mut().has_script(), "{source}");
    }
}
