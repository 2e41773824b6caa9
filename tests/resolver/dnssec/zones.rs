//! Zones with real keys and signatures, which a test can spoil after they were signed.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use hickory_proto::{
    dnssec::{
        Algorithm, DigestType, DnssecSigner, Nsec3HashAlgorithm, PublicKeyBuf, SigningKey, TBS,
        TrustAnchors,
        crypto::EcdsaSigningKey,
        rdata::{DNSKEY, DNSSECRData, DS, RRSIG, SigInput},
    },
    rr::{
        DNSClass, LowerName, Name, RData, Record, RecordSet, RecordType, RrKey, SerialNumber,
        rdata::{A, NS, SOA},
    },
};
use hickory_server::{
    dnssec::NxProofKind,
    net::runtime::TokioRuntimeProvider,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, ZoneType},
};

pub type Handler = InMemoryZoneHandler<TokioRuntimeProvider>;

const TTL: u32 = 300;
const DAY: u32 = 86_400;
const ALGORITHM: Algorithm = Algorithm::ECDSAP256SHA256;

pub fn name(name: &str) -> Name {
    Name::from_ascii(name).expect("a name")
}

pub fn address(last: u8) -> RData {
    RData::A(A(Ipv4Addr::new(10, 0, 0, last)))
}

/// Seconds since 1970.
pub fn now() -> u32 {
    #[expect(clippy::disallowed_methods, reason = "what the validator goes by")]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).expect("after 1970");
    u32::try_from(since.as_secs()).expect("before 2106")
}

/// A key of a zone.
pub struct Key {
    zone: Name,
    key: Vec<u8>,
}

impl Key {
    pub fn new(zone: &str) -> Self {
        let key = EcdsaSigningKey::generate_pkcs8(ALGORITHM).expect("a key");
        Self { zone: name(zone), key: key.secret_pkcs8_der().to_vec() }
    }

    fn signing_key(&self) -> EcdsaSigningKey {
        let key = self.key.as_slice().into();
        EcdsaSigningKey::from_pkcs8(&key, ALGORITHM).expect("the key")
    }

    pub fn public(&self) -> PublicKeyBuf {
        self.signing_key().to_public_key().expect("its public half")
    }

    fn signer(&self) -> DnssecSigner {
        let lifetime = Duration::from_secs(DAY.into());
        let key = Box::new(self.signing_key());
        DnssecSigner::new(DNSKEY::from_key(&self.public()), key, self.zone.clone(), lifetime)
    }

    /// The only thing that is trusted.
    pub fn anchors(&self) -> TrustAnchors {
        let mut anchors = TrustAnchors::empty();
        assert!(anchors.insert_with_name(&self.public(), (&self.zone).into()));
        anchors
    }

    /// The key as a file that a name server's tools write.
    pub fn file(&self) -> String {
        let key = RData::DNSSEC(DNSSECRData::DNSKEY(DNSKEY::from_key(&self.public())));
        format!("; This is a key-signing key, for {0}\n{0} IN DNSKEY {key}\n", self.zone)
    }

    /// What a zone above says of this key.
    pub fn ds(&self) -> RData {
        let key = DNSKEY::from_key(&self.public());
        let digest = key.to_digest(&self.zone, DigestType::SHA256).expect("a digest");
        let tag = key.calculate_key_tag().expect("a tag");
        let ds = DS::new(tag, ALGORITHM, DigestType::SHA256, digest.as_ref().to_vec());
        RData::DNSSEC(DNSSECRData::DS(ds))
    }

    /// The signature of a set of records, valid from one time to another.
    pub fn sign(&self, set: &RecordSet, inception: u32, expiration: u32) -> Record {
        let signer = self.signer();
        let input = SigInput {
            type_covered: set.record_type(),
            algorithm: ALGORITHM,
            num_labels: set.name().num_labels(),
            original_ttl: set.ttl(),
            sig_expiration: SerialNumber::new(expiration),
            sig_inception: SerialNumber::new(inception),
            key_tag: signer.calculate_key_tag().expect("a tag"),
            signer_name: self.zone.clone(),
        };
        let records = set.records_without_rrsigs();
        let tbs = TBS::from_input(set.name(), DNSClass::IN, &input, records).expect("encodable");
        let signature = RRSIG::from_sig(input, signer.sign(&tbs).expect("a signature"));
        let data = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        Record::from_rdata(set.name().clone(), set.ttl(), data)
    }
}

/// How a zone proves that there is nothing.
#[derive(Clone, Copy, Debug)]
pub enum Denial {
    Nsec,
    Nsec3 { opt_out: bool },
}

impl Denial {
    pub fn opts_out(self) -> bool {
        matches!(self, Self::Nsec3 { opt_out: true })
    }

    fn kind(self) -> NxProofKind {
        match self {
            Self::Nsec => NxProofKind::Nsec,
            Self::Nsec3 { opt_out } => NxProofKind::Nsec3 {
                algorithm: Nsec3HashAlgorithm::SHA1,
                salt: Arc::new([]),
                iterations: 1,
                opt_out,
            },
        }
    }
}

