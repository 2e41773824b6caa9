//! What a publisher tells.

use std::time::Duration;

use libp2p_core::Multiaddr;

use super::updater::UpdateError;

/// What a [`Publisher`](super::Publisher) tells. In a steady state it tells nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The zone names this node by these addresses, and by no others: for the first time, after a
    /// change, or after a record of ours had been lost.
    #[non_exhaustive]
    Published {
        /// The addresses, with `/p2p/ID`, in order. Empty when none of this node's is left.
        addresses: Vec<Multiaddr>,
        /// What was not published: past the bound, longer than a reader takes, or configured and
        /// unfit (another peer's id, a port 0). Addresses that the filter keeps out are not told.
        left_out: Vec<Multiaddr>,
    },
    /// Records were deleted that named our addresses under other ids: of an earlier life of this
    /// node with another key, or of a former tenant of the address.
    ///
    /// If it comes again and again, another node publishes the same address; see
    /// [the module](super#addresses-that-several-nodes-have).
    #[non_exhaustive]
    Removed {
        /// What they named, with the other `/p2p/ID`, in order.
        addresses: Vec<Multiaddr>,
    },
    /// The zone could not be read or updated. It is tried again for ever. Told for the first
    /// failure of a kind, and then when their number has doubled.
    #[non_exhaustive]
    Failed {
        /// Why, and what to do.
        error: UpdateError,
        /// How many failures there have been in a row.
        failures: u32,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// Nothing that was published is in the zone any more, or nothing ever was: the publisher is
    /// done.
    Withdrawn,
}
