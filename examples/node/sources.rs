//! Where to look: from the command line, or else from the environment.

use std::env::{self, VarError};

use libp2p_dns_discovery::Source;

use crate::common::run::Stop;

const VARIABLE: &str = "DISCOVERY_SOURCES";

/// The sources given by flags, or else by the environment.
pub(crate) fn sources(flags: &[Source]) -> Result<Vec<Source>, Stop> {
    if !flags.is_empty() {
        return Ok(flags.to_vec());
    }
    let text = match env::var(VARIABLE) {
        Ok(text) => text,
        Err(VarError::NotPresent) => String::new(),
        Err(VarError::NotUnicode(_)) => {
            return Err(Stop::Usage(format!("the environment's {VARIABLE} is not UTF-8")));
        }
    };
    let sources = parse(&text)?;
    if sources.is_empty() {
        return Err(Stop::Usage(format!(
            "no source; say where to look with `--source`, such as `--source \
             /dns/peers.example/tcp/4001`, or in the environment's {VARIABLE}"
        )));
    }
    Ok(sources)
}

fn parse(text: &str) -> Result<Vec<Source>, Stop> {
    let written = text.split(|c: char| c == ',' || c.is_whitespace());
    let written = written.filter(|source| !source.is_empty());
    let parse = |source: &str| {
        source.parse().map_err(|error| {
            Stop::Usage(format!(
                "invalid source `{source}` in the environment's {VARIABLE}: {error}"
            ))
        })
    };
    written.map(parse).collect()
}
