//! Answers that deny the presence of members, and when such an answer is believed.

use std::time::Duration;

use web_time::Instant;

use super::schedule::NOTHINGS;

/// "There is nothing", as a name server says it again and again. It is believed once [`NOTHINGS`] looks in a
/// row have said so, over at least `alone_after`.
#[derive(Debug, Default)]
pub(super) struct Belief {
    /// Since when it is said, and in how many looks.
    said: Option<(Instant, u32)>,
    is_firm: bool,
}

impl Belief {
    /// Notes that "there is nothing" was said. `is_new` says that this is a look of its own, and not a
    /// repetition of the last one from a cache.
    pub(super) fn note(&mut self, is_new: bool, alone_after: Duration, now: Instant) {
        let (since, looks) = self.said.unwrap_or((now, 0));
        let looks = looks.saturating_add(u32::from(is_new));
        self.said = Some((since, looks));
        self.is_firm = looks >= NOTHINGS && since + alone_after <= now;
    }

    /// In how many looks in a row it was said.
    pub(super) fn looks(&self) -> u32 {
        self.said.map_or(0, |(_, looks)| looks)
    }

    pub(super) fn is_firm(&self) -> bool {
        self.is_firm
    }
}
