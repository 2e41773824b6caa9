//! The look-ups of one refresh of one source, and what comes of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    net::IpAddr,
    num::NonZeroU16,
};

use hickory_proto::rr::{Name, Record, RecordType};
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

pub(crate) use self::outcome::{Named, Resolution};
pub(super) use self::tally::earlier_domain_failed;
use self::{hosts::Hosts, tally::Tally};
use crate::{
    alias::{Chain, NoEnd},
    config::Limits,
    pool::Pool,
    record::{self, Dropped, Glue, Section, Why},
    resolver::{Answer, LookupError, Proof, Query},
    source::{Dnsaddr, Families, Host, Kind, Source, Srv, Tail},
};

mod hosts;
mod outcome;
mod tally;
#[cfg(test)]
mod tests;

/// The look-up plan of one refresh of one source: says what to ask, takes the answers in any order,
/// and says what they amount to.
///
/// ```text
/// while let Some((step, query)) = refresh.poll_query() { … start the look-up … }
/// on a result: refresh.handle_result(step, result), then poll again
/// once refresh.is_done(), or at a deadline: refresh.finish(pool)
/// ```
///
/// The outcome depends on what the answers say, not on the order of their records.
#[derive(Debug)]
pub(crate) struct Refresh {
    limits: Limits,
    /// Whether only what is proved secure counts.
    secure: bool,
    /// How many look-ups were planned, which is also the next step's id.
    steps: u32,
    waiting: VecDeque<(u32, Step)>,
    under_way: BTreeMap<u32, Step>,
    /// The `dnsaddr` names that were asked for, so that circles end.
    visited: HashSet<Dnsaddr>,
    /// Questions that count as "nothing" unless they are answered this time.
    given_up: HashSet<Query>,
    asked: HashSet<Query>,
    hosts: Hosts,
    tally: Tally,
}

/// One look-up.
#[derive(Debug, Clone)]
struct Step {
    query: Query,
    task: Task,
    /// The names that CNAME-only answers led through.
    aliases: Chain<()>,
}

/// What the answer is for.
#[derive(Debug, Clone)]
enum Task {
    /// Addresses of the host that [`Hosts`] knows by this name.
    Addresses(Name),
    Targets(Srv),
    /// Entries that end in this id, if there is one, at this depth of recursion.
    Entries(Option<PeerId>, usize),
}

impl Refresh {
    pub(crate) fn new(source: &Source, limits: &Limits) -> Self {
        let mut this = Self {
            limits: limits.clone(),
            secure: source.is_secure(),
            steps: 0,
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            visited: HashSet::new(),
            given_up: HashSet::new(),
            asked: HashSet::new(),
            hosts: Hosts::new(limits.records_per_answer),
            tally: Tally::default(),
        };
        match source.kind() {
            Kind::Static(candidate) => {
                this.hosts.add_address(candidate.clone());
                this.tally.note_records();
            }
            Kind::Host(host) => this.host(host),
            Kind::Srv(srv) => {
                let query = Query::new(srv.owner.clone(), RecordType::SRV);
                this.ask(query, Task::Targets(srv.clone()));
            }
            Kind::Dnsaddr(dnsaddr) => this.dnsaddr(dnsaddr, 0),
        }
        this
    }

    /// Takes these questions for "nothing" unless they are answered, and waits for none of them.
    pub(crate) fn giving_up(mut self, given_up: HashSet<Query>) -> Self {
        self.given_up = given_up;
        self
    }

    /// Next query to send, with the step id by which its result is to be handed back.
    pub(crate) fn poll_query(&mut self) -> Option<(u32, Query)> {
        let (id, step) = self.waiting.pop_front()?;
        let query = step.query.clone();
        self.asked.insert(query.clone());
        self.under_way.insert(id, step);
        Some((id, query))
    }

    /// What a step that is under way asks.
    pub(crate) fn query_of(&self, step: u32) -> Option<&Query> {
        self.under_way.get(&step).map(|step| &step.query)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> &HashSet<Query> {
        &self.asked
    }

    /// The questions under way.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &Query> {
        self.under_way.values().map(|step| &step.query)
    }

