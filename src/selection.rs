//! Which candidates this node verifies and connects to.

use std::{fmt, num::NonZeroUsize, str::FromStr};

/// Which candidates this node verifies and connects to.
///
/// Written `auto`, `lowest:N`, `fingers` or `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Selection {
    /// `Lowest(3)` where a family has few candidates, [`Fingers`](Self::Fingers) where it has many:
    /// more than [`Config::with_auto_limit`](crate::Config::with_auto_limit), 64 by default. So the
    /// number of peers follows the size of the cluster, and nobody is everyone's bootstrap peer in a
    /// large one.
    ///
    /// Nodes on different sides of the limit stay connected: one with `Lowest` has an edge to the
    /// lowest reachable peer; one with `Fingers` has one to its successor, whose successors end at a
    /// node with `Lowest`, or wrap round to the lowest.
    #[default]
    Auto,
    /// Per [family](crate::Family), the first `n` reachable others in order; those that cannot be
    /// reached are walked past.
    ///
    /// `Lowest(1)` is unsafe where nodes see different answers or reach different addresses: two
    /// nodes that each see the other as their lowest are then an island of their own.
    Lowest(NonZeroUsize),
    /// Per family, the successors at distance 1, 2, 4, … on the ring of the sorted candidates, from our
    /// own place in it; those that cannot be reached are walked past. A node that no answer lists
    /// takes the place that the hash of its peer id gives it.
    ///
    /// Everybody has the logarithm of the cluster's size in peers, and is that of as many. A finger
    /// changes only when its peer is lost or its target clearly moved.
    Fingers,
    /// All candidates. For small clusters: `n` nodes make `n * (n - 1)` connections.
    All,
}

impl Selection {
    /// Whether one peer takes one place in a family, however many of its addresses are named; or one
    /// for each of them.
    pub(crate) fn counts_peers(self) -> bool {
        match self {
            Self::Auto | Self::Lowest(_) | Self::Fingers => true,
            Self::All => false,
        }
    }
}

/// How many places `Auto` has in a small cluster: one may die, and one may be seen by us alone, and still two
/// are left.
pub(crate) const LOWEST: NonZeroUsize = NonZeroUsize::new(3).expect("three is not zero");

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Lowest(n) => write!(f, "lowest:{n}"),
            Self::Fingers => f.write_str("fingers"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s.split_once(':') {
            None if s == "auto" => Ok(Self::Auto),
            None if s == "fingers" => Ok(Self::Fingers),
            None if s == "all" => Ok(Self::All),
            Some(("lowest", n)) => match n.parse() {
                Ok(n) => Ok(Self::Lowest(n)),
                Err(_) => Err(SelectionError(format!(
                    "`{n}` after `lowest:` is not a whole number above zero; write for example \
                     `lowest:3`"
                ))),
            },
            _ => Err(SelectionError(format!(
                "unknown selection `{s}`; write `auto`, `lowest:N` (for example \
                 `lowest:3`), `fingers` or `all`"
            ))),
        }
    }
}

/// A string that is no [`Selection`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectionError(String);
