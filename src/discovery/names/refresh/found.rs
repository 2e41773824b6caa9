//! What a refresh has found so far, within its limits: hosts, a summary of the answers, and how much of
//! the hosts of each question is known.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::Hash,
    mem,
    net::IpAddr,
    num::{NonZeroU16, NonZeroUsize},
    time::Duration,
};

use hickory_proto::rr::{Name, RecordType};
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

use super::{
    hosts::Hosts,
    known::Known,
    list::List,
    named::Named,
    origin::{Heard, Origin},
    outcome::{Resolution, Threads},
    recall::script_of,
    script::{Line, Said},
    tally::Tally,
};
use crate::{
    candidate::Candidate,
    config::Limits,
    discovery::names::reply::Reply,
    pool::Pool,
    record::{Dropped, Sum, Text, Why, dnsaddr},
    resolver::{Answer, LookupError, NothingKind, Query},
    source::{Families, Kind, Tail},
};

/// What a refresh has found so far.
#[derive(Debug)]
pub(super) struct Found {
    /// How many records one answer may carry.
    records: NonZeroUsize,
    pub(super) hosts: Hosts,
    pub(super) tally: Tally,
    /// What was named last.
    known: Known,
    heard: HashMap<Query, Heard>,
    /// The questions whose answers led to a question.
    parents: HashMap<Query, Vec<Query>>,
    /// The questions for addresses that do not exist, by NXDOMAIN.
    missing: HashSet<Query>,
    /// The questions whose answers lead to others that a bound forbids to ask.
    cut: HashSet<Query>,
    /// How look-ups failed.
    failures: Vec<(Query, LookupError)>,
    /// The nested names that are said to have nothing.
    hollow: Vec<Query>,
    /// The question of each look-up at the end of CNAME records.
    ends: HashMap<Query, Query>,
    /// The questions that only complete glue.
    spare: HashSet<Query>,
    /// How each question was answered; `None` once one had no answer.
    lines: Option<Vec<Line>>,
    /// The questions that complete glue, if only a sample of them is asked.
    pub(super) spares: Vec<Query>,
}

impl Found {
    pub(super) fn new(records: NonZeroUsize) -> Self {
        let (hosts, tally) = (Hosts::new(records), Tally::default());
        let (heard, parents, missing, failures, hollow, ends, spare) = Default::default();
        let (cut, known) = (HashSet::new(), Known::default());
        let (lines, spares) = (Some(Vec::new()), Vec::new());
        Self {
            records,
            hosts,
            tally,
            known,
            heard,
            parents,
            missing,
            cut,
            failures,
            hollow,
            ends,
            spare,
            lines,
            spares,
        }
    }

    /// Notes what was named last.
    pub(super) fn note_known(&mut self, known: Known) {
        if known.is_dual {
            self.hosts.note_dual();
        }
        self.known = known;
    }

    /// Notes that the answer to a question, or the source itself, leads to a question. A question of the source
    /// itself has no parents, also where names lead back to it.
    pub(super) fn note_question(&mut self, question: &Query, parent: Option<&Query>) {
        self.heard.entry(question.clone()).or_insert(Heard::Nothing);
        match self.parents.get_mut(question) {
            None => drop(self.parents.insert(question.clone(), Vec::from_iter(parent.cloned()))),
            Some(parents) if parents.is_empty() => {}
            Some(parents) => {
                let new = parent.filter(|parent| !parents.contains(parent));
                parents.extend(new.cloned());
            }
        }
    }

    /// Notes how a question was answered; without `said`, it had no answer that another may repeat.
    pub(super) fn note_said(&mut self, question: &Query, said: Option<Said>, reply: Reply) {
        match (said, &mut self.lines) {
            (Some(said), Some(lines)) => {
                lines.push(Line { question: question.clone(), said, reply });
            }
            _ => self.lines = None,
        }
    }

    /// The sum of an answer.
    pub(super) fn sum(&self, query: &Query, answer: &Answer) -> Sum {
        self.known.sums.of(query, answer)
    }

