//! An in-memory zone: a resolver without a network, for tests and for programs that keep their own
//! list of members.

use std::{
    collections::HashSet,
    fmt,
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::FutureExt;
use hickory_proto::rr::{IntoName, Name, RData, Record, RecordType, rdata::SRV};

use self::state::State;
use crate::{
    dnsaddr,
    resolver::{
        error::LookupError,
        lookup::{LookupFuture, Resolver},
        proof::Proof,
        query::Query,
    },
    shell,
};

mod state;

/// An in-memory zone that can be changed, delayed and made to fail while it is in use.
///
/// Clones share one content, so a test can keep one clone and give another to the swarm. A zone needs
/// no runtime and runs on `wasm32-unknown-unknown`.
///
/// # Answers
///
/// - A name that was never set, or was [removed](Self::remove), is answered with NXDOMAIN. A name
///   without records of the type asked for is answered with NODATA. So is a name that exists only
///   because there are names below it.
/// - Letter case does not matter, and a relative name is taken as absolute.
/// - CNAME records are followed within the zone.
/// - An answer to an SRV query carries the addresses of the targets, unless
///   [`set_glue`](Self::set_glue) says otherwise.
/// - Each look-up sees the zone as it is at the end of its delay, when the answer is given.
///
/// # Names
///
/// Methods take names as [`Name`] or as text. They panic on text that is not a domain name, so pass a
/// [`Name`] if the text is not a constant.
///
/// # Example
///
/// ```
/// use std::net::IpAddr;
///
/// use libp2p_dns_discovery::{
///     LookupError, Query, Resolver,
///     hickory_proto::rr::{Name, RecordType},
///     resolver::zone::Zone,
/// };
///
/// # futures::executor::block_on(async {
/// let zone = Zone::new();
/// zone.set_addresses("peers.test", [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])]);
///
/// let query = Query::new(Name::from_ascii("peers.test.")?, RecordType::A);
/// assert_eq!(zone.lookup(query.clone()).await?.records.len(), 2);
///
/// zone.fail("peers.test", Some(LookupError::TimedOut));
/// assert!(matches!(zone.lookup(query).await, Err(LookupError::TimedOut)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone, Default)]
pub struct Zone(Arc<Mutex<State>>);

/// The records of the zone.
impl Zone {
    /// A zone without names: every look-up is answered with NXDOMAIN.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the records of one type at a name. Data of another type is left out. Without any
    /// data, the name still exists but has no such record (NODATA).
    pub fn set(
        &self,
        name: impl IntoName,
        record_type: RecordType,
        data: impl IntoIterator<Item = RData>,
    ) {
        let name = absolute(name);
        let data = Vec::from_iter(data);
        let mut state = self.state();
        let ttl = state.ttl;
        let records = data.into_iter().map(|data| Record::from_rdata(name.clone(), ttl, data));
        let records = distinct(records.filter(|record| record.record_type() == record_type));
        state.names.entry(name).or_default().insert(record_type, records);
    }

    /// Adds one record, with its own TTL. A record that is already there gets the new TTL.
    pub fn add(&self, mut record: Record) {
        record.name.set_fqdn(true);
        let mut state = self.state();
        let sets = state.names.entry(record.name.clone()).or_default();
        let set = sets.entry(record.record_type()).or_default();
        match set.iter_mut().find(|known| **known == record) {
            Some(known) => *known = record,
            None => set.push(record),
        }
    }

    /// Removes a name with all of its records. The name then is NXDOMAIN, unless there are names
    /// below it.
    pub fn remove(&self, name: impl IntoName) {
        let name = absolute(name);
        self.state().names.remove(&name);
    }

    /// Removes all names. Settings, such as a failure or a delay, stay.
    pub fn clear(&self) {
        self.state().names.clear();
    }

    /// Replaces the A and the AAAA records of a name.
    pub fn set_addresses(&self, name: impl IntoName, addresses: impl IntoIterator<Item = IpAddr>) {
        let name = absolute(name);
        let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(IpAddr::is_ipv4);
        self.set(name.clone(), RecordType::A, v4.into_iter().map(RData::from));
        self.set(name, RecordType::AAAA, v6.into_iter().map(RData::from));
    }

    /// Replaces the SRV records of a name by these ports and targets, all with the same priority
    /// and weight.
    pub fn set_srv<N: IntoName>(
        &self,
        name: impl IntoName,
        targets: impl IntoIterator<Item = (u16, N)>,
    ) {
        let srv = |(port, target)| RData::SRV(SRV::new(0, 0, port, absolute(target)));
        self.set(name, RecordType::SRV, targets.into_iter().map(srv));
    }

    /// Replaces the TXT records of a name. A text of more than 255 bytes becomes a record of
    /// several character-strings.
    pub fn set_txt<T: AsRef<[u8]>>(&self, name: impl IntoName, texts: impl IntoIterator<Item = T>) {
        let txt = |text: T| RData::TXT(dnsaddr::txt(text.as_ref()));
        self.set(name, RecordType::TXT, texts.into_iter().map(txt));
    }

    /// Replaces the TXT records at `_dnsaddr.NAME` with one `dnsaddr=ADDRESS` for each address.
    pub fn set_dnsaddr<A: fmt::Display>(
        &self,
        name: impl IntoName,
        addresses: impl IntoIterator<Item = A>,
    ) {
        let owner = absolute(format!("_dnsaddr.{}", absolute(name)));
        self.set_txt(owner, addresses.into_iter().map(dnsaddr::text));
    }
}

/// How the zone answers.
impl Zone {
    /// Sets the TTL, in seconds, of the records that are set from now on. Default: 5.
    pub fn set_ttl(&self, seconds: u32) {
        self.state().ttl = seconds;
    }

    /// Sets the TTL that comes with NXDOMAIN and NODATA. `None` acts as a server that sends no SOA
    /// record. Default: 5 s.
    pub fn set_negative_ttl(&self, ttl: Option<Duration>) {
        self.state().negative_ttl = ttl;
    }

    /// Sets the DNSSEC proof of every answer from now on, and of NXDOMAIN and NODATA. Default:
    /// `None`, no validation.
    pub fn set_proof(&self, proof: Option<Proof>) {
        self.state().proof = proof;
    }

    /// Sets whether an answer to an SRV query carries the addresses of the targets. Default: true.
    pub fn set_glue(&self, glue: bool) {
        self.state().glue = glue;
    }

    /// Gives the records of each answer in another order, which the seed determines. `None` gives
    /// them in the order in which they were set. Default: `None`.
    pub fn shuffle(&self, seed: Option<u64>) {
        self.state().shuffle = seed.map(fastrand::Rng::with_seed);
    }

    /// Cuts every answer to at most this many records and marks it as incomplete, after the
    /// [shuffle](Self::shuffle), as CoreDNS does. `None` ends that.
    pub fn truncate(&self, records: Option<NonZeroUsize>) {
        self.state().limit = records;
    }

    /// Makes every look-up of a name fail; `None` ends that.
    pub fn fail(&self, name: impl IntoName, error: Option<LookupError>) {
        let name = absolute(name);
        let mut state = self.state();
        match error {
            Some(error) => state.failures.insert(name, error),
            None => state.failures.remove(&name),
        };
    }

    /// Makes every look-up fail. `None` ends that. A failure that is set for a single
    /// [name](Self::fail) is kept, and takes precedence.
    pub fn fail_all(&self, error: Option<LookupError>) {
        self.state().failure = error;
    }

    /// Answers each look-up that starts from now on after this delay.
    pub fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// With `true`, look-ups are not answered at all. With `false`, the look-ups that wait are
    /// answered.
    pub fn hang(&self, hang: bool) {
        let mut state = self.state();
        // Dropping the senders is what wakes those who wait.
        state.hung = if hang { Some(state.hung.take().unwrap_or_default()) } else { None };
    }

    /// How many look-ups were started so far.
    pub fn query_count(&self) -> u64 {
        self.state().queries
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No method leaves the state half-changed, so that a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hung(&self) {
        loop {
            let Some(released) = self.state().wait() else {
                return;
            };
            // An error says that the sender was dropped: the zone no longer hangs.
            released.await.ok();
        }
    }
}

impl Resolver for Zone {
    fn lookup(&self, query: Query) -> LookupFuture {
        let zone = self.clone();
        let delay = {
            let mut state = zone.state();
            state.queries += 1;
            state.delay
        };
        async move {
            if !delay.is_zero() {
                shell::until(shell::now() + delay).await;
            }
            zone.hung().await;
            zone.state().answer(query)
        }
        .boxed()
    }
}

#[expect(clippy::panic, reason = "the documented price of taking names as text")]
fn absolute(name: impl IntoName) -> Name {
    match name.into_name() {
        Ok(mut name) => {
            name.set_fqdn(true);
            name
        }
        Err(error) => panic!("not a domain name: {error}"),
    }
}

/// A record set is a set (RFC 2181 section 5): records do not occur twice.
fn distinct(records: impl Iterator<Item = Record>) -> Vec<Record> {
    let mut seen = HashSet::new();
    records.filter(|record| seen.insert(record.data.clone())).collect()
}

#[cfg(test)]
mod tests;
