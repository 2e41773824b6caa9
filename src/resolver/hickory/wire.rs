//! A name server's message, as much of it as can be read.

use hickory_proto::{
    ProtoError,
    op::{DnsResponse, Edns, Header, Message, MessageType, OpCode, Query as Question},
    rr::{Name, Record},
    serialize::binary::{BinDecodable, BinDecoder},
};

/// The bytes of a header (RFC 1035 section 4.1.1), which can be a whole reply.
const HEADER: usize = 12;

/// The reply to a question that was sent with this id; `None` if the bytes are none, and another message
/// may be.
///
/// A reply without a question is accepted: some servers send no more than the header when they refuse or
/// fail. A reply to another question is not accepted: it may come from an attacker who guesses ids.
pub(super) fn reply_to(question: &Question, id: u16, bytes: &[u8]) -> Option<Message> {
    let message = read(bytes).ok()?;
    let is_ours = message.metadata.id == id
        && message.metadata.message_type == MessageType::Response
        && message.queries.iter().all(|asked| is_same(asked, question));
    is_ours.then_some(message)
}

/// Whether both ask for the same.
pub(super) fn is_same(asked: &Question, question: &Question) -> bool {
    asked.name == question.name
        && asked.query_type == question.query_type
        && asked.query_class == question.query_class
}

/// The message in hickory's form of a reply. To encode it again, as [`DnsResponse::from_message`] does,
/// would only make the buffer that nobody reads.
pub(super) fn response(message: Message) -> Result<DnsResponse, ProtoError> {
    let mut response = DnsResponse::from_message(Message::query().into_response())?;
    *response = message;
    Ok(response)
}

/// Reads a message. hickory-proto gives up at the first malformed record; here, only that record is lost. If
/// a lost record was an answer, or may have been one, the message counts as truncated: the absence of a
/// record then says nothing.
fn read(bytes: &[u8]) -> Result<Message, ProtoError> {
    if let Ok(message) = Message::from_vec(bytes) {
        return Ok(message);
    }
    let mut decoder = BinDecoder::new(bytes);
    let Header { metadata, counts } = Header::read(&mut decoder)?;
    let mut message = Message::response(metadata.id, metadata.op_code);
    message.metadata = metadata;
    if bytes.len() == HEADER {
        // Some say that the question follows, and leave it out.
        return Ok(message);
    }
    message.queries = Message::read_queries(&mut decoder, counts.queries.into())?;
    let mut sections = Sections { decoder: Some(decoder), op_code: metadata.op_code };
    let answers = sections.next(counts.answers, false);
    let authorities = sections.next(counts.authorities, false);
    let additionals = sections.next(counts.additionals, true);
    let is_empty = answers.records.is_empty();
    message.metadata.truncation |= answers.is_short || (is_empty && authorities.is_short);
    message.answers = answers.records;
    message.authorities = authorities.records;
    message.additionals = additionals.records;
    if let Some(edns) = &additionals.edns {
        message.metadata.merge_response_code(edns.rcode_high());
    }
    message.edns = additionals.edns;
    Ok(message)
}

/// The sections of a message, read one after another.
struct Sections<'a> {
    /// At the next record; `None` once it is not known where that begins.
    decoder: Option<BinDecoder<'a>>,
    op_code: OpCode,
}

/// What could be read of a section.
#[derive(Default)]
struct Section {
    records: Vec<Record>,
    edns: Option<Edns>,
    /// Whether a record could not be read.
    is_short: bool,
}

impl Sections<'_> {
    fn next(&mut self, count: u16, is_additional: bool) -> Section {
        let mut section = Section::default();
        for _ in 0..count {
            let Some(mut record) = self.decoder.take() else {
                section.is_short = true;
                break;
            };
            self.decoder = after_record(&record);
            match Message::read_records(&mut record, 1, is_additional, self.op_code) {
                Ok((records, edns, _)) => {
                    section.records.extend(records);
                    section.edns = section.edns.or(edns);
                }
                Err(_) => section.is_short = true,
            }
        }
        section
    }
}

