//! What a publisher reports.

use std::time::Duration;

use libp2p_core::Multiaddr;

use super::updater::UpdateError;

/// What a [`Publisher`](super::Publisher) reports. While nothing changes, it reports nothing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// The zone names this node by these addresses, and by no others. Reported for the first time,
    /// after a change, and after a record of this node had been lost.
    #[non_exhaustive]
    Published {
        /// The addresses, with `/p2p/ID`, in order. Empty if the zone no longer names this node.
        addresses: Vec<Multiaddr>,
        /// The addresses that were not published: past the limit, longer than a reader accepts, or
        /// configured and unusable (with another peer's id, or with port 0). Addresses that the
        /// filter removes are not among them.
        left_out: Vec<Multiaddr>,
    },
    /// The publisher deleted records that named this node's addresses under other peer ids. Such
    /// records come from an earlier run of this node with another key, or from a former tenant of
    /// the address.
    ///
    /// If the event comes again and again, another node publishes the same address; see [the
    /// module](super#addresses-that-several-nodes-have).
    #[non_exhaustive]
    Removed {
        /// The addresses of the deleted records, with the other `/p2p/ID`, in order.
        addresses: Vec<Multiaddr>,
    },
    /// The zone could not be read or updated. The publisher tries again forever. Reported for the
    /// first failure of a kind, and again each time the number of failures has doubled.
    #[non_exhaustive]
    Failed {
        /// Why, and what to do.
        error: UpdateError,
        /// How many times in a row the exchange has failed.
        failures: u32,
        /// When the publisher tries again.
        retry_in: Duration,
    },
    /// The records that were published are no longer in the zone, or there never were any: the
    /// publisher has ended its work.
    Withdrawn,
}
