use super::*;

fn required() -> Config {
    Config::new().with_required_protocol(libp2p_swarm::StreamProtocol::new("/members/1"))
}

fn note(world: &mut World, id: usize, peer: PeerId, speaks: bool) {
    let id = ConnectionId::new_unchecked(id);
    assert!(world.ledger.note_protocols(id, &peer, speaks));
    world.act(|ledger, cx| Presence::new(ledger, cx).follow_protocols(&peer));
}

#[test]
fn a_peer_that_is_not_on_the_list_is_told_once_and_waits_until_it_is() {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.config = Config::new().with_allowed_peers([]);
    for first in [true, false] {
        world.meet(&c(1), peer);
        assert_eq!(world.told().len(), usize::from(first));
        assert_eq!(world.peer_at(&c(1)), None);
    }
    world.config = Config::new().with_allowed_peers([peer]);
    world.judge(|judge| judge.readmit());
    let retry_at = world.ledger.failed(&c(1)).expect("it waits").retry_at;
    assert_eq!(retry_at, world.now, "it is looked at again");
}

#[test]
fn a_candidate_that_is_pinned_to_one_who_may_not_join_waits_for_a_day() {
    let peer = PeerId::random();
    let mut world = World::new(0);
    world.config = Config::new().with_allowed_peers([]);
    world.name(&[pinned(1, peer)]);
    assert!(matches!(world.told()[..], [Event::Refused { old: None, .. }]));
    let failed = world.ledger.failed(&pinned(1, peer)).expect("it waits");
    assert!(failed.retry_at > world.now + secs(23 * 3_600));
}

#[test]
fn a_peer_is_introduced_before_it_is_entered_where_a_protocol_is_required() {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.config = required();
    world.meet(&c(1), peer);
    assert_eq!(world.peer_at(&c(1)), None);
    let is_introduced = |e: &Effect| matches!(e, Effect::Introduce { peer: p, .. } if *p == peer);
    assert!(world.asked.iter().any(is_introduced));
    world.connect(1, peer, &c(1));
    note(&mut world, 1, peer, true);
    world.meet(&c(1), peer);
    assert_eq!(world.peer_at(&c(1)), Some(peer));
}

/// What others met is looked at by a dial of our own, with what room there is.
#[test]
fn a_peer_that_others_met_is_a_hint_where_a_protocol_is_required() {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.config = required();
    world.judge(|judge| judge.observe(&c(1), peer));
    assert!(matches!(&world.asked[..], [Effect::Hint(candidate)] if *candidate == c(1)));
}

#[test]
fn a_member_that_ceases_to_speak_the_protocol_is_a_stranger() {
    let (mut world, peer) = (World::new(1), PeerId::random());
    world.config = required();
    world.connect(1, peer, &c(1));
    note(&mut world, 1, peer, true);
    world.meet(&c(1), peer);
    note(&mut world, 1, peer, false);
    assert!(matches!(world.told()[..], [Event::Stranger { old: Some(_), .. }]));
    assert_eq!(world.peer_at(&c(1)), None);
    note(&mut world, 1, peer, true);
    let retry_at = world.ledger.failed(&c(1)).expect("it waits").retry_at;
    assert_eq!(retry_at, world.now, "it is looked at again");
}