    /// Notes how a look-up failed.
    pub(super) fn note_failure(&mut self, question: &Query, error: LookupError) {
        self.failures.push((question.clone(), error));
    }

    /// Notes that a question is asked at the end of CNAME records.
    pub(super) fn note_end(&mut self, end: Query, question: Query) {
        self.ends.insert(end, question);
    }

    /// Notes that a question only completes glue.
    pub(super) fn note_spare(&mut self, question: Query) {
        self.spare.insert(question);
    }

    /// Notes that there is nothing of this type.
    pub(super) fn note_nothing(&mut self, question: &Query, kind: NothingKind, is_nested: bool) {
        self.note_heard(question, Heard::All);
        if is_nested {
            self.hollow.push(question.clone());
        } else if kind == NothingKind::NxDomain {
            self.missing.insert(question.clone());
        }
    }

    /// Notes that a bound forbids to ask a question to which the answer to another one leads. There may be
    /// thousands: only the one that led there is remembered.
    pub(super) fn forbid(&mut self, question: &Query, parent: Option<&Query>, why: Why) {
        self.tally.cut(Dropped::new(&question.to_string(), why));
        if let Some(parent) = parent.filter(|parent| !self.cut.contains(*parent)) {
            self.cut.insert(parent.clone());
        }
    }

    /// Notes how much was heard of what a question names. Says whether that is the first of it.
    pub(super) fn note_heard(&mut self, question: &Query, heard: Heard) -> bool {
        self.heard.insert(question.clone(), heard).is_none_or(|before| before == Heard::Nothing)
    }

    /// Adds an address that the answer to a question names. The origin holds this question.
    pub(super) fn add_address(&mut self, candidate: Candidate, origin: &Origin, question: &Query) {
        if !self.hosts.add_address(candidate, origin) {
            self.cut(question, self.too_many_records());
        }
    }

    /// Adds a way to reach a host, which the answer to a question names, or the source itself.
    pub(super) fn add_use(
        &mut self,
        name: Name,
        families: Families,
        suffixes: Vec<Multiaddr>,
        question: Option<&Query>,
    ) {
        if !self.hosts.add_use(name.clone(), families, suffixes) {
            self.tally.cut(Dropped::new(&name.to_ascii(), self.too_many_records()));
            question.into_iter().for_each(|question| self.lower(question));
        }
    }

    /// A list of addresses of one type.
    pub(super) fn list(&self, ips: &[IpAddr]) -> List {
        List::of_answer(ips, &self.known.sums, self.records.get())
    }

    /// The key of a part of an answer, as [`Sums`](crate::record::Sums) makes it.
    pub(super) fn key(&self, said: &impl Hash) -> u64 {
        self.known.sums.key(said)
    }

    /// Adds addresses of one type of a host, which the answer to a question names. Says whether that is all
    /// of them.
    pub(super) fn add_ips(&mut self, name: Name, ips: List, of: RecordType, query: &Query) -> bool {
        let fits = [!ips.is_cut, self.hosts.add_ips(name, ips, of)];
        for _ in fits.iter().filter(|fits| !**fits) {
            self.cut(query, self.too_many_records());
        }
        fits == [true; 2]
    }

    /// Adds the addresses of a target that came along with its SRV record, in whole or in part, as answers to
    /// the questions for them. Returns these.
    pub(super) fn add_glue(
        &mut self,
        target: &Name,
        ips: BTreeSet<IpAddr>,
        ttl: Duration,
        is_whole: bool,
        query: &Query,
    ) -> Vec<(Query, Reply)> {
        self.tally.note_ttl(Some(ttl));
        let mut replies = Vec::new();
        let (v4, v6) = ips.into_iter().partition::<Vec<_>, _>(|ip| ip.is_ipv4());
        for (ips, record_type) in [(v4, RecordType::A), (v6, RecordType::AAAA)] {
            if ips.is_empty() {
                continue;
            }
            let question = Query::new(target.clone(), record_type);
            let ips = self.list(&ips);
            let sum = ips.sum;
            self.note_question(&question, Some(query));
            self.note_heard(&question, Heard::All);
            if !self.add_ips(target.clone(), ips, record_type, query) {
                self.lower(&question);
            }
            replies.push((question, Reply::Answer { ttl: Some(ttl), sum }));
        }
        if is_whole {
            self.hosts.note_glue(target);
        }
        replies
    }

