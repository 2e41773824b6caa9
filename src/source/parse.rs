//! Reads a written source.

use std::iter;

use super::{
    SourceError,
    foreign::foreign,
    kind::{Kind, Srv},
    multiaddr::address,
    name,
    options::Options,
    parts::Parts,
    upper::tails,
};

const SRV: &str = "srv:";

/// Reads any form, and the options behind it.
pub(super) fn source(text: &str) -> Result<(Kind, Options), SourceError> {
    if let Some(at) = text.find(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(SourceError::Whitespace { at });
    }
    if let Some((scheme, _)) = text.split_once("://")
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    {
        return Err(SourceError::Url { scheme: scheme.to_owned() });
    }
    let (body, options) = match text.split_once('?') {
        Some((body, written)) => (body, Options::read(written, body.len() + 1)?),
        None => (text, Options::default()),
    };
    let kind = kind(body).map_err(|error| error.with_options(&text[body.len()..]))?;
    Ok((kind, options))
}

fn kind(body: &str) -> Result<Kind, SourceError> {
    if matches!(body, "" | "/") {
        Err(SourceError::Empty)
    } else if body.starts_with('/') {
        address(body)
    } else if body.get(..SRV.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SRV)) {
        srv(body)
    } else {
        Err(foreign(body))
    }
}

fn srv(text: &str) -> Result<Kind, SourceError> {
    let end = text.find(['/', '|']).unwrap_or(text.len());
    let owner = name::name(&text[SRV.len()..end], SRV.len())?;
    let (first, more) = Parts::alternatives(text, end);
    let (tails, pin) = tails(iter::once(first).chain(more), |upper| upper.with_srv_port(&owner))?;
    Ok(Kind::Srv(Srv { owner, tails, pin }))
}
