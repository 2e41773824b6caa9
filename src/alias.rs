//! Aliases (CNAME records), followed link by link to where they end.

use std::collections::HashSet;

use hickory_proto::rr::Name;

/// A chain of aliases: the links passed so far, and the name that they have led to.
///
/// It holds no more than a given number of links, and never passes a name twice.
#[derive(Debug, Clone)]
pub(crate) struct Chain<L> {
    end: Name,
    links: Vec<L>,
    passed: HashSet<Name>,
    most: usize,
}

/// The chain was not followed to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoEnd {
    /// It leads back to a name that it has passed.
    Circle,
    /// It has more links than it may have.
    TooLong,
}

impl From<NoEnd> for &'static str {
    fn from(no_end: NoEnd) -> Self {
        match no_end {
            NoEnd::Circle => "the chain of aliases leads in a circle",
            NoEnd::TooLong => "the chain of aliases is too long",
        }
    }
}

impl<L> Chain<L> {
    /// A chain without a link, which may get `most` of them.
    pub(crate) fn new(name: Name, most: usize) -> Self {
        Self { end: name, links: Vec::new(), passed: HashSet::new(), most }
    }

    /// The name that the links lead to, and the links in order.
    pub(crate) fn into_parts(self) -> (Name, Vec<L>) {
        (self.end, self.links)
    }

    /// Adds a link, which leads from the end to `target`. A link that cannot be followed is not added.
    pub(crate) fn add(&mut self, link: L, target: Name) -> Result<(), NoEnd> {
        if target == self.end || self.passed.contains(&target) {
            return Err(NoEnd::Circle);
        }
        if self.links.len() == self.most {
            return Err(NoEnd::TooLong);
        }
        self.links.push(link);
        self.passed.insert(std::mem::replace(&mut self.end, target));
        Ok(())
    }

    /// Adds the links that `next` knows of each name in turn, until it knows none.
    pub(crate) fn follow(
        &mut self,
        mut next: impl FnMut(&Name) -> Option<(L, Name)>,
    ) -> Result<(), NoEnd> {
        while let Some((link, target)) = next(&self.end) {
            self.add(link, target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::name;

    /// Follows these aliases from `a.`; the links are the places in the list.
    fn followed(aliases: &[(&str, &str)], most: usize) -> (Result<(), NoEnd>, String, Vec<usize>) {
        let mut chain = Chain::new(name("a."), most);
        let outcome = chain.follow(|end| {
            let place = aliases.iter().position(|(owner, _)| name(owner) == *end)?;
            Some((place, name(aliases[place].1)))
        });
        let (end, links) = chain.into_parts();
        (outcome, end.to_string(), links)
    }

    #[test]
    fn a_name_without_an_alias_is_its_own_end() {
        assert_eq!(followed(&[("b.", "c.")], 0), (Ok(()), "a.".into(), vec![]));
    }

    #[test]
    fn the_links_are_in_order_whatever_the_letter_case() {
        let aliases = [("B.", "c."), ("x.", "y."), ("A.", "b.")];
        assert_eq!(followed(&aliases, 9), (Ok(()), "c.".into(), vec![2, 0]));
    }

    #[test]
    fn as_many_links_as_may_be_are_followed_and_no_more() {
        let aliases = [("a.", "b."), ("b.", "c."), ("c.", "d.")];
        assert_eq!(followed(&aliases, 3), (Ok(()), "d.".into(), vec![0, 1, 2]));
        assert_eq!(followed(&aliases, 2), (Err(NoEnd::TooLong), "c.".into(), vec![0, 1]));
    }

    #[test]
    fn a_circle_is_noticed_where_it_closes() {
        let around = [("a.", "b."), ("b.", "c."), ("c.", "B.")];
        assert_eq!(followed(&around, 99), (Err(NoEnd::Circle), "c.".into(), vec![0, 1]));
        assert_eq!(followed(&around, 2), (Err(NoEnd::Circle), "c.".into(), vec![0, 1]));
        assert_eq!(followed(&[("a.", "A.")], 99), (Err(NoEnd::Circle), "a.".into(), vec![]));
    }
}
