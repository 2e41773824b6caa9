//! How well a pruned reply is proved.

use hickory_proto::{
    dnssec::{
        self,
        rdata::{DNSSECRData, NSEC3},
    },
    op::{DnsResponse, Message, ResponseCode},
    rr::{RData, Record},
};

use super::{
    prune::{is_expanded, signature},
    wildcard::{is_closest, is_told_by_nsec},
};
use crate::resolver::proof::Proof;

/// How well a pruned reply is proved, with what hickory-net said of its NSEC and NSEC3 records; `None`
/// if it is bogus.
pub(super) fn of(message: &Message, denial: dnssec::Proof) -> Option<Proof> {
    let mut records = message.answers.iter().filter(|r| signature(r).is_none()).peekable();
    if records.peek().is_none() {
        return Proof::weaker(Some(of_denial(message)), known(denial));
    }
    let is_nsec_wildcard = is_expanded(&message.answers) && is_told_by_nsec(message);
    let denial = if is_nsec_wildcard { Some(Proof::Secure) } else { known(denial) };
    let proof = records.map(|record| known(record.proof)).fold(denial, Proof::weaker);
    if proof != Some(Proof::Secure) || !is_expanded(&message.answers) {
        return proof;
    }
    // RFC 4035 section 5.3.4: a wildcard stands for a name only where there is nothing closer.
    match is_nsec_wildcard {
        true => is_closest(message).then_some(Proof::Secure),
        false => denies(message).then(|| of_denial(message)),
    }
}

/// Without the records that are proved less than the reply.
pub(super) fn strip(mut reply: DnsResponse, proof: Proof) -> DnsResponse {
    if proof == Proof::Secure {
        let message = &mut *reply;
        for section in [&mut message.answers, &mut message.authorities, &mut message.additionals] {
            section.retain(|record| record.proof.is_secure());
        }
    }
    reply
}

/// hickory-net takes a denial without a secure proof only where it has found the zone insecure.
fn of_denial(message: &Message) -> Proof {
    let nx_domain = message.metadata.response_code == ResponseCode::NXDomain;
    // RFC 5155 section 9.2: below such a record there may be unsigned names.
    let opts_out = secure(message).filter_map(nsec3).any(NSEC3::opt_out);
    let is_about_others = nx_domain || !message.answers.is_empty();
    match denies(message) && !(is_about_others && opts_out) {
        true => Proof::Secure,
        false => Proof::Insecure,
    }
}

fn denies(message: &Message) -> bool {
    let is_denial = |record: &Record| {
        matches!(record.data, RData::DNSSEC(DNSSECRData::NSEC(_) | DNSSECRData::NSEC3(_)))
    };
    secure(message).any(is_denial)
}

fn secure(message: &Message) -> impl Iterator<Item = &Record> {
    message.authorities.iter().filter(|record| record.proof.is_secure())
}

fn nsec3(record: &Record) -> Option<&NSEC3> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => Some(nsec3),
        _ => None,
    }
}

fn known(proof: dnssec::Proof) -> Option<Proof> {
    match proof {
        dnssec::Proof::Secure => Some(Proof::Secure),
        dnssec::Proof::Insecure => Some(Proof::Insecure),
        dnssec::Proof::Indeterminate => Some(Proof::Indeterminate),
        dnssec::Proof::Bogus => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{dnssec::Proof as Found, rr::RecordType};

    use super::{
        super::made::{
            a, nsec, nsec3, nx_domain, proved, reply, response, rrsig, rrsig_of_wildcard, secure,
        },
        *,
    };

    #[test]
    fn an_answer_is_proved_as_its_weakest_record() {
        let of = |proofs: &[Found]| {
            let answers = proofs.iter().map(|proof| proved(a("x.test."), *proof)).collect();
            super::of(&reply(answers, vec![]), Found::Secure)
        };
        assert_eq!(of(&[Found::Secure, Found::Secure]), Some(Proof::Secure));
        assert_eq!(of(&[Found::Secure, Found::Insecure]), Some(Proof::Insecure));
        assert_eq!(of(&[Found::Insecure, Found::Indeterminate]), Some(Proof::Indeterminate));
        assert_eq!(of(&[Found::Secure, Found::Bogus]), None);
    }

    #[test]
    fn a_denial_is_secure_where_a_secure_record_denies() {
        let of = |authorities| super::of(&nx_domain(authorities), Found::Secure);
        assert_eq!(of(secure([nsec("a.test.", "z.test.")])), Some(Proof::Secure));
        assert_eq!(of(vec![nsec("a.test.", "z.test.")]), Some(Proof::Insecure));
        assert_eq!(of(secure([nsec3("h.test.", false)])), Some(Proof::Secure));
        assert_eq!(of(secure([nsec3("h.test.", true)])), Some(Proof::Insecure), "opt-out");
        let no_data = reply(vec![], secure([nsec3("h.test.", true)]));
        assert_eq!(super::of(&no_data, Found::Secure), Some(Proof::Secure), "the name is signed");
        assert_eq!(super::of(&no_data, Found::Bogus), None);
    }

    #[test]
    fn a_wildcard_needs_a_denial_of_what_is_closer() {
        let of = |authorities: Vec<Record>, denial| {
            let answers = [a("x.test."), rrsig_of_wildcard("x.test.", RecordType::A, "test.", 1)];
            super::of(&reply(secure(answers), authorities), denial)
        };
        let denies =
            |owner: &str| secure([nsec(owner, "z.test."), rrsig(owner, RecordType::NSEC, "test.")]);
        assert_eq!(of(denies("m.test."), Found::Bogus), Some(Proof::Secure), "hickory-net errs");
        assert_eq!(of(denies("y.test."), Found::Secure), None);
        assert_eq!(of(vec![], Found::Secure), None);
        assert_eq!(of(secure([nsec3("h.test.", false)]), Found::Secure), Some(Proof::Secure));
        assert_eq!(of(secure([nsec3("h.test.", true)]), Found::Secure), Some(Proof::Insecure));
    }

    #[test]
    fn a_secure_reply_is_left_without_what_is_proved_less() {
        let mut message = reply(secure([a("x.test.")]), vec![nsec("a.test.", "z.test.")]);
        message.additionals = [secure([a("h.test.")]), vec![a("i.test.")]].concat();
        let stripped = strip(response(message.clone()), Proof::Secure);
        assert_eq!(stripped.answers, message.answers);
        assert_eq!(stripped.authorities, []);
        assert_eq!(stripped.additionals, message.additionals[..1]);
        let left = strip(response(message.clone()), Proof::Insecure);
        assert_eq!(left.additionals, message.additionals);
    }
}
