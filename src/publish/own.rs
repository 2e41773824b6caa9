//! Which of this node's addresses are published.

use std::collections::BTreeSet;

use libp2p_identity::PeerId;

use super::{config::Config, record};
use crate::{candidate::Candidate, filter::Rejection, own_addresses::OwnAddresses};

/// The addresses by which the zone should name this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The addresses to publish, each pinned to this node's id.
    pub(super) addresses: BTreeSet<Candidate>,
    /// The addresses that will not be published: past the limit, too long, or configured and unusable.
    pub(super) left_out: BTreeSet<Candidate>,
}

impl Wanted {
    /// The configured addresses if there are any, else the confirmed external addresses, else the listen
    /// addresses. Of these, the first are published, up to the limit.
    pub(super) fn of(own: &OwnAddresses, config: &Config, local: &PeerId) -> Self {
        if !config.addresses.is_empty() {
            let configured =
                config.addresses.iter().map(|address| pin(&Candidate::new(address), local));
            let (fit, unfit) =
                configured.partition(|address| is_published(address, config, local, false));
            return bounded(fit, unfit, config);
        }
        let fit = |addresses: &mut dyn Iterator<Item = &Candidate>| -> BTreeSet<_> {
            let pinned = addresses.map(|address| pin(address, local));
            pinned.filter(|address| is_published(address, config, local, true)).collect()
        };
        let external = fit(&mut own.confirmed());
        let chosen = if external.is_empty() { fit(&mut own.listening()) } else { external };
        bounded(chosen, BTreeSet::new(), config)
    }
}

/// Whether a reader with the configured filter would dial the address, or look up the name in it. The filter
/// allows the operator more than DNS: it rejects a loopback address that DNS names, and lets one pass that the
/// operator wrote. So `named_by_dns` is false for a configured address, and true for one that the swarm
/// reported.
fn is_published(address: &Candidate, config: &Config, local: &PeerId, named_by_dns: bool) -> bool {
    address.pinned() == Some(local)
        && matches!(
            config.filter.judging(named_by_dns).check(address),
            Ok(()) | Err(Rejection::Name)
        )
}

/// The address with this node's id, unless it ends in an id already.
fn pin(address: &Candidate, local: &PeerId) -> Candidate {
    match address.pinned() {
        Some(_) => address.clone(),
        None => match address.address().clone().with_p2p(*local) {
            Ok(pinned) => Candidate::new(&pinned),
            Err(_) => address.clone(),
        },
    }
}

