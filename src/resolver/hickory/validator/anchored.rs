//! Keys that a trust anchor below the root vouches for.
//!
//! hickory-net accepts the keys of such a zone only if each of them is an anchor, or a DS record above
//! the zone vouches for them. A zone usually has a key that signs its keys, which is the anchor, and
//! others that sign its records (RFC 4035 section 5.3, RFC 6781 section 3.1).

use hickory_proto::{
    dnssec::{
        PublicKeyBuf, TrustAnchors, Verifier,
        rdata::{DNSKEY, DNSSECRData, RRSIG},
    },
    op::Message,
    rr::{DNSClass, Name, RData, Record, RecordType, SerialNumber},
};

use super::prune::signature;

/// The keys in a pruned reply to the question for the keys of `zone`, if one of them is an anchor
/// and has signed them all.
pub(super) fn vouched(
    anchors: &TrustAnchors,
    zone: &Name,
    reply: &Message,
    now: SerialNumber,
) -> Vec<PublicKeyBuf> {
    let keys = Vec::from_iter(reply.answers.iter().filter(|record| key(record).is_some()));
    let is_anchor = |key: &&DNSKEY| {
        key.zone_key()
            && !key.revoke()
            && anchors.contains_with_name(key.public_key(), &zone.into())
    };
    let anchored = Vec::from_iter(keys.iter().copied().filter_map(key).filter(is_anchor));
    let signatures = Vec::from_iter(reply.answers.iter().filter_map(signature));
    let is_signed = anchored.iter().any(|anchor| {
        signatures.iter().any(|signature| {
            is_by(anchor, zone, signature)
                && is_valid_at(signature, now)
                && anchor.verify_rrsig(zone, DNSClass::IN, signature, keys.iter().copied()).is_ok()
        })
    });
    if !is_signed {
        return Vec::new();
    }
    keys.into_iter().filter_map(key).map(|key| key.public_key().clone()).collect()
}

/// Whether a signature is within its time, in serial number arithmetic (RFC 4034 section 3.1.5).
pub(super) fn is_valid_at(signature: &RRSIG, now: SerialNumber) -> bool {
    let input = signature.input();
    input.sig_inception <= now && now <= input.sig_expiration
}

fn is_by(key: &DNSKEY, zone: &Name, signature: &RRSIG) -> bool {
    let input = signature.input();
    input.signer_name == *zone
        && input.type_covered == RecordType::DNSKEY
        && input.num_labels == zone.num_labels()
        && input.algorithm == key.algorithm()
        && key.calculate_key_tag().is_ok_and(|tag| tag == input.key_tag)
}

fn key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::{
        dnssec::{Algorithm, SigningKey, TBS, crypto::EcdsaSigningKey, rdata::SigInput},
        op::OpCode,
    };

    use super::*;

    const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;

    fn zone() -> Name {
        Name::from_ascii("members.test.").unwrap()
    }

    fn new_key() -> EcdsaSigningKey {
        let key = EcdsaSigningKey::generate_pkcs8(ALGORITHM).unwrap();
        EcdsaSigningKey::from_pkcs8(&key, ALGORITHM).unwrap()
    }

    fn public(key: &EcdsaSigningKey) -> PublicKeyBuf {
        key.to_public_key().unwrap()
    }

    /// These keys of the zone, signed by one key from 100 to 200.
    fn reply(keys: &[&EcdsaSigningKey], by: &EcdsaSigningKey) -> Message {
        let record = |data| Record::from_rdata(zone(), 30, RData::DNSSEC(data));
        let dnskey = |key: &EcdsaSigningKey| DNSKEY::from_key(&public(key));
        let keys: Vec<_> = keys.iter().map(|k| record(DNSSECRData::DNSKEY(dnskey(k)))).collect();
        let input = SigInput {
            type_covered: RecordType::DNSKEY,
            algorithm: ALGORITHM,
            num_labels: zone().num_labels(),
            original_ttl: 30,
            sig_expiration: SerialNumber::new(200),
            sig_inception: SerialNumber::new(100),
            key_tag: dnskey(by).calculate_key_tag().unwrap(),
            signer_name: zone(),
        };
        let tbs = TBS::from_input(&zone(), DNSClass::IN, &input, keys.iter()).unwrap();
        let signature = RRSIG::from_sig(input, by.sign(&tbs).unwrap());
        let mut reply = Message::response(1, OpCode::Query);
        reply.answers = [keys, vec![record(DNSSECRData::RRSIG(signature))]].concat();
        reply
    }

    fn vouched_at(now: u32, anchor: &EcdsaSigningKey, reply: &Message) -> Vec<PublicKeyBuf> {
        let mut anchors = TrustAnchors::empty();
        anchors.insert_with_name(&public(anchor), (&zone()).into());
        vouched(&anchors, &zone(), reply, SerialNumber::new(now))
    }

    #[test]
    fn an_anchor_vouches_for_the_keys_that_it_has_signed() {
        let (anchor, key) = (new_key(), new_key());
        let keys = vouched_at(150, &anchor, &reply(&[&anchor, &key], &anchor));
        assert_eq!(keys, [public(&anchor), public(&key)]);
    }

    #[test]
    fn a_signature_out_of_its_time_vouches_for_nothing() {
        let anchor = new_key();
        let signed = reply(&[&anchor], &anchor);
        for (now, is_valid) in [(99, false), (100, true), (200, true), (201, false)] {
            assert_eq!(!vouched_at(now, &anchor, &signed).is_empty(), is_valid, "{now}");
        }
    }

    #[test]
    fn only_an_anchor_that_has_signed_all_keys_vouches_for_them() {
        let (anchor, key) = (new_key(), new_key());
        assert_eq!(vouched_at(150, &anchor, &reply(&[&anchor, &key], &key)), [], "another signed");
        assert_eq!(vouched_at(150, &anchor, &reply(&[&key], &anchor)), [], "the anchor is not one");
        let mut more = reply(&[&anchor], &anchor);
        more.answers.extend(reply(&[&key], &key).answers.into_iter().take(1));
        assert_eq!(vouched_at(150, &anchor, &more), [], "a key was added");
    }
}
