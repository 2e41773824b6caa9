//! What DNS tells each node: all of it, a view, a sample, a cut, what was true a while ago, or
//! nothing.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use libp2p_dns_discovery::{
    Answer, LookupError,
    hickory_proto::rr::{Name, RData, Record},
};
use web_time::Instant;

use crate::world::ip;

/// What a node's resolver sees of the members.
#[derive(Debug, Clone, Copy)]
pub enum View {
    /// All of them.
    All,
    /// A part of them, chosen once for each node: this many in a hundred.
    Percent(u8),
    /// This many, chosen anew for every answer, without saying so.
    Sample(usize),
    /// This many, chosen anew for every answer, which says that it was cut.
    Cut(usize),
    /// Those that this says, of a node and a member.
    Split(fn(usize, usize) -> bool),
}

/// How DNS fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// No server answers.
    Silent,
    /// Every answer is SERVFAIL.
    ServerFailed,
    /// Every answer is NXDOMAIN.
    Empty,
    /// One answer in so many is NXDOMAIN.
    NxDomainOneIn(u64),
    /// One answer in so many is SERVFAIL.
    ServerFailedOneIn(u64),
    /// One answer in so many is NXDOMAIN, and as many are SERVFAIL.
    FlakyOneIn(u64),
}

/// How far back views may lag.
const HISTORY: Duration = Duration::from_secs(600);

type Reply = Result<Answer, LookupError>;

/// The name service.
#[derive(Debug)]
pub struct Dns {
    /// The nodes that the name stands for.
    pub members: BTreeSet<usize>,
    pub view: View,
    pub fault: Fault,
    pub ttl: u32,
    /// How long NXDOMAIN may be believed.
    pub negative_ttl: Duration,
    /// How many neighbours share a caching resolver; without one, every look-up is answered afresh.
    pub share_cache: Option<usize>,
    /// How many look-ups a second the server answers: those beyond are dropped.
    pub capacity: usize,
    /// By how many seconds the server of a node lags behind the members.
    pub lag: fn(usize) -> u64,
    /// Look-ups in each second since the first.
    pub load: HashMap<u64, usize>,
    caches: HashMap<usize, Cached>,
    /// The members since each instant, the latest last.
    history: VecDeque<(Instant, BTreeSet<usize>)>,
    first: Option<Instant>,
    seed: u64,
    rng: fastrand::Rng,
}

/// What a caching resolver holds, and until when.
#[derive(Debug)]
struct Cached {
    reply: Reply,
    until: Instant,
}

impl Dns {
    pub fn new(seed: u64) -> Self {
        Self {
            members: BTreeSet::new(),
            view: View::All,
            fault: Fault::None,
            ttl: 30,
            negative_ttl: Duration::from_secs(5),
            share_cache: None,
            capacity: usize::MAX,
            lag: |_| 0,
            load: HashMap::new(),
            caches: HashMap::new(),
            history: VecDeque::new(),
            first: None,
            seed,
            rng: fastrand::Rng::with_seed(seed ^ 0xd15),
        }
    }

    /// The answer to a node, or `None` if there never is one.
    pub fn answer(&mut self, node: usize, now: Instant) -> Option<Reply> {
        let Some(neighbours) = self.share_cache else { return self.ask_server(node, now) };
        let cache = node / neighbours;
        if let Some(cached) = self.caches.get(&cache).filter(|cached| cached.until > now) {
            return Some(cached.after(now));
        }
        let reply = self.ask_server(node, now)?;
        let ttl = match &reply {
            Ok(_) => Duration::from_secs(self.ttl.into()),
            Err(LookupError::Nothing(_)) => self.negative_ttl,
            Err(_) => Duration::ZERO,
        };
        self.caches.insert(cache, Cached { reply: reply.clone(), until: now + ttl });
        Some(reply)
    }

