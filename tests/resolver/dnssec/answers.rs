//! Answers, and how well they are proved.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use hickory_proto::{
    dnssec::TrustAnchors,
    rr::{
        RData, Record, RecordType,
        rdata::{AAAA, CNAME, NS, SRV, TXT},
    },
};
use libp2p_dns_discovery::{
    Answer, LookupError, Proof, Query, Resolver, hickory_proto, resolver::hickory::HickoryResolver,
};
use tokio::time::timeout;

use super::{
    server::{Forgery, Server},
    zones::{Denial, Key, Zone, address, name, now},
};

/// So long that a busy machine does not spoil a test.
pub const PATIENT: Duration = Duration::from_secs(20);

pub fn resolver(server: &Server, anchors: TrustAnchors) -> HickoryResolver {
    HickoryResolver::with_servers([server.address()])
        .unwrap()
        .with_timeout(PATIENT)
        .with_attempts(NonZeroU32::MIN)
        .with_dnssec(anchors)
}

pub async fn ask(
    resolver: &HickoryResolver,
    owner: &str,
    record_type: RecordType,
) -> Result<Answer, LookupError> {
    let query = Query::new(name(owner), record_type);
    timeout(2 * PATIENT, resolver.lookup(query)).await.expect("every look-up ends")
}

fn ips(records: &[Record]) -> Vec<IpAddr> {
    records.iter().filter_map(|record| record.data.ip_addr()).collect()
}

pub fn cname(target: &str) -> RData {
    RData::CNAME(CNAME(name(target)))
}

pub fn srv(target: &str) -> RData {
    RData::SRV(SRV::new(0, 0, 4001, name(target)))
}

/// All kinds of records.
pub fn members(zone: Zone) -> Zone {
    zone.with("peers", address(1))
        .with("peers", address(2))
        .with("peers", RData::AAAA(AAAA([0xfd00, 0, 0, 0, 0, 0, 0, 1].into())))
        .with("_p2p._tcp.peers", srv("pod-1.peers.test."))
        .with("_p2p._tcp.peers", srv("pod-2.peers.test."))
        .with("pod-1.peers", address(1))
        .with("pod-2.peers", address(2))
        .with("_dnsaddr.peers", RData::TXT(TXT::new(vec!["dnsaddr=/ip4/10.0.0.1/tcp/4001".into()])))
        .with("alias", cname("peers.test."))
        .with("far", cname("alias.test."))
        .with("*.wild", address(9))
}

/// `test.`, with the delegations `insecure.test.`, which is not signed, and `sub.test.`, which is.
pub fn tree(key: &Key, denial: Denial) -> Vec<Zone> {
    let sub = Key::new("sub.test.");
    let top = members(Zone::denying("test.", denial))
        .with("insecure", RData::NS(NS(name("ns.insecure.test."))))
        .with("sub", RData::NS(NS(name("ns.sub.test."))))
        .with("sub", sub.ds())
        .with("leading-out", cname("peers.insecure.test."))
        .signed(&[key]);
    let below = Zone::new("sub.test.").with("peers", address(3)).signed(&[&sub]);
    let insecure = Zone::new("insecure.test.")
        .with("peers", address(4))
        .with("alias", cname("peers.test."))
        .with("_p2p._tcp.peers", srv("peers.insecure.test."));
    vec![top, below, insecure]
}

const DENIALS: [Denial; 3] =
    [Denial::Nsec, Denial::Nsec3 { opt_out: false }, Denial::Nsec3 { opt_out: true }];

#[track_caller]
pub fn assert_bogus(outcome: Result<Answer, LookupError>, why: &str) {
    let Err(LookupError::Bogus(reason)) = &outcome else { panic!("{outcome:?}") };
    assert!(reason.contains(why), "{reason}");
}

#[track_caller]
fn assert_nothing(outcome: Result<Answer, LookupError>, text: &str, proof: Option<Proof>) {
    let Err(LookupError::Nothing(nothing)) = outcome else { panic!("{outcome:?}") };
    assert!(nothing.to_string().contains(text), "{nothing}");
    assert_eq!(nothing.proof, proof);
}

