//! A discovery and all that was said to it and by it.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use libp2p_dns_discovery::{
    Answer, Candidate, Event, LookupError, Query,
    discovery::{Closing, DialFailure, DialId, Direction, Discovery, Expect, LookupId, Output},
};

use super::{setup::Setup, told::Told, world::World};
use crate::fuzzing::universe::{ADDRESSES, address, epoch, peer};

/// How many outputs may come without any input: far more than so few candidates can give reason to.
const OUTPUTS: usize = 4_096;
/// How often in a row something may be due at once.
const OVERDUE: usize = 3;

pub struct Node {
    pub core: Discovery,
    pub setup: Setup,
    pub world: World,
    pub now: Instant,
    /// What came out, as text, to be compared.
    pub log: Vec<String>,
    pub lookups: Vec<(LookupId, Query)>,
    pub ended_lookups: Vec<LookupId>,
    pub dials: BTreeMap<DialId, Dial>,
    /// Those among them that count no longer.
    pub given_up: BTreeSet<DialId>,
    pub ended_dials: Vec<DialId>,
    pub connections: Vec<Connection>,
    /// Who ever said that it speaks the required protocol.
    pub members: BTreeSet<PeerId>,
    /// Who may join, if not everybody.
    pub allowed: Option<HashSet<PeerId>>,
    /// The addresses that are ours: how many listeners say so, and whether it is confirmed.
    pub own: BTreeMap<Multiaddr, (usize, bool)>,
    /// Who was let answer where.
    pub proved: BTreeSet<(Multiaddr, PeerId)>,
    pub disqualified: BTreeMap<PeerId, Instant>,
    pub told: Told,
    /// Until when probes may be taken to be denied by the swarm.
    pub probes_denied: Option<Instant>,
    /// When it was called in vain: there was nothing to do.
    pub idle_wakes: VecDeque<Instant>,
    /// When dials started, in the last minute.
    pub starts: VecDeque<Instant>,
    /// How many probes each host had since the last refresh may have ended.
    pub probes: BTreeMap<Multiaddr, usize>,
    /// When the last refresh may have ended, and when one surely had.
    pub renewed: (Instant, Instant),
    /// Whether a refresh may have ended since the outputs were drained, and whether one has if
    /// nothing is asked then.
    pub answered: bool,
    pub resolved: bool,
    /// What was said to it since the outputs were drained.
    pub inputs: usize,
    pub serial: usize,
}

#[derive(Debug, Clone)]
pub struct Dial {
    pub address: Multiaddr,
    pub expect: Expect,
    pub started: Instant,
    /// One of these, with a pin or without, is what it is for.
    pub candidates: Vec<Candidate>,
}

#[derive(Debug, Clone)]
pub struct Connection {
    pub id: ConnectionId,
    pub peer: PeerId,
    pub remote: Multiaddr,
    /// Whether it speaks the required protocol, once it has said so.
    pub speaks: Option<bool>,
    /// How often in a row it was asked for a reply, with none so far.
    pub asked: u32,
}

impl Node {
    pub fn new(setup: Setup) -> Self {
        let now = epoch();
        let own = setup.own.iter().map(|n| (canonical(&address(ADDRESSES[*n])), (1, false)));
        Self {
            core: Discovery::new(setup.config.clone(), peer(0), setup.seed, now),
            world: World::default(),
            now,
            log: Vec::new(),
            lookups: Vec::new(),
            ended_lookups: Vec::new(),
            dials: BTreeMap::new(),
            given_up: BTreeSet::new(),
            ended_dials: Vec::new(),
            connections: Vec::new(),
            members: BTreeSet::new(),
            allowed: None,
            own: own.collect(),
            proved: BTreeSet::new(),
            disqualified: BTreeMap::new(),
            told: Told::default(),
            probes_denied: None,
            idle_wakes: VecDeque::new(),
            starts: VecDeque::new(),
            probes: BTreeMap::new(),
            renewed: (now, now),
            answered: false,
            resolved: false,
            inputs: 0,
            serial: 0,
            setup,
        }
    }

    /// Does all that is due now, and looks whether everything holds then.
    pub fn drain(&mut self) {
        self.take_all();
        // A refresh that is hastened may have been due already.
        for _ in 0..OVERDUE {
            if self.core.poll_timeout().is_none_or(|at| at > self.now) {
                break;
            }
            self.core.handle_timeout(self.now);
            self.take_all();
        }
        self.check();
        self.inputs = 0;
    }

