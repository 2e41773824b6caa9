//! Which servers are silent, and for how long.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use web_time::Instant;

/// How long a silent server is asked last: about as long as a refresh lasts, of which one look-up sees
/// nothing.
const LAST: Duration = Duration::from_secs(20);
/// As many attempts must a server have missed, over this time, until another's "there is nothing" is
/// believed in its place: by then a server that was restarted has come back.
const MISSED: u32 = 3;
const SPAN: Duration = Duration::from_secs(10);

/// The servers that gave no reply when they were last asked. There are no more of them than servers
/// were ever configured.
#[derive(Debug, Default)]
pub(super) struct Silences(Mutex<HashMap<SocketAddr, Silence>>);

#[derive(Debug)]
struct Silence {
    since: Instant,
    until: Instant,
    missed: u32,
}

impl Silences {
    /// Takes note that a server gave no reply to an attempt. Attempts at the same time count once.
    pub(super) fn missed(&self, server: SocketAddr, began: Instant, now: Instant) {
        let mut servers = self.servers();
        let first = Silence { since: began, until: began, missed: 0 };
        let silence = servers.entry(server).or_insert(first);
        if silence.until <= began {
            silence.missed = silence.missed.saturating_add(1);
            silence.until = now;
        }
    }

    /// Takes note that a server gave a reply, whichever.
    pub(super) fn ended(&self, server: SocketAddr) {
        self.servers().remove(&server);
    }

    /// Whether a server is asked after the others.
    pub(super) fn is_last(&self, server: SocketAddr, now: Instant) -> bool {
        self.servers().get(&server).is_some_and(|silence| now < silence.until + LAST)
    }

    /// Whether a server may still have something to say, although it gave no reply lately.
    pub(super) fn is_awaited(&self, server: SocketAddr) -> bool {
        self.servers().get(&server).is_some_and(|silence| {
            let span = silence.until.saturating_duration_since(silence.since);
            silence.missed < MISSED || span < SPAN
        })
    }

    fn servers(&self) -> MutexGuard<'_, HashMap<SocketAddr, Silence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    const SECOND: Duration = Duration::from_secs(1);

    fn server() -> SocketAddr {
        ([10, 0, 0, 1], 53).into()
    }

    #[test]
    fn a_silent_server_is_last_for_a_while_or_until_it_replies() {
        let (silences, start) = (Silences::default(), shell::now());
        assert!(!silences.is_last(server(), start));
        silences.missed(server(), start, start + SECOND);
        assert!(silences.is_last(server(), start + SECOND));
        assert!(!silences.is_last(server(), start + SECOND + LAST));
        silences.ended(server());
        assert!(!silences.is_last(server(), start + SECOND));
    }

    #[test]
    fn it_is_awaited_until_it_missed_three_attempts_over_ten_seconds() {
        let (silences, start) = (Silences::default(), shell::now());
        assert!(!silences.is_awaited(server()), "it is not silent");
        let missed = |began: u32| {
            silences.missed(server(), start + began * SECOND, start + (began + 3) * SECOND)
        };
        // The second at the same time as the first.
        for began in [0, 1, 4] {
            missed(began);
            assert!(silences.is_awaited(server()));
        }
        missed(7);
        assert!(!silences.is_awaited(server()));
        silences.ended(server());
        for soon in 0..9 {
            silences.missed(server(), start + soon * SECOND, start + soon * SECOND);
            assert!(silences.is_awaited(server()), "a closed port is told at once");
        }
    }
}
