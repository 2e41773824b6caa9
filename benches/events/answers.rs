//! How long large answers hold the swarm's task: what the longest call of the core takes that one of them
//! leads to.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use libp2p_dns_discovery::{
    Answer, Config, Query,
    discovery::{Discovery, Output},
    hickory_proto::rr::{
        Name, RData, Record,
        rdata::{SRV, TXT},
    },
};

use super::life::peer;

/// How often each is measured: a neighbour on the machine makes it longer, and never shorter.
const RUNS: u64 = 7;

/// What is answered to a question.
type Zone = fn(&Query) -> Answer;

const ALL: [(&str, &[&str], Zone); 7] = [
    ("4,091 A", &["/dns4/a.example./tcp/4001"], |query| addresses(query, 10, 4_091)),
    ("16,384 A", &["/dns4/a.example./tcp/4001"], |query| addresses(query, 10, 16_384)),
    (
        "4 names with 4,091 A",
        &[
            "/dns4/a.example./tcp/4001",
            "/dns4/b.example./tcp/4001",
            "/dns4/c.example./tcp/4001",
            "/dns4/d.example./tcp/4001",
        ],
        |query| addresses(query, u32::from(query.name.iter().next().map_or(0, |l| l[0])), 4_091),
    ),
    // As many as a message carries, and more.
    ("1,400 SRV with glue", &["srv:_p2p._tcp.peers.example."], |query| services(query, 1_400)),
    ("2,500 SRV with glue", &["srv:_p2p._tcp.peers.example."], |query| services(query, 2_500)),
    ("650 TXT with pins", &["/dnsaddr/peers.example."], |query| texts(query, 650)),
    ("16,384 TXT with pins", &["/dnsaddr/peers.example."], |query| texts(query, 16_384)),
];

fn addresses(query: &Query, network: u32, n: u32) -> Answer {
    let ip = |i| Ipv4Addr::from((network << 24) + scattered(i, n));
    let records =
        (0..n).map(|i| Record::from_rdata(query.name.clone(), 30, RData::A(ip(i).into())));
    Answer::new(query.name.clone(), records.collect())
}

fn services(query: &Query, n: u32) -> Answer {
    let target = |i| Name::from_ascii(format!("pod-{i}.peers.example.")).expect("a name");
    let srv = |i| {
        let data = RData::SRV(SRV::new(0, 0, 4_001, target(i)));
        Record::from_rdata(query.name.clone(), 30, data)
    };
    let glue = |i| {
        let ip = Ipv4Addr::from(0x0a00_0000 + scattered(i, n));
        Record::from_rdata(target(i), 30, RData::A(ip.into()))
    };
    let mut answer = Answer::new(query.name.clone(), (0..n).map(srv).collect());
    if query.name.iter().next().is_some_and(|label| label.starts_with(b"_")) {
        answer.additionals = (0..n).map(glue).collect();
    } else {
        answer.records.clear();
    }
    answer
}

fn texts(query: &Query, n: u32) -> Answer {
    let text = |i| {
        let (ip, pin) = (Ipv4Addr::from(0x0a00_0000 + scattered(i, n)), peer(i.into()));
        let text = TXT::new(vec![format!("dnsaddr=/ip4/{ip}/tcp/4001/p2p/{pin}")]);
        Record::from_rdata(query.name.clone(), 30, RData::TXT(text))
    };
    Answer::new(query.name.clone(), (0..n).map(text).collect())
}

/// In an order far from sorted.
fn scattered(i: u32, n: u32) -> u32 {
    (u64::from(i) * 2_654_435_761 % u64::from(n)) as u32
}

/// The calls that followed from answers.
#[derive(Default)]
struct Took {
    calls: usize,
    all: Duration,
    worst: Duration,
}

struct Node {
    core: Discovery,
    now: Instant,
}

impl Node {
    /// Answers what is asked, until nothing follows at once.
    fn answer(&mut self, zone: impl Fn(&Query) -> Answer) -> Took {
        let mut took = Took::default();
        loop {
            let mut asked = Vec::new();
            while let Some(output) = took.time(|| self.core.poll_output(self.now)) {
                if let Output::Lookup { id, query, .. } = output {
                    asked.push((id, zone(&query)));
                }
            }
            if asked.is_empty() && self.core.poll_timeout().is_none_or(|at| at > self.now) {
                return took;
            }
            for (id, answer) in asked {
                took.time(|| self.core.handle_lookup(id, Ok(answer)));
            }
            took.time(|| self.core.handle_timeout(self.now));
        }
    }
}

impl Took {
    #[expect(clippy::disallowed_methods, reason = "it is measured")]
    fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let made = call();
        let took = start.elapsed();
        self.calls += 1;
        self.all += took;
        self.worst = self.worst.max(took);
        made
    }
}

pub fn print() {
    println!("\n{:<30} {:<22} {:>6} {:>9} {:>10}", "answers", "", "calls", "all, µs", "worst, µs");
    for (name, sources, zone) in ALL {
        let [mut new, mut again, mut other] = [const { Vec::new() }; 3];
        for run in 0..RUNS {
            let turned = |query: &Query, leave: usize| {
                let mut answer = zone(query);
                fastrand::Rng::with_seed(run).shuffle(&mut answer.records);
                let left = answer.records.len().saturating_sub(leave);
                answer.records.truncate(left);
                answer
            };
            #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
            let now = Instant::now();
            let core = Discovery::new(Config::new(), peer(u64::MAX), 1, now);
            let mut node = Node { core, now };
            for source in sources {
                node.core.add_source(source.parse().expect("a source"), now);
            }
            new.push(node.answer(zone));
            node.now += Duration::from_secs(400);
            node.core.handle_timeout(node.now);
            again.push(node.answer(|query| turned(query, 0)));
            node.now += Duration::from_secs(400);
            node.core.handle_timeout(node.now);
            other.push(node.answer(|query| turned(query, 9)));
        }
        for (what, took) in [("new", new), ("the same", again), ("nine are missing", other)] {
            let least = |of: fn(&Took) -> Duration| took.iter().map(of).min().unwrap_or_default();
            let (all, worst) = (least(|took| took.all), least(|took| took.worst));
            let [all, worst] = [all, worst].map(|took| took.as_micros());
            println!("{name:<30} {what:<22} {:>6} {all:>9} {worst:>10}", took[0].calls);
        }
    }
}
