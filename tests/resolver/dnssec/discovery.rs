//! A source that demands proofs, from the zone to the core.

use std::{collections::HashMap, time::Duration};

use hickory_proto::rr::RecordType;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Candidate, Config, Event, LookupError, Proof, Resolver, Source,
    discovery::{DialFailure, Direction, Discovery, Expect, Output},
    hickory_proto,
    resolver::hickory::HickoryResolver,
};
use web_time::Instant;

use super::{
    answers::{members, resolver, tree},
    server::Server,
    zones::{Denial, Key, Zone, address},
};

/// The core with a real resolver, hosts behind its addresses, and a clock that jumps.
struct Node {
    core: Discovery,
    resolver: HickoryResolver,
    hosts: HashMap<Multiaddr, PeerId>,
    now: Instant,
    connections: usize,
    events: Vec<Event>,
}

impl Node {
    fn new(resolver: HickoryResolver, source: &str, hosts: &[u8]) -> (Self, Source) {
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        let source: Source = source.parse().expect("a source");
        let mut core = Discovery::new(Config::new(), PeerId::random(), 1, now);
        core.add_source(source.clone(), now);
        let at = |n: &u8| format!("/ip4/10.0.0.{n}/tcp/4001").parse().expect("an address");
        let hosts = hosts.iter().map(|n| (at(n), PeerId::random())).collect();
        let node = Self { core, resolver, hosts, now, connections: 0, events: Vec::new() };
        (node, source)
    }

    /// Lets time pass, with all look-ups made for real.
    async fn run(&mut self, seconds: u64) {
        let end = self.now + Duration::from_secs(seconds);
        loop {
            while let Some(output) = self.core.poll_output(self.now) {
                self.act(output).await;
            }
            match self.core.poll_timeout() {
                Some(wake) if wake <= end => self.now = self.now.max(wake),
                _ => break,
            }
            self.core.handle_timeout(self.now);
        }
        self.now = end;
    }

    async fn act(&mut self, output: Output) {
        match output {
            Output::Lookup { id, query, .. } => {
                let result = self.resolver.lookup(query).await;
                self.core.handle_lookup(id, result);
            }
            Output::Dial { id, address, expect, .. } => {
                let peer = self.hosts[&address];
                if expect == Expect::Peer(peer) || expect == Expect::Anyone {
                    self.connections += 1;
                    let connection = ConnectionId::new_unchecked(self.connections);
                    let direction = Direction::Dialled(Some(id));
                    self.core.handle_connected(connection, peer, &address, direction, self.now);
                } else {
                    self.core.handle_dial_failure(id, DialFailure::Identity(peer), self.now);
                }
            }
            Output::Event(event) => self.events.push(event),
            _ => {}
        }
    }

    fn failures(&self) -> Vec<&LookupError> {
        fn failure(event: &Event) -> Option<&LookupError> {
            match event {
                Event::LookupFailed { error, .. } => Some(error),
                _ => None,
            }
        }
        self.events.iter().filter_map(failure).collect()
    }

    fn proofs(&self) -> Vec<Option<Proof>> {
        let proof = |event: &Event| match event {
            Event::Resolved { proof, .. } => Some(*proof),
            _ => None,
        };
        self.events.iter().filter_map(proof).collect()
    }

    fn candidates(&self, source: &Source) -> Vec<Candidate> {
        self.core.candidates_of(source).map_or(Vec::new(), |candidates| candidates.to_vec())
    }
}

/// The zone, as it should be: `peers.test.` is 10.0.0.1 and 10.0.0.2.
fn good(key: &Key) -> Zone {
    members(Zone::new("test.")).signed(&[key])
}

