//! The owner of records, one after the other.

use hickory_proto::rr::Name;

/// Remembers what was made of the last owner name: nearly always, all records of an answer have the same
/// owner. Two names are compared byte by byte, which costs far less than to compare them as names or to hash
/// them.
#[derive(Debug)]
pub(super) struct LastOwner<'a, T> {
    labels: Vec<&'a [u8]>,
    is_fqdn: bool,
    made: Option<T>,
    names: usize,
}

impl<T> Default for LastOwner<'_, T> {
    fn default() -> Self {
        Self { labels: Vec::new(), is_fqdn: false, made: None, names: 0 }
    }
}

impl<'a, T: Copy> LastOwner<'a, T> {
    /// What `make` makes of a name. If the name is the last one, what was made of it is returned again.
    pub(super) fn get(&mut self, name: &'a Name, make: impl FnOnce(&Name) -> T) -> T {
        match self.made {
            Some(made) if self.is_last(name) => made,
            _ => {
                (self.labels, self.is_fqdn) = (name.iter().collect(), name.is_fqdn());
                self.names += 1;
                *self.made.insert(make(name))
            }
        }
    }

    /// The same, where no other name comes.
    pub(super) fn get_or_last(&mut self, name: &'a Name, make: impl FnOnce(&Name) -> T) -> T {
        match self.made {
            Some(made) => made,
            None => self.get(name, make),
        }
    }

    /// How many times a name came that differs from the one before. The first name counts, too.
    pub(super) fn names(&self) -> usize {
        self.names
    }

    fn is_last(&self, name: &Name) -> bool {
        name.is_fqdn() == self.is_fqdn && name.iter().eq(self.labels.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    #[test]
    fn what_was_made_of_a_name_is_remembered_until_another_comes() {
        let names = ["a.b.", "a.b.", "A.b.", "ab.", "a.b.", "a.b", "a.b.c."].map(name);
        let (mut last, mut made) = (LastOwner::default(), 0);
        let got: Vec<_> = names
            .iter()
            .map(|of| {
                last.get(of, |_| {
                    made += 1;
                    made
                })
            })
            .collect();
        assert_eq!(got, [1, 1, 2, 3, 4, 5, 6]);
    }
}
