//! Which candidates this node verifies and connects to.

use std::{collections::HashSet, fmt, num::NonZeroUsize, str::FromStr};

use libp2p_identity::PeerId;

use crate::candidate::Candidate;

/// Which candidates this node verifies and connects to.
///
/// Written `lowest:N` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Selection {
    /// Per [family](crate::Family), the first `n` reachable others in order; those that cannot be
    /// reached are walked past.
    ///
    /// `Lowest(1)` is unsafe where nodes see different answers or reach different addresses: two
    /// nodes that each see the other as their lowest are then an island of their own.
    Lowest(NonZeroUsize),
    /// All candidates. For small clusters: `n` nodes make `n * (n - 1)` connections.
    All,
}

impl Default for Selection {
    /// `Lowest(3)`: one may die, and one may be seen by us alone, and still two are left.
    fn default() -> Self {
        Self::Lowest(const { NonZeroUsize::new(3).expect("three is not zero") })
    }
}

impl Selection {
    /// How many peers take a place in a family; `None` where there is no bound.
    pub(crate) fn places(self) -> Option<usize> {
        match self {
            Self::Lowest(n) => Some(n.get()),
            Self::All => None,
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lowest(n) => write!(f, "lowest:{n}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s.split_once(':') {
            None if s == "all" => Ok(Self::All),
            Some(("lowest", n)) => match n.parse() {
                Ok(n) => Ok(Self::Lowest(n)),
                Err(_) => Err(SelectionError(format!(
                    "`{n}` after `lowest:` is not a whole number above zero; write for example \
                     `lowest:3`"
                ))),
            },
            _ => Err(SelectionError(format!(
                "unknown selection `{s}`; write `lowest:N`, for example `lowest:3`, or `all`"
            ))),
        }
    }
}

/// A string that is no [`Selection`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectionError(String);

/// What the walk needs to know of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A verified other.
    Verified(PeerId),
    /// Not verified, and to be tried when its turn comes.
    Open,
    /// To be walked past: ourselves, waiting for its back-off, or not wanted.
    Passed,
}

/// The outcome of a walk over one family.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// The candidates whose peers take a place, in order.
    pub(crate) selected: Vec<Candidate>,
    /// The candidates that would take a place if they were verified, in order.
    pub(crate) open: Vec<Candidate>,
    /// How many candidates the walk looked at; those beyond cannot take a place now.
    pub(crate) reach: usize,
}

/// Walks over a family's candidates in order until all places are taken.
pub(crate) fn walk(
    selection: Selection,
    order: &[Candidate],
    mut standing: impl FnMut(&Candidate) -> Standing,
) -> Walk {
    let places = selection.places().unwrap_or(usize::MAX);
    let mut walk = Walk::default();
    let mut taken = HashSet::new();
    for candidate in order {
        if taken.len() == places {
            break;
        }
        walk.reach += 1;
        match standing(candidate) {
            Standing::Verified(peer) if taken.insert(peer) => {
                walk.selected.push(candidate.clone());
            }
            Standing::Open => walk.open.push(candidate.clone()),
            Standing::Verified(_) | Standing::Passed => {}
        }
    }
    walk
}
