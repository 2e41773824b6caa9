//! The settings of validation.

use std::sync::Arc;

pub use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::rr::Name;

use super::resolver::HickoryResolver;
#[cfg(doc)]
use crate::resolver::{answer::Answer, error::LookupError, nothing::Nothing, proof::Proof};

impl HickoryResolver {
    /// Validates answers by DNSSEC ([RFC 4035 section 5]), beginning at these anchors. Default:
    /// nothing is validated, and no answer carries a proof.
    ///
    /// `TrustAnchors::default()` is the root zone's keys. Keys of other zones are parsed from DNSKEY
    /// records in the format of zone files, as `dnssec-keygen` writes them; an anchor vouches for the
    /// other keys of its zone that it has signed.
    ///
    /// ```
    /// use libp2p_dns_discovery::resolver::hickory::{HickoryResolver, TrustAnchors};
    ///
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let public = HickoryResolver::system()?.with_dnssec(TrustAnchors::default());
    ///
    /// let key = "members.example. 3600 IN DNSKEY \
    ///            257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=";
    /// let private = HickoryResolver::system()?
    ///     .with_dnssec(key.parse::<TrustAnchors>()?)
    ///     .with_dnssec_domains(["members.example.".parse()?]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What becomes of an answer
    ///
    /// | What is found | Outcome |
    /// |---|---|
    /// | a chain of signatures from an anchor to each record, aliases included | [`Proof::Secure`] |
    /// | a signed zone above proves that this one is not signed, or signs with algorithms that are not known here | [`Proof::Insecure`] |
    /// | the name is not to be validated: see [`with_dnssec_domains`](Self::with_dnssec_domains) | [`Proof::Indeterminate`] |
    /// | anything else: signatures that are missing, expired, wrong, or by keys that no anchor vouches for; a denial without proof | [`LookupError::Bogus`], which says what |
    /// | a reply that is needed for it did not come | as without validation |
    ///
    /// - The proof is the weakest of the records and of the aliases that lead there. "There is nothing"
    ///   has a [proof](Nothing::proof), too; it is `Insecure` where an opt-out NSEC3 record leaves room
    ///   for unsigned names ([RFC 5155 section 9.2]).
    /// - Without [`Source::secure`](crate::Source::secure), `Insecure` and `Indeterminate` answers are
    ///   taken as before; bogus ones never are.
    /// - Glue that is not signed by the zone of a secure answer is left out, and its targets are
    ///   looked up. Glue of other answers stays: it is no less proved than they are.
    /// - Of a signed set of records, a part proves nothing: more than fits into 65,535 bytes with its
    ///   signatures (some 4,000 addresses) is [`LookupError::ServerFailed`]. A part of an unsigned one
    ///   is `Insecure` and [incomplete](Answer::complete).
    /// - An answer from the hosts file carries no proof.
    /// - Under a later name of the search list, an answer is proved no better than that there is
    ///   nothing under the earlier ones, and `Indeterminate` if one of these failed. A bogus name ends
    ///   the search, or a forger could lead it to another one. Absolute names avoid all of this.
    /// - A bogus answer is final: no other server is asked.
    ///
    /// # What it takes
    ///
    /// The servers must pass DNSSEC records when asked to (the bit `DO`, [RFC 3225]), those of the zones
    /// above among them. The authoritative server of one zone is enough only if its key is an anchor.
    /// The bit `CD` is not set: a server that validates may keep back what it finds bogus, perhaps for
    /// a better answer elsewhere, or say `SERVFAIL`, which is [`LookupError::ServerFailed`]. What it
    /// says of its own validation (`AD`) does not count: the path to it is not protected.
    ///
    /// With the root's anchors and that of a zone below an unsigned one, a forger can make this zone
    /// look unsigned, too (`Insecure`). With its own anchor alone it would be bogus.
    ///
    /// A look-up asks one question more for the keys of each zone from the anchor down to the name,
    /// and one for each delegation between them; below an unsigned zone about one for each label.
    /// It never asks more than 100, each as described [above](Self#what-it-does), and they share the
    /// [time of one look-up](Self::with_budget). Signatures of one set (8), NSEC and NSEC3
    /// records of one reply (6) and the steps of a proof (2,000) are bounded, too. A zone that takes
    /// more is bogus. Replies and proofs are kept for one look-up only, so that an expired signature
    /// is noticed by the next. Signatures are verified in the task that polls the look-up, and take
    /// some 100 µs each.
    ///
    /// Aliases that a DNAME record makes are bogus: hickory does not validate them. The system's clock
    /// must be right. hickory logs a warning, with the reply, whenever something is bogus
    /// (target `hickory_net::dnssec`).
    ///
    /// [RFC 3225]: https://www.rfc-editor.org/rfc/rfc3225
    /// [RFC 4035 section 5]: https://www.rfc-editor.org/rfc/rfc4035#section-5
    /// [RFC 5155 section 9.2]: https://www.rfc-editor.org/rfc/rfc5155#section-9.2
    #[cfg_attr(docsrs, doc(cfg(feature = "dnssec")))]
    #[must_use]
    pub fn with_dnssec(mut self, anchors: TrustAnchors) -> Self {
        self.validation.anchors = Some(Arc::new(anchors));
        self
    }

    /// Sets the domains at and below which answers are validated, if
    /// [anchors](Self::with_dnssec) are set. Default: the root, everywhere.
    ///
    /// What no anchor is above is bogus, because nothing proves that it need not be signed. So are,
    /// under the root's anchors, names that the public DNS denies, such as `cluster.local.`. Where a
    /// node uses such names, too, this names the domains that are signed; elsewhere, an answer's proof is
    /// [`Proof::Indeterminate`]. It is the name that is asked for that counts, and that of each alias.
    #[cfg_attr(docsrs, doc(cfg(feature = "dnssec")))]
    #[must_use]
    pub fn with_dnssec_domains(mut self, domains: impl IntoIterator<Item = Name>) -> Self {
        let absolute = |mut name: Name| {
            name.set_fqdn(true);
            name
        };
        self.validation.domains = domains.into_iter().map(absolute).collect();
        self
    }
}
