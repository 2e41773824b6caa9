//! A name from which one member goes every second while another one comes.

use std::{ops::Range, time::Duration};

use libp2p_dns_discovery::Event;
use tokio::time::Instant;

use super::{
    node::{Node, texts},
    records::Kind,
    world,
};
use crate::{
    program::PATIENCE,
    servers::{Brand, SERVICE, Server, Zone},
    suite::Answer,
};

/// For so long at least; an odd number, at the end of which Kubernetes' members are others than ever
/// before.
const SECONDS: usize = 15;
const MEMBERS: usize = 10;
/// The first members, the last ones, and some between.
const LISTS: usize = 3;

/// The members after so many seconds, by number. Kubernetes' are always the first so many: of these, two
/// come in one second, and one goes in the next.
fn members(brand: Brand, seconds: usize) -> Range<usize> {
    match brand {
        Brand::Kubernetes => 0..MEMBERS + seconds / 2 + seconds % 2 * 2,
        _ => seconds..seconds + MEMBERS,
    }
}

fn zone(members: Range<usize>) -> Zone {
    let mut zone = Zone::new(world::TTL);
    Kind::A.put_some(&mut zone, SERVICE, members);
    zone
}

pub(super) fn check(brand: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let kind = Kind::A;
        let mut server = Server::start(brand, world::address(), &zone(members(brand, 0)))?;
        let mut node = Node::new(server.address(), &kind.source(brand, SERVICE));
        node.resolves(&kind.candidates(MEMBERS)).await;
        let started = Instant::now();
        let mut seconds = 0;
        while seconds < SECONDS || seconds % 2 == 0 || told(node.events()).len() < LISTS {
            assert!(started.elapsed() < PATIENCE, "it does not follow: {:?}", node.events());
            seconds += 1;
            server.set(&zone(members(brand, seconds)));
            node.runs_for(Duration::from_secs(1)).await;
        }
        let all = kind.candidates(seconds + MEMBERS);
        let last = &all[members(brand, seconds)];
        if node.candidates() != last {
            node.resolves(last).await;
        }
        let lists = told(node.events());
        assert!(lists.windows(2).all(|two| two[0] != two[1]), "told twice: {lists:?}");
        Ok(Answer::Pass)
    })
}

/// The lists of candidates that were told, one after another. Nothing failed, and nothing was cut.
fn told(events: &[Event]) -> Vec<Vec<String>> {
    let mut lists = Vec::new();
    for event in events {
        match event {
            Event::Resolved { candidates, complete: true, .. } => lists.push(texts(candidates)),
            // Nobody lives at any of them.
            Event::Unreachable { .. } | Event::Status { .. } | Event::Isolated(_) => {}
            event => panic!("this was told too: {event:?}"),
        }
    }
    lists
}