/// Leaves out the addresses whose record is longer than a reader accepts, and those past the limit.
fn bounded(fit: BTreeSet<Candidate>, unfit: BTreeSet<Candidate>, config: &Config) -> Wanted {
    let (short, long): (BTreeSet<_>, BTreeSet<_>) = fit.into_iter().partition(record::is_readable);
    let mut short = short.into_iter();
    let addresses = short.by_ref().take(config.max_addresses.get()).collect();
    Wanted { addresses, left_out: short.chain(long).chain(unfit).collect() }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use libp2p_core::Multiaddr;

    use super::*;
    use crate::filter::Filter;

    fn config() -> Config {
        Config::new("peers.example", "example").unwrap()
    }

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn listening(addresses: &[&str]) -> OwnAddresses {
        let mut own = OwnAddresses::default();
        addresses.iter().for_each(|text| own.listen(Candidate::new(&address(text))));
        own
    }

    fn texts(addresses: &BTreeSet<Candidate>, local: &PeerId) -> Vec<String> {
        let id = format!("/p2p/{local}");
        addresses.iter().map(|a| a.to_string().replace(&id, "/ID")).collect()
    }

    #[track_caller]
    fn assert_wanted(own: &OwnAddresses, config: &Config, wanted: &[&str]) {
        let local = PeerId::random();
        assert_eq!(texts(&Wanted::of(own, config, &local).addresses, &local), wanted);
    }

    #[test]
    fn of_those_listened_on_the_ones_that_others_can_dial_are_published() {
        let own = listening(&[
            "/ip4/10.0.0.7/udp/4001/quic-v1",
            "/ip4/10.0.0.7/tcp/4001",
            "/ip4/127.0.0.1/tcp/4001",
            "/ip4/0.0.0.0/tcp/4001",
            "/ip4/169.254.7.7/tcp/4001",
            "/ip6/::1/tcp/4001",
            "/ip6/fe80::1/tcp/4001",
            "/ip6/2001:db8::7/tcp/4001",
            "/memory/7",
            "/unix/tmp%2Fsocket",
        ]);
        let wanted = [
            "/ip4/10.0.0.7/tcp/4001/ID",
            "/ip4/10.0.0.7/udp/4001/quic-v1/ID",
            "/ip6/2001:db8::7/tcp/4001/ID",
        ];
        assert_wanted(&own, &config(), &wanted);
        let loopback = config().with_filter(Filter::default().with_loopback(true));
        assert_eq!(Wanted::of(&own, &loopback, &PeerId::random()).addresses.len(), 5);
        assert!(Wanted::of(&own, &config(), &PeerId::random()).left_out.is_empty());
    }

    #[test]
    fn external_addresses_come_before_those_listened_on_and_configured_ones_before_all() {
        let mut own = listening(&["/ip4/10.0.0.7/tcp/4001"]);
        own.external(Candidate::new(&address("/memory/7")));
        assert_wanted(&own, &config(), &["/ip4/10.0.0.7/tcp/4001/ID"]);
        own.external(Candidate::new(&address("/ip4/192.0.2.7/tcp/4001")));
        own.external(Candidate::new(&address("/dns4/node.example/tcp/4001")));
        let external = ["/ip4/192.0.2.7/tcp/4001/ID", "/dns4/node.example/tcp/4001/ID"];
        assert_wanted(&own, &config(), &external);
        let configured = ["/ip4/127.0.0.1/tcp/1", "/memory/9"].map(address);
        let wanted = ["/ip4/127.0.0.1/tcp/1/ID", "/memory/9/ID"];
        assert_wanted(&own, &config().with_addresses(configured), &wanted);
        own.external_expired(&Candidate::new(&address("/ip4/192.0.2.7/tcp/4001")));
        own.external_expired(&Candidate::new(&address("/dns4/node.example/tcp/4001")));
        assert_wanted(&own, &config(), &["/ip4/10.0.0.7/tcp/4001/ID"]);
    }

    #[test]
    fn an_address_is_gone_when_its_last_listener_is() {
        let mut own = listening(&["/ip4/10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"]);
        own.listen_expired(&Candidate::new(&address("/ip4/10.0.0.7/tcp/1")));
        assert_wanted(&own, &config(), &["/ip4/10.0.0.7/tcp/1/ID"]);
        own.listen_expired(&Candidate::new(&address("/ip4/10.0.0.7/tcp/1")));
        own.listen_expired(&Candidate::new(&address("/ip4/10.0.0.7/tcp/1")));
        assert_wanted(&own, &config(), &[]);
    }

    #[test]
    fn the_id_is_there_once_and_is_ours() {
        let (local, other) = (PeerId::random(), PeerId::random());
        let own = OwnAddresses::default();
        let relay = format!("/ip4/192.0.2.1/tcp/1/p2p/{other}/p2p-circuit");
        let config = config().with_addresses([
            address(&format!("/ip4/10.0.0.7/tcp/1/p2p/{local}")),
            address("/ip4/10.0.0.7/tcp/1"),
            address(&format!("/ip4/10.0.0.8/tcp/1/p2p/{other}")),
            address("/ip4/10.0.0.9/tcp/0"),
            address(&relay),
        ]);
        let wanted = Wanted::of(&own, &config, &local);
        let relayed = format!("{relay}/ID");
        assert_eq!(texts(&wanted.addresses, &local), ["/ip4/10.0.0.7/tcp/1/ID", &relayed]);
        let left_out =
            [format!("/ip4/10.0.0.8/tcp/1/p2p/{other}"), "/ip4/10.0.0.9/tcp/0/ID".into()];
        assert_eq!(texts(&wanted.left_out, &local), left_out);
    }

    #[test]
    fn the_first_are_published_and_what_is_cut_is_told() {
        let long = format!("/ip4/10.0.0.1/tcp/1/tls/sni/{}/ws", "a".repeat(1_024));
        let own = listening(&[
            "/ip4/10.0.0.3/tcp/1",
            "/ip4/10.0.0.1/tcp/2",
            "/ip4/10.0.0.2/tcp/1",
            &long,
        ]);
        let two = config().with_max_addresses(NonZeroUsize::new(2).unwrap());
        let local = PeerId::random();
        let wanted = Wanted::of(&own, &two, &local);
        let first = ["/ip4/10.0.0.1/tcp/2/ID", "/ip4/10.0.0.2/tcp/1/ID"];
        assert_eq!(texts(&wanted.addresses, &local), first);
        let left_out = texts(&wanted.left_out, &local);
        assert_eq!(left_out.len(), 2);
        assert_eq!(left_out[1], "/ip4/10.0.0.3/tcp/1/ID");
    }
}
