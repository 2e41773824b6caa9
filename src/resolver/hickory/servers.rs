//! The servers that one look-up asks, and until when.

use std::sync::{Arc, Mutex, PoisonError};

use hickory_proto::op::{DnsResponse, Query as Question};
use web_time::Instant;

use super::{ask::Ask, config::Config, queue::Queue, reply, upstream::Upstream};
use crate::resolver::{answer::Answer, error::LookupError};

/// The servers, and until when they are asked.
#[derive(Debug)]
pub(super) struct Servers {
    config: Config,
    upstream: Arc<Upstream>,
    queue: Arc<Queue>,
    /// When the look-up is over.
    deadline: Instant,
    /// When the name is given up that is asked for now.
    until: Mutex<Instant>,
}

impl Servers {
    /// The servers of a look-up that begins now.
    pub(super) fn new(
        config: Config,
        upstream: Arc<Upstream>,
        queue: Arc<Queue>,
        now: Instant,
    ) -> Self {
        let deadline = config.deadline(now);
        let until = Mutex::new(config.end_of_name(now, deadline, 1));
        Self { config, upstream, queue, deadline, until }
    }

    /// Begins with one of the names that the look-up asks for, of which so many are left with it.
    pub(super) fn begin(&self, left: usize, now: Instant) {
        let until = self.config.end_of_name(now, self.deadline, left);
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn until(&self) -> Instant {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the first server that knows says, as it is.
    pub(super) async fn answer(&self, question: Question) -> Result<Answer, LookupError> {
        let ask = Ask { question, signed: false };
        let reply = self.reply(&ask).await?;
        reply::read(&ask.question, reply)
    }

    /// The reply of the first server that knows.
    pub(super) async fn reply(&self, ask: &Ask) -> Result<DnsResponse, LookupError> {
        self.upstream.ask(&self.config, &self.queue, ask, self.until()).await
    }

    /// The outcome of a future that asks the servers, or that it took longer than they are asked.
    #[cfg(feature = "dnssec")]
    pub(super) async fn in_time<T>(
        &self,
        future: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let ended = crate::shell::before(self.until(), future).await;
        ended.unwrap_or(Err(LookupError::TimedOut))
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use hickory_proto::rr::{Name, RecordType};

    use super::*;
    use crate::shell;

    /// Nothing can be sent to port 0.
    fn servers(now: Instant) -> Servers {
        let config = Config::of_servers(vec![([127, 0, 0, 1], 0).into()]);
        Servers::new(config, Arc::default(), Arc::default(), now)
    }

    #[test]
    fn once_its_time_is_over_nobody_is_asked() {
        let budget = servers(shell::now()).config.budget;
        let Some(long_ago) = shell::now().checked_sub(budget) else { return };
        let question = Question::query(Name::root(), RecordType::A);
        // To ask would take a runtime, and there is none.
        let outcome = block_on(servers(long_ago).answer(question));
        assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
    }

    #[cfg(feature = "dnssec")]
    #[test]
    fn what_asks_them_ends_with_them() {
        let budget = servers(shell::now()).config.budget;
        let Some(long_ago) = shell::now().checked_sub(budget) else { return };
        let never = std::future::pending::<Result<(), _>>();
        let outcome = block_on(servers(long_ago).in_time(never));
        assert!(matches!(outcome, Err(LookupError::TimedOut)), "{outcome:?}");
        let outcome = block_on(servers(shell::now()).in_time(async { Ok(7) }));
        assert!(matches!(outcome, Ok(7)), "{outcome:?}");
    }
}
