//! The part of a reply that is worth proving.
//!
//! A reply may hold anything. hickory-net proves all of it, at the cost of further questions, and a record
//! that it cannot prove counts against the rest. So only the records that belong to the question are
//! kept.

use std::collections::{HashMap, HashSet};

use hickory_proto::{
    dnssec::rdata::{DNSSECRData, RRSIG},
    op::{Message, Query as Question, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};

use crate::resolver::hickory::reply::{glue_targets, is_in};

/// How many signatures of one set are looked at. Two keys in each of two algorithms, all being
/// rolled over, make eight.
const MAX_SIGNATURES: usize = 8;
/// How many sets of NSEC or NSEC3 records are looked at. A denial takes three (RFC 5155 section 7.2).
const MAX_DENIALS: usize = 6;

/// The name and the type of a set of records; that of a signature is the set's that it covers.
type Set = (Name, RecordType);

/// The signature, if the record is one.
pub(super) fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

/// Whether a set of these records and signatures came from a wildcard (RFC 4035 section 5.3.4).
pub(super) fn is_expanded(answers: &[Record]) -> bool {
    let expanded = |record: &Record| {
        signature(record).is_some_and(|s| s.input().num_labels < record.name.num_labels())
    };
    answers.iter().any(expanded)
}

/// Keeps only these records of a reply: those of the name and the type asked for, or the alias there; the
/// NSEC and NSEC3 records that deny them, or that deny a closer match than the wildcard that they come from;
/// and additional addresses that the signers of the answer have signed.
pub(super) fn prune(question: &Question, mut reply: Message) -> Message {
    if question.query_type == RecordType::NS {
        // Not proved: it only tells where a zone may begin.
        return reply;
    }
    let asked = |(name, record_type): &Set| {
        *name == question.name
            && (*record_type == question.query_type || may_be_alias(question, *record_type))
    };
    reply.answers = signed_sets(reply.answers, asked, |_| true);
    let denial = reply.answers.is_empty();
    if !denial {
        // The code is about the end of the chain of aliases, which is asked for by itself.
        reply.metadata.response_code = ResponseCode::NoError;
    }
    reply.authorities = match denial || is_expanded(&reply.answers) {
        true => denials(question, reply.authorities),
        false => Vec::new(),
    };
    reply.additionals = glue(&reply.answers, reply.additionals);
    reply
}

/// An alias of a zone's apex, where keys and delegations are, is none.
fn may_be_alias(question: &Question, record_type: RecordType) -> bool {
    let at_apex = matches!(question.query_type, RecordType::DNSKEY | RecordType::DS);
    record_type == RecordType::CNAME && !at_apex
}

/// One SOA record above the name, and the NSEC and NSEC3 records that a zone above the name signed:
/// others would prove, or be excused from proving, something about another zone.
fn denials(question: &Question, authorities: Vec<Record>) -> Vec<Record> {
    let above = |name: &Name| name.zone_of(&question.name);
    let signed_above = |record: &Record| {
        signature(record).is_none_or(|signature| above(&signature.input().signer_name))
    };
    let soa = authorities
        .iter()
        .find(|record| record.record_type() == RecordType::SOA && above(&record.name));
    let soa = soa.map(|record| record.name.clone());
    let mut signed = HashSet::new();
    for record in authorities.iter().filter(|record| signature(record).is_some()) {
        if signed_above(record) && is_denial(set(record).1) && signed.len() < MAX_DENIALS {
            signed.insert(set(record));
        }
    }
    let wanted = |found: &Set| {
        signed.contains(found) || (found.1 == RecordType::SOA && Some(&found.0) == soa.as_ref())
    };
    signed_sets(authorities, wanted, signed_above)
}

/// The addresses of targets, if the signer of the answer signed them, too: to prove these takes no further
/// question. Glue without a signature is not proved.
fn glue(answers: &[Record], additionals: Vec<Record>) -> Vec<Record> {
    let signers: HashSet<_> = answers.iter().filter_map(signer).cloned().collect();
    let is_signed = |record: &Record| signer(record).is_some_and(|name| signers.contains(name));
    let signed: HashSet<_> = additionals.iter().filter(|r| is_signed(r)).map(set).collect();
    let targets: HashSet<_> = glue_targets(answers).cloned().collect();
    let wanted =
        |found: &Set| found.1.is_ip_addr() && targets.contains(&found.0) && signed.contains(found);
    signed_sets(additionals, wanted, |r| signature(r).is_none() || is_signed(r))
}

/// The records and the signatures of the wanted sets.
fn signed_sets(
    records: Vec<Record>,
    wanted: impl Fn(&Set) -> bool,
    good: impl Fn(&Record) -> bool,
) -> Vec<Record> {
    let mut signatures = HashMap::<Set, usize>::new();
    let keep = |record: &Record| {
        let found = set(record);
        if !is_in(record) || !wanted(&found) || !good(record) {
            return false;
        }
        if signature(record).is_none() {
            return true;
        }
        let count = signatures.entry(found).or_default();
        *count += 1;
        *count <= MAX_SIGNATURES
    };
    let mut records = records;
    records.retain(keep);
    records
}

fn set(record: &Record) -> Set {
    let covered = signature(record).map(|signature| signature.input().type_covered);
    (record.name.clone(), covered.unwrap_or_else(|| record.record_type()))
}

fn signer(record: &Record) -> Option<&Name> {
    signature(record).map(|signature| &signature.input().signer_name)
}

fn is_denial(record_type: RecordType) -> bool {
    matches!(record_type, RecordType::NSEC | RecordType::NSEC3)
}

#[cfg(test)]
mod tests {
    use super::{
        super::made::{
            a, cname, nsec, nx_domain, question, reply, rrsig, rrsig_of_wildcard, soa, srv,
        },
        *,
    };

    #[test]
    fn of_an_answer_the_set_and_its_signatures_are_left() {
        let (set, signature) = (a("x.test."), rrsig("x.test.", RecordType::A, "test."));
        let others =
            [a("y.test."), srv("x.test.", "y.test."), rrsig("y.test.", RecordType::A, "y.")];
        let answers = [vec![set.clone(), signature.clone()], others.into()].concat();
        let authorities = vec![nsec("a.test.", "z.test.")];
        let pruned = prune(&question("x.test.", RecordType::A), reply(answers, authorities));
        assert_eq!(pruned.answers, [set, signature]);
        assert_eq!(pruned.authorities, [], "nothing is denied");
    }

    #[test]
    fn an_alias_stands_for_what_was_asked_but_not_at_an_apex() {
        let alias = cname("x.test.", "y.test.");
        let pruned = |record_type| {
            let mut reply = reply(vec![alias.clone(), a("y.test.")], vec![]);
            reply.metadata.response_code = ResponseCode::NXDomain;
            prune(&question("x.test.", record_type), reply)
        };
        let reply = pruned(RecordType::A);
        assert_eq!(reply.answers, std::slice::from_ref(&alias));
        assert_eq!(reply.metadata.response_code, ResponseCode::NoError, "about the alias's end");
        assert_eq!(pruned(RecordType::DNSKEY).answers, []);
    }

    #[test]
    fn of_a_denial_what_a_zone_above_the_name_signed_is_left() {
        let ours =
            [soa("test."), nsec("a.test.", "z.test."), rrsig("a.test.", RecordType::NSEC, "test.")];
        let theirs =
            [soa("else."), nsec("a.else.", "z.else."), rrsig("a.else.", RecordType::NSEC, "else.")];
        let unsigned = nsec("b.test.", "c.test.");
        let authorities = [&theirs[..], &ours[..], &[unsigned, a("x.test.")]].concat();
        let pruned = prune(&question("x.test.", RecordType::A), nx_domain(authorities));
        assert_eq!(pruned.authorities, ours);
        assert_eq!(pruned.metadata.response_code, ResponseCode::NXDomain);
    }

    #[test]
    fn a_wildcard_keeps_what_denies_a_better_match() {
        let expanded = [a("x.test."), rrsig_of_wildcard("x.test.", RecordType::A, "test.", 1)];
        let denial = [nsec("a.test.", "z.test."), rrsig("a.test.", RecordType::NSEC, "test.")];
        assert!(is_expanded(&expanded));
        let reply = reply(expanded.into(), denial.clone().into());
        assert_eq!(prune(&question("x.test.", RecordType::A), reply).authorities, denial);
    }

    #[test]
    fn signatures_and_denials_have_a_bound() {
        let many = vec![rrsig("x.test.", RecordType::A, "test."); MAX_SIGNATURES + 1];
        let pruned = prune(&question("x.test.", RecordType::A), reply(many, vec![]));
        assert_eq!(pruned.answers.len(), MAX_SIGNATURES);
        let owners = (0..=MAX_DENIALS).map(|n| format!("a{n}.test."));
        let denials = owners
            .flat_map(|owner| [nsec(&owner, "z.test."), rrsig(&owner, RecordType::NSEC, "test.")]);
        let pruned = prune(&question("x.test.", RecordType::A), nx_domain(denials.collect()));
        assert_eq!(pruned.authorities.len(), 2 * MAX_DENIALS);
    }

    #[test]
    fn glue_is_left_where_the_signer_of_the_answer_signed_it() {
        let answers = vec![srv("s.test.", "h.test."), rrsig("s.test.", RecordType::SRV, "test.")];
        let signed = [a("h.test."), rrsig("h.test.", RecordType::A, "test.")];
        let additionals = |by: &str| {
            let mut reply = reply(answers.clone(), vec![]);
            reply.additionals =
                vec![a("h.test."), rrsig("h.test.", RecordType::A, by), a("i.test.")];
            prune(&question("s.test.", RecordType::SRV), reply).additionals
        };
        assert_eq!(additionals("test."), signed);
        assert_eq!(additionals("else."), []);
    }
}
