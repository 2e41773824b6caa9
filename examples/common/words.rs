//! What the discovery tells, in words.

use libp2p_dns_discovery::{Event, Failure, LookupError, Rejection, Source};

use super::run::causes;

/// Why a candidate is not dialled; where a flag would change that, with the flag.
pub(crate) fn rejected(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Loopback => {
            "a loopback address was named by DNS; allow it with `--allow-loopback`".to_owned()
        }
        _ => rejection.to_string(),
    }
}

/// Why an address could not be verified.
pub(crate) fn failed(failure: &Failure) -> String {
    match failure {
        Failure::Rejected(rejection) => rejected(rejection),
        _ => failure.to_string(),
    }
}

/// Why a source could not be looked up.
pub(crate) fn unresolved(source: &Source, error: &LookupError) -> String {
    format!("{source} cannot be resolved: {}", causes(error))
}

/// What an answer says that could not be used, and what it does not say.
pub(crate) fn lacking(event: &Event) -> Vec<String> {
    let (source, complete, missing, dropped, dropped_total) = match event {
        Event::Resolved { source, complete, missing, dropped, dropped_total, .. } => {
            (source, complete, missing, dropped, dropped_total)
        }
        Event::MoreRejected { source, more, .. } => {
            return vec![format!("{source}: {more} more addresses are rejected")];
        }
        Event::Bounded { held, cut: 0, .. } => {
            return vec![format!("all {held} candidates are held")];
        }
        Event::Bounded { held, cut, .. } => {
            return vec![format!("{held} candidates are held, and {cut} are too many")];
        }
        _ => return Vec::new(),
    };
    let mut lacking = Vec::new();
    match missing {
        Some(error) => {
            lacking.push(format!("{source} could be resolved in part only: {}", causes(error)))
        }
        None if !complete => lacking.push(format!("the answer for {source} was cut short")),
        None => {}
    }
    let unused = dropped.iter();
    lacking.extend(unused.map(|what| format!("{source}: not used is {what}")));
    let more = dropped_total.saturating_sub(dropped.len());
    if more > 0 {
        lacking.push(format!("{source}: {more} more records are not used"));
    }
    lacking
}
