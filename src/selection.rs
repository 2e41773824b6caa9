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
/// A selection applies to each [family](crate::Family) by itself: `Lowest(3)` has three *places* for IPv4
/// and three for IPv6. A verified peer that the selection picks takes a place: the node connects to the
/// peer, and verifies it regularly. One peer takes one place in a family, however many of its addresses are
/// named (with `All`, one for each address). A candidate that cannot be reached takes no place, and the
/// next one in order is tried instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Selection {
    /// `Lowest(3)` if a family has few candidates, and [`Fingers`](Self::Fingers) if it has more than
    /// [`Config::with_auto_limit`](crate::Config::with_auto_limit), 64 by default. So the number of
    /// peers follows the size of the cluster, and in a large cluster no node is the bootstrap peer of all
    /// others.
    ///
    /// If some nodes see fewer candidates than the limit and others see more, they stay connected. A node
    /// that acts as `Lowest` connects to the lowest reachable peer. A node that acts as `Fingers` connects
    /// to its successor in the order. The chain of successors ends at a node that acts as `Lowest`, or
    /// wraps round to the lowest peer.
    #[default]
    Auto,
    /// The first `n` reachable other nodes in order.
    ///
    /// `Lowest(1)` is unsafe if nodes see different answers or reach different addresses: two nodes that
    /// each take the other for the lowest one are then cut off from all others, until a
    /// [random connection](crate::Config::with_repair_interval) joins them.
    Lowest(NonZeroUsize),
    /// The reachable successors at distance 1, 2, 4, … on the ring of the sorted candidates, counted
    /// from this node's own position. If no answer lists this node, the hash of its peer id gives the
    /// position.
    ///
    /// Each node selects about log2 of the cluster's size in peers, and about as many nodes select it.
    /// Each of these peers is a *finger*. A finger changes only when its peer is lost, or when so many
    /// candidates came or went in between that the peer is clearly no longer at its distance.
    Fingers,
    /// All candidates. For small clusters: `n` nodes make `n * (n - 1)` connections.
    All,
}

impl Selection {
    /// Whether one peer takes one place in a family, however many of its addresses are named. If not, the
    /// peer takes a place for each of its addresses.
    pub(crate) fn counts_peers(self) -> bool {
        match self {
            Self::Auto | Self::Lowest(_) | Self::Fingers => true,
            Self::All => false,
        }
    }
}

/// How many places `Auto` has in a small cluster: one peer may die, another may be one that only this node
/// sees, and one is left.
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
