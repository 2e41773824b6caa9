//! Which candidates this node verifies and connects to.

use std::{fmt, num::NonZeroUsize, str::FromStr};

/// Which candidates this node verifies and connects to.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use libp2p_dns_discovery::{Config, Selection};
///
/// let five = NonZeroUsize::new(5).expect("not zero");
/// let config = Config::new().with_selection(Selection::Lowest(five));
///
/// // In a command line or a file: `auto`, `lowest:N`, `fingers` or `all`.
/// assert_eq!("lowest:5".parse(), Ok(Selection::Lowest(five)));
/// assert_eq!(Selection::default().to_string(), "auto");
/// # let _ = config;
/// ```
///
/// A selection counts per [family](crate::Family). A candidate that cannot be reached is passed
/// over, and the next one in order is taken instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Selection {
    /// `Lowest(3)` where a family has few candidates, and [`Fingers`](Self::Fingers) where it has
    /// many: more than [`Config::with_auto_limit`](crate::Config::with_auto_limit), 64 by default.
    /// The number of peers follows the size of the cluster, and no node is the bootstrap peer of
    /// all others in a large cluster.
    ///
    /// Nodes on different sides of the limit stay connected. A node with `Lowest` connects to the
    /// lowest reachable peer. A node with `Fingers` connects to its successor. The chain of
    /// successors ends at a node with `Lowest`, or wraps round to the lowest peer.
    #[default]
    Auto,
    /// The first `n` reachable other nodes in order.
    ///
    /// `Lowest(1)` is unsafe where nodes see different answers or reach different addresses. Two
    /// nodes that each see the other as their lowest are then an island of their own.
    Lowest(NonZeroUsize),
    /// The reachable successors at distance 1, 2, 4, … on the ring of the sorted candidates,
    /// counted from this node's own place. A node that no answer lists has the place that the hash
    /// of its peer id gives it.
    ///
    /// Each node selects about as many peers as the logarithm of the cluster's size, and about as
    /// many nodes select it. A finger changes only when its peer is lost or its target has clearly
    /// moved.
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

/// A text that is not a [`Selection`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectionError(String);
