//! A question to name servers, and whether the signatures shall come with the reply.

use hickory_proto::op::{DnsRequest, DnsRequestOptions, Query as Question};

/// What passes every path without being fragmented (DNS flag day 2020).
pub(super) const UDP_PAYLOAD: u16 = 1232;

/// What servers are asked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) question: Question,
    /// Whether the reply shall bring its signatures (the bit `DO`, RFC 3225).
    pub(super) signed: bool,
}

impl Ask {
    /// The message to send, with EDNS or without it. Signatures take EDNS (RFC 3225 section 3).
    pub(super) fn request(&self, edns: bool) -> DnsRequest {
        let mut options = DnsRequestOptions::default();
        options.use_edns = edns;
        options.edns_payload_len = UDP_PAYLOAD;
        options.edns_set_dnssec_ok = self.signed;
        options.recursion_desired = true;
        DnsRequest::from_query(self.question.clone(), options)
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RecordType};

    use super::*;

    #[test]
    fn a_request_offers_what_a_datagram_can_bring_and_asks_for_signatures_where_told() {
        for signed in [false, true] {
            let question = Question::query(Name::root(), RecordType::TXT);
            let request = Ask { question: question.clone(), signed }.request(true);
            assert_eq!(request.queries, [question]);
            assert!(request.metadata.recursion_desired);
            let edns = request.edns.as_ref().expect("EDNS is used");
            assert_eq!((edns.max_payload(), edns.flags().dnssec_ok), (UDP_PAYLOAD, signed));
        }
        let ask = Ask { question: Question::query(Name::root(), RecordType::TXT), signed: false };
        assert!(ask.request(false).edns.is_none());
    }
}
