//! One look-up: its servers, and how it reads what they reply.

use std::sync::Arc;

use hickory_proto::op::Query as Question;

use super::servers::Servers;
#[cfg(feature = "dnssec")]
use super::{validation::Validation, validator::Validator};
use crate::{
    resolver::{answer::Answer, error::LookupError},
    shell::now,
};

/// Asks for the names that one look-up tries.
pub(super) struct Asking {
    servers: Arc<Servers>,
    #[cfg(feature = "dnssec")]
    validator: Option<Validator>,
}

impl Asking {
    pub(super) fn new(servers: Servers) -> Self {
        Self {
            servers: Arc::new(servers),
            #[cfg(feature = "dnssec")]
            validator: None,
        }
    }

    /// Validates what is replied, if there are anchors.
    #[cfg(feature = "dnssec")]
    pub(super) fn validating(mut self, validation: &Validation) -> Self {
        self.validator = Validator::new(validation, Arc::clone(&self.servers));
        self
    }

    /// Asks for one of the names, of which so many are left with it.
    pub(super) async fn answer(
        &mut self,
        question: Question,
        left: usize,
    ) -> Result<Answer, LookupError> {
        self.servers.begin(left, now());
        #[cfg(feature = "dnssec")]
        if let Some(validator) = &mut self.validator {
            return self.servers.in_time(validator.answer(question)).await;
        }
        self.servers.answer(question).await
    }
}