    fn ask_server(&mut self, node: usize, now: Instant) -> Option<Reply> {
        let second = (now - *self.first.get_or_insert(now)).as_secs();
        let load = self.load.entry(second).or_default();
        *load += 1;
        if *load > self.capacity {
            return None;
        }
        match self.fails() {
            Some(Fault::Silent) => None,
            Some(Fault::ServerFailed) => Some(Err(LookupError::ServerFailed("SERVFAIL".into()))),
            Some(_) => Some(self.nothing()),
            None => Some(self.fresh(node, now)),
        }
    }

    /// How the server fails this time, if it does.
    fn fails(&mut self) -> Option<Fault> {
        let mut one_in = |n: u64| self.rng.u64(..n) == 0;
        match self.fault {
            Fault::None => None,
            fault @ (Fault::Silent | Fault::ServerFailed | Fault::Empty) => Some(fault),
            Fault::NxDomainOneIn(n) => one_in(n).then_some(Fault::Empty),
            Fault::ServerFailedOneIn(n) => one_in(n).then_some(Fault::ServerFailed),
            Fault::FlakyOneIn(n) if one_in(n) => Some(Fault::Empty),
            Fault::FlakyOneIn(n) => one_in(n).then_some(Fault::ServerFailed),
        }
    }

    /// What a node's server says now.
    fn fresh(&mut self, node: usize, now: Instant) -> Reply {
        let members = self.members_for(node, now);
        let mut seen: Vec<usize> =
            members.iter().copied().filter(|m| self.sees(node, *m)).collect();
        self.rng.shuffle(&mut seen);
        let complete = match self.view {
            View::Cut(n) => {
                let cut = seen.len() > n;
                seen.truncate(n);
                !cut
            }
            View::Sample(n) => {
                seen.truncate(n);
                true
            }
            View::All | View::Percent(_) | View::Split(_) => true,
        };
        if seen.is_empty() {
            return self.nothing();
        }
        let name = Name::from_ascii("peers.test.").expect("a name");
        let record =
            |m: &usize| Record::from_rdata(name.clone(), self.ttl, RData::A(ip(*m).into()));
        let records = seen.iter().map(record).collect();
        Ok(Answer::new(name.clone(), records).with_complete(complete))
    }

    fn nothing(&self) -> Reply {
        Err(LookupError::nx_domain(Some(self.negative_ttl)))
    }

    fn sees(&self, node: usize, member: usize) -> bool {
        match self.view {
            View::Percent(percent) if node != member => {
                let pair = (node as u64) << 32 | member as u64;
                fastrand::Rng::with_seed(self.seed ^ pair.wrapping_mul(0x9e37_79b9_7f4a_7c15))
                    .u8(..100)
                    < percent
            }
            View::Split(sees) => sees(node, member),
            _ => true,
        }
    }

    /// The members as a node's server knows them.
    fn members_for(&self, node: usize, now: Instant) -> &BTreeSet<usize> {
        let lag = Duration::from_secs((self.lag)(node));
        if lag.is_zero() {
            return &self.members;
        }
        let known = self.history.iter().rev().find(|(since, _)| *since + lag <= now);
        known.or(self.history.front()).map_or(&self.members, |(_, members)| members)
    }

    /// Takes note of a change of the members, for those servers that lag behind.
    pub(crate) fn note_members(&mut self, now: Instant) {
        if self.history.back().is_some_and(|(_, members)| *members == self.members) {
            return;
        }
        self.history.push_back((now, self.members.clone()));
        // The one before the last that is too old still holds until that one.
        while self.history.get(1).is_some_and(|(since, _)| *since + HISTORY < now) {
            self.history.pop_front();
        }
    }
}

impl Cached {
    /// The reply as it is served later: what is left of its TTL is a whole number of seconds.
    fn after(&self, now: Instant) -> Reply {
        let mut answer = self.reply.clone()?;
        let left = u32::try_from((self.until - now).as_secs()).unwrap_or(u32::MAX);
        for record in &mut answer.records {
            record.ttl = left;
        }
        Ok(answer)
    }
}
