//! What is read of answers.

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{CNAME, SRV, TXT},
};
use libp2p_dns_discovery::{Config, Event, LookupError, hickory_proto};

use super::{nz, resolved};
use crate::support::{World, address_record, nth, secs};

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name")
}

fn txt(owner: &str, text: &str) -> Record {
    let text = format!("dnsaddr={text}");
    let data = TXT::from_bytes(text.as_bytes().chunks(255).collect());
    Record::from_rdata(name(owner), 30, RData::TXT(data))
}

fn set(world: &mut World, owner: &str, of: RecordType, records: Vec<Record>) {
    world.zone.insert((owner.into(), of), Ok(records));
}

fn entries(world: &mut World, owner: &str, texts: &[String]) {
    let owner = format!("_dnsaddr.{owner}");
    let records = texts.iter().map(|text| txt(&owner, text)).collect();
    set(world, &owner, RecordType::TXT, records);
}

/// One source, asked once.
fn ask(config: Config, source: &str, write: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(config);
    write(&mut world);
    world.source(source);
    world.run(secs(1));
    world
}

/// At the bound nothing is told, and past it one thing, in words that name the bound.
fn assert_cut(world: &World, candidates: usize, told: Option<&str>) {
    let (len, complete, dropped) = resolved(world);
    assert_eq!((len, complete), (candidates, told.is_none()), "{dropped:?}");
    match told {
        None => assert!(dropped.is_empty(), "{dropped:?}"),
        Some(told) => assert!(dropped.iter().any(|d| d.contains(told)), "{dropped:?}"),
    }
}

const EIGHT: &str = "more than 8 records";

/// Fails without the bound, without its setter, and if it is not told.
#[test]
fn records_of_an_answer() {
    let config = || Config::new().map_limits(|l| l.with_records_per_answer(nz(8)));
    for (n, told) in [(8, None), (9, Some(EIGHT))] {
        let records = |of: fn(u32) -> Record| (0..n).map(of).collect::<Vec<_>>();
        let world = ask(config(), "/dns4/peers.example./tcp/1", |world| {
            let records = records(|n| address_record("peers.example.", nth(n), 30));
            set(world, "peers.example.", RecordType::A, records);
        });
        assert_cut(&world, 8, told);
        let world = ask(config(), "/dnsaddr/peers.example.", |world| {
            let texts: Vec<_> = (0..n).map(|n| format!("/ip4/10.0.0.{n}/tcp/1")).collect();
            entries(world, "peers.example.", &texts);
        });
        assert_cut(&world, 8, told);
        let world = ask(config(), "srv:_p2p._tcp.x.", |world| {
            let srv = |n: u32| {
                let data = SRV::new(0, 0, 1 + u16::try_from(n).unwrap_or(0), name("t."));
                Record::from_rdata(name("_p2p._tcp.x."), 30, RData::SRV(data))
            };
            set(world, "_p2p._tcp.x.", RecordType::SRV, records(srv));
            set(world, "t.", RecordType::A, vec![address_record("t.", nth(1), 30)]);
        });
        assert_cut(&world, 8, told);
    }
}

/// Several answers of one refresh, each of which is within the bound. Fails if what they have
/// together is not bounded.
#[test]
fn records_of_a_refresh() {
    let config = || Config::new().map_limits(|l| l.with_records_per_answer(nz(8)));
    for (second, told) in [(4..8, None), (5..9, Some(EIGHT))] {
        // Addresses: the lowest of both answers stay.
        let world = ask(config(), "/dnsaddr/x.", |world| {
            let text = |n| format!("/ip4/10.0.0.{n}/tcp/1");
            let first = (0..4).map(text).chain(["/dnsaddr/y.".to_owned()]);
            entries(world, "x.", &first.collect::<Vec<_>>());
            let of_y: Vec<_> = second.clone().map(text).chain((4..5).map(text)).collect();
            entries(world, "y.", &of_y);
        });
        assert_cut(&world, 8, told);
        // Ways to reach one host.
        let world = ask(config(), "/dnsaddr/x.", |world| {
            let text = |n| format!("/dns4/h./tcp/{}", n + 1);
            let first = (0..4).map(text).chain(["/dnsaddr/y.".to_owned()]);
            entries(world, "x.", &first.collect::<Vec<_>>());
            let of_y: Vec<_> = second.map(text).chain((4..5).map(text)).collect();
            entries(world, "y.", &of_y);
            set(world, "h.", RecordType::A, vec![address_record("h.", nth(1), 30)]);
        });
        assert_cut(&world, 8, told);
    }
    // Addresses of hosts: as many in each of two families.
    for (of_third, told) in [(0, None), (1, Some(EIGHT))] {
        let world = ask(config(), "/dnsaddr/x.", |world| {
            let hosts = ["a.", "b.", "c."];
            entries(world, "x.", &hosts.map(|h| format!("/dns4/{h}/tcp/1")));
            for (host, ips) in hosts.into_iter().zip([0..8, 8..16, 16..16 + of_third]) {
                let records = ips.map(|n| address_record(host, nth(n), 30)).collect();
                set(world, host, RecordType::A, records);
            }
        });
        let (_, _, dropped) = resolved(&world);
        assert_eq!(dropped.iter().any(|d| d.contains(EIGHT)), told.is_some(), "{dropped:?}");
    }
}

