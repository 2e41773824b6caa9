//! What is left in the log: one line a change, nothing for a steady state, and a warning where nobody can
//! be met.

use std::{
    io,
    sync::{Arc, Mutex},
};

use libp2p_dns_discovery::{
    Config, LookupError, Status, discovery::LookupOutcome, hickory_proto::rr::RecordType,
};
use tracing::Level;

use crate::support::{Host, World, ip, joined, lowest, secs};

/// The lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().expect("a log"));
        String::from_utf8(bytes).expect("a text").lines().map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a log").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a test with a log of this level.
fn logged(level: Level, act: impl FnOnce(&Lines)) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    // With one subscriber alone, a line that another thread is the first to meet meanwhile is turned off
    // for all threads.
    let _another = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    tracing::subscriber::with_default(subscriber, || act(&lines));
}

/// What was logged at the level of a warning, or above, while `run` ran.
pub(crate) fn warnings(run: impl FnOnce()) -> String {
    let mut warnings = Vec::new();
    logged(Level::WARN, |log| {
        run();
        warnings = log.take();
    });
    warnings.join("\n")
}

fn count(lines: &[String], of: &str) -> usize {
    lines.iter().filter(|line| line.contains(of)).count()
}

/// Fails if anything is written for each refresh, verification or failure.
#[test]
fn a_steady_state_leaves_nothing_in_the_log() {
    logged(Level::DEBUG, |log| {
        let (mut world, _) = World::with_peers(lowest(2), 5);
        world.set(ip(4), Host::Refuses);
        world.run(secs(600));
        let lines = log.take();
        assert_eq!(count(&lines, "resolved"), 1, "{lines:#?}");
        assert!(count(&lines, "verified") >= 2 && count(&lines, "status") >= 1, "{lines:#?}");
        assert!(lines.iter().all(|line| !line.starts_with(" WARN")), "{lines:#?}");
        // Each of the others is met once by the island repair within two hours.
        world.run(secs(7_200));
        log.take();
        let lookups = |world: &World| world.core.stats().lookups(LookupOutcome::Answer);
        let before = (lookups(&world), world.dials.len());
        world.run(secs(3_600));
        assert!(lookups(&world) > before.0 && world.dials.len() > before.1);
        assert_eq!(log.take(), [""; 0]);
    });
}

#[test]
fn each_change_is_one_line() {
    logged(Level::INFO, |log| {
        let (mut world, peers) = World::with_peers(lowest(1), 2);
        world.until(secs(5), "joined", joined);
        let text = log.take();
        assert_eq!(count(&text, &format!("verified peer={}", peers[0])), 1, "{text:#?}");
        assert_eq!(count(&text, "status status=joined"), 1, "{text:#?}");
        let next = world.live(ip(1));
        for (id, peer, _) in world.connections.clone() {
            world.close(id, peer, false);
        }
        world.until(secs(120), "replaced", |w| w.core.addresses_of(&next).next().is_some());
        let text = log.take();
        let line = format!("replaced address=/ip4/10.0.0.1/tcp/4001 old={} peer={next}", peers[0]);
        assert_eq!(count(&text, &line), 1, "{text:#?}");
    });
}

#[test]
fn a_node_that_can_meet_nobody_says_why() {
    logged(Level::WARN, |log| {
        let (mut world, _) = World::with_peers(lowest(3), 2);
        world.set(ip(1), Host::Silent);
        world.set(ip(2), Host::Silent);
        world.until(secs(60), "isolated", |w| w.core.status() == Status::Isolated);
        let lines = log.take();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("others=2 address=/ip4/10.0.0."), "{lines:#?}");
        assert!(lines[0].contains("reason=no answer in time"), "{lines:#?}");
        world.run(secs(7_200));
        assert_eq!(log.take(), [""; 0], "once");
    });
}

/// Told at the first failure, and with every doubling of their number.
#[test]
fn a_server_that_fails_is_a_warning_and_a_first_node_without_an_entry_is_none() {
    logged(Level::WARN, |log| {
        let mut world = World::new(Config::new());
        world.source("/dns4/peers.example./tcp/4001");
        world.run(secs(600));
        assert_eq!(world.core.status(), Status::Alone);
        assert_eq!(log.take(), [""; 0]);
        world.zone.insert(("peers.example.".into(), RecordType::A), Err(LookupError::TimedOut));
        world.core.refresh(world.now);
        world.run(secs(3_600));
        let lines = log.take();
        assert!((1..8).contains(&lines.len()), "{lines:#?}");
        assert!(lines[0].contains("no name server answered in time"), "{lines:#?}");
    });
}
