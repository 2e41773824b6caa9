//! Peer ids that are written as CIDs ([specification of peer ids]).
//!
//! [specification of peer ids]: https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md#string-representation

use libp2p_identity::PeerId;

/// What a CID of version 1 with the codec `libp2p-key` starts with.
const LIBP2P_KEY: &[u8] = &[0x01, 0x72];

/// The peer of a CID in any multibase, such as `bafz…`; `None` if it is anything else.
pub(super) fn peer(text: &str) -> Option<PeerId> {
    // A peer id without a base is written in base58, and starts like this.
    if text.starts_with('1') || text.starts_with("Qm") {
        return None;
    }
    let (_, bytes) = multibase::decode(text).ok()?;
    PeerId::from_bytes(bytes.strip_prefix(LIBP2P_KEY)?).ok()
}
