//! What the core costs with large answers. `cargo bench`

use std::time::Duration;

use divan::{Bencher, black_box};
use libp2p::{Multiaddr, PeerId};
use libp2p_dns_discovery::{
    Answer, Candidate, Config,
    discovery::{Discovery, Output},
    hickory_proto::rr::{Name, RData, Record},
};
use web_time::Instant;

fn main() {
    divan::main();
}

/// As many A records as one answer over TCP carries: 10.0.0.0/20, in an order far from sorted.
fn records() -> Vec<Record> {
    let name = Name::from_ascii("peers.example.").expect("a name");
    let ips = (0..4_091_u32).map(|n| n.wrapping_mul(2_654_435_761) % 4_096);
    ips.map(|n| {
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + n);
        Record::from_rdata(name.clone(), 30, RData::A(ip.into()))
    })
    .collect()
}

#[divan::bench]
fn sort_4091_candidates(bencher: Bencher) {
    let addresses: Vec<Multiaddr> = records()
        .iter()
        .map(|record| format!("/ip4/{}/tcp/4001", record.data).parse().expect("an address"))
        .collect();
    bencher.bench(|| {
        let mut candidates: Vec<_> = addresses.iter().map(Candidate::new).collect();
        candidates.sort_unstable();
        black_box(candidates)
    });
}

/// From the answer to the first probes.
#[divan::bench]
fn take_an_answer_of_4091_records(bencher: Bencher) {
    let answer = Answer::new(Name::from_ascii("peers.example.").expect("a name"), records());
    #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
    let now = Instant::now();
    bencher
        .with_inputs(|| {
            let mut core = Discovery::new(Config::new(), PeerId::random(), 1, now);
            core.add_source("/dns4/peers.example./tcp/4001".parse().expect("a source"), now);
            let lookup =
                std::iter::from_fn(|| core.poll_output(now)).find_map(|output| match output {
                    Output::Lookup { id, .. } => Some(id),
                    _ => None,
                });
            (core, lookup.expect("a look-up"), answer.clone())
        })
        .bench_values(|(mut core, lookup, answer)| {
            core.handle_lookup(lookup, Ok(answer));
            let now = now + Duration::from_millis(1);
            black_box(std::iter::from_fn(|| core.poll_output(now)).count())
        });
}
