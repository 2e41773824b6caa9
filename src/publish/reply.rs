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
    /// Reads a reply. A reply that reports success is believed only if it is signed. A reply that reports a
    /// failure need not be signed: a server that does not accept our signature cannot sign its reply (RFC
    /// 8945 section
    /// 5.3.2), and all that follows from the failure is another try.
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

/// The TXT records at a name. Two kinds of answers are failures: an answer without authority, which may come
/// from a cache; and a truncated answer, which has only some of the records (from BIND none).
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

#[cfg(test)]
mod tests {
    use hickory_proto::{
        op::Query,
        rr::{Record, rdata::CNAME},
    };

    use super::*;
    use crate::testing::name;

    fn owner() -> Name {
        name("_dnsaddr.peers.example.")
    }

    fn request(op_code: OpCode) -> Request {
        Request { id: 7, op_code, owner: owner(), key: name("peers."), time: 1_000 }
    }

    fn replied(op_code: OpCode, code: ResponseCode) -> Result<(), UpdateError> {
        let mut message = Message::response(7, op_code);
        message.metadata.response_code = code;
        request(op_code).failure(&message)
    }

    fn tsig(error: Option<TsigError>, other: Vec<u8>) -> UpdateError {
        let algorithm = hickory_proto::rr::rdata::tsig::TsigAlgorithm::HmacSha256;
        let tsig = TSIG::new(algorithm, 0, 300, Vec::new(), 7, error, other);
        request(OpCode::Update).not_authentic(&tsig)
    }

    fn answer(records: impl IntoIterator<Item = Record>) -> Message {
        let mut message = Message::response(7, OpCode::Query);
        message.add_query(Query::query(owner(), RecordType::TXT));
        message.metadata.authoritative = true;
        message.add_answers(records);
        message
    }

    fn txt(owner: &Name, text: &str) -> Record {
        Record::from_rdata(owner.clone(), 30, RData::TXT(TXT::new(vec![text.to_owned()])))
    }

    #[test]
    fn a_name_without_records_can_be_read_but_not_updated() {
        assert!(replied(OpCode::Query, ResponseCode::NXDomain).is_ok());
        let updated = replied(OpCode::Update, ResponseCode::NXDomain);
        assert!(matches!(updated, Err(UpdateError::Server { .. })), "{updated:?}");
    }

    #[test]
    fn response_codes_are_told_apart() {
        let failure = |code| replied(OpCode::Update, code).unwrap_err();
        assert!(replied(OpCode::Update, ResponseCode::NoError).is_ok());
        let refused = failure(ResponseCode::Refused);
        let UpdateError::Refused { key, owner } = refused else { panic!("{refused:?}") };
        assert_eq!((&*key, &*owner), ("peers.", "_dnsaddr.peers.example."));
        assert!(matches!(failure(ResponseCode::NotAuth), UpdateError::NotAuth { .. }));
        let code = ResponseCode::ServFail;
        assert!(matches!(failure(code), UpdateError::Server { code: found } if found == code));
    }

    #[test]
    fn what_is_wrong_with_a_signature_is_told_apart() {
        let none = Vec::new;
        assert!(matches!(tsig(Some(TsigError::BadKey), none()), UpdateError::BadKey { .. }));
        assert!(matches!(tsig(Some(TsigError::BadSig), none()), UpdateError::BadSig { .. }));
        assert!(matches!(tsig(Some(TsigError::BadTrunc), none()), UpdateError::BadSig { .. }));
        assert!(matches!(tsig(None, none()), UpdateError::NotAuth { .. }));
        let ahead = |other: Vec<u8>| match tsig(Some(TsigError::BadTime), other) {
            UpdateError::BadTime { server_ahead } => server_ahead,
            error => panic!("{error:?}"),
        };
        assert_eq!(ahead(vec![0, 0, 0, 0, 4, 0]), Some(24));
        assert_eq!(ahead(vec![0, 0, 0, 0, 0, 1]), Some(-999));
        assert_eq!(ahead(vec![0, 0, 0, 4, 0]), None, "not 48 bits");
    }

    #[test]
    fn only_text_at_the_name_is_read() {
        let mut chaos = txt(&owner(), "c");
        chaos.dns_class = DNSClass::CH;
        let found = records(answer([txt(&owner(), "a"), txt(&name("x."), "b"), chaos]), &owner());
        assert_eq!(found.unwrap(), [TXT::new(vec!["a".to_owned()])]);
        assert_eq!(records(answer([]), &owner()).unwrap(), []);
    }

    #[test]
    fn an_answer_that_may_not_be_all_there_is_is_a_failure() {
        let mut cached = answer([txt(&owner(), "a")]);
        cached.metadata.authoritative = false;
        assert!(matches!(records(cached, &owner()), Err(UpdateError::NotAuth { .. })));
        let mut cut = answer([txt(&owner(), "a")]);
        cut.metadata.truncation = true;
        assert!(matches!(records(cut, &owner()), Err(UpdateError::Full { .. })));
        let alias = Record::from_rdata(owner(), 30, RData::CNAME(CNAME(name("x."))));
        assert!(matches!(records(answer([alias]), &owner()), Err(UpdateError::Alias { .. })));
    }
}
