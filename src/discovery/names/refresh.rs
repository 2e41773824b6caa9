//! The look-ups of one refresh of one source, and their results.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    mem,
    net::IpAddr,
    time::Duration,
};

use hickory_proto::rr::{Name, RecordType};

use self::{
    found::Found,
    script::Said,
    spares::{from_turn, sampled},
    steps::{Step, Steps, Task},
    unread::{Entries, Targets, Unread},
};
pub(crate) use self::{
    known::Known,
    named::Named,
    outcome::{Resolution, Threads},
    recall::Recall,
    unread::AT_ONCE,
};
pub(super) use self::{
    origin::{Heard, Origin},
    tally::earlier_domain_failed,
};
use super::reply::{Reply, insecure};
use crate::{
    alias::NoEnd,
    config::Limits,
    name::Key,
    pool::Pool,
    record::{self, Section, Sum, Why, addresses},
    resolver::{Answer, LookupError, Nothing, NothingKind, Query},
    source::{Dnsaddr, Families, Host, Kind, Source, Srv},
};

mod found;
mod hosts;
mod known;
mod list;
mod named;
mod origin;
mod outcome;
mod recall;
mod script;
mod spares;
mod steps;
mod tally;
#[cfg(test)]
mod tests;
mod unread;

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
    steps: Steps,
    /// The `dnsaddr` names that were asked for, so that circles end, and at which depth.
    visited: HashMap<Dnsaddr, usize>,
    /// Questions that count as "nothing" unless they are answered this time.
    given_up: HashSet<Query>,
    /// How look-ups ended, until it is asked for.
    replies: Vec<(Query, Reply)>,
    found: Found,
    /// How many refreshes of the source went before this one.
    turn: usize,
    /// The question whose answer glue came along with.
    service: Option<Query>,
    /// What is still to be read of the answers.
    unread: VecDeque<Unread>,
    /// How much more is read before [`read_on`](Self::read_on) is called, however many answers come.
    room: usize,
}

impl Refresh {
    pub(crate) fn new(source: &Source, limits: &Limits) -> Self {
        let (limits, secure) = (limits.clone(), source.is_secure());
        let steps = Steps::new(limits.lookups_per_refresh);
        let found = Found::new(limits.records_per_answer);
        let (visited, given_up, replies, turn, service, unread) = Default::default();
        let mut this = Self {
            limits,
            secure,
            steps,
            visited,
            given_up,
            replies,
            found,
            turn,
            service,
            unread,
            room: AT_ONCE,
        };
        match source.kind() {
            Kind::Static(candidate) => {
                this.found.hosts.add_address(candidate.clone(), &Origin::default());
                this.found.tally.note_records();
            }
            Kind::Host(host) => this.host(host, None),
            Kind::Srv(srv) => {
                let query = Query::new(srv.owner.clone(), RecordType::SRV);
                this.ask(query, Task::Targets(srv.clone()), None);
            }
            Kind::Dnsaddr(dnsaddr) => this.dnsaddr(dnsaddr, 0, None),
        }
        this
    }

    /// Takes these questions for "nothing" unless they are answered, and waits for none of them. `turn`
    /// is how many refreshes went before this one, and `known` what was named last.
    pub(crate) fn after(mut self, turn: usize, given_up: HashSet<Query>, known: Known) -> Self {
        (self.turn, self.given_up) = (turn, given_up);
        self.found.note_known(known);
        self
    }

    /// Next query to send, with the step id by which its result is to be handed back.
    pub(crate) fn poll_query(&mut self) -> Option<(u32, Query)> {
        self.steps.start()
    }

