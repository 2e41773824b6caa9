//! Which names of the search list failed, and for how long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use hickory_proto::rr::Name;
use web_time::Instant;

use super::turns::is_silence;
use crate::resolver::error::LookupError;

/// A name that fails by a response code so often in a row, over this time, counts as one that does not
/// exist.
const FAILURES: u32 = 3;
const SPAN: Duration = Duration::from_secs(10);
/// So does a name about which no server has said anything for so long.
const SILENCE: Duration = Duration::from_secs(120);
/// More than the sources of a node make with any honest search list. Past it, the count starts again.
const MAX_NAMES: usize = 1024;

/// The names that failed when they were last asked for.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<HashMap<Name, Trouble>>);

#[derive(Debug)]
struct Trouble {
    since: Instant,
    is_silence: bool,
    count: u32,
}

impl Troubles {
    /// Takes note of how a walk fared at a name. Says whether that counts as "there is nothing".
    pub(super) fn note(&self, name: &Name, failure: Option<&LookupError>, now: Instant) -> bool {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(failure) = failure else {
            troubles.remove(name);
            return false;
        };
        if troubles.len() >= MAX_NAMES && !troubles.contains_key(name) {
            troubles.clear();
        }
        let is_silence = is_silence(failure);
        let first = || Trouble { since: now, is_silence, count: 0 };
        let trouble = troubles.entry(name.clone()).or_insert_with(first);
        if trouble.is_silence != is_silence {
            *trouble = first();
        }
        trouble.count = trouble.count.saturating_add(1);
        let lasts = now.saturating_duration_since(trouble.since);
        match is_silence {
            true => lasts >= SILENCE,
            false => lasts >= SPAN && trouble.count >= FAILURES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;

    /// Whether each of these counts as nothing; at so many seconds, silence or a code or no failure.
    fn counted(walks: &[(u64, Option<LookupError>)]) -> Vec<bool> {
        let (troubles, start) = (Troubles::default(), shell::now());
        let note = |(at, failure): &(u64, Option<LookupError>)| {
            troubles.note(&Name::root(), failure.as_ref(), start + Duration::from_secs(*at))
        };
        walks.iter().map(note).collect()
    }

    #[test]
    fn three_failures_over_ten_seconds_count() {
        let failed = || Some(LookupError::Refused);
        let walks = [(0, failed()), (1, failed()), (2, failed()), (10, failed())];
        assert_eq!(counted(&walks), [false, false, false, true]);
        let walks = [(0, failed()), (9, failed()), (10, None), (20, failed()), (30, failed())];
        assert_eq!(counted(&walks), [false; 5]);
    }

    #[test]
    fn two_minutes_of_silence_count() {
        let silent = || Some(LookupError::TimedOut);
        let walks = [(0, silent()), (60, silent()), (119, silent()), (120, silent())];
        assert_eq!(counted(&walks), [false, false, false, true]);
        let walks = [(0, silent()), (60, Some(LookupError::Refused)), (120, silent())];
        assert_eq!(counted(&walks), [false; 3]);
    }
}
