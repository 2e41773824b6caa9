//! The look-ups under way, each with the question that it asks.

use std::collections::HashMap;

use crate::{discovery::output::LookupId, resolver::Query};

/// A question of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) source: u64,
    pub(super) query: Query,
}

/// The look-ups under way.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    under_way: HashMap<LookupId, Waiting>,
    next_id: u64,
}

impl Lookups {
    pub(super) fn start(&mut self, waiting: Waiting) -> LookupId {
        let id = LookupId(self.next_id);
        self.next_id += 1;
        self.under_way.insert(id, waiting);
        id
    }

    pub(super) fn end(&mut self, id: LookupId) -> Option<Waiting> {
        self.under_way.remove(&id)
    }

    /// Forgets the look-ups of a source, in the order in which they were started.
    pub(super) fn forget(&mut self, source: u64) -> Vec<LookupId> {
        let of_source = self.under_way.iter().filter(|(_, waiting)| waiting.source == source);
        let mut ids: Vec<_> = of_source.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        for id in &ids {
            self.under_way.remove(id);
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::testing::name;

    #[test]
    fn a_lookup_ends_once_and_is_forgotten_with_its_source() {
        let mut lookups = Lookups::default();
        let query = |n: u8| Query::new(name(&format!("x{n}.")), RecordType::A);
        let waiting = |source, n| Waiting { source, query: query(n) };
        let first = lookups.start(waiting(1, 0));
        let ids = [lookups.start(waiting(1, 1)), lookups.start(waiting(2, 0))];
        assert_eq!(lookups.end(first), Some(waiting(1, 0)));
        assert_eq!(lookups.end(first), None, "a second reply");
        assert_eq!(lookups.forget(1), [ids[0]]);
        assert_eq!(lookups.end(ids[0]), None, "a late reply");
        assert_eq!(lookups.end(ids[1]), Some(waiting(2, 0)));
    }
}
