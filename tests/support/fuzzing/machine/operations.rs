//! What can happen to a discovery.

use std::{collections::HashSet, time::Duration};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Failure, LookupError, Proof, Source,
    discovery::{Closing, DialFailure, DialId, Direction},
};

use super::{
    node::{Node, canonical},
    setup,
    world::{Denies, Host, World},
};
use crate::fuzzing::{
    input::Input,
    universe::{ADDRESSES, PEERS, address, peer},
};

type Operation = fn(&mut Node, &mut Input<'_>);

/// All operations. What is here twice happens twice as often.
pub const OPERATIONS: &[(&str, Operation)] = &[
    ("add a source", add_source),
    ("remove a source", remove_source),
    ("select", select),
    ("refresh", refresh),
    ("disqualify", disqualify),
    ("name others", name_others),
    ("answer", answer),
    ("answer all", answer_all),
    ("fail a look-up", fail_lookup),
    ("repeat a look-up", repeat_lookup),
    ("move in", move_in),
    ("end a dial", end_dial),
    ("end all dials", end_all_dials),
    ("repeat a dial", repeat_dial),
    ("accept", accept),
    ("dial by others", dial_by_others),
    ("close", close),
    ("close an unknown one", close_unknown),
    ("observe", observe),
    ("claim", claim),
    ("listen", listen),
    ("stop listening", stop_listening),
    ("confirm", confirm),
    ("expire", expire),
    ("time", time),
    ("early", early),
    ("wake", wake),
    ("run", run),
    ("run", run),
    ("allow", allow),
    ("say", say),
    ("say all", say_all),
    ("change what is spoken", change_protocol),
    ("judge", judge),
    ("deny", deny),
    ("sample", sample),
    ("reply", reply),
];

/// How many look-ups all sources may make at one instant.
const LOOKUPS: usize = 128 * SOURCES.len();

const SOURCES: [&str; 22] = [
    "/dns/a./tcp/4001",
    "/dns4/a./tcp/4001",
    "/dns4/b./udp/4001/quic-v1|/tcp/4001",
    "/dns4/b./tcp/4001|/udp/4001/quic-v1",
    "/dns6/a./tcp/4001",
    "/dns/a./tcp/443/tls/ws",
    "/dnsaddr/a.",
    "/dnsaddr/a./p2p/ID",
    "srv:_p._tcp.a.",
    "srv:_p._udp.b./udp/0/quic-v1|/tcp/0",
    "/dns/a./tcp/4001?sampled",
    "/dnsaddr/a.?pinned",
    "/dns4/a./tcp/4001?secure",
    "/dns4/a./tcp/4001/p2p/ID",
    "/ip4/10.0.0.1/tcp/4001",
    "/ip4/10.0.0.1/tcp/4001/p2p/ID",
    "/ip4/10.0.0.2/tcp/4001/p2p/ID",
    "/ip4/127.0.0.1/tcp/4001",
    "/ip4/224.0.0.1/tcp/4001",
    "/ip4/1.2.3.4/tcp/4001/p2p/RELAY/p2p-circuit/p2p/ID",
    "/memory/7",
    "/ip4/10.0.0.8/tcp/4001",
];

fn source(input: &mut Input<'_>) -> Source {
    let text = *input.choose(&SOURCES);
    let id = if text.contains("ID") { any_peer(input) } else { peer(1) };
    let text = text.replace("ID", &id.to_base58()).replace("RELAY", &peer(1).to_base58());
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Any peer but ourselves.
fn other(input: &mut Input<'_>) -> PeerId {
    peer(1 + input.below(PEERS - 1))
}

fn any_peer(input: &mut Input<'_>) -> PeerId {
    peer(input.below(PEERS))
}

fn any_address(input: &mut Input<'_>) -> Multiaddr {
    address(input.choose::<&str>(&ADDRESSES))
}

fn add_source(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let source = source(input);
    let known = node.core.sources().any(|s| *s == source);
    assert_eq!(node.core.add_source(source, node.now), !known);
    node.answered = true;
}

fn remove_source(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let count = node.core.sources().count();
    let Some(source) = node.core.sources().nth(input.below(count.max(1))).cloned() else { return };
    assert!(node.core.remove_source(&source));
    assert!(!node.core.remove_source(&source), "there is no such source any more");
    node.told.forget_source(&source);
    // They are bounded by the number of candidates, of which there were more.
    node.idle_wakes.clear();
}

fn select(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let selection = setup::selection(input);
    node.core.set_selection(selection);
    assert_eq!(node.core.selection(), selection);
}

fn refresh(node: &mut Node, _: &mut Input<'_>) {
    node.input();
    node.core.refresh(node.now);
    node.answered = true;
}

fn disqualify(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let (peer, until) = (any_peer(input), node.now + duration(input));
    node.core.disqualify(peer, until);
    node.disqualified.insert(peer, until);
}

fn name_others(node: &mut Node, input: &mut Input<'_>) {
    let proofs = [Some(Proof::Secure), None, Some(Proof::Insecure), Some(Proof::Secure)];
    let world = &mut node.world;
    world.named = input.long();
    world.ttl = *input.choose(&[30, 5, 300, 0, u32::MAX]);
    world.complete = input.byte() < 0xc0;
    world.proof = *input.choose(&proofs);
    world.failure = (input.byte() >= 0xe0).then(|| failure(input));
}

/// As many steps as lead to the next answer, most often, with a probe of those that the last one left out.
const SAMPLE_STEPS: usize = 4;

fn failure(input: &mut Input<'_>) -> LookupError {
    crate::fuzzing::records::failure(input)
}

/// DNS names another two of the first five each time, at all of which somebody lives.
fn sample(node: &mut Node, input: &mut Input<'_>) {
    let World { complete, failure, denies, .. } = &mut node.world;
    (*complete, *failure, *denies) = (true, None, Denies::Nobody);
    for (n, at) in ADDRESSES.iter().take(5).enumerate() {
        node.world.settle(&address(at), Host::Lives(peer(1 + n)));
    }
    for n in 0..=input.below(16) {
        node.world.named = node.world.named & !0x1f | [0x03, 0x06, 0x0c, 0x18, 0x11][n % 5];
        refresh(node, input);
        for _ in 0..SAMPLE_STEPS {
            node.step();
        }
    }
}

fn answer(node: &mut Node, input: &mut Input<'_>) {
    let index = input.below(node.lookups.len().clamp(1, 256));
    if let Some((_, query)) = node.lookups.get(index) {
        let result = node.world.answer(query);
        node.answer(index, result);
    }
}

fn answer_all(node: &mut Node, _: &mut Input<'_>) {
    // What that leads to is asked when the outputs are drained.
    while let Some((_, query)) = node.lookups.first() {
        let result = node.world.answer(query);
        node.answer(0, result);
    }
}

fn fail_lookup(node: &mut Node, input: &mut Input<'_>) {
    let index = input.below(node.lookups.len().clamp(1, 256));
    if index < node.lookups.len() {
        node.answer(index, Err(failure(input)));
    }
}

/// Asserts that what is said now changes nothing.
fn is_ignored(node: &mut Node, what: impl FnOnce(&mut Node)) {
    node.drain();
    let before = node.core.poll_timeout();
    what(node);
    let output = node.core.poll_output(node.now);
    assert!(output.is_none(), "{output:?}");
    assert_eq!(node.core.poll_timeout(), before);
}

fn repeat_lookup(node: &mut Node, input: &mut Input<'_>) {
    let ended = &node.ended_lookups;
    let Some(id) = ended.get(input.below(ended.len().clamp(1, 256))).copied() else { return };
    let result = Err(failure(input));
    is_ignored(node, |node| node.core.handle_lookup(id, result));
}

fn move_in(node: &mut Node, input: &mut Input<'_>) {
    let at = canonical(&any_address(input));
    let host = match input.below(16) {
        0..=5 => Host::Lives(any_peer(input)),
        6..=8 => Host::Refuses,
        9 | 10 => Host::Silent,
        11 | 12 => Host::NoRoute,
        13 => Host::Denied,
        _ => Host::Alternates(any_peer(input), any_peer(input)),
    };
    node.world.settle(&at, host);
}

fn a_dial(node: &Node, input: &mut Input<'_>) -> Option<DialId> {
    node.dials.keys().nth(input.below(node.dials.len().clamp(1, 256))).copied()
}

fn end_dial(node: &mut Node, input: &mut Input<'_>) {
    let Some(id) = a_dial(node, input) else { return };
    if input.below(8) == 0 {
        node.arrive();
    }
    let failed = match input.below(16) {
        0..=3 => return by_world(node, id),
        // Whoever it is, and whatever was expected.
        4 => return node.connect(id, other(input)),
        5 | 6 => DialFailure::Identity(any_peer(input)),
        7 => DialFailure::Itself,
        8 => DialFailure::OwnAddress,
        9 => DialFailure::Busy,
        10 => DialFailure::Denied("limit".into()),
        11 => DialFailure::Failed(Failure::TimedOut),
        12 => DialFailure::Failed(Failure::NoRoute("no route".into())),
        13 => DialFailure::Failed(Failure::Transport("refused".into())),
        14 => DialFailure::Failed(Failure::Unsupported),
        _ => DialFailure::Failed(Failure::Aborted),
    };
    node.fail_dial(id, failed);
}

fn by_world(node: &mut Node, id: DialId) {
    let Some(dial) = node.dials.get(&id) else { return };
    match node.world.outcome(&dial.address, dial.expect) {
        Some(Ok(peer)) => node.connect(id, peer),
        Some(Err(failure)) => node.fail_dial(id, failure),
        None => {}
    }
}

impl Node {
    /// Ends every dial as the world has it.
    pub fn end_dials(&mut self) {
        for id in self.dials.keys().copied().collect::<Vec<_>>() {
            by_world(self, id);
        }
    }
}

fn end_all_dials(node: &mut Node, _: &mut Input<'_>) {
    node.end_dials();
}

/// An outcome that comes too late proves nothing. `Dialled` is left out: a connection is one.
fn repeat_dial(node: &mut Node, input: &mut Input<'_>) {
    // Of those that have ended by now as the discovery sees it.
    node.drain();
    let ended = &node.ended_dials;
    let Some(id) = ended.get(input.below(ended.len().clamp(1, 256))).copied() else { return };
    let peer = any_peer(input);
    let failure = match input.below(4) {
        0 => DialFailure::Failed(Failure::TimedOut),
        1 => DialFailure::OwnAddress,
        2 => DialFailure::Denied("limit".into()),
        _ => DialFailure::Identity(peer),
    };
    is_ignored(node, |node| node.core.handle_dial_failure(id, failure, node.now));
}

fn accept(node: &mut Node, input: &mut Input<'_>) {
    let (peer, at) = (other(input), any_address(input));
    node.open(peer, &at, Direction::Accepted);
}

fn dial_by_others(node: &mut Node, input: &mut Input<'_>) {
    let (peer, at) = (other(input), any_address(input));
    node.prove(canonical(&at), peer);
    node.open(peer, &at, Direction::Dialled(None));
}

fn close(node: &mut Node, input: &mut Input<'_>) {
    let index = input.below(node.connections.len().clamp(1, 256));
    let how = match input.below(3) {
        0 => Closing::Orderly,
        1 => Closing::Ours,
        _ => Closing::Lost,
    };
    if index < node.connections.len() {
        node.close(index, how);
    }
}

fn close_unknown(node: &mut Node, input: &mut Input<'_>) {
    let (id, peer) = (ConnectionId::new_unchecked(9_999_999), any_peer(input));
    is_ignored(node, |node| node.core.handle_disconnected(id, &peer, Closing::Lost, node.now));
    is_ignored(node, |node| node.core.handle_protocols(id, &peer, true, node.now));
}

fn observe(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let (peer, at) = (any_peer(input), any_address(input));
    node.prove(canonical(&at), peer);
    node.core.handle_observed(&at, peer, node.now);
}

fn claim(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let (peer, at) = (any_peer(input), any_address(input));
    node.core.handle_claim(peer, &at, node.now);
}

fn allow(node: &mut Node, input: &mut Input<'_>) {
    let allowed = match input.byte() {
        0 => None,
        mask => Some((0..PEERS).filter(|n| mask >> n & 1 == 1).map(peer).collect()),
    };
    node.allow(allowed);
}

impl Node {
    pub fn allow(&mut self, allowed: Option<HashSet<PeerId>>) {
        self.input();
        self.allowed = allowed;
        self.core.set_allowed_peers(self.allowed.clone(), self.now);
        let mut peers = self.core.peers();
        assert!(peers.all(|entry| self.may_join(&entry.peer)), "not before the next step");
    }
}

fn say(node: &mut Node, input: &mut Input<'_>) {
    let index = input.below(node.connections.len().clamp(1, 256));
    let speaks = input.flag();
    if index < node.connections.len() {
        match node.setup.required {
            true => node.say(index, speaks),
            false => is_ignored(node, |node| node.say(index, speaks)),
        }
    }
}

fn say_all(node: &mut Node, _: &mut Input<'_>) {
    node.say_all();
}

fn judge(node: &mut Node, input: &mut Input<'_>) {
    node.judge(input.byte());
}

impl Node {
    /// The application changes its mind about who may join.
    pub fn judge(&mut self, mask: u8) {
        self.input();
        self.setup.judgement.change(mask);
        self.core.readmit(self.now);
        let mut peers = self.core.peers();
        assert!(peers.all(|entry| self.may_join(&entry.peer)), "not before the next step");
    }
}

fn deny(node: &mut Node, input: &mut Input<'_>) {
    node.world.denies = *input.choose(&[Denies::Nobody, Denies::Probes, Denies::All]);
}

fn change_protocol(node: &mut Node, input: &mut Input<'_>) {
    let mask = input.byte();
    node.world.strangers = (0..PEERS).filter(|n| mask >> n & 1 == 1).map(peer).collect();
}

fn listen(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let at = any_address(input);
    node.own.entry(canonical(&at)).or_default().0 += 1;
    node.told.answered(&canonical(&at), peer(0));
    node.core.handle_listen_address(&at, node.now);
}

fn stop_listening(node: &mut Node, input: &mut Input<'_>) {
    let at = any_address(input);
    // Once for each time that it was said: the first may stand for a configured one.
    let least = usize::from(node.setup.own.iter().any(|n| address(ADDRESSES[*n]) == at));
    if node.own.get(&canonical(&at)).is_some_and(|(listeners, _)| *listeners > least) {
        node.input();
        node.own.entry(canonical(&at)).or_default().0 -= 1;
        node.core.handle_listen_address_expired(&at);
        node.own.retain(|_, (listeners, confirmed)| *listeners > 0 || *confirmed);
    }
}

fn confirm(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let at = any_address(input);
    node.own.entry(canonical(&at)).or_default().1 = true;
    node.told.answered(&canonical(&at), peer(0));
    node.core.handle_external_address(&at, node.now);
}

fn expire(node: &mut Node, input: &mut Input<'_>) {
    node.input();
    let at = any_address(input);
    node.own.entry(canonical(&at)).or_default().1 = false;
    node.core.handle_external_address_expired(&at);
    node.own.retain(|_, (listeners, confirmed)| *listeners > 0 || *confirmed);
}

fn duration(input: &mut Input<'_>) -> Duration {
    Duration::from_millis(*input.choose(&[
        1_000,
        0,
        1,
        10,
        250,
        2_000,
        5_000,
        10_000,
        30_000,
        60_000,
        300_000,
        1_800_000,
        86_400_000,
        3 * 86_400_000,
    ]))
}

fn time(node: &mut Node, input: &mut Input<'_>) {
    node.pass(duration(input));
}

fn early(node: &mut Node, _: &mut Input<'_>) {
    is_ignored(node, |node| node.core.handle_timeout(node.now));
}

fn wake(node: &mut Node, _: &mut Input<'_>) {
    node.wake();
}

/// The world goes its way for a while.
fn run(node: &mut Node, input: &mut Input<'_>) {
    for _ in 0..=input.below(24) {
        node.step();
    }
}

impl Node {
    /// Everything that is under way ends, and time passes to the next thing to do.
    pub fn step(&mut self) -> bool {
        self.drain();
        for answered in 0.. {
            let Some((_, query)) = self.lookups.first() else { break };
            assert!(answered < LOOKUPS, "no end of look-ups; the last is {query}");
            let result = self.world.answer(query);
            self.answer(0, result);
            self.drain();
        }
        self.end_dials();
        self.say_all();
        self.wake()
    }
}

/// A remote replies that was asked, or one that was not.
fn reply(node: &mut Node, input: &mut Input<'_>) {
    let index = input.below(node.connections.len().clamp(1, 256));
    let asked = node.connections.iter().position(|c| c.asked > 0);
    let index = asked.filter(|_| index.is_multiple_of(2)).unwrap_or(index);
    if index < node.connections.len() {
        node.reply(index);
    }
}
