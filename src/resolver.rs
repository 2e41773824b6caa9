//! Where DNS answers come from: the [`Resolver`] trait, its question and its answer.
//!
//! The crate asks a resolver for one name and one type at a time and keeps the time itself: a
//! resolver must not cache, because the discovery schedules its refreshes by the TTLs it is given.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use hickory_proto::rr::{Name, Record, RecordType};

#[cfg(feature = "hickory")]
#[cfg_attr(docsrs, doc(cfg(feature = "hickory")))]
pub mod hickory;
pub mod zone;

/// The future of one look-up.
pub type LookupFuture = BoxFuture<'static, Result<Answer, LookupError>>;

/// Answers DNS queries.
///
/// Object-safe, and implemented for `Arc<dyn Resolver>`, `Arc<R>` and `Box<dyn Resolver>`.
///
/// # Contract
///
/// - The returned future is polled inside the swarm's task. Dropping it cancels the look-up.
/// - A [`Query`] whose name is not [absolute](Name::is_fqdn) is completed by the resolver's search
///   list, if it has one; otherwise it is taken as absolute.
/// - "There is no such name" and "no record of this type" are [`LookupError::Nothing`], and nothing
///   else is: a resolver that could not get an answer must say so with another variant, because
///   the discovery concludes from `Nothing` that members have left.
/// - A future that never resolves is abandoned after
///   [`Config::lookup_timeout`](crate::Config::with_lookup_timeout).
pub trait Resolver: Send + Sync + 'static {
    /// Starts one look-up.
    fn lookup(&self, query: Query) -> LookupFuture;
}

impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    fn lookup(&self, query: Query) -> LookupFuture {
        (**self).lookup(query)
    }
}

impl<R: Resolver + ?Sized> Resolver for Box<R> {
    fn lookup(&self, query: Query) -> LookupFuture {
        (**self).lookup(query)
    }
}

/// One question: a name and a record type ([RFC 1035 section 4.1.2]; the class is always `IN`).
///
/// [RFC 1035 section 4.1.2]: https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Query {
    /// The name asked for. Absolute if it ends in the root label, else subject to a search list.
    pub name: Name,
    /// The type asked for: `A`, `AAAA`, `SRV` or `TXT`.
    pub record_type: RecordType,
}

impl Query {
    /// Asks for the records of `record_type` at `name`.
    pub fn new(name: Name, record_type: RecordType) -> Self {
        Self { name, record_type }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.record_type)
    }
}

/// The positive answer to a [`Query`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// The owner name of the records of the type that was asked for: the name of the query
    /// completed by the search list, or the end of its CNAME chain.
    pub name: Name,
    /// The answer section: records of the type asked for, and the CNAME records that lead there.
    pub records: Vec<Record>,
    /// The additional section. For SRV, the addresses of the targets ("glue").
    pub additionals: Vec<Record>,
    /// Whether these are all the records there are. A truncated answer is not complete, and is
    /// never read as "the others left".
    pub complete: bool,
    /// What DNSSEC validation said of the records and additionals, the weakest of them, if the
    /// resolver validates.
    pub proof: Option<Proof>,
}

impl Answer {
    /// A complete answer without additional records and without a DNSSEC proof.
    pub fn new(name: Name, records: Vec<Record>) -> Self {
        Self { name, records, additionals: Vec::new(), complete: true, proof: None }
    }

    /// Adds records of the additional section.
    #[must_use]
    pub fn with_additionals(mut self, additionals: Vec<Record>) -> Self {
        self.additionals = additionals;
        self
    }

    /// Says whether the records are all there are.
    #[must_use]
    pub fn with_complete(mut self, complete: bool) -> Self {
        self.complete = complete;
        self
    }

    /// Adds the outcome of a DNSSEC validation.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }
}

/// The outcome of a DNSSEC validation ([RFC 4035 section 4.3]).
///
/// A bogus answer is not an answer: it is [`LookupError::Bogus`].
///
/// [RFC 4035 section 4.3]: https://www.rfc-editor.org/rfc/rfc4035#section-4.3
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// A chain of signatures leads to a trust anchor.
    Secure,
    /// A parent zone proves that this zone is not signed.
    Insecure,
    /// No trust anchor says whether this zone should be signed.
    Indeterminate,
}

impl Proof {
    /// The weaker of two proofs; no proof is weaker than any.
    pub(crate) fn weaker(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        let strength = |proof: &Self| match proof {
            Self::Secure => 2,
            Self::Insecure => 1,
            Self::Indeterminate => 0,
        };
        a.zip(b).map(|(a, b)| if strength(&a) <= strength(&b) { a } else { b })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Indeterminate => "indeterminate",
        })
    }
}

