//! Name servers that fail in every way at once, at random: nobody is lost by it, and once they are well
//! again, what is known is what they say.

use std::{net::IpAddr, time::Duration};

use libp2p_dns_discovery::{
    Event, LookupError,
    hickory_proto::rr::{Record, RecordType},
};

use crate::support::{
    DNS, SERVICE, SRV_SOURCE, World, address_record, at, gone, ip, key, lowest, members, secs, srv,
    txt_at, v6,
};

/// The zone does not change. Nobody departs; and no node is busy with it.
#[test]
fn failures_take_nobody_away() {
    let mut bad = Vec::new();
    for seed in 0..300u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::seeded(lowest(3), seed);
        let d = |n: &str| format!("_dnsaddr.{n}.example.");
        let kind = seed % 3;
        let mut keys = Vec::new();
        let mut put = |w: &mut World, k: (String, RecordType), r: Vec<Record>| {
            w.zone.insert(k.clone(), Ok(r));
            keys.push(k);
        };
        for n in 1..=4u8 {
            world.live(ip(n));
            world.live(v6(n.into()));
        }
        match kind {
            0 => {
                put(
                    &mut world,
                    key("peers.example.", RecordType::A),
                    (1..=4).map(|n| address_record("peers.example.", ip(n), 30)).collect(),
                );
                put(
                    &mut world,
                    key("peers.example.", RecordType::AAAA),
                    (1..=4).map(|n| address_record("peers.example.", v6(n), 30)).collect(),
                );
                world.source(DNS);
            }
            1 => {
                put(
                    &mut world,
                    key(SERVICE, RecordType::SRV),
                    ["a.", "b.", "c.", "d."].map(srv).to_vec(),
                );
                for (n, t) in (1u8..).zip(["a.", "b.", "c.", "d."]) {
                    put(&mut world, key(t, RecordType::A), vec![address_record(t, ip(n), 30)]);
                    put(
                        &mut world,
                        key(t, RecordType::AAAA),
                        vec![address_record(t, v6(n.into()), 30)],
                    );
                }
                world.source(SRV_SOURCE);
            }
            _ => {
                let root = d("peers");
                put(
                    &mut world,
                    key(&root, RecordType::TXT),
                    ["m", "n"]
                        .map(|n| txt_at(&root, &format!("dnsaddr=/dnsaddr/{n}.example."), 30))
                        .to_vec(),
                );
                put(
                    &mut world,
                    key(&d("m"), RecordType::TXT),
                    vec![
                        txt_at(&d("m"), "dnsaddr=/dns/a./tcp/4001", 30),
                        txt_at(&d("m"), "dnsaddr=/dns/b./tcp/4001", 30),
                    ],
                );
                put(
                    &mut world,
                    key(&d("n"), RecordType::TXT),
                    vec![
                        txt_at(&d("n"), "dnsaddr=/dns/c./tcp/4001", 30),
                        txt_at(&d("n"), "dnsaddr=/dns/d./tcp/4001", 30),
                    ],
                );
                for (n, t) in (1u8..).zip(["a.", "b.", "c.", "d."]) {
                    put(&mut world, key(t, RecordType::A), vec![address_record(t, ip(n), 30)]);
                    put(
                        &mut world,
                        key(t, RecordType::AAAA),
                        vec![address_record(t, v6(n.into()), 30)],
                    );
                }
                world.source("/dnsaddr/peers.example.");
            }
        }
        world.run(secs(60));
        assert_eq!(world.core.candidates().count(), 8, "seed {seed}");
        let good = world.zone.clone();
        let wakes = world.wakes;
        for _ in 0..200 {
            for k in &keys {
                match rng.u8(0..20) {
                    0 => drop(world.silent.insert(k.clone())),
                    1 => drop(
                        world.slow.insert(k.clone(), Duration::from_millis(rng.u64(0..25_000))),
                    ),
                    2 => drop(world.zone.insert(
                        k.clone(),
                        Err(if rng.bool() { LookupError::Refused } else { LookupError::TimedOut }),
                    )),
                    3 => drop(world.cut.insert(k.clone())),
                    4 => {
                        if let Some(Ok(r)) = world.zone.get_mut(k) {
                            r.iter_mut().for_each(|r| r.ttl = rng.u32(0..100));
                        }
                    }
                    5 if rng.bool() => world.core.refresh(world.now),
                    6..=9 => {
                        world.silent.remove(k);
                        world.slow.remove(k);
                        world.cut.remove(k);
                        world.zone.insert(k.clone(), good[k].clone());
                    }
                    _ => {}
                }
            }
            if kind == 1 {
                let glue = keys[1..]
                    .iter()
                    .filter(|_| rng.bool())
                    .filter_map(|k| good[k].clone().ok())
                    .flatten()
                    .collect::<Vec<_>>();
                world.glue.insert(keys[0].clone(), if rng.bool() { glue } else { Vec::new() });
            }
            world.run(secs(rng.u64(1..20)));
        }
        let wakes = world.wakes - wakes;
        if gone(&world) > 0 || wakes > 20_000 {
            bad.push((seed, kind, gone(&world), wakes));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}

/// The zone changes meanwhile; then all is well.
#[test]
fn what_is_known_after_failures_is_what_is_said() {
    let mut bad = Vec::new();
    for seed in 0..200u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut world = World::seeded(lowest(3), seed);
        for n in 1..=20u8 {
            world.live(ip(n));
            world.live(v6(n.into()));
        }
        world.source(if seed % 2 == 0 { DNS } else { SRV_SOURCE });
        let names: Vec<&str> =
            if seed % 2 == 0 { vec!["peers.example."] } else { vec!["a.", "b.", "c.", "d.", "e."] };
        for _ in 0..100 {
            let k = (
                rng.choice(&names).unwrap().to_string(),
                if rng.bool() { RecordType::A } else { RecordType::AAAA },
            );
            match rng.u8(0..6) {
                0 => drop(world.silent.insert(k.clone())),
                1 => drop(world.slow.insert(k.clone(), Duration::from_millis(rng.u64(0..25_000)))),
                2 => drop(world.zone.insert(k.clone(), Err(LookupError::Refused))),
                3 => {
                    world.silent.remove(&k);
                    world.slow.remove(&k);
                }
                _ => {
                    let n: Vec<u8> = (0..rng.u8(0..4)).map(|_| rng.u8(1..20)).collect();
                    let r: Vec<_> = n
                        .iter()
                        .map(|n| {
                            address_record(
                                &k.0,
                                if k.1 == RecordType::A { ip(*n) } else { v6((*n).into()) },
                                rng.u32(0..60),
                            )
                        })
                        .collect();
                    if r.is_empty() {
                        world.zone.insert(k, Err(LookupError::no_data(Some(secs(5)))));
                    } else {
                        world.zone.insert(k, Ok(r));
                    }
                }
            }
            if seed % 2 == 1 {
                let t: Vec<_> = names.iter().filter(|_| rng.u8(0..4) > 0).map(|t| srv(t)).collect();
                if !t.is_empty() {
                    world.zone.insert(key(SERVICE, RecordType::SRV), Ok(t));
                }
            }
            world.run(secs(rng.u64(1..20)));
        }
        world.silent.clear();
        world.slow.clear();
        let mut expected: Vec<String> = Vec::new();
        for n in &names {
            for of in [RecordType::A, RecordType::AAAA] {
                let ips: Vec<IpAddr> =
                    (0..2)
                        .map(|_| {
                            if of == RecordType::A { ip(rng.u8(1..20)) } else { v6(rng.u16(1..20)) }
                        })
                        .collect();
                world.zone.insert(
                    key(n, of),
                    Ok(ips.iter().map(|i| address_record(n, *i, 30)).collect()),
                );
                expected.extend(ips.iter().map(|i| at(*i).to_string()));
            }
        }
        if seed % 2 == 1 {
            world
                .zone
                .insert(key(SERVICE, RecordType::SRV), Ok(names.iter().map(|t| srv(t)).collect()));
        }
        expected.sort();
        expected.dedup();
        world.idle = Some(secs(5));
        world.run(secs(900));
        let mut known = members(&world);
        known.sort();
        // A zone that has changed at random may have looked like one that samples: what such a one leaves
        // out is kept while it answers.
        let told = |is: bool| {
            world.count(|e| matches!(e, Event::Sampled { sampled, .. } if *sampled == is))
        };
        if known != expected && told(true) == told(false) {
            bad.push((seed, known, expected));
        }
    }
    assert!(bad.is_empty(), "{bad:?}");
}
