//! Servers that fail, say nothing, or are away for a while. What is known is kept, and the node
//! recovers by itself.

use std::time::Duration;

use libp2p_dns_discovery::{Config, LookupError, Status};

use super::{node::Node, records::Kind, world};
use crate::{
    servers::{Brand, SERVICE, Server, Zone},
    suite::Answer,
};

const KIND: Kind = Kind::A;
/// How soon silence is told.
const SILENCE: Duration = Duration::from_secs(3);

fn zone(size: usize) -> Zone {
    let mut zone = Zone::new(world::TTL);
    KIND.put(&mut zone, SERVICE, size);
    zone
}

/// At first, and after a success.
pub(super) fn servfail(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let mut server = Server::start(brand, world::address(), &zone(3))?;
        server.fail();
        let mut node = Node::new(server.address(), &KIND.source(brand, SERVICE));
        let first = node.fails().await;
        let refused = brand == Brand::Dnsmasq;
        is_servfail(&first, refused);
        while node.failures() < 4 {
            is_servfail(&node.fails().await, refused);
        }
        assert_eq!(node.status(), Status::Starting, "a failure is no proof that nobody is there");
        server.heal(&zone(3));
        node.resolves(&KIND.candidates(3)).await;
        server.fail();
        node.refresh();
        is_servfail(&node.fails().await, refused);
        world::assert_same(&node.candidates(), &KIND.candidates(3), "what was known");
        server.heal(&zone(4));
        node.resolves(&KIND.candidates(4)).await;
        Ok(match refused {
            true => Answer::PassWith("it says REFUSED of what it does not know".to_owned()),
            false => Answer::Pass,
        })
    })
}

fn is_servfail(error: &LookupError, refused: bool) {
    let is_right = match refused {
        true => matches!(error, LookupError::Refused),
        false => matches!(error, LookupError::ServerFailed(_)),
    };
    assert!(is_right, "{error:?}");
}

fn impatient(server: &Server) -> Node {
    let source = KIND.source(server.brand(), SERVICE);
    Node::with(Config::new(), SILENCE, [server.address()], &source)
}

/// The server is there and does not answer.
pub(super) fn silence(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let mut server = Server::start(brand, world::address(), &zone(3))?;
        let mut node = impatient(&server);
        node.resolves(&KIND.candidates(3)).await;
        server.freeze();
        node.refresh();
        let error = node.fails().await;
        assert!(matches!(error, LookupError::TimedOut), "{error:?}");
        world::assert_same(&node.candidates(), &KIND.candidates(3), "what was known");
        server.thaw();
        server.set(&zone(4));
        node.resolves(&KIND.candidates(4)).await;
        Ok(Answer::Pass)
    })
}

/// The server is not there, and comes back with other records.
pub(super) fn restart(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let mut server = Server::start(brand, world::address(), &zone(3))?;
        let mut node = impatient(&server);
        node.resolves(&KIND.candidates(3)).await;
        server.stop();
        node.refresh();
        let error = node.fails().await;
        let is_right = matches!(error, LookupError::TimedOut | LookupError::Failed(_));
        assert!(is_right, "{error:?}");
        world::assert_same(&node.candidates(), &KIND.candidates(3), "what was known");
        server.restart_with(&zone(4));
        node.resolves(&KIND.candidates(4)).await;
        Ok(Answer::Pass)
    })
}
