//! The question to a resolver: one name and one type.

use std::fmt;

use hickory_proto::rr::{Name, RecordType};

/// One question: a name and a record type ([RFC 1035 section 4.1.2]; the class is always `IN`).
///
/// [RFC 1035 section 4.1.2]: https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Query {
    /// The name to look up. It is absolute if it ends in the root label, else it is subject to a
    /// search list.
    pub name: Name,
    /// The type to look up: `A`, `AAAA`, `SRV` or `TXT`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_told_as_its_name_and_type() {
        let query = Query::new(Name::from_ascii("peers.test.").unwrap(), RecordType::AAAA);
        assert_eq!(query.to_string(), "peers.test. AAAA");
    }
}
