//! A source that recalls what the last refresh was answered does all that one does which reads every answer.

use hickory_proto::rr::{
    RecordType,
    rdata::{SRV, TXT},
};
use proptest::prelude::*;

use super::*;
use crate::resolver::Query;

const SOURCES: [&str; 3] =
    ["srv:_p2p._tcp.peers.example.", "/dns/peers.example./tcp/1", "/dnsaddr/peers.example."];

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
    (hosts(), hosts(), hosts(), ttl, rare(), fails, rare()).prop_map(
        |(hosts, glued, dual, ttl, is_part, fails, has_stranger)| {
            let complete = !is_part;
            Zone { hosts, glued, dual, ttl, complete, fails, has_stranger }
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
        // The number of a pod, if the question is for its addresses.
        let label = query.name.iter().next().unwrap_or_default();
        let number = std::str::from_utf8(label).ok().and_then(|l| l.strip_prefix("pod-"));
        let named: Vec<u8> = match number {
            Some(number) => vec![number.parse().expect("a number")],
            None => self.hosts.clone(),
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
        if records.is_empty() {
            return Err(LookupError::no_data(Some(secs(ttl.into()))));
        }
        if self.has_stranger {
            records.push(record(&pod(9), v4(9)));
        }
        if turned {
            records.reverse();
        }
        let mut answer = Answer::new(query.name.clone(), records).with_complete(self.complete);
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
/// order, and which of the look-ups are answered.
type Round = (Option<Zone>, bool, bool, u32);

fn round() -> impl Strategy<Value = Round> {
    let answered = prop_oneof![4 => Just(u32::MAX), 1 => any::<u32>()];
    (prop::option::weighted(0.3, zone()), any::<bool>(), any::<bool>(), answered)
}

/// What a source does in a round, as text.
fn act(world: &mut World, zone: &Zone, since: Instant, round: &Round) -> String {
    let (_, is_cached, turned, answered) = round;
    let age = if *is_cached { (world.now - since).as_secs() as u32 } else { 0 };
    let (mut told, mut asked) = (Vec::new(), 0);
    loop {
        let mut look_ups = Vec::new();
        for effect in world.poll() {
            match effect {
                Effect::Output(Output::Lookup { id, query, .. }) => look_ups.push((id, query)),
                Effect::Output(Output::CancelLookup { .. }) => {}
                other => told.push(format!("{other:?}")),
            }
        }
        if look_ups.is_empty() {
            break;
        }
        // The order in which questions are asked is not promised.
        look_ups.sort_by_key(|(_, query)| query.to_string());
        for (id, query) in look_ups {
            told.push(format!("asks {query}"));
            asked += 1;
            if answered >> (asked % 32) & 1 == 1 {
                world.names.handle_lookup(id, zone.reply(&query, age, *turned));
            }
        }
    }
    told.sort();
    let source = world.names.all().next().expect("a source");
    let members: Vec<_> = source.members().candidates().map(|c| c.to_string()).collect();
    let state = (members, source.is_settled(), source.members().is_sampled(), source.failures());
    // While it waits for answers, only a source that has read some wakes to use what it has named so far.
    let next = (!source.is_under_way()).then(|| world.next() - world.now);
    format!("{told:#?}\n{state:?}\nnext in {next:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_source_that_recalls_does_what_one_does_that_reads_all(
        source in 0..SOURCES.len(),
        first in zone(),
        rounds in prop::collection::vec(round(), 1..24),
    ) {
        let now = epoch();
        let mut worlds = [(); 2].map(|()| World::at(&SOURCES[source..=source], now));
        let (mut zone, mut since) = (first, worlds[0].now);
        for round in &rounds {
            if let Some(changed) = &round.0 {
                (zone, since) = (changed.clone(), worlds[0].now);
            }
            let [recalls, reads] = worlds.each_mut().map(|world| act(world, &zone, since, round));
            prop_assert_eq!(recalls, reads);
            let [recalls, reads] = &mut worlds;
            recalls.now = recalls.next().min(reads.next());
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
    }
}

/// Fails if a sample that is not asked, since it was answered lately, counts as answered in part.
#[test]
fn a_source_stays_settled_while_its_samples_take_turns() {
    let mut world = World::new(&SOURCES[..1]);
    let since = world.now;
    for round in 0..40 {
        act(&mut world, &quiet(), since, &(None, false, false, u32::MAX));
        let source = world.names.sources.values_mut().next().expect("a source");
        assert!(source.is_settled(), "{round}");
        source.known_mut().forget_script();
        world.now = world.next();
    }
}

/// Fails if nothing is recalled: then the test above compares a source with itself.
#[test]
fn each_of_the_sources_recalls() {
    for source in SOURCES {
        let mut world = World::new(&[source]);
        let since = world.now;
        act(&mut world, &quiet(), since, &(None, false, false, u32::MAX));
        let state = world.names.sources.values_mut().next().expect("a source");
        assert!(state.known_mut().has_script(), "{source}");
    }
}
