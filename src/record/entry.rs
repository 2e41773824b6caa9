//! The entries of `dnsaddr` records: the text of a TXT record → a name to look up, or an address to dial.

use std::collections::BTreeSet;

use hickory_proto::rr::{RData, Record, rdata::TXT};

use super::dropped::{Dropped, Why};
use crate::{
    dnsaddr,
    source::{self, Kind},
};

/// The text of a TXT record: its character-strings together, one of which holds 255 bytes at most.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text {
    /// The whole text. Of a text that is too long, only the start that is reported in an event.
    bytes: Vec<u8>,
    is_too_long: bool,
}

/// The texts of TXT records, sorted, without duplicates. Texts of more than `longest` bytes are not copied as a
/// whole.
pub(crate) fn texts<'a>(
    records: impl IntoIterator<Item = &'a Record>,
    longest: usize,
) -> BTreeSet<Text> {
    records
        .into_iter()
        .filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(text_of(txt, longest)),
            _ => None,
        })
        .collect()
}

fn text_of(txt: &TXT, longest: usize) -> Text {
    let is_too_long = dnsaddr::len(txt) > longest;
    // A character has four bytes at the most.
    let most = if is_too_long { 4 * Dropped::LONGEST } else { longest };
    Text { bytes: dnsaddr::bytes(txt).take(most).collect(), is_too_long }
}

/// Reads the text of a TXT record at `_dnsaddr.NAME` ([addressing in libp2p]), which may have
/// `longest` bytes; `None` if it is about something else.
///
/// [addressing in libp2p]: https://github.com/libp2p/specs/tree/master/addressing#multiaddr-basics
pub(crate) fn dnsaddr(text: &Text, longest: usize) -> Option<Result<Kind, Dropped>> {
    let entry = dnsaddr::address(&text.bytes)?;
    let dropped = |why| Dropped::new(&String::from_utf8_lossy(&text.bytes), why);
    if text.is_too_long {
        return Some(Err(dropped(Why::TooLong(longest))));
    }
    Some(read_entry(entry).map_err(|reason| dropped(Why::Malformed(reason))))
}

