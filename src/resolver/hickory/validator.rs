//! Validation of replies by DNSSEC, as hickory-net does it (RFC 4035 section 5).

use std::{sync::Arc, time::Duration};

use futures::future::OptionFuture;
use hickory_net::{
    DnsError, DnsHandle, NetError,
    dnssec::DnssecDnsHandle,
    runtime::{RuntimeProvider, Time, TokioRuntimeProvider},
    xfer::FirstAnswer,
};
use hickory_proto::{
    dnssec::{self, TrustAnchors},
    op::{DnsRequestOptions, DnsResponse, Message, Query as Question},
    rr::{Name, RData, Record, RecordType, SerialNumber},
};

use self::{anchored::vouched, questions::Questions};
use super::{
    reply::{self, MAX_CHAIN},
    servers::Servers,
    validation::Validation,
};
use crate::{
    alias::Chain,
    resolver::{answer::Answer, error::LookupError, nothing::Nothing, proof::Proof},
};

mod anchored;
#[cfg(test)]
mod made;
mod proof;
mod prune;
mod questions;
mod reason;
mod wildcard;

/// How long hickory-net remembers what it has proved: longer than any look-up. Its cache goes by the
/// TTL of the reply, which is not signed, and ignores the expiration of signatures. So each look-up has a
/// cache of its own, and none outlives its look-up.
const REMEMBERED: Duration = Duration::from_secs(4 * 3600);
/// More than the sets of records in one look-up.
const REMEMBERED_SETS: usize = 1024;

/// How many questions deep hickory-net follows a chain of keys, two for each zone on the way to the anchor. Each
/// takes some 66 KiB of the stack in a build without optimisation, and a thread of Tokio has 2 MiB: at
/// hickory-net's own bound of 26, a forged zone ends the process.
const DEEPEST: usize = 18;

/// Proves the answers of one look-up.
pub(super) struct Validator {
    domains: Arc<[Name]>,
    servers: Arc<Servers>,
    anchors: TrustAnchors,
    questions: Questions,
    handle: DnssecDnsHandle<Questions>,
}

/// A pruned reply, and how well it is proved.
struct Proved {
    message: DnsResponse,
    proof: Proof,
}

impl Validator {
    /// `None` if nothing is to be validated.
    pub(super) fn new(validation: &Validation, servers: Arc<Servers>) -> Option<Self> {
        let anchors = TrustAnchors::clone(validation.anchors.as_deref()?);
        let questions = Questions::new(Arc::clone(&servers));
        let handle = handle(&questions, &anchors);
        Some(Self { domains: Arc::clone(&validation.domains), servers, anchors, questions, handle })
    }

    /// Follows the chain of aliases link by link: hickory-net holds a denial against the name that was
    /// asked for, and that in a reply with a whole chain is about the chain's end.
    pub(super) async fn answer(&mut self, mut question: Question) -> Result<Answer, LookupError> {
        let mut chain = Chain::new(question.name.clone(), MAX_CHAIN);
        let mut proof = Some(Proof::Secure);
        loop {
            if !self.domains.iter().any(|domain| domain.zone_of(&question.name)) {
                let answer = self.servers.answer(question).await;
                return proved(answer, chain, Some(Proof::Indeterminate));
            }
            let reply = self.prove(&question).await?;
            proof = Proof::weaker(proof, Some(reply.proof));
            let Some((link, target)) = alias(&question, &reply.message) else {
                return proved(self.read(&question, reply), chain, proof);
            };
            if chain.add(link, target.clone()).is_err() {
                return Err(LookupError::ServerFailed("the chain of aliases is too long".into()));
            }
            question.name = target;
        }
    }

    fn read(&self, question: &Question, reply: Proved) -> Result<Answer, LookupError> {
        let is_secure = reply.proof == Proof::Secure;
        let mut answer = reply::read(question, reply.message)?;
        // Of an answer that anybody could have made up, glue can say no more than it does.
        if !is_secure && let Some(reply) = self.questions.replied(question) {
            answer.additionals = reply::glue(&answer.records, reply.additionals);
        }
        Ok(answer)
    }

    async fn prove(&mut self, question: &Question) -> Result<Proved, LookupError> {
        match self.attempt(question).await {
            // With what the replies have told of the anchors' zones.
            Err(_) if self.learn_keys() => self.attempt(question).await,
            outcome => outcome,
        }
    }

