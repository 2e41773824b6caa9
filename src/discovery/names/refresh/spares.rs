//! The addresses that glue lacks, of which a sample is asked for.

use crate::resolver::Query;

/// How many hosts are asked for addresses of one type in place of all.
const SAMPLES: usize = 1;

/// Questions that complete glue, in each refresh (`turn`) from another one on.
pub(super) fn from_turn(spares: &[Query], turn: usize) -> impl Iterator<Item = &Query> {
    let first = turn.checked_rem(spares.len()).unwrap_or_default();
    let (before, after) = spares.split_at(first);
    after.iter().chain(before)
}

/// Of these questions, those that are asked in place of all: so many of each type.
pub(super) fn sampled(spares: &[Query], turn: usize) -> impl Iterator<Item = &Query> {
    let mut taken = Vec::new();
    from_turn(spares, turn).filter(move |spare| {
        let of_type = taken.iter().filter(|of| **of == spare.record_type).count();
        let is_taken = of_type < SAMPLES;
        taken.extend(is_taken.then_some(spare.record_type));
        is_taken
    })
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::testing::name;

    #[test]
    fn one_question_of_each_type_is_asked_in_each_refresh_another() {
        use RecordType::{A, AAAA};
        let spares: Vec<_> = [("a.", AAAA), ("b.", A), ("b.", AAAA), ("c.", AAAA)]
            .map(|(owner, of)| Query::new(name(owner), of))
            .into();
        let at = |turn| sampled(&spares, turn).map(Query::to_string).collect::<Vec<_>>();
        assert_eq!(at(0), ["a. AAAA", "b. A"]);
        assert_eq!(at(1), ["b. A", "b. AAAA"]);
        assert_eq!(at(3), ["c. AAAA", "b. A"]);
        assert_eq!(at(4), at(0));
        assert_eq!(sampled(&[], 5).count(), 0);
    }
}
