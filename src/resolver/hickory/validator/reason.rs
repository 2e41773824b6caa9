//! Why a reply proves nothing, in words: hickory-net says only that it is bogus.

use hickory_proto::{
    dnssec::rdata::RRSIG,
    op::{Message, Query as Question, ResponseCode},
    rr::{Name, Record, SerialNumber},
};

use super::{anchored::is_valid_at, prune::signature};
use crate::resolver::error::LookupError;

/// Who signed the pruned reply.
pub(super) fn signer(message: &Message) -> Option<&Name> {
    signatures(message).next().map(|signature| &signature.input().signer_name)
}

/// What is wrong with a pruned reply. `trusted` says whether there is a chain of trust to the keys
/// of its signer.
pub(super) fn of(
    question: &Question,
    message: &Message,
    trusted: bool,
    now: SerialNumber,
) -> String {
    let what = what(question, message);
    let Some(first) = signatures(message).next() else {
        return format!("{what} is not signed, and nothing proves that the zone is unsigned");
    };
    let signer = &first.input().signer_name;
    if !signatures(message).any(|signature| is_valid_at(signature, now)) {
        match now < first.input().sig_inception {
            true => format!("the signature of {what} is not valid yet"),
            false => format!("the signature of {what} has expired"),
        }
    } else if !trusted {
        format!("no trust anchor vouches for the keys of {signer}, which signed {what}")
    } else if message.answers.is_empty() {
        format!("{what} is not what the signed records say")
    } else {
        format!("{what} is not what {signer} signed")
    }
}

/// The reply is not all there is, and a signature covers all.
pub(super) fn cut(question: &Question) -> LookupError {
    let Question { name, query_type, .. } = question;
    let reason = format!("the reply about {name} {query_type} was cut, and a part proves nothing");
    LookupError::ServerFailed(reason.into())
}

fn what(question: &Question, message: &Message) -> String {
    let Question { name, query_type, .. } = question;
    let is_record = |record: &&Record| signature(record).is_none();
    match message.answers.iter().find(is_record) {
        Some(record) => format!("{name} {}", record.record_type()),
        None if message.metadata.response_code == ResponseCode::NXDomain => {
            format!("the denial of {name}")
        }
        None => format!("the denial of {name} {query_type}"),
    }
}

fn signatures(message: &Message) -> impl Iterator<Item = &RRSIG> {
    let section = match message.answers.is_empty() {
        true => &message.authorities,
        false => &message.answers,
    };
    section.iter().filter_map(signature)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::{
        super::made::{a, name, nsec, nx_domain, question, reply, rrsig},
        *,
    };

    fn said(message: &Message, trusted: bool, now: u32) -> String {
        of(&question("x.test.", RecordType::A), message, trusted, SerialNumber::new(now))
    }

    #[test]
    fn what_is_wrong_is_said_of_an_answer() {
        let signed = reply(vec![a("x.test."), rrsig("x.test.", RecordType::A, "test.")], vec![]);
        assert_eq!(signer(&signed), Some(&name("test.")));
        for (trusted, now, reason) in [
            (true, 99, "the signature of x.test. A is not valid yet"),
            (true, 201, "the signature of x.test. A has expired"),
            (false, 150, "no trust anchor vouches for the keys of test., which signed x.test. A"),
            (true, 150, "x.test. A is not what test. signed"),
        ] {
            assert_eq!(said(&signed, trusted, now), reason);
        }
        let unsigned = reply(vec![a("x.test.")], vec![]);
        assert!(said(&unsigned, true, 150).starts_with("x.test. A is not signed"));
    }

    #[test]
    fn what_is_wrong_is_said_of_a_denial() {
        let denial = vec![nsec("a.test.", "z.test."), rrsig("a.test.", RecordType::NSEC, "test.")];
        let reason = said(&nx_domain(denial.clone()), true, 150);
        assert_eq!(reason, "the denial of x.test. is not what the signed records say");
        let reason = said(&reply(vec![], denial), true, 150);
        assert_eq!(reason, "the denial of x.test. A is not what the signed records say");
    }

    #[test]
    fn a_reply_that_was_cut_is_a_failure_of_the_server() {
        let error = cut(&question("x.test.", RecordType::A));
        assert!(matches!(error, LookupError::ServerFailed(_)));
        assert!(error.to_string().contains("about x.test. A was cut"), "{error}");
    }
}