    async fn attempt(&self, question: &Question) -> Result<Proved, LookupError> {
        self.questions.take_failure();
        let outcome = lookup(&self.handle, question.clone()).await;
        let (message, denial) = match outcome {
            Ok(message) => (message, dnssec::Proof::Secure),
            Err(NetError::Dns(DnsError::Nsec { response, proof, .. })) => (*response, proof),
            Err(error) => {
                let failure = self.questions.take_failure();
                return Err(failure.unwrap_or_else(|| LookupError::failed(error)));
            }
        };
        match proof::of(&question.name, &message, denial) {
            Some(proof) => Ok(Proved { message: proof::strip(message, proof), proof }),
            None => Err(self.bogus(question, &message).await),
        }
    }

    /// Why the reply is not proved.
    async fn bogus(&self, question: &Question, message: &Message) -> LookupError {
        if let Some(failure) = self.questions.take_failure() {
            return failure;
        }
        if message.metadata.truncation {
            return reason::cut(question);
        }
        let signer = reason::signer(message).cloned();
        let keys = signer.map(|signer| Question::query(signer, RecordType::DNSKEY));
        let keys = OptionFuture::from(keys.map(|keys| lookup(&self.handle, keys))).await;
        let is_secure = |record: &Record| record.proof.is_secure();
        let keys = keys.is_some_and(|k| k.is_ok_and(|k| k.answers.iter().any(is_secure)));
        LookupError::Bogus(reason::of(question, message, keys, now()).into())
    }

    /// Takes the keys that an anchor vouches for as anchors, too. Says whether there are new ones.
    fn learn_keys(&mut self) -> bool {
        let mut learnt = false;
        for (zone, reply) in self.questions.all_replied(RecordType::DNSKEY) {
            let reply = prune::prune(&Question::query(zone.clone(), RecordType::DNSKEY), reply);
            for key in vouched(&self.anchors, &zone, &reply, now()) {
                learnt |= self.anchors.insert_with_name(&key, (&zone).into());
            }
        }
        if learnt {
            self.handle = handle(&self.questions, &self.anchors);
        }
        learnt
    }
}

fn handle(questions: &Questions, anchors: &TrustAnchors) -> DnssecDnsHandle<Questions> {
    DnssecDnsHandle::with_trust_anchor(questions.clone(), Arc::new(anchors.clone()))
        .validation_cache_size(REMEMBERED_SETS)
        .positive_validation_ttl(REMEMBERED..=REMEMBERED)
        .negative_validation_ttl(REMEMBERED..=REMEMBERED)
}

async fn lookup(
    handle: &DnssecDnsHandle<Questions>,
    question: Question,
) -> Result<DnsResponse, NetError> {
    let mut options = DnsRequestOptions::default();
    options.max_request_depth = DEEPEST;
    handle.lookup(question, options).first_answer().await
}

/// The end of a chain of aliases, with the links and the proof of them all.
fn proved(
    outcome: Result<Answer, LookupError>,
    chain: Chain<Record>,
    proof: Option<Proof>,
) -> Result<Answer, LookupError> {
    match outcome {
        Ok(mut answer) => {
            answer.records.splice(..0, chain.into_parts().1);
            answer.proof = proof;
            Ok(answer)
        }
        Err(LookupError::Nothing(nothing)) => {
            Err(LookupError::Nothing(Nothing { proof, ..nothing }))
        }
        Err(error) => Err(error),
    }
}

/// The alias in a pruned reply, and what it leads to.
fn alias(question: &Question, message: &Message) -> Option<(Record, Name)> {
    if question.query_type == RecordType::CNAME {
        return None;
    }
    message.answers.iter().find_map(|record| match &record.data {
        RData::CNAME(target) => Some((record.clone(), target.0.clone())),
        _ => None,
    })
}

/// Signatures name their time as seconds since 1970, modulo 2^32 (RFC 4034 section 3.1.5).
fn now() -> SerialNumber {
    let seconds = <TokioRuntimeProvider as RuntimeProvider>::Timer::current_time();
    SerialNumber::new((seconds & u64::from(u32::MAX)) as u32)
}
