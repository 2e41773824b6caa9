//! Which sources could not be looked up the last time, and why.

use std::{collections::HashMap, sync::Arc};

use libp2p_dns_discovery::{Event, Source};

use crate::common::run::causes;

/// What was wrong with the last look-up of each source, where something was.
#[derive(Debug, Default)]
pub(crate) struct Troubles(HashMap<Source, Arc<str>>);

impl Troubles {
    pub(crate) fn follow(&mut self, event: &Event) {
        match event {
            Event::LookupFailed { source, error, .. } => {
                self.0.insert(source.clone(), causes(error).into());
            }
            Event::Resolved { source, missing: Some(error), .. } => {
                let text = format!("known in part only: {}", causes(error));
                self.0.insert(source.clone(), text.into());
            }
            Event::Resolved { source, .. } => {
                self.0.remove(source);
            }
            _ => {}
        }
    }

    pub(crate) fn of(&self, source: &Source) -> Option<Arc<str>> {
        self.0.get(source).cloned()
    }
}
