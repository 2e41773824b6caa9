//! The contents of a zone, and its answers.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroUsize,
    time::Duration,
};

use futures::channel::oneshot;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::{
    alias::Chain,
    resolver::{
        answer::Answer,
        error::LookupError,
        nothing::{Nothing, NothingKind},
        proof::Proof,
        query::Query,
    },
};

/// As many CNAME records as one answer follows: enough for any honest zone, and an end to a loop.
const MAX_CHAIN: usize = 8;

#[derive(Debug)]
pub(super) struct State {
    /// Every name that exists, absolute, with its record sets. `Name` compares without letter case.
    pub(super) names: BTreeMap<Name, BTreeMap<RecordType, Vec<Record>>>,
    pub(super) ttl: u32,
    pub(super) negative_ttl: Option<Duration>,
    pub(super) proof: Option<Proof>,
    pub(super) glue: bool,
    pub(super) limit: Option<NonZeroUsize>,
    pub(super) shuffle: Option<fastrand::Rng>,
    pub(super) failures: HashMap<Name, LookupError>,
    pub(super) failure: Option<LookupError>,
    pub(super) delay: Duration,
    /// Look-ups that wait for [`Zone::hang`] to end; `None` when it does not hang.
    pub(super) hung: Option<Vec<oneshot::Sender<()>>>,
    pub(super) queries: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            // What CoreDNS gives the names of Kubernetes services.
            ttl: 5,
            negative_ttl: Some(Duration::from_secs(5)),
            proof: None,
            glue: true,
            limit: None,
            shuffle: None,
            failures: HashMap::new(),
            failure: None,
            delay: Duration::ZERO,
            hung: None,
            queries: 0,
        }
    }
}

impl State {
    pub(super) fn wait(&mut self) -> Option<oneshot::Receiver<()>> {
        let hung = self.hung.as_mut()?;
        hung.retain(|sender| !sender.is_canceled());
        let (sender, receiver) = oneshot::channel();
        hung.push(sender);
        Some(receiver)
    }

    pub(super) fn answer(&mut self, query: Query) -> Result<Answer, LookupError> {
        let mut name = query.name;
        name.set_fqdn(true);
        if let Some(error) = self.failures.get(&name).or(self.failure.as_ref()) {
            return Err(error.clone());
        }
        let (name, mut records) = self.follow(name, query.record_type)?;
        let set = self.set(&name, query.record_type);
        if set.is_empty() {
            return Err(self.nothing(&name));
        }
        let mut set = set.to_vec();
        if let Some(rng) = &mut self.shuffle {
            rng.shuffle(&mut set);
        }
        let complete = self.limit.is_none_or(|limit| set.len() <= limit.get());
        set.truncate(self.limit.map_or(usize::MAX, NonZeroUsize::get));
        let additionals = if self.glue { self.glue(&set) } else { Vec::new() };
        records.append(&mut set);
        let mut answer = Answer::new(name, records);
        answer.proof = self.proof;
        Ok(answer.with_additionals(additionals).with_complete(complete))
    }

    /// The end of the CNAME chain that begins at `name`, and the records that lead there.
    fn follow(
        &self,
        name: Name,
        record_type: RecordType,
    ) -> Result<(Name, Vec<Record>), LookupError> {
        let mut chain = Chain::new(name, MAX_CHAIN);
        let outcome = chain.follow(|name| {
            let is_found = !self.set(name, record_type).is_empty();
            if is_found { None } else { self.alias(name) }
        });
        outcome.map_err(|_| LookupError::ServerFailed("the CNAME chain is too long".into()))?;
        Ok(chain.into_parts())
    }

    /// The alias that a name is, and what it leads to.
    fn alias(&self, name: &Name) -> Option<(Record, Name)> {
        let record = self.set(name, RecordType::CNAME).first()?;
        let RData::CNAME(target) = &record.data else {
            return None;
        };
        let mut target = target.0.clone();
        target.set_fqdn(true);
        Some((record.clone(), target))
    }

    fn set(&self, name: &Name, record_type: RecordType) -> &[Record] {
        self.names.get(name).and_then(|sets| sets.get(&record_type)).map_or(&[], Vec::as_slice)
    }

    fn nothing(&self, name: &Name) -> LookupError {
        // RFC 8020: a name with others below it exists, even if it has no records itself.
        let kind = match self.names.keys().any(|known| name.zone_of(known)) {
            true => NothingKind::NoData,
            false => NothingKind::NxDomain,
        };
        let (negative_ttl, proof) = (self.negative_ttl, self.proof);
        LookupError::Nothing(Nothing { proof, ..Nothing::new(kind, negative_ttl) })
    }

    fn glue(&self, records: &[Record]) -> Vec<Record> {
        let targets = records.iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(&srv.target),
            _ => None,
        });
        let targets: BTreeSet<&Name> = targets.collect();
        let sets = targets.into_iter().flat_map(|target| {
            [RecordType::A, RecordType::AAAA].map(|record_type| self.set(target, record_type))
        });
        sets.flatten().cloned().collect()
    }
}
