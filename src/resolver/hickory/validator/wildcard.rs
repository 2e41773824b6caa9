//! The proof that a wildcard may stand for a name, by NSEC records.
//!
//! hickory-net 0.26 looks for a proof about another name: it refuses wildcards one label above the
//! name, and accepts some that are further away although there is a closer name. hickory-net still
//! judges the signatures.

use hickory_proto::{
    dnssec::rdata::{DNSSECRData, NSEC},
    op::Message,
    rr::{Name, RData, Record, RecordType},
};

use super::prune::signature;

/// Whether NSEC records, and nothing else, say what there is besides the wildcard.
pub(super) fn is_told_by_nsec(message: &Message) -> bool {
    let is_nsec3 = |r: &Record| matches!(r.data, RData::DNSSEC(DNSSECRData::NSEC3(_)));
    nsecs(message).next().is_some() && !message.authorities.iter().any(is_nsec3)
}

/// Whether, for each set that came from a wildcard, a secure NSEC record of the same zone denies the
/// name one label below where the wildcard is (RFC 4035 section 5.3.4, RFC 4592 section 3.3.1).
pub(super) fn is_closest(message: &Message) -> bool {
    let expanded = message.answers.iter().filter_map(|record| {
        let input = signature(record)?.input();
        let closer = usize::from(input.num_labels) + 1;
        let is_expanded = closer <= usize::from(record.name.num_labels());
        is_expanded.then(|| (record.name.trim_to(closer), &input.signer_name))
    });
    expanded.into_iter().all(|(closer, zone)| {
        nsecs(message)
            .any(|(owner, nsec)| covers(owner, nsec, &closer) && is_signed_by(message, owner, zone))
    })
}

fn covers(owner: &Name, nsec: &NSEC, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    let is_last = next <= owner && next.zone_of(name);
    let is_between = owner < name && (name < next || is_last);
    // RFC 6840 section 4.1: a zone knows nothing of what is below a delegation.
    let knows_nothing = nsec.is_ancestor_delegation() && owner.zone_of(name);
    // A name with others below it exists (RFC 8020).
    is_between && !knows_nothing && !name.zone_of(next)
}

fn is_signed_by(message: &Message, owner: &Name, zone: &Name) -> bool {
    message.authorities.iter().any(|record| {
        let signs = |input: &hickory_proto::dnssec::rdata::SigInput| {
            input.type_covered == RecordType::NSEC && input.signer_name == *zone
        };
        record.name == *owner
            && record.proof.is_secure()
            && signature(record).is_some_and(|signature| signs(signature.input()))
    })
}

fn nsecs(message: &Message) -> impl Iterator<Item = (&Name, &NSEC)> {
    message.authorities.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(nsec)) if record.proof.is_secure() => {
            Some((&record.name, nsec))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::made::{a, name, nsec, nsec3, reply, rrsig, rrsig_of_wildcard, secure},
        *,
    };

    /// `x.y.test.`, from `*.test.`, with what NSEC records deny.
    fn expanded(denials: &[(&str, &str)]) -> Message {
        let answers = [a("x.y.test."), rrsig_of_wildcard("x.y.test.", RecordType::A, "test.", 1)];
        let denials = denials
            .iter()
            .flat_map(|(owner, next)| [nsec(owner, next), rrsig(owner, RecordType::NSEC, "test.")]);
        reply(secure(answers), secure(denials))
    }

    #[test]
    fn a_wildcard_is_the_closest_where_the_name_below_it_is_denied() {
        assert!(is_closest(&expanded(&[("m.test.", "z.test.")])));
        assert!(!is_closest(&expanded(&[])));
        assert!(!is_closest(&expanded(&[("a.test.", "m.test.")])), "another name is denied");
        assert!(!is_closest(&expanded(&[("x.y.test.", "z.test.")])), "y.test. is not denied");
        assert!(!is_closest(&expanded(&[("m.test.", "b.y.test.")])), "y.test. has names below it");
    }

    #[test]
    fn the_last_record_of_a_zone_covers_all_that_follows_it() {
        assert!(is_closest(&expanded(&[("m.test.", "test.")])));
        assert!(!is_closest(&expanded(&[("m.test.", "a.else.")])), "the end of another zone");
    }

    #[test]
    fn what_another_zone_or_nobody_signed_denies_nothing() {
        let mut message = expanded(&[("m.test.", "z.test.")]);
        message.authorities[1] = secure([rrsig("m.test.", RecordType::NSEC, "else.")]).remove(0);
        assert!(!is_closest(&message));
        let mut message = expanded(&[("m.test.", "z.test.")]);
        message.authorities[0].proof = hickory_proto::dnssec::Proof::Insecure;
        assert!(!is_closest(&message));
    }

    #[test]
    fn a_delegation_knows_nothing_of_what_is_below_it() {
        let (owner, below) = (name("y.test."), name("x.y.test."));
        let delegation = NSEC::new(name("z.test."), [RecordType::NS]);
        assert!(!covers(&owner, &delegation, &below));
        let apex = NSEC::new(name("z.test."), [RecordType::NS, RecordType::SOA]);
        assert!(covers(&owner, &apex, &below));
    }

    #[test]
    fn nsec3_records_are_not_looked_at_here() {
        let mut message = expanded(&[("m.test.", "z.test.")]);
        assert!(is_told_by_nsec(&message));
        message.authorities.extend(secure([nsec3("h.test.", false)]));
        assert!(!is_told_by_nsec(&message));
        assert!(!is_told_by_nsec(&expanded(&[])));
    }
}
