//! Whether an address is among candidates, however it is spelled.

use std::{
    net::{IpAddr, Ipv6Addr},
    ops::RangeInclusive,
};

use libp2p_core::Multiaddr;

use crate::{candidate::Candidate, filter::spellings};

/// Whether a set of candidates has one at an address, however the address is spelled. `first_from` gives the
/// first candidate of the set that is a given one or comes after it in order.
pub(super) fn has<'a>(
    address: &Candidate,
    first_from: impl Fn(&Candidate) -> Option<&'a Candidate>,
) -> bool {
    let spellings = match address.ip() {
        Some(IpAddr::V4(ip)) => spellings(ip).into_iter().collect(),
        _ => Vec::new(),
    };
    let is_spelled = |ips: RangeInclusive<Ipv6Addr>| {
        let lowest = Candidate::new(&Multiaddr::from(*ips.start()));
        let within = |ip: IpAddr| matches!(ip, IpAddr::V6(ip) if ips.contains(&ip));
        first_from(&lowest).and_then(Candidate::ip).is_some_and(within)
    };
    first_from(&address.without_pin()).is_some_and(|c| c.is_at_address_of(address))
        || spellings.into_iter().any(is_spelled)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn c(address: &str) -> Candidate {
        Candidate::new(&address.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_found_with_any_pin_and_in_any_spelling() {
        let pin = libp2p_identity::PeerId::random();
        let there: BTreeSet<_> = [
            c(&format!("/ip4/10.0.0.1/tcp/1/p2p/{pin}")),
            c("/ip6/64:ff9b::a00:2/tcp/1"),
            c("/ip6/fd00::3/tcp/1"),
        ]
        .into();
        let is_there = |address| has(&c(address), |from| there.range(from..).next());
        assert!(is_there("/ip4/10.0.0.1/tcp/1") && !is_there("/ip4/10.0.0.1/tcp/2"));
        assert!(is_there("/ip4/10.0.0.2/tcp/1") && !is_there("/ip4/10.0.0.3/tcp/1"));
        assert!(is_there("/ip6/fd00::3/tcp/1"));
    }
}
