//! What the filter lets through, by what is dialled.

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::TXT};
use libp2p_dns_discovery::{Event, Filter, TransportKind, hickory_proto};

use crate::support::{World, lowest, secs};

/// Whether an address is dialled that DNS names, and that is written down. What is not, is told.
fn dialled(filter: &Filter, address: &str) -> (bool, bool) {
    let [by_dns, written] = [false, true].map(|written| {
        let mut world = World::new(lowest(3).with_filter(filter.clone()));
        let owner = "_dnsaddr.x.";
        let text = format!("dnsaddr={address}");
        let data = RData::TXT(TXT::from_bytes(vec![text.as_bytes()]));
        let record = Record::from_rdata(Name::from_ascii(owner).expect("a name"), 30, data);
        world.zone.insert((owner.into(), RecordType::TXT), Ok(vec![record]));
        world.source(if written { address } else { "/dnsaddr/x." });
        world.run(secs(1));
        let rejected = world.count(|e| matches!(e, Event::Rejected { .. }));
        assert_eq!(rejected, usize::from(world.dials.is_empty()), "{address}");
        !world.dials.is_empty()
    });
    (by_dns, written)
}

/// Each rule: by default, with its setter, and just outside it. Fails if a rule, its setter or its
/// default is another.
#[test]
fn every_rule_by_default_and_set() {
    let default = Filter::default;
    let net = |net: &str| net.parse::<ipnet::IpNet>().expect("a network");
    let all = (true, true);
    let only_written = (false, true);
    let never = (false, false);
    for (filter, address, expected) in [
        (default(), "/ip4/127.0.0.1/tcp/1", only_written),
        (default().with_loopback(true), "/ip4/127.0.0.1/tcp/1", all),
        (default().with_loopback(true).with_loopback(false), "/ip4/127.0.0.1/tcp/1", only_written),
        (default(), "/ip4/128.0.0.0/tcp/1", all),
        (default(), "/ip4/169.254.169.254/tcp/1", only_written),
        (default().with_loopback(true), "/ip4/169.254.169.254/tcp/1", only_written),
        (default().with_link_local(true), "/ip4/169.254.169.254/tcp/1", all),
        (default(), "/ip4/169.255.0.0/tcp/1", all),
        (default().with_loopback(true).with_link_local(true), "/ip4/224.0.0.1/tcp/1", never),
        (default(), "/ip4/223.255.255.255/tcp/1", all),
        (default(), "/ip6/ff02::1/tcp/1", never),
        (default(), "/ip4/0.0.0.1/tcp/1", never),
        (default(), "/ip4/255.255.255.255/tcp/1", never),
        (default(), "/ip4/240.0.0.1/tcp/1", all),
        (default(), "/ip6/64:ff9b::7f00:1/tcp/1", only_written),
        (default(), "/memory/7", only_written),
        (default().with_memory(true), "/memory/7", all),
        (default().with_transports([TransportKind::QuicV1]), "/ip4/10.0.0.1/tcp/1", only_written),
        (default().with_transports([TransportKind::Tcp]), "/ip4/10.0.0.1/tcp/1", all),
        (default().with_denied_networks([net("10.0.0.0/8")]), "/ip4/10.0.0.1/tcp/1", never),
        (default().with_denied_networks([net("10.0.0.0/8")]), "/ip4/11.0.0.1/tcp/1", all),
        (default().with_denied_networks([net("10.0.0.0/8")]), "/ip6/64:ff9b::a00:1/tcp/1", never),
        (default().with_allowed_networks([net("10.0.0.0/8")]), "/ip4/10.0.0.1/tcp/1", all),
        (default().with_allowed_networks([net("10.0.0.0/8")]), "/ip4/11.0.0.1/tcp/1", never),
    ] {
        assert_eq!(dialled(&filter, address), expected, "{address} with {filter:?}");
    }
}
