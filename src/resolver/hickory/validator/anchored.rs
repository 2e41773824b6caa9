//! Keys that a trust anchor below the root vouches for.
//!
//! hickory-net takes the keys of such a zone only if each of them is an anchor, or a DS record above
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
