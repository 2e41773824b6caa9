//! Peers in other languages: who they say they are, and what this crate makes of them.

use serde_json::Value;

use crate::{
    names,
    net::Net,
    node::{NETWORK, NODE, WHOIS, is_taken_over},
    program::Program,
    servers::Server,
    suite::{Answer, Story, Suite, When},
    tools::Tool,
};

const PROBE: &str = "probe";
const VERIFY: &str = "verify and connect";
const KADEMLIA: &str = "Kademlia";
const RESTART: &str = "new key, same address";

const GO: Tool = Tool { name: "peer-go", needs: "Go" };
const JS: Tool = Tool { name: "peer-js", needs: "Node.js and npm" };
const PYTHON: Tool = Tool { name: "peer-python", needs: "Python 3 with venv" };

/// A peer as others wrote it, over one transport.
#[derive(Debug, Clone, Copy)]
struct Peer {
    tool: Tool,
    transport: &'static str,
    network: &'static str,
}

const TCP: &str = "/tcp/4001";
const QUIC: &str = "/udp/4001/quic-v1";

pub(crate) fn add(suite: &mut Suite) {
    let peer = |tool, transport| {
        // py-libp2p speaks this one, whatever it is told.
        let network = if tool == PYTHON { "/ipfs/kad/1.0.0" } else { NETWORK };
        Peer { tool, transport, network }
    };
    for (name, peer) in [
        ("go-libp2p, TCP", peer(GO, TCP)),
        ("go-libp2p, QUIC", peer(GO, QUIC)),
        ("js-libp2p, TCP", peer(JS, TCP)),
        ("js-libp2p, QUIC", peer(JS, QUIC)),
        ("py-libp2p, TCP", peer(PYTHON, TCP)),
        ("py-libp2p, QUIC", peer(PYTHON, QUIC)),
    ] {
        let columns = [PROBE, VERIFY, KADEMLIA, RESTART];
        suite.follow("Peer", name, &columns, When::Always, move |story| {
            if let Err(why) = one(story, peer) {
                story.give_up(&why);
            }
        });
    }
    // js-libp2p has no ids for peers with ECDSA keys.
    for key in ["RSA", "secp256k1"] {
        suite.ask("Peer", &format!("js-libp2p, {key} key"), PROBE, When::Always, move || {
            with_key(key).err().unwrap_or(Answer::Pass)
        });
    }
    suite.ask("Peer", "Rust, Go and JS in one", KADEMLIA, When::Always, || {
        mixed().err().unwrap_or(Answer::Pass)
    });
}

/// A network of a few hosts with a name server; the peer is on host 0.
struct Scene {
    net: Net,
    _server: Server,
}

impl Scene {
    fn new(hosts: u8, named: u8) -> Result<Self, Answer> {
        let net = Net::new(hosts);
        let server = names::serve(&net, 0..named)?;
        Ok(Self { net, _server: server })
    }

    fn start(&self, host: u8, tool: Tool, args: &[&str]) -> Result<Program, Answer> {
        let mut command = self.net.command(host, &tool.find()?);
        Ok(Program::start(format!("{} on host {host}", tool.name), command.args(args)))
    }

    /// A program that listens on its host's address.
    fn listen(
        &self,
        host: u8,
        tool: Tool,
        transport: &str,
        args: &[&str],
    ) -> Result<Program, Answer> {
        let listen = self.address(host, transport);
        self.start(host, tool, &[&["--listen", &listen], args].concat())
    }

    fn address(&self, host: u8, transport: &str) -> String {
        format!("/ip4/{}{transport}", self.net.v4(host))
    }

    /// This project's node, which looks for the others by name.
    fn node(&self, host: u8, transport: &str, args: &[&str]) -> Result<Program, Answer> {
        let source = format!("/dns/peers.test.{transport}");
        let dns = self.net.name_server().to_string();
        let own = ["--json", "--source", &source, "--dns", &dns];
        self.listen(host, NODE, transport, &[&own, args].concat())
    }
}

