//! Names as keys: hashed and compared label by label.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use hickory_proto::rr::Name;

/// A name, of its own or borrowed, as the key of what is known of it. Letter case does not matter.
///
/// `Name` itself is compared byte by byte from its end, where names of one zone are alike, and hashed byte
/// by byte, which took most of the time of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Key<N = Name>(pub(crate) N);

impl<N: Borrow<Name>> Key<N> {
    fn name(&self) -> &Name {
        self.0.borrow()
    }
}

impl<N: Borrow<Name>> PartialEq for Key<N> {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.name().iter(), other.name().iter());
        self.name().is_fqdn() == other.name().is_fqdn()
            && ours.len() == theirs.len()
            && ours.zip(theirs).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

impl<N: Borrow<Name>> Eq for Key<N> {}

impl<N: Borrow<Name>> PartialOrd for Key<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<N: Borrow<Name>> Ord for Key<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        fn lower(label: &[u8]) -> impl Iterator<Item = u8> {
            label.iter().map(u8::to_ascii_lowercase)
        }
        let (ours, theirs) = (self.name(), other.name());
        let mut labels = ours.iter().zip(theirs.iter()).map(|(a, b)| lower(a).cmp(lower(b)));
        labels
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
            .then_with(|| ours.iter().len().cmp(&theirs.iter().len()))
            .then_with(|| ours.is_fqdn().cmp(&theirs.is_fqdn()))
    }
}

impl<N: Borrow<Name>> Hash for Key<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (mut bytes, mut end) = ([0; 2 * (Name::MAX_LENGTH + 1)], 0);
        for label in self.name() {
            // Each label with its length before it, as on the wire: names that are not equal differ.
            bytes[end] = label.len() as u8;
            let start = end + 1;
            end = start + label.len();
            bytes[start..end].copy_from_slice(label);
        }
        bytes[..end].make_ascii_lowercase();
        bytes[..end].hash(state);
        self.name().is_fqdn().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;
    use crate::testing::name;

    #[test]
    fn names_are_the_same_key_whatever_their_case_and_nothing_else() {
        let state = RandomState::new();
        let hash = |key: &Key| state.hash_one(key);
        let (one, other) = (Key(name("a.B.test.")), Key(name("A.b.TEST.")));
        assert!(one == other && one.cmp(&other).is_eq() && hash(&one) == hash(&other));
        let texts =
            ["a.b.test", "b.test.", "ab.test.", "a.bt.est.", "a.c.test.", "a.b.test.x.", "."];
        for other in texts.map(name).map(Key) {
            assert!(one != other && hash(&one) != hash(&other), "{other:?}");
            assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
            assert!(one.cmp(&other).is_ne());
        }
        let mut sorted = ["b.x.", "A.x.", "a.", "c.x.", "B.", "a.x"].map(name).map(Key);
        sorted.sort();
        assert_eq!(sorted, ["a.", "a.x", "A.x.", "B.", "b.x.", "c.x."].map(name).map(Key));
    }

    #[test]
    fn the_longest_name_is_hashed() {
        let labels = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)];
        RandomState::new().hash_one(Key(name(&format!("{}.", labels.join(".")))));
    }
}
