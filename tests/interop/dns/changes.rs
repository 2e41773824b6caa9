//! A name from which one member goes every second while another one comes.

use std::time::Duration;

use libp2p_dns_discovery::Event;

use super::{
    node::{Node, texts},
    records::Kind,
    world,
};
use crate::{
    servers::{Brand, Server, Zone},
    suite::Answer,
};

const NAME: &str = "busy";
const SECONDS: usize = 15;
const MEMBERS: usize = 10;
/// Two answers that leave somebody out, and a cache that remembers for five seconds before each: the
/// last change is known by then.
const SETTLED: Duration = Duration::from_secs(25);

/// The members after so many seconds: from that number on.
fn zone(kind: Kind, seconds: usize) -> Zone {
    let mut zone = Zone::new(world::TTL);
    kind.put_some(&mut zone, NAME, seconds..seconds + MEMBERS);
    zone
}

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let kind = Kind::A;
        let mut server = Server::start(brand, world::address(), &zone(kind, 0))?;
        let mut node = Node::new(server.address(), &kind.source(NAME));
        node.resolves(&kind.candidates(MEMBERS)).await;
        for second in 1..=SECONDS {
            server.set(&zone(kind, second));
            node.runs_for(Duration::from_secs(1)).await;
        }
        node.runs_for(SETTLED).await;
        let all = kind.candidates(SECONDS + MEMBERS);
        assert_eq!(node.candidates(), all[SECONDS..], "the last members");
        let lists = told(node.events());
        assert!(lists.windows(2).all(|two| two[0] != two[1]), "told twice: {lists:?}");
        assert!(lists.len() > 2, "it has not followed: {lists:?}");
        Ok(Answer::Pass)
    })
}

/// The lists of candidates that were told, one after another. Nothing failed, and nothing was cut.
fn told(events: &[Event]) -> Vec<Vec<String>> {
    let mut lists = Vec::new();
    for event in events {
        match event {
            Event::Resolved { candidates, complete: true, .. } => lists.push(texts(candidates)),
            Event::Status { .. } | Event::Isolated(_) => {}
            event => panic!("this was told too: {event:?}"),
        }
    }
    lists
}
