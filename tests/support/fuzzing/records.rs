//! Any records as the answers to what a discovery asks.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p_dns_discovery::{
    Candidate, Config, Event, Limits, Query, Source,
    discovery::{Discovery, LookupId, Output},
    hickory_proto::rr::RecordType,
};

use super::{
    allowed,
    input::Input,
    universe::{epoch, peer},
};

mod make;

use self::make::Reply;
pub use self::make::failure;

/// How many look-ups one refresh of one source may make.
const LOOKUPS: usize = 128;
/// How many instants a run goes through: enough for a second and a third look at the same names.
const INSTANTS: usize = 8;
/// A slice is of so many records at the least: large answers are read in slices.
const SLICE: usize = 128;

/// The forms of a source, all of them about the name `a`. `ID` stands for a peer's id.
const SOURCES: [&str; 20] = [
    "/dns/a./tcp/4001",
    "/dns4/a./udp/4001/quic-v1|/tcp/4001",
    "/dns6/a./tcp/443/tls/ws",
    "/dnsaddr/a.",
    "srv:_p._tcp.a.",
    "srv:_p._tcp.a./udp/0/quic-v1|/tcp/0",
    "srv:_p._tcp.a./tls/ws",
    "/dns/a/tcp/4001",
    "/dnsaddr/a",
    "srv:_p._tcp.a",
    "/dnsaddr/a./p2p/ID",
    "/dns/a./tcp/4001/p2p/ID",
    "/dns/a./udp/4001/webrtc-direct",
    "/dns/a./tcp/4001?sampled",
    "/dnsaddr/a.?pinned",
    "/dnsaddr/a.?secure",
    "/ip4/10.0.0.1/tcp/4001",
    "/ip4/127.0.0.1/tcp/4001",
    "/ip4/224.0.0.1/tcp/4001",
    "/memory/7",
];

/// Whatever answers say, the candidates are few, in order, allowed, and do not depend on the order
/// of the records.
pub fn records(bytes: &[u8]) {
    let case = Case::read(&mut Input::new(bytes));
    let first = Run::new(&case).finish(&case.replies);
    let shuffled: Vec<_> = case.replies.iter().map(|reply| reply.turned(case.turn)).collect();
    let second = Run::new(&case).finish(&shuffled);
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one, other, "the order of records matters");
    }
    assert_eq!(first.len(), second.len(), "the order of records matters");
}

#[derive(Debug)]
struct Case {
    sources: Vec<Source>,
    most: usize,
    turn: usize,
    replies: Vec<Reply>,
}

impl Case {
    fn read(input: &mut Input<'_>) -> Self {
        let count = 1 + input.below(3);
        let mut sources: Vec<_> =
            (0..count).map(|_| written(input.choose::<&str>(&SOURCES))).collect();
        sources.dedup();
        let most = *input.choose(&[16_384, 1, 3, 8]);
        let turn = input.below(256);
        let slots = 1 + input.below(4);
        let replies = (0..slots).map(|_| make::reply(input)).collect();
        Self { sources, most, turn, replies }
    }
}

fn written(text: &str) -> Source {
    text.replace("ID", &peer(1).to_base58()).parse().expect("a source")
}

