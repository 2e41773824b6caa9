//! The resolver over hickory validates DNSSEC: against signed zones with their own trust anchor, which
//! are good, or have expired, were changed, lost their signatures, or are forged.

mod server;
mod zones;

mod answers;
mod bounds;
mod discovery;
mod failures;
