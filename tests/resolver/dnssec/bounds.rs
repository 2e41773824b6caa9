//! What a hostile zone can make a look-up cost.

use std::time::{Duration, Instant};

use hickory_proto::{
    dnssec::{
        Algorithm, DigestType, PublicKeyBuf,
        rdata::{DNSKEY, DNSSECRData, DS, NSEC, RRSIG, SigInput},
    },
    op::ResponseCode,
    rr::{Name, RData, Record, RecordType, SerialNumber, rdata::SOA},
};
use libp2p_dns_discovery::{LookupError, Proof, hickory_proto};

use super::{
    answers::{PATIENT, ask, resolver, tree},
    server::{Forgery, Server},
    zones::{Denial, Key, address, name, now},
};

/// The bound that the documentation names.
const MAX_QUESTIONS: usize = 100;
/// What a server sends at once of keys, which all have one tag, and of digests.
const HEAP: u16 = 32;

/// A name of many labels.
fn deep(labels: usize) -> String {
    "a.".repeat(labels) + "test."
}

fn ancestors(owner: &Name) -> Vec<Name> {
    let labels = usize::from(owner.num_labels());
    (0..=labels).map(|count| owner.trim_to(count)).collect()
}

/// A signature that looks good until it is verified.
fn signature(owner: &Name, covered: RecordType, signer: &Name) -> Record {
    let input = SigInput {
        type_covered: covered,
        algorithm: Algorithm::ECDSAP256SHA256,
        num_labels: owner.num_labels(),
        original_ttl: 300,
        sig_expiration: SerialNumber::new(now() + 3600),
        sig_inception: SerialNumber::new(now() - 3600),
        key_tag: tag(),
        signer_name: signer.clone(),
    };
    let signature = RRSIG::from_sig(input, vec![1; 64]);
    Record::from_rdata(owner.clone(), 300, RData::DNSSEC(DNSSECRData::RRSIG(signature)))
}

fn keys(owner: &Name, count: u16) -> Vec<Record> {
    let key = |n: u16| {
        // The tag is a sum: it is the same whichever byte in an even place is the greater one.
        let mut bytes = vec![7; 64];
        bytes[usize::from(2 * n)] += 1;
        let key = PublicKeyBuf::new(bytes, Algorithm::ECDSAP256SHA256);
        let data = DNSSECRData::DNSKEY(DNSKEY::new(true, true, false, key));
        Record::from_rdata(owner.clone(), 300, RData::DNSSEC(data))
    };
    (0..count).map(key).collect()
}

/// The tag of all these keys.
fn tag() -> u16 {
    let [key] = &keys(&Name::root(), 1)[..] else { panic!("one") };
    let RData::DNSSEC(DNSSECRData::DNSKEY(key)) = &key.data else { panic!("a key") };
    key.calculate_key_tag().expect("a tag")
}

fn digests(owner: &Name, count: u16) -> Vec<Record> {
    let digest = |n: u16| {
        let ds = DS::new(
            tag(),
            Algorithm::ECDSAP256SHA256,
            DigestType::SHA256,
            vec![n.to_be_bytes()[1]; 32],
        );
        Record::from_rdata(owner.clone(), 300, RData::DNSSEC(DNSSECRData::DS(ds)))
    };
    (0..count).map(digest).collect()
}

/// All that can be said of a name, signed by every zone that could be above it.
fn heap(owner: &Name, record_type: RecordType) -> Forgery {
    let sets = match record_type {
        RecordType::DNSKEY => keys(owner, HEAP),
        RecordType::DS => digests(owner, HEAP),
        _ => vec![Record::from_rdata(owner.clone(), 300, address(1))],
    };
    let signed = |records: Vec<Record>| {
        let sets: Vec<_> = records.iter().map(|r| (r.name.clone(), r.record_type())).collect();
        let mut all = records;
        for (set, covered) in sets {
            for signer in ancestors(&set) {
                all.push(signature(&set, covered, &signer));
            }
        }
        all
    };
    let denials = ancestors(owner).into_iter().skip(1).flat_map(|zone| {
        let soa = SOA::new(zone.clone(), zone.clone(), 1, 1, 1, 1, 1);
        let nsec = NSEC::new(zone.clone(), [RecordType::NS]);
        [RData::SOA(soa), RData::DNSSEC(DNSSECRData::NSEC(nsec))]
            .map(|data| Record::from_rdata(zone.clone(), 300, data))
    });
    Forgery { answers: signed(sets), authorities: denials.collect(), ..Forgery::default() }
}

