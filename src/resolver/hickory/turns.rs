//! The order in which one question goes to the servers, until one of them answers.

use std::{collections::VecDeque, net::SocketAddr, num::NonZeroU32};

use crate::resolver::error::LookupError;

/// The turns of the servers in one question.
///
/// In the later rounds only those are asked again that gave no reply at all: the others would say the
/// same.
#[derive(Debug)]
pub(super) struct Turns {
    next: VecDeque<SocketAddr>,
    /// Those to ask again in the next round.
    silent: VecDeque<SocketAddr>,
    /// How many rounds follow this one.
    rounds: u32,
    failure: Option<LookupError>,
}

impl Turns {
    /// Each server in this order, and as many rounds as there are attempts.
    pub(super) fn new(servers: Vec<SocketAddr>, attempts: NonZeroU32) -> Self {
        let silent = VecDeque::new();
        Self { next: servers.into(), silent, rounds: attempts.get() - 1, failure: None }
    }

    /// The next server to ask; `None` if there is no more.
    pub(super) fn next(&mut self) -> Option<SocketAddr> {
        if self.next.is_empty() && self.rounds > 0 {
            self.rounds -= 1;
            std::mem::swap(&mut self.next, &mut self.silent);
        }
        self.next.pop_front()
    }

    /// How many are left in this round.
    pub(super) fn left(&self) -> usize {
        self.next.len()
    }

    /// Takes note that a server did not know.
    pub(super) fn failed(&mut self, server: SocketAddr, error: LookupError) {
        if is_silence(&error) {
            self.silent.push_back(server);
        }
        self.failure = Some(more_telling(self.failure.take(), error));
    }

    /// Why none knew.
    pub(super) fn into_failure(self) -> LookupError {
        self.failure.unwrap_or(LookupError::TimedOut)
    }
}

/// Whether a failure is that of a server which gave no reply at all.
pub(super) fn is_silence(error: &LookupError) -> bool {
    !matches!(error, LookupError::ServerFailed(_) | LookupError::Refused)
}

/// Of two failures, the one that says more: that a server replied is worth more than that none did.
pub(super) fn more_telling(known: Option<LookupError>, new: LookupError) -> LookupError {
    fn weight(error: &LookupError) -> u8 {
        match error {
            LookupError::ServerFailed(_) => 3,
            LookupError::Refused => 2,
            LookupError::TimedOut => 1,
            _ => 0,
        }
    }
    match known {
        Some(known) if weight(&known) >= weight(&new) => known,
        _ => new,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers() -> [SocketAddr; 3] {
        [1, 2, 3].map(|last| SocketAddr::from(([10, 0, 0, last], 53)))
    }

    /// Whose turn it is, with this outcome of each.
    fn asked(attempts: u32, outcome: impl Fn(SocketAddr) -> LookupError) -> Vec<SocketAddr> {
        let mut turns = Turns::new(servers().into(), NonZeroU32::new(attempts).unwrap());
        let mut asked = Vec::new();
        while let Some(server) = turns.next() {
            asked.push(server);
            turns.failed(server, outcome(server));
        }
        asked
    }

    #[test]
    fn the_silent_are_asked_in_every_round_and_in_order() {
        assert_eq!(asked(1, |_| LookupError::TimedOut), servers());
        assert_eq!(asked(2, |_| LookupError::TimedOut), [servers(), servers()].concat());
        assert_eq!(asked(2, |_| LookupError::failed("no route")).len(), 6);
    }

    #[test]
    fn who_replied_is_not_asked_again() {
        let [first, second, third] = servers();
        let outcome = |server| match server {
            server if server == first => LookupError::Refused,
            server if server == third => LookupError::ServerFailed("SERVFAIL".into()),
            _ => LookupError::TimedOut,
        };
        assert_eq!(asked(3, outcome), [first, second, third, second, second]);
        assert_eq!(asked(9, |_| LookupError::Refused), servers());
    }

    #[test]
    fn the_most_telling_failure_is_kept() {
        let [first, second, third] = servers();
        let mut turns = Turns::new(servers().into(), NonZeroU32::MIN);
        assert_eq!((turns.next(), turns.left()), (Some(first), 2));
        turns.failed(first, LookupError::TimedOut);
        turns.failed(second, LookupError::Refused);
        turns.failed(third, LookupError::failed("no route"));
        assert!(matches!(turns.into_failure(), LookupError::Refused));
        let turns = Turns::new(servers().into(), NonZeroU32::MIN);
        assert!(matches!(turns.into_failure(), LookupError::TimedOut), "nobody was asked in time");
    }

    #[test]
    fn a_reply_says_more_than_silence() {
        let io = || LookupError::failed("no route");
        let failed = || LookupError::ServerFailed("SERVFAIL".into());
        let more = |a: LookupError, b: LookupError| more_telling(Some(a), b);
        assert!(matches!(more_telling(None, io()), LookupError::Failed(_)));
        assert!(matches!(more(io(), LookupError::TimedOut), LookupError::TimedOut));
        assert!(matches!(more(LookupError::TimedOut, io()), LookupError::TimedOut));
        assert!(matches!(more(LookupError::Refused, LookupError::TimedOut), LookupError::Refused));
        assert!(matches!(more(LookupError::Refused, failed()), LookupError::ServerFailed(_)));
        assert!(matches!(more(failed(), LookupError::Refused), LookupError::ServerFailed(_)));
    }
}