    /// Takes the result of a look-up. Unknown and repeated steps are no-ops.
    pub(crate) fn handle_result(&mut self, step: u32, result: Result<Answer, LookupError>) {
        let Some(step) = self.under_way.remove(&step) else {
            return;
        };
        match result {
            Ok(answer) if self.secure && answer.proof != Some(Proof::Secure) => {
                self.tally.fail(LookupError::Insecure(answer.proof));
            }
            Err(LookupError::Nothing(nothing))
                if self.secure && nothing.proof != Some(Proof::Secure) =>
            {
                self.tally.fail(LookupError::Insecure(nothing.proof));
            }
            Ok(answer) => self.handle_answer(step, &answer),
            Err(LookupError::Nothing(nothing)) => {
                if matches!(step.task, Task::Entries(_, depth) if depth > 0) {
                    self.tally.note_hollow();
                }
                self.tally.fail(LookupError::Nothing(nothing));
            }
            Err(LookupError::Refused | LookupError::ServerFailed(_) | LookupError::TimedOut)
                if self.given_up.contains(&step.query) =>
            {
                self.tally.fail(LookupError::no_data(None));
            }
            Err(error) => self.tally.fail(error),
        }
    }

    /// Whether nothing is waited for but questions that count as "nothing".
    pub(crate) fn waits_in_vain(&self) -> bool {
        let in_vain = |step: &Step| self.given_up.contains(&step.query);
        self.waiting.is_empty() && self.under_way.values().all(in_vain)
    }

    /// The candidates that are named by what was answered so far; `None` if nothing was.
    pub(crate) fn so_far(&self, pool: &Pool) -> Option<Vec<Named>> {
        let mut tally = self.tally.clone();
        // What is behind a domain that failed is judged as a whole.
        let is_usable = tally.has_records() && !tally.is_provisional();
        is_usable.then(|| self.hosts.clone().candidates(&mut tally, pool))
    }

    /// Whether no query is waiting or under way.
    pub(crate) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    /// The outcome. Look-ups still waiting or under way count as timed out.
    pub(crate) fn finish(mut self, pool: &Pool) -> Result<Resolution, LookupError> {
        if !self.is_done() {
            self.tally.fail(match self.waits_in_vain() {
                true => LookupError::no_data(None),
                false => LookupError::TimedOut,
            });
        }
        if self.hosts.has_hollow() {
            self.tally.note_hollow();
        }
        let candidates = self.hosts.candidates(&mut self.tally, pool);
        self.tally.resolution(candidates)
    }

    fn handle_answer(&mut self, step: Step, answer: &Answer) {
        let section = Section::of(&step.query, answer);
        self.tally.answer(answer, section.ttl);
        if section.records.is_empty() {
            return self.handle_empty(step, answer, &section);
        }
        // Where this is not the source's own name, that one had records, or nobody had asked.
        self.tally.note_records();
        match step.task {
            Task::Addresses(host) => {
                let addresses = record::addresses(section.records);
                let addresses = self.bounded(addresses, &step.query);
                self.add_ips(host, addresses, &step.query);
            }
            Task::Targets(srv) => {
                let targets = record::targets(section.records);
                if !answer.complete {
                    self.complete(&srv, &targets);
                }
                self.targets(&step.query, answer, targets, &srv);
            }
            Task::Entries(peer, depth) => self.entries(&step.query, section.records, peer, depth),
        }
    }

    /// Takes an answer that says nothing of where peers are.
    fn handle_empty(&mut self, step: Step, answer: &Answer, section: &Section<'_>) {
        if section.aliased && !section.answered {
            self.follow(step, section.end.clone());
        } else if !answer.complete {
            self.tally.fail(LookupError::failed("the answer was truncated to nothing"));
        } else {
            self.tally.fail(LookupError::no_data(None));
        }
    }