/// Asks for an address of a name, and says how many questions and how much time that took.
async fn cost(server: &Server, key: &Key, owner: &str) -> (LookupError, usize, Duration) {
    #[expect(clippy::disallowed_methods, reason = "a stop-watch")]
    let start = Instant::now();
    let outcome = ask(&resolver(server, key.anchors()), owner, RecordType::A).await;
    let error = outcome.expect_err("nothing of this is proved");
    (error, server.asked().len(), start.elapsed())
}

fn assert_bounded((error, questions, took): (LookupError, usize, Duration)) {
    eprintln!("{questions} questions, {took:?}: {error}");
    assert!(matches!(error, LookupError::Bogus(_)), "{error:?}");
    assert!(questions <= MAX_QUESTIONS, "{questions}");
    assert!(took < PATIENT, "{took:?}");
}

#[tokio::test]
async fn a_good_name_takes_two_questions_for_each_zone() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let answer = ask(&resolver(&server, key.anchors()), "peers.sub.test.", RecordType::A).await;
    assert_eq!(answer.unwrap().proof, Some(Proof::Secure));
    // The address, the keys and the delegation of `sub.test.`, and the keys of `test.`.
    assert_eq!(server.asked().len(), 4, "{:?}", server.asked());
}

#[tokio::test]
async fn a_name_of_many_labels_is_bounded() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let owner = deep(110);
    let wanted = name(&owner);
    // Unsigned, so that each label may be where an unsigned zone begins.
    server.forge(move |asked, record_type| match record_type {
        RecordType::A if *asked == wanted => Some(heap(asked, RecordType::A)).map(|forgery| {
            let answers = forgery.answers.into_iter().take(1).collect();
            Forgery { answers, ..Forgery::default() }
        }),
        RecordType::NS => Some(Forgery::default()),
        _ => None,
    });
    let (error, questions, took) = cost(&server, &key, &owner).await;
    assert_eq!(questions, MAX_QUESTIONS, "{error}");
    assert_bounded((error, questions, took));
}

#[tokio::test]
async fn a_heap_of_keys_digests_and_signatures_is_bounded() {
    for labels in [2, 8, 24] {
        let key = Key::new("test.");
        let server = Server::start([]).await;
        server.forge(|owner, record_type| Some(heap(owner, record_type)));
        assert_bounded(cost(&server, &key, &deep(labels)).await);
    }
}

/// Each way to prove that the zone is unsigned leads through the proof that it is.
#[tokio::test]
async fn a_circle_of_unsigned_denials_is_bounded() {
    for labels in [2, 8, 24] {
        let key = Key::new("test.");
        let server = Server::start([]).await;
        server.forge(|owner, record_type| {
            let mut forgery = heap(owner, RecordType::A);
            match record_type {
                RecordType::A => forgery.answers.truncate(1),
                RecordType::NS => {
                    let ns = RData::NS(hickory_proto::rr::rdata::NS(owner.clone()));
                    forgery.answers = vec![Record::from_rdata(owner.clone(), 300, ns)];
                }
                _ => forgery.answers.clear(),
            }
            forgery.code = Some(ResponseCode::NoError);
            Some(forgery)
        });
        assert_bounded(cost(&server, &key, &deep(labels)).await);
    }
}

/// As above, with a signature by each zone above on each record of a denial.
#[tokio::test]
async fn a_circle_of_signed_denials_is_bounded() {
    for labels in [2, 8, 24] {
        let key = Key::new("test.");
        let server = Server::start([]).await;
        server.forge(|owner, record_type| {
            let mut forgery = heap(owner, record_type);
            let sets: Vec<_> =
                forgery.authorities.iter().map(|r| (r.name.clone(), r.record_type())).collect();
            for (set, covered) in sets.into_iter().take(40) {
                for signer in ancestors(&set).into_iter().take(8) {
                    forgery.authorities.push(signature(&set, covered, &signer));
                }
            }
            if record_type == RecordType::DS {
                forgery.answers.clear();
            }
            Some(forgery)
        });
        assert_bounded(cost(&server, &key, &deep(labels)).await);
    }
}