#[tokio::test]
async fn a_secure_source_keeps_the_last_good_answer_whatever_comes_of_the_zone() {
    let key = Key::new("test.");
    let server = Server::start([good(&key)]).await;
    let resolver = resolver(&server, key.anchors());
    let (mut node, source) = Node::new(resolver, "/dns4/peers.test./tcp/4001?secure", &[1, 2, 3]);
    node.run(10).await;
    assert_eq!(node.proofs(), [Some(Proof::Secure)]);
    let known = node.candidates(&source);
    assert_eq!((known.len(), node.core.peers().count()), (2, 2));

    let forged = || members(Zone::new("test.")).with("other", address(66));
    let elsewhere = Key::new("test.");
    let spoilt: [(&str, Zone); 5] = [
        ("expired", good(&key).expired(&key)),
        ("tampered", good(&key).spoilt("peers", RecordType::A, address(66))),
        ("unsigned", forged()),
        ("by another key", forged().signed(&[&elsewhere])),
        ("emptied", Zone::new("test.")),
    ];
    for (what, zone) in spoilt {
        server.serve(zone);
        node.events.clear();
        node.run(900).await;
        let failures = node.failures();
        assert!(!failures.is_empty(), "{what}");
        let is_bogus = |error: &&LookupError| matches!(error, LookupError::Bogus(_));
        assert!(failures.iter().all(is_bogus), "{what}: {failures:?}");
        assert_eq!(node.candidates(&source), known, "{what}");
        assert_eq!(node.core.peers().count(), 2, "{what}");
        // A failure is told again only after a success.
        server.serve(good(&key));
        node.run(900).await;
        let departed = |event: &Event| matches!(event, Event::Departed { .. });
        assert!(!node.events.iter().any(departed), "{what}: {:?}", node.events);
    }

    server.serve(members(Zone::new("test.")).with("peers", address(3)).signed(&[&key]));
    node.run(900).await;
    assert_eq!(node.candidates(&source).len(), 3, "a good change is taken");
}

#[tokio::test]
async fn a_secure_source_takes_nothing_from_an_insecure_zone_and_another_does() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let name = "/dns4/peers.insecure.test./tcp/4001";
    let resolver = resolver(&server, key.anchors());
    let (mut node, source) = Node::new(resolver.clone(), &format!("{name}?secure"), &[4]);
    node.run(60).await;
    assert!(node.candidates(&source).is_empty());
    let failures = node.failures();
    let is_insecure =
        |error: &&&LookupError| matches!(error, LookupError::Insecure(Some(Proof::Insecure)));
    assert_eq!(failures.iter().filter(is_insecure).count(), failures.len(), "{failures:?}");
    assert!(!failures.is_empty());

    let (mut node, source) = Node::new(resolver, name, &[4]);
    node.run(60).await;
    assert_eq!(node.proofs(), [Some(Proof::Insecure)]);
    assert_eq!(node.candidates(&source).len(), 1);
}

#[tokio::test]
async fn bogus_answers_are_failures_for_every_source() {
    let key = Key::new("test.");
    let server = Server::start([good(&key).expired(&key)]).await;
    let resolver = resolver(&server, key.anchors());
    let (mut node, source) = Node::new(resolver, "/dns4/peers.test./tcp/4001", &[1, 2]);
    node.run(60).await;
    assert!(node.candidates(&source).is_empty());
    assert!(matches!(node.failures()[..], [LookupError::Bogus(_), ..]), "{:?}", node.events);
}

/// The records that name peers, and the targets of SRV records, which are look-ups of their own.
#[tokio::test]
async fn every_look_up_of_a_secure_source_is_proved() {
    let key = Key::new("test.");
    for source in ["/dnsaddr/peers.test.?secure", "srv:_p2p._tcp.peers.test.?secure"] {
        let server = Server::start([good(&key)]).await;
        let resolver = resolver(&server, key.anchors());
        let (mut node, source) = Node::new(resolver, source, &[1, 2]);
        node.run(60).await;
        assert_eq!(node.proofs(), [Some(Proof::Secure)], "{source}: {:?}", node.events);
        assert!(!node.candidates(&source).is_empty());
    }
}
