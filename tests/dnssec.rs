//! The resolver over hickory validates DNSSEC: against signed zones with their own trust anchor, which
//! are good, or have expired, were changed, lost their signatures, or are forged.

#[path = "dnssec/server.rs"]
mod server;
#[path = "dnssec/zones.rs"]
mod zones;

#[path = "dnssec/answers.rs"]
mod answers;
#[path = "dnssec/bounds.rs"]
mod bounds;
#[path = "dnssec/discovery.rs"]
mod discovery;
#[path = "dnssec/failures.rs"]
mod failures;
