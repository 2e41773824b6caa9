//! The publisher in a world of its own.

use std::time::Duration;

use super::super::*;

pub(super) const S: fn(u64) -> Duration = Duration::from_secs;

/// A publisher, and the name server that it updates.
pub(super) struct World {
    pub(super) core: Core,
    pub(super) local: PeerId,
    pub(super) now: Instant,
    pub(super) start: Instant,
    pub(super) zone: Vec<TXT>,
    pub(super) fails: Option<UpdateError>,
    pub(super) silent: bool,
    /// No answer can carry the records.
    pub(super) full: bool,
    pub(super) latency: Duration,
    pub(super) under_way: Option<(Instant, Request)>,
    pub(super) events: Vec<(Duration, Event)>,
    pub(super) reads: Vec<Duration>,
    pub(super) updates: Vec<(Duration, Update)>,
    pub(super) cancelled: Vec<ExchangeId>,
    pub(super) wakes: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Request {
    Read(ExchangeId),
    Update(ExchangeId, Box<Update>),
}

pub(super) fn config() -> Config {
    Config::new("peers.example", "example").unwrap()
}

pub(super) fn here(port: u16) -> String {
    format!("/ip4/10.0.0.7/tcp/{port}")
}

pub(super) fn raw(text: &str) -> TXT {
    TXT::from_bytes(vec![text.as_bytes()])
}

pub(super) fn named(address: &str, peer: &PeerId) -> TXT {
    raw(&format!("dnsaddr={address}/p2p/{peer}"))
}

impl World {
    pub(super) fn new(config: Config) -> Self {
        Self::seeded(config, 1)
    }

    pub(super) fn seeded(config: Config, seed: u64) -> Self {
        let local = PeerId::random();
        #[expect(clippy::disallowed_methods, reason = "the epoch of a virtual clock")]
        let now = Instant::now();
        Self {
            core: Core::new(config, local, seed, now),
            local,
            now,
            start: now,
            zone: Vec::new(),
            fails: None,
            silent: false,
            full: false,
            latency: Duration::from_millis(5),
            under_way: None,
            events: Vec::new(),
            reads: Vec::new(),
            updates: Vec::new(),
            cancelled: Vec::new(),
            wakes: 0,
        }
    }

    /// A world in which port 1 is listened on and published.
    pub(super) fn published() -> Self {
        let mut world = Self::new(config());
        world.listen(1);
        world.run(S(5));
        assert_eq!(world.zone, [world.record(1)]);
        world.events.clear();
        world.reads.clear();
        world.updates.clear();
        world
    }

    pub(super) fn record(&self, port: u16) -> TXT {
        named(&here(port), &self.local)
    }

    pub(super) fn listen(&mut self, port: u16) {
        let address = here(port).parse().unwrap();
        self.core.handle_addresses(|own| own.listen(Candidate::new(&address)), self.now);
    }

    pub(super) fn listen_expired(&mut self, port: u16) {
        let address = here(port).parse().unwrap();
        self.core.handle_addresses(|own| own.listen_expired(&Candidate::new(&address)), self.now);
    }

    pub(super) fn withdraw(&mut self) {
        self.core.withdraw(self.now);
    }

    pub(super) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.drain();
            let wake = self.core.poll_timeout();
            let reply = self.under_way.as_ref().map(|(at, _)| *at);
            let Some(next) = [wake, reply].into_iter().flatten().min().filter(|at| *at <= until)
            else {
                self.now = until;
                return;
            };
            assert!(next >= self.now || wake == Some(next), "a wake-up in the past");
            self.now = next.max(self.now);
            if reply == Some(next) {
                self.reply();
            } else {
                self.wakes += 1;
                self.core.handle_timeout(self.now);
            }
        }
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.core.poll_output() {
            let since = self.now - self.start;
            match output {
                Output::Read(id) => {
                    self.reads.push(since);
                    self.request(Request::Read(id));
                }
                Output::Update(id, update) => {
                    self.updates.push((since, update.clone()));
                    self.request(Request::Update(id, Box::new(update)));
                }
                Output::Cancel => match self.under_way.take() {
                    Some((_, Request::Read(id) | Request::Update(id, _))) => {
                        self.cancelled.push(id)
                    }
                    None => panic!("nothing is under way"),
                },
                Output::Event(event) => self.events.push((since, event)),
            }
        }
    }

    pub(super) fn request(&mut self, request: Request) {
        let latency = if self.silent { S(1_000_000) } else { self.latency };
        let before = self.under_way.replace((self.now + latency, request));
        assert!(before.is_none(), "two exchanges at once");
    }

    pub(super) fn reply(&mut self) {
        let (_, request) = self.under_way.take().unwrap();
        match (request, self.fails.clone()) {
            (Request::Read(id), Some(error)) => self.core.handle_read(id, Err(error), self.now),
            (Request::Update(id, _), Some(error)) => {
                self.core.handle_update(id, Err(error), self.now);
            }
            (Request::Read(id), None) if self.full => {
                let full = UpdateError::Full { owner: String::new() };
                self.core.handle_read(id, Err(full), self.now);
            }
            (Request::Read(id), None) => {
                self.core.handle_read(id, Ok(self.zone.clone()), self.now);
            }
            (Request::Update(id, update), None) => {
                self.zone.retain(|txt| !update.delete.contains(txt));
                self.zone.extend(update.add);
                self.core.handle_update(id, Ok(()), self.now);
            }
        }
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.events.iter().map(|(_, event)| self.words(event)).collect()
    }

    pub(super) fn words(&self, event: &Event) -> String {
        let list = |addresses: &[Multiaddr]| {
            let id = format!("/p2p/{}", self.local);
            let all: Vec<_> = addresses.iter().map(|a| a.to_string().replace(&id, "")).collect();
            all.join(" ")
        };
        match event {
            Event::Published { addresses, .. } => format!("published {}", list(addresses)),
            Event::Removed { addresses } => format!("removed {}", list(addresses)),
            Event::Failed { error, failures, .. } => format!("failed {failures}: {error}"),
            Event::Withdrawn => "withdrawn".to_owned(),
        }
    }
}

pub(super) fn published(ports: &[u16]) -> String {
    let addresses: Vec<_> = ports.iter().map(|port| here(*port)).collect();
    format!("published {}", addresses.join(" "))
}
