//! The contents of single records: names, times to live, addresses and targets.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use hickory_proto::rr::{Name, RData, Record};

use crate::{name::Key, resolver::Answer};

/// The name without regard to case and search list.
pub(crate) fn absolute(name: &Name) -> Name {
    let mut name = name.to_lowercase();
    name.set_fqdn(true);
    name
}

/// The lesser of two TTLs where there are two.
pub(crate) fn least(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    [a, b].into_iter().flatten().min()
}

/// For how long all records of an answer may be kept that say where peers are, or lead there.
pub(crate) fn ttl_of_all(answer: &Answer) -> Option<Duration> {
    let glue = answer.additionals.iter().filter(|record| ip_of(record).is_some());
    answer.records.iter().chain(glue).map(ttl_of).min()
}

/// How long a record may be kept.
pub(super) fn ttl_of(record: &Record) -> Duration {
    Duration::from_secs(seconds(record).into())
}

/// The same in seconds.
pub(super) fn seconds(record: &Record) -> u32 {
    // A TTL with the highest bit set is 0 (RFC 2181 section 8).
    if record.ttl > i32::MAX as u32 { 0 } else { record.ttl }
}

/// The IP addresses of A and AAAA records.
pub(crate) fn addresses<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<IpAddr> {
    records.into_iter().filter_map(ip_of).collect()
}

/// The IP address of an A or AAAA record.
pub(super) fn ip_of(record: &Record) -> Option<IpAddr> {
    match record.data {
        RData::A(ip) => Some(IpAddr::V4(ip.0)),
        RData::AAAA(ip) => Some(IpAddr::V6(ip.0)),
        _ => None,
    }
}

/// The targets and ports of SRV records, sorted, without duplicates. Priority and weight are for
/// clients that want one server.
pub(crate) fn targets<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<(Key, u16)> {
    records
        .into_iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some((Key(absolute(&srv.target)), srv.port)),
            _ => None,
        })
        .collect()
}

/// The port on which all targets agree.
pub(crate) fn port_of(targets: &BTreeSet<(Key, u16)>) -> Option<u16> {
    let (_, port) = targets.first()?;
    targets.iter().all(|(_, other)| other == port).then_some(*port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{name, srv};

    #[test]
    fn srv_targets() {
        let records = [srv("b.", 2), srv("A.", 2), srv("a.", 1), srv("a", 2), srv("b.", 2)];
        let expected =
            [("a.", 1), ("a.", 2), ("b.", 2)].map(|(target, port)| (Key(name(target)), port));
        assert_eq!(targets(&records), expected.into());
    }
}
