//! Moments, as people read them and as events carry them.

use std::time::Duration;

use time::{OffsetDateTime, macros::format_description};
use tokio::time::Instant;

/// When the node started, by both clocks. The clock on the wall is read once, so that times of
/// one run never go backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    at: OffsetDateTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), at: OffsetDateTime::now_utc() }
    }

    /// A number that another run of this node does not have.
    pub(crate) fn run(self) -> i128 {
        self.at.unix_timestamp_nanos()
    }

    /// Milliseconds from the start to a moment.
    pub(crate) fn ms(self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.started);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// A moment that came so many milliseconds after the start, such as `2026-03-01 14:05:59`, in
    /// UTC.
    pub(crate) fn utc(self, ms: u64) -> String {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let moment = self.at.checked_add(Duration::from_millis(ms).try_into().unwrap_or_default());
        moment.and_then(|moment| moment.format(format).ok()).unwrap_or_else(|| "never".to_owned())
    }
}
