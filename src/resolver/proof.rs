//! How well DNSSEC proves an answer: [`Proof`].

use std::fmt;

/// The outcome of a DNSSEC validation ([RFC 4035 section 4.3]).
///
/// A bogus answer is not an answer: it is [`LookupError::Bogus`](crate::LookupError::Bogus).
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
    /// The weaker of two proofs. `None` is weaker than any proof.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weaker_of_two_counts_and_no_proof_is_the_weakest() {
        let order = [Proof::Indeterminate, Proof::Insecure, Proof::Secure];
        for (place, weak) in order.into_iter().enumerate() {
            for strong in order.into_iter().skip(place) {
                assert_eq!(Proof::weaker(Some(weak), Some(strong)), Some(weak));
                assert_eq!(Proof::weaker(Some(strong), Some(weak)), Some(weak));
            }
            assert_eq!(Proof::weaker(Some(weak), None), None);
            assert_eq!(Proof::weaker(None, Some(weak)), None);
        }
    }
}
