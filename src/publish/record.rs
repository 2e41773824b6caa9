//! One address as a TXT record, and back.

use hickory_proto::rr::rdata::TXT;
use libp2p_core::{Multiaddr, multiaddr::Protocol};

use crate::{candidate::Candidate, dnsaddr};

/// What readers of this crate take of one record.
const LONGEST: usize = 1_024;

/// The record that names an address.
pub(super) fn write(address: &Candidate) -> TXT {
    dnsaddr::record(address)
}

/// The address that a record names; `None` if it names none, or leads to other records.
pub(super) fn read(txt: &TXT) -> Option<Candidate> {
    let text = Vec::from_iter(dnsaddr::bytes(txt));
    let address: Multiaddr = str::from_utf8(dnsaddr::address(&text)?).ok()?.parse().ok()?;
    match address.iter().next() {
        None | Some(Protocol::Dnsaddr(_)) => None,
        Some(_) => Some(Candidate::new(&address)),
    }
}

/// Whether readers take the record that names it.
pub(super) fn is_readable(address: &Candidate) -> bool {
    dnsaddr::text(address).len() <= LONGEST
}

/// How many bytes a record takes in an answer: beside the text, its owner by reference, its type,
/// class, TTL and length, and the length of each character-string.
pub(super) fn size(txt: &TXT) -> usize {
    12 + txt.txt_data.iter().map(|part| 1 + part.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use libp2p_identity::PeerId;

    use super::*;

    #[test]
    fn a_long_text_is_several_character_strings() {
        let name = format!("{}.example", "a".repeat(300));
        let address = format!("/ip4/10.0.0.7/tcp/1/tls/sni/{name}/ws/p2p/{}", PeerId::random());
        let address = Candidate::new(&address.parse().unwrap());
        let txt = write(&address);
        let lengths: Vec<_> = txt.txt_data.iter().map(|part| part.len()).collect();
        assert_eq!((lengths[0], lengths.len()), (255, 2));
        assert_eq!(read(&txt), Some(address.clone()));
        assert_eq!(size(&txt), 12 + 2 + dnsaddr::text(&address).len());
    }

    #[test]
    fn what_is_no_address_is_not_read() {
        for text in [
            "",
            "v=spf1 -all",
            "dnsaddr=",
            "dnsaddr=peers.example",
            "DNSADDR=/ip4/10.0.0.7/tcp/1",
            "dnsaddr=/dnsaddr/peers.example",
        ] {
            assert_eq!(read(&TXT::from_bytes(vec![text.as_bytes()])), None, "{text}");
        }
        assert_eq!(read(&TXT::from_bytes(vec![b"dnsaddr=\xff"])), None);
    }
}