fn read_entry(entry: &[u8]) -> Result<Kind, String> {
    let entry = str::from_utf8(entry).map_err(|error| error.to_string())?;
    if let Some(at) = entry.find(|c: char| c.is_control() || c.is_whitespace() || c == '|') {
        return Err(format!("byte {at} cannot be part of an address"));
    }
    let mut kind = source::address(entry).map_err(|error| error.to_string())?;
    // A name in a record is absolute: no search list applies to what a zone says.
    match &mut kind {
        Kind::Host(host) => host.name.set_fqdn(true),
        Kind::Dnsaddr(dnsaddr) => dnsaddr.owner.set_fqdn(true),
        Kind::Srv(_) | Kind::Static(_) => {}
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;
    use proptest::prelude::*;

    use super::*;

    const PEER: &str = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN";

    #[test]
    fn character_strings_are_joined() {
        let txt = |parts: Vec<&[u8]>| {
            Record::from_rdata(Name::root(), 5, RData::TXT(TXT::from_bytes(parts)))
        };
        let records =
            [txt(vec![b"dnsaddr=/ip4/10.0", b".0.7/tcp/1"]), txt(vec![b"b"]), txt(vec![b"b"])];
        let texts = texts(&records, 1024);
        assert_eq!(texts.len(), 2);
        assert!(texts.contains(&text(b"dnsaddr=/ip4/10.0.0.7/tcp/1", 1024)));
    }

    /// Fails if a text is copied before its length is looked at.
    #[test]
    fn a_text_that_is_too_long_is_not_copied() {
        let long = vec![b'x'; 60_000];
        assert_eq!(text(&long, 60_000).bytes.len(), 60_000);
        let cut = text(&long, 59_999);
        assert!(cut.is_too_long);
        assert!(cut.bytes.capacity() <= 1024, "{}", cut.bytes.capacity());
    }

    /// As a record carries it.
    fn text(bytes: &[u8], longest: usize) -> Text {
        text_of(&TXT::from_bytes(bytes.chunks(255).collect()), longest)
    }

    fn read_text(bytes: &[u8], longest: usize) -> Option<Result<Kind, Dropped>> {
        dnsaddr(&text(bytes, longest), longest)
    }

    #[test]
    fn dnsaddr_entries() {
        let read = |text: &str| match read_text(text.as_bytes(), 1024) {
            None => "unrelated".to_owned(),
            Some(Ok(kind)) => kind.to_string(),
            Some(Err(dropped)) => format!("{}: {}", dropped.what, dropped.why),
        };
        for (text, expected) in [
            ("v=spf1 -all", "unrelated"),
            ("", "unrelated"),
            ("DNSADDR=/ip4/10.0.0.7/tcp/1", "unrelated"),
            ("dnsaddr=/ip4/10.0.0.7/tcp/1", "/ip4/10.0.0.7/tcp/1"),
            ("dnsaddr=/memory/7", "/memory/7"),
            (
                &format!("dnsaddr=/ip6/fd00::7/tcp/1/p2p/{PEER}"),
                &format!("/ip6/fd00::7/tcp/1/p2p/{PEER}"),
            ),
            ("dnsaddr=/dns4/A.example/tcp/1", "/dns4/a.example./tcp/1"),
            ("dnsaddr=/dnsaddr/A.example", "/dnsaddr/a.example."),
            (&format!("dnsaddr=/dnsaddr/a/p2p/{PEER}"), &format!("/dnsaddr/a./p2p/{PEER}")),
        ] {
            assert_eq!(read(text), expected);
        }
        for (text, part) in [
            ("dnsaddr=", "empty"),
            ("dnsaddr=10.0.0.7:1", "starts with `/`"),
            ("dnsaddr=/ip4/10.0.0.7", "no transport"),
            ("dnsaddr=/ip4/10.0.0.7/tcp/0", "port"),
            ("dnsaddr=/ip4/10.0.0.7/tcp/1 ", "byte 19"),
            ("dnsaddr=/ip6zone/\u{1b}[2J/ip6/fe80::1/tcp/1", "byte 9"),
            ("dnsaddr=/dns4/a/tcp/1|/tcp/2", "byte 13"),
            ("dnsaddr=srv:_tcp.a", "starts with `/`"),
            ("dnsaddr=/p2p/Qm", "bad peer id"),
        ] {
            let dropped = read(text);
            assert!(dropped.contains("not a `dnsaddr` entry"), "{dropped}");
            assert!(dropped.contains(part), "{dropped}\nlacks: {part}");
        }
    }

    #[test]
    fn what_is_dropped_is_bounded_and_printable() {
        let long = [b"dnsaddr=".as_slice(), &[b'\x1b'; 2000]].concat();
        let Some(Err(dropped)) = read_text(&long, 1024) else { panic!() };
        assert_eq!(dropped.why, Why::TooLong(1024));
        assert!(dropped.what.starts_with("dnsaddr=\\u{1b}"));
        assert!(dropped.what.len() < 1000);
        let exact = format!("dnsaddr=/dns4/{}/tcp/1", "a".repeat(3));
        assert!(matches!(read_text(exact.as_bytes(), exact.len()), Some(Ok(_))));
        assert!(matches!(read_text(exact.as_bytes(), exact.len() - 1), Some(Err(_))));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text: Vec<u8>) {
            let text = [b"dnsaddr=".as_slice(), &text].concat();
            if let Some(Err(dropped)) = read_text(&text, 1024) {
                prop_assert!(dropped.what.is_ascii());
            }
        }

        #[test]
        fn any_path_is_read_without_a_panic(
            text in "(/(dns|dnsaddr|ip4|p2p|tcp|tls|ws|sni|unix|certhash|a[.]b|1|10[.]0[.]0[.]7|\\PC){0,2}){0,7}"
        ) {
            if let Some(Ok(kind)) = read_text(format!("dnsaddr={text}").as_bytes(), 1024) {
                prop_assert!(!kind.to_string().is_empty());
            }
        }
    }
}
