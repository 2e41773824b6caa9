//! Servers that fail by a response code for one type, for queries with EDNS, or whatever they are asked.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{node::Node, records::Kind, world};
use crate::{
    net::Net,
    node::{Known, NODE},
    program::Program,
    servers::{Brand, Code, Form, Quirk, SERVICE, Server, Zone, ask_over_udp},
    suite::{Answer, Suite, When},
};

const PART: &str = "Failure by a code";
/// Ten seconds by the rules, and some for the looks that count.
const ALONE_WITHIN_MS: u64 = 25_000;
/// Far less than a server may take that is silent.
const AT_ONCE: Duration = Duration::from_secs(5);
const MEMBERS: usize = 3;

type Check = fn(Code) -> Result<Answer, Answer>;

pub(super) fn ask(suite: &mut Suite) {
    let mut row = |row: &str, codes: &[Code], when, check: Check| {
        for code in codes {
            let code = *code;
            suite.ask(PART, row, code.name(), when, move || {
                check(code).unwrap_or_else(|cannot| cannot)
            });
        }
    };
    row("AAAA for ever, A names this node: it is alone", &Code::ALL, When::Always, |code| {
        alone(Brand::CoreDnsWith(Quirk::Aaaa(code)))
    });
    row("the same, behind Unbound", &Code::ALL, When::InFull, |code| {
        alone(Brand::UnboundBefore(Quirk::Aaaa(code)))
    });
    row("AAAA for ever, A no longer names a member: it departs", &Code::ALL, When::InFull, departs);
    row("a query with EDNS", &[Code::NotImp, Code::FormErr], When::Always, without_edns);
    row("all, by a bare header; there is another server", &Code::ALL, When::Always, bare);
}

/// Hosts, and a server that fails for one family.
struct Scene {
    net: Net,
    server: Server,
}

impl Scene {
    fn new(brand: Brand, hosts: u8) -> Result<Self, Answer> {
        NODE.find()?;
        let net = Net::new(hosts);
        let server = Server::start(brand, net.name_server(), &zone(&net, hosts))?;
        Ok(Self { net, server })
    }

    /// A node that listens in both families, so that both matter.
    fn node(&self, host: u8) -> Result<Program, Answer> {
        let mut command = self.net.command(host, &NODE.find()?);
        let source = format!("/dns/{}/tcp/4001", self.server.brand().absolute(SERVICE));
        command.args(["--json", "--source", &source]);
        command.args(["--dns", &self.net.name_server().to_string()]);
        command.args(["--listen", "/ip4/0.0.0.0/tcp/4001", "--listen", "/ip6/::/tcp/4001"]);
        Ok(Program::start(format!("node {host}"), &mut command))
    }

    fn address(&self, host: u8) -> String {
        format!("/ip4/{}/tcp/4001", self.net.v4(host))
    }
}

fn zone(net: &Net, hosts: u8) -> Zone {
    let mut zone = Zone::new(world::TTL);
    zone.set_addresses(SERVICE, (0..hosts).map(|host| net.v4(host).into()));
    zone
}

/// One family names us, and nothing is ever said of the other.
fn alone(brand: Brand) -> Result<Answer, Answer> {
    let scene = Scene::new(brand, 1)?;
    let node = scene.node(0)?;
    let alone = node.wait_for("it is alone", |line| line["status"] == "alone");
    let ms = alone["ms"].as_u64().expect("a number");
    assert!(ms < ALONE_WITHIN_MS, "it is alone only after {ms} ms");
    node.with_lines(|lines| assert_eq!(last_named(lines), [scene.address(0)]));
    Ok(Answer::Pass)
}

fn departs(code: Code) -> Result<Answer, Answer> {
    let mut scene = Scene::new(Brand::CoreDnsWith(Quirk::Aaaa(code)), 2)?;
    let (node, mut other) = (scene.node(0)?, scene.node(1)?);
    node.joins();
    other.joins();
    other.signal("TERM");
    assert_eq!(other.finish(), Some(0), "it ends cleanly");
    scene.server.set(&zone(&scene.net, 1));
    let left = [scene.address(0)];
    node.wait_until("the other has left", |lines| (last_named(lines) == left).then_some(()));
    node.wait_until("it is alone", |lines| (Known::of(lines).status == "alone").then_some(()));
    Ok(Answer::Pass)
}

/// Whom DNS names, as far as the node has told.
fn last_named(lines: &[Value]) -> Vec<String> {
    let last = lines.iter().rfind(|line| line["event"] == "resolved");
    let named = last.and_then(|line| line["candidates"].as_array()).into_iter().flatten();
    named.filter_map(|address| address.as_str().map(ToOwned::to_owned)).collect()
}

/// It is asked without EDNS, at once, and nothing is said to have failed.
fn without_edns(code: Code) -> Result<Answer, Answer> {
    world::run(async move {
        for form in [Form::Whole, Form::Bare] {
            let brand = Brand::CoreDnsWith(Quirk::Edns(code, form));
            let server = start(brand)?;
            fails_by(&server, code, form);
            let mut node = Node::new(server.address(), &Kind::A.source(brand, SERVICE));
            is_quick(&mut node).await;
            assert_eq!(node.failures(), 0);
        }
        Ok(Answer::Pass)
    })
}

/// The next server is asked at once.
fn bare(code: Code) -> Result<Answer, Answer> {
    world::run(async move {
        let brand = match code {
            Code::Refused => Brand::UnboundRefusing,
            _ => Brand::CoreDnsWith(Quirk::All(code, Form::Bare)),
        };
        let (first, second) = (start(brand)?, start(Brand::CoreDns)?);
        fails_by(&first, code, Form::Bare);
        let source = Kind::A.source(Brand::CoreDns, SERVICE);
        let mut node = Node::of_servers([first.address(), second.address()], &source);
        is_quick(&mut node).await;
        Ok(match code {
            Code::Refused => Answer::PassWith("Unbound's `access-control: … refuse`".to_owned()),
            _ => Answer::Pass,
        })
    })
}

fn start(brand: Brand) -> Result<Server, Answer> {
    let mut zone = Zone::new(world::TTL);
    Kind::A.put(&mut zone, SERVICE, MEMBERS);
    Server::start(brand, world::address(), &zone)
}

/// That a server is as it was meant to be.
#[track_caller]
fn fails_by(server: &Server, code: Code, form: Form) {
    let name = server.brand().absolute(SERVICE);
    let reply = ask_over_udp(server.address(), &name, Kind::A.record_type()).expect("it replies");
    assert_eq!(reply.metadata.response_code, code.on_the_wire());
    assert_eq!(reply.queries.is_empty(), form == Form::Bare);
}

async fn is_quick(node: &mut Node) {
    let started = Instant::now();
    node.resolves(&Kind::A.candidates(MEMBERS)).await;
    let took = started.elapsed();
    assert!(took < AT_ONCE, "it took {took:?}");
}