    /// Asks for the end of a CNAME chain, where an answer has only the chain.
    fn follow(&mut self, mut step: Step, end: Option<Name>) {
        // Without an end, the answer itself leads in a circle.
        let link = end.ok_or(NoEnd::Circle).and_then(|end| {
            step.query.name = end.clone();
            step.aliases.add((), end)
        });
        match link {
            Ok(()) => {}
            Err(NoEnd::Circle) => {
                return self.tally.fail(LookupError::failed("the CNAME records lead in a circle"));
            }
            Err(NoEnd::TooLong) => {
                return self
                    .tally
                    .fail(LookupError::failed("the chain of CNAME records is too long"));
            }
        }
        self.plan(step);
    }

    /// Plans to complete SRV records of which some were cut off: many times as many address records
    /// fit into an answer. They carry no port, so all records that came must agree on one.
    ///
    /// The result still counts as a part. An address record may be of another endpoint than an SRV
    /// record, and nothing says that one of each endpoint is there.
    fn complete(&mut self, srv: &Srv, targets: &BTreeSet<(Name, u16)>) {
        let ports: BTreeSet<_> = targets.iter().map(|(_, port)| *port).collect();
        let mut ports = ports.into_iter();
        let (Some(port), None, Some(host)) = (ports.next(), ports.next(), srv.host()) else {
            return;
        };
        // A port of 0 is told with the record that has it.
        let tails = srv.tails.iter().filter_map(|tail| tail.at(port)).map(Some);
        let suffixes = self.suffixes(tails, &host, srv.pin);
        if !suffixes.is_empty() {
            // Before the look-ups of targets, since these may use up what the limit allows.
            self.look_up(&host, Families::Both);
            self.hosts.add_whole(host, suffixes);
        }
    }

    /// Takes SRV records: their targets with the glue that came along, or else by look-ups.
    fn targets(
        &mut self,
        query: &Query,
        answer: &Answer,
        targets: BTreeSet<(Name, u16)>,
        srv: &Srv,
    ) {
        let mut glue = Glue::of(answer);
        for (target, port) in self.bounded(targets, query) {
            let tails = srv.tails.iter().map(|tail| tail.at(port));
            let suffixes = self.suffixes(tails, &target, srv.pin);
            if suffixes.is_empty() {
                continue;
            }
            // One family in the glue is enough: a server adds all that it has, or none.
            if let Some((ips, ttl)) = glue.take(&target) {
                self.tally.note_ttl(Some(ttl));
                let (v4, v6) = ips.into_iter().partition(|ip| ip.is_ipv4());
                for ips in [v4, v6] {
                    let ips = self.bounded(ips, query);
                    self.add_ips(target.clone(), ips, query);
                }
            } else if !self.hosts.is_known(&target) && !self.look_up(&target, Families::Both) {
                continue;
            }
            self.add_use(target, Families::Both, suffixes);
        }
    }

    /// Takes the TXT records of a `dnsaddr` name.
    fn entries(
        &mut self,
        query: &Query,
        records: Vec<&Record>,
        peer: Option<PeerId>,
        depth: usize,
    ) {
        let longest = self.limits.text_length.get();
        for text in self.bounded(record::texts(records, longest), query) {
            let kind = match record::dnsaddr(&text, longest) {
                Some(Ok(kind)) => kind,
                Some(Err(dropped)) => {
                    self.tally.drop(dropped);
                    continue;
                }
                None => continue,
            };
            if peer.is_some() && pin_of(&kind) != peer {
                continue;
            }
            match kind {
                Kind::Static(candidate) => {
                    if !self.hosts.add_address(candidate) {
                        self.cut(&query.to_string(), self.too_many_records());
                    }
                }
                Kind::Host(host) => self.host(&host),
                Kind::Dnsaddr(dnsaddr) => self.dnsaddr(&dnsaddr, depth + 1),
                // Not a form that an entry can have.
                Kind::Srv(_) => {}
            }
        }
    }

    fn dnsaddr(&mut self, dnsaddr: &Dnsaddr, depth: usize) {
        if self.visited.contains(dnsaddr) {
            return;
        }
        let query = Query::new(dnsaddr.owner.clone(), RecordType::TXT);
        if depth > self.limits.recursion_depth {
            return self.cut(&query.to_string(), Why::TooDeep(self.limits.recursion_depth));
        }
        // What cannot be asked is not remembered either: an entry may lead to thousands.
        if self.ask(query, Task::Entries(dnsaddr.peer, depth)) {
            self.visited.insert(dnsaddr.clone());
        }
    }

