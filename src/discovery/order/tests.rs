use std::slice;

use libp2p_identity::PeerId;

use super::*;

fn c(address: &str) -> Candidate {
    Candidate::new(&address.parse().expect("an address"))
}

fn order(all: &[&Candidate], groups: &[&[&Candidate]]) -> Order {
    let mut sorted: Vec<Candidate> = all.iter().map(|c| (*c).clone()).collect();
    sorted.sort();
    let groups: Vec<Transports> =
        groups.iter().map(|group| group.iter().map(|c| (*c).clone()).collect()).collect();
    let of = groups.iter().flat_map(|group| group.iter().map(move |c| (c, group.clone())));
    Order::new(1, sorted.clone().into(), of, vec![sorted.into()])
}

const QUIC: &str = "/ip4/10.0.0.1/udp/1/quic-v1";
const TCP: &str = "/ip4/10.0.0.1/tcp/1";
const WS: &str = "/ip4/10.0.0.1/tcp/2/ws";

#[test]
fn a_fallback_waits_for_the_next_better_transport_of_its_record() {
    let (quic, tcp, ws) = (c(QUIC), c(TCP), c(WS));
    let order = order(&[&quic, &tcp, &ws], &[&[&quic, &tcp, &ws]]);
    assert_eq!(order.preferred_to(&quic), None);
    assert_eq!(order.preferred_to(&tcp), Some(&quic));
    assert_eq!(order.preferred_to(&ws), Some(&tcp));
    assert_eq!(order.transports(&tcp).len(), 3);
}

/// Two tasks of one machine share an IP address and nothing else.
#[test]
fn candidates_of_one_host_are_no_transports_of_each_other_by_that() {
    let (quic, tcp) = (c(QUIC), c(TCP));
    let order = order(&[&quic, &tcp], &[]);
    assert!(order.transports(&tcp).is_empty() && order.preferred_to(&tcp).is_none());
    assert_eq!(order.at_host([10, 0, 0, 1].into()).len(), 2);
}

#[test]
fn a_transport_that_is_no_candidate_is_not_waited_for() {
    let (quic, tcp, ws) = (c(QUIC), c(TCP), c(WS));
    let order = order(&[&quic, &ws], &[&[&quic, &tcp, &ws]]);
    assert_eq!(order.preferred_to(&ws), Some(&quic));
    assert!(!order.transports(&quic).contains(&tcp));
}

/// The bound may have left out what its group still names.
#[test]
fn what_is_no_candidate_has_no_transports() {
    let (quic, tcp, ws) = (c(QUIC), c(TCP), c(WS));
    let order = order(&[&quic, &ws], &[&[&quic, &tcp, &ws]]);
    assert_eq!(order.groups().count(), 2);
    assert!(order.transports(&tcp).is_empty());
}

#[test]
fn an_address_is_found_under_all_its_pins_and_families_are_apart() {
    let peer = PeerId::random();
    let (tcp, other) = (c(TCP), c("/ip4/10.0.0.2/tcp/1"));
    let pinned = c(&format!("{TCP}/p2p/{peer}"));
    let memory = c("/memory/7");
    let v6 = c("/ip6/fd00::1/tcp/1");
    let order = order(&[&tcp, &other, &pinned, &memory, &v6], &[]);
    assert_eq!(order.at_address(&tcp), [tcp.clone(), pinned.clone()]);
    assert_eq!(order.at_address(&pinned), [tcp.clone(), pinned.clone()]);
    assert_eq!(order.at_address(&memory), slice::from_ref(&memory));
    assert!(order.at_address(&c("/ip4/10.0.0.3/tcp/1")).is_empty());
    assert_eq!(order.pinned_at(&tcp, &peer), Some(&pinned));
    assert_eq!(order.pinned_at(&other, &peer), None);
    assert_eq!(order.family(Family::V6), [v6]);
    assert_eq!(order.lists_of(Family::Other), [&[memory][..]]);
}

#[test]
fn what_one_order_has_and_another_has_not() {
    let (quic, tcp, ws) = (c(QUIC), c(TCP), c(WS));
    let (old, new) = (order(&[&quic, &tcp], &[]), order(&[&tcp, &ws], &[]));
    assert_eq!(old.without(&new), [quic]);
    assert_eq!(new.without(&old), [ws]);
}
