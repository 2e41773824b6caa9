//! Why the node is not ready, in lines of text.

use std::collections::HashMap;

use libp2p_dns_discovery::Status;

use super::snapshot::{Isolation, Snapshot, State};
use crate::{clock::Clock, common::words, events::Standing};

/// How many reasons are told: each stands for all addresses that have it.
const TOLD: usize = 16;

/// A reason, and for how many addresses it holds.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) reason: String,
    pub(crate) count: usize,
    /// The first of these addresses.
    pub(crate) first: String,
}

/// The reasons why nobody can be reached, the most frequent first, and how many more there are.
pub(crate) fn groups(isolation: &Isolation) -> (Vec<Group>, usize) {
    let mut groups: Vec<Group> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (candidate, failure) in isolation.reasons.iter() {
        let reason = words::failed(failure);
        let at = *known.entry(reason).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.count += 1,
            None => {
                let (reason, first) = (words::failed(failure), candidate.to_string());
                groups.push(Group { reason, count: 1, first });
            }
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    let more = groups.len().saturating_sub(TOLD);
    groups.truncate(TOLD);
    (groups, more)
}

/// Why the node is not ready: one line for each reason. Empty if it is.
pub(crate) fn lines(snapshot: &Snapshot, standing: Option<Standing>, clock: Clock) -> Vec<String> {
    let Some(standing) = standing else { return vec!["the node has not started yet".to_owned()] };
    if standing.leaving {
        return vec!["the node was asked to end".to_owned()];
    }
    let mut lines = match standing.status {
        Status::Isolated => isolated(snapshot, clock),
        Status::Starting => starting(snapshot),
        _ => return Vec::new(),
    };
    for looked in &snapshot.sources {
        if let Some(trouble) = &looked.trouble {
            lines.push(format!("the last look-up of {} failed: {trouble}", looked.source));
        }
    }
    if snapshot.listed == Some(false) {
        lines.push("DNS does not list this node, so that others may not find it".to_owned());
    }
    lines
}

fn isolated(snapshot: &Snapshot, clock: Clock) -> Vec<String> {
    let Some(isolation) = &snapshot.isolation else { return Vec::new() };
    let (failed, others) = (isolation.failed, isolation.others);
    let since = clock.utc(clock.ms(isolation.since));
    let mut lines =
        vec![format!("{failed} of {others} others cannot be reached since {since} UTC")];
    let (groups, more) = groups(isolation);
    for Group { reason, count, first } in groups {
        lines.push(match count {
            1 => format!("{first}: {reason}"),
            _ => format!("{count} addresses, such as {first}: {reason}"),
        });
    }
    if more > 0 {
        lines.push(format!("and {more} more reasons"));
    }
    lines
}

/// What is waited for.
fn starting(snapshot: &Snapshot) -> Vec<String> {
    let unanswered = snapshot.sources.iter().filter(|looked| looked.candidates.is_none());
    let mut lines: Vec<_> =
        unanswered.map(|l| format!("waiting for the first answer to {}", l.source)).collect();
    let others: Vec<_> =
        snapshot.candidates.iter().filter(|n| !matches!(n.state, State::Itself)).collect();
    let failed = others.iter().filter_map(|named| match &named.state {
        State::Unreachable(failure) => Some((&named.candidate, words::failed(failure))),
        State::Rejected(rejection) => Some((&named.candidate, words::rejected(rejection))),
        _ => None,
    });
    match others.len() {
        0 if lines.is_empty() => {
            lines.push("DNS names nobody else so far; waiting until that is certain".to_owned());
        }
        0 => {}
        named => lines.push(format!("waiting for the first of {named} others to be verified")),
    }
    let count = failed.clone().count();
    if let Some((first, reason)) = failed.clone().next() {
        lines.push(format!("{count} could not be so far, such as {first}: {reason}"));
    }
    lines
}
