//! One look-up: its time and its servers, and how it reads what they reply.

use std::sync::Arc;

use hickory_proto::op::{Message, Query as Question};
use tokio::time::Instant;

use super::{
    config::Config,
    reply,
    upstream::{Ask, Upstream},
};
#[cfg(feature = "dnssec")]
use super::{dnssec::Validation, validator::Validator};
use crate::resolver::{answer::Answer, error::LookupError};

/// Asks for the names that one look-up tries.
pub(super) struct Asking {
    servers: Arc<Servers>,
    #[cfg(feature = "dnssec")]
    validator: Option<Validator>,
}

/// The servers, and until when they are asked.
#[derive(Debug)]
pub(super) struct Servers {
    config: Config,
    upstream: Arc<Upstream>,
    deadline: Instant,
}

impl Asking {
    pub(super) fn new(config: Config, upstream: Arc<Upstream>) -> Self {
        Self {
            servers: Arc::new(Servers::new(config, upstream)),
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

    pub(super) async fn answer(&mut self, question: Question) -> Result<Answer, LookupError> {
        #[cfg(feature = "dnssec")]
        if let Some(validator) = &mut self.validator {
            return self.servers.in_time(validator.answer(question)).await;
        }
        self.servers.answer(question).await
    }
}

impl Servers {
    pub(super) fn new(config: Config, upstream: Arc<Upstream>) -> Self {
        let deadline = Instant::now() + config.budget();
        Self { config, upstream, deadline }
    }

    /// What the first server that knows says, as it is.
    pub(super) async fn answer(&self, question: Question) -> Result<Answer, LookupError> {
        let ask = Ask { question, signed: false };
        let reply = self.reply(&ask).await?;
        reply::read(&ask.question, reply)
    }

    /// The reply of the first server that knows.
    pub(super) async fn reply(&self, ask: &Ask) -> Result<Message, LookupError> {
        self.upstream.ask(&self.config, ask, self.deadline).await
    }

    #[cfg(feature = "dnssec")]
    async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let ended = tokio::time::timeout_at(self.deadline, future).await;
        ended.unwrap_or(Err(LookupError::TimedOut))
    }
}
