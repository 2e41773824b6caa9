//! What answers cost the core, beside hickory-proto's decoding of the messages that carry them. Ratios
//! compare the least of runs that took turns in one process. `cargo bench --bench core`; `-- --write` puts
//! the table into FIGURES.md, with the column of what it was before as it is. For instructions rather
//! than time: `valgrind --tool=callgrind BINARY answer 1000`, or `refresh 1000`, of the binary that it
//! names.

#[path = "core/node.rs"]
mod node;

use std::{hint::black_box, time::Duration};

use libp2p_dns_discovery::{Config, hickory_proto::op::Message};
use node::{Node, answer, message};
use web_time::Instant;

const SIZES: [u32; 3] = [10, 100, 1_000];
/// More records than a message carries.
const MANY: u32 = 100_000;
/// How many nodes share a process.
const NODES: usize = 1_000;
/// How often each thing is measured.
const RUNS: u64 = 200;

/// What the table says: what is measured, what it was before, and what is wanted.
const ROWS: [(&str, &str, &str); 7] = [
    (
        "An answer until it is followed, of decoding (10, 100, 1,000 A); allocations a record",
        "7.2, 6.6, 6.5; 7.5",
        "1.5; 2",
    ),
    (
        "A refresh that changes nothing, the answer shuffled, of decoding; allocations a record",
        "2.9, 2.0, 2.1; 0.27",
        "0.2; 0",
    ),
    ("100,000 records, new: ns a record", "761", "250"),
    ("100,000 records, unchanged: ns a record", "559", "40"),
    ("An event that is no concern of ours, among 1,000: µs; allocations", "1", "1; 0"),
    ("A poll with nothing to do, among 1,000: µs; allocations", "1", "1; 0"),
    ("Memory of each of 1,000 nodes in one process that name each other: KiB", "–", "64"),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [what, n] => repeat(what, n.parse().expect("how many records")),
        _ => {
            let table = table();
            print!("{table}");
            if args.iter().any(|arg| arg == "--write") {
                write(&table);
            }
        }
    }
}

fn table() -> String {
    let answers = SIZES.map(|n| ratio(n, |turn| take_new(n, turn)));
    let refreshes = SIZES.map(|n| {
        let mut node = Node::settled(Config::new(), n, clock());
        ratio(n, |turn| take_again(&mut node, n, turn))
    });
    let (stranger, idle) = events();
    let [new, unchanged] = many();
    let now = [
        told(&answers),
        told(&refreshes),
        format!("{new:.0}"),
        format!("{unchanged:.0}"),
        stranger,
        idle,
        format!("{:.0}", memory()),
    ];
    let mut table = "| | Before | Now | Wanted |\n|---|---|---|---|\n".to_owned();
    for ((what, before, wanted), now) in ROWS.iter().zip(now) {
        table.push_str(&format!("| {what} | {before} | {now} | {wanted} |\n"));
    }
    table
}

/// Replaces the table of FIGURES.md that has our first row.
fn write(table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/FIGURES.md");
    let text = std::fs::read_to_string(path).expect("FIGURES.md");
    let row = text.find(&format!("| {} |", ROWS[0].0)).expect("the table in FIGURES.md");
    let start = text[..row].rfind("\n\n").map_or(0, |at| at + 2);
    let end = text[row..].find("\n\n").map_or(text.len(), |at| row + at + 1);
    let text = [&text[..start], table, &text[end..]].concat();
    std::fs::write(path, text).expect("FIGURES.md is written");
}

/// Ratios, and allocations of the largest a record.
fn told(measured: &[(f64, f64)]) -> String {
    let ratios: Vec<_> = measured.iter().map(|(ratio, _)| format!("{ratio:.2}")).collect();
    let allocations = measured.last().map_or(0.0, |(_, allocations)| *allocations);
    format!("{}; {allocations:.2}", ratios.join(", "))
}

#[expect(clippy::disallowed_methods, reason = "it is measured, and the epoch of a virtual clock")]
fn clock() -> Instant {
    Instant::now()
}

