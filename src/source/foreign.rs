//! Guesses which source the author of a wrong text meant.

use std::net::{IpAddr, Ipv6Addr};

use libp2p_core::multiaddr::Protocol;

use super::{SourceError, multiaddr::address, name};

/// Why a text that starts with neither `/` nor `srv:` is not a source.
pub(super) fn foreign(text: &str) -> SourceError {
    match prefixed(text) {
        Some((prefix, rest)) => without_prefix(prefix, rest),
        None => read(text, 0),
    }
}

/// Reads what stands from byte `at` on.
fn read(text: &str, at: usize) -> SourceError {
    let given = text.to_owned();
    if let Some(ip) = ip(text) {
        return SourceError::BareHost { given, suggestion: format!("{ip}/tcp/4001") };
    }
    if text.contains('/') && address(&format!("/{text}")).is_ok() {
        let reason = format!("a multiaddr starts with `/`: write `/{text}`");
        return SourceError::Component { at, component: given, reason };
    }
    let (before, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
    if let Some((host, port)) = host_and_port(before) {
        let Some(port) = port.parse().ok().filter(|port: &u16| *port != 0) else {
            let (at, component) = (at + host.len(), format!(":{port}"));
            return SourceError::Port { at, component };
        };
        return match named(host, at).map(|host| format!("{host}/tcp/{port}")) {
            Ok(start) => {
                let whole = format!("{start}{rest}");
                let suggestion = if address(&whole).is_ok() { whole } else { start };
                SourceError::HostPort { given, suggestion }
            }
            Err(error) => error,
        };
    }
    if let Some((scheme, _)) = text.split_once(':').filter(|_| !text.starts_with('[')) {
        return SourceError::UnknownScheme { scheme: scheme.to_owned() };
    }
    match named(text, at) {
        Ok(_) if text.starts_with('_') => {
            SourceError::BareHost { given, suggestion: format!("srv:{text}") }
        }
        Ok(host) => SourceError::BareHost { given, suggestion: format!("{host}/tcp/4001") },
        Err(error) => error,
    }
}

/// The host as a multiaddr.
fn named(host: &str, at: usize) -> Result<String, SourceError> {
    if let Some(ip) = ip(host) {
        return Ok(ip);
    }
    if host.starts_with('[') {
        let reason = "an IPv6 address stands in brackets; write `/ip6/fd00::7/tcp/4001`".to_owned();
        return Err(SourceError::Component { at, component: host.to_owned(), reason });
    }
    name::name(host, at).map(|_| format!("/dns/{host}"))
}

/// An IP address as a multiaddr; one of IPv6 may stand in brackets, and have a zone (RFC 4007 section
/// 11).
fn ip(text: &str) -> Option<String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let v6 = bare.unwrap_or(text);
    if let Some((ip, zone)) = v6.split_once('%') {
        let ip: Ipv6Addr = ip.parse().ok().filter(|_| !zone.is_empty())?;
        return Some(format!("/ip6zone/{zone}/ip6/{ip}"));
    }
    match v6.parse().ok()? {
        IpAddr::V4(_) if bare.is_some() => None,
        ip => Some(Protocol::from(ip).to_string()),
    }
}

/// What stands before and behind the last colon, where that is a number.
fn host_and_port(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((host, port))
}

/// A prefix by which other programs say how a name is looked up: `dns+`, `dnssrv+`, `dnssrvnoa+`.
fn prefixed(text: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = text.split_once('+')?;
    prefix.bytes().all(|byte| byte.is_ascii_alphanumeric()).then_some((prefix, rest))
}

fn without_prefix(prefix: &str, rest: &str) -> SourceError {
    let component = format!("{prefix}+");
    let host = host_and_port(rest).map_or(rest, |(host, _)| host);
    let reason = match read(rest, component.len()) {
        // SRV records say the port.
        _ if prefix.contains("srv") && name::name(host, 0).is_ok() => format!("write `srv:{host}`"),
        SourceError::HostPort { suggestion, .. } | SourceError::BareHost { suggestion, .. } => {
            format!("write `{suggestion}`")
        }
        error => error.to_string(),
    };
    let reason = format!("no source starts like that; {reason}");
    SourceError::Component { at: 0, component, reason }
}
