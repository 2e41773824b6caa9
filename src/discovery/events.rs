//! How many candidates each event looks at, in each of the situations of `benches/events.rs`: no more among
//! thousands of candidates than among hundreds.

#![allow(unreachable_pub, reason = "a part of the bench")]

use std::fmt::Write;

use hickory_proto::rr::{RData, Record, RecordType, rdata::TXT};

use self::life::{EVENTS, Life, peer};
use super::{Discovery, Output, testing::epoch};
use crate::{config::Config, resolver::Answer, testing::looks};

#[path = "../../benches/events/life.rs"]
mod life;
#[path = "../../benches/events/situations.rs"]
mod situations;

const SIZES: [u32; 2] = [256, 4_096];
const TIMES: u32 = 40;

/// How often candidates are looked at by an event, for each thing that follows from it, at the most, in a
/// situation of so many.
fn most(situation: fn(u32) -> Life, n: u32) -> [usize; EVENTS.len()] {
    let mut life = situation(n);
    EVENTS.map(|(_, act)| {
        let looks = (0..TIMES).map(|i| {
            life.now += std::time::Duration::from_millis(100);
            life.take();
            let before = life.outputs;
            let looks = looks(|| _ = life.time(|life| act(life, i)));
            looks / (1 + life.outputs - before)
        });
        looks.max().unwrap_or(0)
    })
}

/// How many looks are too many: an event may look at what grows with the logarithm. The addresses of one
/// pinned peer, of which one is tried after the other, are gone through, at 10 ns each: six looks.
fn bound(situation: &str, few: usize) -> usize {
    match situation {
        "addresses of one pinned peer" => 6 * SIZES[1] as usize,
        _ => 2 * few + 2_000,
    }
}

/// Fails if any event goes through all candidates, or through all that have something in common.
#[test]
fn no_event_looks_at_all_candidates() {
    let mut report = String::new();
    for (name, situation) in situations::ALL {
        let [few, many] = SIZES.map(|n| most(situation, n));
        for (event, (few, many)) in few.into_iter().zip(many).enumerate() {
            if many > bound(name, few) {
                let what = EVENTS[event].0;
                writeln!(report, "{name}: {what}: {few} among 256, {many} among 4,096").unwrap();
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

/// Fails if several answers, or an answer and the order that follows from it, are gone through before the swarm
/// has its turn: that is, before no output is left.
#[test]
fn no_call_takes_all_of_several_large_answers() {
    let (now, names) = (epoch(), ["a", "b", "c", "d"]);
    let mut core = Discovery::new(Config::new(), peer(u64::MAX), 1, now);
    for name in names {
        core.add_source(format!("/dns4/{name}.example./tcp/4001").parse().unwrap(), now);
    }
    core.add_source("/dnsaddr/e.example.".parse().unwrap(), now);
    let asked: Vec<_> = std::iter::from_fn(|| core.poll_output(now)).collect();
    for output in asked {
        let Output::Lookup { id, query, .. } = output else { continue };
        let network = 10 + u32::from(query.name.iter().next().unwrap()[0]);
        let data = |i: u32| {
            let ip = std::net::Ipv4Addr::from((network << 24) + i);
            match query.record_type {
                RecordType::A => RData::A(ip.into()),
                _ => RData::TXT(TXT::new(vec![format!("dnsaddr=/ip4/{ip}/tcp/4001")])),
            }
        };
        let records = (0..2_000).map(|i| Record::from_rdata(query.name.clone(), 30, data(i)));
        core.handle_lookup(id, Ok(Answer::new(query.name.clone(), records.collect())));
    }
    let (mut calls, mut is_over) = (Vec::new(), false);
    while !is_over {
        calls.push(looks(|| while core.poll_output(now).is_some() {}));
        is_over = core.poll_timeout().is_none_or(|at| at > now);
        core.handle_timeout(now);
    }
    let (all, most) = (calls.iter().sum::<usize>(), calls.iter().max().unwrap());
    assert_eq!(core.stats().candidates(), 10_000);
    assert!(4 * most < 3 * all, "{calls:?}");
}
