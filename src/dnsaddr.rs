//! What a `dnsaddr` record says: `dnsaddr=ADDRESS`, in the character-strings of a TXT record
//! ([addressing in libp2p]).
//!
//! The zone and the publisher write such records; the reader and the publisher read them. This module does
//! not judge the address: the reader takes only an address that it can look up or dial, and the publisher
//! recognises whatever it once wrote.
//!
//! [addressing in libp2p]: https://github.com/libp2p/specs/tree/master/addressing#multiaddr-basics

use std::fmt::Display;

use hickory_proto::rr::rdata::TXT;

const PREFIX: &str = "dnsaddr=";
/// RFC 1035 section 3.3: one character-string of a TXT record.
const MAX_CHARACTER_STRING: usize = 255;

/// The record that names an address.
#[cfg(feature = "publish")]
pub(crate) fn record(address: impl Display) -> TXT {
    txt(text(address).as_bytes())
}

/// The text of the record that names an address.
pub(crate) fn text(address: impl Display) -> String {
    format!("{PREFIX}{address}")
}

/// The record that holds a text, in as many character-strings as it takes.
pub(crate) fn txt(text: &[u8]) -> TXT {
    // A TXT record has one character-string at least (RFC 1035 section 3.3.14).
    let strings = match text {
        [] => vec![text],
        _ => text.chunks(MAX_CHARACTER_STRING).collect(),
    };
    TXT::from_bytes(strings)
}

/// The text of a record: its character-strings, one after another.
pub(crate) fn bytes(txt: &TXT) -> impl Iterator<Item = u8> {
    txt.txt_data.iter().flatten().copied()
}

/// How long the text of a record is.
pub(crate) fn len(txt: &TXT) -> usize {
    txt.txt_data.iter().map(|part| part.len()).sum()
}

/// Whether a record is one: zones keep all sorts of things in TXT records.
pub(crate) fn is_dnsaddr(txt: &TXT) -> bool {
    bytes(txt).take(PREFIX.len()).eq(PREFIX.bytes())
}

/// What the text of a record names; `None` if it is about something else.
pub(crate) fn address(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(PREFIX.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(txt: &TXT) -> Vec<usize> {
        txt.txt_data.iter().map(|part| part.len()).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let long = format!("/dns4/{}/tcp/1", "a".repeat(600));
        for address in ["", "/ip4/10.0.0.7/tcp/1", &long] {
            let txt = txt(text(address).as_bytes());
            assert!(is_dnsaddr(&txt));
            let text = Vec::from_iter(bytes(&txt));
            assert_eq!(len(&txt), text.len());
            assert_eq!(super::address(&text), Some(address.as_bytes()));
        }
    }

    #[test]
    fn a_text_is_cut_into_character_strings_of_which_there_is_one_at_least() {
        for (length, strings) in
            [(0, vec![0]), (1, vec![1]), (255, vec![255]), (256, vec![255, 1]), (510, vec![255; 2])]
        {
            assert_eq!(lengths(&txt(&vec![b'x'; length])), strings);
        }
    }

    #[test]
    fn the_prefix_may_be_spread_over_character_strings_and_is_in_lower_case() {
        let spread = TXT::from_bytes(vec![b"dns", b"", b"addr=", b"/ip4/10.0.0.7"]);
        assert!(is_dnsaddr(&spread));
        for other in ["", "dnsaddr", "DNSADDR=/memory/7", "v=spf1 -all", " dnsaddr="] {
            assert!(!is_dnsaddr(&txt(other.as_bytes())), "{other}");
            assert_eq!(address(other.as_bytes()), None, "{other}");
        }
    }
}