#[tokio::test]
async fn signed_records_of_every_type_are_secure() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    for (owner, record_type, count) in [
        ("peers.test.", RecordType::A, 2),
        ("peers.test.", RecordType::AAAA, 1),
        ("_dnsaddr.peers.test.", RecordType::TXT, 1),
        ("_p2p._tcp.peers.test.", RecordType::SRV, 2),
        ("peers.sub.test.", RecordType::A, 1),
    ] {
        let answer = ask(&resolver, owner, record_type).await.unwrap();
        assert_eq!(answer.proof, Some(Proof::Secure), "{owner} {record_type}");
        assert_eq!((answer.records.len(), answer.complete), (count, true), "{owner} {record_type}");
        assert!(answer.records.iter().all(|record| record.record_type() == record_type));
    }
    assert!(server.asked().iter().all(|asked| asked.signed), "all with DO");
}

#[tokio::test]
async fn glue_that_is_proved_is_kept() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    let answer = ask(&resolver, "_p2p._tcp.peers.test.", RecordType::SRV).await.unwrap();
    // This server gives that of one target.
    assert_eq!(ips(&answer.additionals), [IpAddr::from([10, 0, 0, 1])]);
}

#[tokio::test]
async fn glue_that_is_not_proved_is_left_out() {
    let key = Key::new("test.");
    let zone = members(Zone::new("test.")).signed(&[&key]);
    let zone = zone
        .spoilt("pod-1.peers", RecordType::A, address(66))
        .stripped("pod-2.peers", RecordType::A);
    let server = Server::start([zone]).await;
    let resolver = resolver(&server, key.anchors());
    let answer = ask(&resolver, "_p2p._tcp.peers.test.", RecordType::SRV).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Secure));
    assert!(answer.additionals.is_empty(), "{:?}", answer.additionals);
}

#[tokio::test]
async fn an_alias_is_as_good_as_the_weakest_link() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.anchors());
    let answer = ask(&resolver, "far.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.name, name("peers.test."));
    assert_eq!(answer.proof, Some(Proof::Secure));
    assert_eq!((answer.records.len(), ips(&answer.records).len()), (4, 2));
    for owner in ["leading-out.test.", "alias.insecure.test."] {
        let answer = ask(&resolver, owner, RecordType::A).await.unwrap();
        assert_eq!(answer.proof, Some(Proof::Insecure), "{owner}");
    }
}

#[tokio::test]
async fn a_wildcard_is_secure_where_nothing_closer_exists() {
    for denial in DENIALS {
        let key = Key::new("test.");
        let server = Server::start(tree(&key, denial)).await;
        let outcome = ask(&resolver(&server, key.anchors()), "a.wild.test.", RecordType::A).await;
        let secure = if denial.opts_out() { Proof::Insecure } else { Proof::Secure };
        assert_eq!(outcome.unwrap().proof, Some(secure), "{denial:?}");
    }
}

#[tokio::test]
async fn a_wildcard_instead_of_what_exists_is_bogus() {
    let key = Key::new("test.");
    let zone = members(Zone::new("test.")).with("real.wild", address(8)).signed(&[&key]);
    let server = Server::start([zone]).await;
    let resolver = resolver(&server, key.anchors());
    let outcome = ask(&resolver, "real.wild.test.", RecordType::A).await;
    assert_eq!(outcome.unwrap().proof, Some(Proof::Secure));
    // The signature of the wildcard is good under any name below it.
    let zone = members(Zone::new("test.")).with("*.wild", address(8)).signed(&[&key]);
    server.serve(zone.renamed("*.wild", "real.wild").without(RecordType::NSEC));
    assert_bogus(ask(&resolver, "real.wild.test.", RecordType::A).await, "real.wild.test. A");
}

#[tokio::test]
async fn an_unsigned_zone_that_is_delegated_as_such_is_insecure() {
    for denial in DENIALS {
        let key = Key::new("test.");
        let server = Server::start(tree(&key, denial)).await;
        let resolver = resolver(&server, key.anchors());
        let answer = ask(&resolver, "peers.insecure.test.", RecordType::A).await.unwrap();
        assert_eq!(answer.proof, Some(Proof::Insecure), "{denial:?}");
        let answer = ask(&resolver, "_p2p._tcp.peers.insecure.test.", RecordType::SRV).await;
        let answer = answer.unwrap();
        assert_eq!(answer.proof, Some(Proof::Insecure), "{denial:?}");
        assert_eq!(ips(&answer.additionals).len(), 1, "no better than the answer");
        for owner in ["none.insecure.test.", "a.b.c.insecure.test."] {
            let outcome = ask(&resolver, owner, RecordType::A).await;
            assert_nothing(outcome, "NXDOMAIN", Some(Proof::Insecure));
        }
    }
}

