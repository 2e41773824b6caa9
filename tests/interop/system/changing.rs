//! What becomes of a node over time, where the domains of its search list fail, and where the hosts file
//! knows better than it should.

use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::world::{self, SEARCH, World};
use crate::{
    servers::{Code, Domain},
    suite::Answer,
};

const WILDCARD: Domain<'_> = Domain::Has("* A 10.99.0.66\n* AAAA 2001:db8::bad\n");
const EMPTY: Domain<'_> = Domain::Has("");
const TWO: Domain<'_> = Domain::Has("peers A 10.99.0.1\npeers A 10.99.0.2\n");
const THREE: Domain<'_> = Domain::Has("peers A 10.99.0.1\npeers A 10.99.0.2\npeers A 10.99.0.3\n");
/// How often a node looks past the domain that fails: oftener than a failure needs to count.
const LOOKS: usize = 4;
/// By the rules, ten seconds until a failure counts, which pauses that double can make thirty, and ten more
/// until "nothing" does.
const ALONE_WITHIN_MS: u64 = 50_000;
/// The same, but that silence counts only after two minutes, which pauses can make three and more.
const ALONE_AT_SILENCE_WITHIN_MS: u64 = 270_000;

fn resolv_conf() -> Vec<u8> {
    format!("nameserver SERVER\n{SEARCH}").into_bytes()
}

/// What is behind a failure takes nothing from what an earlier domain named.
pub(super) fn members_stay() -> Result<Answer, Answer> {
    let mut world = World::new(1, &[("ns.svc.cl", TWO), ("corp.example", WILDCARD)])?;
    world.configure(0, &resolv_conf(), b"");
    let node = world.node(0);
    let known = world::ips(&["10.99.0.1", "10.99.0.2"]);
    let last = |lines: &[Value]| world::told(lines).pop();
    node.wait_until("it knows two", |lines| (last(lines)? == known).then_some(()));
    world.serve(&[("ns.svc.cl", Domain::Fails(Code::ServFail)), ("corp.example", WILDCARD)])?;
    for record_type in [RecordType::A, RecordType::AAAA] {
        world.domains.is_asked(record_type, "peers.corp.example.", LOOKS);
    }
    let told = node.with_lines(world::told);
    assert!(told.iter().all(|told| *told == known), "{told:?}");
    world.serve(&[("ns.svc.cl", THREE), ("corp.example", WILDCARD)])?;
    let known = world::ips(&["10.99.0.1", "10.99.0.2", "10.99.0.3"]);
    node.wait_until("it knows three", |lines| (last(lines)? == known).then_some(()));
    Ok(Answer::Pass)
}

pub(super) fn alone_at(code: Code) -> Result<Answer, Answer> {
    alone_within(Domain::Fails(code), ALONE_WITHIN_MS)
}

pub(super) fn alone_at_silence() -> Result<Answer, Answer> {
    alone_within(Domain::IsSilent, ALONE_AT_SILENCE_WITHIN_MS)
}

/// No domain has the name, and the last one does not say so.
fn alone_within(last: Domain<'_>, limit: u64) -> Result<Answer, Answer> {
    let others = ["ns.svc.cl", "svc.cl", "cl"].map(|origin| (origin, EMPTY));
    let world = World::new(1, &[&others[..], &[("corp.example", last)]].concat())?;
    world.configure(0, &resolv_conf(), b"");
    let alone = world.node(0).wait_for("it is alone", |line| line["status"] == "alone");
    let ms = alone["ms"].as_u64().expect("a number");
    assert!(ms < limit, "it is alone only after {ms} ms");
    Ok(Answer::Pass)
}

/// As Docker Compose writes them where `hostname:` is the service's name. glibc finds nobody else there.
pub(super) fn two_join() -> Result<Answer, Answer> {
    let mut world = World::new(2, &[])?;
    let records: Vec<_> =
        [0, 1].iter().map(|host| format!("peers A {}\n", world.net.v4(*host))).collect();
    world.serve(&[("ns.svc.cl", Domain::Has(&records.concat()))])?;
    let nodes = [0, 1].map(|host| {
        world.configure(host, &resolv_conf(), b"HOST peers\n");
        world.node(host)
    });
    for node in &nodes {
        node.joins();
        let why = "the hosts file names only this machine";
        assert!(node.stderr().contains(why), "{}", node.stderr());
    }
    Ok(Answer::Pass)
}