/// One run of a case.
struct Run<'a> {
    case: &'a Case,
    core: Discovery,
    now: Instant,
    /// What came out, as text, to be compared.
    log: Vec<String>,
    asked: Vec<(LookupId, Query)>,
    /// Look-ups at this instant.
    queries: usize,
    /// How many records were answered, and in how many slices they were read.
    records: usize,
    slices: usize,
    told: BTreeMap<String, Vec<Candidate>>,
    /// Whether an answer claimed to be complete, or a denial came.
    any_complete: bool,
    any_secure: bool,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case) -> Self {
        let most = case.most.try_into().expect("not zero");
        let now = epoch();
        let config = Config::new().with_limits(Limits::new().with_candidates(most));
        let mut core = Discovery::new(config, peer(0), 7, now);
        for source in &case.sources {
            core.add_source(source.clone(), now);
        }
        Self {
            case,
            core,
            now,
            log: Vec::new(),
            asked: Vec::new(),
            queries: 0,
            records: 0,
            slices: 0,
            told: BTreeMap::new(),
            any_complete: false,
            any_secure: false,
        }
    }

    fn finish(mut self, replies: &[Reply]) -> Vec<String> {
        let mut overdue = 0;
        for instant in 0..INSTANTS {
            self.settle(instant, replies);
            let Some(next) = self.core.poll_timeout() else { break };
            // A refresh that is hastened may have been due already.
            overdue = if next > self.now { 0 } else { overdue + 1 };
            assert!(overdue < 4, "a timeout that has passed is a busy loop");
            self.log.push(format!("{next:?}"));
            self.now = next.max(self.now);
            self.core.handle_timeout(next);
        }
        self.check_sources();
        self.log
    }

    /// Answers everything that is asked, until nothing is, and all answers are read.
    fn settle(&mut self, instant: usize, replies: &[Reply]) {
        self.queries = 0;
        loop {
            while let Some(output) = self.core.poll_output(self.now) {
                self.note(output);
            }
            if self.asked.is_empty() {
                if !self.reads_on() {
                    return;
                }
                continue;
            }
            for (id, query) in std::mem::take(&mut self.asked) {
                let slot = (hash(&query) + instant) % replies.len();
                let answer = replies[slot].to(&query);
                if let Ok(answer) = &answer {
                    self.records += answer.records.len();
                    self.any_complete |= answer.complete;
                    self.any_secure |= answer.proof == Some(libp2p_dns_discovery::Proof::Secure);
                }
                self.core.handle_lookup(id, answer);
            }
        }
    }

    /// Has the core go on, if there is more to do at once.
    fn reads_on(&mut self) -> bool {
        let is_due = self.core.poll_timeout().is_some_and(|at| at <= self.now);
        if is_due && self.slices < self.records / SLICE {
            self.slices += 1;
            self.core.handle_timeout(self.now);
            return true;
        }
        false
    }

    fn note(&mut self, output: Output) {
        self.log.push(format!("{output:?}"));
        match output {
            Output::Lookup { id, query, .. } => {
                self.check_query(&query);
                self.asked.push((id, query));
            }
            Output::Dial { address, .. } => {
                let by_operator =
                    self.case.sources.iter().any(|s| s.to_string() == address.to_string());
                let forbidden = if by_operator {
                    allowed::never(&address)
                } else {
                    allowed::not_by_dns(&address)
                };
                assert_eq!(forbidden, None, "{address} is dialled");
            }
            Output::Event(event) => self.check_event(event),
            _ => {}
        }
    }

    fn check_query(&mut self, query: &Query) {
        self.queries += 1;
        assert!(self.queries <= LOOKUPS * self.case.sources.len(), "{} look-ups", self.queries);
        let relative = ["a", "_dnsaddr.a", "_p._tcp.a"];
        let name = query.name.to_ascii();
        assert!(query.name.is_fqdn() || relative.contains(&name.as_str()), "{query}");
        let types = [RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::TXT];
        assert!(types.contains(&query.record_type), "{query}");
    }

    fn check_event(&mut self, event: Event) {
        match event {
            Event::Resolved { source, candidates, complete, dropped, dropped_total, .. } => {
                assert!(dropped.len() <= 16 && dropped.len() <= dropped_total);
                for dropped in dropped.iter().map(ToString::to_string) {
                    assert!(dropped.len() < 6_000, "{dropped}");
                    assert!(!dropped.contains(char::is_control), "{dropped:?}");
                }
                let is_static = !self.is_looked_up(&source);
                assert!(!complete || is_static || self.any_complete, "{source} is not complete");
                assert!(!source.is_secure() || self.any_secure, "{source} has no proof");
                self.check_candidates(&source, &candidates);
                self.told.insert(source.to_string(), candidates.to_vec());
            }
            Event::LookupFailed { failures, retry_in, .. } => {
                assert!(failures > 0 && retry_in > Duration::ZERO);
            }
            _ => {}
        }
    }

    fn check_candidates(&self, source: &Source, candidates: &[Candidate]) {
        assert!(candidates.is_sorted_by(|a, b| a < b), "{candidates:?}");
        assert!(candidates.len() <= self.case.most, "{}", candidates.len());
        let by_dns = self.is_looked_up(source);
        let names_peer = source.to_string().contains("/p2p/");
        for candidate in candidates {
            let address = candidate.address();
            let forbidden =
                if by_dns { allowed::not_by_dns(address) } else { allowed::never(address) };
            assert_eq!(forbidden, None, "{candidate} of {source}");
            assert!(!source.is_pinned() || candidate.pinned().is_some(), "{candidate}");
            assert!(!names_peer || candidate.pinned() == Some(&peer(1)), "{candidate}");
            let read = candidate.to_string().parse().map(|address| Candidate::new(&address));
            assert!(read.is_ok_and(|read| read == *candidate), "{candidate} is not read as itself");
        }
    }

    fn is_looked_up(&self, source: &Source) -> bool {
        let text = source.to_string();
        text.starts_with("/dns") || text.starts_with("srv:")
    }

    /// What was told is what there is.
    fn check_sources(&self) {
        for source in self.core.sources() {
            let held = self.core.candidates_of(source);
            let told = self.told.get(&source.to_string()).map(Vec::as_slice);
            assert_eq!(held.as_deref(), told, "{source}");
        }
        let live = self.core.candidates().filter(|(_, state)| {
            !matches!(state, libp2p_dns_discovery::CandidateState::Rejected(_))
        });
        assert!(live.count() <= self.case.most);
    }
}

/// The same number for the same query, whatever its letters' case (FNV-1a).
fn hash(query: &Query) -> usize {
    let text = query.to_string().to_lowercase();
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 8) as usize
}
