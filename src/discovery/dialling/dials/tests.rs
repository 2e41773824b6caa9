use super::*;
use crate::discovery::dial::Expect;
use crate::discovery::testing::{epoch, secs};

fn nz(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("not zero")
}

fn dial(n: u16, purpose: Purpose, now: Instant) -> Dial {
    let address = format!("/ip4/10.0.{}.{}/tcp/1", n >> 8, n & 255);
    Dial {
        candidate: Candidate::new(&address.parse().expect("an address")),
        expect: Expect::Probe,
        purpose,
        started: now,
        deadline: now + secs(10),
        waits_for: None,
    }
}

/// Starts dials of a purpose as long as there is room; returns how many.
fn fill(dials: &mut Dials, purpose: Purpose, now: Instant) -> u16 {
    let mut started = 0;
    while dials.room(purpose, now) == Room::Free {
        dials.start(dial(1_000 * purpose as u16 + started, purpose, now));
        started += 1;
    }
    started
}

#[test]
fn a_quarter_of_the_slots_is_kept_for_what_keeps_us_joined() {
    let now = epoch();
    let mut dials = Dials::new(nz(16), nz(600), now);
    assert_eq!(fill(&mut dials, Purpose::Place, now), 12);
    assert_eq!(fill(&mut dials, Purpose::Hint, now), 0);
    assert_eq!(fill(&mut dials, Purpose::Check, now), 4);
    assert_eq!(dials.room(Purpose::Repair, now), Room::Full);
}

#[test]
fn a_spared_probe_leaves_its_slot_to_others_within_bounds() {
    let now = epoch();
    let mut dials = Dials::new(nz(16), nz(600), now);
    fill(&mut dials, Purpose::Place, now);
    let ids: Vec<_> = dials.iter().map(|(id, _)| id).collect();
    let spared = ids.iter().filter(|id| dials.spare(**id)).count();
    assert_eq!(spared, 2, "half of what is kept for verifications");
    assert!(dials.is_spared(ids[0]) && !dials.is_spared(ids[5]));
    assert_eq!(fill(&mut dials, Purpose::Place, now), 2);
}

#[test]
fn abandoned_dials_count_until_their_deadline() {
    let now = epoch();
    let mut dials = Dials::new(nz(4), nz(600), now);
    for n in 0..4 {
        let id = dials.start(dial(n, Purpose::Place, now));
        let ended = dials.end(id).expect("under way");
        assert!(dials.may_abandon());
        dials.abandon(&ended);
    }
    assert!(!dials.may_abandon());
    assert_eq!(dials.next_deadline(), Some(now + secs(10)));
    assert!(dials.end_overdue(now + secs(10)).is_none());
    assert!(dials.may_abandon() && dials.next_deadline().is_none());
}

#[test]
fn a_dial_is_overdue_at_its_deadline_and_ends_once() {
    let now = epoch();
    let mut dials = Dials::new(nz(4), nz(600), now);
    let first = dials.start(dial(1, Purpose::Place, now));
    assert!(dials.end_overdue(now + Duration::from_millis(9_999)).is_none());
    assert_eq!(dials.end_overdue(now + secs(10)).map(|(id, _)| id), Some(first));
    assert!(
        dials.end(first).is_none() && dials.of(&dial(1, Purpose::Place, now).candidate).is_none()
    );
}

#[test]
fn a_minute_has_no_more_dials_than_the_budget() {
    let mut now = epoch();
    let (end, mut started) = (now + secs(60), 0_u32);
    let mut dials = Dials::new(nz(1_000), nz(60), now);
    while now <= end {
        match dials.room(Purpose::Check, now) {
            Room::Free => {
                let id = dials.start(dial(1, Purpose::Check, now));
                dials.end(id);
                started += 1;
            }
            Room::Until(at) => now = at,
            Room::Full => panic!("a thousand at once"),
        }
    }
    assert!((58..=60).contains(&started), "{started}");
}

#[test]
fn dials_that_wait_for_a_peer_end_together() {
    let (now, peer) = (epoch(), PeerId::random());
    let mut dials = Dials::new(nz(4), nz(600), now);
    for n in 0..3 {
        let waits_for = (n > 0).then_some(peer);
        dials.wait_for(Dial { waits_for, ..dial(n, Purpose::Check, now) });
    }
    assert_eq!(dials.end_waiting_for(&peer).len(), 2);
    assert_eq!(dials.iter().count(), 1);
}
