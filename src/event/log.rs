//! The log line of an event.

use tracing::{debug, info, warn};

use super::{Event, Failure, Isolation, Status};
use crate::resolver::LookupError;

impl Event {
    /// Writes the line of this event. A change that an operator may have to act on is logged at `warn`, and
    /// any other change at `info`. News of an address at which no peer was verified is logged at `debug`,
    /// because there may be thousands of such addresses.
    pub(crate) fn log(&self) {
        match self {
            Self::Resolved { source, candidates, complete, missing, dropped_total, .. } => {
                let candidates = candidates.len();
                let missing = missing.as_ref().map(tracing::field::display);
                info!(%source, candidates, complete, missing, dropped = dropped_total, "resolved");
            }
            Self::Sampled { source, sampled: true } => info!(%source, "answers are samples"),
            Self::Sampled { source, .. } => info!(%source, "answers name all again"),
            // The first node of a deployment meets this before DNS names the node itself.
            Self::LookupFailed {
                source, error: LookupError::Nothing(nothing), kept: 0, ..
            } => {
                info!(%source, %nothing, "DNS says that there is nothing");
            }
            Self::LookupFailed { source, error, failures, retry_in, kept } => {
                warn!(%source, %error, failures, ?retry_in, kept, "look-up failed");
            }
            Self::MoreRejected { source, more } => {
                warn!(%source, more, "the filter rejects more addresses than are told");
            }
            Self::Bounded { held, cut: 0 } => info!(held, "all candidates are held again"),
            Self::Bounded { held, cut } => warn!(held, cut, "more candidates than are held"),
            Self::Unnamed { addresses } => debug!(addresses = addresses.len(), "named no more"),
            Self::Status { status, listed } => status.log(*listed),
            Self::Isolated(isolation) => isolation.log(),
            _ => self.log_of_peer(),
        }
    }

    /// Writes the line of an event that concerns one address or one peer.
    fn log_of_peer(&self) {
        match self {
            Self::Verified { peer, address, how } => info!(%peer, %address, ?how, "verified"),
            Self::Replaced { address, old, new, gone, .. } => {
                info!(%address, %old, peer = %new, gone, "replaced");
            }
            Self::Departed { peer, address, gone } => info!(%peer, %address, gone, "departed"),
            Self::Gone { peer } => info!(%peer, "gone"),
            Self::Unreachable { address, peer: Some(peer), gone, reason } => {
                info!(%peer, %address, gone, %reason, "unreachable");
            }
            Self::Unreachable { address, reason, .. } => debug!(%address, %reason, "unreachable"),
            Self::Rejected { address, rejection } => debug!(%address, %rejection, "rejected"),
            Self::PinMismatch { address, pinned, obtained } => {
                warn!(%address, %pinned, peer = %obtained, "another peer than the pinned one answers");
            }
            // Without an old peer, there may be thousands of these events: a zone may pin as many addresses.
            Self::Refused { address, peer, old: Some(old), gone } => {
                info!(%peer, %address, %old, gone, "may not join");
            }
            Self::Stranger { address, peer, old: Some(old), gone } => {
                info!(%peer, %address, %old, gone, "does not speak the required protocol");
            }
            Self::Refused { address, peer, .. } => debug!(%peer, %address, "may not join"),
            Self::Stranger { address, peer, .. } => {
                debug!(%peer, %address, "does not speak the required protocol");
            }
            Self::SameKey { address } => warn!(%address, "another node holds our key"),
            Self::SharedAddress { address, .. } => warn!(%address, "identities alternate there"),
            _ => {}
        }
    }
}

impl Status {
    fn log(self, listed: Option<bool>) {
        info!(status = %self, listed, "status");
    }
}

impl Isolation {
    fn log(&self) {
        let (failed, others) = (self.failed, self.others);
        let first = self.reasons.first();
        let address = first.map(|(candidate, _)| tracing::field::display(candidate));
        let reason = first.map(|(_, reason): &(_, Failure)| tracing::field::display(reason));
        warn!(failed, others, address, reason, "isolated: no other node can be reached");
    }
}
