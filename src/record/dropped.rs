//! Records and queries that gave no candidate, and why.

use std::fmt;

/// A record or query that gave no candidate, and why. Its text (`Display`) says both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dropped {
    /// The record or query, printable and of bounded length.
    pub(crate) what: String,
    pub(crate) why: Why,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Why something in an answer gives no candidate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Why {
    #[error("it is not a `dnsaddr` entry: {0}")]
    Malformed(String),
    #[error("it is longer than {0} bytes")]
    TooLong(usize),
    #[error("its port is 0")]
    PortZero,
    #[error("TLS needs the host's name, and this is not one that a certificate can carry")]
    NoServerName,
    #[error("the answer carries more than {0} records")]
    TooManyRecords(usize),
    #[error("one refresh makes at most {0} look-ups")]
    TooManyLookups(usize),
    #[error("`dnsaddr` records lead to others more than {0} times")]
    TooDeep(usize),
    #[error("one refresh gives at most {0} candidates of a family")]
    TooManyCandidates(usize),
}

impl Dropped {
    /// How many characters are told of a record.
    pub(super) const LONGEST: usize = 128;

    pub(crate) fn new(what: &str, why: Why) -> Self {
        // A record may carry control characters, which do not belong in anyone's terminal.
        let what = what.chars().take(Self::LONGEST);
        Self { what: what.flat_map(char::escape_default).collect(), why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_of_a_record_is_bounded_and_printable() {
        let told = |what: &str| Dropped::new(what, Why::PortZero).what;
        assert_eq!(told("dnsaddr=/ip4/10.0.0.7"), "dnsaddr=/ip4/10.0.0.7");
        assert_eq!(told("\u{1b}[2J\u{e9}"), "\\u{1b}[2J\\u{e9}");
        assert_eq!(told(&"x".repeat(1_000)).len(), Dropped::LONGEST);
    }

    #[test]
    fn the_reason_follows_what_was_dropped() {
        let dropped = Dropped::new("s. SRV", Why::TooManyLookups(7));
        assert_eq!(dropped.to_string(), "s. SRV: one refresh makes at most 7 look-ups");
    }
}
