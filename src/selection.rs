//! Which candidates this node verifies and connects to.

use std::{fmt, num::NonZeroUsize, str::FromStr};

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
