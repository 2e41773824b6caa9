//! Addresses that an answer carries beside the records that were asked for.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use super::value::{absolute, ip_of, ttl_of};
use crate::{name::Key, resolver::Answer};

/// Addresses that an answer carries besides what was asked for.
#[derive(Debug, Default)]
pub(crate) struct Glue(HashMap<Key, (BTreeSet<IpAddr>, Duration)>);

impl Glue {
    pub(crate) fn of(answer: &Answer) -> Self {
        let mut by_name = HashMap::new();
        for record in &answer.additionals {
            if let Some(ip) = ip_of(record) {
                let ttl = ttl_of(record);
                let (ips, least) = by_name
                    .entry(Key(absolute(&record.name)))
                    .or_insert_with(|| (BTreeSet::new(), ttl));
                ips.insert(ip);
                *least = ttl.min(*least);
            }
        }
        Self(by_name)
    }

    /// The addresses of the target, and their least TTL.
    pub(crate) fn take(&mut self, target: &Key) -> Option<(BTreeSet<IpAddr>, Duration)> {
        self.0.remove(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{a, name};

    #[test]
    fn glue_is_found_whatever_its_case() {
        let additionals = vec![a("A.x.", 30, 2), a("a.x.", 20, 1), a("b.x.", 1, 3)];
        let answer = Answer::new(name("s."), vec![]).with_additionals(additionals);
        let mut glue = Glue::of(&answer);
        let (ips, ttl) = glue.take(&Key(name("a.x."))).unwrap();
        assert_eq!(ips.len(), 2);
        assert_eq!(ttl, Duration::from_secs(20));
        assert!(glue.take(&Key(name("c.x."))).is_none());
    }
}
