//! What changes on the page from one snapshot to another.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::{parts::PARTS, rows::Row, snapshot::Snapshot};
use crate::clock::Clock;

/// With more rows than this to write, or to take away, the page is loaded anew.
const MOST: usize = 500;

/// What changes.
#[derive(Debug, Serialize)]
pub(crate) struct Patch {
    from: String,
    to: String,
    /// The parts that read otherwise, by their names.
    parts: BTreeMap<&'static str, String>,
    lists: BTreeMap<&'static str, Rows>,
}

/// What changes in a list.
#[derive(Debug, Default, Serialize)]
struct Rows {
    /// The keys of rows that go.
    gone: Vec<String>,
    /// Rows that come or change, from the last to the first.
    put: Vec<Put>,
}

#[derive(Debug, Serialize)]
struct Put {
    key: String,
    html: String,
    /// The key of the row that follows; `null` at the end.
    before: Option<String>,
}

/// What changes between two versions; `None` if that is too much.
pub(crate) fn between(
    old: &Snapshot,
    new: &Snapshot,
    (from, to): (String, String),
    clock: Clock,
) -> Option<Patch> {
    let mut parts = BTreeMap::new();
    for (name, write) in PARTS {
        let (before, after) = (write(old, clock).into_string(), write(new, clock).into_string());
        if before != after {
            parts.insert(name, after);
        }
    }
    let lists = [
        ("candidates", rows(&old.candidates, &new.candidates, clock)?),
        ("verified", rows(&old.verified, &new.verified, clock)?),
        ("events", rows(&old.told, &new.told, clock)?),
    ];
    let changed =
        lists.into_iter().filter(|(_, rows)| !rows.gone.is_empty() || !rows.put.is_empty());
    Some(Patch { from, to, parts, lists: changed.collect() })
}

/// What changes in a list whose rows keep their order, which those of the discovery do; `None` if
/// they do not, or if too much changes.
fn rows<R: Row>(old: &[R], new: &[R], clock: Clock) -> Option<Rows> {
    let places: HashMap<_, _> = old.iter().enumerate().map(|(i, row)| (row.id(), i)).collect();
    let mut stays = vec![false; old.len()];
    let mut last = None;
    let mut changed = Vec::new();
    for (i, row) in new.iter().enumerate() {
        match places.get(&row.id()) {
            Some(&place) if last.is_some_and(|last| place <= last) => return None,
            Some(&place) => {
                stays[place] = true;
                last = Some(place);
                if old[place] != *row {
                    changed.push(i);
                }
            }
            None => changed.push(i),
        }
    }
    let gone = stays.iter().filter(|stays| !**stays).count();
    if gone + changed.len() > MOST {
        return None;
    }
    let gone = old.iter().zip(stays).filter(|(_, stays)| !stays).map(|(row, _)| row.key());
    let put = changed.into_iter().rev().map(|i| Put {
        key: new[i].key(),
        html: new[i].html(clock).into_string(),
        before: new.get(i + 1).map(Row::key),
    });
    Some(Rows { gone: gone.collect(), put: put.collect() })
}