#[tokio::test]
async fn nothing_is_secure_if_it_is_denied() {
    for denial in DENIALS {
        let key = Key::new("test.");
        let server = Server::start(tree(&key, denial)).await;
        let resolver = resolver(&server, key.anchors());
        // Below an opt-out record there may be unsigned names (RFC 5155 section 9.2).
        let no_name = if denial.opts_out() { Proof::Insecure } else { Proof::Secure };
        let outcome = ask(&resolver, "none.test.", RecordType::A).await;
        assert_nothing(outcome, "NXDOMAIN", Some(no_name));
        for (owner, record_type) in [
            ("peers.test.", RecordType::TXT),
            ("alias.test.", RecordType::TXT),
            ("_tcp.peers.test.", RecordType::A),
        ] {
            let outcome = ask(&resolver, owner, record_type).await;
            assert_nothing(outcome, "NODATA", Some(Proof::Secure));
        }
    }
}

/// What hickory-server 0.26 leaves out of such a reply is put in here: the records of the closest name that
/// there is, of the wildcard, and of what would be closer (RFC 5155 section 7.2.5). An opt-out record among them
/// covers unsigned names (section 9.2).
#[tokio::test]
async fn no_data_of_a_wildcard_is_as_well_proved_as_that_nothing_is_closer() {
    for denial in DENIALS {
        let key = Key::new("test.");
        let zone = || Zone::denying("test.", denial).with("*.wild", address(9)).signed(&[&key]);
        let server = Server::start([zone()]).await;
        let mut authorities = zone().records("@", RecordType::SOA);
        authorities.extend(zone().records_of_type(RecordType::NSEC));
        authorities.extend(zone().records_of_type(RecordType::NSEC3));
        server.forge(move |owner, record_type| {
            let is_asked = *owner == name("a.wild.test.") && record_type == RecordType::AAAA;
            is_asked.then(|| Forgery { authorities: authorities.clone(), ..Forgery::default() })
        });
        let outcome =
            ask(&resolver(&server, key.anchors()), "a.wild.test.", RecordType::AAAA).await;
        let proof = if denial.opts_out() { Proof::Insecure } else { Proof::Secure };
        assert_nothing(outcome, "NODATA", Some(proof));
    }
}

#[tokio::test]
async fn an_expired_signature_is_bogus() {
    let key = Key::new("test.");
    let server = Server::start([members(Zone::new("test.")).signed(&[&key]).expired(&key)]).await;
    let resolver = resolver(&server, key.anchors());
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "A has expired");
    assert_bogus(ask(&resolver, "none.test.", RecordType::A).await, "has expired");
    let soon = (now() + 3600, now() + 7200);
    let zone = members(Zone::new("test.")).signed(&[&key]);
    server.serve(zone.signed_for("peers", RecordType::A, &key, soon));
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "A is not valid yet");
}

/// The signature is good when it is first seen, and its record may be kept for weeks.
#[tokio::test]
async fn a_signature_that_expires_is_noticed_by_the_next_look_up() {
    let key = Key::new("test.");
    let server = Server::start([]).await;
    let resolver = resolver(&server, key.anchors());
    for lifetime in [2, 4, 8, 16, 32] {
        let zone = members(Zone::new("test.")).signed(&[&key]);
        let until = now() + lifetime;
        server.serve(zone.signed_for("peers", RecordType::A, &key, (now() - 60, until)));
        if ask(&resolver, "peers.test.", RecordType::A).await.is_err() {
            continue; // The machine is too busy.
        }
        // The validator reads the system's clock, so that time itself has to pass.
        while now() <= until {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        return assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "has expired");
    }
    panic!("a look-up never takes half a minute");
}

#[tokio::test]
async fn a_changed_record_is_bogus() {
    let key = Key::new("test.");
    let zone = members(Zone::new("test.")).signed(&[&key]);
    let server = Server::start([zone.spoilt("peers", RecordType::A, address(66))]).await;
    let resolver = resolver(&server, key.anchors());
    let why = "peers.test. A is not what test. signed";
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, why);
    assert_bogus(ask(&resolver, "alias.test.", RecordType::A).await, why);
    assert_eq!(
        ask(&resolver, "peers.test.", RecordType::AAAA).await.unwrap().proof,
        Some(Proof::Secure)
    );
}

