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
    /// `TrustAnchors::default()` has the keys of the root zone. Keys of other zones are parsed from
    /// DNSKEY records in the format of zone files, as `dnssec-keygen` writes them. An anchor vouches for
    /// the other keys of its zone that it has signed.
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
    /// # The outcomes
    ///
    /// | What the validation finds | Outcome |
    /// |---|---|
    /// | a chain of signatures from an anchor to each record, aliases included | [`Proof::Secure`] |
    /// | a signed parent zone proves that the zone is not signed, or that it signs with algorithms that are not supported here | [`Proof::Insecure`] |
    /// | the name is not to be validated: see [`with_dnssec_domains`](Self::with_dnssec_domains) | [`Proof::Indeterminate`] |
    /// | anything else: signatures that are missing, expired, wrong, or by keys that no anchor vouches for; a denial without proof | [`LookupError::Bogus`], with the reason |
    /// | a reply that the validation needs did not come | the same failure as without validation |
    ///
    /// - The proof is the weakest of the records and of the aliases that lead to them. "There is nothing"
    ///   has a [proof](Nothing::proof), too. That proof is `Insecure` where an opt-out NSEC3 record leaves room
    ///   for unsigned names ([RFC 5155 section 9.2]).
    /// - Without [`Source::secure`](crate::Source::secure), `Insecure` and `Indeterminate` answers are
    ///   used. Bogus answers are never used.
    /// - Glue that is not signed by the zone of a secure answer is left out, and its targets are
    ///   looked up. Glue of other answers stays, because it is proved as well as these answers are.
    /// - A part of a signed set of records proves nothing. A set that does not fit into 65,535 bytes with
    ///   its signatures (some 4,000 addresses) is [`LookupError::ServerFailed`]. A part of an unsigned set
    ///   is `Insecure` and [incomplete](Answer::complete).
    /// - An answer from the hosts file carries no proof.
    /// - An answer for a later name of the search list is proved no better than the denials of the earlier
    ///   names. It is `Indeterminate` if the look-up of an earlier name failed. A bogus answer ends the
    ///   search, because a forger could otherwise lead the search to another name. Absolute names avoid
    ///   all of this.
    /// - A bogus answer is final: no other server is asked.
    ///
    /// # Requirements and costs
    ///
    /// The servers must return DNSSEC records when asked to (the bit `DO`, [RFC 3225]), also the records
    /// of the parent zones. The authoritative server of one zone is enough only if its key is an anchor.
    /// The bit `CD` is not set. A server that validates may withhold an answer that it finds bogus, to
    /// look for a better one, or answer `SERVFAIL`, which is [`LookupError::ServerFailed`]. The server's
    /// own statement of its validation (`AD`) does not count, because the path to the server is not
    /// protected.
    ///
    /// Suppose that you give the root's anchors and the anchor of a zone below an unsigned zone. Then a
    /// forger can make your zone look unsigned, too (`Insecure`). With its own anchor alone, the forged
    /// answer is bogus.
    ///
    /// A look-up asks one further question for the keys of each zone from the anchor down to the name, and
    /// one for each delegation between them. Below an unsigned zone, it asks about one for each label. It
    /// never asks more than 100 questions, each as described [above](Self#what-it-does), and all of them
    /// share the [time of one look-up](Self::with_budget). Signatures of one set (8), NSEC and NSEC3
    /// records of one reply (6) and the steps of a proof (2,000) are bounded, too. A zone that needs more
    /// is bogus. Replies and proofs are kept for one look-up only, so the next look-up notices an expired
    /// signature. Signatures are verified in the task that polls the look-up, and take some 100 µs each.
    ///
    /// The system's clock must be right, because each signature is valid only between two times. An answer with
    /// an alias that comes from a DNAME record counts as bogus, because hickory does not validate such aliases.
    /// For each bogus answer, hickory logs a warning with the reply (target `hickory_net::dnssec`).
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
    /// [anchors](Self::with_dnssec) are set. Default: the root, so all answers are validated.
    ///
    /// Within these domains, the answer for an unsigned name is bogus unless signatures below an anchor prove
    /// that the name is unsigned. Two kinds of names have no such proof: names that are below no anchor, and
    /// names of which the public DNS proves that they do not exist, such as `cluster.local.`. If a node also
    /// uses such names, set only the signed domains here. An answer for a name outside of them is
    /// [`Proof::Indeterminate`]: it is used, except for a [secure](crate::Source::secure) source.
    ///
    /// An alias is judged by the name that it leads to, too. From the first name outside of the domains on,
    /// nothing is validated, and the whole answer is `Indeterminate`.
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
