//! An authoritative "there is nothing", and the union of several of them.

use std::{fmt, time::Duration};

use super::proof::Proof;

/// An authoritative "there is nothing".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nothing {
    /// What does not exist: the name, or a record of the type.
    pub kind: NothingKind,
    /// For how long the server allows a resolver to remember this answer: the lesser of the SOA
    /// record's TTL and its `MINIMUM` field ([RFC 2308 section 5]); `None` if the server sent no
    /// SOA record.
    ///
    /// [RFC 2308 section 5]: https://www.rfc-editor.org/rfc/rfc2308#section-5
    pub negative_ttl: Option<Duration>,
    /// The DNSSEC proof of the denial; `None` if the resolver does not validate.
    pub proof: Option<Proof>,
    /// Whether an earlier domain of the search list failed, so that the name may exist in that
    /// domain. The discovery never concludes from a provisional "nothing" that all members have
    /// left. Default: `false`.
    pub provisional: bool,
}

impl Nothing {
    /// A "nothing" of a kind, without a DNSSEC proof; with the negative TTL if the server sent one.
    pub fn new(kind: NothingKind, negative_ttl: Option<Duration>) -> Self {
        Self { kind, negative_ttl, proof: None, provisional: false }
    }

    /// Unites the "nothing" of two types, or of two names. NXDOMAIN denies all types of a name; if
    /// one of the two is NODATA, something exists. The lesser negative TTL counts. If one of the
    /// two is provisional, the union is.
    pub(crate) fn and(self, other: Self) -> Self {
        let kind = match (self.kind, other.kind) {
            (NothingKind::NxDomain, NothingKind::NxDomain) => NothingKind::NxDomain,
            _ => NothingKind::NoData,
        };
        let negative_ttl = [self.negative_ttl, other.negative_ttl].into_iter().flatten().min();
        Self {
            kind,
            negative_ttl,
            proof: Proof::weaker(self.proof, other.proof),
            provisional: self.provisional || other.provisional,
        }
    }

    /// Adds the outcome of a DNSSEC validation.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }

    /// Sets whether an earlier domain of the search list failed.
    #[must_use]
    pub fn with_provisional(mut self, provisional: bool) -> Self {
        self.provisional = provisional;
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

/// The two kinds of "there is nothing".
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
        Nothing { proof, ..Nothing::new(kind, Some(Duration::from_secs(seconds))) }
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
        let provisional = nothing(NoData, 5, secure).with_provisional(true);
        assert!(provisional.and(nothing(NoData, 5, secure)).provisional);
        assert!(nothing(NoData, 5, secure).and(provisional).provisional);
    }
}
