//! How well a pruned reply is proved.

use data_encoding::BASE32_DNSSEC;
use hickory_proto::{
    dnssec::{
        self,
        rdata::{DNSSECRData, NSEC3},
    },
    op::{DnsResponse, Message},
    rr::{Name, RData, Record},
};

use super::{
    prune::{is_expanded, signature},
    wildcard::{is_closest, is_told_by_nsec},
};
use crate::resolver::proof::Proof;

/// How well a pruned reply to a question for a name is proved, with what hickory-net said of its NSEC and
/// NSEC3 records; `None` if it is bogus.
pub(super) fn of(name: &Name, message: &Message, denial: dnssec::Proof) -> Option<Proof> {
    let mut records = message.answers.iter().filter(|r| signature(r).is_none()).peekable();
    if records.peek().is_none() {
        let denial = known(denial)?;
        return Proof::weaker(Some(of_denial(name, message)), Some(denial));
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
        false => denies(message).then(|| of_denial(name, message)),
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
fn of_denial(name: &Name, message: &Message) -> Proof {
    // RFC 5155 section 9.2: what such a record covers may be there, unsigned. It covers the name, or a part
    // of it, unless a record says which types the name itself has.
    let opts_out = secure(message).filter_map(nsec3).any(|(_, nsec3)| nsec3.opt_out());
    let is_about_name =
        || secure(message).filter_map(nsec3).any(|(at, nsec3)| is_of(nsec3, at, name));
    match denies(message) && (!opts_out || is_about_name()) {
        true => Proof::Secure,
        false => Proof::Insecure,
    }
}

/// Whether a record is the one of this name: the hash of the name is the first label of its owner
/// (RFC 5155 section 3).
fn is_of(nsec3: &NSEC3, owner: &Name, name: &Name) -> bool {
    // hickory-net proves nothing by records of more (RFC 9276 section 3.2).
    const MOST_ITERATIONS: u16 = 500;
    let (salt, iterations) = (nsec3.salt(), nsec3.iterations());
    let Some(label) = owner.iter().next().filter(|_| iterations <= MOST_ITERATIONS) else {
        return false;
    };
    let hash = nsec3.hash_algorithm().hash(salt, name, iterations);
    hash.is_ok_and(|hash| {
        BASE32_DNSSEC.encode(hash.as_ref()).as_bytes().eq_ignore_ascii_case(label)
    })
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

/// An NSEC3 record, and its owner.
fn nsec3(record: &Record) -> Option<(&Name, &NSEC3)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => Some((&record.name, nsec3)),
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
            a, name, nsec, nsec3, nx_domain, proved, reply, response, rrsig, rrsig_of_wildcard,
            secure,
        },
        *,
    };

    #[test]
    fn an_answer_is_proved_as_its_weakest_record() {
        let of = |proofs: &[Found]| {
            let answers = proofs.iter().map(|proof| proved(a("x.test."), *proof)).collect();
            super::of(&name("x.test."), &reply(answers, vec![]), Found::Secure)
        };
        assert_eq!(of(&[Found::Secure, Found::Secure]), Some(Proof::Secure));
        assert_eq!(of(&[Found::Secure, Found::Insecure]), Some(Proof::Insecure));
        assert_eq!(of(&[Found::Insecure, Found::Indeterminate]), Some(Proof::Indeterminate));
        assert_eq!(of(&[Found::Secure, Found::Bogus]), None);
    }

    #[test]
    fn a_denial_is_secure_where_a_secure_record_denies() {
        let x = name("x.test.");
        let of = |authorities| super::of(&x, &nx_domain(authorities), Found::Secure);
        assert_eq!(of(secure([nsec("a.test.", "z.test.")])), Some(Proof::Secure));
        assert_eq!(of(vec![nsec("a.test.", "z.test.")]), Some(Proof::Insecure));
        assert_eq!(of(secure([nsec3("h.test.", false)])), Some(Proof::Secure));
        assert_eq!(of(secure([nsec3("h.test.", true)])), Some(Proof::Insecure), "opt-out");
    }

    /// Of a name that a wildcard stands for, an opt-out record may cover the next closer name (RFC 5155
    /// section 9.2). Fails on the code that took "no data" to be about the name itself always.
    #[test]
    fn no_data_behind_opt_out_is_secure_where_a_record_is_of_the_name() {
        // As `nsec3hash - 1 0 x.test`.
        const HASH_OF_X: &str = "K57OTID4ESE333VOR838A963AJU558T3";
        let x = name("x.test.");
        let of = |owner: &str, opt_out, found| {
            super::of(&x, &reply(vec![], secure([nsec3(owner, opt_out)])), found)
        };
        for owner in [format!("{HASH_OF_X}.test."), format!("{}.test.", HASH_OF_X.to_lowercase())] {
            assert_eq!(of(&owner, true, Found::Secure), Some(Proof::Secure));
            assert_eq!(of(&owner, true, Found::Bogus), None);
        }
        assert_eq!(of("h.test.", true, Found::Secure), Some(Proof::Insecure));
        assert_eq!(of("h.test.", false, Found::Secure), Some(Proof::Secure));
    }

    #[test]
    fn a_wildcard_needs_a_denial_of_what_is_closer() {
        let of = |authorities: Vec<Record>, denial| {
            let answers = [a("x.test."), rrsig_of_wildcard("x.test.", RecordType::A, "test.", 1)];
            super::of(&name("x.test."), &reply(secure(answers), authorities), denial)
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
