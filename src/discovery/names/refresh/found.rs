//! What a refresh has found so far, within its bounds: hosts, what the answers amount to, and how much
//! was heard of what each question names.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::IpAddr,
    num::{NonZeroU16, NonZeroUsize},
};

use hickory_proto::rr::Name;
use libp2p_core::Multiaddr;
use libp2p_identity::PeerId;

use super::{
    hosts::Hosts,
    origin::{Heard, Origin},
    outcome::{Named, Resolution},
    tally::Tally,
};
use crate::{
    candidate::Candidate,
    pool::Pool,
    record::{Dropped, Why},
    resolver::{LookupError, Query},
    source::{Families, Tail},
};

/// What a refresh has found so far.
#[derive(Debug)]
pub(super) struct Found {
    /// How many records one answer may carry.
    records: NonZeroUsize,
    pub(super) hosts: Hosts,
    pub(super) tally: Tally,
    heard: HashMap<Query, Heard>,
}

impl Found {
    pub(super) fn new(records: NonZeroUsize) -> Self {
        let (hosts, tally) = (Hosts::new(records), Tally::default());
        Self { records, hosts, tally, heard: HashMap::new() }
    }

    /// Notes a question of this refresh, of which nothing was heard yet.
    pub(super) fn note_question(&mut self, question: &Query) {
        self.heard.entry(question.clone()).or_insert(Heard::Nothing);
    }

    /// Notes how much was heard of what a question names.
    pub(super) fn note_heard(&mut self, question: &Query, heard: Heard) {
        self.heard.insert(question.clone(), heard);
    }

    /// The questions of this refresh.
    pub(super) fn questions(&self) -> impl Iterator<Item = &Query> {
        self.heard.keys()
    }

    /// Adds an address that the answer to a question names.
    pub(super) fn add_address(&mut self, candidate: Candidate, origin: &Origin, question: &Query) {
        if !self.hosts.add_address(candidate, origin) {
            self.cut(question, self.too_many_records());
        }
    }

    pub(super) fn add_use(
        &mut self,
        name: Name,
        families: Families,
        suffixes: Vec<Multiaddr>,
        origin: &Origin,
    ) {
        if !self.hosts.add_use(name.clone(), families, suffixes, origin) {
            self.cut_all(origin, &name.to_ascii(), self.too_many_records());
        }
    }

    pub(super) fn add_ips(&mut self, name: Name, ips: BTreeSet<IpAddr>, query: &Query) {
        if !self.hosts.add_ips(name, ips) {
            self.cut(query, self.too_many_records());
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

    /// Notes that a bound cut off something of what all of these questions name.
    pub(super) fn cut_all(&mut self, origin: &Origin, what: &str, why: Why) {
        self.tally.cut(Dropped::new(what, why));
        origin.questions().for_each(|question| self.lower(question));
    }

    /// Of what the question names, a part at the most was heard.
    fn lower(&mut self, question: &Query) {
        if let Some(heard) = self.heard.get_mut(question) {
            *heard = Heard::Part.min(*heard);
        }
    }

    /// The outcome. `given_up` are questions that name nobody unless they were answered.
    pub(super) fn finish(
        mut self,
        given_up: &HashSet<Query>,
        pool: &Pool,
    ) -> Result<Resolution, LookupError> {
        if self.hosts.has_hollow() {
            self.tally.note_hollow();
        }
        let (candidates, cut) = self.hosts.candidates(pool);
        if let Some(most) = cut {
            self.tally.cut(Dropped::new("candidates", Why::TooManyCandidates(most)));
            self.heard.values_mut().for_each(|heard| *heard = Heard::Part.min(*heard));
        }
        self.heard.retain(|of, heard| *heard > Heard::Nothing || !given_up.contains(of));
        self.tally.resolution(candidates, self.heard)
    }

    /// The candidates so far; `None` if there were no records.
    pub(super) fn so_far(&self, pool: &Pool) -> Option<Vec<Named>> {
        // What is behind a domain that failed is judged as a whole.
        let is_usable = self.tally.has_records() && !self.tally.is_provisional();
        is_usable.then(|| self.hosts.candidates(pool).0)
    }
}
