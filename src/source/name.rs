//! Reads DNS names.

use std::net::Ipv4Addr;

use hickory_proto::rr::Name;

use super::SourceError;

/// RFC 1035 section 2.3.4.
const MAX_LABEL: usize = 63;

/// Reads a name and puts it in lower case. It is absolute if it ends in a dot.
pub(super) fn name(text: &str, at: usize) -> Result<Name, SourceError> {
    let bad = |reason: String| SourceError::Name { at, name: text.to_owned(), reason };
    check(text).map_err(&bad)?;
    match Name::from_ascii(text) {
        Ok(name) => Ok(name.to_lowercase()),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// Where the TXT records of `/dnsaddr/NAME` are.
pub(super) fn dnsaddr_owner(name: &Name, at: usize) -> Result<Name, SourceError> {
    name.prepend_label("_dnsaddr").map_err(|_| SourceError::Name {
        at,
        name: name.to_ascii(),
        reason: "with `_dnsaddr.` in front it is longer than 255 bytes on the wire".to_owned(),
    })
}

fn check(text: &str) -> Result<(), String> {
    let relative = text.strip_suffix('.').unwrap_or(text);
    if relative.is_empty() {
        return Err("it is empty; write a host's name, such as `peers.example`".to_owned());
    }
    if relative.parse::<Ipv4Addr>().is_ok() {
        return Err(format!("it is an IP address; write `/ip4/{relative}/tcp/4001`"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(c) = text.chars().find(|c| !allowed(*c)) {
        let reason = format!("`{c}` is not a letter, a digit, `-`, `_` or `.`");
        return Err(match Name::from_utf8(text) {
            _ if c.is_ascii() => reason,
            Ok(name) => {
                format!("{reason}; write `{}`, which is the same in Punycode", name.to_ascii())
            }
            Err(_) => format!("{reason}; write other alphabets in Punycode (`xn--…`)"),
        });
    }
    for label in relative.split('.') {
        if label.is_empty() {
            return Err("it has an empty label: remove the doubled or leading `.`".to_owned());
        }
        if label.len() > MAX_LABEL {
            return Err(format!("its label `{label}` is longer than {MAX_LABEL} bytes"));
        }
        if label.starts_with('-') {
            return Err(format!("its label `{label}` starts with `-`"));
        }
    }
    // Each label is preceded by its length, and the root label is one more byte.
    if relative.len() + 2 > Name::MAX_LENGTH {
        return Err(format!("it is longer than {} bytes on the wire", Name::MAX_LENGTH));
    }
    Ok(())
}
