//! Two servers that do not know the same: the first is silent for a while, and the second says that
//! there is no such name.

use std::time::Duration;

use libp2p_dns_discovery::{Config, Event, Status};
use tokio::time::Instant;

use super::{node::Node, records::Kind, world};
use crate::{
    servers::{Brand, SERVICE, Server, Zone},
    suite::{Answer, Suite, When},
};

const PART: &str = "Two servers";
const KIND: Kind = Kind::A;
const MEMBERS: usize = 3;
/// As with `timeout:1` in `resolv.conf`, so that the second steps in more than once.
const PATIENCE: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(3);
/// How soon what the first server says is known once it says something: a refresh later, and long
/// before the second would have been believed.
const SOON: Duration = Duration::from_secs(6);

pub(super) fn ask(suite: &mut Suite) {
    let pairs = [(Brand::CoreDns, Brand::Bind), (Brand::Bind, Brand::Knot)];
    for (first, second) in pairs {
        let row = format!("{first} is frozen for 3 s, {second} knows no such name");
        suite.ask(PART, &row, "not alone, and soon no longer without", When::Always, move || {
            check(first, second).unwrap_or_else(|cannot| cannot)
        });
    }
}

fn check(first: Brand, second: Brand) -> Result<Answer, Answer> {
    world::run(async move {
        let (mut full, mut other) = (Zone::new(world::TTL), Zone::new(world::TTL));
        KIND.put(&mut full, SERVICE, MEMBERS);
        KIND.put(&mut other, "other", 1);
        let first = Server::start(first, world::address(), &full)?;
        let second = Server::start(second, world::address(), &other)?;
        first.freeze();
        let servers = [first.address(), second.address()];
        let source = KIND.source(first.brand(), SERVICE);
        let mut node = Node::with(Config::new(), PATIENCE, servers, &source);
        node.runs_for(SILENCE).await;
        assert_eq!(node.candidates(), [""; 0], "nobody can know");
        first.thaw();
        let thawed = Instant::now();
        node.resolves(&KIND.candidates(MEMBERS)).await;
        let took = thawed.elapsed();
        assert!(took < SOON, "its members are known only after {took:?}");
        let alone = |event: &&Event| matches!(event, Event::Status { status: Status::Alone, .. });
        assert!(!node.events().iter().any(|event| alone(&event)), "{:?}", node.events());
        Ok(Answer::Pass)
    })
}
