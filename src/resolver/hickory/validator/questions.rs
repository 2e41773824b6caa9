//! The questions of validation to the servers: each once in a look-up, and only so many.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream::{self, BoxStream},
};
use hickory_net::{DnsHandle, NetError, runtime::TokioRuntimeProvider};
use hickory_proto::{
    op::{DnsRequest, DnsResponse, Message, OpCode, Query as Question},
    rr::{Name, RecordType},
};

use super::{prune::prune, reason::cut};
use crate::resolver::{
    error::LookupError,
    hickory::{ask::Ask, servers::Servers, wire},
};

/// How many different questions one look-up may ask. A name in a signed zone takes one and two for
/// each zone above it, one below an unsigned zone about one for each label; each name of a search
/// list and each alias adds its own.
const MAX_QUESTIONS: usize = 100;
/// How often validation may turn to the replies that are already here: once for each set of records
/// of the largest reply (64 KiB, with a signature each) and as often again.
///
/// hickory-net does not remember what it is about to prove, so that a zone whose proofs lead round
/// in a circle makes it try every way through.
const MAX_TURNS: usize = 2_000;

type Reply = Shared<BoxFuture<'static, Result<Message, LookupError>>>;

/// The questions of one look-up, and what was replied.
///
/// Replies are kept for the look-up: it sees each set of keys once, and the cost is that of the
/// different names. Nothing outlives it.
#[derive(Clone)]
pub(super) struct Questions {
    servers: Arc<Servers>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    replies: HashMap<(Name, RecordType), Reply>,
    turns: usize,
    failure: Option<LookupError>,
}

impl Questions {
    pub(super) fn new(servers: Arc<Servers>) -> Self {
        Self { servers, state: Arc::default() }
    }

    /// The failure of a question since this was last called. Without that question's reply, a proof may
    /// be impossible.
    pub(super) fn take_failure(&self) -> Option<LookupError> {
        self.state().failure.take()
    }

    /// The reply to a question that was asked.
    pub(super) fn replied(&self, question: &Question) -> Option<Message> {
        let state = self.state();
        let reply = state.replies.get(&(question.name.clone(), question.query_type))?;
        reply.peek()?.as_ref().ok().cloned()
    }

    /// The replies to the questions for a type, with the name asked for.
    pub(super) fn all_replied(&self, record_type: RecordType) -> Vec<(Name, Message)> {
        let state = self.state();
        let of_type = state.replies.iter().filter(|((_, asked), _)| *asked == record_type);
        let replies = of_type.filter_map(|((name, _), reply)| {
            Some((name.clone(), reply.peek()?.as_ref().ok()?.clone()))
        });
        replies.collect()
    }

    async fn ask(&self, question: Question) -> Result<DnsResponse, NetError> {
        let reply = match self.reply(&question) {
            Ok(reply) => reply.await.and_then(|reply| whole(&question, reply)),
            Err(error) => Err(error),
        };
        match reply {
            Ok(reply) => Ok(wire::response(prune(&question, reply))?),
            Err(error) => {
                let text = error.to_string();
                self.state().failure.get_or_insert(error);
                Err(NetError::from(text))
            }
        }
    }

    fn reply(&self, question: &Question) -> Result<Reply, LookupError> {
        let mut state = self.state();
        state.turns += 1;
        let key = (question.name.clone(), question.query_type);
        if state.turns > MAX_TURNS {
            return Err(LookupError::Bogus("the proof takes too many steps".into()));
        }
        if let Some(reply) = state.replies.get(&key) {
            return Ok(reply.clone());
        }
        if state.replies.len() == MAX_QUESTIONS {
            let reason = format!("the proof takes more than {MAX_QUESTIONS} questions");
            return Err(LookupError::Bogus(reason.into()));
        }
        let servers = Arc::clone(&self.servers);
        let ask = Ask { question: question.clone(), signed: true };
        let reply = async move { servers.reply(&ask).await.map(DnsResponse::into_message) };
        let reply = reply.boxed().shared();
        state.replies.insert(key, reply.clone());
        Ok(reply)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DnsHandle for Questions {
    type Response = BoxStream<'static, Result<DnsResponse, NetError>>;
    type Runtime = TokioRuntimeProvider;

    fn send(&self, request: DnsRequest) -> Self::Response {
        let questions = self.clone();
        let response = async move {
            match request.queries.first() {
                Some(question) if request.op_code == OpCode::Query => {
                    questions.ask(question.clone()).await
                }
                _ => Err(NetError::from("not a question")),
            }
        };
        stream::once(response).boxed()
    }
}

/// A part of a set of keys proves nothing.
fn whole(question: &Question, reply: Message) -> Result<Message, LookupError> {
    let of_keys = matches!(question.query_type, RecordType::DNSKEY | RecordType::DS);
    if of_keys && reply.metadata.truncation {
        return Err(cut(question));
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{resolver::hickory::config::Config, shell};

    #[tokio::test]
    async fn a_reply_is_used_only_so_often() {
        // Nothing can be sent to port 0.
        let config = Config::of_servers(vec![([127, 0, 0, 1], 0).into()]);
        let questions = Questions::new(Arc::new(Servers::new(
            config,
            Arc::default(),
            Arc::default(),
            shell::now(),
        )));
        let question = Question::query(Name::root(), RecordType::DNSKEY);
        for _ in 0..MAX_TURNS {
            assert!(questions.ask(question.clone()).await.is_err());
            let failure = questions.take_failure();
            assert!(matches!(failure, Some(LookupError::Failed(_))), "{failure:?}");
        }
        assert!(questions.ask(question).await.is_err());
        assert!(matches!(questions.take_failure(), Some(LookupError::Bogus(_))));
    }
}