/// Why there is no answer. None of these changes what is already known, except that repeated
/// [`Nothing`](LookupError::Nothing) is how a zone says that it is empty.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// An authoritative "there is nothing" ([RFC 2308]).
    ///
    /// [RFC 2308]: https://www.rfc-editor.org/rfc/rfc2308
    #[error("{0}")]
    Nothing(Nothing),
    /// The server refused to answer (`REFUSED`).
    #[error("the name server refused the query")]
    Refused,
    /// The server could not answer (`SERVFAIL` or another response code).
    #[error("the name server failed ({0})")]
    ServerFailed(Arc<str>),
    /// Nobody answered in time.
    #[error("no name server answered in time")]
    TimedOut,
    /// The answer's DNSSEC signatures do not hold.
    #[error("DNSSEC validation failed: {0}")]
    Bogus(Arc<str>),
    /// The source [demands](crate::Source::secure) an answer that is proved secure, and this one's
    /// proof is a weaker one, or none.
    #[error("the source takes only what DNSSEC proves secure, and the answer {}", shortfall(*.0))]
    Insecure(Option<Proof>),
    /// The query could not be sent, or the reply could not be read.
    #[error("the look-up could not be made")]
    Failed(#[source] Arc<dyn Error + Send + Sync>),
}

impl LookupError {
    /// Wraps any error as [`LookupError::Failed`].
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed(Arc::from(error.into()))
    }

    /// "The name does not exist", with the negative TTL, where the server gave one.
    pub fn nx_domain(negative_ttl: Option<Duration>) -> Self {
        Self::Nothing(Nothing::new(NothingKind::NxDomain, negative_ttl))
    }

    /// "The name has no records of this type", with the negative TTL, where the server gave one.
    pub fn no_data(negative_ttl: Option<Duration>) -> Self {
        Self::Nothing(Nothing::new(NothingKind::NoData, negative_ttl))
    }
}

fn shortfall(proof: Option<Proof>) -> String {
    match proof {
        Some(proof) => format!("is {proof}"),
        None => "was not validated; use a resolver that validates".into(),
    }
}

/// An authoritative "there is nothing".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nothing {
    /// What there is not: the name, or a record of the type.
    pub kind: NothingKind,
    /// How long the server asks to remember it: the lesser of the SOA record's TTL and its
    /// `MINIMUM` field ([RFC 2308 section 5]), or `None` where it sent no SOA record.
    ///
    /// [RFC 2308 section 5]: https://www.rfc-editor.org/rfc/rfc2308#section-5
    pub negative_ttl: Option<Duration>,
    /// What DNSSEC validation said of the denial, if the resolver validates.
    pub proof: Option<Proof>,
}

impl Nothing {
    /// Nothing of a kind, without a DNSSEC proof; with the negative TTL, where the server gave one.
    pub fn new(kind: NothingKind, negative_ttl: Option<Duration>) -> Self {
        Self { kind, negative_ttl, proof: None }
    }

    /// Nothing of two kinds, or under two names. That a name does not exist is said of all its types;
    /// where one of them is merely without data, something does exist. What is forgotten first tells
    /// when to ask again.
    pub(crate) fn and(self, other: Self) -> Self {
        let kind = match (self.kind, other.kind) {
            (NothingKind::NxDomain, NothingKind::NxDomain) => NothingKind::NxDomain,
            _ => NothingKind::NoData,
        };
        let negative_ttl = [self.negative_ttl, other.negative_ttl].into_iter().flatten().min();
        Self { kind, negative_ttl, proof: Proof::weaker(self.proof, other.proof) }
    }

    /// Adds the outcome of a DNSSEC validation.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }
}

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            NothingKind::NxDomain => "the name does not exist (NXDOMAIN)",
            NothingKind::NoData => "the name has no such record (NODATA)",
        })
    }
}

/// The two ways in which there can be nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NothingKind {
    /// `NXDOMAIN`: the name does not exist.
    NxDomain,
    /// `NODATA`: the name exists, but has no record of the type asked for.
    NoData,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(kind: NothingKind, seconds: u64, proof: Option<Proof>) -> Nothing {
        Nothing { kind, negative_ttl: Some(Duration::from_secs(seconds)), proof }
    }

    #[test]
    fn an_existing_name_the_shorter_time_and_the_weaker_proof_count() {
        use NothingKind::{NoData, NxDomain};
        let secure = Some(Proof::Secure);
        let both = nothing(NoData, 9, secure).and(nothing(NxDomain, 5, secure));
        assert_eq!(both, nothing(NoData, 5, secure));
        let both = nothing(NxDomain, 5, secure).and(nothing(NxDomain, 9, None));
        assert_eq!(both, nothing(NxDomain, 5, None));
        let both = nothing(NxDomain, 5, Some(Proof::Insecure)).and(nothing(NxDomain, 9, secure));
        assert_eq!(both, nothing(NxDomain, 5, Some(Proof::Insecure)));
    }
}