    /// The questions under way.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &Query> {
        self.steps.under_way().map(|step| &step.question)
    }

    /// How the look-ups ended that have ended since this was asked for last.
    pub(crate) fn take_replies(&mut self) -> Vec<(Query, Reply)> {
        mem::take(&mut self.replies)
    }

    /// Takes the result of a look-up. Unknown and repeated steps are no-ops.
    pub(crate) fn handle_result(&mut self, step: u32, result: &Result<Answer, LookupError>) {
        let Some(step) = self.steps.end(step) else { return };
        match (self.secure.then(|| insecure(result)).flatten(), result) {
            (Some(error), _) => self.fail(&step, error),
            (None, Ok(answer)) => self.handle_answer(step, answer),
            (None, Err(error)) => self.fail(&step, error.clone()),
        }
    }

    /// Takes for a step what it was answered in an earlier refresh: it names the same, and nothing new was
    /// heard.
    pub(crate) fn handle_earlier(&mut self, step: u32, result: &Result<Answer, LookupError>) {
        // It is read at once, since what is read later counts as new.
        let (before, unread) = (self.replies.len(), mem::take(&mut self.unread));
        self.handle_result(step, result);
        self.read(usize::MAX);
        self.unread = unread;
        for (question, _) in self.replies.split_off(before) {
            self.found.note_heard(&question, Heard::Nothing);
        }
    }

    fn fail(&mut self, step: &Step, error: LookupError) {
        let error = match error {
            LookupError::Nothing(nothing) => LookupError::Nothing(
                nothing.with_provisional(nothing.provisional || step.is_provisional),
            ),
            error => error,
        };
        let said = Said::nothing(&error);
        self.end(step, error, said);
    }

    /// Ends a step without records.
    fn end(&mut self, step: &Step, error: LookupError, said: Option<Said>) {
        let reply = Reply::of(&error);
        let is_in_vain = matches!(reply, Reply::Refusal | Reply::Silence)
            && self.given_up.contains(&step.question);
        self.reply(step.question.clone(), said, reply);
        if let LookupError::Nothing(nothing) = &error
            && !nothing.provisional
        {
            let is_nested = matches!(step.task, Task::Entries(_, 1..));
            self.found.note_nothing(&step.question, nothing.kind, is_nested);
        }
        let error = if is_in_vain { LookupError::no_data(None) } else { error };
        self.found.note_failure(&step.question, error);
    }

    /// Notes how a question was answered.
    fn reply(&mut self, question: Query, said: Option<Said>, reply: Reply) {
        self.found.note_said(&question, said, reply);
        self.replies.push((question, reply));
    }

    /// Whether there are records by now.
    pub(crate) fn has_records(&self) -> bool {
        self.found.tally.has_records()
    }

    /// How many records the answers so far carried.
    pub(crate) fn records(&self) -> usize {
        self.found.tally.records()
    }

    /// Whether nothing is waited for but questions that count as "nothing".
    pub(crate) fn waits_in_vain(&self) -> bool {
        let is_given_up = |question: &Query| self.given_up.contains(question);
        !self.is_reading() && self.steps.are_started() && self.unanswered().all(is_given_up)
    }

    /// The candidates that are named by what was answered so far; `None` if nothing was.
    pub(crate) fn so_far(&self, pool: &Pool) -> Option<Vec<Named>> {
        self.found.so_far(pool)
    }

    /// Whether an answer has come that is still to be read, in whole or in part.
    pub(crate) fn is_reading(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Whether no query is waiting or under way, and all answers are read.
    pub(crate) fn is_done(&self) -> bool {
        self.steps.are_started() && self.unanswered().next().is_none() && !self.is_reading()
    }

    /// The outcome. Look-ups still waiting or under way count as timed out.
    pub(crate) fn finish(mut self, pool: &Pool) -> Result<Resolution, LookupError> {
        self.read_on(usize::MAX);
        for question in self.unanswered().cloned().collect::<Vec<_>>() {
            let is_in_vain = self.given_up.contains(&question);
            let error = if is_in_vain { LookupError::no_data(None) } else { LookupError::TimedOut };
            self.found.note_said(&question, None, Reply::Silence);
            self.found.note_failure(&question, error);
        }
        if !self.steps.are_started() {
            self.found.tally.fail(LookupError::TimedOut);
        }
        self.found.finish(&self.given_up, pool)
    }

    fn handle_answer(&mut self, step: Step, answer: &Answer) {
        let sum = self.found.sum(&step.query, answer);
        let section = Section::of(&step.query, answer, sum.one_owner);
        if section.records.is_empty() {
            return self.handle_empty(step, answer, &section, &sum);
        }
        let said = section.is_all.then(|| Said::answer(answer, &sum));
        let is_first = self.note_records(&step, answer, section.ttl);
        let question = &step.question;
        let sum = match step.task {
            Task::Addresses(host) => {
                self.addresses(host, &addresses(section.records.iter().copied()), question)
            }
            Task::Targets(srv) => {
                let targets = record::targets(section.records);
                let sum = self.found.key(&targets);
                if !answer.complete {
                    self.complete(&srv, &targets, question);
                }
                let targets = self.found.bounded(targets, question);
                self.unread.push_back(Unread::targets(question, targets, answer, srv));
                self.service = Some(question.clone());
                sum
            }
            Task::Entries(suffix, depth) => {
                let texts = record::texts(section.records, self.limits.text_length.get());
                let sum = self.found.key(&texts);
                let texts = self.found.bounded(texts, question);
                self.unread.push_back(Unread::entries(question, texts, suffix, depth));
                sum
            }
        };
        self.room = self.room.saturating_sub(self.read(self.room));
        // Several steps may have one question.
        if is_first {
            self.reply(step.question, said, Reply::Answer { ttl: section.ttl, sum });
        }
    }

    /// Takes the addresses of a host that the answer to a question names. Returns a key of them.
    fn addresses(&mut self, host: Name, ips: &[IpAddr], question: &Query) -> u64 {
        let list = self.found.list(ips);
        let sum = list.sum;
        self.found.add_ips(host.clone(), list, question.record_type, question);
        if self.found.hosts.note_addresses(&host) {
            self.ask_lacking();
        }
        sum
    }

    /// Notes that an answer has records. Says whether it is the first to the question.
    fn note_records(&mut self, step: &Step, answer: &Answer, ttl: Option<Duration>) -> bool {
        self.found.tally.answer(answer, ttl);
        // Where this is not the source's own name, that one had records, or nobody had asked.
        self.found.tally.note_records();
        let is_whole = answer.complete && !answer.provisional && !step.is_provisional;
        let heard = if is_whole { Heard::All } else { Heard::Part };
        self.found.note_heard(&step.question, heard)
    }

    /// Takes an answer that says nothing of where peers are.
    fn handle_empty(&mut self, step: Step, answer: &Answer, section: &Section<'_>, sum: &Sum) {
        self.found.tally.answer(answer, section.ttl);
        if section.aliased && !section.answered {
            self.follow(step, answer, section.end.clone());
        } else if !answer.complete {
            self.fail(&step, LookupError::failed("the answer was truncated to nothing"));
        } else {
            let provisional = answer.provisional || step.is_provisional;
            let nothing = Nothing::new(NothingKind::NoData, None).with_provisional(provisional);
            let said = (section.is_all && !provisional).then(|| Said::answer(answer, sum));
            self.end(&step, LookupError::Nothing(nothing), said);
        }
    }

    /// Asks for the end of a CNAME chain, where an answer has only the chain.
    fn follow(&mut self, mut step: Step, answer: &Answer, end: Option<Name>) {
        step.is_provisional |= answer.provisional;
        // Without an end, the answer itself leads in a circle.
        let link = end.ok_or(NoEnd::Circle).and_then(|end| {
            step.query.name = end.clone();
            step.aliases.add((), end)
        });
        let why = match link {
            Ok(()) => {
                let question = step.question.clone();
                self.found.note_end(step.query.clone(), question.clone());
                if !self.steps.add(step) {
                    self.found.cut(&question, self.too_many_lookups());
                    self.found.tally.fail(LookupError::failed("too many look-ups to follow CNAME"));
                }
                return;
            }
            Err(NoEnd::Circle) => "the CNAME records lead in a circle",
            Err(NoEnd::TooLong) => "the chain of CNAME records is too long",
        };
        self.fail(&step, LookupError::failed(why));
    }

    /// Reads on in the answers that have come, until so much was read. Returns how much it was.
    pub(crate) fn read_on(&mut self, enough: usize) -> usize {
        self.room = AT_ONCE;
        self.read(enough)
    }

    fn read(&mut self, enough: usize) -> usize {
        let mut read = 0;
        while read < enough
            && let Some(mut unread) = self.unread.pop_front()
        {
            while self.read_one(&mut unread) {
                read += unread.weight();
                if read >= enough {
                    self.unread.push_front(unread);
                    return read;
                }
            }
        }
        read
    }

    /// Reads one target or entry; says whether there was one.
    fn read_one(&mut self, unread: &mut Unread) -> bool {
        let read = match unread {
            Unread::Targets(of) => of.targets.next().map(|(at, port)| self.target(at, port, of)),
            Unread::Entries(of) => of.texts.next().map(|text| self.entry(&text, of)),
        };
        if read.is_none() && matches!(unread, Unread::Targets(_)) {
            self.ask_lacking();
        }
        read.is_some()
    }

    /// Takes an SRV record: its target with the glue that came along, or else by a look-up.
    fn target(&mut self, target: Key, port: u16, of: &mut Targets) {
        let query = &of.question;
        let tails = of.srv.tails.iter().map(|tail| tail.at(port));
        let suffixes = self.found.suffixes(tails, &target.0, of.srv.pin);
        if suffixes.is_empty() {
            // The glue stays: another record may name the target with a port that can be used.
            return;
        }
        let came_along = of.glue.take(&target);
        let Key(target) = target;
        if let Some((ips, ttl)) = came_along {
            let replies = self.found.add_glue(&target, ips, ttl, of.is_whole, query);
            self.replies.extend(replies);
        } else if !self.found.hosts.is_known(&target) {
            self.look_up(&target, Families::Both.record_types(), Some(query));
        }
        self.found.add_use(target, Families::Both, suffixes, Some(query));
    }

    /// Asks for addresses that glue lacks: a server leaves them out where the message is full, and does
    /// not say so (RFC 2181 section 9).
    ///
    /// Where any host has addresses of both families, all that the others lack is asked for. Where none
    /// has, a few are asked for in place of all, in each refresh others: each target of a cluster of one
    /// family would cost a look-up. What is not asked may be there all the same.
    fn ask_lacking(&mut self) {
        let (lacking, service) = (self.found.hosts.lacking(), self.service.clone());
        let asks_all = self.found.hosts.is_dual();
        let asked: Vec<_> = match asks_all {
            true => from_turn(&lacking, self.turn).cloned().collect(),
            false => sampled(&lacking, self.turn).cloned().collect(),
        };
        for query in asked {
            self.found.note_spare(query.clone());
            if !self.look_up(&query.name, &[query.record_type], service.as_ref()) {
                // It is over the limit, and told once.
                self.found.hosts.note_asked(&query.name, query.record_type);
            }
        }
        self.found.spares = if asks_all { Vec::new() } else { lacking };
    }

    /// Plans to complete SRV records of which some were cut off: many times as many address records
    /// fit into an answer. They carry no port, so all records that came must agree on one.
    ///
    /// The result still counts as a part. An address record may be of another endpoint than an SRV
    /// record, and nothing says that one of each endpoint is there.
    fn complete(&mut self, srv: &Srv, targets: &BTreeSet<(Key, u16)>, query: &Query) {
        let (Some(port), Some(host)) = (record::port_of(targets), srv.host()) else { return };
        // A port of 0 is told with the record that has it.
        let tails = srv.tails.iter().filter_map(|tail| tail.at(port)).map(Some);
        let suffixes = self.found.suffixes(tails, &host, srv.pin);
        if !suffixes.is_empty() {
            // Before the look-ups of targets, since these may use up what the limit allows.
            self.look_up(&host, Families::Both.record_types(), Some(query));
            self.found.hosts.add_whole(host, suffixes);
        }
    }

    /// Takes a text of a `dnsaddr` name, if its address ends in the suffix.
    fn entry(&mut self, text: &record::Text, of: &Entries) {
        let Some(kind) = self.found.read_entry(text, &of.suffix, &self.limits) else { return };
        match kind {
            Kind::Static(candidate) => self.found.add_address(candidate, &of.origin, &of.question),
            Kind::Host(host) => self.host(&host, Some(&of.question)),
            Kind::Dnsaddr(nested) => self.dnsaddr(&nested, of.depth + 1, Some(&of.question)),
            // Not a form that an entry can have.
            Kind::Srv(_) => {}
        }
    }

    fn dnsaddr(&mut self, dnsaddr: &Dnsaddr, depth: usize, parent: Option<&Query>) {
        let query = Query::new(dnsaddr.owner.clone(), RecordType::TXT);
        // Nearer by another way, it leads further: the order of answers must not matter.
        if self.visited.get(dnsaddr).is_some_and(|known| *known <= depth) {
            return self.found.note_question(&query, parent);
        }
        if depth > self.limits.recursion_depth {
            let why = Why::TooDeep(self.limits.recursion_depth);
            return self.found.forbid(&query, parent, why);
        }
        // What cannot be asked is not remembered either: an entry may lead to thousands.
        if self.ask(query, Task::Entries(dnsaddr.suffix.clone(), depth), parent) {
            self.visited.insert(dnsaddr.clone(), depth);
        }
    }

    fn host(&mut self, host: &Host, parent: Option<&Query>) {
        let Host { name, families, tails, pin } = host;
        let suffixes = self.found.suffixes(tails.iter().cloned().map(Some), name, *pin);
        if !suffixes.is_empty() && self.look_up(name, families.record_types(), parent) {
            self.found.add_use(name.clone(), *families, suffixes, parent);
        }
    }

    /// Looks up a host, unless that was done. Says whether anything may come of it.
    fn look_up(&mut self, name: &Name, types: &[RecordType], parent: Option<&Query>) -> bool {
        let mut asked = false;
        for &record_type in types {
            let query = Query::new(name.clone(), record_type);
            if self.found.hosts.is_asked(name, record_type) {
                self.found.note_question(&query, parent);
                asked = true;
            } else if self.ask(query, Task::Addresses(name.clone()), parent) {
                self.found.hosts.note_asked(name, record_type);
                asked = true;
            }
        }
        asked
    }

    fn ask(&mut self, query: Query, task: Task, parent: Option<&Query>) -> bool {
        let depth = self.limits.recursion_depth;
        let is_planned = self.steps.add(Step::new(query.clone(), task, depth));
        match is_planned {
            true => self.found.note_question(&query, parent),
            false => self.found.forbid(&query, parent, self.too_many_lookups()),
        }
        is_planned
    }

    fn too_many_lookups(&self) -> Why {
        Why::TooManyLookups(self.limits.lookups_per_refresh.get())
    }
}