    /// Reads a text of a `dnsaddr` name: an entry that ends in the suffix.
    pub(super) fn read_entry(
        &mut self,
        text: &Text,
        suffix: &Multiaddr,
        limits: &Limits,
    ) -> Option<Kind> {
        match dnsaddr(text, limits.text_length.get())? {
            Ok(kind) => kind.ends_with(suffix).then_some(kind),
            Err(dropped) => {
                self.tally.drop(dropped);
                None
            }
        }
    }

    fn too_many_records(&self) -> Why {
        Why::TooManyRecords(self.records.get())
    }

    /// What follows the host's IP addresses, in order of preference. Drops what has no port and
    /// what TLS could not check.
    pub(super) fn suffixes(
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

    /// Keeps the lowest items, so that all nodes keep the same.
    pub(super) fn bounded<T: Ord>(&mut self, mut items: BTreeSet<T>, query: &Query) -> BTreeSet<T> {
        let most = self.records.get();
        if items.len() > most {
            items = items.into_iter().take(most).collect();
            self.cut(query, self.too_many_records());
        }
        items
    }

    /// Notes that a bound cut off something of what a question names.
    pub(super) fn cut(&mut self, question: &Query, why: Why) {
        self.tally.cut(Dropped::new(&question.to_string(), why));
        self.lower(question);
    }

    /// Of what the question names, a part at the most was heard.
    fn lower(&mut self, question: &Query) {
        if let Some(heard) = self.heard.get_mut(question) {
            *heard = Heard::Part.min(*heard);
        }
    }

    /// Whether the name of a question for addresses is said not to exist by the answer to another one.
    pub(super) fn is_missing(&self, question: &Query) -> bool {
        let types = [RecordType::A, RecordType::AAAA];
        let sibling = |of| Query::new(question.name.clone(), of);
        types.contains(&question.record_type)
            && types.into_iter().any(|of| self.missing.contains(&sibling(of)))
    }

    /// The outcome. `given_up` are questions that name no member unless they were answered.
    pub(super) fn finish(
        mut self,
        given_up: &HashSet<Query>,
        pool: &Pool,
    ) -> Result<Resolution, LookupError> {
        for (question, error) in mem::take(&mut self.failures) {
            // NXDOMAIN answers for all types of its name; but what such a question has named stays.
            if Reply::of(&error) != Reply::Silence || !self.is_missing(&question) {
                self.tally.fail(error);
            }
        }
        let (candidates, cut_at) = self.hosts.candidates(pool);
        if let Some(most) = cut_at {
            self.tally.cut(Dropped::new("candidates", Why::TooManyCandidates(most)));
            self.heard.values_mut().for_each(|heard| *heard = Heard::Part.min(*heard));
        }
        // A name that has addresses of one type exists: NXDOMAIN says nothing about the other.
        for question in mem::take(&mut self.missing) {
            if self.hosts.is_known(&question.name) {
                self.note_heard(&question, Heard::Nothing);
            }
        }
        self.heard.retain(|of, heard| *heard > Heard::Nothing || !given_up.contains(of));
        let hollow = self.hosts.hollow().chain(self.hollow).collect();
        let Self { heard, parents, cut, ends, spare, mut known, hosts, .. } = self;
        known.is_dual = hosts.is_dual();
        let spares = self.spares.into();
        let threads = Threads { heard, parents, cut, hollow, ends, spare, spares };
        let mut resolution = self.tally.resolution(candidates, threads, known)?;
        resolution.known.script = script_of(&resolution, self.lines);
        Ok(resolution)
    }

    /// The candidates so far; `None` if there were no records.
    pub(super) fn so_far(&self, pool: &Pool) -> Option<Vec<Named>> {
        // What is behind a domain that failed is judged as a whole.
        let is_usable = self.tally.has_records() && !self.tally.is_provisional();
        is_usable.then(|| self.hosts.candidates(pool).0)
    }
}
