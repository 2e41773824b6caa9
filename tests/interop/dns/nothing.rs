//! Names that are not there: not yet, or no longer.

use libp2p_dns_discovery::{LookupError, Nothing, NothingKind, Status};

use super::{node::Node, records::Kind, world};
use crate::{
    servers::{Brand, SERVICE, Server, Zone},
    suite::Answer,
};

/// Something else is there, so that the zone is not empty.
const OTHER: &str = "other";

/// A node that is the first one is alone after such answers over ten seconds, and quiet. Those who come
/// are found. What is gone is kept, as nobody can tell a name that is gone from one that is misplaced.
pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let kind = Kind::A;
        let (mut empty, mut full) = (Zone::new(world::TTL), Zone::new(world::TTL));
        for zone in [&mut empty, &mut full] {
            kind.put(zone, OTHER, 1);
        }
        kind.put(&mut full, SERVICE, 3);
        let mut server = Server::start(brand, world::address(), &empty)?;
        let mut node = Node::new(server.address(), &kind.source(brand, SERVICE));
        for _ in 1..3 {
            is_no_such_name(&node.fails().await);
            assert_eq!(node.status(), Status::Starting, "two answers are no proof");
            node.refresh();
        }
        // Three over ten seconds are one, and no failure.
        node.becomes(Status::Alone).await;
        let failures = node.failures();
        node.refresh();
        server.set(&full);
        node.refresh();
        node.resolves(&kind.candidates(3)).await;
        assert_eq!(node.failures(), failures, "nothing is told of what is believed");
        server.set(&empty);
        node.refresh();
        is_no_such_name(&node.fails().await);
        world::assert_same(&node.candidates(), &kind.candidates(3), "what was known");
        kind.put(&mut full, SERVICE, 4);
        server.set(&full);
        node.resolves(&kind.candidates(4)).await;
        Ok(Answer::Pass)
    })
}

fn is_no_such_name(error: &LookupError) {
    let is_right =
        matches!(error, LookupError::Nothing(Nothing { kind: NothingKind::NxDomain, .. }));
    assert!(is_right, "{error:?}");
}
