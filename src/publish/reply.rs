//! What a reply says: the name server's message → a result, or why there is none.

use std::sync::Arc;

use hickory_proto::{
    op::{Message, MessageType, OpCode, ResponseCode},
    rr::{
        DNSClass, Name, RData, RecordType, TSigVerifier,
        rdata::{
            TXT,
            tsig::{TSIG, TsigError},
        },
    },
};

use super::updater::UpdateError;

/// What a reply must be a reply to.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: u16,
    pub(super) op_code: OpCode,
    pub(super) owner: Name,
    pub(super) key: Name,
    /// When it was signed, in seconds since 1970.
    pub(super) time: u64,
}

/// The reply belongs to another request.
#[derive(Debug, thiserror::Error)]
#[error("the name server replied to a request that was not made")]
struct OtherRequest;

impl Request {
    /// Believes a reply that says so only if it is signed. One that tells of a failure need not be:
    /// a server that does not accept our signature cannot sign its reply (RFC 8945 section 5.3.2),
    /// and all that follows from it is another try.
    pub(super) fn read(
        &self,
        reply: &[u8],
        mut verifier: TSigVerifier,
    ) -> Result<Message, UpdateError> {
        let message = Message::from_vec(reply).map_err(UpdateError::failed)?;
        let is_reply = message.message_type == MessageType::Response;
        if !is_reply || message.id != self.id || message.op_code != self.op_code {
            return Err(UpdateError::failed(OtherRequest));
        }
        self.failure(&message)?;
        verifier.verify(reply).map_err(|error| UpdateError::Unverified(Arc::new(error)))?;
        Ok(message)
    }

    fn failure(&self, message: &Message) -> Result<(), UpdateError> {
        let (key, owner) = (self.key.to_ascii(), self.owner.to_ascii());
        match message.response_code {
            ResponseCode::NoError => Ok(()),
            // There is nothing at the name yet.
            ResponseCode::NXDomain if self.op_code == OpCode::Query => Ok(()),
            ResponseCode::Refused => Err(UpdateError::Refused { key, owner }),
            ResponseCode::NotAuth => Err(match message.signature().map(|tsig| &tsig.data) {
                Some(tsig) => self.not_authentic(tsig),
                None => UpdateError::NotAuth { owner },
            }),
            code => Err(UpdateError::Server { code }),
        }
    }

    /// RFC 8945 section 5.2.
    fn not_authentic(&self, tsig: &TSIG) -> UpdateError {
        let (key, owner) = (self.key.to_ascii(), self.owner.to_ascii());
        match tsig.error {
            Some(TsigError::BadKey) => UpdateError::BadKey { key, owner },
            Some(TsigError::BadSig | TsigError::BadTrunc) => UpdateError::BadSig { key },
            Some(TsigError::BadTime) => {
                UpdateError::BadTime { server_ahead: self.server_ahead(&tsig.other) }
            }
            Some(TsigError::Unknown(_)) | None => UpdateError::NotAuth { owner },
        }
    }

    /// The server's clock is in "other data", in 48 bits.
    fn server_ahead(&self, other: &[u8]) -> Option<i64> {
        let other: [u8; 6] = other.try_into().ok()?;
        let theirs = other.iter().fold(0_i64, |time, byte| time << 8 | i64::from(*byte));
        i64::try_from(self.time).ok().map(|ours| theirs - ours)
    }
}

/// The TXT records at a name. An answer without authority may come from a cache; one that is cut
/// shows a part, or, by BIND, nothing.
pub(super) fn records(reply: Message, owner: &Name) -> Result<Vec<TXT>, UpdateError> {
    if !reply.authoritative {
        return Err(UpdateError::NotAuth { owner: owner.to_ascii() });
    }
    if reply.truncation {
        return Err(UpdateError::Full { owner: owner.to_ascii() });
    }
    let ours = reply.answers.into_iter().filter(|record| record.name == *owner);
    let mut records = Vec::new();
    for record in ours.filter(|record| record.dns_class == DNSClass::IN) {
        if record.record_type() == RecordType::CNAME {
            return Err(UpdateError::Alias { owner: owner.to_ascii() });
        }
        if let RData::TXT(txt) = record.data {
            records.push(txt);
        }
    }
    Ok(records)
}
