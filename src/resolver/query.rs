//! The question to a resolver: one name and one type.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use hickory_proto::rr::{Name, RecordType};

use crate::name::Key;

/// One question: a name and a record type ([RFC 1035 section 4.1.2]; the class is always `IN`).
///
/// [RFC 1035 section 4.1.2]: https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2
///
/// Two questions are equal if their types are, and their names without regard to case.
#[derive(Debug, Clone)]
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

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        self.record_type == other.record_type && Key(&self.name) == Key(&other.name)
    }
}

impl Eq for Query {}

impl Hash for Query {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (Key(&self.name), self.record_type).hash(state);
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.record_type)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn questions_are_equal_whatever_the_case_of_their_names() {
        let query = |name: &str, of| Query::new(Name::from_ascii(name).unwrap(), of);
        let all = [query("a.TEST.", RecordType::A), query("A.test.", RecordType::A)];
        assert!(all[0] == all[1] && HashSet::from(all.clone()).len() == 1);
        for other in [query("a.test.", RecordType::AAAA), query("b.test.", RecordType::A)] {
            assert!(other != all[0]);
        }
    }

    #[test]
    fn a_query_is_told_as_its_name_and_type() {
        let query = Query::new(Name::from_ascii("peers.test.").unwrap(), RecordType::AAAA);
        assert_eq!(query.to_string(), "peers.test. AAAA");
    }
}
