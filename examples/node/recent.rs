//! What was told lately.

use std::{collections::VecDeque, sync::Arc};

/// How much is kept.
const KEPT: usize = 50;
/// How many characters are kept of each: DNS may have said them.
const LONGEST: usize = 400;

/// Something that was told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Counts all that was told, from one.
    pub(crate) number: u64,
    /// Milliseconds since the start.
    pub(crate) ms: u64,
    pub(crate) text: String,
}

/// The last that was told, the latest first.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    told: VecDeque<Arc<Told>>,
    number: u64,
}

impl Recent {
    pub(crate) fn add(&mut self, ms: u64, text: &str) {
        self.number += 1;
        self.told.truncate(KEPT - 1);
        let text = shortened(text);
        self.told.push_front(Arc::new(Told { number: self.number, ms, text }));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Told>> {
        self.told.iter()
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