    fn take_all(&mut self) {
        if std::mem::take(&mut self.answered) {
            self.may_have_renewed();
        }
        let mut outputs = 0;
        while let Some(output) = self.core.poll_output(self.now) {
            outputs += 1;
            assert!(outputs <= OUTPUTS, "no end of outputs; the last is {output:?}");
            self.log.push(format!("{output:?}"));
            self.take(output);
        }
        let more = self.core.poll_output(self.now);
        assert!(more.is_none(), "nothing was left to do, and then {more:?}");
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Lookup { id, query, .. } => self.lookups.push((id, query)),
            Output::CancelLookup { id, .. } => {
                self.lookups.retain(|(lookup, _)| *lookup != id);
                self.ended_lookups.push(id);
                self.may_have_renewed();
            }
            Output::Dial { id, address, expect, .. } => {
                self.check_dial(&address, expect);
                let (started, candidates) = (self.now, self.candidates_at(&address));
                self.check_pins(&candidates);
                let dial = Dial { address, expect, started, candidates };
                let old = self.dials.insert(id, dial);
                assert!(old.is_none() && !self.ended_dials.contains(&id), "{id:?} is used twice");
            }
            Output::Abort { id, .. } => {
                let dial = self.dials.remove(&id);
                assert!(
                    dial.is_some_and(|d| d.expect == Expect::Probe),
                    "{id:?} cannot be aborted"
                );
                self.ended_dials.push(id);
            }
            Output::Ask { connection, peer, .. } => self.ask(connection, &peer),
            Output::Announce { peer, address, .. } => {
                assert!(self.proved.contains(&(address.clone(), peer)), "{peer} at {address}");
                assert!(self.inputs > 1 || self.may_join(&peer), "{peer} may not join");
            }
            Output::Event(event) => {
                check_name(&event);
                self.told.take(&self.core, event);
            }
            other => panic!("not known: {other:?}"),
        }
    }

    /// Routes and hosts may be tried again from now on.
    pub fn may_have_renewed(&mut self) {
        self.probes.clear();
        self.renewed.0 = self.now;
    }

    pub fn input(&mut self) {
        self.inputs += 1;
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        self.log.push(format!("at {:?}", self.now - epoch()));
        // A refresh ends without the look-ups that take longer, and nothing may tell of it.
        if !self.lookups.is_empty() {
            self.may_have_renewed();
        }
        self.core.handle_timeout(self.now);
    }

    /// Jumps to the next instant at which the discovery wants to be called, if there is one.
    pub fn wake(&mut self) -> bool {
        // What is not drained yet has not been planned for.
        self.drain();
        let Some(next) = self.core.poll_timeout() else { return false };
        self.pass(next - self.now);
        let said = self.log.len();
        self.drain();
        if self.log.len() == said {
            self.note_idle_wake();
        }
        true
    }

    pub fn answer(&mut self, index: usize, result: Result<Answer, LookupError>) {
        self.input();
        let (id, _) = self.lookups.remove(index);
        self.ended_lookups.push(id);
        self.answered = true;
        self.resolved = true;
        self.core.handle_lookup(id, result);
    }

    pub fn fail_dial(&mut self, id: DialId, failure: DialFailure) {
        self.input();
        self.log.push(format!("{id:?}: {failure:?}"));
        let Some(dial) = self.dials.remove(&id) else { return };
        self.ended_dials.push(id);
        match &failure {
            DialFailure::Denied(_) if dial.expect == Expect::Probe => {
                self.probes_denied = Some(self.now + self.setup.max_refresh);
            }
            DialFailure::Identity(peer) => self.prove(dial.address, *peer),
            DialFailure::OwnAddress => self.told.answered(&dial.address, peer(0)),
            DialFailure::Itself => self.prove(dial.address, peer(0)),
            _ => {}
        }
        self.core.handle_dial_failure(id, failure, self.now);
    }

    /// A connection arrives here.
    pub fn arrive(&mut self) {
        self.input();
        self.log.push("somebody arrives".into());
        self.core.handle_incoming(self.now);
    }

    /// A dial of the discovery ends in a connection.
    pub fn connect(&mut self, id: DialId, peer: PeerId) {
        let Some(dial) = self.dials.remove(&id) else { return };
        self.ended_dials.push(id);
        self.log.push(format!("{id:?}: connected to {peer}"));
        self.prove(dial.address.clone(), peer);
        self.open(peer, &dial.address, Direction::Dialled(Some(id)));
    }

    /// Notes that a peer answered at an address.
    pub fn prove(&mut self, address: Multiaddr, peer: PeerId) {
        self.told.answered(&address, peer);
        self.proved.insert((address, peer));
    }

    pub fn open(&mut self, peer: PeerId, address: &Multiaddr, direction: Direction) {
        self.input();
        self.serial += 1;
        let id = ConnectionId::new_unchecked(self.serial);
        let remote = address.clone();
        self.connections.push(Connection { id, peer, remote, speaks: None, asked: 0 });
        self.core.handle_connected(id, peer, address, direction, self.now);
    }

    pub fn close(&mut self, index: usize, how: Closing) {
        self.input();
        let Connection { id, peer, .. } = self.connections.remove(index);
        self.core.handle_disconnected(id, &peer, how, self.now);
    }

    /// The discovery asks the remote of a connection for a reply.
    fn ask(&mut self, id: ConnectionId, peer: &PeerId) {
        assert!(self.core.addresses_of(peer).next().is_some(), "{peer} concerns nobody");
        let asked = self.connections.iter_mut().find(|c| c.id == id && c.peer == *peer);
        // What happened since may have closed it.
        assert!(asked.is_some() || self.inputs > 0, "{id:?} to {peer} is not there");
        asked.into_iter().for_each(|connection| connection.asked += 1);
    }

    /// The remote of a connection replies.
    pub fn reply(&mut self, index: usize) {
        self.input();
        let connection = &mut self.connections[index];
        connection.asked = 0;
        let Connection { id, peer, .. } = *connection;
        self.log.push(format!("{peer} replies"));
        self.core.handle_reply(id, &peer, self.now);
    }

    /// Whether a peer may count as silent: it was asked twice in vain.
    pub fn may_be_silent(&self, peer: &PeerId) -> bool {
        self.connections.iter().any(|c| c.peer == *peer && c.asked > 1)
    }

    pub fn is_connected(&self, peer: &PeerId) -> bool {
        self.connections.iter().any(|c| c.peer == *peer)
    }

    /// The remote of a connection says what it speaks.
    pub fn say(&mut self, index: usize, speaks: bool) {
        self.input();
        let connection = &mut self.connections[index];
        connection.speaks = Some(speaks);
        let Connection { id, peer, .. } = *connection;
        self.log.push(format!("{peer} speaks: {speaks}"));
        if speaks {
            self.members.insert(peer);
        }
        self.core.handle_protocols(id, &peer, speaks, self.now);
        let said = |c: &Connection| c.peer == peer && c.speaks == Some(true);
        if self.setup.required && !self.connections.iter().any(said) {
            assert_eq!(self.core.addresses_of(&peer).count(), 0, "{peer} is a stranger");
        }
    }

    /// Everybody who has not done so says what it speaks.
    pub fn say_all(&mut self) {
        for index in 0..self.connections.len() {
            let Connection { peer, speaks, .. } = self.connections[index];
            if speaks.is_none() {
                self.say(index, !self.world.strangers.contains(&peer));
            }
        }
    }

    pub fn may_join(&self, peer: &PeerId) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed.contains(peer))
            && self.setup.judgement.admits(peer)
    }

    pub fn is_disqualified(&self, peer: &PeerId) -> bool {
        self.disqualified.get(peer).is_some_and(|until| *until > self.now)
    }
}

/// The one spelling of an address that the discovery uses.
pub fn canonical(address: &Multiaddr) -> Multiaddr {
    Candidate::new(address).address().clone()
}

impl Drop for Node {
    /// Tells how it came to a failure, where that is asked for.
    fn drop(&mut self) {
        if std::thread::panicking() && std::env::var_os("FUZZ_TRACE").is_some() {
            let log = self.log.join("\n");
            eprintln!("{log}\nat {:?} with {:#?}", self.now - epoch(), self.setup);
        }
    }
}

/// The name of an event is that of its variant, in snake case.
fn check_name(event: &Event) {
    let text = format!("{event:?}");
    let variant = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let name = event.name().split('_').flat_map(|word| {
        let (first, rest) = word.split_at(1);
        [first.to_uppercase(), rest.to_owned()]
    });
    assert_eq!(name.collect::<String>(), variant);
}