fn one(story: &mut Story, peer: Peer) -> Result<(), Answer> {
    let Peer { tool, transport, network } = peer;
    let scene = Scene::new(3, 1)?;
    let kad = ["--kad-protocol", network];
    let more = [&kad[..], &["--provide", "theirs", "--find", "ours", "--find", "theirs"]].concat();
    let mut theirs = scene.listen(0, tool, transport, &more)?;
    let id = theirs.peer();
    // Twice, because the first handshake was broken off.
    for _ in 0..2 {
        assert_eq!(whois(&scene, transport)?, id);
    }
    story.tell(Answer::Pass);

    let provide = ["--provide", "ours", "--provide", "unasked"];
    let more = [&kad[..], &provide, &["--find", "theirs", "--find", "ours"]].concat();
    let ours = scene.node(1, transport, &more)?;
    let me = ours.peer();
    let verified = ours.event("verified");
    assert_eq!(verified["peer"], *id, "the id that it prints itself");
    assert_eq!(verified["address"], scene.address(0, transport));
    ours.joins();
    theirs.wait_for("we are connected", |l| l["event"] == "connected" && l["peer"] == *me);
    story.tell(Answer::Pass);

    for program in [&ours, &theirs] {
        finds(program, "ours", &me);
        finds(program, "theirs", &id);
    }
    // A provider also answers for itself. Who cannot reach it learns of it from the peer, who has to
    // have taken its record: it has not asked for this one. When it has it, nobody says, as `provided`
    // is printed before the record is sent.
    scene.net.part(1, 2);
    let third = scene.node(2, transport, &[&kad[..], &["--find", "unasked"]].concat())?;
    finds(&third, "unasked", &me);
    drop(third);
    story.tell(Answer::Pass);

    theirs.kill();
    let theirs = scene.listen(0, tool, transport, &kad)?;
    let (address, new) = (scene.address(0, transport), theirs.peer());
    ours.wait_until("it has a new key", |lines| {
        is_taken_over(lines, &address, &id, &new).then_some(())
    });
    story.tell(Answer::Pass);
    Ok(())
}

/// A peer with a key of another type than ours.
fn with_key(key: &str) -> Result<(), Answer> {
    let scene = Scene::new(2, 1)?;
    let theirs = scene.listen(0, JS, TCP, &["--key-type", key])?;
    // It says so once it listens.
    let id = theirs.peer();
    assert_eq!(whois(&scene, TCP)?, id);
    Ok(())
}

/// Who lives at the only address behind the name.
fn whois(scene: &Scene, transport: &str) -> Result<Value, Answer> {
    let source = format!("/dns/peers.test.{transport}");
    let dns = scene.net.name_server().to_string();
    // A slow machine is no failure.
    let whois = scene.start(1, WHOIS, &["--json", "--timeout", "100", "--dns", &dns, &source])?;
    let row = whois.wait_for("a row", |line| line["rank"].is_u64());
    assert_eq!(row["state"], "verified", "{row}");
    Ok(row["peer"].clone())
}

/// Two of each kind behind one name: what each provides is found by all.
fn mixed() -> Result<(), Answer> {
    let kinds = [NODE, GO, JS, NODE, GO, JS];
    let count = u8::try_from(kinds.len()).expect("a few");
    let scene = Scene::new(count, count)?;
    let key = |host: usize| format!("from {host}");
    let finds_all: Vec<_> =
        (0..kinds.len()).flat_map(|host| ["--find".into(), key(host)]).collect();
    let mut programs = Vec::new();
    for (host, kind) in kinds.into_iter().enumerate() {
        let provides = ["--provide".into(), key(host)];
        let args: Vec<&str> = provides.iter().chain(&finds_all).map(String::as_str).collect();
        let place = u8::try_from(host).expect("a few");
        let args = [&["--kad-protocol", NETWORK], &args[..]].concat();
        programs.push(match kind {
            NODE => scene.node(place, TCP, &args)?,
            other => scene.listen(place, other, TCP, &args)?,
        });
    }
    for (host, provider) in programs.iter().enumerate() {
        let id = provider.peer();
        provider.wait_for("it provides", |line| line["event"] == "provided");
        programs.iter().for_each(|program| finds(program, &key(host), &id));
    }
    Ok(())
}

#[track_caller]
fn finds(program: &Program, key: &str, provider: &str) {
    program.wait_for(&format!("{provider} provides `{key}`"), |line| {
        line["event"] == "found"
            && line["key"] == *key
            && line["providers"].as_array().is_some_and(|all| all.iter().any(|id| id == provider))
    });
}
