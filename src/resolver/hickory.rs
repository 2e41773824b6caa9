//! A resolver over `hickory-net`: the system's configuration or given servers, UDP and TCP.

mod ask;
mod asking;
mod config;
#[cfg(feature = "dnssec")]
mod dnssec;
mod edns;
mod error;
mod exchange;
mod followed;
mod hosts;
mod origin;
mod overrides;
mod passed;
mod queue;
mod reply;
#[cfg(all(unix, not(any(target_os = "android", target_vendor = "apple"))))]
mod resolv_conf;
mod resolver;
mod said;
mod servers;
mod silence;
mod transport;
mod troubles;
mod turns;
mod upstream;
#[cfg(feature = "dnssec")]
mod validation;
#[cfg(feature = "dnssec")]
mod validator;
mod walk;
mod wire;

#[cfg(feature = "dnssec")]
#[cfg_attr(docsrs, doc(cfg(feature = "dnssec")))]
pub use self::dnssec::TrustAnchors;
pub use self::{error::ConfigError, resolver::HickoryResolver};