/// How long something takes, and how often it allocates. What it makes is dropped later.
fn cost<T>(act: impl FnOnce() -> T) -> (Duration, u64) {
    let (mut took, mut made) = (Duration::ZERO, None);
    let allocated = allocation_counter::measure(|| {
        let start = clock();
        made = Some(black_box(act()));
        took = start.elapsed();
    });
    (took, allocated.count_total)
}

/// Takes an answer to a node that knows nothing, up to the first dials.
fn take_new(n: u32, turn: u64) -> (Duration, u64) {
    let mut node = Node::new(Config::new(), clock());
    let (lookup, answer) = (node.asks(), answer(n, turn));
    cost(|| node.answered(lookup, answer))
}

/// Takes an answer that says what the last one said.
fn take_again(node: &mut Node, n: u32, turn: u64) -> (Duration, u64) {
    let (lookup, answer) = (node.asks(), answer(n, turn));
    cost(|| node.answered(lookup, answer))
}

/// How long something takes beside decoding the message of an answer, and how often it allocates a record.
fn ratio(n: u32, mut subject: impl FnMut(u64) -> (Duration, u64)) -> (f64, f64) {
    let message = message(&answer(n, 0));
    let (mut decoding, mut taking, mut allocated) = (Vec::new(), Vec::new(), Vec::new());
    for turn in 1..=RUNS {
        decoding.push(cost(|| Message::from_vec(&message)).0);
        let (took, allocations) = subject(turn);
        taking.push(took);
        allocated.push(allocations);
    }
    let ratio = least(&taking).as_secs_f64() / least(&decoding).as_secs_f64();
    (ratio, median(allocated) as f64 / f64::from(n))
}

/// A neighbour on the machine makes it longer, and never shorter.
fn least(took: &[Duration]) -> Duration {
    took.iter().min().copied().unwrap_or_default()
}

fn median(mut all: Vec<u64>) -> u64 {
    all.sort_unstable();
    all[all.len() / 2]
}

/// What a record of a very large answer takes, new and unchanged, in nanoseconds.
fn many() -> [f64; 2] {
    let new: Vec<_> = (0..9).map(|turn| take_new(MANY, turn).0).collect();
    let mut node = Node::settled(Config::new(), MANY, clock());
    let again: Vec<_> = (1..20).map(|turn| take_again(&mut node, MANY, turn).0).collect();
    [new, again].map(|took| least(&took).as_nanos() as f64 / f64::from(MANY))
}

/// What a stranger's connection costs, and a poll with nothing to do.
fn events() -> (String, String) {
    let mut node = Node::settled(Config::new(), 1_000, clock());
    let told = |mut act: Box<dyn FnMut(usize) + '_>| {
        let (took, allocated): (Vec<_>, Vec<_>) = (0..1_000).map(|i| cost(|| act(i))).unzip();
        format!("{:.1}; {}", least(&took).as_nanos() as f64 / 1_000.0, median(allocated))
    };
    let address = "/ip4/192.168.0.1/tcp/55555".parse().expect("an address");
    let stranger = told(Box::new(|i| node.stranger(i, &address)));
    let idle = told(Box::new(|_| assert!(node.core.poll_output(node.now).is_none())));
    (stranger, idle)
}

/// How many KiB each of many nodes takes that share a configuration and were answered alike.
fn memory() -> f64 {
    let (mut nodes, now, config) = (Vec::new(), clock(), Config::new());
    let held = allocation_counter::measure(|| {
        nodes = (0..NODES).map(|_| Node::settled(config.clone(), NODES as u32, now)).collect();
    });
    held.bytes_current as f64 / 1_024.0 / nodes.len() as f64
}

/// Does one thing again and again, for a profile.
fn repeat(what: &str, n: u32) {
    let mut node = Node::settled(Config::new(), n, clock());
    for turn in 0..RUNS {
        match what {
            "answer" => take_new(n, turn),
            "refresh" => take_again(&mut node, n, turn),
            _ => panic!("`answer` or `refresh`"),
        };
    }
}