/// A zone.
pub struct Zone {
    origin: Name,
    handler: Handler,
}

impl Zone {
    pub fn new(origin: &str) -> Self {
        Self::denying(origin, Denial::Nsec)
    }

    pub fn denying(origin: &str, denial: Denial) -> Self {
        let origin = name(origin);
        let transfers = AxfrPolicy::Deny;
        let kind = Some(denial.kind());
        let handler = Handler::empty(origin.clone(), ZoneType::Primary, transfers, kind);
        let soa = SOA::new(origin.clone(), origin.clone(), 1, 7200, 1800, 86_400, 60);
        let nameserver = RData::NS(NS(name("ns").append_domain(&origin).expect("short")));
        Self { origin, handler }.with("@", RData::SOA(soa)).with("@", nameserver)
    }

    /// Adds a record. `@` is the zone itself.
    pub fn with(mut self, owner: &str, data: RData) -> Self {
        let owner = self.absolute(owner);
        assert!(self.handler.upsert_mut(Record::from_rdata(owner, TTL, data), 0), "a new record");
        self
    }

    /// Signs what is there with each key.
    pub fn signed(mut self, keys: &[&Key]) -> Self {
        for key in keys {
            self.handler.add_zone_signing_key_mut(key.signer()).expect("a key for this zone");
        }
        self.handler.secure_zone_mut().expect("signed");
        self
    }

    /// Changes a set of records. Its signatures stay.
    pub fn spoilt(mut self, owner: &str, record_type: RecordType, data: RData) -> Self {
        self.edit(owner, record_type, |set| {
            let record = Record::from_rdata(set.name().clone(), set.ttl(), data);
            set.set_records(vec![record]);
        });
        self
    }

    /// Replaces the signatures of a set of records by one that is valid from one time to another.
    pub fn signed_for(
        mut self,
        owner: &str,
        record_type: RecordType,
        key: &Key,
        (inception, expiration): (u32, u32),
    ) -> Self {
        self.edit(owner, record_type, |set| {
            let signature = key.sign(set, inception, expiration);
            set.set_rrsigs(vec![signature]);
        });
        self
    }

    /// Makes all signatures end an hour ago.
    pub fn expired(mut self, key: &Key) -> Self {
        for set in self.sets().values_mut() {
            let set = Arc::make_mut(set);
            let signature = key.sign(set, now() - 2 * DAY, now() - 3600);
            set.set_rrsigs(vec![signature]);
        }
        self
    }

    /// Takes the signatures of a set of records away.
    pub fn stripped(mut self, owner: &str, record_type: RecordType) -> Self {
        self.edit(owner, record_type, RecordSet::clear_rrsigs);
        self
    }

    /// Puts a set of records under another name. Its signatures stay.
    pub fn renamed(mut self, owner: &str, new: &str) -> Self {
        let (owner, new) = (LowerName::from(self.absolute(owner)), self.absolute(new));
        let keys: Vec<_> = self.sets().keys().filter(|key| key.name == owner).cloned().collect();
        for key in keys {
            let set = self.sets().remove(&key).expect("listed");
            let rename = |record: &Record| {
                let mut record = record.clone();
                record.name = new.clone();
                record
            };
            let mut renamed = RecordSet::new(new.clone(), key.record_type, 0);
            renamed.set_records(set.records_without_rrsigs().map(rename).collect());
            renamed.set_rrsigs(set.rrsigs().iter().map(rename).collect());
            self.sets().insert(RrKey::new((&new).into(), key.record_type), Arc::new(renamed));
        }
        self
    }

    /// Takes all sets of a type away.
    pub fn without(mut self, record_type: RecordType) -> Self {
        self.sets().retain(|key, _| key.record_type != record_type);
        self
    }

    /// A set of records with its signatures.
    pub fn records(&mut self, owner: &str, record_type: RecordType) -> Vec<Record> {
        let key = RrKey::new(self.absolute(owner).into(), record_type);
        self.sets()[&key].records_with_rrsigs().cloned().collect()
    }

    /// All sets of a type with their signatures.
    pub fn records_of_type(&mut self, record_type: RecordType) -> Vec<Record> {
        let sets = self.sets().iter().filter(|(key, _)| key.record_type == record_type);
        sets.flat_map(|(_, set)| set.records_with_rrsigs()).cloned().collect()
    }

    pub fn origin(&self) -> LowerName {
        (&self.origin).into()
    }

    pub fn into_handler(self) -> Arc<Handler> {
        Arc::new(self.handler)
    }

    fn edit(&mut self, owner: &str, record_type: RecordType, change: impl FnOnce(&mut RecordSet)) {
        let key = RrKey::new(self.absolute(owner).into(), record_type);
        change(Arc::make_mut(self.sets().get_mut(&key).expect("the set is there")));
    }

    fn sets(&mut self) -> &mut BTreeMap<RrKey, Arc<RecordSet>> {
        self.handler.records_get_mut()
    }

    fn absolute(&self, owner: &str) -> Name {
        match owner {
            "@" => self.origin.clone(),
            owner => name(owner).append_domain(&self.origin).expect("short"),
        }
    }
}