/// Where the next record begins, by what the record says of its own length.
fn after_record<'a>(decoder: &BinDecoder<'a>) -> Option<BinDecoder<'a>> {
    // Longer than the type, the class and the time to live.
    const FIXED: usize = 2 + 2 + 4;
    let mut record = decoder.clone(u16::try_from(decoder.index()).ok()?);
    Name::read(&mut record).ok()?;
    record.read_slice(FIXED).ok()?;
    let length = record.read_u16().ok()?.unverified();
    record.read_slice(length.into()).ok()?;
    Some(record)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use hickory_proto::{
        op::ResponseCode,
        rr::{RData, RecordType},
    };

    use super::*;

    fn question() -> Question {
        Question::query(Name::from_ascii("peers.test.").unwrap(), RecordType::A)
    }

    fn a(last: u8) -> Record {
        let ip = IpAddr::from([10, 0, 0, last]);
        Record::from_rdata(question().name, 30, RData::from(ip))
    }

    fn message() -> Message {
        let mut message = Message::response(7, OpCode::Query);
        message.add_query(question());
        message
    }

    /// The bytes of a message, in which the address that ends in `last` has no length.
    fn spoiled(message: &Message, last: u8) -> Vec<u8> {
        let mut bytes = message.to_vec().unwrap();
        let at = bytes.windows(6).position(|w| w == [0, 4, 10, 0, 0, last]).unwrap();
        // Too short for an address, and what is left of it is the rest of its name and type.
        bytes.splice(at..at + 6, [0, 1, 10]);
        bytes
    }

    fn reply(bytes: &[u8]) -> Option<Message> {
        reply_to(&question(), 7, bytes)
    }

    #[test]
    fn a_header_alone_is_a_reply() {
        for count in [0, 1] {
            let mut bare = Message::response(7, OpCode::Query);
            bare.metadata.response_code = ResponseCode::Refused;
            let mut bytes = bare.to_vec().unwrap();
            bytes[5] = count;
            let reply = reply(&bytes).unwrap();
            assert_eq!(reply.metadata.response_code, ResponseCode::Refused);
            assert!(reply.queries.is_empty());
            assert!(self::reply(&bytes[..HEADER - 1]).is_none());
        }
    }

    #[test]
    fn what_is_not_the_reply_is_passed_over() {
        let whole = message();
        assert!(reply(&whole.to_vec().unwrap()).is_some());
        assert!(reply_to(&question(), 8, &whole.to_vec().unwrap()).is_none(), "another id");
        let mut query = whole.clone();
        query.metadata.message_type = MessageType::Query;
        assert!(reply(&query.to_vec().unwrap()).is_none());
        let mut other = whole;
        other.queries[0].query_type = RecordType::AAAA;
        assert!(reply(&other.to_vec().unwrap()).is_none());
    }

    #[test]
    fn a_malformed_record_is_lost_and_no_other() {
        let mut message = message();
        message.add_answers([a(1), a(2)]);
        message.add_additionals([a(3), a(4)]);
        let read = reply(&spoiled(&message, 3)).unwrap();
        assert_eq!((read.answers, read.additionals), (vec![a(1), a(2)], vec![a(4)]));
        assert!(!read.metadata.truncation, "the answers are whole");
        let read = reply(&spoiled(&message, 1)).unwrap();
        assert_eq!((read.answers, read.additionals), (vec![a(2)], vec![a(3), a(4)]));
        assert!(read.metadata.truncation);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(
            changes in proptest::collection::vec((12usize..200, proptest::num::u8::ANY), 0..9),
            length in 0usize..200,
        ) {
            let mut message = message();
            message.add_answers([a(1), a(2)]);
            message.add_authority(a(3));
            message.add_additionals([a(4), a(5)]);
            let mut bytes = message.to_vec().unwrap();
            for (at, byte) in changes {
                if let Some(changed) = bytes.get_mut(at) {
                    *changed = byte;
                }
            }
            bytes.truncate(length.max(HEADER));
            if let Some(reply) = reply(&bytes) {
                let is_whole = reply.answers.len() == 2;
                assert!(is_whole || reply.metadata.truncation || reply.queries.is_empty());
            }
        }
    }

    #[test]
    fn what_is_cut_off_is_missing() {
        let mut message = message();
        message.add_answers([a(1), a(2)]);
        let bytes = message.to_vec().unwrap();
        let read = reply(&bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(read.answers, [a(1)]);
        assert!(read.metadata.truncation);
    }

    #[test]
    fn without_an_answer_a_malformed_authority_leaves_open_whether_there_is_one() {
        let mut message = message();
        message.add_authority(a(1));
        assert!(reply(&spoiled(&message, 1)).unwrap().metadata.truncation);
        message.add_answer(a(2));
        assert!(!reply(&spoiled(&message, 1)).unwrap().metadata.truncation);
    }
}
