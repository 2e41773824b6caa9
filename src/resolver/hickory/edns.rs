//! Which servers do not know EDNS.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use web_time::Instant;

/// How long it is believed of a server that it does not know EDNS: it may be replaced, and one broken
/// reply must not cost it for good.
const MEMORY: Duration = Duration::from_secs(3600);

/// The servers that have answered only without EDNS (RFC 6891 section 7), and until when they are asked
/// without it. There are no more of them than servers were ever configured.
#[derive(Debug, Default)]
pub(super) struct Edns(Mutex<HashMap<SocketAddr, Instant>>);

impl Edns {
    pub(super) fn is_known_to(&self, server: SocketAddr, now: Instant) -> bool {
        self.unknown().get(&server).is_none_or(|until| *until <= now)
    }

    pub(super) fn unknown_to(&self, server: SocketAddr, now: Instant) {
        tracing::debug!(%server, "the name server does not know EDNS and is asked without it");
        self.unknown().insert(server, now + MEMORY);
    }

    fn unknown(&self) -> MutexGuard<'_, HashMap<SocketAddr, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    #[test]
    fn a_server_is_remembered_for_a_while_and_no_other() {
        let (edns, start) = (Edns::default(), shell::now());
        let [one, other] = [1, 2].map(|last| SocketAddr::from(([10, 0, 0, last], 53)));
        assert!(edns.is_known_to(one, start));
        edns.unknown_to(one, start);
        assert!(!edns.is_known_to(one, start));
        assert!(edns.is_known_to(other, start));
        assert!(edns.is_known_to(one, start + MEMORY));
    }
}