/// Fails without the bound, with another default, without its setter, and if it is not told.
#[test]
fn length_of_a_text() {
    let of_length = |len: usize| {
        let start = "/ip4/10.0.0.1/tcp/80/x-parity-ws/";
        format!("{start}{}", "x".repeat(len - "dnsaddr=".len() - start.len()))
    };
    for (config, most) in
        [(Config::new(), 1_024), (Config::new().map_limits(|l| l.with_text_length(nz(99))), 99)]
    {
        for (len, told) in [(most, false), (most + 1, true)] {
            let world = ask(config.clone(), "/dnsaddr/x.", |world| {
                let good = "/ip4/10.0.0.2/tcp/1".to_owned();
                entries(world, "x.", &[of_length(len), good]);
            });
            let (_, _, dropped) = resolved(&world);
            let longer = format!("longer than {most} bytes");
            assert_eq!(dropped.iter().any(|d| d.contains(&longer)), told, "{dropped:?}");
        }
    }
}

/// Fails without the bound, with another default, without its setter, and if it is not told.
#[test]
fn depth_of_recursion() {
    for (config, most) in
        [(Config::new(), 4), (Config::new().map_limits(|l| l.with_recursion_depth(1)), 1)]
    {
        for (depth, told) in [(most, false), (most + 1, true)] {
            let world = ask(config.clone(), "/dnsaddr/n0.", |world| {
                for n in 0..depth {
                    entries(world, &format!("n{n}."), &[format!("/dnsaddr/n{}.", n + 1)]);
                }
                entries(world, &format!("n{depth}."), &["/ip4/10.0.0.1/tcp/1".to_owned()]);
            });
            let more = format!("more than {most} times");
            assert_cut(&world, usize::from(!told), told.then_some(more.as_str()));
            let world = ask(config.clone(), "/dns4/n0./tcp/1", |world| {
                for n in 0..depth {
                    let target = CNAME(name(&format!("n{}.", n + 1)));
                    let owner = format!("n{n}.");
                    let alias = Record::from_rdata(name(&owner), 30, RData::CNAME(target));
                    set(world, &owner, RecordType::A, vec![alias]);
                }
                let last = format!("n{depth}.");
                let address = address_record(&last, nth(1), 30);
                set(world, &last, RecordType::A, vec![address]);
            });
            let failed = world.events.iter().any(|(_, event)| match event {
                Event::LookupFailed { error: LookupError::Failed(error), .. } => {
                    error.to_string().contains("too long")
                }
                _ => false,
            });
            assert_eq!(failed, told);
        }
    }
}

/// Fails without the bound, with another default, without its setter, and if it is not told.
#[test]
fn look_ups_of_a_refresh() {
    for (config, most) in
        [(Config::new(), 128), (Config::new().map_limits(|l| l.with_lookups_per_refresh(nz(3))), 3)]
    {
        for (hosts, told) in [(most - 1, false), (most, true)] {
            let world = ask(config.clone(), "/dnsaddr/x.", |world| {
                let host = |n: usize| format!("h{n:03}.");
                let texts: Vec<_> =
                    (0..hosts).map(|n| format!("/dns4/{}/tcp/1", host(n))).collect();
                entries(world, "x.", &texts);
                for n in 0..hosts {
                    let address = address_record(&host(n), nth(n as u32), 30);
                    set(world, &host(n), RecordType::A, vec![address]);
                }
            });
            assert_eq!(world.queries.len(), most);
            let at_most = format!("at most {most} look-ups");
            assert_cut(&world, most - 1, told.then_some(at_most.as_str()));
        }
    }
}