    fn host(&mut self, host: &Host) {
        let Host { name, families, tails, pin } = host;
        let suffixes = self.suffixes(tails.iter().cloned().map(Some), name, *pin);
        if !suffixes.is_empty() && self.look_up(name, *families) {
            self.add_use(name.clone(), *families, suffixes);
        }
    }

    /// Looks up a host, unless that was done. Says whether anything may come of it.
    fn look_up(&mut self, name: &Name, families: Families) -> bool {
        let mut asked = false;
        for &record_type in families.record_types() {
            let query = Query::new(name.clone(), record_type);
            if self.hosts.is_asked(name, record_type) {
                asked = true;
            } else if self.ask(query, Task::Addresses(name.clone())) {
                self.hosts.note_asked(name, record_type);
                asked = true;
            }
        }
        asked
    }

    fn add_use(&mut self, name: Name, families: Families, suffixes: Vec<Multiaddr>) {
        if !self.hosts.add_use(name.clone(), families, suffixes) {
            self.cut(&name.to_ascii(), self.too_many_records());
        }
    }

    fn add_ips(&mut self, name: Name, ips: BTreeSet<IpAddr>, query: &Query) {
        if !self.hosts.add_ips(name, ips) {
            self.cut(&query.to_string(), self.too_many_records());
        }
    }

    fn too_many_records(&self) -> Why {
        Why::TooManyRecords(self.limits.records_per_answer.get())
    }

    /// What follows the host's IP addresses, in order of preference. Drops what has no port and
    /// what TLS could not check.
    fn suffixes(
        &mut self,
        tails: impl Iterator<Item = Option<Tail<NonZeroU16>>>,
        host: &Name,
        pin: Option<PeerId>,
    ) -> Vec<Multiaddr> {
        let mut suffixes = Vec::new();
        for tail in tails {
            let suffix = match tail {
                Some(tail) => tail.suffix(host, pin).ok_or(Why::NoServerName),
                None => Err(Why::PortZero),
            };
            match suffix {
                // A written port may be the record's port.
                Ok(suffix) if suffixes.contains(&suffix) => {}
                Ok(suffix) => suffixes.push(suffix),
                Err(why) => self.tally.drop(Dropped::new(&host.to_ascii(), why)),
            }
        }
        suffixes
    }

    fn ask(&mut self, query: Query, task: Task) -> bool {
        let start = record::absolute(&query.name);
        let aliases = Chain::new(start, self.limits.recursion_depth);
        self.plan(Step { query, task, aliases })
    }

    /// Plans a look-up; says whether there may be one more.
    fn plan(&mut self, step: Step) -> bool {
        let most = self.limits.lookups_per_refresh.get();
        if self.steps as usize >= most {
            self.cut(&step.query.to_string(), Why::TooManyLookups(most));
            return false;
        }
        self.waiting.push_back((self.steps, step));
        self.steps += 1;
        true
    }

    /// Keeps the lowest items, so that all nodes keep the same.
    fn bounded<T: Ord>(&mut self, mut items: BTreeSet<T>, query: &Query) -> BTreeSet<T> {
        let most = self.limits.records_per_answer.get();
        if items.len() > most {
            items = items.into_iter().take(most).collect();
            self.cut(&query.to_string(), self.too_many_records());
        }
        items
    }

    /// Notes that a bound cut something off.
    fn cut(&mut self, what: &str, why: Why) {
        self.tally.cut(Dropped::new(what, why));
    }
}

/// The peer that an entry names.
fn pin_of(kind: &Kind) -> Option<PeerId> {
    match kind {
        Kind::Static(candidate) => candidate.pinned().copied(),
        Kind::Host(host) => host.pin,
        Kind::Dnsaddr(dnsaddr) => dnsaddr.peer,
        Kind::Srv(srv) => srv.pin,
    }
}
