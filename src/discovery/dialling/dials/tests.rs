use std::time::Duration;

use super::*;
use crate::discovery::{
    dial::Purpose,
    testing::{epoch, nz, secs},
};

fn dial(n: u16, now: Instant) -> Dial {
    let address = format!("/ip4/10.0.{}.{}/tcp/1", n >> 8, n & 255);
    Dial {
        candidate: Candidate::new(&address.parse().expect("an address")),
        expect: Expect::Probe,
        purpose: Purpose::Place,
        started: now,
        deadline: now + secs(10),
        waits_for: None,
    }
}

/// Starts dials of a purpose as long as there is room; returns how many.
fn fill(dials: &mut Dials, quota: Quota, now: Instant) -> u16 {
    let mut started = 0;
    while dials.room(quota, Reach::Borrowed, now) == Room::Free {
        dials.start(dial(1_000 * quota as u16 + started, now), quota);
        started += 1;
    }
    started
}

#[test]
fn a_slot_is_taken_until_its_dial_ends_and_waiting_for_a_peer_takes_none() {
    let now = epoch();
    let mut dials = Dials::new(nz(16), nz(600), now);
    assert_eq!(fill(&mut dials, Quota::Place, now), 12);
    assert_eq!(fill(&mut dials, Quota::Check, now), 1);
    let first = dials.iter().next().expect("a dial").0;
    let met = dials.end(first).expect("under way");
    dials.wait_for(Dial { waits_for: Some(PeerId::random()), ..met });
    assert_eq!(fill(&mut dials, Quota::Place, now), 1);
}

#[test]
fn those_are_spared_for_whom_the_purpose_keeps_slots() {
    let now = epoch();
    let mut dials = Dials::new(nz(16), nz(600), now);
    fill(&mut dials, Quota::Place, now);
    fill(&mut dials, Quota::Check, now);
    let ids: Vec<_> = dials.iter().map(|(id, _)| id).collect();
    let spared = ids[..12].iter().filter(|id| dials.spare(**id)).count();
    assert_eq!(spared, 2, "a quarter of the quota");
    assert!(dials.is_spared(ids[0]) && !dials.is_spared(ids[5]));
    assert!(dials.spare(ids[12]), "of another quota");
}

#[test]
fn dials_of_a_purpose_that_go_on_in_the_swarm_take_no_room_of_another() {
    let now = epoch();
    let mut dials = Dials::new(nz(16), nz(600), now);
    let mut abandoned = 0;
    while dials.may_abandon(Quota::Place) {
        let expect = Expect::Peer(PeerId::random());
        let id = dials.start(Dial { expect, ..dial(abandoned, now) }, Quota::Place);
        assert!(dials.stop(id).is_some());
        abandoned += 1;
    }
    assert_eq!(abandoned, 12);
    assert!(dials.may_abandon(Quota::Check));
    assert_eq!((fill(&mut dials, Quota::Place, now), fill(&mut dials, Quota::Check, now)), (12, 1));
    assert_eq!(dials.next_deadline(), Some(now + secs(10)));
    while dials.end_overdue(now + secs(10)).is_some() {}
    assert!(dials.may_abandon(Quota::Place) && dials.next_deadline().is_none());
}

#[test]
fn a_probe_that_is_stopped_is_over() {
    let now = epoch();
    let mut dials = Dials::new(nz(4), nz(600), now);
    let id = dials.start(dial(1, now), Quota::Place);
    assert!(dials.stop(id).is_some() && dials.stop(id).is_none());
    assert_eq!(dials.next_deadline(), None);
}

#[test]
fn a_dial_is_overdue_at_its_deadline_and_ends_once() {
    let now = epoch();
    let mut dials = Dials::new(nz(4), nz(600), now);
    let first = dials.start(dial(1, now), Quota::Place);
    assert!(dials.end_overdue(now + Duration::from_millis(9_999)).is_none());
    assert_eq!(dials.end_overdue(now + secs(10)).map(|(id, _)| id), Some(first));
    assert!(dials.end(first).is_none() && dials.of(&dial(1, now).candidate).is_none());
}

#[test]
fn dials_that_wait_for_a_peer_end_together() {
    let (now, peer) = (epoch(), PeerId::random());
    let mut dials = Dials::new(nz(4), nz(600), now);
    for n in 0..3 {
        let waits_for = (n > 0).then_some(peer);
        dials.wait_for(Dial { waits_for, ..dial(n, now) });
    }
    assert_eq!(dials.end_waiting_for(&peer).len(), 2);
    assert_eq!(dials.iter().count(), 1);
}
