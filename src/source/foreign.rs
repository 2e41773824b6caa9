//! Guesses what was meant by a text that is no source.

use std::net::{IpAddr, SocketAddr};

use libp2p_core::multiaddr::Protocol;

use super::{SourceError, multiaddr::address, name};

/// Why a text that starts with neither `/` nor `srv:` is not a source.
pub(super) fn foreign(text: &str) -> SourceError {
    let given = text.to_owned();
    if let Some((host, port)) = host_and_port(text) {
        return SourceError::HostPort { given, suggestion: format!("{host}/tcp/{port}") };
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        let suggestion = format!("{}/tcp/4001", Protocol::from(ip));
        return SourceError::BareHost { given, suggestion };
    }
    if text.contains('/') && address(&format!("/{text}")).is_ok() {
        let reason = format!("a multiaddr starts with `/`: write `/{text}`");
        return SourceError::Component { at: 0, component: given, reason };
    }
    if let Some((host, port)) = text.rsplit_once(':')
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return SourceError::Port { at: host.len(), component: format!(":{port}") };
    }
    if let Some((scheme, _)) = text.split_once(':') {
        return SourceError::UnknownScheme { scheme: scheme.to_owned() };
    }
    match name::name(text, 0) {
        Ok(_) if text.starts_with('_') => {
            SourceError::BareHost { given, suggestion: format!("srv:{text}") }
        }
        Ok(_) => SourceError::BareHost { given, suggestion: format!("/dns/{text}/tcp/4001") },
        Err(error) => error,
    }
}

/// The address of the host as a multiaddr, and the port.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some((Protocol::from(socket.ip()).to_string(), socket.port()));
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    name::name(host, 0).ok()?;
    Some((format!("/dns/{host}"), port))
}