#[tokio::test]
async fn missing_signatures_are_bogus() {
    let key = Key::new("test.");
    let zone = members(Zone::new("test.")).signed(&[&key]);
    let server = Server::start([zone.stripped("peers", RecordType::A)]).await;
    let resolver = resolver(&server, key.anchors());
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "A is not signed");
    // A zone that was never signed, under an anchor that says it is.
    server.serve(members(Zone::new("test.")));
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "A is not signed");
    assert_bogus(
        ask(&resolver, "none.test.", RecordType::A).await,
        "the denial of none.test. is not signed",
    );
}

#[tokio::test]
async fn keys_that_no_anchor_vouches_for_are_bogus() {
    let (key, other) = (Key::new("test."), Key::new("test."));
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, other.anchors());
    let why = "no trust anchor vouches for the keys of test.";
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, why);
    assert_bogus(ask(&resolver, "peers.sub.test.", RecordType::A).await, "no trust anchor");
    assert_bogus(ask(&resolver, "none.test.", RecordType::A).await, why);
}

#[tokio::test]
async fn an_anchor_vouches_for_the_other_keys_of_its_zone() {
    let (first, second) = (Key::new("test."), Key::new("test."));
    let signed = || members(Zone::new("test.")).signed(&[&first, &second]);
    let lasting = (now() - 60, now() + 3600);
    let server =
        Server::start([signed().signed_for("peers", RecordType::A, &second, lasting)]).await;
    let resolver = resolver(&server, first.anchors());
    let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Secure));
    // Not if it has not signed them.
    let zone = signed().signed_for("peers", RecordType::A, &second, lasting);
    server.serve(zone.signed_for("@", RecordType::DNSKEY, &second, lasting));
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "no trust anchor");
    // Nor if it did so long ago.
    let zone = signed().signed_for("peers", RecordType::A, &second, lasting);
    server.serve(zone.signed_for("@", RecordType::DNSKEY, &first, (now() - 7200, now() - 3600)));
    assert_bogus(ask(&resolver, "peers.test.", RecordType::A).await, "no trust anchor");
}

#[tokio::test]
async fn a_resolver_that_does_not_validate_asks_for_no_signatures_and_gives_no_proof() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = HickoryResolver::with_servers([server.address()]).unwrap().with_timeout(PATIENT);
    let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!((answer.proof, answer.records.len()), (None, 2));
    assert_nothing(ask(&resolver, "none.test.", RecordType::A).await, "NXDOMAIN", None);
    assert!(server.asked().iter().all(|asked| !asked.signed));
    assert_eq!(server.messages(), 2);
}

#[tokio::test]
async fn an_anchor_is_read_from_the_file_of_its_key() {
    let key = Key::new("test.");
    let server = Server::start(tree(&key, Denial::Nsec)).await;
    let resolver = resolver(&server, key.file().parse().unwrap());
    let answer = ask(&resolver, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Secure));
}

#[tokio::test]
async fn what_is_outside_of_the_validated_domains_is_indeterminate() {
    let key = Key::new("test.");
    let zones = tree(&key, Denial::Nsec)
        .into_iter()
        .chain([Zone::new("else.").with("peers", address(5)).with("alias", cname("peers.else."))]);
    let server = Server::start(zones).await;
    let all = resolver(&server, key.anchors());
    assert_bogus(ask(&all, "peers.else.", RecordType::A).await, "peers.else. A is not signed");
    let some = all.with_dnssec_domains([name("test")]);
    let answer = ask(&some, "peers.test.", RecordType::A).await.unwrap();
    assert_eq!(answer.proof, Some(Proof::Secure));
    for owner in ["peers.else.", "alias.else."] {
        let answer = ask(&some, owner, RecordType::A).await.unwrap();
        assert_eq!(answer.proof, Some(Proof::Indeterminate), "{owner}");
    }
    let nothing = ask(&some, "none.else.", RecordType::A).await;
    assert_nothing(nothing, "NXDOMAIN", Some(Proof::Indeterminate));
    // An alias is not more than where it leads.
    let only = resolver(&server, key.anchors()).with_dnssec_domains([name("far.test.")]);
    let answer = ask(&only, "far.test.", RecordType::A).await.unwrap();
    assert_eq!((answer.proof, answer.records.len()), (Some(Proof::Indeterminate), 4));
}
